//! The knowledge base, held to what it promises: the state is a pure function of the documents and
//! merge rules, whatever led to it.

mod defects;
mod filter;
mod oracle;
mod pool;
mod replay;
#[path = "../support/runner.rs"]
mod runner;
mod snapshot;
mod vectors;

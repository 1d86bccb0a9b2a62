//! The engine over models and storage that do as they are told: what is left of failures is nothing.

mod costs;
mod defects;
#[expect(dead_code, reason = "every path and a killed task are for the tests of the queue")]
#[path = "../support/executor.rs"]
mod executor;
mod model;
mod replay;
mod retrieval;
#[path = "../support/runner.rs"]
mod runner;
mod slices;
mod snapshot;

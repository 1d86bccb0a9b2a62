//! Concurrent calls, on an executor that decides who goes on when: each thing by itself, and whole
//! histories held against a sequential model.

mod cache;
#[path = "../support/executor.rs"]
mod executor;
mod histories;
mod limits;
mod linearizability;
mod models;
mod queue;
mod small_base;

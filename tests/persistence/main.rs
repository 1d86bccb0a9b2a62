//! The engine over storages that fail, lie and are shared: nobody loses a document.

mod damaged;
#[expect(dead_code, reason = "every path and a killed task are for the tests of the queue")]
#[path = "../support/executor.rs"]
mod executor;
mod faults;
mod migration;
#[expect(dead_code, reason = "faults of the models are for the tests of the engine, but for some")]
#[path = "../engine/model.rs"]
mod model;
mod paid;
mod reembed;
mod storage;
mod tabs;
mod world;

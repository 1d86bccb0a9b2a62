//! What happens between a call and its answer, host-free and deterministic: order, limits,
//! cancellation, caches.
//!
//! | file | what is in it |
//! |---|---|
//! | `schedule.rs` | which write may start next: pure data, no waiting |
//! | `queue.rs` | every call's way through the instance: order, back-pressure, the commit turn, closing |
//! | `signal.rs` | cancellation and deadlines |
//! | `limits.rs` | how many calls a model gets at once and per second, fairly over callers |
//! | `cache.rs` | answers already paid for, and those on their way |
//! | `models.rs` | a model behind its limits and its cache |
//!
//! Everything waits by being polled and is cancelled by being dropped; what was held is free at
//! once. No borrow lives across an await, and no waker is called under one.

mod cache;
mod limits;
mod models;
mod queue;
mod schedule;
mod signal;

pub use cache::{Cache, CacheLimits, CacheStats, Key, Pending, Weigh};
pub use limits::{Acquire, CallGate, Caller, GateLimits, Permit, Semaphore};
pub use models::{CallLimits, LimitedEmbeddingModel, LimitedLanguageModel};
pub use queue::{Commit, Counts, Queue, QueueLimits, QueueStats, Reading, Unit, Writes};
pub use schedule::PASSING;
pub use signal::{Event, Signal, Wait, within};

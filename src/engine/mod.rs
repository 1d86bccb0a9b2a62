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
//! | `instance.rs` | one open knowledge base: stores, models, queue |
//! | `persist.rs` | how it stands in its storage, and how a change reaches both |
//! | `ingest.rs` | documents in: split, read, embed, commit |
//! | `retrieve.rs`, `search.rs`, `fusion.rs` | what bears on a question, in five modes |
//! | `snapshot.rs` | the whole of it as one file |
//! | `answer.rs` | answers with the passages they cite |
//! | `browse.rs` | looking at what is there; removing, merging |
//!
//! Everything waits by being polled and is cancelled by being dropped; what was held is free at
//! once. No borrow lives across an await, and no waker is called under one.

mod answer;
mod browse;
mod cache;
mod fusion;
mod ingest;
mod instance;
mod limits;
mod models;
mod persist;
mod queue;
mod retrieve;
mod schedule;
mod search;
mod signal;
mod snapshot;
mod storage;
mod version;

pub use answer::{Answer, QueryOptions, Reference, StreamPart, Timings};
pub use browse::{
    DocumentInfo, EdgeView, EntityInfo, GraphOptions, GraphView, MentionInfo, NodeView,
    RelationshipInfo,
};
pub use cache::{Cache, CacheLimits, CacheStats, Key, Pending, Weigh};
pub use fusion::fuse;
pub use ingest::{DocumentInput, Failure, IngestProgress, IngestReport, Stage};
pub use instance::{Caches, Embedder, Engine, Notice, Options, Ports, Splitter, Stats};
pub use limits::{Acquire, CallGate, Caller, GateLimits, Permit, Semaphore};
pub use models::{CallLimits, LimitedEmbeddingModel, LimitedLanguageModel};
pub use queue::{Commit, Counts, Queue, QueueLimits, QueueStats, Reading, Unit, Writes};
pub use retrieve::{
    Found, FoundEntity, FoundExcerpt, FoundRelationship, RetrieveOptions, Retrieved,
};
pub use schedule::PASSING;
pub use signal::{Event, Signal, Wait, within};

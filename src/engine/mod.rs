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
//! | `usage.rs` | what calls of models cost, and budgets |
//! | `instance.rs` | one open knowledge base: stores, models, queue |
//! | `schema.rs` | what is stored: tables, keys, small records |
//! | `persist.rs` | how a change reaches the storage and the knowledge base |
//! | `load.rs` | how an instance comes to hold what its storage holds, and follows it |
//! | `paid.rs` | answers of models that outlive a failed ingest |
//! | `repair.rs`, `reembed.rs` | damaged records; another embedding model |
//! | `ingest.rs`, `estimate.rs` | documents in: split, read, embed, commit; what that would cost |
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
mod estimate;
mod fusion;
mod ingest;
mod instance;
mod known;
mod limits;
mod load;
mod models;
mod paid;
mod persist;
mod queue;
mod reembed;
mod repair;
mod retrieve;
mod schedule;
mod schema;
mod search;
mod signal;
mod snapshot;
mod storage;
mod usage;
mod version;

pub use answer::{Answer, AnswerPrompt, QueryOptions, Reference, StreamPart, Timings};
pub use browse::{
    DocumentInfo, EdgeView, EntityInfo, GraphOptions, GraphView, MentionInfo, NodeView,
    RelationshipInfo,
};
pub use cache::{Cache, CacheLimits, CacheStats, Key, Pending, Weigh};
pub use estimate::Estimate;
pub use fusion::fuse;
pub use ingest::{DocumentInput, Failure, IngestProgress, IngestReport, Stage};
pub use instance::{Caches, Embedder, Engine, Notice, Options, Ports, Splitter, Stats};
pub use limits::{Acquire, CallGate, Caller, GateLimits, Permit, Semaphore};
pub use load::{OpenProgress, Opening};
pub use models::{CallLimits, LimitedEmbeddingModel, LimitedLanguageModel};
pub use queue::{Commit, Counts, Queue, QueueLimits, QueueStats, Reading, Unit, Writes};
pub use repair::RepairReport;
pub use retrieve::{
    Found, FoundEntity, FoundExcerpt, FoundRelationship, Rerank, RetrieveOptions, Retrieved,
    Weights,
};
pub use schedule::PASSING;
pub use schema::Damage;
pub use signal::{Event, Signal, Wait, within};
pub use usage::{Budget, Usage};

//! What differs between hosts, as traits: models, readers, storage, time. The core knows nothing else of
//! the outside and is tested with its own implementations of these.
//!
//! Every future here is cancelled by being dropped. An implementation that has started something
//! outside (a fetch, a timer) stops it then.

mod clock;
mod model;
mod reader;
mod storage;

pub use clock::{Clock, Pacer};
pub use model::{
    Completion, Embedded, EmbeddingModel, JsonForm, LanguageModel, RerankRequest, Reranker, Said,
    System, TokenCounter, Tokens, Vectors,
};
pub use reader::{
    AnswerPart, AnswerRequest, Context, ContextEntity, ContextExcerpt, ContextRelationship,
    DocumentText, ExcerptReading, ExcerptText, Keywords, Mode, NOTHING_FOUND, Progress, ReadEntity,
    ReadRelationship, Reader, Reading, Role, Turn,
};
pub use storage::{Changes, Epoch, Row, Storage, Table};

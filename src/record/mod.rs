//! Plain data that every other module speaks of: documents, excerpts, mentions, ids and errors.
//!
//! Nothing here knows a store, a model, a host or time.

pub mod codec;
mod contribution;
mod error;
mod id;
mod metadata;
mod vector;

pub use contribution::{
    Contribution, EntityMention, Excerpt, Position, RelationshipMention, Weight, heading_path,
};
pub use error::{Code, Details, Error, Result};
pub(crate) use id::md5;
pub use id::{document_id, entity_id, excerpt_id, relationship_id, revision};
pub use metadata::{Filter, Metadata, MetadataValue};
pub use vector::{UnitVector, WeakUnitVector};

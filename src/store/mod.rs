//! The knowledge base: a pure, incremental fold over the contributions of its documents.
//!
//! | file | what is in it |
//! |---|---|
//! | `knowledge_base` | documents, excerpts, entities and relationships; changes and queries |
//! | `graph` | the network of entities, on petgraph |
//! | `mentions`, `first_seen` | what the mentions of one thing add up to |
//! | `names`, `merge` | which names are one entity |
//! | `vectors` | nearest neighbours |
//! | `lexical`, `postings`, `variants` | BM25 |
//! | `top` | the best k of many |
//! | `ids` | small numbers by texts |
//!
//! Everything here is synchronous and knows no host, no model and no time. A change is prepared first,
//! which may fail, and then applied, which cannot. No result depends on the order in which documents
//! came, on a slot or on a hash: the order of everything is (source, position), and ties go by id.

mod first_seen;
mod graph;
mod ids;
mod knowledge_base;
mod lexical;
mod mentions;
mod merge;
mod names;
mod postings;
mod rows;
mod top;
mod variants;
mod vectors;
mod word_ids;

pub use graph::Graph;
pub use knowledge_base::{
    Applying, Change, Checked, Checking, Counts, DocumentRef, EntityRef, EntityView, ExcerptRef,
    Hit, KindStatistics, KnowledgeBase, KnowledgeBaseOptions, PlaceRef, Query, RelationshipRef,
    RelationshipView, UNKNOWN,
};
pub(crate) use knowledge_base::{Kind, Tokens};
pub use lexical::{Field, LexicalIndex, Statistics};
pub use merge::MergeRules;
pub use names::entity_key;
pub use top::Match;
pub(crate) use top::{Admit, TopK, settle_ties};
pub use variants::Matching;
pub use vectors::{CompactIndex, VectorIndex};

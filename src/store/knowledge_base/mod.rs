//! Documents, excerpts, entities and relationships: what changes them and what can be asked of them.

mod apply;
mod canonical;
mod change;
mod document;
mod excerpts;
mod indices;
mod network;
mod search;
mod view;

use std::rc::Rc;

use serde::Serialize;
use slab::Slab;

pub use self::{
    apply::Applying,
    change::{Change, Checked, Checking},
    indices::Query,
    search::KindStatistics,
    view::{
        DocumentRef, EntityRef, EntityView, ExcerptRef, Hit, PlaceRef, RelationshipRef,
        RelationshipView, UNKNOWN,
    },
};
use self::{
    document::{Document, KeywordPlace},
    excerpts::Excerpts,
    network::Network,
};
pub(crate) use self::{network::Tokens, search::Kind};
use super::{MergeRules, mentions::Mentions};
use crate::{
    order::OrderedMap,
    record::{Contribution, Result},
};

/// What a knowledge base is made with.
#[derive(Clone, Copy, Debug)]
pub struct KnowledgeBaseOptions {
    /// Components of every vector.
    pub dimensions: usize,
    /// Whether names of one form are one entity, see [`MergeRules::new`].
    pub resolve_entities: bool,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Documents.
    pub documents: usize,
    /// Distinct excerpts.
    pub excerpts: usize,
    /// Entities, those included that only relationships name.
    pub entities: usize,
    /// Pairs of entities that are related.
    pub relationships: usize,
    /// Vectors that can be found.
    pub vectors: usize,
}

/// Everything that is known: a pure function of the documents that are in it and the merge rules in
/// force, kept up to date at the cost of what changes.
///
/// Whatever was put, replaced, removed, merged and unmerged, and in which order: the state is that of a
/// fresh knowledge base with the same documents and rules, bit for bit
/// ([`KnowledgeBase::canonical_bytes`]). `tests/store/replay.rs` holds it to that.
pub struct KnowledgeBase {
    dimensions: usize,
    /// By source, which is their order.
    documents: OrderedMap<Rc<str>, Rc<Document>>,
    /// The documents' slots.
    slots: Slab<()>,
    excerpts: Excerpts,
    network: Network,
    keywords: Mentions<KeywordPlace>,
    /// What the documents hold.
    held: usize,
}

impl KnowledgeBase {
    /// An empty knowledge base.
    pub fn new(options: KnowledgeBaseOptions) -> Self {
        let KnowledgeBaseOptions { dimensions, resolve_entities } = options;
        let stems = Rc::default();
        KnowledgeBase {
            dimensions,
            documents: OrderedMap::new(),
            slots: Slab::new(),
            excerpts: Excerpts::new(dimensions, &stems),
            network: Network::new(dimensions, MergeRules::new(resolve_entities), &stems),
            keywords: Mentions::new(),
            held: 0,
        }
    }

    /// What it was made with.
    pub fn options(&self) -> KnowledgeBaseOptions {
        KnowledgeBaseOptions {
            dimensions: self.dimensions,
            resolve_entities: self.rules().resolves(),
        }
    }

    /// Components of every vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The merge rules in force. To change them, change a copy and apply it as [`Change::Rules`].
    pub fn rules(&self) -> &MergeRules {
        &self.network.rules
    }

    /// Prepares a document to be put in, or says why it cannot be. Changes nothing.
    pub fn check(&self, contribution: Rc<Contribution>) -> Result<Change> {
        Ok(Change::Put(Checked::new(contribution, self.options())?))
    }

    /// Makes a change, whole. It cannot fail, and costs in proportion to the document that comes or
    /// goes; merge rules cost in proportion to what they make one or part, and a look at every name.
    ///
    /// # Panics
    /// If the change was made for a knowledge base with other options.
    pub fn apply(&mut self, change: Change) {
        let mut applying = self.begin(change);
        while self.step(&mut applying) {}
    }
}

//! Documents, excerpts, entities and relationships: what changes them and what can be asked of them.

mod canonical;
mod change;
mod document;
mod excerpts;
mod indices;
mod network;
mod search;
mod view;

use std::{mem, rc::Rc};

use serde::Serialize;
use slab::Slab;

pub use self::{
    change::{Change, Checked},
    indices::Query,
    view::{
        DocumentRef, EntityRef, EntityView, ExcerptRef, Hit, PlaceRef, RelationshipRef,
        RelationshipView, UNKNOWN,
    },
};
use self::{
    document::{Document, ExcerptPlace, KeywordPlace, Place},
    excerpts::Excerpts,
    network::Network,
};
use super::{MergeRules, first_seen::FirstSeen};
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
    keywords: FirstSeen<KeywordPlace>,
}

impl KnowledgeBase {
    /// An empty knowledge base.
    pub fn new(options: KnowledgeBaseOptions) -> Self {
        let KnowledgeBaseOptions { dimensions, resolve_entities } = options;
        KnowledgeBase {
            dimensions,
            documents: OrderedMap::new(),
            slots: Slab::new(),
            excerpts: Excerpts::new(dimensions),
            network: Network::new(dimensions, MergeRules::new(resolve_entities)),
            keywords: FirstSeen::new(),
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
        Ok(Change::Put(Checked::new(contribution, self.dimensions)?))
    }

    /// Makes a change, whole. It cannot fail, and costs in proportion to the document that comes or
    /// goes; merge rules cost in proportion to what they make one or part, and a look at every name.
    ///
    /// # Panics
    /// If the change was made for a knowledge base with other options.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Put(checked) => self.put(checked.into_inner()),
            Change::Remove(source) => self.take_out(&source),
            Change::Rules(rules) => self.set_rules(rules),
        }
        // Only now, so that what leaves with a document's old version and comes with the new one is
        // neither forgotten nor made again.
        self.excerpts.refresh();
        self.network.refresh();
    }

    fn put(&mut self, contribution: Rc<Contribution>) {
        self.take_out(&contribution.source);
        let slot = self.slots.insert(());
        let document = Rc::new(Document::new(slot, contribution, &self.network.rules));
        self.documents.insert(document.contribution.source.clone(), document.clone());
        for place in places(&document, document.contribution.excerpts.len()) {
            self.excerpts.add(ExcerptPlace(place));
        }
        for place in places(&document, document.contribution.entities.len()) {
            self.network.add_entity(place);
        }
        for place in places(&document, document.contribution.relationships.len()) {
            self.network.add_relationship(place);
        }
        for (place, keyword) in keywords(&document) {
            self.keywords.insert(place, keyword);
        }
    }

    fn take_out(&mut self, source: &str) {
        let Some(document) = self.documents.remove(source) else { return };
        for place in places(&document, document.contribution.excerpts.len()) {
            self.excerpts.remove(&ExcerptPlace(place));
        }
        for place in places(&document, document.contribution.entities.len()) {
            self.network.remove_entity(place);
        }
        for place in places(&document, document.contribution.relationships.len()) {
            self.network.remove_relationship(place);
        }
        for (place, keyword) in keywords(&document) {
            self.keywords.remove(place, keyword);
        }
        self.slots.remove(document.slot);
    }

    /// Takes out the mentions of every name that comes to belong to another entity, and puts them in
    /// again under the new rules.
    fn set_rules(&mut self, rules: MergeRules) {
        assert_eq!(rules.resolves(), self.rules().resolves(), "rules of another knowledge base");
        let (mut entities, mut relationships) = (vec![], vec![]);
        let moves = |name: &str| self.network.rules.key(name) != rules.key(name);
        for document in self.documents.values() {
            let Contribution { entities: all, relationships: related, .. } =
                &*document.contribution;
            let moved = all.iter().map(|mention| moves(&mention.name));
            entities.extend(selected(document, moved));
            let moved = related.iter().map(|m| moves(&m.source) || moves(&m.target));
            relationships.extend(selected(document, moved));
        }
        entities.iter().for_each(|place| self.network.remove_entity(place.clone()));
        relationships.iter().for_each(|place| self.network.remove_relationship(place.clone()));
        let old = mem::replace(&mut self.network.rules, rules);
        entities.into_iter().for_each(|place| self.network.add_entity(place));
        relationships.into_iter().for_each(|place| self.network.add_relationship(place));
        for key in self.network.rules.renamed(&old) {
            self.network.touch(&key);
        }
    }
}

fn places(document: &Rc<Document>, count: usize) -> impl Iterator<Item = Place> {
    (0..count as u32).map(|index| Place { document: document.clone(), index })
}

fn selected(
    document: &Rc<Document>,
    which: impl ExactSizeIterator<Item = bool>,
) -> impl Iterator<Item = Place> {
    places(document, which.len()).zip(which).filter(|(_, chosen)| *chosen).map(|(place, _)| place)
}

fn keywords(document: &Rc<Document>) -> impl Iterator<Item = (KeywordPlace, &Rc<str>)> {
    let keywords = &document.contribution.keywords;
    places(document, keywords.len()).map(KeywordPlace).zip(keywords)
}

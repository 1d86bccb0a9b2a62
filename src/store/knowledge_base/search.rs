//! The questions that can be asked of the knowledge base.

use std::{cmp::Ordering, rc::Rc};

use petgraph::stable_graph::{EdgeIndex, NodeIndex};
use serde::Serialize;
use smolrag_kernels::native::dot;

use super::{
    Counts, DocumentRef, EntityRef, ExcerptRef, Hit, KnowledgeBase, Query, RelationshipRef,
    document::{Admitted, KeywordPlace},
};
use crate::{
    record::{Filter, UnitVector},
    store::{Match, Statistics},
};

/// What BM25 needs to know, of each kind of thing that is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindStatistics {
    /// Of excerpts.
    pub excerpts: Statistics,
    /// Of entities.
    pub entities: Statistics,
    /// Of relationships.
    pub relationships: Statistics,
}

/// What is searched.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Excerpts,
    Entities,
    Relationships,
}

impl KnowledgeBase {
    /// All documents, by source.
    pub fn documents(&self) -> impl ExactSizeIterator<Item = DocumentRef<'_>> + Clone {
        self.documents.values().map(|document| DocumentRef(document))
    }

    /// The document with this source.
    pub fn document(&self, source: &str) -> Option<DocumentRef<'_>> {
        self.documents.get(source).map(|document| DocumentRef(document))
    }

    /// The keywords of the documents' content, each once, as a reader of all documents meets them.
    pub fn content_keywords(&self) -> impl Iterator<Item = &Rc<str>> {
        self.keywords.distinct(KeywordPlace::KEYWORD, usize::MAX).into_iter()
    }

    /// The excerpt with this id, at its home.
    pub fn excerpt(&self, id: &str) -> Option<ExcerptRef<'_>> {
        let slot = self.excerpts.slot(id)?;
        self.excerpt_at(slot, &self.admitted(&Filter::default()))
    }

    /// The excerpt in a slot, seen at its home.
    pub fn excerpt_in(&self, slot: u32) -> Option<ExcerptRef<'_>> {
        self.excerpt_at(slot, &self.admitted(&Filter::default()))
    }

    /// The entity in a slot.
    pub fn entity_in(&self, slot: u32) -> EntityRef<'_> {
        self.entity_at(NodeIndex::new(slot as usize))
    }

    /// The relationship in a slot.
    pub fn relationship_in(&self, slot: u32) -> RelationshipRef<'_> {
        self.relationship_at(EdgeIndex::new(slot as usize))
    }

    /// The id of the excerpt in a slot.
    pub(crate) fn excerpt_id(&self, slot: u32) -> &str {
        &self.excerpts.entry(slot).id
    }

    /// A number that is in the order of excerpts by their ids, or equal.
    pub(crate) fn excerpt_beginning(&self, slot: u32) -> u64 {
        self.excerpts.entry(slot).beginning
    }

    /// The order of the excerpts in two slots, by their ids.
    pub fn order_excerpts(&self, one: u32, other: u32) -> Ordering {
        self.excerpts.order(one, other)
    }

    /// The order of the entities in two slots, by their keys.
    pub fn order_entities(&self, one: u32, other: u32) -> Ordering {
        self.network.order_entities(one, other)
    }

    /// The order of the relationships in two slots, by the keys of their ends.
    pub fn order_relationships(&self, one: u32, other: u32) -> Ordering {
        self.network.order_relationships(one, other)
    }

    /// The entity that a name belongs to, in whatever form it is written.
    pub fn entity(&self, name: &str) -> Option<EntityRef<'_>> {
        let node = self.network.graph.node(&self.network.rules.key(name))?;
        Some(self.entity_at(node))
    }

    /// All entities, by key.
    pub fn entities(&self) -> impl Iterator<Item = EntityRef<'_>> {
        self.network.graph.nodes().into_iter().map(|node| self.entity_at(node))
    }

    /// The relationship between two entities, whichever way round.
    pub fn relationship(&self, one: &str, other: &str) -> Option<RelationshipRef<'_>> {
        let (one, other) = (self.entity(one)?, self.entity(other)?);
        let edge = self.network.graph.edge(one.node, other.node)?;
        Some(self.relationship_at(edge))
    }

    /// All relationships, by the keys of their ends.
    pub fn relationships(&self) -> impl Iterator<Item = RelationshipRef<'_>> {
        self.network.graph.edges().into_iter().map(|edge| self.relationship_at(edge))
    }

    /// The `k` best excerpts, ties by id. An excerpt may be found if one of its documents matches the
    /// filter, and is seen there.
    ///
    /// # Panics
    /// Like the other searches, if a query vector has other dimensions than the knowledge base.
    pub fn search_excerpts(
        &self,
        query: Query<'_>,
        k: usize,
        filter: &Filter,
    ) -> Vec<Hit<ExcerptRef<'_>>> {
        let admitted = self.admitted(filter);
        let found = self.excerpts.search(&[query], k, &admitted).remove(0);
        found
            .into_iter()
            .filter_map(|found| {
                let item = self.excerpt_at(found.slot, &admitted)?;
                Some(Hit { item, score: found.score })
            })
            .collect()
    }

    /// The `k` best entities, ties by key. An entity may be found if a document that matches the filter
    /// mentions it. By vector, only entities that are described are found.
    pub fn search_entities(
        &self,
        query: Query<'_>,
        k: usize,
        filter: &Filter,
    ) -> Vec<Hit<EntityRef<'_>>> {
        let found = self.find(Kind::Entities, &[query], k, filter).remove(0).into_iter();
        found.map(|found| Hit { item: self.entity_in(found.slot), score: found.score }).collect()
    }

    /// The `k` best relationships, ties by the keys of their ends. A relationship may be found if a
    /// document that matches the filter mentions it.
    pub fn search_relationships(
        &self,
        query: Query<'_>,
        k: usize,
        filter: &Filter,
    ) -> Vec<Hit<RelationshipRef<'_>>> {
        let found = self.find(Kind::Relationships, &[query], k, filter).remove(0).into_iter();
        found
            .map(|found| Hit { item: self.relationship_in(found.slot), score: found.score })
            .collect()
    }

    /// The slots of the `k` best things of a kind by each of several queries, as the search for that kind finds
    /// them.
    pub(crate) fn find(
        &self,
        kind: Kind,
        queries: &[Query<'_>],
        k: usize,
        filter: &Filter,
    ) -> Vec<Vec<Match>> {
        let Self { excerpts, network, .. } = self;
        let admitted = self.admitted(filter);
        match kind {
            Kind::Excerpts => excerpts.search(queries, k, &admitted),
            Kind::Entities => network.search_entities(queries, k, &admitted),
            Kind::Relationships => network.search_relationships(queries, k, &admitted),
        }
    }

    /// The `k` best of the excerpts in these slots, each named once, by each of several queries.
    pub(crate) fn find_among(
        &self,
        slots: &[u32],
        queries: &[Query<'_>],
        k: usize,
    ) -> Vec<Vec<Match>> {
        self.excerpts.search_among(slots, queries, k)
    }

    /// What lexical searches for these texts go by.
    pub fn statistics<S: AsRef<str>>(&self, queries: &[S]) -> KindStatistics {
        let Self { excerpts, network, .. } = self;
        KindStatistics {
            excerpts: excerpts.indices.lexical.statistics(queries),
            entities: network.entities.lexical.statistics(queries),
            relationships: network.relationships.lexical.statistics(queries),
        }
    }

    /// Lets lexical searches go by the statistics of a whole that these documents are a part of.
    pub fn assume(&mut self, statistics: KindStatistics) {
        self.excerpts.indices.lexical.assume(statistics.excerpts);
        self.network.entities.lexical.assume(statistics.entities);
        self.network.relationships.lexical.assume(statistics.relationships);
    }

    /// The entities with the most relationships, ties by key.
    pub fn most_connected(&self, limit: usize) -> Vec<EntityRef<'_>> {
        self.entities_at(self.network.graph.most_connected(limit))
    }

    /// At most `limit` entities: those named, then step by step those related to them, up to `depth`
    /// steps; within a step the most connected first, ties by key. Unknown names are passed over.
    pub fn around<S: AsRef<str>>(
        &self,
        names: &[S],
        depth: usize,
        limit: usize,
    ) -> Vec<EntityRef<'_>> {
        let starts = names.iter().filter_map(|name| Some(self.entity(name.as_ref())?.node));
        let starts: Vec<NodeIndex> = starts.collect();
        self.entities_at(self.network.graph.around(&starts, depth, limit))
    }

    /// The relationships that have both ends among the entities, by the keys of their ends.
    pub fn relationships_among(&self, entities: &[EntityRef<'_>]) -> Vec<RelationshipRef<'_>> {
        let nodes: Vec<NodeIndex> = entities.iter().map(|entity| entity.node).collect();
        let edges = self.network.graph.edges_among(&nodes).into_iter();
        edges.map(|edge| self.relationship_at(edge)).collect()
    }

    /// The entities along the shortest way from one to another, both included; among equally short
    /// ones the first by keys. `None` if nothing joins them or one is unknown.
    pub fn shortest_path(&self, from: &str, to: &str) -> Option<Vec<EntityRef<'_>>> {
        let (from, to) = (self.entity(from)?, self.entity(to)?);
        let path = self.network.graph.shortest_path(from.node, to.node)?;
        Some(self.entities_at(path))
    }

    /// The groups of entities that relationships join, the largest first, ties by first key.
    pub fn components(&self) -> Vec<Vec<EntityRef<'_>>> {
        let groups = self.network.graph.components().into_iter();
        groups.map(|nodes| self.entities_at(nodes)).collect()
    }

    /// The cosine of the vectors of the excerpts in two slots; 0 without vectors.
    pub fn similarity(&self, one: u32, other: u32) -> f64 {
        let vector = |slot: u32| self.excerpts.indices.vectors.get(slot);
        let (Some(one), Some(other)) = (vector(one), vector(other)) else { return 0.0 };
        let unit = f64::from(UnitVector::ONE);
        f64::from(dot(one, other)) / (unit * unit)
    }

    /// Whether a search by vector for so many of the best excerpts, entities and relationships looks
    /// closely at some only.
    pub fn is_approximate(&self, k: [usize; 3]) -> [bool; 3] {
        let Self { excerpts, network, .. } = self;
        let indices = [&excerpts.indices, &network.entities, &network.relationships];
        [0, 1, 2].map(|kind| indices[kind].vectors.is_approximate(k[kind]))
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let Self { documents, excerpts, network, .. } = self;
        let indices = [&excerpts.indices, &network.entities, &network.relationships];
        Counts {
            documents: documents.len(),
            excerpts: excerpts.len(),
            entities: network.graph.node_count(),
            relationships: network.graph.edge_count(),
            vectors: indices.iter().map(|indices| indices.vectors.len()).sum(),
        }
    }

    /// An estimate of the bytes of memory held, contributions included. Goes through every term, and
    /// nothing else.
    pub fn bytes(&self) -> usize {
        self.held + self.excerpts.bytes() + self.network.bytes() + self.keywords.bytes()
    }

    fn admitted(&self, filter: &Filter) -> Admitted {
        Admitted::new(filter, self.documents.values())
    }

    fn excerpt_at(&self, slot: u32, admitted: &Admitted) -> Option<ExcerptRef<'_>> {
        let entry = self.excerpts.entry(slot);
        let place = entry.places.iter().find(|place| admitted.admits(&place.0))?;
        Some(ExcerptRef { slot, entry, place })
    }

    fn entity_at(&self, node: NodeIndex) -> EntityRef<'_> {
        EntityRef { network: &self.network, node }
    }

    fn relationship_at(&self, edge: EdgeIndex) -> RelationshipRef<'_> {
        RelationshipRef { network: &self.network, edge }
    }

    fn entities_at(&self, nodes: Vec<NodeIndex>) -> Vec<EntityRef<'_>> {
        nodes.into_iter().map(|node| self.entity_at(node)).collect()
    }
}

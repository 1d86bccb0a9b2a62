//! What the knowledge base shows of what is in it. Nothing here is a copy; it is valid until the next
//! change.

use std::{borrow::Cow, cmp::Ordering, rc::Rc};

use petgraph::stable_graph::{EdgeIndex, NodeIndex};

use super::{
    document::{Document, EndPlace, EntityPlace, ExcerptPlace, Place, RelationshipPlace},
    excerpts::Entry,
    network::{DESCRIPTIONS, Entity, Indexed, KEYWORD_SETS, Network, Tokens},
};
use crate::{
    order::sort_by_key,
    record::{Contribution, Excerpt, Filter, Weight},
    store::mentions::Mentions,
};

/// The category of an entity that no document gives one.
pub const UNKNOWN: &str = "UNKNOWN";

/// Something found, with its score: a cosine, or a BM25 score that compares within its search only.
#[derive(Clone, Copy, Debug)]
pub struct Hit<T> {
    /// What was found.
    pub item: T,
    /// The higher the better.
    pub score: f32,
}

/// A document.
#[derive(Clone, Copy)]
pub struct DocumentRef<'a>(pub(super) &'a Document);

impl<'a> DocumentRef<'a> {
    /// Everything that it adds: source, revision, metadata, excerpts, mentions.
    pub fn contribution(self) -> &'a Rc<Contribution> {
        &self.0.contribution
    }

    /// How many entities it describes. Merges that the user made are not counted as one.
    pub fn entities(self) -> usize {
        self.0.entities
    }

    /// How many pairs of entities it relates. Merges that the user made are not counted as one.
    pub fn relationships(self) -> usize {
        self.0.relationships
    }
}

/// A place in a document that something was read at.
#[derive(Clone, Copy)]
pub struct PlaceRef<'a> {
    document: &'a Document,
    /// Index of the excerpt in [`Contribution::excerpts`].
    index: usize,
}

impl<'a> PlaceRef<'a> {
    fn of_excerpt(place: &'a Place) -> Self {
        PlaceRef { document: &place.document, index: place.index() }
    }

    /// The document.
    pub fn document(self) -> DocumentRef<'a> {
        DocumentRef(self.document)
    }

    /// The document's source.
    pub fn source(self) -> &'a Rc<str> {
        &self.document.contribution.source
    }

    /// The index of the excerpt in the document.
    pub fn index(self) -> usize {
        self.index
    }

    /// The slot of the excerpt, see [`ExcerptRef::slot`].
    pub fn slot(self) -> u32 {
        self.document.excerpt_slot(self.index)
    }

    /// The excerpt as it stands there.
    pub fn excerpt(self) -> &'a Excerpt {
        &self.document.contribution.excerpts[self.index]
    }
}

/// An excerpt, seen at one of the places that it stands at.
#[derive(Clone, Copy)]
pub struct ExcerptRef<'a> {
    pub(super) slot: u32,
    pub(super) entry: &'a Entry,
    pub(super) place: &'a ExcerptPlace,
}

impl<'a> ExcerptRef<'a> {
    /// A small number for it, until the next change; by [`KnowledgeBase::excerpt_in`] it is found again.
    pub fn slot(self) -> u32 {
        self.slot
    }

    /// Its id.
    pub fn id(self) -> &'a Rc<str> {
        &self.entry.id
    }

    /// The first place that it stands at; under a filter, the first in a document that matches.
    pub fn place(self) -> PlaceRef<'a> {
        PlaceRef::of_excerpt(&self.place.0)
    }

    /// Every place that it stands at, by source and position.
    pub fn places(self) -> impl Iterator<Item = PlaceRef<'a>> {
        self.entry.places.iter().map(|place| PlaceRef::of_excerpt(&place.0))
    }
}

/// An entity.
#[derive(Clone, Copy)]
pub struct EntityRef<'a> {
    pub(super) network: &'a Network,
    pub(super) node: NodeIndex,
}

impl<'a> EntityRef<'a> {
    /// A small number for it, until the next change; by [`KnowledgeBase::entity_in`] it is found again.
    pub fn slot(self) -> u32 {
        self.node.index() as u32
    }

    /// What its names have in common, and what it is known and ordered by.
    pub fn key(self) -> &'a Rc<str> {
        self.network.graph.key(self.node)
    }

    /// What it is called: by the rule that merged names into it, else by its most frequent name.
    pub fn name(self) -> &'a Rc<str> {
        self.indexed().name()
    }

    fn indexed(self) -> &'a Indexed {
        &self.network.graph.weight(self.node).indexed
    }

    /// All that it is shown by.
    pub(crate) fn texts(self) -> &'a [Rc<str>] {
        self.indexed().texts()
    }

    /// What it costs to show it: counted when that is first asked, and again after it has changed.
    pub(crate) fn tokens(self, count: impl FnOnce() -> Tokens) -> Tokens {
        self.network.graph.weight(self.node).tokens(count)
    }

    /// Its most frequent category, or [`UNKNOWN`].
    pub fn category(self) -> &'a str {
        self.network.graph.weight(self.node).category.as_deref().unwrap_or(UNKNOWN)
    }

    /// Its categories, the most frequent first.
    pub fn categories(self) -> Vec<&'a Rc<str>> {
        self.network.graph.weight(self.node).mentions.ranked(EntityPlace::CATEGORY)
    }

    /// The names that its mentions give it, the most frequent first.
    pub fn names(self) -> Vec<&'a Rc<str>> {
        self.network.graph.weight(self.node).mentions.ranked(EntityPlace::NAME)
    }

    /// Its first ten distinct descriptions.
    pub fn descriptions(self) -> Vec<&'a Rc<str>> {
        self.indexed().descriptions().iter().collect()
    }

    /// Whether some document describes it; else only relationships name it.
    pub fn is_described(self) -> bool {
        !self.network.graph.weight(self.node).mentions.is_empty()
    }

    /// Where it is described, by source and position; where relationships name it, if nowhere.
    pub fn places(self) -> impl Iterator<Item = PlaceRef<'a>> {
        let entity = self.network.graph.weight(self.node);
        let described = entity.mentions.iter().map(|mention| PlaceRef {
            document: &mention.0.document,
            index: mention.0.document.entity_excerpt(mention.0.index()),
        });
        let named = (!self.is_described()).then(|| entity.ends.iter()).into_iter().flatten();
        described.chain(named.map(|end| PlaceRef {
            document: &end.0.document,
            index: end.0.document.relationship_excerpt(end.0.index()),
        }))
    }

    /// The slots of the excerpts at its places.
    pub(crate) fn excerpts(self) -> &'a [u32] {
        self.indexed().excerpts(|| self.places().map(PlaceRef::slot).collect())
    }

    /// How many relationships it has.
    pub fn degree(self) -> usize {
        self.network.graph.degree(self.node)
    }

    /// It without the documents that the filter leaves out.
    pub fn view(self, filter: &Filter) -> EntityView<'a> {
        let known =
            |category: Option<&Rc<str>>| category.cloned().unwrap_or_else(|| UNKNOWN.into());
        if filter.is_empty() {
            return EntityView {
                name: self.name().clone(),
                category: known(self.network.graph.weight(self.node).category.as_ref()),
                descriptions: self.indexed().descriptions().into(),
                degree: self.degree(),
            };
        }
        let (mentions, ends) = self.left_by(filter);
        EntityView {
            name: self.network.name_by(self.node, &mentions, &ends).clone(),
            category: known(mentions.most_frequent(EntityPlace::CATEGORY)),
            descriptions: owned(mentions.distinct(EntityPlace::DESCRIPTION, DESCRIPTIONS)),
            degree: self.degree_under(filter),
        }
    }

    /// Its mentions in documents that match.
    fn left_by(self, filter: &Filter) -> (Mentions<EntityPlace>, Mentions<EndPlace>) {
        let Entity { mentions, ends, .. } = self.network.graph.weight(self.node);
        let mentions = mentions.only(|mention| matches(filter, &mention.0));
        (mentions, ends.only(|end| matches(filter, &end.0)))
    }

    /// The name of its view: a relationship needs no more of its ends.
    fn name_under(self, filter: &Filter) -> Rc<str> {
        let (mentions, ends) = self.left_by(filter);
        self.network.name_by(self.node, &mentions, &ends).clone()
    }

    fn degree_under(self, filter: &Filter) -> usize {
        if filter.is_empty() {
            return self.degree();
        }
        let edges = self.network.graph.edges_of(self.node).into_iter();
        let left = edges.filter(|edge| {
            let mentions = &self.network.graph.edge_weight(*edge).mentions;
            mentions.iter().any(|mention| matches(filter, &mention.0))
        });
        left.count()
    }

    /// Its relationships, the heaviest first, ties by the other entity's key.
    pub fn relationships(self) -> Vec<RelationshipRef<'a>> {
        let network = self.network;
        let edges = network.graph.edges_of(self.node).into_iter();
        let mut found: Vec<_> = edges.map(|edge| RelationshipRef { network, edge }).collect();
        sort_by_key(&mut found, |relationship| std::cmp::Reverse(relationship.thousandths()));
        found
    }

    /// Its relationships and the entities at their other ends, in no order.
    pub fn related(self) -> impl Iterator<Item = (EntityRef<'a>, RelationshipRef<'a>)> {
        let network = self.network;
        let edges = network.graph.each_edge_of(self.node);
        edges.map(move |(node, edge)| {
            (EntityRef { network, node }, RelationshipRef { network, edge })
        })
    }
}

/// An entity as it is without the documents that a filter leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityView<'a> {
    /// As [`EntityRef::name`].
    pub name: Rc<str>,
    /// As [`EntityRef::category`].
    pub category: Rc<str>,
    /// As [`EntityRef::descriptions`].
    pub descriptions: Cow<'a, [Rc<str>]>,
    /// As [`EntityRef::degree`].
    pub degree: usize,
}

/// A relationship as it is without the documents that a filter leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipView<'a> {
    /// The names of its ends, as [`RelationshipRef::ends`].
    pub ends: [Rc<str>; 2],
    /// As [`RelationshipRef::weight`].
    pub weight: f64,
    /// As [`RelationshipRef::descriptions`].
    pub descriptions: Cow<'a, [Rc<str>]>,
    /// As [`RelationshipRef::keywords`].
    pub keywords: Cow<'a, [Rc<str>]>,
    /// As [`RelationshipRef::degree`].
    pub degree: usize,
}

fn matches(filter: &Filter, place: &Place) -> bool {
    filter.matches(&place.document.contribution.metadata)
}

fn owned<'a>(texts: Vec<&Rc<str>>) -> Cow<'a, [Rc<str>]> {
    texts.into_iter().cloned().collect()
}

/// A relationship of two entities.
#[derive(Clone, Copy)]
pub struct RelationshipRef<'a> {
    pub(super) network: &'a Network,
    pub(super) edge: EdgeIndex,
}

impl<'a> RelationshipRef<'a> {
    /// A small number for it, until the next change; by [`KnowledgeBase::relationship_in`] it is found
    /// again.
    pub fn slot(self) -> u32 {
        self.edge.index() as u32
    }

    fn indexed(self) -> &'a Indexed {
        &self.network.graph.edge_weight(self.edge).indexed
    }

    /// All that it is shown by, but for its ends.
    pub(crate) fn texts(self) -> &'a [Rc<str>] {
        self.indexed().texts()
    }

    /// What it costs to show it without the names of its ends: counted when that is first asked, and again after
    /// it has changed.
    pub(crate) fn tokens(self, count: impl FnOnce() -> usize) -> usize {
        self.network.graph.edge_weight(self.edge).tokens(count)
    }

    /// The two entities, in the order of their keys.
    pub fn ends(self) -> (EntityRef<'a>, EntityRef<'a>) {
        let network = self.network;
        let (first, second) = network.graph.ends(self.edge);
        (EntityRef { network, node: first }, EntityRef { network, node: second })
    }

    /// The sum of its mentions' weights.
    pub fn weight(self) -> f64 {
        self.thousandths() as f64 / f64::from(Weight::UNIT)
    }

    /// The first ten distinct descriptions.
    pub fn descriptions(self) -> Vec<&'a Rc<str>> {
        self.indexed().descriptions().iter().collect()
    }

    /// The first twenty distinct sets of keywords.
    pub fn keywords(self) -> Vec<&'a Rc<str>> {
        self.indexed().keywords().iter().collect()
    }

    /// The degrees of its two ends together.
    pub fn degree(self) -> usize {
        let (first, second) = self.ends();
        first.degree() + second.degree()
    }

    /// The order of two relationships, by the keys of their ends.
    pub(crate) fn order(self, other: Self) -> Ordering {
        self.network.order_relationships(self.slot(), other.slot())
    }

    /// It without the documents that the filter leaves out.
    pub fn view(self, filter: &Filter) -> RelationshipView<'a> {
        let (one, other) = self.ends();
        if filter.is_empty() {
            return RelationshipView {
                weight: self.weight(),
                descriptions: self.indexed().descriptions().into(),
                keywords: self.indexed().keywords().into(),
                degree: self.degree(),
                ends: [one, other].map(|end| end.name().clone()),
            };
        }
        let mentions = &self.network.graph.edge_weight(self.edge).mentions;
        let mentions = mentions.only(|mention| matches(filter, &mention.0));
        RelationshipView {
            weight: mentions.weight() as f64 / f64::from(Weight::UNIT),
            descriptions: owned(mentions.distinct(RelationshipPlace::DESCRIPTION, DESCRIPTIONS)),
            keywords: owned(mentions.distinct(RelationshipPlace::KEYWORDS, KEYWORD_SETS)),
            degree: one.degree_under(filter) + other.degree_under(filter),
            ends: [one, other].map(|end| end.name_under(filter)),
        }
    }

    /// Where it was read, by source and position.
    pub fn places(self) -> impl Iterator<Item = PlaceRef<'a>> {
        self.network.graph.edge_weight(self.edge).mentions.iter().map(|mention| PlaceRef {
            document: &mention.0.document,
            index: mention.0.document.relationship_excerpt(mention.0.index()),
        })
    }

    /// The slots of the excerpts at its places.
    pub(crate) fn excerpts(self) -> &'a [u32] {
        self.indexed().excerpts(|| self.places().map(PlaceRef::slot).collect())
    }

    /// [`RelationshipRef::weight`] as a whole number.
    pub(crate) fn thousandths(self) -> u64 {
        self.network.graph.edge_weight(self.edge).weight
    }
}

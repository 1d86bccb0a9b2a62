use std::{
    cell::{Cell, OnceCell},
    cmp::Ordering,
    mem,
    num::NonZeroU32,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use petgraph::stable_graph::{EdgeIndex, NodeIndex};

use super::{
    document::{Admitted, EndPlace, EntityPlace, Place, RelationshipPlace},
    indices::{Indices, Query},
};
use crate::{
    record::UnitVector,
    store::{
        Admit, Field, Graph, LexicalIndex, Match, MergeRules,
        mentions::{Mentions, is_same},
    },
    text::Stems,
};

/// The descriptions that count, the first distinct ones.
pub(super) const DESCRIPTIONS: usize = 10;
/// The keyword sets of a relationship that count, the first distinct ones.
pub(super) const KEYWORD_SETS: usize = 20;

/// Entities and the relationships between them, folded over the mentions of all documents.
///
/// There is a node for every entity that is described or that a relationship names, and an edge for
/// every two that some mention relates. A mention whose two names are one entity relates nothing.
pub(super) struct Network {
    dimensions: usize,
    pub(super) rules: MergeRules,
    pub(super) graph: Graph<Entity, Edge>,
    /// By the index of the node.
    pub(super) entities: Indices,
    /// By the index of the edge.
    pub(super) relationships: Indices,
    /// What changed since the last refresh, each once.
    touched: Touched,
    /// What nodes and edges hold on the heap, as of their last refresh.
    held: usize,
}

#[derive(Default)]
struct Touched {
    nodes: Vec<NodeIndex>,
    edges: Vec<EdgeIndex>,
}

pub(super) struct Entity {
    pub(super) mentions: Mentions<EntityPlace>,
    /// The ends of relationship mentions that name it.
    pub(super) ends: Mentions<EndPlace>,
    pub(super) indexed: Indexed,
    /// The most frequent one, if it is described.
    pub(super) category: Option<Rc<str>>,
    /// See [`Tokens`]; once that was asked.
    tokens: Cell<Option<Tokens>>,
    touched: Touch,
    /// Its part of [`Network::held`].
    held: u32,
}

/// What changed of an entity since the last refresh.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    Nothing,
    /// Which relationships name it: of one that is described, neither texts, vector nor places depend on that.
    Ends,
    All,
}

/// What a search asks of each of an entity's relationships, which are hundreds, and the rest elsewhere: so it meets
/// no more memory than petgraph's links do.
pub(super) struct Edge {
    /// The sum over its mentions, in thousandths.
    pub(super) weight: u64,
    /// What it costs to show all but the names of its ends, and one; once that was asked.
    tokens: Cell<Option<NonZeroU32>>,
    relationship: Box<Relationship>,
}

impl Deref for Edge {
    type Target = Relationship;

    fn deref(&self) -> &Relationship {
        &self.relationship
    }
}

impl DerefMut for Edge {
    fn deref_mut(&mut self) -> &mut Relationship {
        &mut self.relationship
    }
}

impl Edge {
    fn new() -> Self {
        let relationship = Relationship {
            mentions: Mentions::new(),
            indexed: Indexed::default(),
            touched: false,
            held: 0,
        };
        Edge { weight: 0, tokens: Cell::new(None), relationship: relationship.into() }
    }

    pub(super) fn tokens(&self, count: impl FnOnce() -> usize) -> usize {
        let known = self.tokens.get().unwrap_or_else(|| {
            let counted = u32::try_from(count()).unwrap_or(u32::MAX);
            let known = NonZeroU32::MIN.saturating_add(counted);
            self.tokens.set(Some(known));
            known
        });
        known.get() as usize - 1
    }
}

pub(super) struct Relationship {
    pub(super) mentions: Mentions<RelationshipPlace>,
    pub(super) indexed: Indexed,
    touched: bool,
    /// Its part of [`Network::held`].
    held: u32,
}

/// The texts that a thing is indexed by, so that only those which come and go are indexed, and not all
/// descriptions of a thing again with each of its mentions. It is also shown by them.
#[derive(Default)]
pub(super) struct Indexed {
    /// Names, sets of keywords, descriptions.
    texts: Box<[Rc<str>]>,
    /// How many are not names,
    themes: u32,
    /// and how many of those are no keywords either.
    descriptions: u32,
    /// The slot of the excerpt at each of its places, once that was asked: they are far apart in memory.
    excerpts: OnceCell<Box<[u32]>>,
}

/// An estimate of the tokens of what a language model is shown of an entity.
#[derive(Clone, Copy)]
pub(crate) struct Tokens {
    /// Of its name: relationships are shown by the names of their ends.
    pub(crate) name: usize,
    /// Of the rest.
    pub(crate) rest: usize,
}

/// What [`Indexed`] is made of.
struct Texts<'a> {
    names: Vec<Rc<str>>,
    keywords: Vec<&'a Rc<str>>,
    descriptions: Vec<&'a Rc<str>>,
}

impl Indexed {
    fn new(Texts { names, keywords, descriptions }: Texts<'_>) -> Self {
        Indexed {
            themes: (keywords.len() + descriptions.len()) as u32,
            descriptions: descriptions.len() as u32,
            texts: names
                .into_iter()
                .chain(keywords.into_iter().chain(descriptions).cloned())
                .collect(),
            excerpts: OnceCell::new(),
        }
    }

    /// Whether it is of these texts. Mostly a mention more or less leaves a thing of many the same
    /// texts, and then none of them need be looked at.
    fn is_of(&self, texts: &Texts<'_>) -> bool {
        let Texts { names, keywords, descriptions } = texts;
        let all = || names.iter().chain(keywords.iter().chain(descriptions).copied());
        self.texts.len() == names.len() + keywords.len() + descriptions.len()
            && self.themes as usize == keywords.len() + descriptions.len()
            && self.descriptions as usize == descriptions.len()
            && self.texts.iter().zip(all()).all(|(one, other)| is_same(one, other))
    }

    pub(super) fn name(&self) -> &Rc<str> {
        &self.texts[0]
    }

    pub(super) fn texts(&self) -> &[Rc<str>] {
        &self.texts
    }

    pub(super) fn keywords(&self) -> &[Rc<str>] {
        let all = self.texts.len();
        &self.texts[all - self.themes as usize..all - self.descriptions as usize]
    }

    pub(super) fn descriptions(&self) -> &[Rc<str>] {
        &self.texts[self.texts.len() - self.descriptions as usize..]
    }

    pub(super) fn excerpts(&self, look: impl FnOnce() -> Box<[u32]>) -> &[u32] {
        self.excerpts.get_or_init(look)
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.texts)
    }
}

impl Entity {
    pub(super) fn tokens(&self, count: impl FnOnce() -> Tokens) -> Tokens {
        let tokens = self.tokens.get().unwrap_or_else(count);
        self.tokens.set(Some(tokens));
        tokens
    }

    fn bytes(&self) -> usize {
        self.mentions.bytes() + self.ends.bytes() + self.indexed.bytes()
    }
}

impl Relationship {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.mentions.bytes() + self.indexed.bytes()
    }
}

impl Network {
    pub(super) fn new(dimensions: usize, rules: MergeRules, stems: &Rc<Stems>) -> Self {
        Network {
            dimensions,
            rules,
            graph: Graph::new(),
            entities: Indices::new(dimensions, stems),
            relationships: Indices::new(dimensions, stems),
            touched: Touched::default(),
            held: 0,
        }
    }

    pub(super) fn add_entity(&mut self, place: Place) {
        let place = EntityPlace(place);
        let node = self.node_or_insert(&self.rules.key(&place.mention().name));
        self.graph.weight_mut(node).mentions.insert(place);
        self.touch_node(node, Touch::All);
    }

    pub(super) fn remove_entity(&mut self, place: Place) {
        let place = EntityPlace(place);
        let key = self.rules.key(&place.mention().name);
        let Some(node) = self.graph.node(&key) else { return };
        self.graph.weight_mut(node).mentions.remove(&place);
        self.touch_node(node, Touch::All);
    }

    pub(super) fn add_relationship(&mut self, place: Place) {
        let Some(ends) = self.ends(&place) else { return };
        let nodes = [&ends.source, &ends.target].map(|key| self.node_or_insert(key));
        for (node, target) in nodes.into_iter().zip([false, true]) {
            let end = EndPlace(place.clone().marked(target));
            self.graph.weight_mut(node).ends.insert(end);
            self.touch_node(node, Touch::Ends);
        }
        let edge = self.graph.edge_or_insert(nodes[0], nodes[1], Edge::new);
        let mention = RelationshipPlace(place.marked(ends.swapped()));
        self.graph.edge_weight_mut(edge).mentions.insert(mention);
        self.touch_edge(edge);
    }

    pub(super) fn remove_relationship(&mut self, place: Place) {
        let Some(ends) = self.ends(&place) else { return };
        let nodes = [&ends.source, &ends.target].map(|key| self.graph.node(key));
        let [Some(source), Some(target)] = nodes else { return };
        for (node, target) in [(source, false), (target, true)] {
            let end = EndPlace(place.clone().marked(target));
            self.graph.weight_mut(node).ends.remove(&end);
            self.touch_node(node, Touch::Ends);
        }
        let Some(edge) = self.graph.edge(source, target) else { return };
        let mention = RelationshipPlace(place.marked(ends.swapped()));
        self.graph.edge_weight_mut(edge).mentions.remove(&mention);
        self.touch_edge(edge);
    }

    /// Marks an entity and its relationships for the next refresh, for their names may have changed.
    pub(super) fn touch(&mut self, key: &str) {
        if let Some(node) = self.graph.node(key) {
            self.touch_node(node, Touch::All);
            self.graph.edges_of(node).into_iter().for_each(|edge| self.touch_edge(edge));
        }
    }

    fn touch_node(&mut self, node: NodeIndex, touch: Touch) {
        let touched = &mut self.graph.weight_mut(node).touched;
        if *touched == Touch::Nothing {
            self.touched.nodes.push(node);
        }
        *touched = touch.max(*touched);
    }

    fn touch_edge(&mut self, edge: EdgeIndex) {
        if !mem::replace(&mut self.graph.edge_weight_mut(edge).touched, true) {
            self.touched.edges.push(edge);
        }
    }

    /// Forgets one thing that nothing mentions any more, or lets the indices follow one that was
    /// touched; whether there was one. Edges first: with its last edge a node may go too.
    pub(super) fn refresh_next(&mut self) -> bool {
        if let Some(edge) = self.touched.edges.pop() {
            let relationship = self.graph.edge_weight_mut(edge);
            relationship.touched = false;
            relationship.mentions.settle();
            self.held -= relationship.held as usize;
            if relationship.mentions.is_empty() {
                self.relationships.remove(edge.index() as u32);
                self.graph.remove_edge(edge);
            } else {
                self.index_relationship(edge);
                let relationship = self.graph.edge_weight_mut(edge);
                relationship.held = relationship.bytes() as u32;
                self.held += relationship.held as usize;
            }
            return true;
        }
        let Some(node) = self.touched.nodes.pop() else { return false };
        let entity = self.graph.weight_mut(node);
        let touch = mem::replace(&mut entity.touched, Touch::Nothing);
        entity.mentions.settle();
        entity.ends.settle();
        self.held -= entity.held as usize;
        if entity.mentions.is_empty() && entity.ends.is_empty() {
            self.entities.remove(node.index() as u32);
            self.graph.remove_node(node);
        } else {
            if touch == Touch::All || entity.mentions.is_empty() {
                self.index_entity(node);
            }
            let entity = self.graph.weight_mut(node);
            entity.held = entity.bytes() as u32;
            self.held += entity.held as usize;
        }
        true
    }

    pub(super) fn search_entities(
        &self,
        queries: &[Query<'_>],
        k: usize,
        admitted: &Admitted,
    ) -> Vec<Vec<Match>> {
        self.entities.search(queries, k, &AdmittedEntities { network: self, admitted })
    }

    pub(super) fn search_relationships(
        &self,
        queries: &[Query<'_>],
        k: usize,
        admitted: &Admitted,
    ) -> Vec<Vec<Match>> {
        self.relationships.search(queries, k, &AdmittedRelationships { network: self, admitted })
    }

    /// The order of two entities by their keys.
    pub(super) fn order_entities(&self, one: u32, other: u32) -> Ordering {
        let [one, other] = [one, other].map(|slot| NodeIndex::new(slot as usize));
        self.graph.order_nodes(one, other)
    }

    /// The order of two relationships by the keys of their ends.
    pub(super) fn order_relationships(&self, one: u32, other: u32) -> Ordering {
        let [one, other] = [one, other].map(|slot| EdgeIndex::new(slot as usize));
        self.graph.order_edges(one, other)
    }

    /// What an entity is called: as the user merged it, else as it is called most often where it is
    /// described, else as relationships call it.
    pub(super) fn name(&self, node: NodeIndex) -> &Rc<str> {
        let Entity { mentions, ends, .. } = self.graph.weight(node);
        self.name_by(node, mentions, ends)
    }

    /// [`Network::name`] by some of the mentions.
    pub(super) fn name_by<'a>(
        &'a self,
        node: NodeIndex,
        mentions: &'a Mentions<EntityPlace>,
        ends: &'a Mentions<EndPlace>,
    ) -> &'a Rc<str> {
        let key = self.graph.key(node);
        self.rules
            .name(key)
            .or_else(|| mentions.most_frequent(EntityPlace::NAME))
            .or_else(|| ends.most_frequent(EndPlace::NAME))
            .unwrap_or(key)
    }

    pub(super) fn entity_vector(&self, node: NodeIndex) -> UnitVector {
        self.graph.weight(node).mentions.vector(self.dimensions)
    }

    pub(super) fn relationship_vector(&self, edge: EdgeIndex) -> UnitVector {
        self.graph.edge_weight(edge).mentions.vector(self.dimensions)
    }

    pub(super) fn bytes(&self) -> usize {
        self.held + self.graph.bytes() + self.entities.bytes() + self.relationships.bytes()
    }

    fn node_or_insert(&mut self, key: &str) -> NodeIndex {
        self.graph.node_or_insert(key, || Entity {
            mentions: Mentions::new(),
            ends: Mentions::new(),
            indexed: Indexed::default(),
            category: None,
            tokens: Cell::new(None),
            touched: Touch::Nothing,
            held: 0,
        })
    }

    /// The entities that a relationship mention relates; `None` if they are one.
    fn ends(&self, place: &Place) -> Option<Ends> {
        let mention = &place.contribution().relationships[place.index()];
        let source = self.rules.key(&mention.source);
        let target = self.rules.key(&mention.target);
        (source != target).then_some(Ends { source, target })
    }

    fn index_entity(&mut self, node: NodeIndex) {
        let slot = node.index() as u32;
        self.entities.vectors.insert(slot, &self.entity_vector(node));
        let texts = self.entity_texts(node);
        let changed = !self.graph.weight(node).indexed.is_of(&texts);
        let indexed = changed.then(|| Indexed::new(texts));
        let entity = self.graph.weight_mut(node);
        entity.category = entity.mentions.most_frequent(EntityPlace::CATEGORY).cloned();
        entity.tokens.set(None);
        follow(&mut entity.indexed, indexed, &mut self.entities.lexical, slot);
    }

    fn index_relationship(&mut self, edge: EdgeIndex) {
        let slot = edge.index() as u32;
        self.relationships.vectors.insert(slot, &self.relationship_vector(edge));
        let texts = self.relationship_texts(edge);
        let changed = !self.graph.edge_weight(edge).indexed.is_of(&texts);
        let indexed = changed.then(|| Indexed::new(texts));
        let relationship = self.graph.edge_weight_mut(edge);
        relationship.weight = relationship.mentions.weight();
        relationship.tokens.set(None);
        follow(&mut relationship.indexed, indexed, &mut self.relationships.lexical, slot);
    }

    /// What an entity is found by: its name, what was merged into it, its descriptions.
    fn entity_texts(&self, node: NodeIndex) -> Texts<'_> {
        let mut names = vec![self.name(node).clone()];
        names.extend(self.rules.aliases(self.graph.key(node)));
        let mentions = &self.graph.weight(node).mentions;
        let descriptions = mentions.distinct(EntityPlace::DESCRIPTION, DESCRIPTIONS);
        Texts { names, keywords: vec![], descriptions }
    }

    /// What a relationship is found by: the names of its ends, its keywords, its descriptions.
    ///
    /// The names are as its own mentions write them. Were they the entities' names, a document that
    /// tips the name of an entity would change every relationship that the entity has.
    fn relationship_texts(&self, edge: EdgeIndex) -> Texts<'_> {
        let mentions = &self.graph.edge_weight(edge).mentions;
        let (first, second) = self.graph.edge_key(edge);
        let ends = [(first, RelationshipPlace::FIRST), (second, RelationshipPlace::SECOND)];
        let names = ends.into_iter().filter_map(|(key, column)| {
            self.rules.name(key).or_else(|| mentions.most_frequent(column))
        });
        Texts {
            names: names.cloned().collect(),
            keywords: mentions.distinct(RelationshipPlace::KEYWORDS, KEYWORD_SETS),
            descriptions: mentions.distinct(RelationshipPlace::DESCRIPTION, DESCRIPTIONS),
        }
    }
}

struct AdmittedEntities<'a> {
    network: &'a Network,
    admitted: &'a Admitted,
}

impl Admit for AdmittedEntities<'_> {
    fn all(&self) -> bool {
        self.admitted.all()
    }

    fn admits(&self, slot: u32) -> bool {
        self.admitted.all() || {
            let Entity { mentions, ends, .. } =
                self.network.graph.weight(NodeIndex::new(slot as usize));
            mentions.iter().any(|mention| self.admitted.admits(&mention.0))
                || ends.iter().any(|end| self.admitted.admits(&end.0))
        }
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        self.network.order_entities(one, other)
    }

    fn beginning(&self, slot: u32) -> u64 {
        self.network.graph.beginning(NodeIndex::new(slot as usize))
    }
}

struct AdmittedRelationships<'a> {
    network: &'a Network,
    admitted: &'a Admitted,
}

impl Admit for AdmittedRelationships<'_> {
    fn all(&self) -> bool {
        self.admitted.all()
    }

    fn admits(&self, slot: u32) -> bool {
        self.admitted.all() || {
            let edge = EdgeIndex::new(slot as usize);
            let mut mentions = self.network.graph.edge_weight(edge).mentions.iter();
            mentions.any(|mention| self.admitted.admits(&mention.0))
        }
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        self.network.order_relationships(one, other)
    }

    fn beginning(&self, slot: u32) -> u64 {
        let graph = &self.network.graph;
        graph.beginning(graph.ends(EdgeIndex::new(slot as usize)).0)
    }
}

struct Ends {
    source: String,
    target: String,
}

impl Ends {
    /// Whether the mention goes against the order of an edge's ends, which is by key.
    fn swapped(&self) -> bool {
        self.source > self.target
    }
}

/// Lets a thing and its entry follow its texts, where they changed.
fn follow(indexed: &mut Indexed, changed: Option<Indexed>, index: &mut LexicalIndex, slot: u32) {
    match changed {
        // What was asked of its places was asked of others.
        None => indexed.excerpts = OnceCell::new(),
        Some(changed) => {
            let old = mem::replace(indexed, changed);
            revise(index, slot, &old.texts, &indexed.texts);
        }
    }
}

/// Lets an entry follow its texts, at the cost of those that came and went.
fn revise(index: &mut LexicalIndex, slot: u32, old: &[Rc<str>], new: &[Rc<str>]) {
    let mut come: Vec<&Rc<str>> = new.iter().collect();
    let mut gone: Vec<&Rc<str>> = vec![];
    for text in old {
        match come.iter().position(|other| is_same(other, text)) {
            Some(at) => drop(come.swap_remove(at)),
            None => gone.push(text),
        }
    }
    if !(come.is_empty() && gone.is_empty()) {
        index.revise(slot, &fields(&gone), &fields(&come));
    }
}

fn fields<'a>(texts: &[&'a Rc<str>]) -> Vec<Field<'a>> {
    texts.iter().map(|text| Field::new(text)).collect()
}

//! The five modes over one version of the knowledge base. Synchronous: a search never sees half a
//! commit. Where the user counts tokens, budgets are kept afterwards, when nothing is
//! borrowed.
//!
//! | mode | entities | relationships | excerpts |
//! |---|---|---|---|
//! | `standard` | – | – | similar to the question |
//! | `local_kg` | near the low-level keywords | around those entities | that mention them |
//! | `global_kg` | the ends of those relationships | near the high-level keywords | that mention them |
//! | `hybrid_kg` | both | both | both |
//! | `mix` | both | both | both, and those similar to the question |
//!
//! Near keywords is what shares words with them, and what is similar to them and the question together.

use std::{borrow::Cow, cmp::Ordering, collections::BinaryHeap, rc::Rc};

use smolrag_kernels::{rows, text};

use super::{
    fusion::{Scores, diverse, fuse},
    retrieve::{FRAME, Found, FoundEntity, FoundExcerpt, FoundRelationship, RetrieveOptions},
};
use crate::{
    port::Mode,
    record::{Filter, UnitVector},
    store::{
        EntityRef, EntityView, Kind, KnowledgeBase, Match, PlaceRef, Query, RelationshipRef,
        RelationshipView, Tokens,
    },
    text::estimate_tokens,
};

/// The most entities or relationships that keywords find.
pub(super) const MOST: usize = 25;
/// The most excerpts named for an entity or a relationship.
const EXCERPTS: usize = 20;
/// Tokens of the relationships around entities.
const AROUND_TOKENS: usize = 1000;
/// From so many times the excerpts that are wanted, those are chosen that are not too much alike.
const DIVERSE: usize = 4;
/// What is less similar by vector is not found by it.
const SIMILARITY: f32 = 0.02;
/// How deep the rankings go that are fused.
pub(super) const POOL: usize = 200;
/// How much the ranking of excerpts by the graph counts in `mix` against the lexical one. By `make eval`
/// with the built-in models 0.05 puts the passage first for 47 questions in 100 and into 68 answers; 0
/// does so for 45 and 68, 0.1 for 39 and 63. Where a question shares no word with its passage the graph
/// finds more: at 2,000 tokens 20 in 100 at 0, 22 at 0.05, 26 at 0.1.
const GRAPH_WEIGHT: f64 = 0.05;

/// How much the question's own vector counts against those of its keywords together. By `make eval` with
/// the built-in models the mean reciprocal rank in `local_kg`, `global_kg` and `hybrid_kg` is .351, .353
/// and .462 at 1, .367, .387 and .494 at 4, .366, .372 and .481 without the keywords.
const QUESTION_WEIGHT: usize = 4;

/// Something to look for, both ways.
pub(super) struct Probe {
    pub text: String,
    /// Zero if nobody embeds.
    pub vector: UnitVector,
}

/// What one search works with.
pub(super) struct Search<'a> {
    pub knowledge: &'a KnowledgeBase,
    pub options: &'a RetrieveOptions,
    /// How much a ranking by vectors counts against the lexical one.
    pub vector_weight: f64,
    /// Whether entities and relationships are kept within the budget by estimate; else the user counts.
    pub estimates: bool,
}

/// What the graph gives, best first, with scores.
#[derive(Default)]
struct Neighbourhood<'a> {
    entities: Vec<(EntityRef<'a>, f64)>,
    relationships: Vec<(RelationshipRef<'a>, f64)>,
}

impl<'a> Search<'a> {
    pub fn run(&self, question: &Probe, high: &[Probe], low: &[Probe]) -> Found {
        let mut graph = match self.options.mode {
            Mode::Standard => Neighbourhood::default(),
            Mode::LocalKg => self.local(question, low),
            Mode::GlobalKg => self.global(question, high),
            Mode::HybridKg | Mode::Mix => {
                self.local(question, low).joined_with(self.global(question, high))
            }
        };
        let excerpts = self.excerpts(question, &graph);
        if self.estimates {
            self.cut(&mut graph.entities, |entity| self.entity_tokens(entity));
            self.cut(&mut graph.relationships, |relationship| {
                self.relationship_tokens(relationship, relationship.ends())
            });
        }
        graph.fetch();
        let mut ids = Ids::default();
        let entities = graph.entities.into_iter();
        let relationships = graph.relationships.into_iter();
        Found {
            excerpts,
            entities: entities
                .map(|(entity, score)| self.entity(entity, score, &mut ids))
                .collect(),
            relationships: relationships
                .map(|(relationship, score)| self.relationship(relationship, score, &mut ids))
                .collect(),
            mentioned_in: ids.lines(self.knowledge),
            ..Found::default()
        }
    }

    /// Entities near the keywords, and the relationships around them.
    fn local(&self, question: &Probe, keywords: &[Probe]) -> Neighbourhood<'a> {
        let knowledge = self.knowledge;
        let ranked = self.ranked(question, keywords, Kind::Entities, &|one, other| {
            knowledge.order_entities(one, other)
        });
        let ranked = ranked.into_iter();
        let entities: Vec<_> =
            ranked.map(|(slot, score)| (knowledge.entity_in(slot), score)).collect();
        let relationships = self.around(&entities);
        Neighbourhood { entities, relationships }
    }

    /// Relationships near the keywords, and their ends.
    fn global(&self, question: &Probe, keywords: &[Probe]) -> Neighbourhood<'a> {
        let knowledge = self.knowledge;
        let ranked = self.ranked(question, keywords, Kind::Relationships, &|one, other| {
            knowledge.order_relationships(one, other)
        });
        let ranked = ranked.into_iter();
        let relationships: Vec<_> =
            ranked.map(|(slot, score)| (knowledge.relationship_in(slot), score)).collect();
        let mut entities: Vec<(EntityRef<'a>, f64)> = vec![];
        for &(relationship, score) in &relationships {
            let (one, other) = relationship.ends();
            for end in [one, other].into_iter().filter(|end| self.admits(|| end.places())) {
                if !entities.iter().any(|(entity, _)| entity.slot() == end.slot()) {
                    entities.push((end, score));
                }
            }
        }
        Neighbourhood { entities, relationships }
    }

    /// The best by all keywords together: each by its words, and what all of them and the question are about by
    /// vector.
    fn ranked(
        &self,
        question: &Probe,
        keywords: &[Probe],
        kind: Kind,
        order: &dyn Fn(u32, u32) -> Ordering,
    ) -> Vec<(u32, f64)> {
        let Some(subject) = subject(question, keywords) else { return vec![] };
        let mut queries: Vec<_> =
            keywords.iter().map(|keyword| (1.0, Query::Text(&keyword.text))).collect();
        // As much as if each keyword's own counted.
        queries.push((self.vector_weight * keywords.len() as f64, Query::Vector(&subject)));
        let find =
            |queries: &[Query<'_>]| self.knowledge.find(kind, queries, MOST, &self.options.filter);
        fuse(&rankings(queries, &find), MOST, order)
    }

    /// The relationships of the entities: those of well-connected ends first, then the heavier.
    fn around(&self, entities: &[(EntityRef<'a>, f64)]) -> Vec<(RelationshipRef<'a>, f64)> {
        let last = entities.iter().map(|(entity, _)| entity.slot()).max().unwrap_or(0);
        let mut scores = vec![0.0_f64; last as usize + 1];
        for &(entity, score) in entities {
            scores[entity.slot() as usize] = score;
        }
        let mut around = vec![];
        for &(entity, score) in entities {
            for (other, relationship) in entity.related() {
                let others = scores.get(other.slot() as usize).copied().unwrap_or(0.0);
                // Seen from both ends, it counts from one.
                let counted = others > 0.0 && other.slot() < entity.slot();
                if !counted && self.admits(|| relationship.places()) {
                    around.push(Around {
                        degree: entity.degree() + other.degree(),
                        weight: relationship.thousandths(),
                        tokens: self.relationship_tokens(relationship, (entity, other)),
                        relationship,
                        score: score.max(others),
                    });
                }
            }
        }
        let mut left = AROUND_TOKENS.min(self.options.max_tokens);
        let mut best_first = BinaryHeap::from(around);
        let mut found = vec![];
        while let Some(best) = best_first.pop() {
            match left.checked_sub(best.tokens) {
                Some(rest) => {
                    left = rest;
                    found.push((best.relationship, best.score));
                }
                // Of thousands, few are short enough for what is left.
                None => best_first.retain(|other| other.tokens <= left),
            }
        }
        found
    }

    fn excerpts(&self, question: &Probe, graph: &Neighbourhood<'a>) -> Vec<FoundExcerpt> {
        let mode = self.options.mode;
        let from_graph = self.excerpts_of(graph);
        let depth = POOL.max(self.options.top_k);
        let queries = vec![
            (1.0, Query::Text(&question.text)),
            (self.vector_weight, Query::Vector(&question.vector)),
        ];
        // In the modes of the graph what it found, in the order of its bearing on the question. Where
        // it found nothing (a few short documents relate little), what is similar stands in.
        let only_known = !matches!(mode, Mode::Standard | Mode::Mix) && !from_graph.is_empty();
        let find = |queries: &[Query<'_>]| match only_known {
            true => self.knowledge.find_among(&from_graph, queries, depth),
            false => self.knowledge.find(Kind::Excerpts, queries, depth, &self.options.filter),
        };
        let mut lists = rankings(queries, &find);
        let usual = if mode == Mode::Mix { GRAPH_WEIGHT } else { 1.0 };
        let graph_weight = self.options.weights.graph.unwrap_or(usual);
        lists.push((graph_weight, from_graph));
        let (wanted, diversity) = (self.options.top_k, self.options.diversity);
        let depth = if diversity > 0.0 { wanted.saturating_mul(DIVERSE) } else { wanted };
        let mut best = fuse(&lists, depth, &|a, b| self.knowledge.order_excerpts(a, b));
        if diversity > 0.0 {
            best = diverse(best, wanted, diversity, &|a, b| self.knowledge.similarity(a, b));
        }
        best.into_iter().filter_map(|(slot, score)| self.excerpt(slot, score)).collect()
    }

    /// The excerpts that mention what was found, those that mention the most of it first. What is
    /// mentioned everywhere says little about any one excerpt.
    fn excerpts_of(&self, graph: &Neighbourhood<'a>) -> Vec<u32> {
        let mut scores = Scores::default();
        let mut add = |slots: &[u32], score: f64| {
            let share = score / (slots.len() as f64).sqrt();
            scores.add(slots, share);
        };
        let mode = self.options.mode;
        for &(entity, score) in graph.entities.iter().filter(|_| mode != Mode::GlobalKg) {
            add(&self.slots(|| entity.excerpts(), || entity.places()), score);
        }
        for &(relationship, score) in graph.relationships.iter().filter(|_| mode != Mode::LocalKg) {
            add(&self.slots(|| relationship.excerpts(), || relationship.places()), score);
        }
        scores.ranked(&|slot| self.knowledge.excerpt_beginning(slot), &|a, b| {
            self.knowledge.order_excerpts(a, b)
        })
    }

    /// The slots of the excerpts that a thing stands in.
    fn slots<I: Iterator<Item = PlaceRef<'a>>>(
        &self,
        all: impl FnOnce() -> &'a [u32],
        places: impl FnOnce() -> I,
    ) -> Cow<'a, [u32]> {
        match self.options.filter.is_empty() {
            true => all().into(),
            false => self.admitted(places()).map(PlaceRef::slot).collect(),
        }
    }

    fn admitted(
        &self,
        places: impl Iterator<Item = PlaceRef<'a>>,
    ) -> impl Iterator<Item = PlaceRef<'a>> {
        places.filter(|place| admits(&self.options.filter, *place))
    }

    /// Asks where a thing stands only if that matters: it is somewhere else in memory for each.
    fn admits<I: Iterator<Item = PlaceRef<'a>>>(&self, places: impl FnOnce() -> I) -> bool {
        let filter = &self.options.filter;
        filter.is_empty() || places().any(|place| admits(filter, place))
    }

    fn excerpt(&self, slot: u32, score: f64) -> Option<FoundExcerpt> {
        let found = self.knowledge.excerpt_in(slot)?;
        let place = self.admitted(found.places()).next()?;
        let excerpt = place.excerpt();
        Some(FoundExcerpt {
            id: excerpt.id.clone(),
            source: place.source().clone(),
            text: excerpt.text.clone(),
            summary: excerpt.summary.clone(),
            headings: excerpt.headings.clone(),
            score,
            start: excerpt.start,
            end: excerpt.end,
            fence: excerpt.fence.clone(),
        })
    }

    /// Cuts a list at the first thing that the budget does not hold.
    fn cut<T: Copy>(&self, items: &mut Vec<(T, f64)>, tokens: impl Fn(T) -> usize) {
        let mut left = self.options.max_tokens;
        let fits = |&(item, _): &(T, f64)| {
            let rest = left.checked_sub(tokens(item));
            left = rest.unwrap_or(left);
            rest.is_none()
        };
        let end = items.iter().position(fits).unwrap_or(items.len());
        items.truncate(end);
    }

    fn entity_tokens(&self, entity: EntityRef<'a>) -> usize {
        let Tokens { name, rest } = match self.options.filter.is_empty() {
            true => own_tokens(entity),
            false => entity_tokens(&entity.view(&self.options.filter)),
        };
        FRAME + name + rest
    }

    fn relationship_tokens(
        &self,
        relationship: RelationshipRef<'a>,
        (one, other): (EntityRef<'a>, EntityRef<'a>),
    ) -> usize {
        let view = || relationship.view(&self.options.filter);
        if !self.options.filter.is_empty() {
            let view = view();
            let names: usize = view.ends.iter().map(|name| estimate_tokens(name)).sum();
            return FRAME + names + relationship_tokens(&view);
        }
        let rest = relationship.tokens(|| relationship_tokens(&view()));
        FRAME + own_tokens(one).name + own_tokens(other).name + rest
    }

    fn entity(&self, entity: EntityRef<'a>, score: f64, ids: &mut Ids) -> FoundEntity {
        let view = entity.view(&self.options.filter);
        FoundEntity {
            description: lines(&view.descriptions),
            name: view.name,
            category: view.category,
            rank: view.degree,
            score,
            excerpts: ids.of(&self.slots(|| entity.excerpts(), || entity.places())),
        }
    }

    fn relationship(
        &self,
        relationship: RelationshipRef<'a>,
        score: f64,
        ids: &mut Ids,
    ) -> FoundRelationship {
        let view = relationship.view(&self.options.filter);
        let [source, target] = view.ends;
        FoundRelationship {
            source,
            target,
            description: lines(&view.descriptions),
            keywords: listed(&view.keywords),
            weight: view.weight,
            rank: view.degree,
            score,
            excerpts: ids.of(&self.slots(|| relationship.excerpts(), || relationship.places())),
        }
    }
}

/// The excerpts that things were read from, each once.
#[derive(Default)]
struct Ids {
    slots: Vec<u32>,
    /// How many things have asked.
    things: u32,
    /// By slot the place among them and the last thing that asked for it, both counted from one.
    known: Vec<[u32; 2]>,
}

impl Ids {
    /// Where the first [`EXCERPTS`] of them are: what is in every document would take longer to hand over
    /// than to find.
    fn of(&mut self, slots: &[u32]) -> Vec<u32> {
        let mut found = Vec::with_capacity(slots.len().min(EXCERPTS));
        self.things += 1;
        for &slot in slots {
            if found.len() == EXCERPTS {
                break;
            }
            let at = slot as usize;
            if at >= self.known.len() {
                self.known.resize(2 * at + 1, [0; 2]);
            }
            let [place, asked_by] = &mut self.known[at];
            if *asked_by != self.things {
                *asked_by = self.things;
                if *place == 0 {
                    self.slots.push(slot);
                    *place = self.slots.len() as u32;
                }
                found.push(*place - 1);
            }
        }
        found
    }

    /// Their ids, a line each.
    fn lines(&self, knowledge: &KnowledgeBase) -> String {
        let ids: Vec<&str> = self.slots.iter().map(|&slot| knowledge.excerpt_id(slot)).collect();
        text::lines(&ids)
    }
}

impl<'a> Neighbourhood<'a> {
    /// What will be shown stands far apart in memory.
    fn fetch(&self) {
        let entities = self.entities.iter().flat_map(|(entity, _)| entity.texts());
        let relationships =
            self.relationships.iter().flat_map(|(relationship, _)| relationship.texts());
        let texts: Vec<&str> = entities.chain(relationships).map(|text| &**text).collect();
        text::fetch(&texts);
    }

    /// Both, taking turns, each item once.
    fn joined_with(self, other: Neighbourhood<'a>) -> Neighbourhood<'a> {
        Neighbourhood {
            entities: alternate(self.entities, other.entities, EntityRef::slot),
            relationships: alternate(
                self.relationships,
                other.relationships,
                RelationshipRef::slot,
            ),
        }
    }
}

/// Without what comes twice; looked for plainly, since both are short.
fn alternate<T: Copy>(
    one: Vec<(T, f64)>,
    other: Vec<(T, f64)>,
    slot: impl Fn(T) -> u32,
) -> Vec<(T, f64)> {
    let mut seen = Vec::new();
    let longest = one.len().max(other.len());
    let turns = (0..longest).flat_map(|turn| [one.get(turn), other.get(turn)]).flatten();
    let mut found = Vec::new();
    for &(item, score) in turns {
        if !seen.contains(&slot(item)) {
            seen.push(slot(item));
            found.push((item, score));
        }
    }
    found
}

/// A relationship of an entity that was found.
struct Around<'a> {
    /// How many relationships its ends have together.
    degree: usize,
    /// In thousandths.
    weight: u64,
    tokens: usize,
    relationship: RelationshipRef<'a>,
    score: f64,
}

impl Ord for Around<'_> {
    /// The greatest comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let sums = (self.degree, self.weight).cmp(&(other.degree, other.weight));
        sums.then_with(|| self.relationship.order(other.relationship).reverse())
    }
}

impl PartialOrd for Around<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Around<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Around<'_> {}

/// What each query with a weight finds, of those that count.
fn rankings(
    mut queries: Vec<(f64, Query<'_>)>,
    find: &dyn Fn(&[Query<'_>]) -> Vec<Vec<Match>>,
) -> Vec<(f64, Vec<u32>)> {
    queries.retain(|&(weight, _)| weight > 0.0);
    let (weights, queries): (Vec<f64>, Vec<Query<'_>>) = queries.into_iter().unzip();
    let found = find(&queries).into_iter().zip(&queries);
    let weighed = weights.into_iter().zip(found).map(|(weight, (found, query))| {
        // What is hardly similar is not found.
        let least = match query {
            Query::Text(_) => f32::NEG_INFINITY,
            Query::Vector(_) => SIMILARITY,
        };
        let found = found.into_iter().filter(|found| found.score > least);
        (weight, found.map(|found| found.slot).collect())
    });
    weighed.collect()
}

/// Where the question and its keywords point together, see [`QUESTION_WEIGHT`]; nowhere without
/// keywords.
fn subject(question: &Probe, keywords: &[Probe]) -> Option<UnitVector> {
    if keywords.is_empty() {
        return None;
    }
    let mut sum = vec![0; question.vector.dimensions()];
    let times = QUESTION_WEIGHT * keywords.len();
    rows::add(&mut sum, question.vector.raw(), times as i32);
    keywords.iter().for_each(|keyword| rows::add(&mut sum, keyword.vector.raw(), 1));
    Some(UnitVector::from_sum(&sum))
}

fn lines(descriptions: &[Rc<str>]) -> Rc<str> {
    joined(descriptions, "\n")
}

fn listed(keywords: &[Rc<str>]) -> Rc<str> {
    joined(keywords, ", ")
}

/// Most are one.
fn joined(texts: &[Rc<str>], by: &str) -> Rc<str> {
    match texts {
        [one] => one.clone(),
        texts => texts.join(by).into(),
    }
}

/// Of an entity that no filter changes.
fn own_tokens(entity: EntityRef<'_>) -> Tokens {
    entity.tokens(|| entity_tokens(&entity.view(&Filter::default())))
}

fn entity_tokens(view: &EntityView<'_>) -> Tokens {
    Tokens {
        name: estimate_tokens(&view.name),
        rest: estimate_tokens(&view.category) + estimate_tokens(&lines(&view.descriptions)),
    }
}

/// All but the names of its ends.
fn relationship_tokens(view: &RelationshipView<'_>) -> usize {
    estimate_tokens(&lines(&view.descriptions)) + estimate_tokens(&listed(&view.keywords))
}

fn admits(filter: &Filter, place: PlaceRef<'_>) -> bool {
    filter.is_empty() || filter.matches(&place.document().contribution().metadata)
}

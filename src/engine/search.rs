//! The five modes over one version of the knowledge base. Synchronous: a search never sees half a
//! commit. Token budgets are kept afterwards, when nothing is borrowed: the user may count.
//!
//! | mode | entities | relationships | excerpts |
//! |---|---|---|---|
//! | `standard` | – | – | similar to the question |
//! | `local_kg` | near the low-level keywords | around those entities | that mention them |
//! | `global_kg` | the ends of those relationships | near the high-level keywords | that mention them |
//! | `hybrid_kg` | both | both | both |
//! | `mix` | both | both | both, and those similar to the question |

use std::rc::Rc;

use hashbrown::HashMap;

use super::{
    fusion::fuse,
    retrieve::{FRAME, Found, FoundEntity, FoundExcerpt, FoundRelationship, RetrieveOptions},
};
use crate::{
    order::{OrderedMap, OrderedSet, sort_by},
    port::Mode,
    record::{Filter, UnitVector},
    store::{EntityRef, ExcerptRef, KnowledgeBase, PlaceRef, Query, RelationshipRef},
    text::estimate_tokens,
};

/// The most entities or relationships that keywords find.
const MOST: usize = 25;
/// The most excerpts named for an entity or a relationship.
const EXCERPTS: usize = 20;
/// Tokens of the relationships around entities.
const AROUND_TOKENS: usize = 1000;
/// What is less similar by vector is not found by it.
const SIMILARITY: f32 = 0.02;
/// How deep the rankings go that are fused.
const POOL: usize = 200;
/// How much the ranking of excerpts by the graph counts in `mix` against the lexical one.
const GRAPH_WEIGHT: f64 = 0.1;

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
}

/// A relationship by the keys of its ends.
type EdgeKey = (Rc<str>, Rc<str>);

/// What the graph gives, best first, with scores.
#[derive(Default)]
struct Neighbourhood<'a> {
    entities: Vec<(EntityRef<'a>, f64)>,
    relationships: Vec<(RelationshipRef<'a>, f64)>,
}

impl<'a> Search<'a> {
    pub fn run(&self, question: &Probe, high: &[Probe], low: &[Probe]) -> Found {
        let graph = match self.options.mode {
            Mode::Standard => Neighbourhood::default(),
            Mode::LocalKg => self.local(low),
            Mode::GlobalKg => self.global(high),
            Mode::HybridKg | Mode::Mix => self.local(low).joined_with(self.global(high)),
        };
        Found {
            excerpts: self.excerpts(question, &graph),
            entities: graph
                .entities
                .iter()
                .map(|&(entity, score)| self.entity(entity, score))
                .collect(),
            relationships: graph
                .relationships
                .iter()
                .map(|&(relationship, score)| self.relationship(relationship, score))
                .collect(),
            ..Found::default()
        }
    }

    /// Entities near the keywords, and the relationships around them.
    fn local(&self, keywords: &[Probe]) -> Neighbourhood<'a> {
        let mut by_key = OrderedMap::new();
        let ranked = self.ranked(keywords, |query| {
            let hits = self.knowledge.search_entities(query, MOST, &self.options.filter);
            hits.into_iter()
                .map(|hit| {
                    by_key.insert(hit.item.key().clone(), hit.item);
                    (hit.item.key().clone(), hit.score)
                })
                .collect()
        });
        let entities: Vec<_> =
            ranked.into_iter().map(|(key, score)| (by_key[&key], score)).collect();
        let relationships = self.around(&entities);
        Neighbourhood { entities, relationships }
    }

    /// Relationships near the keywords, and their ends.
    fn global(&self, keywords: &[Probe]) -> Neighbourhood<'a> {
        let mut by_key = OrderedMap::new();
        let ranked = self.ranked(keywords, |query| {
            let hits = self.knowledge.search_relationships(query, MOST, &self.options.filter);
            hits.into_iter()
                .map(|hit| {
                    by_key.insert(edge_key(hit.item), hit.item);
                    (edge_key(hit.item), hit.score)
                })
                .collect()
        });
        let relationships: Vec<_> =
            ranked.into_iter().map(|(key, score)| (by_key[&key], score)).collect();
        let mut entities = Vec::new();
        let mut seen = OrderedSet::new();
        for &(relationship, score) in &relationships {
            let (one, other) = relationship.ends();
            let admitted = [one, other].into_iter().filter(|end| self.admits(end.places()));
            entities.extend(
                admitted.filter(|end| seen.insert(end.key().clone())).map(|end| (end, score)),
            );
        }
        Neighbourhood { entities, relationships }
    }

    /// The best by all keywords together, each looked for both ways.
    fn ranked<K: Ord + Clone>(
        &self,
        keywords: &[Probe],
        mut search: impl FnMut(Query<'_>) -> Vec<(K, f32)>,
    ) -> Vec<(K, f64)> {
        let mut lists = Vec::new();
        for probe in keywords {
            lists.push((1.0, keys(search(Query::Text(&probe.text)))));
            if self.vector_weight > 0.0 {
                let similar = search(Query::Vector(&probe.vector))
                    .into_iter()
                    .filter(|(_, score)| *score > SIMILARITY);
                lists.push((self.vector_weight, keys(similar)));
            }
        }
        let mut fused = fuse(lists.iter().map(|(weight, list)| (*weight, &list[..])));
        fused.truncate(MOST);
        fused
    }

    /// The relationships of the entities: those of well-connected ends first, then the heavier.
    fn around(&self, entities: &[(EntityRef<'a>, f64)]) -> Vec<(RelationshipRef<'a>, f64)> {
        let mut found = OrderedMap::new();
        for &(entity, score) in entities {
            for relationship in entity.relationships() {
                let best: &mut (RelationshipRef<'a>, f64) =
                    found.get_or_insert_with(edge_key(relationship), || (relationship, score));
                best.1 = best.1.max(score);
            }
        }
        // With what they are sorted by: both are sums.
        let mut sums: Vec<_> = found
            .into_values()
            .filter(|(relationship, _)| self.admits(relationship.places()))
            .map(|found| (found.0.degree(), found.0.weight(), found))
            .collect();
        sort_by(&mut sums, |a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
        let mut found: Vec<_> = sums.into_iter().map(|(.., found)| found).collect();
        let mut left = AROUND_TOKENS.min(self.options.max_tokens);
        found.retain(|&(relationship, score)| {
            // What it takes at least is known without reading what is said of it.
            least_tokens(relationship, &self.options.filter) <= left
                && spend(&mut left, relationship_tokens(&self.relationship(relationship, score)))
        });
        found
    }

    fn excerpts(&self, question: &Probe, graph: &Neighbourhood<'a>) -> Vec<FoundExcerpt> {
        let mode = self.options.mode;
        let from_graph = self.excerpts_of(graph);
        let mut lexical = self.similar(Query::Text(&question.text));
        let mut similar = match self.vector_weight > 0.0 {
            true => self.similar(Query::Vector(&question.vector)),
            false => Vec::new(),
        };
        let graph_weight = if mode == Mode::Mix { GRAPH_WEIGHT } else { 1.0 };
        if !matches!(mode, Mode::Standard | Mode::Mix) && !from_graph.is_empty() {
            // What the graph found, in the order of its bearing on the question. Where it found
            // nothing (a few short documents relate little), what is similar stands in.
            let known: OrderedSet<_> = from_graph.iter().collect();
            lexical.retain(|id| known.contains(id));
            similar.retain(|id| known.contains(id));
        }
        let fused = fuse([
            (1.0, &lexical[..]),
            (self.vector_weight, &similar[..]),
            (graph_weight, &from_graph[..]),
        ]);
        let best = fused.into_iter().take(self.options.top_k);
        best.filter_map(|(id, score)| self.excerpt(&id, score)).collect()
    }

    fn similar(&self, query: Query<'_>) -> Vec<Rc<str>> {
        let vector = matches!(query, Query::Vector(_));
        let depth = POOL.max(self.options.top_k);
        let hits = self.knowledge.search_excerpts(query, depth, &self.options.filter).into_iter();
        hits.filter(|hit| !vector || hit.score > SIMILARITY)
            .map(|hit| hit.item.id().clone())
            .collect()
    }

    /// The excerpts that mention what was found, those that mention the most of it first. What is
    /// mentioned everywhere says little about any one excerpt.
    fn excerpts_of(&self, graph: &Neighbourhood<'a>) -> Vec<Rc<str>> {
        let mut scores: HashMap<&'a Rc<str>, f64> = HashMap::new();
        let mut add = |places: Vec<PlaceRef<'a>>, score: f64| {
            let share = score / (places.len() as f64).sqrt();
            for place in places {
                *scores.entry(&place.excerpt().id).or_insert(0.0) += share;
            }
        };
        let mode = self.options.mode;
        for &(entity, score) in graph.entities.iter().filter(|_| mode != Mode::GlobalKg) {
            add(self.admitted(entity.places()), score);
        }
        for &(relationship, score) in graph.relationships.iter().filter(|_| mode != Mode::LocalKg) {
            add(self.admitted(relationship.places()), score);
        }
        let mut ranked: Vec<_> = scores.into_iter().collect();
        sort_by(&mut ranked, |(one, a), (other, b)| b.total_cmp(a).then_with(|| one.cmp(other)));
        ranked.into_iter().map(|(id, _)| id.clone()).collect()
    }

    fn admitted(&self, places: impl Iterator<Item = PlaceRef<'a>>) -> Vec<PlaceRef<'a>> {
        places.filter(|place| admits(&self.options.filter, *place)).collect()
    }

    fn admits(&self, mut places: impl Iterator<Item = PlaceRef<'a>>) -> bool {
        places.any(|place| admits(&self.options.filter, place))
    }

    fn excerpt(&self, id: &str, score: f64) -> Option<FoundExcerpt> {
        let found: ExcerptRef<'_> = self.knowledge.excerpt(id)?;
        let place = found.places().find(|place| admits(&self.options.filter, *place))?;
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

    fn entity(&self, entity: EntityRef<'a>, score: f64) -> FoundEntity {
        let view = entity.view(&self.options.filter);
        FoundEntity {
            name: view.name,
            category: view.category,
            description: view.descriptions.join("\n").into(),
            rank: view.degree,
            score,
            excerpts: self.excerpt_ids(entity.places()),
        }
    }

    fn relationship(&self, relationship: RelationshipRef<'a>, score: f64) -> FoundRelationship {
        let view = relationship.view(&self.options.filter);
        let [source, target] = view.ends;
        FoundRelationship {
            source,
            target,
            description: view.descriptions.join("\n").into(),
            keywords: view.keywords.join(", ").into(),
            weight: view.weight,
            rank: view.degree,
            score,
            excerpts: self.excerpt_ids(relationship.places()),
        }
    }

    /// The first [`EXCERPTS`] of them: what is in every document would take longer to hand over than to find.
    fn excerpt_ids(&self, places: impl Iterator<Item = PlaceRef<'a>>) -> Vec<Rc<str>> {
        let mut ids: Vec<Rc<str>> = Vec::new();
        for place in places.filter(|place| admits(&self.options.filter, *place)) {
            let id = &place.excerpt().id;
            if ids.len() == EXCERPTS {
                break;
            }
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }
}

impl<'a> Neighbourhood<'a> {
    /// Both, taking turns, each item once.
    fn joined_with(self, other: Neighbourhood<'a>) -> Neighbourhood<'a> {
        Neighbourhood {
            entities: alternate(self.entities, other.entities, |entity| entity.key().clone()),
            relationships: alternate(self.relationships, other.relationships, |&relationship| {
                edge_key(relationship)
            }),
        }
    }
}

fn alternate<T: Copy, K: Ord>(
    one: Vec<(T, f64)>,
    other: Vec<(T, f64)>,
    key: impl Fn(&T) -> K,
) -> Vec<(T, f64)> {
    let mut seen = OrderedSet::new();
    let longest = one.len().max(other.len());
    let turns = (0..longest).flat_map(|turn| [one.get(turn), other.get(turn)]).flatten();
    turns.filter(|(item, _)| seen.insert(key(item))).copied().collect()
}

fn admits(filter: &Filter, place: PlaceRef<'_>) -> bool {
    filter.is_empty() || filter.matches(&place.document().contribution().metadata)
}

fn edge_key(relationship: RelationshipRef<'_>) -> EdgeKey {
    let (one, other) = relationship.ends();
    (one.key().clone(), other.key().clone())
}

fn keys<K>(hits: impl IntoIterator<Item = (K, f32)>) -> Vec<K> {
    hits.into_iter().map(|(key, _)| key).collect()
}

/// Takes from what is left, if it is enough.
fn spend(left: &mut usize, tokens: usize) -> bool {
    let enough = tokens <= *left;
    if enough {
        *left -= tokens;
    }
    enough
}

/// What a relationship costs at least: a token for each end, and its first description where no filter
/// may leave it out.
fn least_tokens(relationship: RelationshipRef<'_>, filter: &Filter) -> usize {
    let descriptions = if filter.is_empty() { relationship.descriptions() } else { vec![] };
    FRAME + 2 + descriptions.first().map_or(0, |text| estimate_tokens(text))
}

/// Tokens of a relationship, estimated: there may be thousands around an entity.
fn relationship_tokens(relationship: &FoundRelationship) -> usize {
    FRAME + relationship.shown().iter().map(|text| estimate_tokens(text)).sum::<usize>()
}

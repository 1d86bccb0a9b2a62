//! Retrieval: what in the knowledge base bears on a question.

use std::rc::Rc;

use serde::Serialize;

use super::{
    instance::{Engine, Meter},
    limits::Caller,
    paid::Paid,
    search::{Probe, Search},
    signal::Signal,
};
use crate::{
    port::{Context, ContextEntity, ContextExcerpt, ContextRelationship, Keywords, Mode, Reader},
    prompt::render_context,
    record::{Filter, Result},
    store::KnowledgeBase,
};

/// How to retrieve.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrieveOptions {
    /// By which way.
    pub mode: Mode,
    /// The most excerpts.
    pub top_k: usize,
    /// The most tokens of excerpts, of entities and of relationships, each.
    pub max_tokens: usize,
    /// Which documents may be used.
    pub filter: Filter,
}

impl Default for RetrieveOptions {
    fn default() -> Self {
        RetrieveOptions { mode: Mode::Mix, top_k: 5, max_tokens: 4000, filter: Filter::default() }
    }
}

/// An excerpt that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundExcerpt {
    /// Its id.
    pub id: Rc<str>,
    /// Its document; the first that the filter admits.
    pub source: Rc<str>,
    /// The source's `slice(start, end)`.
    pub text: Rc<str>,
    /// What it is about.
    pub summary: Rc<str>,
    /// The headings above it, outermost first.
    pub headings: Rc<[Rc<str>]>,
    /// By fused ranks: compares within this result only.
    pub score: f64,
    /// In UTF-16 units.
    pub start: u32,
    /// In UTF-16 units.
    pub end: u32,
    /// The line that opens the code block that it is cut out of.
    #[serde(skip)]
    pub fence: Option<Rc<str>>,
}

/// An entity that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundEntity {
    /// Its most frequent name.
    pub name: Rc<str>,
    /// Its most frequent category.
    pub category: Rc<str>,
    /// What documents say of it, a line each.
    pub description: Rc<str>,
    /// How many relationships it has.
    pub rank: usize,
    /// By fused ranks: compares within this result only.
    pub score: f64,
    /// The ids of the first excerpts it was read from.
    pub excerpts: Vec<Rc<str>>,
}

/// A relationship that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundRelationship {
    /// The name of one end.
    pub source: Rc<str>,
    /// The name of the other end.
    pub target: Rc<str>,
    /// What documents say of it, a line each.
    pub description: Rc<str>,
    /// Its themes, comma separated.
    pub keywords: Rc<str>,
    /// The sum over its mentions.
    pub weight: f64,
    /// How many relationships its ends have together.
    pub rank: usize,
    /// By fused ranks: compares within this result only.
    pub score: f64,
    /// The ids of the first excerpts it was read from.
    pub excerpts: Vec<Rc<str>>,
}

/// What was found, most relevant first, within the budgets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What was looked for in the graph; empty in the mode that does not use it.
    pub keywords: Keywords,
    /// Passages.
    pub excerpts: Vec<FoundExcerpt>,
    /// Entities.
    pub entities: Vec<FoundEntity>,
    /// Relationships.
    pub relationships: Vec<FoundRelationship>,
}

/// What was found, as callers see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retrieved {
    /// By which way.
    pub mode: Mode,
    /// What was looked for in the graph.
    pub keywords: Keywords,
    /// Passages.
    pub excerpts: Vec<FoundExcerpt>,
    /// Entities.
    pub entities: Vec<FoundEntity>,
    /// Relationships.
    pub relationships: Vec<FoundRelationship>,
    /// All of it as a language model would be shown it.
    pub context: String,
}

impl Engine {
    /// Finds what bears on a question, without answering it.
    pub async fn retrieve(
        &self,
        question: String,
        options: RetrieveOptions,
        signal: Signal,
    ) -> Result<Retrieved> {
        let caller = self.new_caller();
        let reader = self.reader(caller, &Meter::default());
        let found = self.reading(&signal, self.find(&*reader, caller, &question, &options)).await?;
        let context = render_context(&found.context());
        let Found { keywords, excerpts, entities, relationships } = found;
        Ok(Retrieved { mode: options.mode, keywords, excerpts, entities, relationships, context })
    }

    /// Thinks first, holding nothing; then reads one version, whole.
    pub(super) async fn find(
        &self,
        reader: &dyn Reader,
        caller: Caller,
        question: &str,
        options: &RetrieveOptions,
    ) -> Result<Found> {
        let keywords = match options.mode {
            Mode::Standard => Keywords::default(),
            _ => reader.keywords(question).await?,
        };
        let texts = [&[question.to_owned()][..], &keywords.high, &keywords.low].concat();
        loop {
            let (embedder, generation) = (self.embedder(), self.0.version.generation());
            let vectors =
                self.embed_by(embedder.as_deref(), caller, texts.clone(), &Paid::default()).await?;
            let mut probes =
                texts.iter().cloned().zip(vectors).map(|(text, vector)| Probe { text, vector });
            let question = probes.next().expect("the question is the first of the probes");
            let high: Vec<_> = probes.by_ref().take(keywords.high.len()).collect();
            let low: Vec<_> = probes.collect();

            let vector_weight = self.vector_weight();
            let search = |knowledge: &KnowledgeBase| {
                // Else its vectors are by another model now.
                let same = self.0.version.generation() == generation;
                same.then(|| {
                    Search { knowledge, options, vector_weight }.run(&question, &high, &low)
                })
            };
            if let Some(found) = self.0.version.read(search).await {
                return Ok(Found { keywords, ..found });
            }
        }
    }
}

impl Found {
    /// What an answer rests on.
    pub fn context(&self) -> Context {
        let excerpts = self.excerpts.iter().map(|excerpt| ContextExcerpt {
            source: excerpt.source.clone(),
            headings: excerpt.headings.clone(),
            text: excerpt.text.clone(),
            fence: excerpt.fence.clone(),
        });
        let entities = self.entities.iter().map(|entity| ContextEntity {
            name: entity.name.clone(),
            category: entity.category.clone(),
            description: entity.description.clone(),
            rank: entity.rank,
        });
        let relationships = self.relationships.iter().map(|relationship| ContextRelationship {
            source: relationship.source.clone(),
            target: relationship.target.clone(),
            description: relationship.description.clone(),
            keywords: relationship.keywords.clone(),
            weight: relationship.weight,
            rank: relationship.rank,
        });
        Context {
            excerpts: excerpts.collect(),
            entities: entities.collect(),
            relationships: relationships.collect(),
        }
    }
}

//! Retrieval: what in the knowledge base bears on a question.

use std::rc::Rc;

use super::{
    instance::{Call, Engine},
    paid::Paid,
    search::{Probe, Search},
    signal::{Signal, within},
    usage::{Budget, Counter},
};
use crate::{
    order::{OrderedSet, sort_by},
    port::{
        Context, ContextEntity, ContextExcerpt, ContextRelationship, Keywords, Mode, Reader,
        RerankRequest, Reranker,
    },
    prompt::render_context,
    record::{Error, Filter, Result, heading_path},
    store::KnowledgeBase,
};

/// Who puts the excerpts that were found in order.
#[derive(Clone, Default)]
pub enum Rerank {
    /// Whom the instance was opened with, if anyone.
    #[default]
    Usual,
    /// Nobody.
    Off,
    /// This one.
    By(Rc<dyn Reranker>),
}

/// How much rankings count against the one by words, which counts 1. The usual weights depend on who
/// embeds and on the mode.
#[derive(Clone, Copy, Default)]
pub struct Weights {
    /// Rankings by vectors.
    pub vector: Option<f64>,
    /// The ranking of excerpts by what the graph found.
    pub graph: Option<f64>,
}

/// How to retrieve.
#[derive(Clone)]
pub struct RetrieveOptions {
    /// By which way.
    pub mode: Mode,
    /// The most excerpts.
    pub top_k: usize,
    /// The most tokens of excerpts, of entities and of relationships, each.
    pub max_tokens: usize,
    /// Which documents may be used.
    pub filter: Filter,
    /// How rankings are fused.
    pub weights: Weights,
    /// How much an excerpt loses by being like those before it, from 0, nothing, to 1.
    pub diversity: f64,
    /// Who puts excerpts in order.
    pub rerank: Rerank,
    /// What the call may cost.
    pub budget: Budget,
}

impl Default for RetrieveOptions {
    fn default() -> Self {
        RetrieveOptions {
            mode: Mode::Mix,
            top_k: 5,
            max_tokens: 4000,
            filter: Filter::default(),
            weights: Weights::default(),
            // Few passages of a document are alike, so that what is less alike is less to the point: of
            // the passages that answer the questions of `make eval`, 84 in 100 are among five excerpts
            // at 0, 82 at 0.1, 79 at 0.2, 63 at 0.3; of the answers as many have them up to 0.2.
            diversity: 0.0,
            rerank: Rerank::default(),
            budget: Budget::default(),
        }
    }
}

/// An excerpt that was found.
#[derive(Clone, Debug, PartialEq)]
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
    pub fence: Option<Rc<str>>,
}

/// An entity that was found.
#[derive(Clone, Debug, PartialEq)]
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
    /// The first excerpts it was read from, as lines of [`Found::mentioned_in`].
    pub excerpts: Vec<u32>,
}

/// A relationship that was found.
#[derive(Clone, Debug, PartialEq)]
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
    /// As [`FoundEntity::excerpts`].
    pub excerpts: Vec<u32>,
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
    /// The ids of excerpts that entities and relationships were read from, a line each.
    pub mentioned_in: String,
}

/// What was found, as callers see it.
#[derive(Clone, Debug, PartialEq)]
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
    /// The ids of excerpts that entities and relationships were read from, a line each.
    pub mentioned_in: String,
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
        let call = self.new_call(options.budget);
        let reader = self.reader(&call);
        let found = self.reading(&signal, self.find(&*reader, &call, &question, &options)).await?;
        let context = render_context(&found.context());
        let Found { keywords, excerpts, entities, relationships, mentioned_in } = found;
        let mode = options.mode;
        Ok(Retrieved { mode, keywords, excerpts, entities, relationships, mentioned_in, context })
    }

    /// Thinks first, holding nothing; then reads one version, whole.
    pub(super) async fn find(
        &self,
        reader: &dyn Reader,
        call: &Call,
        question: &str,
        options: &RetrieveOptions,
    ) -> Result<Found> {
        let keywords = match options.mode {
            Mode::Standard => Keywords::default(),
            _ => reader.keywords(question).await?,
        };
        let texts = [&[question.to_owned()][..], &keywords.high, &keywords.low].concat();
        let reranker = match &options.rerank {
            Rerank::Usual => self.0.ports.reranker.clone(),
            Rerank::Off => None,
            Rerank::By(reranker) => Some(reranker.clone()),
        };
        let mut wide = options.clone();
        if reranker.is_some() {
            wide.top_k = options.top_k.saturating_mul(WIDER).max(AT_LEAST);
            // The order is the reranker's.
            wide.diversity = 0.0;
        }
        let counter = self.counter();
        let mut found = loop {
            let (embedder, generation) = (self.embedder(), self.0.version.generation());
            let vectors =
                self.embed_by(embedder.as_deref(), call, texts.clone(), &Paid::default()).await?;
            let mut probes =
                texts.iter().cloned().zip(vectors).map(|(text, vector)| Probe { text, vector });
            let probe = probes.next().expect("the question is the first of the probes");
            let high: Vec<_> = probes.by_ref().take(keywords.high.len()).collect();
            let low: Vec<_> = probes.collect();

            let vector_weight = self.vector_weight(options.weights);
            let estimates = counter.by.is_none();
            let search = |knowledge: &KnowledgeBase| {
                // Else its vectors are by another model now.
                let same = self.0.version.generation() == generation;
                same.then(|| {
                    let search = Search { knowledge, options: &wide, vector_weight, estimates };
                    search.run(&probe, &high, &low)
                })
            };
            if let Some(found) = self.0.version.read(search).await {
                break Found { keywords, ..found };
            }
        };
        if let Some(reranker) = reranker {
            self.rerank(call, reranker, question, &mut found.excerpts, options.top_k).await?;
        }
        found.within(&counter, options.max_tokens).await?;
        Ok(found)
    }

    /// Puts excerpts in the reranker's order, with its scores, and keeps the best.
    async fn rerank(
        &self,
        call: &Call,
        reranker: Rc<dyn Reranker>,
        question: &str,
        excerpts: &mut Vec<FoundExcerpt>,
        top_k: usize,
    ) -> Result<()> {
        if excerpts.is_empty() || top_k == 0 {
            excerpts.truncate(top_k);
            return Ok(());
        }
        let text = |excerpt: &FoundExcerpt| {
            [&*heading_path(&excerpt.headings), &*excerpt.text].join("\n").trim().to_owned()
        };
        let request = RerankRequest {
            query: question.to_owned(),
            documents: excerpts.iter().map(text).collect(),
            top_k,
        };
        let id = reranker.id().to_owned();
        let under_way = call.meter.begin_rerank().await?;
        let timeout = self.0.options.model_timeout;
        let judged = within(&*self.0.ports.clock, timeout, reranker.rerank(request), || {
            Error::provider(format!("the reranker {id} gave no answer in time; check the provider"))
        });
        let mut judged = judged.await?;
        drop(under_way);
        sort_by(&mut judged, |(_, a), (_, b)| b.total_cmp(a));
        let mut seen = OrderedSet::new();
        let sound = |&(index, score): &(usize, f64)| {
            index < excerpts.len() && score.is_finite() && seen.insert(index)
        };
        if !judged.iter().all(sound) {
            return Err(Error::provider(format!(
                "the reranker {id} gave an index that is not there or comes twice, or a score that is no number"
            )));
        }
        let best = judged.into_iter().take(top_k);
        *excerpts =
            best.map(|(index, score)| FoundExcerpt { score, ..excerpts[index].clone() }).collect();
        Ok(())
    }
}

/// So many times the excerpts that are wanted are given to a reranker,
const WIDER: usize = 4;
/// and at least so many.
const AT_LEAST: usize = 20;

/// Tokens of the line breaks and marks around an item.
pub(super) const FRAME: usize = 6;

/// How many items, each by its texts, the budget holds, up to the first that it does not.
async fn fitting(counter: &Counter, max_tokens: usize, items: Vec<Vec<Rc<str>>>) -> Result<usize> {
    let mut left = max_tokens;
    for (place, texts) in items.iter().enumerate() {
        let mut tokens = FRAME;
        for text in texts {
            tokens += counter.count(text).await?;
        }
        match left.checked_sub(tokens) {
            Some(rest) => left = rest,
            None => return Ok(place),
        }
    }
    Ok(items.len())
}

impl FoundExcerpt {
    fn shown(&self) -> Vec<Rc<str>> {
        let headings = heading_path(&self.headings).into();
        vec![headings, self.source.clone(), self.text.clone()]
    }
}

impl FoundEntity {
    fn shown(&self) -> Vec<Rc<str>> {
        vec![self.name.clone(), self.category.clone(), self.description.clone()]
    }
}

impl FoundRelationship {
    fn shown(&self) -> Vec<Rc<str>> {
        let FoundRelationship { source, target, description, keywords, .. } = self;
        [source, target, description, keywords].map(Rc::clone).to_vec()
    }
}

impl Found {
    /// Cuts each list where the budget ends. Where nobody but us counts, the search has cut all but the
    /// excerpts, which are few and may have been put in another order.
    async fn within(&mut self, counter: &Counter, max_tokens: usize) -> Result<()> {
        let excerpts = self.excerpts.iter().map(FoundExcerpt::shown).collect();
        let excerpts = fitting(counter, max_tokens, excerpts).await?;
        self.excerpts.truncate(excerpts);
        if counter.by.is_some() {
            let entities = self.entities.iter().map(FoundEntity::shown).collect();
            let entities = fitting(counter, max_tokens, entities).await?;
            self.entities.truncate(entities);
            let relationships = self.relationships.iter().map(FoundRelationship::shown).collect();
            let relationships = fitting(counter, max_tokens, relationships).await?;
            self.relationships.truncate(relationships);
        }
        Ok(())
    }

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

//! What an ingest would cost, by the very steps that it takes, with nobody called.

use std::{cell::RefCell, rc::Rc};

use futures::{
    FutureExt,
    future::{self, LocalBoxFuture},
};
use serde::Serialize;

use super::{
    cache::{Cache, Key},
    ingest::{DocumentInput, assemble, embedded_texts},
    instance::{Call, Embedder, Engine},
    models::{completion_key, embedding_key},
    signal::Signal,
    usage::{Budget, Usage},
};
use crate::{
    order::OrderedMap,
    port::{Completion, DocumentText, LanguageModel, Reader, Reading, Said},
    prompt::PromptedReader,
    record::Result,
};

/// What an ingest would do and cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Documents that would be read.
    pub changed: Vec<Rc<str>>,
    /// Those that have nothing to do.
    pub unchanged: Vec<Rc<str>>,
    /// What it would cost, answers that are kept left out.
    pub usage: Usage,
}

/// What was found out so far.
#[derive(Default)]
struct Costs {
    usage: Usage,
    /// Answers that will have been paid for by the time they are needed again.
    paid: OrderedMap<Key, usize>,
}

impl Costs {
    /// Whether this is the first time that the answer is needed.
    fn first(&mut self, key: Key) -> bool {
        self.paid.insert(key, 0).is_none()
    }
}

impl Engine {
    /// What [`ingest`](Engine::ingest) of these documents would cost now. Calls no model and changes
    /// nothing. What a language model would find is taken to be what the built-in reader finds.
    pub async fn estimate(
        &self,
        documents: Vec<DocumentInput>,
        signal: Signal,
    ) -> Result<Estimate> {
        self.check_documents(&documents)?;
        let work = async {
            let call = self.new_call(Budget::default());
            let mut estimate = Estimate::default();
            let mut costs = Costs::default();
            for document in &documents {
                self.0.pacer.pause().await;
                let revision = self.revision(&call, document);
                if self.0.version.revision(&document.source).as_ref() == Some(&revision) {
                    estimate.unchanged.push(document.source.clone());
                } else {
                    // What was paid for in vain before is not paid for again.
                    self.recall(&document.source).await?;
                    self.estimate_document(&call, document, &mut costs).await?;
                    estimate.changed.push(document.source.clone());
                }
            }
            costs.usage.estimated = costs.usage.calls + costs.usage.embedding_calls > 0;
            Ok(Estimate { usage: costs.usage, ..estimate })
        };
        self.reading(&signal, work).await
    }

    async fn estimate_document(
        &self,
        call: &Call,
        document: &DocumentInput,
        costs: &mut Costs,
    ) -> Result<()> {
        let (spans, text) = self.split(document).await?;
        let mut reading = self.0.extractive.read(text.clone(), Rc::new(|_, _| ())).await?;
        if let Some(llm) = &self.0.ports.llm {
            reading = self.rehearse(llm, text, reading, costs).await;
        }
        let embedder = self.embedder();
        let Some(Embedder::Model(embedder)) = embedder.as_deref() else { return Ok(()) };
        let revision = self.revision(call, document);
        let contribution = assemble(document, revision, &spans, reading, &self.0.pacer).await;
        let mut texts = embedded_texts(&contribution, &self.0.pacer).await;
        texts.retain(|text| {
            let key = embedding_key(embedder.id(), text);
            let is_kept = self.0.version.known().find(key).is_some()
                || self.0.embeddings.cache.peek(key).is_some();
            !is_kept && costs.first(key)
        });
        costs.usage.embedding_calls += texts.len().div_ceil(embedder.max_batch().max(1));
        costs.usage.embedding_tokens += self.counter().cost(&texts).await;
        Ok(())
    }

    /// Lets a reader ask a model that only counts.
    async fn rehearse(
        &self,
        llm: &Rc<dyn LanguageModel>,
        text: DocumentText,
        typical: Reading,
        costs: &mut Costs,
    ) -> Reading {
        let stand_in = Rc::new(StandIn {
            id: llm.id().to_owned(),
            takes_json: llm.takes_json(),
            cache: self.0.completions.cache.clone(),
            typical: RefCell::default(),
            places: RefCell::default(),
            asked: RefCell::default(),
        });
        let reader = PromptedReader::new(stand_in.clone(), self.0.options.prompts.clone());
        let typical = reader.typical_answers(&text, &typical);
        let places = typical.iter().enumerate();
        *stand_in.places.borrow_mut() =
            places.map(|(place, (asked, _))| (stand_in.key(asked), place)).collect();
        *stand_in.typical.borrow_mut() = typical;
        // One that fails on answers that are kept fails before anything is embedded.
        let reading = reader.read(text, Rc::new(|_, _| ())).await.unwrap_or_default();
        for (request, answer) in stand_in.asked.take() {
            if costs.first(stand_in.key(&request)) {
                self.0.pacer.pause().await;
                let counter = self.counter();
                costs.usage.calls += 1;
                costs.usage.prompt_tokens += counter.prompt(&request).await;
                costs.usage.completion_tokens += counter.cost(&[&answer]).await;
            }
        }
        reading
    }
}

/// Answers what was paid for from the cache, and all else as is typical, writing it down.
struct StandIn {
    id: String,
    takes_json: bool,
    cache: Cache<Rc<str>>,
    typical: RefCell<Vec<(Completion, String)>>,
    /// Where in them, by the key of what is asked.
    places: RefCell<OrderedMap<Key, usize>>,
    asked: RefCell<Vec<(Completion, String)>>,
}

impl StandIn {
    fn key(&self, request: &Completion) -> Key {
        completion_key(&self.id, request)
    }
}

/// A model that is asked once more typically finds nothing more.
const NOTHING_MORE: &str = "<|COMPLETE|>";

impl LanguageModel for StandIn {
    fn id(&self) -> &str {
        &self.id
    }

    fn takes_json(&self) -> bool {
        self.takes_json
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let key = self.key(&request);
        let kept = self.cache.peek(key).map(|answer| answer.to_string());
        let said = kept.unwrap_or_else(|| {
            let place = self.places.borrow().get(&key).copied();
            let typical = place.map(|place| self.typical.borrow()[place].1.clone());
            let typical = typical.unwrap_or_else(|| NOTHING_MORE.to_owned());
            self.asked.borrow_mut().push((request, typical.clone()));
            typical
        });
        future::ready(Ok(said.into())).boxed_local()
    }
}

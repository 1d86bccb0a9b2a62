//! Answers: what was retrieved, put to the reader, with the passages that the answer cites.

use std::rc::Rc;

use futures::{
    FutureExt, StreamExt,
    stream::{self, LocalBoxStream},
};
use serde::Serialize;

use super::{
    instance::{Engine, Meter},
    queue::Reading,
    retrieve::{FoundExcerpt, RetrieveOptions},
    signal::Signal,
};
use crate::{
    port::{AnswerPart, AnswerRequest, Mode, Turn},
    record::Result,
};

/// How a question is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryOptions {
    /// What the answer may rest on.
    pub retrieve: RetrieveOptions,
    /// The conversation before the question, oldest turn first.
    pub history: Vec<Turn>,
}

/// A passage that the answer cites.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// Its document.
    pub source: Rc<str>,
    /// Its excerpt.
    pub excerpt_id: Rc<str>,
    /// The source's `slice(start, end)`.
    pub text: Rc<str>,
    /// In UTF-16 units.
    pub start: u32,
    /// In UTF-16 units.
    pub end: u32,
    /// How well it matched.
    pub score: f64,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// Waiting for the right to read.
    pub queue: f64,
    /// Finding what the answer rests on.
    pub retrieve: f64,
    /// Answering.
    pub answer: f64,
    /// All of it.
    pub total: f64,
}

/// An answer. The mark `[n]` in its text is the n-th of its references.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// With marks.
    pub text: String,
    /// Those that are cited.
    pub references: Vec<Reference>,
    /// How it was found.
    pub mode: Mode,
    /// Whether a language model was wanted and every answer of it was kept from before.
    pub cached: bool,
    /// How long it took.
    pub timings: Timings,
}

/// A part of an answer as it comes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum StreamPart {
    /// All references so far; text that cites the new ones follows.
    References {
        /// The n-th is what the mark `[n]` means.
        references: Vec<Reference>,
    },
    /// More text.
    Text {
        /// To be put behind what came before.
        text: String,
    },
    /// The end.
    Done {
        /// The whole answer.
        answer: Answer,
    },
}

impl Engine {
    /// Answers a question from the documents.
    pub async fn query(
        &self,
        question: String,
        options: QueryOptions,
        signal: Signal,
    ) -> Result<Answer> {
        let mut parts = self.stream(question, options, signal);
        loop {
            if let StreamPart::Done { answer } =
                parts.next().await.expect("a stream ends with its answer or an error")?
            {
                return Ok(answer);
            }
        }
    }

    /// Answers in parts as they come; the last one is the whole answer, or an error.
    pub fn stream(
        &self,
        question: String,
        options: QueryOptions,
        signal: Signal,
    ) -> LocalBoxStream<'static, Result<StreamPart>> {
        let engine = self.clone();
        async move {
            match engine.begin(question, options, signal).await {
                Ok(answering) => stream::unfold(Some(answering), |answering| async {
                    Some(answering?.next().await)
                })
                .right_stream(),
                Err(error) => stream::once(async { Err(error) }).left_stream(),
            }
        }
        .flatten_stream()
        .boxed_local()
    }

    async fn begin(
        self,
        question: String,
        options: QueryOptions,
        signal: Signal,
    ) -> Result<Answering> {
        let started = self.now();
        let caller = self.new_caller();
        let meter = Meter::default();
        let reading = self.0.queue.read(&signal)?.await?;
        let entered = self.now();
        self.0.pacer.pause().await;
        let reader = self.reader(caller, &meter);
        let QueryOptions { retrieve, history } = options;
        let retrieved = signal
            .guard(async {
                let alone = reader.standalone(&question, &history).await?;
                self.find(&*reader, caller, &alone, &retrieve).await
            })
            .await?;
        self.0.pacer.pause().await;
        let request = AnswerRequest {
            question,
            mode: retrieve.mode,
            context: retrieved.context(),
            history,
            instructions: None,
        };
        Ok(Answering {
            parts: reader.answer(request),
            excerpts: retrieved.excerpts,
            text: String::new(),
            references: Vec::new(),
            mode: retrieve.mode,
            found: self.now(),
            engine: self,
            meter,
            started,
            entered,
            signal,
            _reading: reading,
        })
    }

    fn now(&self) -> f64 {
        self.0.ports.clock.now()
    }
}

/// An answer on its way.
struct Answering {
    engine: Engine,
    signal: Signal,
    meter: Meter,
    parts: LocalBoxStream<'static, Result<AnswerPart>>,
    /// What may be cited.
    excerpts: Vec<FoundExcerpt>,
    text: String,
    references: Vec<Reference>,
    mode: Mode,
    started: f64,
    entered: f64,
    found: f64,
    /// The call runs until the answer is whole.
    _reading: Reading,
}

impl Answering {
    /// The next part, and what comes after it: nothing after the end or an error.
    async fn next(mut self) -> (Result<StreamPart>, Option<Self>) {
        let signal = self.signal.clone();
        let part = signal.guard(self.parts.next().map(Option::transpose)).await;
        match part {
            Ok(Some(AnswerPart::Text(text))) => {
                self.text.push_str(&text);
                (Ok(StreamPart::Text { text }), Some(self))
            }
            Ok(Some(AnswerPart::Reference { excerpt, .. })) => {
                self.references.push(reference(&self.excerpts[excerpt]));
                (Ok(StreamPart::References { references: self.references.clone() }), Some(self))
            }
            Ok(None) => (Ok(StreamPart::Done { answer: self.finish() }), None),
            Err(error) => (Err(error), None),
        }
    }

    fn finish(self) -> Answer {
        let now = self.engine.now();
        Answer {
            text: self.text,
            references: self.references,
            mode: self.mode,
            cached: self.engine.0.ports.llm.is_some() && self.meter.calls() == 0,
            timings: Timings {
                queue: self.entered - self.started,
                retrieve: self.found - self.entered,
                answer: now - self.found,
                total: now - self.started,
            },
        }
    }
}

fn reference(excerpt: &FoundExcerpt) -> Reference {
    Reference {
        source: excerpt.source.clone(),
        excerpt_id: excerpt.id.clone(),
        text: excerpt.text.clone(),
        start: excerpt.start,
        end: excerpt.end,
        score: excerpt.score,
    }
}

//! Answers: what was retrieved, put to the reader, with the passages that the answer cites.

use std::rc::Rc;

use futures::{
    FutureExt, StreamExt,
    stream::{self, LocalBoxStream},
};
use serde::Serialize;

use super::{
    instance::{Call, Engine},
    queue::Reading,
    retrieve::{FoundExcerpt, RetrieveOptions},
    signal::Signal,
    usage::Usage,
};
use crate::{
    port::{AnswerPart, AnswerRequest, Completion, Mode, Reader, Turn},
    prompt::answer_prompt,
    record::Result,
};

/// How a question is answered.
#[derive(Clone, Default)]
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
    /// What it has cost.
    pub usage: Usage,
}

/// What a language model would be asked for an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerPrompt {
    /// Standing instructions.
    pub system: String,
    /// What was retrieved, and the question.
    pub prompt: String,
    /// The n-th is what the prompt calls `[n]`.
    pub references: Vec<Reference>,
    /// How it was found.
    pub mode: Mode,
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

    /// What a language model would be asked, without asking one: the built-in reader says what to
    /// look for.
    pub async fn query_prompt(
        &self,
        question: String,
        options: QueryOptions,
        signal: Signal,
    ) -> Result<AnswerPrompt> {
        let call = self.new_call(options.retrieve.budget);
        let reader = &*self.0.extractive;
        let (request, excerpts) =
            self.reading(&signal, self.request(reader, &call, question, options)).await?;
        let Completion { system, prompt, .. } = answer_prompt(&request, &self.0.options.prompts);
        Ok(AnswerPrompt {
            system: system.as_deref().unwrap_or_default().to_owned(),
            prompt,
            references: excerpts.iter().map(reference).collect(),
            mode: request.mode,
        })
    }

    /// The question with what was retrieved for it.
    async fn request(
        &self,
        reader: &dyn Reader,
        call: &Call,
        question: String,
        options: QueryOptions,
    ) -> Result<(AnswerRequest, Vec<FoundExcerpt>)> {
        let QueryOptions { retrieve, history } = options;
        let alone = reader.standalone(&question, &history).await?;
        let found = self.find(reader, call, &alone, &retrieve).await?;
        let request = AnswerRequest {
            question,
            mode: retrieve.mode,
            context: found.context(),
            history,
            instructions: None,
        };
        Ok((request, found.excerpts))
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
        let call = self.new_call(options.retrieve.budget);
        let reading = self.0.queue.read(&signal)?.await?;
        let entered = self.now();
        self.0.pacer.pause().await;
        let reader = self.reader(&call);
        let (request, excerpts) =
            signal.guard(self.request(&*reader, &call, question, options)).await?;
        self.0.pacer.pause().await;
        Ok(Answering {
            mode: request.mode,
            parts: reader.answer(request),
            excerpts,
            text: String::new(),
            references: Vec::new(),
            found: self.now(),
            engine: self,
            call,
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
    call: Call,
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
        let usage = self.call.meter.usage();
        Answer {
            text: self.text,
            references: self.references,
            mode: self.mode,
            cached: self.engine.0.ports.llm.is_some() && usage.calls == 0,
            usage,
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

//! Documents in: split, read, embed, commit.

use std::{cell::Cell, rc::Rc};

use futures::StreamExt;
use serde::Serialize;

use super::{
    instance::{Call, Engine},
    paid::Paid,
    queue::Unit,
    signal::{Signal, within},
    usage::{Budget, Usage},
};
use crate::{
    order::{OrderedSet, sort_by_key},
    port::{DocumentText, ExcerptReading, ExcerptText, Pacer, Reading},
    record::{
        Contribution, EntityMention, Error, Excerpt, Metadata, MetadataValue, Position,
        RelationshipMention, Result, UnitVector, Weight, codec::encode_metadata, excerpt_id,
        heading_path, revision,
    },
    text::{ExcerptOptions, Span, Splitting, locate},
};

/// A document as the user gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentInput {
    /// The name the document is known by.
    pub source: Rc<str>,
    /// All of it.
    pub text: Rc<str>,
    /// What the user attaches.
    pub metadata: Metadata,
}

/// A step of ingesting one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// It was split.
    Excerpts,
    /// Its excerpts are being read.
    Reading,
    /// What was read is being embedded.
    Embedding,
    /// It is being written.
    Commit,
}

/// How far one document is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IngestProgress {
    /// Which document.
    pub source: Rc<str>,
    /// In which step.
    pub stage: Stage,
    /// Items of the step that are done.
    pub done: usize,
    /// Items of the step.
    pub total: usize,
}

/// What became of each document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// New ones.
    pub ingested: Vec<Rc<str>>,
    /// Those whose source was known.
    pub updated: Vec<Rc<str>>,
    /// Those that had nothing to do.
    pub unchanged: Vec<Rc<str>>,
    /// Those that failed; their earlier version stands.
    pub failed: Vec<Failure>,
    /// What failed in documents that did not: something lesser stands in for it.
    pub degraded: Vec<Failure>,
    /// What it has cost.
    pub usage: Usage,
}

/// A document that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// Which one.
    pub source: Rc<str>,
    /// Why.
    pub error: Error,
}

enum Outcome {
    /// With what failed in them without failing them.
    Ingested(Vec<Error>),
    Updated(Vec<Error>),
    Unchanged,
}

type Progress = Rc<dyn Fn(IngestProgress)>;

impl Engine {
    /// Adds documents and updates known ones, each in one commit of its own.
    ///
    /// Refuses bad documents before anything happens. Cancelled, it fails; documents that were
    /// committed by then stay, and are `unchanged` when the call is made again.
    pub async fn ingest(
        &self,
        documents: Vec<DocumentInput>,
        signal: Signal,
        progress: Progress,
    ) -> Result<IngestReport> {
        self.ingest_within(Budget::default(), documents, signal, progress).await
    }

    /// Like [`ingest`](Engine::ingest), for no more than the budget: documents that it does not
    /// suffice for fail.
    pub async fn ingest_within(
        &self,
        budget: Budget,
        documents: Vec<DocumentInput>,
        signal: Signal,
        progress: Progress,
    ) -> Result<IngestReport> {
        self.check_documents(&documents)?;
        let call = self.new_call(budget);
        let left = Cell::new(documents.len());
        let ingest = Ingest { engine: self, call: &call, signal: &signal, progress, left };
        let units = self
            .0
            .queue
            .write(documents.iter().map(|document| document.source.clone()), &signal)?;
        // Without a bound: the queue starts only as many units as may run.
        let outcomes: Vec<_> = units
            .map(|unit| ingest.unit(unit, &documents))
            .buffer_unordered(usize::MAX)
            .collect()
            .await;
        let report = report(&documents, outcomes)?;
        Ok(IngestReport { usage: call.meter.usage(), ..report })
    }

    pub(super) fn check_documents(&self, documents: &[DocumentInput]) -> Result<()> {
        let mut sources = OrderedSet::new();
        for DocumentInput { source, text, metadata } in documents {
            check_name("source", source)?;
            if !sources.insert(source) {
                return Err(Error::invalid(format!(
                    "the source {source:?} comes twice in one call"
                )));
            }
            check_text(source, text, self.0.options.document_bytes)?;
            if !metadata.values().all(is_finite) {
                return Err(Error::invalid(format!(
                    "{source:?}: numbers in metadata must be finite"
                )));
            }
        }
        Ok(())
    }

    /// Over everything that the contribution of a document depends on.
    pub(super) fn revision(&self, call: &Call, document: &DocumentInput) -> Rc<str> {
        let reader = self.reader(call).id();
        let metadata = encode_metadata(&document.metadata);
        let ExcerptOptions { size, overlap, strategy } = self.0.options.excerpts;
        let excerpts = format!("{size} {overlap} {}", strategy as u8);
        let text = document.text.as_bytes();
        let parts = [text, reader.as_bytes(), excerpts.as_bytes(), &metadata, b"text not kept"];
        // One that has its text is read anew where it must not have it, and the other way round.
        let parts = if self.0.options.keep_text { &parts[..4] } else { &parts };
        revision(parts).into()
    }

    /// A document as a reader is given it, and where its excerpts are.
    pub(super) async fn split(
        &self,
        document: &DocumentInput,
    ) -> Result<(Vec<Span>, DocumentText)> {
        let (spans, title) = self.spans(document).await?;
        let excerpt = |span: &Span| ExcerptText {
            text: document.text[span.bytes.clone()].into(),
            headings: span.headings.clone(),
            fence: span.fence.clone(),
        };
        let text = DocumentText {
            source: document.source.clone(),
            title: title.unwrap_or_default().into(),
            text: document.text.clone(),
            excerpts: spans.iter().map(excerpt).collect(),
        };
        Ok((spans, text))
    }

    /// Where the excerpts of a document are, and its title.
    async fn spans(&self, document: &DocumentInput) -> Result<(Vec<Span>, Option<String>)> {
        match &self.0.ports.splitter {
            Some(splitter) => {
                let milliseconds = self.0.options.model_timeout;
                let late = || {
                    Error::provider(format!(
                        "the function that splits into excerpts gave no answer for {} ms",
                        milliseconds as u64
                    ))
                };
                let parts = splitter.split(&document.text);
                let parts = within(&*self.0.ports.clock, milliseconds, parts, late).await?;
                locate(&document.text, &parts)
            }
            None => {
                let mut splitting = Splitting::new(&document.text, &self.0.options.excerpts)?;
                self.0.pacer.all(&mut || splitting.step()).await;
                Ok(splitting.finish())
            }
        }
    }
}

/// Refuses what cannot be a source or the name of an entity.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid(format!("{what} must not be empty")));
    }
    if name.len() > 1024 {
        return Err(Error::invalid(format!("{what} must not be longer than 1,024 bytes")));
    }
    if name.contains(char::is_control) {
        return Err(Error::invalid(format!("{what} {name:?} must not hold control characters")));
    }
    Ok(())
}

fn check_text(source: &str, text: &str, most: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::invalid(format!("{source:?} has no text")));
    }
    if text.len() > most {
        return Err(Error::invalid(format!(
            "{source:?} has {} bytes, more than limits.documentBytes ({most}); split it or raise the limit",
            text.len()
        )));
    }
    if text.contains('\0') {
        return Err(Error::invalid(format!(
            "{source:?} holds a NUL character; is it a binary file?"
        )));
    }
    Ok(())
}

fn is_finite(value: &MetadataValue) -> bool {
    match value {
        MetadataValue::Number(number) => number.is_finite(),
        MetadataValue::List(list) => list.iter().all(is_finite),
        MetadataValue::Flag(_) | MetadataValue::Text(_) => true,
    }
}

/// Fails if the call was cancelled before everything was committed.
fn report(
    documents: &[DocumentInput],
    outcomes: Vec<Result<(usize, Result<Outcome>)>>,
) -> Result<IngestReport> {
    let mut outcomes = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    sort_by_key(&mut outcomes, |(position, _)| *position);
    let mut report = IngestReport::default();
    for (position, outcome) in outcomes {
        let source = documents[position].source.clone();
        match outcome {
            Ok(Outcome::Unchanged) => report.unchanged.push(source),
            Ok(Outcome::Ingested(errors)) => {
                report.degrade(&source, errors);
                report.ingested.push(source);
            }
            Ok(Outcome::Updated(errors)) => {
                report.degrade(&source, errors);
                report.updated.push(source);
            }
            Err(error) => report.failed.push(Failure { source, error }),
        }
    }
    Ok(report)
}

impl IngestReport {
    fn degrade(&mut self, source: &Rc<str>, errors: Vec<Error>) {
        let failures = errors.into_iter().map(|error| Failure { source: source.clone(), error });
        self.degraded.extend(failures);
    }
}

/// What the documents of one call share.
struct Ingest<'a> {
    engine: &'a Engine,
    call: &'a Call,
    signal: &'a Signal,
    progress: Progress,
    /// Documents that are not at their end.
    left: Cell<usize>,
}

impl Ingest<'_> {
    /// One document. The outer error is that of the call, the inner one that of the document.
    async fn unit(
        &self,
        unit: Result<Unit>,
        documents: &[DocumentInput],
    ) -> Result<(usize, Result<Outcome>)> {
        let unit = unit.inspect_err(|_| self.left.set(self.left.get() - 1))?;
        self.engine.0.pacer.pause().await;
        let position = unit.position();
        let outcome = self.document(unit, &documents[position]).await;
        self.left.set(self.left.get() - 1);
        self.engine.settle(self.left.get() > 0).await;
        match outcome {
            Err(reason) if self.signal.is_cancelled() => Err(reason),
            outcome => Ok((position, outcome)),
        }
    }

    async fn document(&self, unit: Unit, document: &DocumentInput) -> Result<Outcome> {
        let revision = self.engine.revision(self.call, document);
        let stored = self.engine.0.version.revision(&document.source);
        if stored.as_deref() == Some(&*revision) {
            return Ok(Outcome::Unchanged);
        }
        self.engine.check_room().await?;
        let pacer = &self.engine.0.pacer;
        let paid = self.signal.guard(self.engine.recall(&document.source)).await?;
        let think = async {
            let (contribution, degraded) = self.think(document, revision, &paid).await?;
            pacer.pause().await;
            let prepared = self.engine.prepare_put(contribution, &document.text).await?;
            pacer.pause().await;
            Ok((prepared, degraded))
        };
        let (prepared, degraded) = self.engine.keeping(&paid, self.signal.guard(think)).await?;
        let prepared = prepared.without(paid.kept());
        self.report(document, Stage::Commit, 0, 1);
        let turn = unit.commit_turn().await?;
        self.engine.commit_ready(prepared).await?;
        drop(turn);
        pacer.pause().await;
        self.report(document, Stage::Commit, 1, 1);
        Ok(match stored {
            Some(_) => Outcome::Updated(degraded),
            None => Outcome::Ingested(degraded),
        })
    }

    /// Splits, reads and embeds; changes nothing. Also gives what failed without failing it.
    async fn think(
        &self,
        document: &DocumentInput,
        revision: Rc<str>,
        paid: &Paid,
    ) -> Result<(Contribution, Vec<Error>)> {
        let Engine(inner) = self.engine;
        let (spans, text) = self.engine.split(document).await?;
        self.report(document, Stage::Excerpts, spans.len(), spans.len());
        inner.pacer.pause().await;

        let mut reading = self.read(text, paid).await?;
        let degraded = reading.excerpts.iter_mut().flat_map(|read| read.degraded.split_off(0));
        let degraded = degraded.collect();
        let mut contribution = assemble(document, revision, &spans, reading, &inner.pacer).await;
        let texts = embedded_texts(&contribution, &inner.pacer).await;
        let total = texts.len();
        self.report(document, Stage::Embedding, 0, total);
        let embedder = self.engine.embedder();
        let vectors = self.engine.embed_by(embedder.as_deref(), self.call, texts, paid).await?;
        self.report(document, Stage::Embedding, total, total);
        contribution.vectors_mut().zip(vectors).for_each(|(place, vector)| *place = vector);
        Ok((contribution, degraded))
    }

    async fn read(&self, document: DocumentText, paid: &Paid) -> Result<Reading> {
        let (progress, source) = (self.progress.clone(), document.source.clone());
        let told = move |done, total| {
            progress(IngestProgress { source: source.clone(), stage: Stage::Reading, done, total });
        };
        self.engine.reader_noting(self.call, paid).read(document, Rc::new(told)).await
    }

    fn report(&self, document: &DocumentInput, stage: Stage, done: usize, total: usize) {
        (self.progress)(IngestProgress { source: document.source.clone(), stage, done, total });
    }
}

/// A contribution without its vectors.
pub(super) async fn assemble(
    document: &DocumentInput,
    revision: Rc<str>,
    spans: &[Span],
    reading: Reading,
    pacer: &Pacer,
) -> Contribution {
    let mut contribution = Contribution {
        source: document.source.clone(),
        revision,
        metadata: document.metadata.clone(),
        bytes: document.text.len() as u64,
        excerpts: Vec::with_capacity(spans.len()),
        entities: Vec::new(),
        relationships: Vec::new(),
        keywords: reading.keywords.into_iter().map(Rc::from).collect(),
    };
    let none = UnitVector::zero(0);
    for (span, read) in spans.iter().zip(reading.excerpts) {
        pacer.pause().await;
        let text = &document.text[span.bytes.clone()];
        add_excerpt(&mut contribution, text, span, read, &none);
    }
    contribution
}

fn add_excerpt(
    contribution: &mut Contribution,
    text: &str,
    span: &Span,
    read: ExcerptReading,
    none: &UnitVector,
) {
    let excerpt = contribution.excerpts.len() as u32;
    let at = |ordinal: usize| Position { excerpt, ordinal: ordinal as u32 };
    contribution.excerpts.push(Excerpt {
        id: excerpt_id(text).into(),
        text: text.into(),
        start: span.start,
        end: span.end,
        headings: span.headings.clone(),
        fence: span.fence.clone(),
        summary: read.summary.into(),
        vector: none.clone(),
    });
    contribution.entities.extend(read.entities.into_iter().enumerate().map(|(ordinal, entity)| {
        EntityMention {
            at: at(ordinal),
            name: entity.name,
            category: entity.category,
            description: entity.description,
            vector: none.clone(),
        }
    }));
    contribution.relationships.extend(read.relationships.into_iter().enumerate().map(
        |(ordinal, read)| RelationshipMention {
            at: at(ordinal),
            source: read.source,
            target: read.target,
            description: read.description,
            keywords: read.keywords,
            weight: Weight::from_f64(read.weight),
            vector: none.clone(),
        },
    ));
}

/// What is embedded, in the order of [`Contribution::vectors`].
pub(super) async fn embedded_texts(contribution: &Contribution, pacer: &Pacer) -> Vec<String> {
    let excerpts = contribution.excerpts.iter().map(|excerpt| {
        let path = heading_path(&excerpt.headings);
        let summary = if *excerpt.summary == *path { "" } else { &*excerpt.summary };
        [&*path, summary, &*excerpt.text].join("\n").trim().to_owned()
    });
    let entities = contribution
        .entities
        .iter()
        .map(|mention| [&*mention.name, &*mention.description].join("\n"));
    let relationships = contribution.relationships.iter().map(|mention| {
        [&*mention.keywords, &*mention.source, &*mention.target, &*mention.description].join("\n")
    });
    let mut texts = Vec::with_capacity(contribution.vectors().count());
    let mut all = excerpts.chain(entities).chain(relationships);
    pacer.all(&mut || all.next().map(|text| texts.push(text)).is_some()).await;
    texts
}

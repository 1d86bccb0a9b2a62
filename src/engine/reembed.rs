//! Another embedding model takes the place of the one that a knowledge base was made with.
//!
//! The documents are written again, with vectors by the new model, into the table that is not in use,
//! some in each commit. When all are there, one commit says that this table is the one. So questions
//! are answered by the old vectors until then, and whoever is stopped goes on where that was.

use std::rc::Rc;

use super::{
    ingest::{IngestProgress, Stage, embedded_texts},
    instance::{Embedder, Engine, Notice},
    load::{Opening, checked},
    paid::Paid,
    persist::Prepared,
    schema::{Changed, META, MODEL, Model, REEMBEDDING, Reembedding, document_key, put, source_of},
    signal::Signal,
    usage::Budget,
};
use crate::{
    order::OrderedMap,
    port::{Changes, Epoch},
    record::{
        Result,
        codec::{decode_document, decode_source, encode, encode_document, encode_with},
    },
    store::{KnowledgeBase, KnowledgeBaseOptions},
};

/// Documents embedded and written together.
const BATCH: usize = 32;

/// A source and the revision of its document.
type Version = (Rc<str>, Rc<str>);

impl Engine {
    /// Embeds everything again, by that model, which this instance works with from then on.
    ///
    /// Cancelled or failed, nothing is changed, and the next call goes on from there.
    pub async fn reembed(
        &self,
        embedder: Option<Embedder>,
        signal: Signal,
        progress: Rc<dyn Fn(IngestProgress)>,
    ) -> Result<()> {
        let target = Model::of(embedder.as_ref());
        if target == Model::of(self.embedder().as_deref()) {
            return Ok(());
        }
        let embedder = embedder.map(Rc::new);
        // So that closing waits for it.
        let _reading = self.0.queue.read(&signal)?.await?;
        let mut done = self.resumed(&target).await?;
        let again = Again { engine: self, embedder, target, signal: &signal, progress };
        loop {
            again.embed_missing(&mut done).await?;
            // Writers wait from here on; there is little left for them to wait for.
            let unit = self.0.queue.write_all(&signal)?.only().await?;
            let turn = unit.commit_turn().await?;
            if again.missing(&done).await.is_empty() && again.take_over(&mut done).await? {
                drop(turn);
                return self.sweep().await;
            }
        }
    }

    /// What an earlier call has done already. What it did for another model is deleted.
    async fn resumed(&self, target: &Model) -> Result<OrderedMap<Rc<str>, Rc<str>>> {
        let left = self.0.stored.borrow().reembedding.clone();
        let mut done = OrderedMap::new();
        match left {
            Some(left) if left.model == *target => {
                let table = self.0.stored.borrow().other_documents();
                let dimensions = target.dimensions;
                let options = KnowledgeBaseOptions { dimensions, ..self.knowledge_options() };
                let mut after = None;
                loop {
                    let rows = self.0.ports.storage.read(table, after.take(), BATCH).await?;
                    for (key, record) in &rows {
                        let source: Rc<str> = source_of(key).into();
                        let found = checked(&source, record, options);
                        // One that is damaged is of no revision, and made again.
                        let revision = found.map_or("".into(), |found| found.revision.clone());
                        done.insert(source, revision);
                    }
                    match rows.into_iter().nth(BATCH - 1) {
                        Some((key, _)) => after = Some(key),
                        None => break,
                    }
                }
            }
            Some(_) => {
                let _turn = self.0.queue.turn().await;
                self.empty_other_table().await?;
            }
            None => {}
        }
        Ok(done)
    }
}

struct Again<'a> {
    engine: &'a Engine,
    embedder: Option<Rc<Embedder>>,
    target: Model,
    signal: &'a Signal,
    progress: Rc<dyn Fn(IngestProgress)>,
}

impl Again<'_> {
    /// The documents whose present version has no new vectors yet.
    async fn missing(&self, done: &OrderedMap<Rc<str>, Rc<str>>) -> Vec<Version> {
        let missing = |knowledge: &KnowledgeBase| {
            let versions = knowledge.documents().map(|document| {
                let contribution = document.contribution();
                (contribution.source.clone(), contribution.revision.clone())
            });
            versions.filter(|(source, revision)| done.get(source) != Some(revision)).collect()
        };
        self.engine.0.version.read(missing).await
    }

    async fn embed_missing(&self, done: &mut OrderedMap<Rc<str>, Rc<str>>) -> Result<()> {
        let missing = self.missing(done).await;
        let total = self.engine.0.version.read(|knowledge| knowledge.counts().documents).await;
        let mut left = missing.len();
        for batch in missing.chunks(BATCH) {
            let rows = self.signal.guard(self.embed(batch)).await?;
            let _turn = self.engine.0.queue.turn().await;
            self.write(rows).await?;
            for (source, revision) in batch {
                left -= 1;
                done.insert(source.clone(), revision.clone());
                (self.progress)(IngestProgress {
                    source: source.clone(),
                    stage: Stage::Embedding,
                    done: total.saturating_sub(left),
                    total,
                });
            }
        }
        Ok(())
    }

    /// The rows of some documents with new vectors. One that has changed meanwhile is left out.
    async fn embed(&self, versions: &[Version]) -> Result<Changes> {
        let (from, to) = {
            let stored = self.engine.0.stored.borrow();
            (stored.documents(), stored.other_documents())
        };
        let mut read = vec![];
        let mut texts = vec![];
        for (source, revision) in versions {
            self.engine.0.pacer.pause().await;
            let Some(record) = self.engine.row(from, &document_key(source)).await? else {
                continue;
            };
            let contribution = decode_document(source, &record)?;
            if contribution.revision == *revision {
                texts.extend(embedded_texts(&contribution, &self.engine.0.pacer).await);
                read.push((contribution, record));
            }
        }
        let (embedder, unnoted) = (self.embedder.as_deref(), Paid::default());
        let call = self.engine.new_call(Budget::default());
        let vectors = self.engine.embed_by(embedder, &call, texts, &unnoted).await?;
        let mut vectors = vectors.into_iter();
        let mut rows = Changes::default();
        for (mut contribution, record) in read {
            self.engine.0.pacer.pause().await;
            let source = contribution.source.clone();
            contribution.vectors_mut().zip(vectors.by_ref()).for_each(|(place, v)| *place = v);
            let found = decode_source(&source, &record)?;
            let record = encode_document(&contribution, found.text, found.kept);
            put(&mut rows, to, document_key(&source), record);
        }
        Ok(rows)
    }

    async fn write(&self, mut rows: Changes) -> Result<()> {
        let epoch = self.engine.0.epoch.get();
        let reembedding = Reembedding { model: self.target.clone(), epoch };
        put(&mut rows, META, REEMBEDDING, encode(&reembedding));
        self.engine.commit_rows(rows, Changed::META).await?;
        self.engine.0.stored.borrow_mut().reembedding = Some(reembedding);
        Ok(())
    }

    /// The one commit. Called while holding the turn; `false` if another instance has committed
    /// meanwhile, so that there is more to do.
    async fn take_over(&self, done: &mut OrderedMap<Rc<str>, Rc<str>>) -> Result<bool> {
        let engine = self.engine;
        engine.0.stored.borrow().refuse_damaged("left behind")?;
        let (table, other) = {
            let stored = engine.0.stored.borrow();
            (1 - stored.table as u8, stored.other_documents())
        };
        let gone = |knowledge: &KnowledgeBase| -> Vec<Rc<str>> {
            let gone = done.keys().filter(|source| knowledge.document(source).is_none());
            gone.cloned().collect()
        };
        let gone = engine.0.version.read(gone).await;
        if !gone.is_empty() {
            let mut rows = Changes::default();
            rows.deletes.extend(gone.iter().map(|source| (other, document_key(source))));
            self.write(rows).await?;
            done.retain(|source, _| !gone.contains(source));
        }
        let epoch = engine.0.epoch.get();
        let mut rows = Changes::default();
        put(&mut rows, META, MODEL, encode_with(&self.target, &[table]));
        let quiet: Opening = Rc::new(|_| ());
        let view = engine.read_all(self.target.clone(), Some(other), &quiet).await?;
        if view.epoch != epoch {
            engine.follow().await?;
            return Ok(false);
        }
        let (rows, flags) = (Rc::new(rows), Changed::MODEL);
        let prepare = |_: &KnowledgeBase| {
            let unchanged = engine.0.epoch.get() == epoch;
            Ok(unchanged.then(|| Prepared::Rows { rows: rows.clone(), flags }))
        };
        if !engine.commit(&prepare).await? {
            return Ok(false);
        }
        let next: Epoch = engine.0.epoch.get();
        *engine.0.embedder.borrow_mut() = self.embedder.clone();
        engine.install(view).await;
        engine.0.epoch.set(next);
        (engine.0.ports.listener)(Notice::Commit { epoch: next, source: None });
        Ok(true)
    }
}

//! Answers of models that were paid for and whose document is not committed yet: kept in the storage, so
//! that an ingest which is tried again, be it after a reload, pays for what is missing only.
//!
//! They are read by document, when that one is ingested, and dropped with its commit.
//!
//! Vectors that the knowledge base holds were paid for as well.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::Poll,
};

use futures::{FutureExt, future::LocalBoxFuture};

use super::{
    cache::Key,
    ingest::embedded_texts,
    instance::{Embedder, Engine},
    known::KnownVectors,
    models::embedding_key,
    schema::{Changed, META, PAID, PAID_FOR, document_key, put},
};
use crate::{
    port::Changes,
    record::{
        Result, UnitVector,
        codec::{decode_bytes, encode, encode_bytes},
    },
};

/// Milliseconds after which an answer is written, if its document has not been committed by then. One
/// that fails sooner writes at once.
const PATIENCE: f64 = 500.0;
/// Documents whose answers are kept; those that waited longest give way.
const KEPT_DOCUMENTS: usize = 256;
/// Rows of one read.
const PAGE: usize = 64;

const COMPLETION: u8 = 0;
/// 1 was of 32-bit floats.
const EMBEDDING: u8 = 2;

/// Takes note of what the models answer to one document. Cheap to clone; all clones are the same.
/// The default one notes nothing.
#[derive(Clone, Default)]
pub(super) struct Paid(Option<Rc<Notes>>);

struct Notes {
    source: Rc<str>,
    known: KnownVectors,
    /// Not written yet. They become records only then: most never do.
    noted: RefCell<Vec<(Key, Answer)>>,
    /// The keys of those in the storage.
    kept: RefCell<Vec<String>>,
    /// Whether some are being written.
    writing: Cell<bool>,
}

/// What a model answered.
pub(super) enum Answer {
    Text(Rc<str>),
    Vector(UnitVector),
}

impl Notes {
    /// Key and record of an answer.
    fn row(&self, key: Key, answer: Answer) -> (String, Vec<u8>) {
        let hex: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let (kind, answer): (u8, Vec<u8>) = match answer {
            Answer::Text(text) => (COMPLETION, text.as_bytes().into()),
            Answer::Vector(vector) => {
                (EMBEDDING, vector.raw().iter().flat_map(|x| x.to_le_bytes()).collect())
            }
        };
        let record = encode_bytes(&[&[kind], &key.bytes()[..], &answer].concat());
        (document_key(&self.source) + &hex, record)
    }
}

impl Paid {
    pub fn note(&self, key: Key, answer: Answer) {
        if let Some(notes) = &self.0 {
            notes.noted.borrow_mut().push((key, answer));
        }
    }

    /// The vector of a text, if the knowledge base holds it.
    pub fn known(&self, key: Key) -> Option<UnitVector> {
        self.0.as_ref()?.known.find(key)
    }

    /// The vector of a text: it is found from now on, as long as somebody holds it.
    pub fn remember(&self, key: Key, vector: &UnitVector) {
        if let Some(notes) = &self.0 {
            notes.known.remember(key, vector);
        }
    }

    /// The keys of what is in the storage.
    pub fn kept(&self) -> Rc<[String]> {
        self.0.as_ref().map_or([].into(), |notes| notes.kept.borrow().clone().into())
    }
}

impl Engine {
    /// Puts the answers that are kept for a document, and the vectors of its present version, where its ingest will
    /// find them.
    pub(super) async fn recall(&self, source: &Rc<str>) -> Result<Paid> {
        match (self.embedder().as_deref(), &self.0.ports.llm) {
            (Some(Embedder::Model(model)), _) => self.recall_vectors(model.id(), source).await,
            (_, None) => return Ok(Paid::default()),
            _ => {}
        }
        let known = self.0.stored.borrow().paid_for.contains(source);
        let rows = if known { self.paid_rows(source).await? } else { vec![] };
        for (key, record) in &rows {
            self.recall_one(key, record);
        }
        Ok(Paid(Some(Rc::new(Notes {
            source: source.clone(),
            known: self.0.version.known().clone(),
            noted: RefCell::default(),
            kept: RefCell::new(rows.into_iter().map(|(key, _)| key).collect()),
            writing: Cell::new(false),
        }))))
    }

    /// This instance may have read the document from the storage, and what is ingested again is mostly the same.
    async fn recall_vectors(&self, model: &str, source: &str) {
        let Some(contribution) = self.0.version.contribution(source) else { return };
        let texts = embedded_texts(&contribution, &self.0.pacer).await;
        let mut all = texts.iter().zip(contribution.vectors());
        let known = self.0.version.known();
        let mut next =
            || all.next().map(|(text, it)| known.remember(embedding_key(model, text), it));
        self.0.pacer.all(&mut || next().is_some()).await;
    }

    /// A damaged one is as good as none.
    fn recall_one(&self, key: &str, record: &[u8]) {
        let Ok(payload) = decode_bytes(key, record) else { return };
        let Some((&kind, payload)) = payload.split_first() else { return };
        let Some((key, answer)) = payload.split_first_chunk() else { return };
        let key = Key::from_bytes(*key);
        if kind == EMBEDDING {
            let (values, _) = answer.as_chunks();
            let vector: Vec<i16> = values.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
            self.0.embeddings.cache.keep(key, UnitVector::from_raw(&vector));
        } else if kind == COMPLETION
            && let Ok(text) = std::str::from_utf8(answer)
        {
            self.0.completions.cache.keep(key, text.into());
        }
    }

    async fn paid_rows(&self, source: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let prefix = document_key(source);
        let (mut found, mut after) = (vec![], prefix.clone());
        loop {
            let rows = self.0.ports.storage.read(PAID, Some(after), PAGE).await?;
            let before = found.len();
            found.extend(rows.into_iter().take_while(|(key, _)| key.starts_with(&prefix)));
            if found.len() < before + PAGE {
                return Ok(found);
            }
            after = found[found.len() - 1].0.clone();
        }
    }

    /// Runs what asks the models, and meanwhile writes what they have answered. What is being written
    /// when it ends is written to the end; if it fails, so is all the rest.
    pub(super) async fn keeping<T>(
        &self,
        paid: &Paid,
        thinking: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(notes) = &paid.0 else { return thinking.await };
        let mut thinking = pin!(thinking);
        let mut keeping: Option<LocalBoxFuture<'_, ()>> = None;
        let outcome = poll_fn(|context| {
            if let Poll::Ready(outcome) = thinking.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            while keeping.is_some() || !notes.noted.borrow().is_empty() {
                let running = keeping.get_or_insert_with(|| self.keep_soon(notes).boxed_local());
                if running.poll_unpin(context).is_pending() {
                    break;
                }
                keeping = None;
            }
            Poll::Pending
        })
        .await;
        if let Some(running) = keeping
            && notes.writing.get()
        {
            running.await;
        }
        if outcome.is_err() {
            self.keep(notes).await;
        }
        outcome
    }

    async fn keep_soon(&self, notes: &Notes) {
        self.0.ports.clock.sleep(PATIENCE).await;
        notes.writing.set(true);
        self.keep(notes).await;
        notes.writing.set(false);
    }

    /// Writes what is noted. Where that fails it is paid for again, which is all that is lost.
    async fn keep(&self, notes: &Notes) {
        let noted = notes.noted.take().into_iter();
        let noted: Vec<_> = noted.map(|(key, answer)| notes.row(key, answer)).collect();
        if noted.is_empty() {
            return;
        }
        let _turn = self.0.queue.turn().await;
        if self.keep_rows(&notes.source, &noted).await.is_ok() {
            notes.kept.borrow_mut().extend(noted.into_iter().map(|(key, _)| key));
        }
    }

    async fn keep_rows(&self, source: &Rc<str>, noted: &[(String, Vec<u8>)]) -> Result<()> {
        let mut dropped = vec![];
        let mut kept = self.0.stored.borrow().paid_for.clone();
        if !kept.contains(source) {
            kept.push(source.clone());
            if kept.len() > KEPT_DOCUMENTS {
                dropped = self.paid_rows(&kept.remove(0)).await?;
            }
        }
        let mut rows = Changes::default();
        for (key, record) in noted {
            put(&mut rows, PAID, key.clone(), record.clone());
        }
        put(&mut rows, META, PAID_FOR, encode(&kept));
        rows.deletes.extend(dropped.into_iter().map(|(key, _)| (PAID, key)));
        self.commit_rows(rows, Changed::META).await?;
        self.0.stored.borrow_mut().paid_for = kept;
        Ok(())
    }
}

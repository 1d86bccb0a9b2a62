//! How the knowledge base stands in its storage, and how a change reaches both.
//!
//! | table | key | record |
//! |---|---|---|
//! | `documents` | [`document_key`] | a document: what was read from it, its text, its vectors |
//! | `rules` | the name merged into | the names merged |
//! | `changes` | epoch, 20 digits | what the commit of that epoch changed |
//! | `meta` | `model` | the embedding model that all vectors are by |
//!
//! A commit is one transaction that fails if somebody else has committed since: the instance then
//! follows what they changed, and tries again.

use std::{collections::BTreeSet, rc::Rc};

use serde::{Deserialize, Serialize};

use super::instance::{Engine, Event};
use crate::{
    port::{Changes, Epoch, Table},
    record::{
        Code, Contribution, Error, Result,
        codec::{decode, decode_document, decode_text, encode, encode_document},
    },
    store::Change,
};

const DOCUMENTS: Table = "documents";
const RULES: Table = "rules";
const CHANGES: Table = "changes";
const META: Table = "meta";
const MODEL: &str = "model";

/// Rows of one read.
const PAGE: usize = 64;
/// Epochs whose changes are kept. An instance further behind reads everything anew.
const KEPT_CHANGES: Epoch = 1024;
/// Commits by others that one commit gives way to before it fails.
const ATTEMPTS: usize = 64;

/// Which rows a commit wrote or deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    documents: Vec<Rc<str>>,
    rules: Vec<Rc<str>>,
}

/// The embedding model of a knowledge base; the empty id stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Model {
    id: String,
    dimensions: usize,
}

/// A change as it is prepared: what to write, and what to apply once it is written.
pub(super) enum Prepared {
    /// A document, new or again.
    Put { contribution: Rc<Contribution>, record: Vec<u8> },
    /// No such document any more.
    Remove { source: Rc<str> },
    /// These names are that entity.
    Merge { names: BTreeSet<Rc<str>>, into: Rc<str> },
    /// They are not any more.
    Unmerge { into: Rc<str> },
}

impl Prepared {
    pub fn put(contribution: Contribution, text: &str) -> Self {
        let record = encode_document(&contribution, text);
        Prepared::Put { contribution: Rc::new(contribution), record }
    }

    fn write(&self, rows: &mut Changes, changed: &mut Changed) {
        match self {
            Prepared::Put { contribution, record } => {
                rows.puts.push((DOCUMENTS, document_key(&contribution.source), record.clone()));
                changed.documents.push(contribution.source.clone());
            }
            Prepared::Remove { source } => {
                rows.deletes.push((DOCUMENTS, document_key(source)));
                changed.documents.push(source.clone());
            }
            Prepared::Merge { names, into } => {
                rows.puts.push((RULES, document_key(into), encode(names)));
                changed.rules.push(into.clone());
            }
            Prepared::Unmerge { into } => {
                rows.deletes.push((RULES, document_key(into)));
                changed.rules.push(into.clone());
            }
        }
    }

    fn into_change(self) -> Change {
        match self {
            Prepared::Put { contribution, .. } => Change::Put(contribution),
            Prepared::Remove { source } => Change::Remove(source),
            Prepared::Merge { names, into } => Change::Merge { names, into },
            Prepared::Unmerge { into } => Change::Unmerge(into),
        }
    }

    fn source(&self) -> Option<Rc<str>> {
        match self {
            Prepared::Put { contribution, .. } => Some(contribution.source.clone()),
            Prepared::Remove { source } => Some(source.clone()),
            Prepared::Merge { .. } | Prepared::Unmerge { .. } => None,
        }
    }
}

/// The key of a name: behind the name itself and before any other key, since names hold no NUL. So
/// the one row of a name is the first one after it.
fn document_key(name: &str) -> String {
    format!("{name}\u{1}")
}

fn name_of(key: &str) -> &str {
    key.strip_suffix('\u{1}').unwrap_or(key)
}

fn epoch_key(epoch: Epoch) -> String {
    format!("{epoch:020}")
}

impl Engine {
    /// Reads everything. Whatever others commit meanwhile is followed at the end.
    pub(super) async fn load(&self) -> Result<()> {
        let storage = &self.0.ports.storage;
        let epoch = storage.epoch().await?;
        self.check_model().await?;
        let mut after = None;
        loop {
            let rows = storage.read(DOCUMENTS, after.take(), PAGE).await?;
            for (key, record) in &rows {
                self.apply_document(name_of(key), Some(record))?;
            }
            self.0.ports.clock.yield_now().await;
            match rows.into_iter().nth(PAGE - 1) {
                Some((key, _)) => after = Some(key),
                None => break,
            }
        }
        let mut after = None;
        loop {
            let rows = storage.read(RULES, after.take(), PAGE).await?;
            for (key, record) in &rows {
                self.apply_rule(name_of(key), Some(record))?;
            }
            match rows.into_iter().nth(PAGE - 1) {
                Some((key, _)) => after = Some(key),
                None => break,
            }
        }
        self.0.epoch.set(epoch);
        self.follow().await
    }

    /// Writes a change and applies it. Called while holding the turn to commit, and run to its end.
    pub(super) async fn commit(&self, prepared: Prepared) -> Result<()> {
        let source = prepared.source();
        for _ in 0..ATTEMPTS {
            let epoch = self.0.epoch.get();
            match self.0.ports.storage.commit(epoch, self.rows(&prepared, epoch + 1)).await {
                Ok(next) => {
                    self.0.knowledge.borrow_mut().apply(prepared.into_change());
                    self.0.epoch.set(next);
                    (self.0.ports.listener)(Event::Commit { epoch: next, source });
                    return Ok(());
                }
                Err(error) if error.code == Code::StorageConflict => self.follow().await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            Code::StorageConflict,
            format!("others committed {ATTEMPTS} times before this call could; nothing was changed, call again"),
        ))
    }

    fn rows(&self, prepared: &Prepared, next: Epoch) -> Changes {
        let (mut rows, mut changed) = (Changes::default(), Changed::default());
        prepared.write(&mut rows, &mut changed);
        rows.puts.push((CHANGES, epoch_key(next), encode(&changed)));
        if next > KEPT_CHANGES {
            rows.deletes.push((CHANGES, epoch_key(next - KEPT_CHANGES)));
        }
        if next == 1 {
            rows.puts.push((META, MODEL.into(), encode(&self.model())));
        }
        rows
    }

    /// Applies what others have committed since this instance's epoch.
    pub(super) async fn follow(&self) -> Result<()> {
        let storage = &self.0.ports.storage;
        loop {
            let epoch = self.0.epoch.get();
            let rows = storage.read(CHANGES, Some(epoch_key(epoch)), PAGE).await?;
            let Some((first, _)) = rows.first() else { return Ok(()) };
            if *first != epoch_key(epoch + 1) {
                return Err(Error::new(
                    Code::StorageConflict,
                    "this instance is too far behind the others on its storage; close it and open it again",
                ));
            }
            if epoch == 0 {
                self.check_model().await?;
            }
            let last = epoch + rows.len() as Epoch;
            let mut changed = Changed::default();
            for (key, record) in &rows {
                let Changed { documents, rules } = decode(&format!("changes of epoch {key}"), record)?;
                changed.documents.extend(documents);
                changed.rules.extend(rules);
            }
            for source in BTreeSet::from_iter(changed.documents) {
                self.apply_document(&source, self.row(DOCUMENTS, &source).await?.as_deref())?;
            }
            for into in BTreeSet::from_iter(changed.rules) {
                self.apply_rule(&into, self.row(RULES, &into).await?.as_deref())?;
            }
            self.0.epoch.set(last);
            (self.0.ports.listener)(Event::RemoteCommit { epoch: last });
        }
    }

    /// The text of a document as it was ingested.
    pub(super) async fn stored_text(&self, source: &str) -> Result<Option<String>> {
        let record = self.row(DOCUMENTS, source).await?;
        record.map(|record| decode_text(source, &record)).transpose()
    }

    /// The record of one name.
    async fn row(&self, table: Table, name: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.0.ports.storage.read(table, Some(name.to_owned()), 1).await?;
        Ok(rows.into_iter().find(|(key, _)| *key == document_key(name)).map(|(_, record)| record))
    }

    fn apply_document(&self, source: &str, record: Option<&[u8]>) -> Result<()> {
        let change = match record {
            Some(record) => Change::Put(Rc::new(decode_document(source, record)?)),
            None => Change::Remove(source.into()),
        };
        self.0.knowledge.borrow_mut().apply(change);
        Ok(())
    }

    fn apply_rule(&self, into: &str, record: Option<&[u8]>) -> Result<()> {
        let change = match record {
            Some(record) => Change::Merge { names: decode(into, record)?, into: into.into() },
            None => Change::Unmerge(into.into()),
        };
        self.0.knowledge.borrow_mut().apply(change);
        Ok(())
    }

    fn model(&self) -> Model {
        self.0.ports.embedder.as_ref().map_or_else(Model::default, |embedder| Model {
            id: embedder.id().to_owned(),
            dimensions: embedder.dimensions(),
        })
    }

    /// Refuses to mix the vectors of two models.
    async fn check_model(&self) -> Result<()> {
        let rows = self.0.ports.storage.read(META, None, PAGE).await?;
        let Some((_, record)) = rows.iter().find(|(key, _)| key == MODEL) else { return Ok(()) };
        let (stored, own): (Model, Model) = (decode("the embedding model", record)?, self.model());
        if stored == own {
            return Ok(());
        }
        let describe = |model: &Model| match model.id.as_str() {
            "" => "no embedding model".to_owned(),
            id => format!("the embedding model {id} ({} dimensions)", model.dimensions),
        };
        Err(Error::new(
            Code::ModelMismatch,
            format!(
                "this knowledge base was made with {}, but opened with {}; open it with the first, or open one of \
                 another name and ingest the documents again",
                describe(&stored),
                describe(&own)
            ),
        ))
    }
}

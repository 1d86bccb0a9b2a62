//! How the knowledge base stands in its storage, and how a change reaches both.
//!
//! | table | key | record |
//! |---|---|---|
//! | `documents` | [`document_key`] | a document: what was read from it, its text, its vectors |
//! | `changes` | epoch, 20 digits | what the commit of that epoch changed |
//! | `meta` | `model` | the embedding model that all vectors are by |
//! | `meta` | `rules` | which names the user has merged |
//!
//! A commit is one transaction that fails if somebody else has committed since: the instance then
//! follows what they changed, and tries again.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::{
    instance::{Engine, Notice},
    version::Version,
};
use crate::{
    order::OrderedSet,
    port::{Changes, Epoch, Table},
    record::{
        Code, Contribution, Error, Result,
        codec::{decode, decode_document, decode_text, encode, encode_document},
    },
    store::{Change, Checked, KnowledgeBase, MergeRules},
};

pub(super) const DOCUMENTS: Table = "documents";
const CHANGES: Table = "changes";
pub(super) const META: Table = "meta";
pub(super) const MODEL: &str = "model";
pub(super) const RULES: &str = "rules";

/// Rows of one read.
pub(super) const PAGE: usize = 64;
/// Epochs whose changes are kept. An instance further behind reads everything anew.
const KEPT_CHANGES: Epoch = 1024;
/// Commits by others that one commit gives way to before it fails.
pub(super) const ATTEMPTS: usize = 64;

/// What a commit wrote or deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Changed {
    documents: Vec<Rc<str>>,
    rules: bool,
}

/// Merge rules as they are stored: targets with the names merged into them.
type StoredRules = Vec<(Rc<str>, Vec<Rc<str>>)>;

/// The embedding model of a knowledge base; the empty id stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Model {
    id: String,
    dimensions: usize,
}

/// A change as it is prepared: what to write, and what to apply once it is written.
#[derive(Clone)]
pub(super) enum Prepared {
    /// A document, new or again.
    Put { contribution: Checked, record: Rc<[u8]> },
    /// No such document any more.
    Remove { source: Rc<str> },
    /// Which names are one entity.
    Rules(MergeRules),
}

impl Prepared {
    pub fn put(contribution: Contribution, text: &str, dimensions: usize) -> Result<Self> {
        let record = encode_document(&contribution, text).into();
        Ok(Prepared::Put { contribution: Checked::new(Rc::new(contribution), dimensions)?, record })
    }

    fn write(&self, rows: &mut Changes, changed: &mut Changed) {
        match self {
            Prepared::Put { contribution, record } => {
                rows.puts.push((DOCUMENTS, document_key(&contribution.source), record.to_vec()));
                changed.documents.push(contribution.source.clone());
            }
            Prepared::Remove { source } => {
                rows.deletes.push((DOCUMENTS, document_key(source)));
                changed.documents.push(source.clone());
            }
            Prepared::Rules(rules) => {
                let stored: StoredRules = rules
                    .iter()
                    .map(|(into, names)| (into.clone(), names.cloned().collect()))
                    .collect();
                rows.puts.push((META, RULES.into(), encode(&stored)));
                changed.rules = true;
            }
        }
    }

    fn into_change(self) -> Change {
        match self {
            Prepared::Put { contribution, .. } => Change::Put(contribution),
            Prepared::Remove { source } => Change::Remove(source),
            Prepared::Rules(rules) => Change::Rules(rules),
        }
    }

    fn source(&self) -> Option<Rc<str>> {
        match self {
            Prepared::Put { contribution, .. } => Some(contribution.source.clone()),
            Prepared::Remove { source } => Some(source.clone()),
            Prepared::Rules(_) => None,
        }
    }
}

/// The key of a document: behind its source itself and before any other key, since sources hold no
/// control character. So the one row of a source is the first one after it.
fn document_key(source: &str) -> String {
    format!("{source}\u{1}")
}

pub(super) fn source_of(key: &str) -> &str {
    key.strip_suffix('\u{1}').unwrap_or(key)
}

fn epoch_key(epoch: Epoch) -> String {
    format!("{epoch:020}")
}

/// Merge rules as they were stored.
pub(super) fn rules_from(record: &[u8], resolve_entities: bool) -> Result<MergeRules> {
    let stored: StoredRules = decode("the merged names", record)?;
    let mut rules = MergeRules::new(resolve_entities);
    for (into, names) in &stored {
        rules.merge(names, into)?;
    }
    Ok(rules)
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
                self.0.pacer.pause().await;
                self.apply_document(source_of(key), Some(record)).await?;
            }
            match rows.into_iter().nth(PAGE - 1) {
                Some((key, _)) => after = Some(key),
                None => break,
            }
        }
        self.apply_rules().await?;
        self.0.epoch.set(epoch);
        self.follow().await
    }

    /// Writes a change and applies it. Called while holding the turn to commit, and run to its end.
    ///
    /// `prepare` says what to change, from the version that the commit builds on: it is asked again
    /// whenever others have committed first. `None` is nothing to do. Returns whether there was.
    pub(super) async fn commit(
        &self,
        prepare: impl Fn(&KnowledgeBase) -> Result<Option<Prepared>>,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            let prepared = self.0.version.read(&prepare).await?;
            let Some(prepared) = prepared else { return Ok(false) };
            let epoch = self.0.epoch.get();
            match self.0.ports.storage.commit(epoch, self.rows(&prepared, epoch + 1)).await {
                Ok(next) => {
                    let source = prepared.source();
                    self.0.version.apply(prepared.into_change(), &self.0.pacer).await;
                    self.0.epoch.set(next);
                    (self.0.ports.listener)(Notice::Commit { epoch: next, source });
                    return Ok(true);
                }
                Err(error) if error.code == Code::StorageConflict => self.follow().await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            Code::StorageConflict,
            format!(
                "others committed {ATTEMPTS} times before this call could; nothing was changed, call again"
            ),
        ))
    }

    fn rows(&self, prepared: &Prepared, next: Epoch) -> Changes {
        let (mut rows, mut changed) = (Changes::default(), Changed::default());
        prepared.write(&mut rows, &mut changed);
        self.bookkeeping(&mut rows, &changed, next);
        rows
    }

    fn bookkeeping(&self, rows: &mut Changes, changed: &Changed, next: Epoch) {
        rows.puts.push((CHANGES, epoch_key(next), encode(changed)));
        if next > KEPT_CHANGES {
            rows.deletes.push((CHANGES, epoch_key(next - KEPT_CHANGES)));
        }
        if next == 1 {
            rows.puts.push((META, MODEL.into(), encode(&self.model())));
        }
    }

    /// What a commit writes that changes all these documents and the merged names; those that are gone
    /// are deleted.
    pub(super) fn changed_everything(
        &self,
        documents: Vec<Rc<str>>,
        gone: &[Rc<str>],
        next: Epoch,
    ) -> Changes {
        let mut rows = Changes::default();
        rows.deletes.extend(gone.iter().map(|source| (DOCUMENTS, document_key(source))));
        self.bookkeeping(&mut rows, &Changed { documents, rules: true }, next);
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
                let Changed { documents, rules } =
                    decode(&format!("changes of epoch {key}"), record)?;
                changed.documents.extend(documents);
                changed.rules |= rules;
            }
            for source in OrderedSet::from_iter(changed.documents).into_items() {
                self.0.pacer.pause().await;
                self.apply_document(&source, self.row(&source).await?.as_deref()).await?;
            }
            if changed.rules {
                self.apply_rules().await?;
            }
            self.0.epoch.set(last);
            (self.0.ports.listener)(Notice::RemoteCommit { epoch: last });
        }
    }

    /// The text of a document as it was ingested.
    pub(super) async fn stored_text(&self, source: &str) -> Result<Option<String>> {
        let record = self.row(source).await?;
        record.map(|record| decode_text(source, &record)).transpose()
    }

    /// The record of one document.
    async fn row(&self, source: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.0.ports.storage.read(DOCUMENTS, Some(source.to_owned()), 1).await?;
        Ok(rows.into_iter().find(|(key, _)| *key == document_key(source)).map(|(_, record)| record))
    }

    async fn meta(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.0.ports.storage.read(META, None, PAGE).await?;
        Ok(rows.into_iter().find(|(found, _)| found == key).map(|(_, record)| record))
    }

    async fn apply_document(&self, source: &str, record: Option<&[u8]>) -> Result<()> {
        let Version { dimensions, .. } = self.0.version;
        let change = match record {
            Some(record) => {
                let contribution = Rc::new(decode_document(source, record)?);
                Change::Put(Checked::new(contribution, dimensions)?)
            }
            None => Change::Remove(source.into()),
        };
        self.0.version.apply(change, &self.0.pacer).await;
        Ok(())
    }

    async fn apply_rules(&self) -> Result<()> {
        let Some(record) = self.meta(RULES).await? else { return Ok(()) };
        let rules = rules_from(&record, self.0.options.resolve_entities)?;
        self.0.version.apply(Change::Rules(rules), &self.0.pacer).await;
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
        match self.meta(MODEL).await? {
            Some(record) => self.check_model_record(&record),
            None => Ok(()),
        }
    }

    pub(super) fn check_model_record(&self, record: &[u8]) -> Result<()> {
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

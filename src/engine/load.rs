//! How an instance comes to hold what its storage holds: at once when it opens, by what changed from
//! then on.
//!
//! Everything is read first, while nothing is held, and then applied in one step, so that no call sees
//! half of it.

use std::rc::Rc;

use futures::future::{OptionFuture, join};
use serde::Serialize;

use super::{
    instance::{Engine, Notice},
    schema::{
        CHANGES, Changed, DOCUMENTS, KEPT_CHANGES, META, MODEL, Model, PAID_FOR, REEMBEDDING,
        RULES, Stored, StoredRules, document_key, epoch_key, source_of,
    },
};
use crate::{
    order::OrderedSet,
    port::{Changes, Epoch, Row, Table},
    record::{Result, codec::decode_document},
    store::{Applying, Change, Checked, KnowledgeBase, KnowledgeBaseOptions, MergeRules},
};

/// Rows of one read.
pub(super) const PAGE: usize = 64;
/// Documents of the first read of an opening, which shows how large they are,
const FIRST_PAGE: usize = 16;
/// and of the later ones: so many bytes, as far as can be told,
const PAGE_BYTES: usize = 2 << 20;
/// but at most so many documents.
const LARGEST_PAGE: usize = 512;
/// Commits that are followed in one step.
const FOLLOWED: usize = 16;

/// How far an opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OpenProgress {
    /// Documents read.
    pub done: usize,
    /// Documents there are. Of a storage that an early version wrote last, those read so far.
    pub total: usize,
}

/// Told how far an opening is.
pub type Opening = Rc<dyn Fn(OpenProgress)>;

/// What an instance holds of its storage.
pub(super) struct View {
    pub knowledge: KnowledgeBase,
    pub stored: Stored,
    pub epoch: Epoch,
}

/// What others have committed.
enum Pulled {
    Nothing,
    Changes(Pull),
    /// Too much to be told, or of another kind than changes of documents.
    Everything,
}

struct Pull {
    epoch: Epoch,
    /// Their records; `None` is removed.
    documents: Vec<(Rc<str>, Option<Vec<u8>>)>,
    /// The rows of `meta`, if one has changed.
    meta: Option<Vec<Row>>,
}

/// The change that a document's record is. What cannot be read is set aside, and the knowledge base
/// goes without it.
fn document_change(
    stored: &mut Stored,
    options: KnowledgeBaseOptions,
    source: &str,
    record: Option<&[u8]>,
) -> Change {
    stored.damaged.remove(source);
    match record.map(|record| checked(source, record, options)) {
        Some(Ok(checked)) => return Change::Put(checked),
        Some(Err(error)) => {
            let place = (stored.documents(), document_key(source));
            stored.set_aside(source.into(), place, error);
        }
        None => {}
    }
    Change::Remove(source.into())
}

pub(super) fn checked(
    source: &str,
    record: &[u8],
    options: KnowledgeBaseOptions,
) -> Result<Checked> {
    Checked::new(Rc::new(decode_document(source, record)?), options)
}

/// Takes in what the rows of `meta` say, but for the embedding model; gives the change of the rules.
fn apply_meta(stored: &mut Stored, rows: &[Row], resolve: bool) -> Result<Option<Change>> {
    let paid_for = stored.meta(rows, PAID_FOR, "the list of paid answers");
    stored.paid_for = paid_for.map_or_else(Vec::new, |(sources, _)| sources);
    stored.reembedding = stored.meta(rows, REEMBEDDING, "the re-embedding").map(|(found, _)| found);
    let merged = stored.meta::<StoredRules>(rows, RULES, "the merged names");
    let Some((merged, _)) = merged else { return Ok(None) };
    rules_change(&merged, resolve).map(Some)
}

/// The change that stored rules are.
pub(super) fn rules_change(merged: &StoredRules, resolve: bool) -> Result<Change> {
    let mut rules = MergeRules::new(resolve);
    for (into, names) in merged {
        rules.merge(names, into)?;
    }
    Ok(Change::Rules(rules))
}

impl Engine {
    /// Reads everything. Whatever others commit meanwhile is followed at the end.
    pub(super) async fn load(&self, opening: Opening) -> Result<()> {
        let view = self.read_all(Model::of(self.embedder().as_deref()), None, &opening).await?;
        self.install(view).await;
        self.sweep().await
    }

    pub(super) async fn install(&self, view: View) {
        let View { knowledge, stored, epoch } = view;
        *self.0.stored.borrow_mut() = stored;
        self.0.version.replace(knowledge).await;
        self.0.epoch.set(epoch);
    }

    /// Everything that the storage holds, by that model. `other` reads the table of documents that a
    /// re-embedding has filled.
    pub(super) async fn read_all(
        &self,
        model: Model,
        other: Option<Table>,
        opening: &Opening,
    ) -> Result<View> {
        let resolve = self.0.options.resolve_entities;
        loop {
            let epoch = self.0.ports.storage.epoch().await?;
            let knowledge = KnowledgeBase::new(KnowledgeBaseOptions {
                dimensions: model.dimensions,
                ..self.knowledge_options()
            });
            let mut view = View { knowledge, stored: Stored::default(), epoch };
            let meta = self.0.ports.storage.read(META, None, PAGE).await?;
            view.stored.table = self.table(&mut view.stored, &meta, &model, other).await?;
            self.read_documents(&mut view, opening).await?;
            let rules = apply_meta(&mut view.stored, &meta, resolve)?;
            let settling = view.knowledge.begin_all(rules);
            self.make(&mut view.knowledge, settling).await;
            loop {
                match self.pull(view.epoch, view.stored.documents()).await? {
                    Pulled::Nothing => return Ok(view),
                    Pulled::Everything => break,
                    Pulled::Changes(pull) => {
                        view.epoch = pull.epoch;
                        let options = view.knowledge.options();
                        let changes = self.changes(&mut view.stored, options, &pull)?;
                        let applying = view.knowledge.begin_all(changes);
                        self.make(&mut view.knowledge, applying).await;
                    }
                }
            }
        }
    }

    /// Which table holds the documents, once it is clear that they are by that model.
    async fn table(
        &self,
        stored: &mut Stored,
        meta: &[Row],
        model: &Model,
        other: Option<Table>,
    ) -> Result<usize> {
        let place = |table| usize::from(table == DOCUMENTS[1]);
        if let Some(other) = other {
            return Ok(place(other));
        }
        match stored.meta::<Model>(meta, MODEL, "the embedding model") {
            Some((found, rest)) => {
                found.check(model)?;
                Ok(rest.first().map_or(0, |table| usize::from(*table % 2)))
            }
            None if stored.damaged.is_empty() => Ok(0),
            None => {
                let first = self.0.ports.storage.read(DOCUMENTS[0], None, 1).await?;
                Ok(usize::from(first.is_empty()))
            }
        }
    }

    async fn read_documents(&self, view: &mut View, opening: &Opening) -> Result<()> {
        let (storage, table) = (&self.0.ports.storage, view.stored.documents());
        let total = self.total(view.epoch).await?;
        let (mut done, mut bytes, mut limit) = (0, 0, FIRST_PAGE);
        let mut rows = storage.read(table, None, limit).await?;
        loop {
            bytes += rows.iter().map(|(_, record)| record.len()).sum::<usize>();
            done += rows.len();
            // While these are taken in, the storage gets the next ones ready.
            let last = rows.last().filter(|_| rows.len() == limit).map(|(key, _)| key.clone());
            limit = (PAGE_BYTES * done / bytes.max(1)).clamp(1, LARGEST_PAGE);
            let next = OptionFuture::from(last.map(|key| storage.read(table, Some(key), limit)));
            let (next, ()) = join(next, self.take_in(view, rows)).await;
            opening(OpenProgress { done, total: total.max(done) });
            match next {
                Some(next) => rows = next?,
                None => return Ok(()),
            }
        }
    }

    async fn take_in(&self, view: &mut View, rows: Vec<Row>) {
        for (key, record) in rows {
            self.0.pacer.pause().await;
            let options = view.knowledge.options();
            let change = document_change(&mut view.stored, options, source_of(&key), Some(&record));
            // The indices follow once, and not for each document that mentions the same things.
            let applying = view.knowledge.begin_one_of_many(change);
            self.make(&mut view.knowledge, applying).await;
        }
    }

    /// Makes a change of a knowledge base that nobody else sees.
    async fn make(&self, knowledge: &mut KnowledgeBase, mut applying: Applying) {
        while knowledge.step(&mut applying) {
            if self.0.pacer.is_due() {
                self.0.pacer.pause().await;
            }
        }
    }

    /// How many documents there are, as the last commit says.
    async fn total(&self, epoch: Epoch) -> Result<usize> {
        let Some(before) = epoch.checked_sub(1) else { return Ok(0) };
        let rows = self.0.ports.storage.read(CHANGES, Some(epoch_key(before)), 1).await?;
        let changed = rows.first().and_then(|(key, record)| Changed::decode(key, record).ok());
        Ok(changed.and_then(|changed| changed.total).unwrap_or(0) as usize)
    }

    /// Follows what others have committed, now; else that happens when it must.
    pub async fn refresh(&self) -> Result<()> {
        let _turn = self.0.queue.turn().await;
        self.follow().await
    }

    /// Applies what others have committed since this instance's epoch. Called while holding the turn
    /// to commit: what is read and what is applied must not cross with another commit.
    pub(super) async fn follow(&self) -> Result<()> {
        loop {
            let (epoch, table) = (self.0.epoch.get(), self.0.stored.borrow().documents());
            let told = match self.pull(epoch, table).await? {
                Pulled::Nothing => return Ok(()),
                Pulled::Changes(pull) => {
                    let options = self.knowledge_options();
                    let changes = self.changes(&mut self.0.stored.borrow_mut(), options, &pull)?;
                    for change in changes {
                        self.0.version.take(change);
                    }
                    self.0.version.make().await;
                    self.0.epoch.set(pull.epoch);
                    pull.is_seen()
                }
                Pulled::Everything => {
                    let model = Model::of(self.embedder().as_deref());
                    let quiet: Opening = Rc::new(|_| ());
                    self.install(self.read_all(model, None, &quiet).await?).await;
                    true
                }
            };
            if told {
                (self.0.ports.listener)(Notice::RemoteCommit { epoch: self.0.epoch.get() });
            }
        }
    }

    /// Reads what was committed since an epoch. Changes nothing.
    async fn pull(&self, epoch: Epoch, table: Table) -> Result<Pulled> {
        let storage = &self.0.ports.storage;
        let rows = storage.read(CHANGES, Some(epoch_key(epoch)), FOLLOWED).await?;
        let Some((first, _)) = rows.first() else { return Ok(Pulled::Nothing) };
        if *first != epoch_key(epoch + 1) || epoch == 0 {
            return Ok(Pulled::Everything);
        }
        let (mut flags, mut sources) = (0, OrderedSet::new());
        for (key, record) in &rows {
            let Ok(changed) = Changed::decode(key, record) else { return Ok(Pulled::Everything) };
            flags |= changed.flags;
            for source in changed.documents {
                sources.insert(source);
            }
        }
        if flags & Changed::MODEL != 0 {
            return Ok(Pulled::Everything);
        }
        let mut pull = Pull { epoch: epoch + rows.len() as Epoch, documents: vec![], meta: None };
        for source in sources.into_items() {
            let record = self.row(table, &document_key(&source)).await?;
            pull.documents.push((source, record));
        }
        if flags != 0 {
            pull.meta = Some(storage.read(META, None, PAGE).await?);
        }
        Ok(Pulled::Changes(pull))
    }

    /// What others have changed.
    fn changes(
        &self,
        stored: &mut Stored,
        options: KnowledgeBaseOptions,
        pull: &Pull,
    ) -> Result<Vec<Change>> {
        let documents = pull
            .documents
            .iter()
            .map(|(source, record)| document_change(stored, options, source, record.as_deref()));
        let mut changes: Vec<Change> = documents.collect();
        if let Some(rows) = &pull.meta {
            changes.extend(apply_meta(stored, rows, self.0.options.resolve_entities)?);
        }
        Ok(changes)
    }

    /// Deletes what a re-embedding has left: the vectors that it replaced, or its own if it was given
    /// up long ago. It may fail, and is then done when the instance opens again.
    pub(super) async fn sweep(&self) -> Result<()> {
        let left = {
            let stored = self.0.stored.borrow();
            let epoch = self.0.epoch.get();
            let own = Model::of(self.embedder().as_deref());
            stored
                .reembedding
                .as_ref()
                .is_some_and(|left| left.model == own || left.epoch + KEPT_CHANGES < epoch)
        };
        if left {
            let _turn = self.0.queue.turn().await;
            let _ = self.empty_other_table().await;
        }
        Ok(())
    }

    /// Deletes the documents of the table that is not in use, some in each commit. Called while
    /// holding the turn to commit.
    pub(super) async fn empty_other_table(&self) -> Result<()> {
        let table = self.0.stored.borrow().other_documents();
        loop {
            let rows = self.0.ports.storage.read(table, None, PAGE).await?;
            let mut changes = Changes::default();
            let last = rows.len() < PAGE;
            changes.deletes.extend(rows.into_iter().map(|(key, _)| (table, key)));
            if last {
                changes.deletes.push((META, REEMBEDDING.into()));
            }
            self.commit_rows(changes, Changed::META).await?;
            if last {
                self.0.stored.borrow_mut().reembedding = None;
                return Ok(());
            }
        }
    }
}

impl Pull {
    /// Whether a call could tell the difference.
    fn is_seen(&self) -> bool {
        !self.documents.is_empty() || self.meta.is_some()
    }
}

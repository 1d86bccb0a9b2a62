//! How a change reaches the storage and the knowledge base.
//!
//! A commit is one transaction that fails if somebody else has committed since: the instance then
//! follows what they changed ([`load`](super::load)), and tries again.

use std::{pin::pin, rc::Rc};

use futures::future::{Either, select};

use super::{
    instance::{Engine, Notice},
    schema::{
        CHANGES, Changed, DAMAGED, Damage, KEPT_CHANGES, META, MODEL, Model, PAID, PAID_FOR, RULES,
        StoredRules, document_key, epoch_key, put,
    },
};
use crate::{
    port::{Changes, Epoch},
    record::{
        Code, Contribution, Error, Result,
        codec::{DocumentEncoder, decode_source, encode, encode_with},
    },
    store::{Change, Checked, Checking, KnowledgeBase, MergeRules},
};

/// Commits by others that one commit gives way to before it fails.
pub(super) const ATTEMPTS: usize = 64;

/// A change as it is prepared: what to write, and what to apply once it is written.
#[derive(Clone)]
pub(super) enum Prepared {
    /// A document, new or again; and the keys of the paid answers that it needs no longer.
    Put { contribution: Checked, record: Rc<Vec<u8>>, paid: Rc<[String]> },
    /// No such document any more.
    Remove { source: Rc<str> },
    /// Which names are one entity.
    Rules(MergeRules),
    /// Rows that are no part of the knowledge base, with flags of [`Changed`].
    Rows { rows: Rc<Changes>, flags: u8 },
}

impl Prepared {
    /// The same, and those paid answers are no longer needed.
    pub fn without(mut self, answers: Rc<[String]>) -> Self {
        if let Prepared::Put { paid, .. } = &mut self {
            *paid = answers;
        }
        self
    }

    fn into_change(self) -> Option<Change> {
        match self {
            Prepared::Put { contribution, .. } => Some(Change::Put(contribution)),
            Prepared::Remove { source } => Some(Change::Remove(source)),
            Prepared::Rules(rules) => Some(Change::Rules(rules)),
            Prepared::Rows { .. } => None,
        }
    }

    fn source(&self) -> Option<Rc<str>> {
        match self {
            Prepared::Put { contribution, .. } => Some(contribution.source.clone()),
            Prepared::Remove { source } => Some(source.clone()),
            Prepared::Rules(_) | Prepared::Rows { .. } => None,
        }
    }
}

/// Says what to change, from the version that the commit builds on; `None` is nothing to do. Of one type, so that
/// committing is compiled once.
type Prepare<'a> = &'a dyn Fn(&KnowledgeBase) -> Result<Option<Prepared>>;

/// Milliseconds that a change waits at most for those that may follow it, to be made with them.
const PATIENCE: f64 = 250.0;

impl Engine {
    /// Prepares to put a document in, of this text.
    pub(super) async fn prepare_put(
        &self,
        contribution: Contribution,
        text: &str,
    ) -> Result<Prepared> {
        let pacer = &self.0.pacer;
        let contribution = Rc::new(contribution);
        let mut checking = Checking::new(contribution.clone(), self.knowledge_options());
        pacer.all(&mut || checking.step()).await;
        let checked = checking.finish()?;
        let mut encoder = DocumentEncoder::new(&contribution, text, self.0.options.keep_text);
        pacer.all(&mut || encoder.step()).await;
        let record = Rc::new(encoder.finish());
        Ok(Prepared::Put { contribution: checked, record, paid: [].into() })
    }

    /// Commits rows that are no part of the knowledge base, with flags of [`Changed`].
    pub(super) async fn commit_rows(&self, rows: Changes, flags: u8) -> Result<()> {
        let rows = Rc::new(rows);
        self.commit(&|_| Ok(Some(Prepared::Rows { rows: rows.clone(), flags }))).await.map(|_| ())
    }

    /// Writes a change and applies it. Called while holding the turn to commit, and run to its end.
    ///
    /// `prepare` is asked again whenever others have committed first. Returns whether there was something to do.
    pub(super) async fn commit(&self, prepare: Prepare<'_>) -> Result<bool> {
        self.commit_by(Some(prepare), None).await
    }

    /// Like [`commit`](Engine::commit), for a change that depends on no version: it is made when somebody looks, or by
    /// [`settle`](Engine::settle).
    pub(super) async fn commit_ready(&self, prepared: Prepared) -> Result<bool> {
        self.commit_by(None, Some(prepared)).await
    }

    async fn commit_by(
        &self,
        prepare: Option<Prepare<'_>>,
        mut prepared: Option<Prepared>,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            if let Some(prepare) = prepare {
                prepared = self.0.version.read(prepare).await?;
            }
            let Some(change) = &prepared else { return Ok(false) };
            match self.write(change).await {
                Ok(next) => {
                    let now = prepare.is_some();
                    self.applied(change.clone(), next, now).await;
                    return Ok(true);
                }
                Err(error) if error.code == Code::StorageConflict => self.follow().await?,
                Err(error) => {
                    // It may have been written all the same. If this fails too, the next commit finds out.
                    let _ = self.follow().await;
                    return Err(error);
                }
            }
        }
        Err(outrun())
    }

    /// Makes what was committed, at once unless more may follow.
    pub(super) async fn settle(&self, more: bool) {
        let made = pin!(self.0.version.made());
        if more && let Either::Left(_) = select(made, self.0.ports.clock.sleep(PATIENCE)).await {
            return;
        }
        self.0.version.make().await;
    }

    async fn applied(&self, prepared: Prepared, next: Epoch, now: bool) {
        let source = prepared.source();
        if let Some(source) = &source {
            let mut stored = self.0.stored.borrow_mut();
            stored.damaged.remove(source);
            stored.paid_for.retain(|kept| kept != source);
        }
        let change = prepared.into_change();
        let told = change.is_some();
        if let Some(change) = change {
            let many = self.0.version.take(change);
            if now || many {
                self.0.version.make().await;
            }
        }
        self.0.epoch.set(next);
        if told {
            (self.0.ports.listener)(Notice::Commit { epoch: next, source });
        }
    }

    /// The transaction of a change, on the version at hand.
    async fn write(&self, prepared: &Prepared) -> Result<Epoch> {
        let epoch = self.0.epoch.get();
        let (mut rows, mut changed) = (Changes::default(), Changed::default());
        let source = prepared.source();
        let mut total = self.0.version.documents();
        let known = source.as_deref().is_some_and(|it| self.0.version.revision(it).is_some());
        if let Some(source) = source {
            match prepared {
                Prepared::Remove { .. } => total -= usize::from(known),
                _ => total += usize::from(!known),
            }
            changed.documents.push(source);
        }
        match prepared {
            Prepared::Put { contribution, record, paid } => {
                let (table, key) = (self.documents_table(), document_key(&contribution.source));
                put(&mut rows, table, key, (**record).clone());
                rows.deletes.extend(paid.iter().map(|key| (PAID, key.clone())));
                self.forget_paid(&contribution.source, &mut rows, &mut changed);
            }
            Prepared::Remove { source } => {
                rows.deletes.push((self.documents_table(), document_key(source)));
            }
            Prepared::Rules(rules) => {
                let stored: StoredRules = rules
                    .iter()
                    .map(|(into, names)| (into.clone(), names.cloned().collect()))
                    .collect();
                put(&mut rows, META, RULES, encode(&stored));
                changed.flags = Changed::RULES;
            }
            Prepared::Rows { rows: own, flags } => {
                rows = (**own).clone();
                changed.flags = *flags;
            }
        }
        self.keep_damaged(epoch, &mut rows).await?;
        changed.total = Some(total as u32);
        put(&mut rows, CHANGES, epoch_key(epoch + 1), changed.encode());
        if epoch >= KEPT_CHANGES {
            rows.deletes.push((CHANGES, epoch_key(epoch + 1 - KEPT_CHANGES)));
        }
        if epoch == 0 {
            put(&mut rows, META, MODEL, self.model_record(0));
        }
        // A large record was copied, and is about to be copied again.
        self.0.pacer.pause().await;
        self.0.ports.storage.commit(epoch, rows).await
    }

    /// The table of the storage in which the documents are.
    pub fn documents_table(&self) -> &'static str {
        self.0.stored.borrow().documents()
    }

    /// Strikes a document off those that paid answers are kept for.
    fn forget_paid(&self, source: &str, rows: &mut Changes, changed: &mut Changed) {
        let stored = self.0.stored.borrow();
        if stored.paid_for.iter().any(|kept| **kept == *source) {
            let others: Vec<_> = stored.paid_for.iter().filter(|kept| ***kept != *source).collect();
            put(rows, META, PAID_FOR, encode(&others));
            changed.flags |= Changed::META;
        }
    }

    /// Copies damaged records that the transaction would write over or delete.
    async fn keep_damaged(&self, epoch: Epoch, rows: &mut Changes) -> Result<()> {
        let touched: Vec<Damage> = {
            let stored = self.0.stored.borrow();
            let is_touched = |(table, key): &(&str, String)| {
                rows.puts.iter().any(|(t, k, _)| (t, k) == (table, key))
                    || rows.deletes.iter().any(|(t, k)| (t, k) == (table, key))
            };
            stored.damaged.values().filter(|damage| is_touched(&damage.place)).cloned().collect()
        };
        for Damage { place: (table, key), .. } in touched {
            if let Some(record) = self.row(table, &key).await? {
                put(rows, DAMAGED, format!("{} {table} {key}", epoch_key(epoch)), record);
            }
        }
        Ok(())
    }

    /// What says whose vectors these are, and in which table.
    pub(super) fn model_record(&self, table: u8) -> Vec<u8> {
        encode_with(&Model::of(self.embedder().as_deref()), &[table])
    }

    /// The text of a document as it was ingested.
    pub(super) async fn stored_text(&self, source: &str) -> Result<Option<String>> {
        let table = self.documents_table();
        let Some(record) = self.row(table, &document_key(source)).await? else { return Ok(None) };
        let document = decode_source(source, &record)?;
        match document.kept {
            true => Ok(Some(document.text.to_owned())),
            false => Err(not_kept(source)),
        }
    }

    /// The record of one row.
    pub(super) async fn row(&self, table: &'static str, key: &str) -> Result<Option<Vec<u8>>> {
        // Whatever the storage orders by, what comes first after a key without its last character is
        // that key: no document's or in `meta` begins as another without its last character.
        let mut before = key.to_owned();
        before.pop();
        let rows = self.0.ports.storage.read(table, Some(before), 1).await?;
        Ok(rows.into_iter().find(|(found, _)| found == key).map(|(_, record)| record))
    }
}

/// Others were always faster.
pub(super) fn outrun() -> Error {
    Error::new(
        Code::StorageConflict,
        format!(
            "others committed {ATTEMPTS} times before this call could; nothing was changed, call again"
        ),
    )
}

/// Where the text of a document would be needed.
pub(super) fn not_kept(source: &str) -> Error {
    Error::invalid(format!(
        "the text of {source:?} is not kept (it was ingested with keepText: false); take it from where you have it"
    ))
}

//! What becomes of damaged records: documents are ingested again from their text.

use std::rc::Rc;

use serde::Serialize;

use super::{
    ingest::{DocumentInput, Failure, IngestProgress},
    instance::Engine,
    load::checked,
    persist::not_kept,
    schema::{Changed, Damage, META, MODEL, put},
    signal::Signal,
};
use crate::{
    port::Changes,
    record::{Result, codec::decode_source},
    store::Change,
};

/// What became of each damaged record.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RepairReport {
    /// Whole again.
    pub repaired: Vec<Rc<str>>,
    /// Still set aside, for their text cannot be read either or was not kept, or since reading it again
    /// failed.
    pub failed: Vec<Failure>,
}

impl Engine {
    /// Ingests every damaged document again whose text can still be read. The damaged records are kept.
    pub async fn repair(
        &self,
        signal: Signal,
        progress: Rc<dyn Fn(IngestProgress)>,
    ) -> Result<RepairReport> {
        let damaged: Vec<Damage> = self.0.stored.borrow().damaged.values().cloned().collect();
        let mut report = RepairReport::default();
        for Damage { name, error, place } in damaged {
            signal.check()?;
            let outcome = match place {
                (META, key) if key == MODEL => self.repair_model().await,
                (META, _) => Err(error),
                place => self.repair_document(&name, place, &signal, &progress).await,
            };
            match outcome {
                Ok(()) => report.repaired.push(name),
                Err(_) if signal.is_cancelled() => signal.check()?,
                Err(error) => report.failed.push(Failure { source: name, error }),
            }
        }
        Ok(report)
    }

    async fn repair_document(
        &self,
        source: &Rc<str>,
        (table, key): (&'static str, String),
        signal: &Signal,
        progress: &Rc<dyn Fn(IngestProgress)>,
    ) -> Result<()> {
        let Some(record) = self.row(table, &key).await? else {
            // Somebody else has removed it, and this instance is about to follow.
            return self.refresh().await;
        };
        if let Ok(checked) = checked(source, &record, self.knowledge_options()) {
            // It was read wrong, and is right where it stands.
            let _turn = self.0.queue.turn().await;
            self.0.version.take(Change::Put(checked));
            self.0.version.make().await;
            self.0.stored.borrow_mut().damaged.remove(source);
            return Ok(());
        }
        let found = decode_source(source, &record)?;
        if !found.kept {
            return Err(not_kept(source));
        }
        let input = DocumentInput {
            source: source.clone(),
            text: found.text.into(),
            metadata: found.metadata,
        };
        let report = self.ingest(vec![input], signal.clone(), progress.clone()).await?;
        report.failed.into_iter().next().map_or(Ok(()), |failure| Err(failure.error))
    }

    /// All documents that could be read have vectors of the size of this instance's model.
    async fn repair_model(&self) -> Result<()> {
        let mut rows = Changes::default();
        put(&mut rows, META, MODEL, self.model_record(self.0.stored.borrow().table as u8));
        let _turn = self.0.queue.turn().await;
        self.commit_rows(rows, Changed::META).await?;
        self.0.stored.borrow_mut().damaged.retain(|_, damage| damage.place.1 != MODEL);
        Ok(())
    }
}

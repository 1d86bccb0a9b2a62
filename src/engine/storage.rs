//! A storage that nobody waits for for ever.

use std::{future::Future, rc::Rc};

use futures::future::{FutureExt, LocalBoxFuture};

use super::signal::{Signal, within};
use crate::{
    port::{Changes, Clock, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

/// A storage whose calls end: when it answers, when it has not for too long, or when the instance is
/// closed by force. What became of a commit that ended in one of the last two ways is not known;
/// the next commit finds out, since it expects an epoch.
pub(super) struct BoundedStorage {
    pub inner: Rc<dyn Storage>,
    pub clock: Rc<dyn Clock>,
    /// Milliseconds; infinity is no limit.
    pub timeout: f64,
    /// Cancelled when the instance is closed by force.
    pub forced: Signal,
}

impl BoundedStorage {
    fn bounded<T: 'static>(
        &self,
        work: impl Future<Output = Result<T>> + 'static,
    ) -> LocalBoxFuture<'static, Result<T>> {
        let (clock, timeout, forced) = (self.clock.clone(), self.timeout, self.forced.clone());
        if timeout.is_infinite() {
            return async move { forced.guard(work).await }.boxed_local();
        }
        let late = move || {
            Error::new(
                Code::StorageBlocked,
                format!(
                    "the storage gave no answer for {} ms; whether a commit got through is seen by the next call",
                    timeout as u64
                ),
            )
        };
        async move { forced.guard(within(&*clock, timeout, work, late)).await }.boxed_local()
    }
}

impl Storage for BoundedStorage {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        self.bounded(self.inner.epoch())
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        self.bounded(self.inner.read(table, after, limit))
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        self.bounded(self.inner.commit(expected, changes))
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        // Who closes by force does not wait long for a storage that cannot let go.
        let timeout =
            if self.forced.is_cancelled() { self.timeout.min(1000.0) } else { self.timeout };
        if timeout.is_infinite() {
            return self.inner.close();
        }
        let (clock, closing) = (self.clock.clone(), self.inner.close());
        let late = || Error::new(Code::StorageBlocked, "the storage was not closed in time");
        async move { within(&*clock, timeout, closing, late).await }.boxed_local()
    }
}

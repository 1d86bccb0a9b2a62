//! Storage that lasts as long as its instance, for the tests of the core. The package's storage in
//! memory is JavaScript (`src/js/memory.ts`), so that it outlives a wasm instance that fails.

use std::{cell::RefCell, rc::Rc};

use futures::future::{LocalBoxFuture, ready};

use crate::{
    order::OrderedMap,
    port::{Changes, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

/// Storage in memory. Clones share their rows, as tabs share a database.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    rows: Rc<RefCell<Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    epoch: Epoch,
    tables: OrderedMap<Table, OrderedMap<String, Vec<u8>>>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        Box::pin(ready(Ok(self.rows.borrow().epoch)))
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        let rows = self.rows.borrow();
        let found = rows.tables.get(table).map_or_else(Vec::new, |table| {
            let rows = after.map_or_else(|| table.iter(), |key| table.after(&key));
            rows.take(limit).map(|(key, bytes)| (key.clone(), bytes.clone())).collect()
        });
        Box::pin(ready(Ok(found)))
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        let mut rows = self.rows.borrow_mut();
        if rows.epoch != expected {
            let message = format!("epoch {} is stored, {expected} was expected", rows.epoch);
            return Box::pin(ready(Err(Error::new(Code::StorageConflict, message))));
        }
        for (table, key) in changes.deletes {
            rows.tables.get_or_default(table).remove(&key);
        }
        for (table, key, bytes) in changes.puts {
            rows.tables.get_or_default(table).insert(key, bytes);
        }
        rows.epoch += 1;
        Box::pin(ready(Ok(rows.epoch)))
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    fn put(table: Table, key: &str, byte: u8) -> Changes {
        Changes { puts: vec![(table, key.into(), vec![byte])], deletes: vec![] }
    }

    #[test]
    fn reads_in_order_after_a_key() {
        let storage = MemoryStorage::new();
        for (epoch, key) in ["b", "a", "c"].into_iter().enumerate() {
            block_on(storage.commit(epoch as Epoch, put("t", key, 1))).unwrap();
        }
        let keys = |after: Option<&str>, limit| -> Vec<String> {
            let rows = block_on(storage.read("t", after.map(str::to_owned), limit)).unwrap();
            rows.into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(keys(None, 2), ["a", "b"]);
        assert_eq!(keys(Some("b"), 9), ["c"]);
        assert!(block_on(storage.read("other", None, 9)).unwrap().is_empty());
    }

    #[test]
    fn a_stale_commit_changes_nothing() {
        let storage = MemoryStorage::new();
        block_on(storage.commit(0, put("t", "a", 1))).unwrap();
        let error = block_on(storage.commit(0, put("t", "a", 2))).unwrap_err();
        assert_eq!(error.code, Code::StorageConflict);
        assert_eq!(block_on(storage.read("t", None, 9)).unwrap(), [("a".to_owned(), vec![1])]);
        assert_eq!(block_on(storage.epoch()).unwrap(), 1);
    }
}

//! Storage in IndexedDB: one database a knowledge base, one object store, keys `table NUL key`.
//!
//! One store with composed keys needs no schema change for a new table, and a range of keys reads
//! one table in order. Everything a transaction writes is prepared before it opens: IndexedDB commits a
//! transaction by itself as soon as something else is awaited.

use std::{cell::RefCell, rc::Rc};

use futures::future::LocalBoxFuture;
use indexed_db_futures::{
    KeyRange,
    database::Database,
    error::{DomException, Error as IdbError, OpenDbError},
    prelude::*,
    transaction::{TransactionDurability, TransactionMode, TransactionOptions},
};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use crate::{
    port::{Changes, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

const STORE: &str = "rows";
const EPOCH: &str = "epoch";

/// An open database.
pub struct IndexedDbStorage {
    /// `None` once closed.
    database: Rc<RefCell<Option<Rc<Database>>>>,
}

impl IndexedDbStorage {
    /// Opens, and creates where there is none, the database of the knowledge base with this name.
    pub async fn open(name: &str) -> Result<Self> {
        let database = Database::open(format!("smolrag:{name}"))
            .with_version(1u8)
            .with_on_upgrade_needed(|_, database| {
                database.create_object_store(STORE).build()?;
                Ok(())
            })
            .await
            .map_err(open_error)?;
        Ok(IndexedDbStorage { database: Rc::new(RefCell::new(Some(Rc::new(database)))) })
    }

    fn database(&self) -> Result<Rc<Database>> {
        self.database
            .borrow()
            .clone()
            .ok_or_else(|| Error::new(Code::Closed, "the storage is closed"))
    }
}

fn row_key(table: Table, key: &str) -> String {
    format!("{table}\u{0}{key}")
}

fn open_error(error: OpenDbError) -> Error {
    match error {
        OpenDbError::Base(error) => storage_error(error),
        other => Error::invalid(format!(
            "this host has no IndexedDB ({other}); open with storage: \"memory\""
        )),
    }
}

fn storage_error(error: IdbError) -> Error {
    let IdbError::DomException(exception) = &error else {
        return Error::new(Code::Internal, format!("IndexedDB: {error}"));
    };
    let name = match exception {
        DomException::Other(other) => other.name(),
        _ => String::new(),
    };
    match name.as_str() {
        "QuotaExceededError" => Error::new(
            Code::StorageQuota,
            "the browser gives this site no more room; remove documents or free disk space. The last commit stands.",
        ),
        _ => Error::new(Code::Internal, format!("IndexedDB: {}", exception.message())),
    }
}

async fn read_epoch(store: &indexed_db_futures::object_store::ObjectStore<'_>) -> Result<Epoch> {
    let epoch: Option<f64> =
        store.get(EPOCH).primitive().map_err(storage_error)?.await.map_err(storage_error)?;
    Ok(epoch.unwrap_or(0.0) as Epoch)
}

impl Storage for IndexedDbStorage {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        let database = self.database();
        Box::pin(async move {
            let database = database?;
            let transaction = database.transaction(STORE).build().map_err(storage_error)?;
            let store = transaction.object_store(STORE).map_err(storage_error)?;
            read_epoch(&store).await
        })
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        let database = self.database();
        Box::pin(async move {
            let database = database?;
            let transaction = database.transaction(STORE).build().map_err(storage_error)?;
            let store = transaction.object_store(STORE).map_err(storage_error)?;
            let start = row_key(table, after.as_deref().unwrap_or_default());
            let range =
                || KeyRange::Bound(start.clone(), after.is_some(), format!("{table}\u{1}"), true);
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            let keys = store
                .get_all_keys::<String>()
                .with_query::<String, _>(range())
                .with_limit(limit)
                .primitive()
                .map_err(storage_error)?;
            let values = store
                .get_all::<JsValue>()
                .with_query::<String, _>(range())
                .with_limit(limit)
                .primitive()
                .map_err(storage_error)?;
            // Both requests are on their way before the first is awaited: one round trip.
            let (keys, values) =
                futures::future::try_join(keys, values).await.map_err(storage_error)?;
            let mut rows = Vec::new();
            for (key, value) in keys.zip(values) {
                let (key, value) = (key.map_err(storage_error)?, value.map_err(storage_error)?);
                let key =
                    key.split_once('\u{0}').map_or_else(String::new, |(_, key)| key.to_owned());
                rows.push((key, value.unchecked_into::<Uint8Array>().to_vec()));
            }
            Ok(rows)
        })
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        let database = self.database();
        Box::pin(async move {
            let database = database?;
            let puts: Vec<(String, JsValue)> = changes
                .puts
                .iter()
                .map(|(table, key, bytes)| {
                    (row_key(table, key), Uint8Array::from(bytes.as_slice()).into())
                })
                .collect();
            let transaction = database
                .transaction(STORE)
                .with_mode(TransactionMode::Readwrite)
                .with_options(
                    TransactionOptions::new().with_durability(TransactionDurability::Strict),
                )
                .build()
                .map_err(storage_error)?;
            let store = transaction.object_store(STORE).map_err(storage_error)?;
            let stored = read_epoch(&store).await?;
            if stored != expected {
                // Dropping the transaction rolls it back.
                return Err(Error::new(
                    Code::StorageConflict,
                    format!("epoch {stored} is stored, {expected} was expected"),
                ));
            }
            for (table, key) in &changes.deletes {
                store.delete(row_key(table, key)).primitive().map_err(storage_error)?;
            }
            for (key, value) in puts {
                store.put(value).with_key(key).primitive().map_err(storage_error)?;
            }
            let next = expected + 1;
            store.put(next as f64).with_key(EPOCH).primitive().map_err(storage_error)?;
            transaction.commit().await.map_err(storage_error)?;
            Ok(next)
        })
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        let database = self.database.borrow_mut().take();
        Box::pin(async move {
            // A transaction still running keeps its own handle and ends first.
            if let Some(database) = database.and_then(Rc::into_inner) {
                database.close();
            }
            Ok(())
        })
    }
}

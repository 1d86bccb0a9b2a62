//! Storage in IndexedDB: one database a knowledge base, one object store, keys `table NUL key`.
//!
//! One store with composed keys needs no schema change for a new table, and a range of keys reads
//! one table in order. Everything a transaction writes is prepared before it opens: IndexedDB commits a
//! transaction by itself as soon as something else is awaited.

use std::{cell::RefCell, rc::Rc};

use futures::future::{Either, LocalBoxFuture, select};
use indexed_db_futures::{
    KeyRange,
    database::Database,
    error::{DomException, Error as IdbError, OpenDbError},
    internals::SystemRepr,
    prelude::*,
    transaction::{TransactionDurability, TransactionMode, TransactionOptions},
};
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{IdbDatabase, IdbOpenDbRequest, IdbVersionChangeEvent};

use crate::{
    engine::Event,
    port::{Changes, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

const STORE: &str = "rows";
const EPOCH: &str = "epoch";
/// 2 since documents have checksums of their parts, which version 1 of this package cannot read: its
/// tabs must have closed before a newer one writes. The rows of version 1 are read as they are.
const VERSION: u8 = 2;

#[wasm_bindgen]
extern "C" {
    // The package's own (src/js/instance.ts): an open database is closed when another tab wants to
    // upgrade or delete it, and when this instance fails; both must work without this instance.
    #[wasm_bindgen(js_name = databaseOpened)]
    fn database_opened(database: &JsValue);
    #[wasm_bindgen(js_name = databaseClosed)]
    fn database_closed(database: &JsValue);
}

/// When a commit counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on the disk.
    Strict,
    /// When the operating system has it: a power failure may take the last commits, whole.
    Relaxed,
}

/// An open database.
pub struct IndexedDbStorage {
    /// `None` once closed.
    database: Rc<RefCell<Option<Rc<Database>>>>,
    durability: Durability,
}

impl IndexedDbStorage {
    /// Opens, and creates where there is none, the database of the knowledge base with this name.
    pub async fn open(name: &str, durability: Durability) -> Result<Self> {
        let blocked = Event::default();
        let happens = blocked.clone();
        let opening = Database::open(format!("smolrag:{name}"))
            .with_version(VERSION)
            .with_on_blocked(move |_| {
                happens.set(());
                Ok(())
            })
            .build()
            .map_err(open_error)?;
        let upgrade = on_upgrade_needed(opening.as_sys());
        let opening = Box::pin(async move {
            let opened = opening.await;
            drop(upgrade);
            opened
        });
        let database = match select(opening, blocked.wait()).await {
            Either::Left((opened, _)) => opened.map_err(open_error)?,
            Either::Right(((), opening)) => {
                // It opens all the same when the others have closed, and must not stay open then.
                spawn_local(async move {
                    if let Ok(database) = opening.await {
                        database.close();
                    }
                });
                return Err(Error::new(
                    Code::StorageBlocked,
                    "another tab holds this knowledge base open with an older version of smolrag; close or reload \
                     the other tabs of this site, then open again",
                ));
            }
        };
        database_opened(database.as_sys());
        let database = Rc::new(RefCell::new(Some(Rc::new(database))));
        Ok(IndexedDbStorage { database, durability })
    }

    fn database(&self) -> Result<Rc<Database>> {
        self.database
            .borrow()
            .clone()
            .ok_or_else(|| Error::new(Code::Closed, "the storage is closed"))
    }
}

/// Makes the object store of a database that is new. Not `with_on_upgrade_needed` of the library, as that prints its
/// errors: printing floats would be a fiftieth of the wasm.
fn on_upgrade_needed(
    request: &IdbOpenDbRequest,
) -> Closure<dyn FnMut(IdbVersionChangeEvent) -> std::result::Result<(), JsValue>> {
    let of_request = request.clone();
    let upgrade = Closure::once(move |event: IdbVersionChangeEvent| {
        if event.old_version() < 1.0 {
            let database: IdbDatabase = of_request.result()?.unchecked_into();
            database.create_object_store(STORE)?;
        }
        Ok(())
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    upgrade
}

fn row_key(table: Table, key: &str) -> String {
    format!("{table}\u{0}{key}")
}

fn open_error(error: OpenDbError) -> Error {
    match error {
        OpenDbError::Base(error) => storage_error(error),
        _ => Error::invalid("this host has no IndexedDB; open with storage: \"memory\""),
    }
}

fn storage_error(error: IdbError) -> Error {
    match &error {
        IdbError::DomException(exception) => exception_error(exception),
        // Not as it prints itself, as that prints floats.
        _ => Error::new(Code::Internal, "IndexedDB gave a value that was never written there"),
    }
}

fn exception_error(exception: &DomException) -> Error {
    let blocked = |message: &str| Error::new(Code::StorageBlocked, message);
    if let DomException::InvalidStateError(_) = exception {
        return blocked(
            "the database was closed because another tab upgrades or deletes it, or the browser has cleared it; \
             close this instance and open again",
        );
    }
    let name = match exception {
        DomException::Other(other) => other.name(),
        _ => String::new(),
    };
    match name.as_str() {
        "QuotaExceededError" => Error::new(
            Code::StorageQuota,
            "the browser gives this site no more room; remove documents or free disk space. The last commit stands.",
        ),
        "VersionError" => blocked(
            "a newer version of smolrag has this knowledge base; reload the page to get it, or update the package",
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
        let durability = match self.durability {
            Durability::Strict => TransactionDurability::Strict,
            Durability::Relaxed => TransactionDurability::Relaxed,
        };
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
                .with_options(TransactionOptions::new().with_durability(durability))
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
            // Why a transaction was aborted is known to itself alone.
            let raw = transaction.as_sys().clone();
            transaction.commit().await.map_err(|error| match raw.error() {
                Some(reason) => exception_error(&reason.into()),
                None => storage_error(error),
            })?;
            Ok(next)
        })
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        let database = self.database.borrow_mut().take();
        Box::pin(async move {
            // A transaction still running ends first.
            if let Some(database) = database {
                database_closed(database.as_sys());
            }
            Ok(())
        })
    }
}

//! A storage that is a JavaScript object.

use futures::future::LocalBoxFuture;
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use super::settle;
use crate::{
    port::{Changes, Epoch, Row, Storage, Table},
    record::{Code, Error, Result},
};

#[wasm_bindgen]
extern "C" {
    /// `StorageAdapter` of the package's types.
    #[derive(Clone)]
    type StorageObject;
    #[wasm_bindgen(method, structural, catch)]
    fn open(this: &StorageObject, name: &str) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn read(
        this: &StorageObject,
        table: &str,
        after: &JsValue,
        limit: f64,
    ) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn commit(
        this: &StorageObject,
        expected: f64,
        puts: &Array,
        deletes: &Array,
    ) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn close(this: &StorageObject) -> std::result::Result<JsValue, JsValue>;
}

/// A `StorageAdapter` object, opened for one knowledge base.
pub struct JsStorage {
    name: String,
    object: StorageObject,
}

impl JsStorage {
    /// Checks the shape of the object; nothing is opened yet.
    pub fn new(name: &str, value: JsValue) -> Result<Self> {
        for method in ["open", "read", "commit", "close"] {
            if !value.is_object()
                || !Reflect::get(&value, &method.into()).is_ok_and(|f| f.is_function())
            {
                return Err(Error::invalid(format!(
                    "storage: a StorageAdapter needs the method {method}()"
                )));
            }
        }
        Ok(JsStorage { name: name.to_owned(), object: value.unchecked_into() })
    }
}

fn epoch_from(value: &JsValue) -> Result<Epoch> {
    value
        .as_f64()
        .filter(|epoch| epoch.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(epoch))
        .map(|epoch| epoch as Epoch)
        .ok_or_else(|| {
            Error::new(
                Code::StorageCorrupt,
                "the storage adapter gave an epoch that is no whole number",
            )
        })
}

fn row_from(value: &JsValue) -> Result<Row> {
    let pair = array(value)?;
    match (pair.get(0).as_string(), pair.get(1).dyn_into::<Uint8Array>()) {
        (Some(key), Ok(bytes)) => Ok((key, bytes.to_vec())),
        _ => Err(malformed()),
    }
}

/// Rows as `StorageAdapter.read` gives them.
pub fn rows_to_js(rows: &[Row]) -> Array {
    let pair = |(key, bytes): &Row| Array::of2(&key.into(), &Uint8Array::from(bytes.as_slice()));
    rows.iter().map(pair).collect()
}

/// What `StorageAdapter.commit` is given.
pub fn changes_from(puts: &Array, deletes: &Array) -> Result<Changes> {
    let mut changes = Changes::default();
    for put in puts.iter() {
        let put = array(&put)?;
        let (key, bytes) = row_from(&put.slice(1, 3))?;
        changes.puts.push((table_from(&put.get(0))?, key, bytes));
    }
    for delete in deletes.iter() {
        let delete = array(&delete)?;
        let key = delete.get(1).as_string().ok_or_else(malformed)?;
        changes.deletes.push((table_from(&delete.get(0))?, key));
    }
    Ok(changes)
}

/// The table of this name; of the engine's own, those that the conformance suite uses.
pub fn table_from(name: &JsValue) -> Result<Table> {
    ["documents", "changes", "meta"]
        .into_iter()
        .find(|table| name.as_string().as_deref() == Some(table))
        .ok_or_else(|| Error::invalid("there is no such table"))
}

fn array(value: &JsValue) -> Result<Array> {
    if Array::is_array(value) { Ok(Array::from(value)) } else { Err(malformed()) }
}

fn malformed() -> Error {
    Error::new(
        Code::StorageCorrupt,
        "the storage adapter's read() must give [string, Uint8Array] pairs",
    )
}

impl Storage for JsStorage {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        let (object, name) = (self.object.clone(), self.name.clone());
        Box::pin(async move {
            let opened = settle(object.open(&name), Code::Internal).await?;
            epoch_from(&Reflect::get(&opened, &"epoch".into()).unwrap_or(JsValue::UNDEFINED))
        })
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        let object = self.object.clone();
        Box::pin(async move {
            let after = after.map_or(JsValue::UNDEFINED, |key| JsValue::from_str(&key));
            let rows = settle(object.read(table, &after, limit as f64), Code::Internal).await?;
            array(&rows)?.iter().map(|row| row_from(&row)).collect()
        })
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        let object = self.object.clone();
        Box::pin(async move {
            let puts: Array = changes
                .puts
                .iter()
                .map(|(table, key, bytes)| {
                    Array::of3(&(*table).into(), &key.into(), &Uint8Array::from(bytes.as_slice()))
                })
                .collect();
            let deletes: Array = changes
                .deletes
                .iter()
                .map(|(table, key)| Array::of2(&(*table).into(), &key.into()))
                .collect();
            epoch_from(
                &settle(object.commit(expected as f64, &puts, &deletes), Code::Internal).await?,
            )
        })
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        let object = self.object.clone();
        Box::pin(async move { settle(object.close(), Code::Internal).await.map(|_| ()) })
    }
}

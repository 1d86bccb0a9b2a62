//! The wasm-bindgen surface: conversion and nothing else.
//!
//! Every method is synchronous over `&self`: it clones the engine's handle and returns a promise.
//! No borrow of the exported object outlives the call, so calls may overlap and callbacks may come
//! back in.

mod indexes;

use std::{cell::RefCell, rc::Rc};

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream::LocalBoxStream};
use js_sys::{Array, Function, Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::{
    engine::{Engine, Notice, OpenProgress, Signal, StreamPart},
    host::{
        Durability, arguments, changes_from, error_to_js, retrieved_to_js, rows_to_js, signal_from,
        table_from, to_js,
    },
    port::{Epoch, Storage},
    record::{Error, Result},
};

/// A panic leaves as an exception that says what happened; the package then replaces the instance.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// A promise of what the work gives.
fn promise<T: Serialize>(work: impl Future<Output = Result<T>> + 'static) -> Promise {
    settling(async move { to_js(&work.await?) }.boxed_local())
}

/// Of one type, so that what a promise needs around its work is compiled once and not for each call.
fn settling(work: LocalBoxFuture<'static, Result<JsValue>>) -> Promise {
    future_to_promise(async move { work.await.map_err(|error| error_to_js(&error)) })
}

/// A promise of work that can be cancelled by `options.signal`.
fn cancellable<T: Serialize + 'static, F>(
    options: &JsValue,
    start: impl FnOnce(Signal) -> F,
) -> Promise
where
    F: Future<Output = Result<T>> + 'static,
{
    cancellable_as(options, start, |result| to_js(&result))
}

/// [`cancellable`], whose result is handed over in a way of its own.
fn cancellable_as<T, F>(
    options: &JsValue,
    start: impl FnOnce(Signal) -> F,
    convert: fn(T) -> Result<JsValue>,
) -> Promise
where
    F: Future<Output = Result<T>> + 'static,
    T: 'static,
{
    let (signal, listening) = signal_from(&arguments::property(options, "signal"));
    let work = start(signal);
    let converted = async move {
        let result = work.await;
        drop(listening);
        convert(result?)
    };
    settling(converted.boxed_local())
}

/// An open knowledge base.
#[wasm_bindgen]
pub struct Core(Engine);

#[wasm_bindgen]
impl Core {
    /// Opens; resolves to a `Core`.
    pub fn open(options: JsValue, emit: Function) -> Promise {
        let opened = async move {
            let listener = Rc::new(move |notice| tell(&emit, &notice));
            let opening = progress::<OpenProgress>(&options)?;
            let (ports, options) = arguments::open_options(&options, listener).await?;
            Ok(Core(Engine::open_telling(ports, options, opening).await?).into())
        };
        settling(opened.boxed_local())
    }

    /// See `SmolRag.ingest`.
    pub fn ingest(&self, documents: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let progress = progress(&options);
            let (documents, budget) =
                (arguments::documents(&documents), arguments::call_budget(&options));
            async move { engine.ingest_within(budget?, documents?, signal, progress?).await }
        })
    }

    /// See `SmolRag.estimate`.
    pub fn estimate(&self, documents: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let documents = arguments::documents(&documents);
            async move { engine.estimate(documents?, signal).await }
        })
    }

    /// See `SmolRag.retrieve`.
    pub fn retrieve(&self, question: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        let start = |signal| {
            let (question, options) =
                (arguments::question(&question), arguments::retrieve_options(&options));
            async move { engine.retrieve(question?, options?, signal).await }
        };
        cancellable_as(&options, start, |found| Ok(retrieved_to_js(&found)))
    }

    /// See `SmolRag.query`.
    pub fn query(&self, question: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let (question, options) =
                (arguments::question(&question), arguments::query_options(&options));
            async move { engine.query(question?, options?, signal).await }
        })
    }

    /// See `SmolRag.query`, with `contextOnly`.
    #[wasm_bindgen(js_name = queryPrompt)]
    pub fn query_prompt(&self, question: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let (question, options) =
                (arguments::question(&question), arguments::query_options(&options));
            async move { engine.query_prompt(question?, options?, signal).await }
        })
    }

    /// See `SmolRag.stream`.
    pub fn stream(&self, question: JsValue, options: JsValue) -> Parts {
        let (signal, listening) = signal_from(&arguments::property(&options, "signal"));
        let arguments = arguments::question(&question)
            .and_then(|question| Ok((question, arguments::query_options(&options)?)));
        let parts = match arguments {
            Ok((question, options)) => self.0.stream(question, options, signal),
            Err(error) => futures::stream::once(async { Err(error) }).boxed_local(),
        };
        Parts { parts: Rc::new(RefCell::new(Some(parts))), _listening: Box::new(listening) }
    }

    /// See `SmolRag.remove`.
    pub fn remove(&self, source: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let source = arguments::text("source", &source);
            async move { engine.remove(source?, signal).await }
        })
    }

    /// See `SmolRag.documents`.
    pub fn documents(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.documents().await })
    }

    /// See `SmolRag.text`.
    pub fn text(&self, source: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.text(arguments::text("source", &source)?).await })
    }

    /// See `SmolRag.entity`.
    pub fn entity(&self, name: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.entity(arguments::text("name", &name)?).await })
    }

    /// See `SmolRag.relationships`.
    pub fn relationships(&self, name: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.relationships(arguments::text("name", &name)?).await })
    }

    /// See `SmolRag.graph`.
    pub fn graph(&self, options: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.graph(arguments::graph_options(&options)?).await })
    }

    /// See `SmolRag.mergeEntities`.
    #[wasm_bindgen(js_name = mergeEntities)]
    pub fn merge_entities(&self, names: JsValue, into: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move {
            engine
                .merge_entities(arguments::names("names", &names)?, arguments::text("into", &into)?)
                .await
        })
    }

    /// See `SmolRag.unmerge`.
    pub fn unmerge(&self, into: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.unmerge(arguments::text("into", &into)?).await })
    }

    /// See `SmolRag.refresh`.
    pub fn refresh(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.refresh().await })
    }

    /// See `SmolRag.repair`.
    pub fn repair(&self, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let progress = progress(&options);
            async move { engine.repair(signal, progress?).await }
        })
    }

    /// See `SmolRag.reembed`.
    pub fn reembed(&self, embedder: JsValue, options: JsValue) -> Promise {
        let engine = self.0.clone();
        cancellable(&options, |signal| {
            let (embedder, progress) = (arguments::embedder(&embedder), progress(&options));
            async move { engine.reembed(embedder?, signal, progress?).await }
        })
    }

    /// See `SmolRag.exportSnapshot`.
    #[wasm_bindgen(js_name = exportSnapshot)]
    pub fn export_snapshot(&self) -> Promise {
        let engine = self.0.clone();
        let file = async move { Ok(Uint8Array::from(&*engine.export_snapshot().await?).into()) };
        settling(file.boxed_local())
    }

    /// See `SmolRag.importSnapshot`.
    #[wasm_bindgen(js_name = importSnapshot)]
    pub fn import_snapshot(&self, file: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(
            async move { engine.import_snapshot(&arguments::bytes("the snapshot", &file)?).await },
        )
    }

    /// See `SmolRag.documentsTable`.
    #[wasm_bindgen(js_name = documentsTable)]
    pub fn documents_table(&self) -> Promise {
        let engine = self.0.clone();
        promise(async move { Ok(engine.documents_table()) })
    }

    /// See `SmolRag.statistics`.
    pub fn statistics(&self, queries: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.statistics(arguments::names("queries", &queries)?).await })
    }

    /// See `SmolRag.assume`.
    pub fn assume(&self, statistics: JsValue) -> Promise {
        let engine = self.0.clone();
        promise(async move { engine.assume(arguments::statistics(&statistics)?).await })
    }

    /// See `SmolRag.stats`.
    pub fn stats(&self) -> std::result::Result<JsValue, JsValue> {
        to_js(&self.0.stats()).map_err(|error| error_to_js(&error))
    }

    /// See `SmolRag.close`.
    pub fn close(&self, options: JsValue) -> Promise {
        let engine = self.0.clone();
        let force = arguments::property(&options, "force").is_truthy();
        promise(async move { engine.close(force).await })
    }
}

/// The parts of an answer on their way. Freeing it cancels what is left.
#[wasm_bindgen]
pub struct Parts {
    /// `None` while a part is waited for.
    parts: Rc<RefCell<Option<LocalBoxStream<'static, Result<StreamPart>>>>>,
    _listening: Box<dyn std::any::Any>,
}

#[wasm_bindgen]
impl Parts {
    /// The next part; `undefined` after the last.
    pub fn next(&self) -> Promise {
        let place = self.parts.clone();
        promise(async move {
            let parts = place.borrow_mut().take();
            let mut parts = parts
                .ok_or_else(|| Error::invalid("wait for one part before asking for the next"))?;
            let part = parts.next().await.transpose();
            *place.borrow_mut() = Some(parts);
            part
        })
    }
}

/// A storage as the engine reaches it: IndexedDB has no other way in, and is held by this to the conformance suite.
#[wasm_bindgen]
pub struct Rows(Rc<dyn Storage>);

#[wasm_bindgen]
impl Rows {
    /// Opens `"indexeddb"` or a `StorageAdapter` for a name; resolves to `Rows`.
    pub fn open(name: String, storage: JsValue) -> Promise {
        let opened = async move {
            Ok(Rows(arguments::storage(&name, &storage, Durability::Strict).await?).into())
        };
        settling(opened.boxed_local())
    }

    /// The epoch of the last commit.
    pub fn epoch(&self) -> Promise {
        promise(self.0.epoch())
    }

    /// See `StorageAdapter.read`.
    pub fn read(&self, table: JsValue, after: Option<String>, limit: f64) -> Promise {
        let rows = table_from(&table).map(|table| self.0.read(table, after, limit as usize));
        settling(async move { Ok(rows_to_js(&rows?.await?).into()) }.boxed_local())
    }

    /// See `StorageAdapter.commit`.
    pub fn commit(&self, expected: f64, puts: Array, deletes: Array) -> Promise {
        let changes = changes_from(&puts, &deletes);
        let epoch = changes.map(|changes| self.0.commit(expected as Epoch, changes));
        promise(async move { epoch?.await })
    }

    /// See `StorageAdapter.close`.
    pub fn close(&self) -> Promise {
        promise(self.0.close())
    }
}

fn tell(emit: &Function, notice: &Notice) {
    if let Ok(value) = to_js(notice) {
        // The package's own function; it throws nothing.
        let _ = emit.call2(&JsValue::UNDEFINED, &arguments::property(&value, "type"), &value);
    }
}

#[wasm_bindgen]
extern "C" {
    /// An `onProgress` that may say of itself that nobody hears it now.
    type Listener;
    #[wasm_bindgen(method, getter, structural)]
    fn heard(this: &Listener) -> Option<bool>;
}

fn progress<T: Serialize + 'static>(options: &JsValue) -> Result<Rc<dyn Fn(T)>> {
    let callback = arguments::property(options, "onProgress");
    if callback.is_undefined() {
        return Ok(Rc::new(|_| ()));
    }
    let callback: Function =
        callback.dyn_into().map_err(|_| Error::invalid("onProgress must be a function"))?;
    Ok(Rc::new(move |progress| {
        if callback.unchecked_ref::<Listener>().heard() == Some(false) {
            return;
        }
        if let Ok(value) = to_js(&progress) {
            // The package wraps the user's callback; it throws nothing.
            let _ = callback.call1(&JsValue::UNDEFINED, &value);
        }
    }))
}

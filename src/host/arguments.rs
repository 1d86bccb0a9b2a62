//! What callers pass in, checked for form.

use std::rc::Rc;

use futures::future::LocalBoxFuture;
use js_sys::{Array, Function, JsString, Object, Reflect, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::{
    HostClock, IndexedDbStorage, JsEmbeddingModel, JsLanguageModel, JsStorage, from_js, settle,
};
use crate::{
    builtin::StaticEmbedder,
    engine::{
        CacheLimits, DocumentInput, Embedder, GateLimits, Notice, Options, Ports, QueryOptions,
        QueueLimits, RetrieveOptions, Splitter,
    },
    port::{LanguageModel, Mode, Role, Storage, Turn},
    record::{Code, Error, Filter, Metadata, Result},
    text::{ExcerptOptions, Strategy},
};

/// A property of any value; `undefined` where there is none.
pub fn property(object: &JsValue, name: &str) -> JsValue {
    if object.is_object() {
        Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
    } else {
        JsValue::UNDEFINED
    }
}

fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

/// A string without lone surrogates, which UTF-8 cannot hold.
pub fn text(what: &str, value: &JsValue) -> Result<String> {
    let string = value
        .dyn_ref::<JsString>()
        .ok_or_else(|| Error::invalid(format!("{what} must be a string")))?;
    if !string.is_valid_utf16() {
        return Err(Error::invalid(format!(
            "{what} holds a lone surrogate; it is not well-formed Unicode"
        )));
    }
    Ok(string.into())
}

/// Like [`text`], and not blank.
pub fn question(value: &JsValue) -> Result<String> {
    let question = text("the question", value)?;
    if question.trim().is_empty() {
        Err(Error::invalid("the question is empty"))
    } else {
        Ok(question)
    }
}

/// An array of strings.
pub fn names(what: &str, value: &JsValue) -> Result<Vec<String>> {
    if !Array::is_array(value) {
        return Err(Error::invalid(format!("{what} must be an array of strings")));
    }
    Array::from(value).iter().map(|name| text(what, &name)).collect()
}

/// `[{ source, text, metadata? }]`.
pub fn documents(value: &JsValue) -> Result<Vec<DocumentInput>> {
    if !Array::is_array(value) {
        return Err(Error::invalid("documents must be an array of { source, text, metadata? }"));
    }
    Array::from(value)
        .iter()
        .enumerate()
        .map(|(index, document)| {
            let what = |name: &str| format!("documents[{index}].{name}");
            Ok(DocumentInput {
                source: text(&what("source"), &property(&document, "source"))?.into(),
                text: text(&what("text"), &property(&document, "text"))?.into(),
                metadata: metadata(&what("metadata"), &property(&document, "metadata"))?,
            })
        })
        .collect()
}

fn metadata(what: &str, value: &JsValue) -> Result<Metadata> {
    let shape = || {
        Error::invalid(format!(
            "{what} must be an object of strings, numbers, booleans and arrays of these"
        ))
    };
    if !is_absent(value) && (!value.is_object() || Array::is_array(value)) {
        return Err(shape());
    }
    if !is_absent(value) && Object::values(value.unchecked_ref()).iter().any(|v| !is_shallow(&v, 8))
    {
        return Err(Error::invalid(format!("{what} nests arrays more than 8 deep")));
    }
    from_js(what, value).map_err(|_| shape())
}

/// Whether arrays in arrays end within so many levels. Reading them recurses, and so does all that is
/// done with them later.
fn is_shallow(value: &JsValue, levels: usize) -> bool {
    !Array::is_array(value)
        || levels > 0 && Array::from(value).iter().all(|item| is_shallow(&item, levels - 1))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RetrieveFields {
    mode: Option<String>,
    top_k: Option<u32>,
    max_tokens: Option<u32>,
}

/// `{ mode?, topK?, maxTokens?, filter? }`.
pub fn retrieve_options(value: &JsValue) -> Result<RetrieveOptions> {
    let RetrieveFields { mode, top_k, max_tokens } = from_js("options", value)?;
    let defaults = RetrieveOptions::default();
    Ok(RetrieveOptions {
        mode: mode.map_or(Ok(defaults.mode), |name| Mode::parse(&name))?,
        top_k: top_k.map_or(defaults.top_k, |k| k as usize),
        max_tokens: max_tokens.map_or(defaults.max_tokens, |tokens| tokens as usize),
        filter: Filter(metadata("filter", &property(value, "filter"))?),
    })
}

/// The options of `retrieve`, and `{ history? }`.
pub fn query_options(value: &JsValue) -> Result<QueryOptions> {
    let history = property(value, "history");
    let turn = |turn: JsValue| {
        let role = match property(&turn, "role").as_string().as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => {
                return Err(Error::invalid(
                    "history: the role of a turn must be \"user\" or \"assistant\"",
                ));
            }
        };
        Ok(Turn {
            role,
            text: text("history: the content of a turn", &property(&turn, "content"))?,
        })
    };
    let history = match Array::is_array(&history) {
        true => Array::from(&history).iter().map(turn).collect::<Result<_>>()?,
        false if is_absent(&history) => Vec::new(),
        false => return Err(Error::invalid("history must be an array of { role, content }")),
    };
    Ok(QueryOptions { retrieve: retrieve_options(value)?, history })
}

#[derive(Deserialize, Default)]
struct ExcerptFields {
    size: Option<u32>,
    overlap: Option<u32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct LimitFields {
    queue: Option<u32>,
    ingest_concurrency: Option<u32>,
    llm_concurrency: Option<u32>,
    llm_per_second: Option<f64>,
    model_timeout: Option<f64>,
    document_bytes: Option<u32>,
}

#[derive(Deserialize, Default)]
struct CacheFields {
    entries: Option<u32>,
    bytes: Option<f64>,
}

/// What `open` takes, with the parts that only the host knows.
pub async fn open_options(
    value: &JsValue,
    listener: Rc<dyn Fn(Notice)>,
) -> Result<(Ports, Options)> {
    let name = match property(value, "name") {
        name if is_absent(&name) => "default".to_owned(),
        name => text("name", &name)?,
    };
    let excerpts = property(value, "excerpts");
    let options = Options {
        excerpts: excerpt_options(&excerpts)?,
        resolve_entities: from_js::<Option<bool>>(
            "resolveEntities",
            &property(value, "resolveEntities"),
        )?
        .unwrap_or(true),
        ..limits(value)?
    };
    let ports = Ports {
        storage: storage(&name, &property(value, "storage")).await?,
        clock: Rc::new(HostClock),
        llm: language_model(&property(value, "llm"))?,
        embedder: embedder(&property(value, "embedder"))?,
        splitter: splitter(&property(&excerpts, "strategy")),
        listener,
    };
    Ok((ports, options))
}

fn limits(value: &JsValue) -> Result<Options> {
    let limits: LimitFields = from_js("limits", &property(value, "limits"))?;
    let cache: CacheFields = from_js("cache", &property(value, "cache"))?;
    let defaults = Options::default();
    let count = |value: Option<u32>, default: usize| value.map_or(default, |value| value as usize);
    let positive = |what: &str, value: Option<f64>, default: f64| match value {
        None => Ok(default),
        Some(value) if value > 0.0 => Ok(value),
        Some(value) => Err(Error::invalid(format!("{what} must be over 0, not {value}"))),
    };
    let per_second =
        positive("limits.llmPerSecond", limits.llm_per_second, defaults.llm.per_second)?;
    Ok(Options {
        queue: QueueLimits {
            queue: count(limits.queue, defaults.queue.queue),
            writers: count(limits.ingest_concurrency, defaults.queue.writers),
            ..defaults.queue
        },
        llm: GateLimits {
            concurrency: count(limits.llm_concurrency, defaults.llm.concurrency),
            per_second,
            ..defaults.llm
        },
        model_timeout: 1000.0
            * positive(
                "limits.modelTimeout",
                limits.model_timeout,
                defaults.model_timeout / 1000.0,
            )?,
        cache: CacheLimits {
            entries: count(cache.entries, defaults.cache.entries),
            bytes: cache.bytes.map_or(defaults.cache.bytes, |bytes| bytes as usize),
        },
        document_bytes: count(limits.document_bytes, defaults.document_bytes),
        ..defaults
    })
}

fn excerpt_options(value: &JsValue) -> Result<ExcerptOptions> {
    let ExcerptFields { size, overlap } = from_js("excerpts", value)?;
    let defaults = ExcerptOptions::default();
    let strategy = property(value, "strategy");
    let strategy = match strategy.as_string().as_deref() {
        Some("markdown") => Strategy::Markdown,
        Some("words") => Strategy::Words,
        Some("characters") => Strategy::Characters,
        None if is_absent(&strategy) || strategy.is_function() => Strategy::Markdown,
        _ => {
            return Err(Error::invalid(
                "excerpts.strategy must be \"markdown\", \"words\", \"characters\" or a function",
            ));
        }
    };
    let size = size.map_or(defaults.size, |size| size as usize);
    // A small size alone must not run into the default overlap.
    let overlap = overlap.map_or(defaults.overlap.min(size / 4), |overlap| overlap as usize);
    Ok(ExcerptOptions { size, overlap, strategy })
}

struct JsSplitter(Function);

impl Splitter for JsSplitter {
    fn split(&self, text: &str) -> LocalBoxFuture<'static, Result<Vec<String>>> {
        let parts = self.0.call1(&JsValue::UNDEFINED, &text.into());
        Box::pin(async {
            let parts = settle(parts, Code::InvalidArgument).await?;
            names("what excerpts.strategy returns", &parts)
        })
    }
}

fn splitter(value: &JsValue) -> Option<Rc<dyn Splitter>> {
    value
        .dyn_ref::<Function>()
        .map(|function| Rc::new(JsSplitter(function.clone())) as Rc<dyn Splitter>)
}

fn language_model(value: &JsValue) -> Result<Option<Rc<dyn LanguageModel>>> {
    if is_absent(value) {
        return Ok(None);
    }
    Ok(Some(Rc::new(JsLanguageModel::new(value.clone())?)))
}

fn embedder(value: &JsValue) -> Result<Option<Embedder>> {
    if is_absent(value) || value.as_string().as_deref() == Some("none") {
        return Ok(None);
    }
    Ok(Some(match property(value, "table").dyn_into::<Uint8Array>() {
        Ok(table) => Embedder::BuiltIn(StaticEmbedder::new(table.to_vec())?),
        Err(_) => Embedder::Model(Rc::new(JsEmbeddingModel::new(value.clone())?)),
    }))
}

async fn storage(name: &str, value: &JsValue) -> Result<Rc<dyn Storage>> {
    match value.as_string().as_deref() {
        None => Ok(Rc::new(JsStorage::new(name, value.clone())?)),
        Some("indexeddb") => Ok(Rc::new(IndexedDbStorage::open(name).await?)),
        Some(other) => Err(Error::invalid(format!(
            "storage: {other:?} is not known; use \"indexeddb\", \"memory\" or a StorageAdapter"
        ))),
    }
}

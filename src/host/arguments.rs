//! What callers pass in, checked for form.

use std::rc::Rc;

use futures::future::LocalBoxFuture;
use js_sys::{Array, Function, JsString, Object, Reflect, Symbol, Uint8Array};
use wasm_bindgen::prelude::*;

use super::{
    Durability, HostClock, IndexedDbStorage, JsEmbeddingModel, JsLanguageModel, JsReranker,
    JsStorage, JsTokenCounter, settle, text::string,
};
use crate::{
    builtin::StaticEmbedder,
    engine::{
        Budget, CacheLimits, DocumentInput, Embedder, GateLimits, GraphOptions, Notice, Options,
        Ports, QueryOptions, QueueLimits, Rerank, RetrieveOptions, Splitter, Weights,
    },
    order::sort,
    port::{LanguageModel, Mode, Reranker, Role, Storage, TokenCounter, Turn},
    prompt,
    record::{Code, Error, Filter, Metadata, MetadataValue, Result},
    store::{KindStatistics, Statistics},
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

/// The property that a path such as `limits.queue` ends in.
fn last_of(object: &JsValue, path: &str) -> JsValue {
    property(object, path.rsplit('.').next().unwrap_or(path))
}

/// Options are an object or are left out.
fn options<'v>(what: &str, value: &'v JsValue) -> Result<&'v JsValue> {
    match is_absent(value) || value.is_object() {
        true => Ok(value),
        false => Err(Error::invalid(format!("{what} must be an object"))),
    }
}

fn number(object: &JsValue, path: &str) -> Result<Option<f64>> {
    let value = last_of(object, path);
    if is_absent(&value) {
        return Ok(None);
    }
    let number = value.as_f64().filter(|number| !number.is_nan());
    number.map(Some).ok_or_else(|| Error::invalid(format!("{path} must be a number")))
}

fn positive(object: &JsValue, path: &str, default: f64) -> Result<f64> {
    match number(object, path)? {
        None => Ok(default),
        Some(number) if number > 0.0 => Ok(number),
        Some(_) => Err(Error::invalid(format!("{path} must be over 0"))),
    }
}

fn count(object: &JsValue, path: &str, default: usize) -> Result<usize> {
    match number(object, path)? {
        None => Ok(default),
        // More than fits the address space is as good as no limit.
        Some(number) if number >= 0.0 && number.fract() == 0.0 => Ok(number as usize),
        Some(_) => Err(Error::invalid(format!("{path} must be a whole number, 0 or more"))),
    }
}

fn flag(object: &JsValue, path: &str, default: bool) -> Result<bool> {
    let value = last_of(object, path);
    match value.as_bool() {
        Some(flag) => Ok(flag),
        None if is_absent(&value) => Ok(default),
        None => Err(Error::invalid(format!("{path} must be true or false"))),
    }
}

fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

/// A string without lone surrogates, which UTF-8 cannot hold.
pub fn text(what: &str, value: &JsValue) -> Result<String> {
    let js = value
        .dyn_ref::<JsString>()
        .ok_or_else(|| Error::invalid(format!("{what} must be a string")))?;
    let text = string(js);
    // What comes in the place of a lone surrogate. Only then each unit is looked at, by a call of the
    // host.
    if text.contains(char::REPLACEMENT_CHARACTER) && !js.is_valid_utf16() {
        return Err(Error::invalid(format!(
            "{what} holds a lone surrogate; it is not well-formed Unicode"
        )));
    }
    Ok(text)
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
    if is_absent(value) {
        return Ok(Metadata::new());
    }
    // What can be iterated (an array, a Map) keeps its entries elsewhere than in its properties.
    let is_plain = |object: &&Object| {
        !Reflect::has(object, &Symbol::iterator()).is_ok_and(|iterable| iterable)
    };
    let object = value.dyn_ref::<Object>().filter(is_plain);
    let entries = Object::entries(object.ok_or_else(shape)?);
    let entry = |entry: JsValue| {
        let entry: Array = entry.unchecked_into();
        Some((text(what, &entry.get(0)).ok()?, metadata_value(&entry.get(1), DEEPEST)?))
    };
    entries.iter().map(entry).collect::<Option<_>>().ok_or_else(shape)
}

/// Arrays of metadata within each other.
const DEEPEST: u32 = 16;

fn metadata_value(value: &JsValue, depth: u32) -> Option<MetadataValue> {
    if let Some(flag) = value.as_bool() {
        return Some(MetadataValue::Flag(flag));
    }
    if let Some(number) = value.as_f64() {
        return Some(MetadataValue::Number(number));
    }
    if Array::is_array(value) && depth > 0 {
        let items: &Array = value.unchecked_ref();
        let list = items.iter().map(|item| metadata_value(&item, depth - 1));
        return list.collect::<Option<_>>().map(MetadataValue::List);
    }
    text("metadata", value).ok().map(MetadataValue::Text)
}

/// What `SmolRag.statistics` gave, added up.
pub fn statistics(value: &JsValue) -> Result<KindStatistics> {
    let of = |kind: &str| {
        let value = property(value, kind);
        let frequencies = property(&value, "frequencies");
        let pairs = Array::is_array(&frequencies).then(|| Array::from(&frequencies));
        let pair = |pair: JsValue| {
            let pair = Array::from(&pair);
            Ok((text("a term", &pair.get(0))?.into(), pair.get(1).as_f64().unwrap_or(0.0) as u64))
        };
        let mut frequencies =
            pairs.unwrap_or_default().iter().map(pair).collect::<Result<Vec<_>>>()?;
        sort(&mut frequencies);
        Ok(Statistics {
            count: count(&value, "count", 0)? as u64,
            length: number(&value, "length")?.unwrap_or(0.0) as u64,
            frequencies,
        })
    };
    Ok(KindStatistics {
        excerpts: of("excerpts")?,
        entities: of("entities")?,
        relationships: of("relationships")?,
    })
}

/// A `Uint8Array`.
pub fn bytes(what: &str, value: &JsValue) -> Result<Vec<u8>> {
    let bytes = value
        .dyn_ref::<Uint8Array>()
        .ok_or_else(|| Error::invalid(format!("{what} must be a Uint8Array")))?;
    Ok(bytes.to_vec())
}

/// `{ mode?, topK?, maxTokens?, filter?, weights?, diversity?, rerank?, budget? }`.
pub fn retrieve_options(value: &JsValue) -> Result<RetrieveOptions> {
    let value = options("options", value)?;
    let defaults = RetrieveOptions::default();
    let mode = property(value, "mode");
    let diversity = number(value, "diversity")?;
    if diversity.is_some_and(|diversity| !(0.0..=1.0).contains(&diversity)) {
        return Err(Error::invalid("diversity must be a number from 0 to 1"));
    }
    Ok(RetrieveOptions {
        mode: match is_absent(&mode) {
            true => defaults.mode,
            false => Mode::parse(&text("mode", &mode)?)?,
        },
        top_k: count(value, "topK", defaults.top_k)?,
        max_tokens: count(value, "maxTokens", defaults.max_tokens)?,
        filter: Filter(metadata("filter", &property(value, "filter"))?),
        weights: weights(&property(value, "weights"))?,
        diversity: diversity.unwrap_or(defaults.diversity),
        rerank: rerank(&property(value, "rerank"))?,
        budget: call_budget(value)?,
    })
}

/// `{ vector?, graph? }`.
fn weights(value: &JsValue) -> Result<Weights> {
    let value = options("weights", value)?;
    let weight = |path| match number(value, path)? {
        Some(weight) if !(weight >= 0.0 && weight.is_finite()) => {
            Err(Error::invalid(format!("{path} must be a finite number, 0 or more")))
        }
        weight => Ok(weight),
    };
    Ok(Weights { vector: weight("weights.vector")?, graph: weight("weights.graph")? })
}

/// `{ around?, depth?, limit? }`.
pub fn graph_options(value: &JsValue) -> Result<GraphOptions> {
    let value = options("options", value)?;
    let defaults = GraphOptions::default();
    let around = property(value, "around");
    Ok(GraphOptions {
        around: match is_absent(&around) {
            true => None,
            false => Some(names("around", &around)?),
        },
        depth: count(value, "depth", defaults.depth)?,
        limit: count(value, "limit", defaults.limit)?,
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
        prompts: prompt_options(&property(value, "prompts"))?,
        resolve_entities: flag(value, "resolveEntities", true)?,
        keep_text: flag(value, "keepText", true)?,
        ..limits(value)?
    };
    let llm = language_model(&property(value, "llm"))?;
    let embedder = embedder(&property(value, "embedder"))?;
    let reranker = reranker(&property(value, "rerank"))?;
    let counter = counter(&property(value, "countTokens"))?;
    let splitter = splitter(&property(&excerpts, "strategy"));
    let durability = durability(&property(value, "durability"))?;
    // Last: nobody would close it if something else were refused.
    let storage = storage(&name, &property(value, "storage"), durability).await?;
    let clock = Rc::new(HostClock);
    let ports = Ports { storage, clock, llm, embedder, reranker, counter, splitter, listener };
    Ok((ports, options))
}

/// The budget in the options of a call.
pub fn call_budget(options: &JsValue) -> Result<Budget> {
    budget("budget", &property(options, "budget"))
}

/// `{ calls?, tokens? }`.
fn budget(what: &str, value: &JsValue) -> Result<Budget> {
    let (value, Budget { calls, tokens }) = (options(what, value)?, Budget::default());
    Ok(Budget {
        calls: count(value, &format!("{what}.calls"), calls)?,
        tokens: count(value, &format!("{what}.tokens"), tokens)?,
    })
}

/// `{ entityTypes?, language?, guidance?, gleaning? }`.
fn prompt_options(value: &JsValue) -> Result<prompt::Options> {
    let value = options("prompts", value)?;
    let defaults = prompt::Options::default();
    let said = |name: &str| match property(value, name) {
        said if is_absent(&said) => Ok(None),
        said => text(&format!("prompts.{name}"), &said).map(Some),
    };
    let types = property(value, "entityTypes");
    Ok(prompt::Options {
        entity_types: match is_absent(&types) {
            true => defaults.entity_types,
            false => names("prompts.entityTypes", &types)?,
        },
        language: said("language")?,
        guidance: said("guidance")?,
        gleaning: count(value, "prompts.gleaning", defaults.gleaning)?,
    })
}

fn rerank(value: &JsValue) -> Result<Rerank> {
    Ok(match reranker(value)? {
        Some(reranker) => Rerank::By(reranker),
        None if is_absent(value) => Rerank::Usual,
        None => Rerank::Off,
    })
}

fn reranker(value: &JsValue) -> Result<Option<Rc<dyn Reranker>>> {
    if is_absent(value) || value.as_bool() == Some(false) {
        return Ok(None);
    }
    Ok(Some(Rc::new(JsReranker::new(value.clone())?)))
}

fn counter(value: &JsValue) -> Result<Option<Rc<dyn TokenCounter>>> {
    match value.dyn_ref::<Function>() {
        Some(function) => Ok(Some(Rc::new(JsTokenCounter(function.clone())))),
        None if is_absent(value) => Ok(None),
        None => Err(Error::invalid("countTokens must be a function from a text to a number")),
    }
}

fn limits(value: &JsValue) -> Result<Options> {
    let (limits, cache) = (property(value, "limits"), property(value, "cache"));
    let (limits, cache) = (options("limits", &limits)?, options("cache", &cache)?);
    let defaults = Options::default();
    let milliseconds = |name, default: f64| {
        positive(limits, name, default / 1000.0).map(|seconds| 1000.0 * seconds)
    };
    Ok(Options {
        queue: QueueLimits {
            queue: count(limits, "limits.queue", defaults.queue.queue)?,
            writers: count(limits, "limits.ingestConcurrency", defaults.queue.writers)?,
            ..defaults.queue
        },
        llm: GateLimits {
            concurrency: count(limits, "limits.llmConcurrency", defaults.llm.concurrency)?,
            per_second: positive(limits, "limits.llmPerSecond", defaults.llm.per_second)?,
            ..defaults.llm
        },
        model_timeout: milliseconds("limits.modelTimeout", defaults.model_timeout)?,
        storage_timeout: milliseconds("limits.storageTimeout", defaults.storage_timeout)?,
        cache: CacheLimits {
            entries: count(cache, "cache.entries", defaults.cache.entries)?,
            bytes: count(cache, "cache.bytes", defaults.cache.bytes)?,
        },
        budget: budget("limits.budget", &property(limits, "budget"))?,
        document_bytes: count(limits, "limits.documentBytes", defaults.document_bytes)?,
        memory: count(limits, "limits.memory", defaults.memory)?,
        ..defaults
    })
}

fn excerpt_options(value: &JsValue) -> Result<ExcerptOptions> {
    let value = options("excerpts", value)?;
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
    let size = count(value, "excerpts.size", defaults.size)?;
    // A small size alone must not run into the default overlap.
    let overlap = count(value, "excerpts.overlap", defaults.overlap.min(size / 4))?;
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

/// `"none"`, a table, or an `EmbeddingModel`.
pub fn embedder(value: &JsValue) -> Result<Option<Embedder>> {
    if is_absent(value) || value.as_string().as_deref() == Some("none") {
        return Ok(None);
    }
    Ok(Some(match property(value, "table").dyn_into::<Uint8Array>() {
        Ok(table) => Embedder::BuiltIn(StaticEmbedder::new(table.to_vec())?),
        Err(_) => Embedder::Model(Rc::new(JsEmbeddingModel::new(value.clone())?)),
    }))
}

fn durability(value: &JsValue) -> Result<Durability> {
    match value.as_string().as_deref() {
        Some("strict") => Ok(Durability::Strict),
        Some("relaxed") => Ok(Durability::Relaxed),
        None if is_absent(value) => Ok(Durability::Strict),
        _ => Err(Error::invalid("durability must be \"strict\" or \"relaxed\"")),
    }
}

/// The storage of a knowledge base: IndexedDB, or what the package or the user has brought.
pub async fn storage(
    name: &str,
    value: &JsValue,
    durability: Durability,
) -> Result<Rc<dyn Storage>> {
    match value.as_string().as_deref() {
        None => Ok(Rc::new(JsStorage::new(name, value.clone())?)),
        Some("indexeddb") => Ok(Rc::new(IndexedDbStorage::open(name, durability).await?)),
        Some(other) => Err(Error::invalid(format!(
            "storage: {other:?} is not known; use \"indexeddb\", \"memory\" or a StorageAdapter"
        ))),
    }
}

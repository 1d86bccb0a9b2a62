//! Models that are JavaScript objects.

use std::{cell::RefCell, num::NonZeroUsize, rc::Rc};

use futures::{StreamExt, TryStreamExt, future::LocalBoxFuture, stream::LocalBoxStream};
use js_sys::{Array, AsyncIterator, Float32Array, Function, JSON, Object, Reflect};
use lru::LruCache;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::stream::JsStream;

use super::{
    abort::CallController, arguments::property, error_from_js, settle, stream_with_abort,
    text::string, with_abort,
};
use crate::{
    port::{
        Completion, Embedded, EmbeddingModel, LanguageModel, RerankRequest, Reranker, Said, System,
        TokenCounter, Tokens, Vectors,
    },
    record::{Code, Error, Result},
};

#[wasm_bindgen]
extern "C" {
    /// `LanguageModel` of the package's types.
    #[derive(Clone)]
    type LanguageModelObject;
    #[wasm_bindgen(method, getter, structural)]
    fn id(this: &LanguageModelObject) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn json(this: &LanguageModelObject) -> JsValue;
    #[wasm_bindgen(method, structural, catch)]
    fn complete(
        this: &LanguageModelObject,
        request: &JsValue,
    ) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, js_name = stream)]
    fn stream_function(this: &LanguageModelObject) -> JsValue;
    #[wasm_bindgen(method, structural, catch)]
    fn stream(
        this: &LanguageModelObject,
        request: &JsValue,
    ) -> std::result::Result<JsValue, JsValue>;

    /// `EmbeddingModel` of the package's types.
    #[derive(Clone)]
    type EmbeddingModelObject;
    #[wasm_bindgen(method, getter, structural)]
    fn id(this: &EmbeddingModelObject) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn dimensions(this: &EmbeddingModelObject) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = maxBatch)]
    fn max_batch(this: &EmbeddingModelObject) -> JsValue;
    #[wasm_bindgen(method, structural, catch)]
    fn embed(
        this: &EmbeddingModelObject,
        texts: &Array,
        options: &JsValue,
    ) -> std::result::Result<JsValue, JsValue>;

    /// `Reranker` of the package's types.
    #[derive(Clone)]
    type RerankerObject;
    #[wasm_bindgen(method, structural, catch)]
    fn rerank(this: &RerankerObject, request: &JsValue) -> std::result::Result<JsValue, JsValue>;

    /// A `Float32Array` whose constructor may refuse what it is given.
    type Floats;
    #[wasm_bindgen(constructor, catch, js_class = "Float32Array")]
    fn new(values: &JsValue) -> std::result::Result<Floats, JsValue>;
}

/// The most components of a vector.
const MOST_DIMENSIONS: f64 = 65_536.0;

/// The most components that are taken in one step.
const AT_ONCE: usize = 1 << 20;

fn object(fields: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

/// System prompts as JavaScript has them, by their md5: the same few are told over and over.
struct Systems(RefCell<LruCache<[u8; 16], JsValue>>);

impl Default for Systems {
    fn default() -> Self {
        Systems(RefCell::new(LruCache::new(const { NonZeroUsize::new(8).unwrap() })))
    }
}

impl Systems {
    fn told(&self, system: &System) -> JsValue {
        let text = || JsValue::from_str(system);
        self.0.borrow_mut().get_or_insert(system.md5(), text).clone()
    }
}

fn request_object(request: &Completion, systems: &Systems, call: &CallController) -> JsValue {
    let json = request.json.map_or(JsValue::UNDEFINED, |form| {
        let schema = JSON::parse(form.schema).unwrap_or(JsValue::UNDEFINED);
        object(&[("name", &form.name.into()), ("schema", &schema)])
    });
    let system = request.system.as_ref().map(|system| systems.told(system));
    call.request(&system.unwrap_or_default(), &request.prompt, &json)
}

/// A count that a provider tells; nothing where it is none.
fn told(usage: &JsValue, name: &str) -> Option<usize> {
    let count = property(usage, name).as_f64()?;
    (0.0..=4e9).contains(&count).then_some(count as usize)
}

/// An answer or a part of one: a string, or `{ text, usage? }`.
fn said(answer: &JsValue, what: &str) -> Result<Said> {
    if let Some(text) = answer.dyn_ref() {
        return Ok(Said { text: string(text), tokens: None });
    }
    let text = property(answer, "text").dyn_ref().map(string).ok_or_else(|| {
        Error::provider(format!("the language model's {what} a string or {{ text, usage }}"))
    })?;
    let usage = property(answer, "usage");
    let count = |name| told(&usage, name);
    let (prompt, completion) = (count("promptTokens"), count("completionTokens"));
    let tokens = prompt.zip(completion);
    Ok(Said { text, tokens: tokens.map(|(prompt, completion)| Tokens { prompt, completion }) })
}

fn provider_error(thrown: JsValue) -> Error {
    error_from_js(&thrown, Code::Provider)
}

/// A `LanguageModel` object.
pub struct JsLanguageModel {
    id: String,
    object: LanguageModelObject,
    systems: Rc<Systems>,
}

impl JsLanguageModel {
    /// Checks the shape of the object.
    pub fn new(value: JsValue) -> Result<Self> {
        let shape = "llm: needs { id: string, complete({ system, prompt, signal }): Promise<string | { text, usage? }> }";
        if !value.is_object()
            || !Reflect::get(&value, &"complete".into()).is_ok_and(|f| f.is_function())
        {
            return Err(Error::invalid(shape));
        }
        let object: LanguageModelObject = value.unchecked_into();
        let id = object
            .id()
            .as_string()
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Error::invalid(shape))?;
        Ok(JsLanguageModel { id, object, systems: Rc::default() })
    }
}

impl LanguageModel for JsLanguageModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn takes_json(&self) -> bool {
        self.object.json().is_truthy()
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let (object, systems) = (self.object.clone(), self.systems.clone());
        Box::pin(with_abort(move |call| async move {
            let asked = request_object(&request, &systems, &call);
            let answer = settle(object.complete(&asked), Code::Provider).await?;
            said(&answer, "complete() must resolve to")
        }))
    }

    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<Said>> {
        if !self.object.stream_function().is_function() {
            return Box::pin(futures::stream::once(self.complete(request)));
        }
        let (object, systems) = (self.object.clone(), self.systems.clone());
        Box::pin(stream_with_abort(move |call| {
            let asked = request_object(&request, &systems, &call);
            futures::stream::once(iterator(object, asked))
                .map_ok(|iterator| JsStream::from(iterator).map(part))
                .try_flatten()
        }))
    }
}

/// Calls `stream()` of a model.
async fn iterator(object: LanguageModelObject, asked: JsValue) -> Result<AsyncIterator> {
    let returned = settle(object.stream(&asked), Code::Provider).await?;
    let iterate = Reflect::get(&returned, &js_sys::Symbol::async_iterator())
        .ok()
        .and_then(|f| f.dyn_into::<js_sys::Function>().ok())
        .ok_or_else(|| {
            Error::provider("the language model's stream() must return an AsyncIterable of strings")
        })?;
    Ok(iterate.call0(&returned).map_err(provider_error)?.unchecked_into())
}

fn part(part: Result<JsValue, JsValue>) -> Result<Said> {
    said(&part.map_err(provider_error)?, "stream() must yield")
}

/// An `EmbeddingModel` object.
pub struct JsEmbeddingModel {
    id: String,
    dimensions: usize,
    max_batch: usize,
    object: EmbeddingModelObject,
}

impl JsEmbeddingModel {
    /// Checks the shape of the object.
    pub fn new(value: JsValue) -> Result<Self> {
        let shape = "embedder: needs { id: string, dimensions: number, embed(texts, { signal }): Promise<ArrayLike<number>[]> }";
        if !value.is_object()
            || !Reflect::get(&value, &"embed".into()).is_ok_and(|f| f.is_function())
        {
            return Err(Error::invalid(shape));
        }
        let object: EmbeddingModelObject = value.unchecked_into();
        let id = object
            .id()
            .as_string()
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Error::invalid(shape))?;
        let whole = |value: JsValue, most: f64| {
            value
                .as_f64()
                .filter(|n| n.fract() == 0.0 && (1.0..=most).contains(n))
                .map(|n| n as usize)
        };
        let dimensions = whole(object.dimensions(), MOST_DIMENSIONS).ok_or_else(|| {
            Error::invalid("embedder: dimensions must be a whole number from 1 to 65536")
        })?;
        let max_batch = if object.max_batch().is_undefined() {
            256
        } else {
            whole(object.max_batch(), 1e6)
                .ok_or_else(|| Error::invalid("embedder: maxBatch must be a whole number over 0"))?
        };
        Ok(JsEmbeddingModel { id, dimensions, max_batch, object })
    }
}

impl EmbeddingModel for JsEmbeddingModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn max_batch(&self) -> usize {
        self.max_batch
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let (object, dimensions) = (self.object.clone(), self.dimensions);
        Box::pin(with_abort(move |call| async move {
            let array: Array = texts.iter().map(|text| JsValue::from_str(text)).collect();
            let answer = settle(object.embed(&array, &call.options()), Code::Provider).await?;
            let vectors = match Array::is_array(&answer) {
                true => answer.clone(),
                false => property(&answer, "vectors"),
            };
            if !Array::is_array(&vectors) {
                return Err(Error::provider(
                    "the embedding model's embed() must resolve to an array of vectors or { vectors, usage }",
                ));
            }
            let vectors = taken(&Array::from(&vectors), dimensions, &call);
            Ok(Embedded { vectors, tokens: told(&property(&answer, "usage"), "tokens") })
        }))
    }
}

/// The vectors that a model gave: in one step if all are of the expected form, else one by one.
fn taken(given: &Array, dimensions: usize, call: &CallController) -> Vectors {
    let count = given.length() as usize;
    let mut vectors = Vectors::default();
    if count.saturating_mul(dimensions) <= AT_ONCE {
        if call.copied(given, dimensions, vectors.add(count, dimensions)) == Ok(true) {
            return vectors;
        }
        vectors = Vectors::default();
    }
    given.iter().for_each(|vector| add_numbers(&vector, &mut vectors));
    vectors
}

/// Takes in the components of an array-like of numbers; what is not one gives NaN or nothing, which the
/// engine's check of every vector refuses.
fn add_numbers(vector: &JsValue, to: &mut Vectors) {
    let floats = match vector.dyn_ref::<Float32Array>() {
        Some(floats) => Some(floats.clone()),
        None => property(vector, "length")
            .as_f64()
            .filter(|length| *length <= MOST_DIMENSIONS)
            .and_then(|_| Floats::new(vector).ok())
            .map(JsCast::unchecked_into),
    };
    let length = floats.as_ref().map_or(0, Float32Array::length);
    match floats.filter(|_| f64::from(length) <= MOST_DIMENSIONS) {
        Some(floats) => floats.copy_to(to.add(1, length as usize)),
        None => _ = to.add(1, 0),
    }
}

/// A `Reranker` object.
pub struct JsReranker {
    id: String,
    object: RerankerObject,
}

impl JsReranker {
    /// Checks the shape of the object.
    pub fn new(value: JsValue) -> Result<Self> {
        let id = property(&value, "id").as_string().filter(|id| !id.is_empty());
        match id.filter(|_| property(&value, "rerank").is_function()) {
            Some(id) => Ok(JsReranker { id, object: value.unchecked_into() }),
            None => Err(Error::invalid(
                "rerank: needs { id: string, rerank({ query, documents, topK, signal }): Promise<{ index, score }[]> }",
            )),
        }
    }
}

impl Reranker for JsReranker {
    fn id(&self) -> &str {
        &self.id
    }

    fn rerank(&self, request: RerankRequest) -> LocalBoxFuture<'static, Result<Vec<(usize, f64)>>> {
        let object = self.object.clone();
        Box::pin(with_abort(move |call| async move {
            let documents: Array =
                request.documents.iter().map(|text| JsValue::from_str(text)).collect();
            let asked = self::object(&[
                ("query", &request.query.into()),
                ("documents", &documents),
                ("topK", &JsValue::from_f64(request.top_k as f64)),
                ("signal", &call.signal()),
            ]);
            let answer = settle(object.rerank(&asked), Code::Provider).await?;
            if !Array::is_array(&answer) {
                return Err(Error::provider(
                    "the reranker's rerank() must resolve to an array of { index, score }",
                ));
            }
            // What is no number the engine refuses.
            let number = |one: &JsValue, name| property(one, name).as_f64().unwrap_or(f64::NAN);
            let place = |one: &JsValue| match number(one, "index") {
                index if index >= 0.0 && index.fract() == 0.0 => index as usize,
                _ => usize::MAX,
            };
            Ok(Array::from(&answer)
                .iter()
                .map(|one| (place(&one), number(&one, "score")))
                .collect())
        }))
    }
}

/// A `countTokens` function.
pub struct JsTokenCounter(pub Function);

impl TokenCounter for JsTokenCounter {
    fn count(&self, text: Rc<str>) -> LocalBoxFuture<'static, Result<usize>> {
        let counted = self.0.call1(&JsValue::UNDEFINED, &JsValue::from_str(&text));
        Box::pin(async {
            let count = match counted {
                Ok(count) if count.as_f64().is_some() => count,
                other => settle(other, Code::InvalidArgument).await?,
            };
            let count = count.as_f64().filter(|count| (0.0..=4e9).contains(count));
            count.map(|count| count.ceil() as usize).ok_or_else(|| {
                Error::invalid("countTokens must give the number of tokens of a text")
            })
        })
    }
}

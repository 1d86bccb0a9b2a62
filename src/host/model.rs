//! Models that are JavaScript objects.

use futures::{StreamExt, TryStreamExt, future::LocalBoxFuture, stream::LocalBoxStream};
use js_sys::{Array, AsyncIterator, Float32Array, Object, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::stream::JsStream;

use super::{arguments::property, error_from_js, settle, stream_with_abort, with_abort};
use crate::{
    port::{Completion, EmbeddingModel, LanguageModel},
    record::{Code, Error, Result},
};

#[wasm_bindgen]
extern "C" {
    /// `LanguageModel` of the package's types.
    #[derive(Clone)]
    type LanguageModelObject;
    #[wasm_bindgen(method, getter, structural)]
    fn id(this: &LanguageModelObject) -> JsValue;
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

    /// A `Float32Array` whose constructor may refuse what it is given.
    type Floats;
    #[wasm_bindgen(constructor, catch, js_class = "Float32Array")]
    fn new(values: &JsValue) -> std::result::Result<Floats, JsValue>;
}

/// The most components of a vector.
const MOST_DIMENSIONS: f64 = 65_536.0;

fn object(fields: &[(&str, &JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

fn request_object(request: &Completion, signal: &JsValue) -> JsValue {
    let system = request.system.as_deref().map_or(JsValue::UNDEFINED, JsValue::from_str);
    object(&[
        ("system", &system),
        ("prompt", &JsValue::from_str(&request.prompt)),
        ("signal", signal),
    ])
}

fn provider_error(thrown: JsValue) -> Error {
    error_from_js(&thrown, Code::Provider)
}

/// A `LanguageModel` object.
pub struct JsLanguageModel {
    id: String,
    object: LanguageModelObject,
}

impl JsLanguageModel {
    /// Checks the shape of the object.
    pub fn new(value: JsValue) -> Result<Self> {
        let shape =
            "llm: needs { id: string, complete({ system, prompt, signal }): Promise<string> }";
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
        Ok(JsLanguageModel { id, object })
    }
}

impl LanguageModel for JsLanguageModel {
    fn id(&self) -> &str {
        &self.id
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<String>> {
        let object = self.object.clone();
        Box::pin(with_abort(move |signal| async move {
            let answer =
                settle(object.complete(&request_object(&request, &signal)), Code::Provider).await?;
            answer.as_string().ok_or_else(|| {
                Error::provider("the language model's complete() must resolve to a string")
            })
        }))
    }

    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<String>> {
        if !self.object.stream_function().is_function() {
            return Box::pin(futures::stream::once(self.complete(request)));
        }
        let object = self.object.clone();
        Box::pin(stream_with_abort(move |signal| {
            futures::stream::once(iterator(object, request, signal))
                .map_ok(|iterator| JsStream::from(iterator).map(string_part))
                .try_flatten()
        }))
    }
}

/// Calls `stream()` of a model.
async fn iterator(
    object: LanguageModelObject,
    request: Completion,
    signal: JsValue,
) -> Result<AsyncIterator> {
    let returned =
        settle(object.stream(&request_object(&request, &signal)), Code::Provider).await?;
    let iterate = Reflect::get(&returned, &js_sys::Symbol::async_iterator())
        .ok()
        .and_then(|f| f.dyn_into::<js_sys::Function>().ok())
        .ok_or_else(|| {
            Error::provider("the language model's stream() must return an AsyncIterable of strings")
        })?;
    Ok(iterate.call0(&returned).map_err(provider_error)?.unchecked_into())
}

fn string_part(part: Result<JsValue, JsValue>) -> Result<String> {
    part.map_err(provider_error)?
        .as_string()
        .ok_or_else(|| Error::provider("the language model's stream() must yield strings"))
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

    fn embed(&self, texts: Vec<String>) -> LocalBoxFuture<'static, Result<Vec<Vec<f32>>>> {
        let object = self.object.clone();
        Box::pin(with_abort(move |signal| async move {
            let array: Array = texts.iter().map(|text| JsValue::from_str(text)).collect();
            let answer =
                settle(object.embed(&array, &self::object(&[("signal", &signal)])), Code::Provider)
                    .await?;
            if !Array::is_array(&answer) {
                return Err(Error::provider(
                    "the embedding model's embed() must resolve to an array of vectors",
                ));
            }
            Ok(Array::from(&answer).iter().map(|vector| numbers(&vector)).collect())
        }))
    }
}

/// The components of an array-like of numbers; what is not one gives NaN or nothing, which the
/// engine's check of every vector refuses.
fn numbers(vector: &JsValue) -> Vec<f32> {
    let length = property(vector, "length").as_f64();
    match length.filter(|length| *length <= MOST_DIMENSIONS).map(|_| Floats::new(vector)) {
        Some(Ok(floats)) => floats.unchecked_into::<Float32Array>().to_vec(),
        _ => Vec::new(),
    }
}

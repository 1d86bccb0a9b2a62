//! Values and errors between JavaScript and the core.

use js_sys::Promise;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::record::{Code, Error, Result};

#[wasm_bindgen]
extern "C" {
    /// What a thrown value may carry. Everything is optional: anything can be thrown.
    type Thrown;
    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &Thrown) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn message(this: &Thrown) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn code(this: &Thrown) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn status(this: &Thrown) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = retryAfter)]
    fn retry_after(this: &Thrown) -> JsValue;
}

/// Plain fields `{ code, message, status?, retryAfter? }`, from which the package makes its
/// `SmolRagError`.
pub fn error_to_js(error: &Error) -> JsValue {
    to_js(error).unwrap_or_else(|_| JsValue::from_str(&error.message))
}

/// What a user's callback threw or rejected with. One of our own codes is kept; `fallback` is the
/// code of anything else.
pub fn error_from_js(thrown: &JsValue, fallback: Code) -> Error {
    if !thrown.is_object() {
        let text = thrown.as_string();
        let text = text.unwrap_or_else(|| "a callback threw what is no error".to_owned());
        return Error::new(fallback, text);
    }
    let thrown: &Thrown = thrown.unchecked_ref();
    let name = thrown.name().as_string().unwrap_or_default();
    let message = thrown.message().as_string().unwrap_or_default();
    let code = thrown.code().as_string().and_then(|code| Code::parse(&code)).unwrap_or(match name
        .as_str()
    {
        "QuotaExceededError" => Code::StorageQuota,
        _ => fallback,
    });
    let message = match (name.as_str(), message.as_str()) {
        ("", "") => "a callback failed without saying why".to_owned(),
        ("" | "Error", text) => text.to_owned(),
        (name, "") => name.to_owned(),
        (name, text) => format!("{name}: {text}"),
    };
    let mut error = Error::new(code, message);
    let status = thrown.status().as_f64().filter(|status| (100.0..600.0).contains(status));
    error.status = status.map(|status| status as u16);
    error.retry_after = thrown.retry_after().as_f64().filter(|seconds| *seconds >= 0.0);
    error
}

/// Awaits what a callback returned, be it a promise or a plain value; `fallback` as in
/// [`error_from_js`].
pub async fn settle(returned: Result<JsValue, JsValue>, fallback: Code) -> Result<JsValue> {
    let failed = |thrown: JsValue| error_from_js(&thrown, fallback);
    let promise = Promise::resolve(&returned.map_err(failed)?);
    JsFuture::from(promise).await.map_err(failed)
}

/// A value of the core as plain JavaScript: objects, arrays, strings, numbers; absent is `undefined`.
pub fn to_js(value: &impl Serialize) -> Result<JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);
    value.serialize(&serializer).map_err(|error| Error::new(Code::Internal, error.to_string()))
}

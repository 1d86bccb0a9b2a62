//! `AbortSignal` in both directions: ours to a callback, the caller's to us.

use std::{future::Future, task::Poll};

use futures::{Stream, StreamExt, stream};
use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;

use crate::{engine::Signal, record::Error};

#[wasm_bindgen]
extern "C" {
    /// An `AbortController` of the package's, which aborts also when this instance fails.
    #[derive(Clone)]
    pub type CallController;
    #[wasm_bindgen(constructor)]
    fn new() -> CallController;
    #[wasm_bindgen(method, getter)]
    pub fn signal(this: &CallController) -> JsValue;
    /// The options of an embedding model. Their signal is made when it is asked for: many models never do, and in Node
    /// it takes as long as a short prompt.
    #[wasm_bindgen(method)]
    pub fn options(this: &CallController) -> JsValue;
    /// `CompletionRequest` of the package's types, its signal likewise.
    #[wasm_bindgen(method)]
    pub fn request(
        this: &CallController,
        system: &JsValue,
        prompt: &str,
        json: &JsValue,
    ) -> JsValue;
    /// Copies vectors one behind the other if each is a `Float32Array` of so many components, and says whether.
    #[wasm_bindgen(method, catch)]
    pub fn copied(
        this: &CallController,
        vectors: &Array,
        dimensions: usize,
        to: &mut [f32],
    ) -> Result<bool, JsValue>;
    #[wasm_bindgen(method)]
    fn abort(this: &CallController);
    #[wasm_bindgen(method)]
    fn ended(this: &CallController);

    #[wasm_bindgen(js_name = AbortSignal)]
    type AbortSignal;
    #[wasm_bindgen(method, getter, structural)]
    fn aborted(this: &AbortSignal) -> bool;
    #[wasm_bindgen(method, structural, js_name = addEventListener)]
    fn add_event_listener(this: &AbortSignal, event: &str, listener: &Function);
    #[wasm_bindgen(method, structural, js_name = removeEventListener)]
    fn remove_event_listener(this: &AbortSignal, event: &str, listener: &Function);
}

/// Aborts when dropped before it is told that the work has ended.
struct AbortOnDrop(Option<CallController>);

impl AbortOnDrop {
    fn disarm(mut self) {
        if let Some(controller) = self.0.take() {
            controller.ended();
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

/// Gives `start` a controller whose `AbortSignal` fires if the returned future is dropped before it is ready.
pub fn with_abort<F: Future>(
    start: impl FnOnce(CallController) -> F,
) -> impl Future<Output = F::Output> {
    let controller = CallController::new();
    let work = start(controller.clone());
    let guard = AbortOnDrop(Some(controller));
    async move {
        let output = work.await;
        guard.disarm();
        output
    }
}

/// Like [`with_abort`] for a stream: the signal fires if it is dropped before its end.
pub fn stream_with_abort<S: Stream>(
    start: impl FnOnce(CallController) -> S,
) -> impl Stream<Item = S::Item> {
    let controller = CallController::new();
    let parts = start(controller.clone());
    let mut guard = Some(AbortOnDrop(Some(controller)));
    parts.chain(stream::poll_fn(move |_| {
        if let Some(guard) = guard.take() {
            guard.disarm();
        }
        Poll::Ready(None)
    }))
}

/// Our signal for the caller's `AbortSignal` (or for none). The listener is taken off again when
/// the returned guard is dropped: a long-lived signal does not collect listeners.
pub fn signal_from(value: &JsValue) -> (Signal, impl Drop + 'static) {
    let signal = Signal::default();
    let mut listening = Listening(None);
    if value.is_object() {
        let source: AbortSignal = value.clone().unchecked_into();
        if source.aborted() {
            signal.cancel(Error::aborted());
        } else {
            let cancel = signal.clone();
            let listener = Closure::<dyn FnMut()>::new(move || cancel.cancel(Error::aborted()));
            source.add_event_listener("abort", listener.as_ref().unchecked_ref());
            listening.0 = Some((source, listener));
        }
    }
    (signal, listening)
}

struct Listening(Option<(AbortSignal, Closure<dyn FnMut()>)>);

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some((source, listener)) = &self.0 {
            source.remove_event_listener("abort", listener.as_ref().unchecked_ref());
        }
    }
}

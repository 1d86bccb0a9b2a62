use futures::future::LocalBoxFuture;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::{engine::Event, port::Clock};

#[wasm_bindgen]
extern "C" {
    // `setTimeout` and `clearTimeout` as every host has them; Node's returns an object, not a number.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    // The package's own: it chooses what the host has (src/js/instance.ts).
    #[wasm_bindgen(js_name = yieldToHost)]
    fn yield_to_host() -> Promise;
}

/// The host's timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

/// Clears its timer when dropped, so that a cancelled wait leaves nothing behind. A promise would: what
/// waits for one is only freed when it settles.
struct Timer {
    handle: JsValue,
    _callback: Closure<dyn FnMut()>,
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.handle);
    }
}

impl Clock for HostClock {
    fn now(&self) -> f64 {
        performance_now()
    }

    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let fired = Event::default();
            let told = fired.clone();
            let callback = Closure::<dyn FnMut()>::new(move || told.set(()));
            let handle = set_timeout(callback.as_ref().unchecked_ref(), milliseconds);
            let _timer = Timer { handle, _callback: callback };
            fired.wait().await;
        })
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(async {
            // It has no way to reject.
            let _ = JsFuture::from(yield_to_host()).await;
        })
    }
}

use futures::future::LocalBoxFuture;
use js_sys::{Function, Promise, global};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::port::Clock;

#[wasm_bindgen]
extern "C" {
    // `setTimeout` and `clearTimeout` as every host has them; Node's returns an object, not a number.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    type Global;
    #[wasm_bindgen(method, getter)]
    fn scheduler(this: &Global) -> JsValue;
    type Scheduler;
    #[wasm_bindgen(method, structural, js_name = yield)]
    fn yield_now(this: &Scheduler) -> Promise;
    #[wasm_bindgen(method, getter, structural, js_name = yield)]
    fn yield_function(this: &Scheduler) -> JsValue;
}

/// The host's timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostClock;

/// Clears its timer when dropped, so that a cancelled wait leaves nothing behind.
struct Timer(JsValue);

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.0);
    }
}

impl Clock for HostClock {
    fn now(&self) -> f64 {
        performance_now()
    }

    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let mut handle = JsValue::UNDEFINED;
            let fired =
                Promise::new(&mut |resolve, _| handle = set_timeout(&resolve, milliseconds));
            let _timer = Timer(handle);
            // The promise has no way to reject.
            let _ = JsFuture::from(fired).await;
        })
    }

    /// `scheduler.yield()` where the host has it: it keeps our place before other queued work.
    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        let scheduler = global().unchecked_into::<Global>().scheduler();
        if scheduler.is_object() {
            let scheduler = scheduler.unchecked_into::<Scheduler>();
            if scheduler.yield_function().is_function() {
                let turn = scheduler.yield_now();
                return Box::pin(async move {
                    let _ = JsFuture::from(turn).await;
                });
            }
        }
        self.sleep(0.0)
    }
}

//! Text out of JavaScript.

use js_sys::JsString;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type TextEncoder;
    #[wasm_bindgen(constructor)]
    fn new() -> TextEncoder;
    #[wasm_bindgen(method, js_name = encodeInto)]
    fn encode_into(this: &TextEncoder, text: &JsString, bytes: &mut [u8]) -> Encoded;

    type Encoded;
    #[wasm_bindgen(method, getter)]
    fn read(this: &Encoded) -> u32;
    #[wasm_bindgen(method, getter)]
    fn written(this: &Encoded) -> u32;
}

thread_local! {
    static ENCODER: TextEncoder = TextEncoder::new();
}

/// UTF-16 units from which on the host's encoder is faster than the bindings' loop over characters: ten
/// times, of a thousand.
const LONG: u32 = 64;

/// A string, with a replacement character for each lone surrogate.
pub fn string(text: &JsString) -> String {
    let units = text.length();
    if units < LONG {
        return text.into();
    }
    // Room for ASCII. What does not fit is written into three times the room, as much as it can take.
    let mut bytes = vec![0; units as usize];
    let (read, written) = encode(text, &mut bytes);
    bytes.truncate(written);
    if read < units {
        bytes.resize(written + 3 * (units - read) as usize, 0);
        let (_, more) = encode(&text.slice(read, units), &mut bytes[written..]);
        bytes.truncate(written + more);
        bytes.shrink_to_fit();
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.into())
}

/// How many units were read, and how many bytes written.
fn encode(text: &JsString, bytes: &mut [u8]) -> (u32, usize) {
    let encoded = ENCODER.with(|encoder| encoder.encode_into(text, bytes));
    (encoded.read(), encoded.written() as usize)
}

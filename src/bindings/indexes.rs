//! The two indices by themselves. Their callers keep the ids: here are only the numbers of rows and
//! slots, and ids are compared by asking back, which happens for equal scores alone.

use std::cmp::Ordering;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::{
    host::error_to_js,
    record,
    store::{Admit, CompactIndex, Field, LexicalIndex, Match, Matching},
};

type Result<T> = std::result::Result<T, JsValue>;

/// The ids, which JavaScript has.
struct Ids<'a> {
    /// Compares the ids of two numbers, as a sort does.
    compare: &'a Function,
    /// Whether a number may be found.
    filter: Option<Function>,
}

// The package's own functions; they throw nothing.
impl Admit for Ids<'_> {
    fn all(&self) -> bool {
        self.filter.is_none()
    }

    fn admits(&self, number: u32) -> bool {
        self.filter.as_ref().is_none_or(|filter| {
            filter.call1(&JsValue::UNDEFINED, &number.into()).is_ok_and(|passes| passes.is_truthy())
        })
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        if one == other {
            return Ordering::Equal;
        }
        let order = self.compare.call2(&JsValue::UNDEFINED, &one.into(), &other.into());
        order.ok().and_then(|order| order.as_f64()).unwrap_or(0.0).total_cmp(&0.0)
    }
}

/// Numbers and scores, taking turns.
fn pairs(found: Vec<Match>) -> Vec<f64> {
    found.into_iter().flat_map(|found| [found.slot.into(), found.score.into()]).collect()
}

fn thrown(error: record::Error) -> JsValue {
    error_to_js(&error)
}

/// See `VectorIndex`.
#[wasm_bindgen]
pub struct Vectors {
    index: CompactIndex,
    compare: Function,
}

#[wasm_bindgen]
impl Vectors {
    /// Of vectors with so many components; `compare` compares the ids of two rows.
    #[wasm_bindgen(constructor)]
    pub fn new(dimensions: usize, compare: Function) -> Vectors {
        Vectors { index: CompactIndex::new(dimensions), compare }
    }

    /// Makes room for so many more rows.
    pub fn reserve(&self, count: usize) {
        self.index.reserve(count);
    }

    /// New last rows, one behind the other. If one cannot be taken, those before it have been.
    pub fn append(&mut self, vectors: &[f32]) -> Result<()> {
        let mut rows = vectors.chunks_exact(self.index.dimensions());
        rows.try_for_each(|vector| self.index.put(None, vector)).map_err(thrown)
    }

    /// Forgets a row; the last takes its number.
    #[wasm_bindgen(js_name = swapRemove)]
    pub fn swap_remove(&mut self, row: usize) {
        self.index.swap_remove(row);
    }

    /// Rows and scores, taking turns, best first.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        exact: bool,
        filter: Option<Function>,
    ) -> Result<Vec<f64>> {
        let ids = Ids { compare: &self.compare, filter };
        let found = self.index.search_among(query, k, exact, &ids);
        found.map(pairs).map_err(thrown)
    }

    /// How many rows there are.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.index.len()
    }

    /// Bytes of memory held.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }
}

/// See `LexicalIndex`.
#[wasm_bindgen]
pub struct Lexical {
    index: LexicalIndex,
    compare: Function,
}

#[wasm_bindgen]
impl Lexical {
    /// `compare` compares the ids of two slots.
    #[wasm_bindgen(constructor)]
    pub fn new(compare: Function) -> Lexical {
        Lexical { index: LexicalIndex::new(), compare }
    }

    /// Puts an entry in the place of what was there.
    pub fn put(&mut self, slot: u32, text: &str, heading: &str, summary: &str) {
        self.index.insert(slot, &[text, heading, summary].map(Field::new));
    }

    /// Forgets an entry.
    pub fn remove(&mut self, slot: u32) {
        self.index.remove(slot);
    }

    /// Slots and scores, taking turns, best first.
    pub fn search(
        &self,
        query: &str,
        k: usize,
        prefix: bool,
        typos: bool,
        filter: Option<Function>,
    ) -> Vec<f64> {
        let matching = Matching { prefix, typos };
        let ids = Ids { compare: &self.compare, filter };
        pairs(self.index.search_among(query, matching, k, &ids))
    }

    /// How many entries there are.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.index.len()
    }

    /// An estimate of the bytes of memory held.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }
}

//! The two indices by themselves. Their callers keep the ids: here are only the numbers of rows and
//! slots, and ids are compared by asking back, which happens for equal scores alone.

use std::cmp::Ordering;

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::{
    host::error_to_js,
    record,
    store::{CompactIndex, Field, LexicalIndex, Match, Matching},
};

type Result<T> = std::result::Result<T, JsValue>;

/// An entry in the order of its id, which JavaScript has.
struct Id<'a> {
    number: u32,
    /// Compares the ids of two numbers, as a sort does.
    compare: &'a Function,
}

impl Ord for Id<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.number == other.number {
            return Ordering::Equal;
        }
        // The package's own function; it throws nothing.
        let order =
            self.compare.call2(&JsValue::UNDEFINED, &self.number.into(), &other.number.into());
        order.ok().and_then(|order| order.as_f64()).unwrap_or(0.0).total_cmp(&0.0)
    }
}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Id<'_> {}

/// Gives the id of what the filter, if there is one, lets pass.
fn admit<'a>(
    compare: &'a Function,
    filter: &'a Option<Function>,
) -> impl Fn(u32) -> Option<Id<'a>> + 'a {
    move |number| {
        // The package wraps the user's function; it throws nothing.
        let passes = filter.as_ref().is_none_or(|filter| {
            filter.call1(&JsValue::UNDEFINED, &number.into()).is_ok_and(|passes| passes.is_truthy())
        });
        passes.then_some(Id { number, compare })
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
        let found = self.index.search(query, k, exact, admit(&self.compare, &filter));
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
        pairs(self.index.search_as(query, matching, k, admit(&self.compare, &filter)))
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

//! What was found, on its way to JavaScript.

use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::*;

use crate::{engine::Retrieved, text::utf16_length};

/// What was found as one text, which is all strings one after the other, and as one list of numbers: to hand
/// over each string, object and property by itself took a fourth of a search. `unpacked` in
/// `src/js/retrieved.ts` reads the numbers in the order in which they are written here.
pub fn retrieved_to_js(found: &Retrieved) -> JsValue {
    // Most of it is in the context too: to make room once is cheaper than to move what is there.
    let items = found.excerpts.len() + found.entities.len() + found.relationships.len();
    let mut to = Packed {
        text: String::with_capacity(2 * found.context.len() + found.mentioned_in.len()),
        numbers: Vec::with_capacity(NUMBERS * (items + 1)),
    };
    to.text(found.mode.as_str());
    to.texts(&found.keywords.high);
    to.texts(&found.keywords.low);
    to.text(&found.mentioned_in);
    to.count(found.excerpts.len());
    for excerpt in &found.excerpts {
        to.text(&excerpt.id);
        to.text(&excerpt.source);
        to.text(&excerpt.text);
        to.text(&excerpt.summary);
        to.texts(&excerpt.headings);
        to.numbers.extend([excerpt.score, excerpt.start.into(), excerpt.end.into()]);
    }
    to.count(found.entities.len());
    for entity in &found.entities {
        to.text(&entity.name);
        to.text(&entity.category);
        to.text(&entity.description);
        to.count(entity.rank);
        to.numbers.push(entity.score);
        to.counts(&entity.excerpts);
    }
    to.count(found.relationships.len());
    for relationship in &found.relationships {
        to.text(&relationship.source);
        to.text(&relationship.target);
        to.text(&relationship.description);
        to.text(&relationship.keywords);
        to.numbers.push(relationship.weight);
        to.count(relationship.rank);
        to.numbers.push(relationship.score);
        to.counts(&relationship.excerpts);
    }
    to.text(&found.context);
    let Packed { text, numbers } = to;
    Array::of2(&text.into(), &Float64Array::from(&*numbers)).into()
}

/// Numbers of an item, about.
const NUMBERS: usize = 16;

struct Packed {
    text: String,
    numbers: Vec<f64>,
}

impl Packed {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
        self.count(utf16_length(text));
    }

    fn texts(&mut self, texts: &[impl AsRef<str>]) {
        self.count(texts.len());
        texts.iter().for_each(|text| self.text(text.as_ref()));
    }

    fn count(&mut self, count: usize) {
        self.numbers.push(count as f64);
    }

    fn counts(&mut self, counts: &[u32]) {
        self.count(counts.len());
        self.numbers.extend(counts.iter().copied().map(f64::from));
    }
}

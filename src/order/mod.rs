//! Order: sorts, and maps and sets that are sorted.
//!
//! The standard library's sort and B-tree are compiled anew for every type that they are used with,
//! at 5 to 10 kB each, and results in a fixed order are what most of this crate is about: with them,
//! a third of the wasm was sorts and trees. What is here does the same with one sort for all types
//! and with maps whose code is short.

mod map;
mod sort;

pub use map::{OrderedMap, OrderedSet};
pub use sort::{sort, sort_by, sort_by_key};

/// A number for the first bytes of a text that is in the order of the texts, or equal: kept beside a
/// text that is compared often, it spares most looks at the text itself.
pub fn beginning(text: &str) -> u64 {
    let mut first = [0; 8];
    first.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
    u64::from_be_bytes(first)
}

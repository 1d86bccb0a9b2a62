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

//! What meets the outside: JavaScript callbacks, IndexedDB, timers. Compiled for wasm only.
//!
//! Nothing here decides anything; it implements the traits of [`port`](crate::port) and converts.

mod abort;
pub mod arguments;
mod clock;
mod convert;
mod indexed_db;
mod model;
mod retrieved;
mod storage;
mod text;

pub use abort::{signal_from, stream_with_abort, with_abort};
pub use clock::HostClock;
pub use convert::{error_from_js, error_to_js, settle, to_js};
pub use indexed_db::{Durability, IndexedDbStorage};
pub use model::{JsEmbeddingModel, JsLanguageModel, JsReranker, JsTokenCounter};
pub use retrieved::retrieved_to_js;
pub use storage::{JsStorage, changes_from, rows_to_js, table_from};

//! The models that need no key: a static embedding table, and a reader that takes what stands in
//! the documents and adds nothing.

mod embedding;
mod extractive;
#[cfg(not(target_arch = "wasm32"))]
mod memory_storage;
mod table;
mod unicode;
mod wordpiece;

pub use embedding::StaticEmbedder;
pub use extractive::ExtractiveReader;
#[cfg(not(target_arch = "wasm32"))]
pub use memory_storage::MemoryStorage;

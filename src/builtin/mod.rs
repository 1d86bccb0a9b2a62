//! The models that need no key: a static embedding table, and a reader that takes what stands in
//! the documents and adds nothing.

mod embedding;
mod extractive;
mod memory_storage;
mod table;
mod unicode;
mod wordpiece;

pub use embedding::StaticEmbedder;
pub use extractive::ExtractiveReader;
pub use memory_storage::MemoryStorage;

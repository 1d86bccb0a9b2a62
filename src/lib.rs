//! Retrieval-augmented generation with a knowledge graph, for the browser and the edge.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | plain data: contributions of documents, ids, errors |
//! | [`port`] | the traits that a host implements: models, storage, clock |
//! | [`engine`] | order, limits and cancellation of calls; what they do |
//! | [`text`] | terms, sentences, token estimates, in any script |

pub mod engine;
pub mod port;
pub mod record;
pub mod text;
pub mod engine;

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
#[allow(unused)]
mod host;

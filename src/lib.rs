//! Retrieval-augmented generation with a knowledge graph, for the browser and the edge.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | plain data: contributions of documents, ids, errors |
//! | [`port`] | the traits that a host implements: models, storage, clock |

pub mod port;
pub mod record;

//! Retrieval-augmented generation with a knowledge graph, for the browser and the edge.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | plain data: contributions of documents, ids, errors |
//! | [`port`] | the traits that a host implements: models, storage, clock |
//! | [`store`] | the knowledge base: graph, vectors, lexical index |
//! | [`text`] | terms, sentences, token estimates, in any script |

pub mod port;
pub mod record;
pub mod store;
pub mod text;

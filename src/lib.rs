//! Retrieval-augmented generation with a knowledge graph, for the browser and the edge.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | plain data: contributions of documents, ids, errors |
//! | [`port`] | the traits that a host implements: models, storage, clock |
//! | [`prompt`] | what is said to a language model, and how its answer is read |
//! | [`builtin`] | the models that need no key |
//! | [`text`] | terms, sentences, token estimates, in any script |

pub mod builtin;
pub mod port;
pub mod prompt;
pub mod record;
pub mod text;

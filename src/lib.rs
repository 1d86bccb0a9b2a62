//! Retrieval-augmented generation with a knowledge graph, for the browser and the edge.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | plain data: contributions of documents, ids, errors, records as bytes |
//! | [`text`] | excerpts, terms, sentences, token estimates, in any script |
//! | [`store`] | graph, vectors, lexical index; the knowledge base as a fold over contributions |
//! | [`port`] | the traits that a host implements: models, storage, clock |
//! | [`order`] | sorts, sorted maps and sets, in little code |
//! | [`prompt`] | what is said to a language model, and how its answer is read |
//! | [`builtin`] | the models that need no key, storage in memory |
//! | [`engine`] | order, limits and cancellation of calls; ingest, retrieval, answers |

pub mod builtin;
pub mod engine;
pub mod order;
pub mod port;
pub mod prompt;
pub mod record;
pub mod store;
pub mod text;

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod host;

/// How many cases a property test runs. Miri is some thousand times slower, and looks at memory, not at what is computed.
#[cfg(test)]
fn cases(cases: u32) -> proptest::prelude::ProptestConfig {
    proptest::prelude::ProptestConfig::with_cases(if cfg!(miri) {
        cases.div_ceil(1000)
    } else {
        cases
    })
}

/// How long a history that a property test goes through may get; a step often looks at all that there is.
#[cfg(test)]
const fn steps(most: usize) -> usize {
    if cfg!(miri) { most.div_ceil(5) } else { most }
}

//! Text in any script: words and terms for the index, sentences, estimates of tokens, offsets as
//! JavaScript counts them.
//!
//! Nothing here knows a store or a model.

mod script;
mod sentences;
mod terms;
mod tokens;

pub use script::{fold_width, is_unspaced};
pub use sentences::sentences;
pub use terms::{Term, stem, terms, words};
pub use tokens::estimate_tokens;

//! Text in any script: words and terms for the index, sentences, estimates of tokens, offsets as
//! JavaScript counts them.
//!
//! Nothing here knows a store or a model.

mod blocks;
mod excerpts;
mod markdown;
mod script;
mod sentence_ends;
mod sentences;
mod stems;
mod stopwords;
mod terms;
mod tokens;
mod utf16;
mod windows;

pub use excerpts::{ExcerptOptions, Span, Splitting, Strategy, locate, split};
pub use markdown::{Mark, MarkKind, marks, plain, title};
pub use script::{fold_width, is_unspaced};
pub use sentences::sentences;
pub use stems::{Stems, stem};
pub use stopwords::is_stopword;
pub use terms::{Form, Term, equal_but_for_case, forms, lower_case, normalise, terms, words};
pub use tokens::estimate_tokens;
pub use utf16::{Utf16Index, utf16_length};

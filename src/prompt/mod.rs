//! What is said to a language model, and how its answer is read.
//!
//! A file per kind of question holds the words and, next to them, the parser of what comes back.
//! Parsers never panic and never refuse what can be understood; what cannot is reported or replaced
//! by something lesser, as [`PromptedReader`] says.

mod answer;
mod citations;
mod context;
mod extraction;
mod fence;
mod json;
mod keywords;
mod number;
mod passage;
mod reader;
mod standalone;
mod summary;
mod tuples;

pub use answer::prompt as answer_prompt;
pub use citations::Citations;
pub use context::render_context;
pub use extraction::{Extraction, parse_extraction};
pub use keywords::parse_keywords;
pub use reader::PromptedReader;

/// What a user may change about the prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The categories that entities are sorted into.
    pub entity_types: Vec<String>,
    /// The language that descriptions, keywords and summaries are written in; that of the document
    /// if there is none.
    pub language: Option<String>,
    /// What else the model is told when it reads, for example what to leave out.
    pub guidance: Option<String>,
    /// How often the model is asked again, for a passage, what it has overlooked.
    pub gleaning: usize,
}

impl Default for Options {
    fn default() -> Self {
        let types = [
            "person",
            "organisation",
            "place",
            "event",
            "product",
            "technology",
            "concept",
            "process",
            "feature",
            "interface",
            "setting",
            "data",
            "document",
        ];
        Options {
            entity_types: types.map(str::to_owned).to_vec(),
            language: None,
            guidance: None,
            gleaning: 0,
        }
    }
}

impl Options {
    fn language_rule(&self) -> String {
        match &self.language {
            Some(language) => format!("\n\nWrite in {language}; leave names as they are."),
            None => "\n\nWrite in the language of the passage.".to_owned(),
        }
    }

    fn guidance_rule(&self) -> String {
        self.guidance
            .as_ref()
            .map(|guidance| format!("\n\n{}", guidance.trim()))
            .unwrap_or_default()
    }
}

//! Whoever reads: turns documents into entities and relationships, questions into keywords, and
//! retrieved context into an answer. The engine embeds, numbers and stores; a reader only talks.

use std::rc::Rc;

use futures::{future::LocalBoxFuture, stream::LocalBoxStream};

use serde::{Serialize, Serializer};

use crate::record::{Error, Result};

/// A document as it is given to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentText {
    /// The name the document is known by.
    pub source: Rc<str>,
    /// What the document calls itself; empty if it does not say.
    pub title: Rc<str>,
    /// All of it.
    pub text: Rc<str>,
    /// Its passages, in the order of the source.
    pub excerpts: Vec<ExcerptText>,
}

/// A passage as it is given to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct ExcerptText {
    /// The passage, exactly as it stands in the source.
    pub text: Rc<str>,
    /// The headings above it, outermost first.
    pub headings: Rc<[Rc<str>]>,
    /// The line that opens the fenced code block which the passage is cut out of.
    pub fence: Option<Rc<str>>,
}

/// What was read of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// One for each excerpt of the document, in its order.
    pub excerpts: Vec<ExcerptReading>,
    /// What the document as a whole is about, without repetitions.
    pub keywords: Vec<String>,
}

/// What was read of one passage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExcerptReading {
    /// What the passage is about, in a sentence or as its heading path; may be empty.
    pub summary: String,
    /// The things it speaks of, each name once.
    pub entities: Vec<ReadEntity>,
    /// How they relate.
    pub relationships: Vec<ReadRelationship>,
    /// What failed without failing the document; something lesser stands in for it.
    pub degraded: Vec<Error>,
}

/// A thing that a passage speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadEntity {
    /// As written; never empty.
    pub name: Rc<str>,
    /// What kind of thing it is; may be empty.
    pub category: Rc<str>,
    /// What the passage says of it; may be empty.
    pub description: Rc<str>,
}

/// How a passage relates two things. The two ends differ and neither is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRelationship {
    /// The name of one end.
    pub source: Rc<str>,
    /// The name of the other end.
    pub target: Rc<str>,
    /// How they relate; may be empty.
    pub description: Rc<str>,
    /// Themes of the relationship, comma separated; may be empty.
    pub keywords: Rc<str>,
    /// How strongly; finite and not negative, by custom 1 to 10.
    pub weight: f64,
}

/// What to look for in the knowledge graph.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keywords {
    /// Themes, matched against relationships.
    pub high: Vec<String>,
    /// Names, matched against entities.
    pub low: Vec<String>,
}

/// The ways to retrieve, by SmolRAG's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Excerpts similar to the question.
    #[default]
    Standard,
    /// Entities near the question's names, and what is around them.
    LocalKg,
    /// Relationships near the question's themes, and what they join.
    GlobalKg,
    /// Both of the graph's ways.
    HybridKg,
    /// Excerpts and both of the graph's ways.
    Mix,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 5] =
        [Mode::Standard, Mode::LocalKg, Mode::GlobalKg, Mode::HybridKg, Mode::Mix];

    /// The mode as callers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Standard => "standard",
            Mode::LocalKg => "local_kg",
            Mode::GlobalKg => "global_kg",
            Mode::HybridKg => "hybrid_kg",
            Mode::Mix => "mix",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Result<Self> {
        Mode::ALL.into_iter().find(|mode| mode.as_str() == name).ok_or_else(|| {
            let known = Mode::ALL.map(Mode::as_str).join(", ");
            Error::invalid(format!("there is no mode {name:?}; use one of {known}"))
        })
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person who asks.
    User,
    /// Whoever answers.
    Assistant,
}

/// One turn of the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

/// What was retrieved, for an answer to rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    /// Most relevant first. The first is cited as `[1]`, and so on.
    pub excerpts: Vec<ContextExcerpt>,
    /// Most relevant first.
    pub entities: Vec<ContextEntity>,
    /// Most relevant first.
    pub relationships: Vec<ContextRelationship>,
}

impl Context {
    /// Whether nothing was retrieved.
    pub fn is_empty(&self) -> bool {
        self.excerpts.is_empty() && self.entities.is_empty() && self.relationships.is_empty()
    }
}

/// A retrieved passage.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextExcerpt {
    /// The name of its document.
    pub source: Rc<str>,
    /// The headings above it, outermost first.
    pub headings: Rc<[Rc<str>]>,
    /// The passage, exactly as it stands in the source.
    pub text: Rc<str>,
    /// The line that opens the fenced code block which the passage is cut out of.
    pub fence: Option<Rc<str>>,
}

/// A retrieved entity.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextEntity {
    /// Its name.
    pub name: Rc<str>,
    /// What kind of thing it is; may be empty.
    pub category: Rc<str>,
    /// What is known of it; may be empty.
    pub description: Rc<str>,
    /// How many relationships it has.
    pub rank: usize,
}

/// A retrieved relationship.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextRelationship {
    /// The name of one end.
    pub source: Rc<str>,
    /// The name of the other end.
    pub target: Rc<str>,
    /// How they relate; may be empty.
    pub description: Rc<str>,
    /// Its themes, comma separated; may be empty.
    pub keywords: Rc<str>,
    /// How strongly.
    pub weight: f64,
    /// How many relationships its ends have together.
    pub rank: usize,
}

/// A question with what was retrieved for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerRequest {
    /// The question, as asked.
    pub question: String,
    /// How its context was retrieved.
    pub mode: Mode,
    /// What the answer may rest on.
    pub context: Context,
    /// The conversation before the question, oldest turn first.
    pub history: Vec<Turn>,
    /// What else the caller wants of the answer, for example its length or language.
    pub instructions: Option<String>,
}

/// A part of an answer as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerPart {
    /// The marks `[number]` that follow cite the context's excerpt of that index. Comes once for
    /// each cited excerpt, before the text that cites it; the numbers count up from 1.
    Reference {
        /// The number in the mark.
        number: usize,
        /// Index into [`Context::excerpts`].
        excerpt: usize,
    },
    /// More text. A mark is never split over two parts.
    Text(String),
}

/// The answer where nothing was retrieved: nobody need be asked.
pub const NOTHING_FOUND: &str = "The knowledge base has nothing on this.";

/// Told how many of how many steps of reading a document are done.
pub type Progress = Rc<dyn Fn(usize, usize)>;

/// Whoever reads.
///
/// Futures and streams are cancelled by being dropped.
pub trait Reader {
    /// Names the reader with everything that its readings depend on. A document that was read by
    /// another one is read anew.
    fn id(&self) -> String;

    /// Reads a whole document. Fails as a whole; what may be replaced by something lesser is
    /// reported in [`ExcerptReading::degraded`].
    fn read(
        &self,
        document: DocumentText,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Reading>>;

    /// What to look for in the graph for a question that stands alone.
    fn keywords(&self, question: &str) -> LocalBoxFuture<'static, Result<Keywords>>;

    /// The question rewritten so that it is understood without the conversation before it.
    fn standalone(
        &self,
        question: &str,
        history: &[Turn],
    ) -> LocalBoxFuture<'static, Result<String>>;

    /// Answers from the context alone, citing its excerpts.
    fn answer(&self, request: AnswerRequest) -> LocalBoxStream<'static, Result<AnswerPart>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Code;

    #[test]
    fn modes_go_by_their_names() {
        for mode in Mode::ALL {
            assert_eq!(Mode::parse(mode.as_str()), Ok(mode));
        }
        assert_eq!(Mode::parse("MIX").unwrap_err().code, Code::InvalidArgument);
    }
}

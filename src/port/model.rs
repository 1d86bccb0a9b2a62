use std::rc::Rc;

use futures::{future::LocalBoxFuture, stream::LocalBoxStream};

use crate::record::Result;

/// What a language model is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Completion {
    /// Standing instructions, where the model takes them apart.
    pub system: Option<Rc<str>>,
    /// The question itself.
    pub prompt: String,
    /// The form of the answer, if it is to be JSON; only for models that [take](LanguageModel::takes_json) one.
    pub json: Option<JsonForm>,
}

/// A form that JSON is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JsonForm {
    /// What some providers want it to be called.
    pub name: &'static str,
    /// A JSON schema, as JSON.
    pub schema: &'static str,
}

/// Tokens of one call, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of what was asked.
    pub prompt: usize,
    /// Of what was answered.
    pub completion: usize,
}

/// An answer of a language model, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What it says.
    pub text: String,
    /// What the whole call took, if the provider tells; of a stream, in its last part.
    pub tokens: Option<Tokens>,
}

impl<T: Into<String>> From<T> for Said {
    fn from(text: T) -> Self {
        Said { text: text.into(), tokens: None }
    }
}

/// A model that continues text.
pub trait LanguageModel {
    /// Names the model; answers kept in a cache are kept under it.
    fn id(&self) -> &str;

    /// Whether it answers in JSON of a given form.
    fn takes_json(&self) -> bool {
        false
    }

    /// The whole answer.
    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>>;

    /// The answer in parts as they come. A model that cannot do so gives it in one part.
    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<Said>> {
        Box::pin(futures::stream::once(self.complete(request)))
    }
}

/// Vectors of an embedding model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One a text, in the order of the texts, not necessarily of unit length.
    pub vectors: Vec<Rc<[f32]>>,
    /// Tokens that the call took, if the provider tells.
    pub tokens: Option<usize>,
}

impl From<Vec<Vec<f32>>> for Embedded {
    fn from(vectors: Vec<Vec<f32>>) -> Self {
        Embedded { vectors: vectors.into_iter().map(Rc::from).collect(), tokens: None }
    }
}

/// A model that turns texts into vectors.
pub trait EmbeddingModel {
    /// Names the model; a knowledge base belongs to one.
    fn id(&self) -> &str;

    /// Components of each vector.
    fn dimensions(&self) -> usize;

    /// The most texts of one call.
    fn max_batch(&self) -> usize {
        256
    }

    /// Embeds all of them.
    fn embed(&self, texts: Vec<String>) -> LocalBoxFuture<'static, Result<Embedded>>;
}

/// Texts to be put in the order of their bearing on a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RerankRequest {
    /// What is asked.
    pub query: String,
    /// What is to be ordered.
    pub documents: Vec<String>,
    /// How many of them are wanted.
    pub top_k: usize,
}

/// A model that judges how well texts answer a question.
pub trait Reranker {
    /// Names the model.
    fn id(&self) -> &str;

    /// Places in [`RerankRequest::documents`] with scores, each at most once, in any order.
    fn rerank(&self, request: RerankRequest) -> LocalBoxFuture<'static, Result<Vec<(usize, f64)>>>;
}

/// Who counts tokens.
pub trait TokenCounter {
    /// The tokens of a text.
    fn count(&self, text: Rc<str>) -> LocalBoxFuture<'static, Result<usize>>;
}

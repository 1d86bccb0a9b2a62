use std::{ops::Deref, rc::Rc};

use futures::{future::LocalBoxFuture, stream::LocalBoxStream};

use crate::record::{Result, md5};

/// What a language model is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Completion {
    /// Standing instructions, where the model takes them apart.
    pub system: Option<System>,
    /// The question itself.
    pub prompt: String,
    /// The form of the answer, if it is to be JSON; only for models that [take](LanguageModel::takes_json) one.
    pub json: Option<JsonForm>,
}

/// Standing instructions. Cheap to clone, and known by their md5: they are the same over and over, and longer
/// than most questions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System {
    text: Rc<str>,
    md5: [u8; 16],
}

impl System {
    /// The md5 of the text.
    pub fn md5(&self) -> [u8; 16] {
        self.md5
    }
}

impl Default for System {
    fn default() -> Self {
        "".into()
    }
}

impl From<&str> for System {
    fn from(text: &str) -> Self {
        System { text: text.into(), md5: md5(&[text]) }
    }
}

impl From<String> for System {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl Deref for System {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
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
    pub vectors: Vectors,
    /// Tokens that the call took, if the provider tells.
    pub tokens: Option<usize>,
}

impl From<Vec<Vec<f32>>> for Embedded {
    fn from(vectors: Vec<Vec<f32>>) -> Self {
        let mut all = Vectors::default();
        vectors.iter().for_each(|vector| all.add(1, vector.len()).copy_from_slice(vector));
        Embedded { vectors: all, tokens: None }
    }
}

/// Vectors of any lengths, one behind the other: they are gone as soon as the knowledge base has made its own of
/// them, and a piece of memory for each would be taken and given back for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    components: Vec<f32>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Vectors {
    /// So many vectors of zeros more, one behind the other, to be written.
    pub fn add(&mut self, vectors: usize, dimensions: usize) -> &mut [f32] {
        let from = self.components.len();
        self.components.resize(from + vectors * dimensions, 0.0);
        self.ends.extend((1..=vectors).map(|vector| from + vector * dimensions));
        &mut self.components[from..]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.components[begin..end])
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
    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>>;
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

use futures::{future::LocalBoxFuture, stream::LocalBoxStream};

use crate::record::Result;

/// What a language model is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Completion {
    /// Standing instructions, where the model takes them apart.
    pub system: Option<String>,
    /// The question itself.
    pub prompt: String,
}

/// A model that continues text.
pub trait LanguageModel {
    /// Names the model; answers kept in a cache are kept under it.
    fn id(&self) -> &str;

    /// The whole answer.
    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<String>>;

    /// The answer in parts as they come. A model that cannot do so gives it in one part.
    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<String>> {
        Box::pin(futures::stream::once(self.complete(request)))
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

    /// One vector a text, in the order of the texts, not necessarily of unit length.
    fn embed(&self, texts: Vec<String>) -> LocalBoxFuture<'static, Result<Vec<Vec<f32>>>>;
}

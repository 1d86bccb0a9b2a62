//! Embeddings out of a table: the mean of what its tokens are worth by themselves.

use std::rc::Rc;

use futures::{FutureExt, future, future::LocalBoxFuture};

use super::{table::Table, wordpiece};
use crate::{
    port::{Embedded, EmbeddingModel},
    record::Result,
};

/// A static embedding model: a table distilled from a transformer, which looks up the tokens of a
/// text and takes their mean. It knows no order of words, costs microseconds and needs no network.
///
/// S. Tulkens and T. van Dongen, "Model2Vec: Fast State-of-the-Art Static Embeddings", 2024.
#[derive(Clone)]
pub struct StaticEmbedder {
    table: Rc<Table>,
}

impl StaticEmbedder {
    /// Reads the file of a table. Refuses one that is damaged with `invalid-argument`.
    pub fn new(file: Vec<u8>) -> Result<Self> {
        Ok(StaticEmbedder { table: Rc::new(Table::new(file)?) })
    }

    /// The embedding of a text: of length 1, or zero if no token of it is known.
    pub fn embed_one(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.table.dimensions()];
        wordpiece::tokens(text, &self.table, |row| self.table.add(row, &mut sum));
        let squares: f64 = sum.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        if squares > 0.0 && squares.is_finite() {
            let length = squares.sqrt();
            sum.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
        } else {
            sum.fill(0.0);
        }
        sum
    }
}

impl EmbeddingModel for StaticEmbedder {
    fn id(&self) -> &str {
        self.table.model()
    }

    fn dimensions(&self) -> usize {
        self.table.dimensions()
    }

    fn max_batch(&self) -> usize {
        1024
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let vectors: Vec<_> = texts.iter().map(|text| self.embed_one(text)).collect();
        future::ready(Ok(vectors.into())).boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::builtin::table::tests::bytes;

    #[test]
    fn an_embedding_is_the_mean_of_its_tokens_at_length_one() {
        let embedder = StaticEmbedder::new(bytes()).unwrap();
        let vector = embedder.embed_one("Embeddings");
        // Rows 4 and 2: (4, -2) + (2, -1).
        let length = 45f32.sqrt();
        assert!((vector[0] - 6.0 / length).abs() < 1e-6 && (vector[1] + 3.0 / length).abs() < 1e-6);
        assert_eq!(embedder.embed_one("unknown"), [0.0, 0.0]);
        assert_eq!(embedder.embed_one(""), [0.0, 0.0]);
        let embedded = block_on(embedder.embed(["Embeddings".into()].into())).unwrap();
        assert_eq!(embedded, vec![vector].into());
    }
}

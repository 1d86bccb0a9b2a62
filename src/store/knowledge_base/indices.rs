use std::rc::Rc;

use crate::{
    record::UnitVector,
    store::{Admit, Field, LexicalIndex, Match, Matching, VectorIndex},
    text::Stems,
};

/// What a search looks for.
#[derive(Clone, Copy, Debug)]
pub enum Query<'a> {
    /// What is similar to the vector, by cosine.
    Vector(&'a UnitVector),
    /// What shares terms with the text, by BM25.
    Text(&'a str),
}

/// The two ways to find one kind of thing.
pub(super) struct Indices {
    pub(super) vectors: VectorIndex,
    pub(super) lexical: LexicalIndex,
}

impl Indices {
    pub(super) fn new(dimensions: usize, stems: &Rc<Stems>) -> Self {
        let lexical = LexicalIndex::with_stems(stems.clone());
        Indices { vectors: VectorIndex::new(dimensions), lexical }
    }

    pub(super) fn insert(&mut self, slot: u32, vector: &UnitVector, fields: &[Field<'_>]) {
        self.vectors.insert(slot, vector);
        self.lexical.insert(slot, fields);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        self.vectors.remove(slot);
        self.lexical.remove(slot);
    }

    /// What each of the queries finds.
    pub(super) fn search(
        &self,
        queries: &[Query<'_>],
        k: usize,
        admit: &dyn Admit,
    ) -> Vec<Vec<Match>> {
        let found = queries.iter().map(|query| match query {
            Query::Vector(vector) => self.vectors.search_among(vector, k, admit),
            Query::Text(text) => self.lexical.search_among(text, Matching::default(), k, admit),
        });
        found.collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.vectors.bytes() + self.lexical.bytes()
    }
}

use std::hash::BuildHasher;

use ecow::EcoString;
use hashbrown::DefaultHashBuilder;

/// Places for words: as many as there are terms, but no fewer
const FEWEST: usize = 16;
/// and no more.
const MOST: usize = 2048;
/// No word is longer than so many bytes.
const LONGEST: usize = 32;

/// The terms of words met lately, and the ids that the terms had then. No result depends on it.
///
/// Prose repeats its words, and finding a stem takes many times what finding it again does. Each word
/// has one place, which it takes from whatever word was there: so all stand side by side and a look goes to
/// one place in memory, where a list by last use has four to mend for each.
#[derive(Default)]
pub(super) struct Stems {
    /// As many as some power of two, or none.
    places: Vec<Stem>,
    hasher: DefaultHashBuilder,
}

/// Empty: that of no word.
#[derive(Clone, Default)]
pub(super) struct Stem {
    word: EcoString,
    pub(super) term: EcoString,
    pub(super) id: u32,
}

impl Stems {
    pub(super) fn get(&self, word: &str) -> Option<&Stem> {
        let stem = self.places.get(self.place(word))?;
        (stem.word == word).then_some(stem)
    }

    /// Keeps the term of a word, in an index of so many terms.
    pub(super) fn put(&mut self, word: &str, term: &EcoString, id: u32, terms: usize) {
        if word.len() > LONGEST {
            return;
        }
        let wanted = terms.next_power_of_two().clamp(FEWEST, MOST);
        if self.places.len() < wanted {
            let known = std::mem::replace(&mut self.places, vec![Stem::default(); wanted]);
            known.into_iter().filter(|stem| !stem.word.is_empty()).for_each(|stem| self.keep(stem));
        }
        self.keep(Stem { word: word.into(), term: term.clone(), id });
    }

    fn keep(&mut self, stem: Stem) {
        let place = self.place(&stem.word);
        self.places[place] = stem;
    }

    /// Bytes on the heap, but for those of long words.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Stem>()
    }

    fn place(&self, word: &str) -> usize {
        self.hasher.hash_one(word) as usize & self.places.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_word_has_its_own_term_or_none(
            words in vec(("[a-d]{1,3}|[a-d]{33}", 0u32..9, 0usize..300), 0..crate::steps(200)),
        ) {
            let mut stems = Stems::default();
            prop_assert!(stems.get("a").is_none());
            for (word, id, terms) in words {
                let term: EcoString = word.to_uppercase().into();
                stems.put(&word, &term, id, terms);
                let kept = stems.get(&word).map(|stem| (&*stem.term, stem.id));
                prop_assert_eq!(kept, (word.len() <= LONGEST).then_some((&*term, id)));
            }
            for stem in stems.places.iter().filter(|stem| !stem.word.is_empty()) {
                prop_assert_eq!(&*stem.term, stem.word.to_uppercase());
            }
        }
    }
}

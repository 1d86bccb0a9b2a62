//! What English words have in common.

use std::cell::RefCell;

use ecow::EcoString;
use hashbrown::HashMap;
use rust_stemmers::{Algorithm, Stemmer};

/// The Porter2 stem of a lower-case English word. Words of other languages pass through it mostly
/// unharmed, and always to the same result.
///
/// M. F. Porter, "The English (Porter2) stemming algorithm", 2002.
pub fn stem(word: &str) -> EcoString {
    match word.is_ascii() {
        true => Stemmer::create(Algorithm::English).stem(word).as_ref().into(),
        false => word.into(),
    }
}

/// So many are known.
const MOST: usize = 4096;
/// None is of a word longer than so many bytes.
const LONGEST: usize = 32;

/// The stems of words met lately: prose repeats its words, and finding a stem takes twenty times what finding it again
/// does. A quarter of a megabyte at most, and what is longer than the place for a short text.
#[derive(Default)]
pub struct Stems {
    known: RefCell<HashMap<EcoString, EcoString>>,
}

impl Stems {
    /// See [`stem`].
    pub fn of(&self, word: &str) -> EcoString {
        let mut known = self.known.borrow_mut();
        if let Some(stem) = known.get(word) {
            return stem.clone();
        }
        let stem = stem(word);
        if word.len() <= LONGEST {
            if known.len() == MOST {
                // What is frequent is soon known again.
                known.clear();
            }
            known.insert(word.into(), stem.clone());
        }
        stem
    }

    /// An estimate of the bytes on the heap.
    pub fn bytes(&self) -> usize {
        self.known.borrow().capacity() * (2 * size_of::<EcoString>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_its_stem_whatever_was_asked_before() {
        let stems = Stems::default();
        let words =
            |round: usize| (0..=MOST / 2).map(move |number| format!("{round}x{number}runs"));
        for word in (0..5).flat_map(words).chain(words(4)).chain(["a".repeat(LONGEST + 1)]) {
            assert_eq!(stems.of(&word), stem(&word));
            assert_eq!(stems.of(&word), stem(&word));
            let known = stems.known.borrow();
            assert!(known.len() <= MOST);
            assert_eq!(known.contains_key(word.as_str()), word.len() <= LONGEST);
        }
        assert_eq!(stems.of("queues"), "queue");
        assert_eq!(stems.of("größer"), "größer");
    }
}

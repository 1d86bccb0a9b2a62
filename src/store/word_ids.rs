use std::hash::BuildHasher;

use ecow::EcoString;
use hashbrown::DefaultHashBuilder;

/// Places for words: as many as there are terms, but no fewer
const FEWEST: usize = 16;
/// and no more.
const MOST: usize = 2048;
/// No word is longer than so many bytes.
const LONGEST: usize = 32;

/// The ids of the terms that words met lately give. No result depends on it.
///
/// Prose repeats its words, and to make a term of one and look for it takes many times what a look here does. Each word
/// has one place, which it takes from whatever word was there: so all stand side by side and a look goes to
/// one place in memory, where a list by last use has four to mend for each.
#[derive(Default)]
pub(super) struct WordIds {
    /// As many as some power of two, or none.
    places: Vec<Place>,
    /// Changes whenever an id may become another term's.
    era: u32,
    hasher: DefaultHashBuilder,
}

/// Empty: that of no word.
#[derive(Clone, Default)]
struct Place {
    word: EcoString,
    id: u32,
    /// In which the id was the term's.
    era: u32,
}

impl WordIds {
    /// The id of the word's term.
    pub(super) fn get(&self, word: &str) -> Option<u32> {
        let place = self.places.get(self.place(word))?;
        (place.era == self.era && place.word == word).then_some(place.id)
    }

    /// Keeps the id of a word's term, in an index of so many terms.
    pub(super) fn put(&mut self, word: &str, id: u32, terms: usize) {
        if word.len() > LONGEST {
            return;
        }
        let wanted = terms.next_power_of_two().clamp(FEWEST, MOST);
        if self.places.len() < wanted {
            let known = std::mem::replace(&mut self.places, vec![Place::default(); wanted]);
            known
                .into_iter()
                .filter(|known| !known.word.is_empty())
                .for_each(|known| self.keep(known));
        }
        self.keep(Place { word: word.into(), id, era: self.era });
    }

    /// Forgets all of them: a term has lost its id, which another may get.
    pub(super) fn forget(&mut self) {
        self.era = self.era.checked_add(1).unwrap_or_else(|| {
            self.places.clear();
            0
        });
    }

    fn keep(&mut self, known: Place) {
        let place = self.place(&known.word);
        self.places[place] = known;
    }

    /// Bytes on the heap, but for those of long words.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
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
        fn a_word_has_the_id_it_had_last_or_none(
            steps in vec(("[a-d]{1,3}|[a-d]{33}", 0u32..9, 0usize..300, 0u8..9), 0..crate::steps(200)),
        ) {
            let mut ids = WordIds::default();
            let mut plain = std::collections::HashMap::new();
            for (word, id, terms, forget) in steps {
                if forget == 0 {
                    ids.forget();
                    plain.clear();
                }
                prop_assert!(ids.get(&word).is_none_or(|id| plain[&word] == id));
                ids.put(&word, id, terms);
                prop_assert_eq!(ids.get(&word), (word.len() <= LONGEST).then_some(id));
                plain.insert(word, id);
            }
            for (word, &id) in &plain {
                prop_assert!(ids.get(word).is_none_or(|known| known == id));
            }
        }
    }

    #[test]
    fn an_id_long_forgotten_does_not_come_back() {
        let mut ids = WordIds::default();
        ids.put("a", 7, 1);
        ids.era = u32::MAX;
        ids.forget();
        assert_eq!((ids.era, ids.get("a")), (0, None));
    }
}

use std::{cmp::Reverse, rc::Rc};

use hashbrown::HashMap;
use slab::Slab;

use crate::order::{OrderedMap, OrderedSet, sort_by_key};

/// An ordered multiset of texts: each occurrence has a unique key, and the order of the keys is the
/// order in which a reader meets them.
///
/// It gives the distinct texts by first occurrence or by frequency, and takes and forgets an
/// occurrence at the cost of a change of an [`OrderedMap`], so that one document among thousands that
/// speak of the same thing costs no more than the first. What it gives depends only on what is in it.
pub(super) struct FirstSeen<K> {
    ids: HashMap<Rc<str>, u32>,
    texts: Slab<Text>,
    /// Every occurrence under its text's id. No key is ever `None`, which sorts first and so marks
    /// where the range of an id begins.
    occurrences: OrderedSet<(usize, Option<K>)>,
    /// Text ids by the key of their first occurrence.
    by_first: OrderedMap<K, usize>,
    /// Texts, as the keys of their first occurrences, the most frequent first.
    by_count: OrderedSet<(Reverse<usize>, K)>,
}

struct Text {
    text: Rc<str>,
    count: usize,
}

impl<K: Ord + Clone> FirstSeen<K> {
    pub(super) fn new() -> Self {
        FirstSeen {
            ids: HashMap::new(),
            texts: Slab::new(),
            occurrences: OrderedSet::new(),
            by_first: OrderedMap::new(),
            by_count: OrderedSet::new(),
        }
    }

    /// Of occurrences in ascending order of their keys. As inserting one after the other, at a fraction
    /// of the cost: only texts are looked for, and nothing is ranked before its count is known.
    pub(super) fn of<'a>(occurrences: impl Iterator<Item = (&'a K, &'a Rc<str>)>) -> Self
    where
        K: 'a,
    {
        let mut set = FirstSeen::new();
        let mut by_id = vec![];
        for (key, text) in occurrences {
            let id = set.id(text);
            if set.texts[id].count == 0 {
                set.by_first.insert(key.clone(), id);
            }
            set.texts[id].count += 1;
            by_id.push((id, key));
        }
        sort_by_key(&mut by_id, |(id, _)| *id);
        set.occurrences = by_id.iter().map(|(id, key)| (*id, Some((*key).clone()))).collect();
        // Ids are in the order of the first occurrences, and so are those with one count.
        let mut ranks: Vec<(&K, usize)> = set.by_first.iter().map(|(key, id)| (key, *id)).collect();
        sort_by_key(&mut ranks, |(_, id)| Reverse(set.texts[*id].count));
        set.by_count = ranks
            .into_iter()
            .map(|(first, id)| (Reverse(set.texts[id].count), first.clone()))
            .collect();
        set
    }

    /// Adds an occurrence. Its key must be new.
    pub(super) fn insert(&mut self, key: K, text: &Rc<str>) {
        let id = self.id(text);
        // Where documents come in their order, the first occurrence stays the first.
        let first = self.first(id).filter(|first| **first < key).cloned();
        match &first {
            Some(first) => self.count(id, first.clone(), false),
            None => self.unrank(id),
        }
        self.occurrences.insert((id, Some(key)));
        self.texts[id].count += 1;
        match first {
            Some(first) => self.count(id, first, true),
            None => self.rank(id),
        }
    }

    /// Takes away an occurrence that was inserted with this key and text.
    pub(super) fn remove(&mut self, key: K, text: &str) {
        let Some(id) = self.ids.get(text).map(|&id| id as usize) else { return };
        self.unrank(id);
        if self.occurrences.remove(&(id, Some(key))) {
            self.texts[id].count -= 1;
        }
        if self.texts[id].count == 0 {
            self.texts.remove(id);
            self.ids.remove(text);
        } else {
            self.rank(id);
        }
    }

    /// The distinct texts in the order of their first occurrences.
    pub(super) fn distinct(&self) -> impl Iterator<Item = &Rc<str>> {
        self.by_first.values().map(|&id| &self.texts[id].text)
    }

    /// The distinct texts, the most frequent first, ties by first occurrence.
    pub(super) fn ranked(&self) -> impl Iterator<Item = &Rc<str>> {
        self.by_count.iter().map(|(_, first)| &self.texts[self.by_first[first]].text)
    }

    /// An estimate of the bytes held, without the texts themselves.
    pub(super) fn bytes(&self) -> usize {
        let word = size_of::<usize>();
        let key = size_of::<K>();
        // Blocks that grow in the middle are on average two thirds full.
        let trees = self.occurrences.len() * (key + word)
            + self.by_first.len() * (key + word)
            + self.by_count.len() * (key + word);
        trees * 3 / 2 + self.texts.capacity() * 4 * word + self.ids.capacity() * 4 * word
    }

    /// The id of a text, which it is given if it has none.
    fn id(&mut self, text: &Rc<str>) -> usize {
        if let Some(&id) = self.ids.get(text) {
            return id as usize;
        }
        let id = self.texts.insert(Text { text: text.clone(), count: 0 });
        self.ids.insert(text.clone(), id as u32);
        id
    }

    fn first(&self, id: usize) -> Option<&K> {
        let (found, key) = self.occurrences.first_from(&(id, None))?;
        key.as_ref().filter(|_| *found == id)
    }

    fn rank(&mut self, id: usize) {
        if let Some(first) = self.first(id).cloned() {
            self.count(id, first.clone(), true);
            self.by_first.insert(first, id);
        }
    }

    fn unrank(&mut self, id: usize) {
        if let Some(first) = self.first(id).cloned() {
            self.by_first.remove(&first);
            self.count(id, first, false);
        }
    }

    /// Puts a text among those that are ranked by how often they occur, or takes it out.
    fn count(&mut self, id: usize, first: K, ranked: bool) {
        let rank = (Reverse(self.texts[id].count), first);
        match ranked {
            true => drop(self.by_count.insert(rank)),
            false => drop(self.by_count.remove(&rank)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn distinct(plain: &BTreeMap<u8, Rc<str>>) -> Vec<Rc<str>> {
        let mut found: Vec<Rc<str>> = vec![];
        for text in plain.values() {
            if !found.contains(text) {
                found.push(text.clone());
            }
        }
        found
    }

    proptest! {
        #[test]
        fn equals_recounting_under_any_history(steps in vec((0u8..20, "[a-d]"), 0..80)) {
            let mut set = FirstSeen::new();
            let mut plain: BTreeMap<u8, Rc<str>> = BTreeMap::new();
            for (at, (key, text)) in steps.into_iter().enumerate() {
                // A key that is there leaves, any other comes.
                if let Some(text) = plain.remove(&key) {
                    set.remove(key, &text);
                } else {
                    let text: Rc<str> = text.into();
                    set.insert(key, &text);
                    plain.insert(key, text);
                }
                let mut expected = distinct(&plain);
                if at % 8 == 0 {
                    // Made at once it is the same, and goes on as well.
                    set = FirstSeen::of(plain.iter());
                }
                prop_assert_eq!(set.distinct().cloned().collect::<Vec<_>>(), expected.clone());
                expected.sort_by_key(|text| Reverse(plain.values().filter(|t| *t == text).count()));
                prop_assert_eq!(set.ranked().cloned().collect::<Vec<_>>(), expected);
            }
            plain.iter().for_each(|(&key, text)| set.remove(key, text));
            prop_assert!(set.ids.is_empty() && set.texts.is_empty() && set.occurrences.is_empty());
            prop_assert!(set.by_first.is_empty() && set.by_count.is_empty());
        }
    }
}

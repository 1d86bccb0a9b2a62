use std::{cmp::Reverse, mem, rc::Rc};

use slab::Slab;

use super::{ids::Ids, mentions::says};
use crate::order::{OrderedMap, OrderedSet};

/// An ordered multiset of the texts that say something: each occurrence has a unique key, and the order of the keys is the
/// order in which a reader meets them.
///
/// It gives the distinct texts by first occurrence or by frequency, and takes and forgets an
/// occurrence at the cost of a change of an [`OrderedMap`], so that one document among thousands that
/// speak of the same thing costs no more than the first. What it gives depends only on what is in it.
pub(super) struct FirstSeen<K> {
    ids: Ids,
    texts: Slab<Text<K>>,
    /// Text ids by the key of their first occurrence.
    by_first: OrderedMap<K, u32>,
    /// The texts that occur more than once, as the keys of their first occurrences, the most frequent
    /// first. Most occur once, and of a hub's ten thousand descriptions nearly all.
    by_count: OrderedSet<(Reverse<u32>, K)>,
    /// How many occurrences there are.
    len: usize,
}

struct Text<K> {
    text: Rc<str>,
    first: K,
    /// Where else it occurs, all after the first.
    others: OrderedSet<K>,
}

impl<K: Ord + Clone> Text<K> {
    /// Its place among those that occur more than once, if it does.
    fn rank(&self) -> Option<(Reverse<u32>, K)> {
        let others = self.others.len() as u32;
        (others > 0).then(|| (Reverse(others), self.first.clone()))
    }
}

impl<K: Ord + Clone> FirstSeen<K> {
    pub(super) fn new() -> Self {
        FirstSeen {
            ids: Ids::default(),
            texts: Slab::new(),
            by_first: OrderedMap::new(),
            by_count: OrderedSet::new(),
            len: 0,
        }
    }

    /// Of occurrences in ascending order of their keys. As inserting one after the other, at a fraction
    /// of the cost: nothing is ranked before its count is known.
    pub(super) fn of<'a>(occurrences: &mut (dyn Iterator<Item = (&'a K, &'a Rc<str>)> + '_)) -> Self
    where
        K: 'a,
    {
        let mut set = FirstSeen::new();
        for (key, text) in occurrences.filter(|(_, text)| says(text)) {
            match set.id(text) {
                Some(id) => _ = set.texts[id as usize].others.insert(key.clone()),
                None => set.insert_new(key.clone(), text),
            }
            set.len += 1;
        }
        let ranks = set.by_first.values().filter_map(|&id| set.texts[id as usize].rank());
        set.by_count = ranks.collect();
        set
    }

    /// Adds an occurrence. Its key must be new.
    pub(super) fn insert(&mut self, key: &K, text: &Rc<str>) {
        if !says(text) {
            return;
        }
        let mut key = key.clone();
        self.len += 1;
        let Some(id) = self.id(text) else { return self.insert_new(key, text) };
        self.rank(id, false);
        let text = &mut self.texts[id as usize];
        if key < text.first {
            self.by_first.remove(&text.first);
            self.by_first.insert(key.clone(), id);
            mem::swap(&mut key, &mut text.first);
        }
        text.others.insert(key);
        self.rank(id, true);
    }

    /// Takes away an occurrence that was inserted with this key and text.
    pub(super) fn remove(&mut self, key: &K, text: &str) {
        if !says(text) {
            return;
        }
        let first = self.by_first.remove(key);
        let Some(id) = first.or_else(|| self.id(text)) else { return };
        self.len -= 1;
        self.rank(id, false);
        let kept = &mut self.texts[id as usize];
        if first.is_none() {
            kept.others.remove(key);
        } else {
            let Some(next) = kept.others.pop_first() else {
                self.ids.remove(id, text);
                self.texts.remove(id as usize);
                return;
            };
            self.by_first.insert(next.clone(), id);
            kept.first = next;
        }
        self.rank(id, true);
    }

    /// The distinct texts in the order of their first occurrences.
    pub(super) fn distinct(&self) -> impl Iterator<Item = &Rc<str>> {
        self.by_first.values().map(|&id| &self.texts[id as usize].text)
    }

    /// The distinct texts, the most frequent first, ties by first occurrence.
    pub(super) fn ranked(&self) -> Vec<&Rc<str>> {
        let mut found = vec![];
        for (_, first) in self.by_count.iter() {
            found.push(&self.texts[self.by_first[first] as usize].text);
        }
        for &id in self.by_first.values() {
            let text = &self.texts[id as usize];
            if text.others.is_empty() {
                found.push(&text.text);
            }
        }
        found
    }

    /// The first of [`FirstSeen::ranked`].
    pub(super) fn most_frequent(&self) -> Option<&Rc<str>> {
        let first = self.by_count.first().map(|(_, first)| &self.by_first[first]);
        let id = first.or_else(|| self.by_first.values().next())?;
        Some(&self.texts[*id as usize].text)
    }

    /// An estimate of the bytes held, without the texts themselves.
    pub(super) fn bytes(&self) -> usize {
        let (key, id) = (size_of::<K>(), size_of::<u32>());
        // Blocks that grow in the middle are on average two thirds full.
        let trees = (self.len - self.texts.len()) * key
            + self.by_first.len() * (key + id)
            + self.by_count.len() * (key + id);
        let text = size_of::<Text<K>>() + size_of::<usize>();
        trees * 3 / 2 + self.texts.capacity() * text + self.ids.bytes()
    }

    /// Puts a text among those that are ranked by how often they occur, or takes it out.
    fn rank(&mut self, id: u32, ranked: bool) {
        match self.texts[id as usize].rank() {
            Some(rank) if ranked => drop(self.by_count.insert(rank)),
            Some(rank) => drop(self.by_count.remove(&rank)),
            None => {}
        }
    }

    fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text, &|id| &self.texts[id as usize].text)
    }

    fn insert_new(&mut self, key: K, text: &Rc<str>) {
        let new = Text { text: text.clone(), first: key.clone(), others: OrderedSet::new() };
        let id = self.texts.insert(new) as u32;
        self.ids.insert(id, &|id| &self.texts[id as usize].text);
        self.by_first.insert(key, id);
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
        fn equals_recounting_under_any_history(steps in vec((0u8..20, "[a-d]"), 0..crate::steps(80))) {
            let mut set = FirstSeen::new();
            let mut plain: BTreeMap<u8, Rc<str>> = BTreeMap::new();
            for (at, (key, text)) in steps.into_iter().enumerate() {
                // A key that is there leaves, any other comes.
                if let Some(text) = plain.remove(&key) {
                    set.remove(&key, &text);
                } else {
                    let text: Rc<str> = text.into();
                    set.insert(&key, &text);
                    plain.insert(key, text);
                }
                let mut expected = distinct(&plain);
                if at % 8 == 0 {
                    // Made at once it is the same, and goes on as well.
                    set = FirstSeen::of(&mut plain.iter());
                }
                prop_assert_eq!(set.distinct().cloned().collect::<Vec<_>>(), expected.clone());
                expected.sort_by_key(|text| Reverse(plain.values().filter(|t| *t == text).count()));
                prop_assert_eq!(set.most_frequent(), expected.first());
                prop_assert_eq!(set.ranked(), expected.iter().collect::<Vec<_>>());
            }
            plain.iter().for_each(|(key, text)| set.remove(key, text));
            prop_assert!(set.ids.len() == 0 && set.texts.is_empty() && set.len == 0);
            prop_assert!(set.by_first.is_empty() && set.by_count.is_empty());
        }
    }
}

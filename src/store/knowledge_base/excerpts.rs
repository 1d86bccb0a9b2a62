use std::{cmp::Ordering, mem, rc::Rc};

use slab::Slab;

use super::{
    document::{Admitted, ExcerptPlace},
    indices::{Indices, Query},
};
use crate::{
    order::{self, sort_by_key},
    record::{Excerpt, heading_path},
    store::{Admit, Field, Match, ids::Ids, mentions::Mentions},
    text::Stems,
};

/// The excerpts of all documents. Passages with the same text are one excerpt, which stays as long as
/// some document has it.
///
/// An excerpt's *home* is the first place it stands at; its headings, summary and vector there are the
/// ones it is found by.
pub(super) struct Excerpts {
    entries: Slab<Entry>,
    slots: Ids,
    pub(super) indices: Indices,
    /// Slots whose places changed since the last refresh, each once.
    touched: Vec<u32>,
    /// What the entries hold on the heap, as of their last refresh.
    held: usize,
}

pub(super) struct Entry {
    pub(super) id: Rc<str>,
    /// What ids are compared by before they are compared themselves: see [`beginning`].
    pub(super) beginning: u64,
    pub(super) places: Mentions<ExcerptPlace>,
    /// The home that the indices were filled from.
    indexed: Option<ExcerptPlace>,
    touched: bool,
    /// Its part of [`Excerpts::held`].
    held: usize,
}

impl Excerpts {
    pub(super) fn new(dimensions: usize, stems: &Rc<Stems>) -> Self {
        Excerpts {
            entries: Slab::new(),
            slots: Ids::default(),
            indices: Indices::new(dimensions, stems),
            touched: vec![],
            held: 0,
        }
    }

    pub(super) fn add(&mut self, place: ExcerptPlace) {
        let id = &place.excerpt().id;
        let slot = match self.slot(id) {
            Some(slot) => slot,
            None => {
                let entry = Entry {
                    id: id.clone(),
                    beginning: beginning(id),
                    places: Mentions::new(),
                    indexed: None,
                    touched: false,
                    held: 0,
                };
                let slot = self.entries.insert(entry) as u32;
                self.slots.insert(slot, &|slot| &self.entries[slot as usize].id);
                slot
            }
        };
        place.stands_in(slot);
        self.entries[slot as usize].places.insert(place);
        self.touch(slot);
    }

    pub(super) fn remove(&mut self, place: &ExcerptPlace) {
        if let Some(slot) = self.slot(&place.excerpt().id) {
            self.entries[slot as usize].places.remove(place);
            self.touch(slot);
        }
    }

    fn touch(&mut self, slot: u32) {
        if !mem::replace(&mut self.entries[slot as usize].touched, true) {
            self.touched.push(slot);
        }
    }

    /// Lets the indices follow what was touched, one excerpt; whether there was one.
    pub(super) fn refresh_next(&mut self) -> bool {
        let Some(slot) = self.touched.pop() else { return false };
        let entry = &mut self.entries[slot as usize];
        entry.touched = false;
        entry.places.settle();
        self.held -= entry.held;
        entry.held = entry.places.bytes();
        self.held += entry.held;
        match entry.places.first().cloned() {
            Some(home) => {
                let indexed = entry.indexed.replace(home.clone());
                if !indexed.is_some_and(|old| is_found_alike(old.excerpt(), home.excerpt())) {
                    self.index(slot, home.excerpt());
                }
            }
            None => {
                self.indices.remove(slot);
                let entry = self.entries.remove(slot as usize);
                self.held -= entry.held;
                self.slots.remove(slot, &entry.id);
            }
        }
        true
    }

    fn index(&mut self, slot: u32, excerpt: &Excerpt) {
        let mut fields: Vec<Field<'_>> =
            excerpt.headings.iter().map(|heading| Field::new(heading)).collect();
        // Where no model wrote a summary, the headings stand in for it.
        if *excerpt.summary != *heading_path(&excerpt.headings) {
            fields.push(Field::new(&excerpt.summary));
        }
        fields.push(Field::new(&excerpt.text));
        self.indices.insert(slot, &excerpt.vector, &fields);
    }

    pub(super) fn slot(&self, id: &str) -> Option<u32> {
        self.slots.get(id, &|slot| &self.entries[slot as usize].id)
    }

    pub(super) fn entry(&self, slot: u32) -> &Entry {
        &self.entries[slot as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All slots, in the order of the ids.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.entries.iter().map(|(slot, _)| slot as u32).collect();
        sort_by_key(&mut all, |&slot| &self.entry(slot).id);
        all
    }

    pub(super) fn search(
        &self,
        queries: &[Query<'_>],
        k: usize,
        admitted: &Admitted,
    ) -> Vec<Vec<Match>> {
        self.indices.search(queries, k, &AdmittedExcerpts { excerpts: self, admitted })
    }

    /// What each of the queries finds among these, each named once.
    pub(super) fn search_among(
        &self,
        slots: &[u32],
        queries: &[Query<'_>],
        k: usize,
    ) -> Vec<Vec<Match>> {
        let last = slots.iter().max().map_or(0, |&slot| slot as usize);
        let mut known = vec![false; last + 1];
        slots.iter().for_each(|&slot| known[slot as usize] = true);
        self.indices.search(queries, k, &OnlyExcerpts { excerpts: self, slots, known })
    }

    /// The order of two slots by their ids.
    pub(super) fn order(&self, one: u32, other: u32) -> Ordering {
        let (one, other) = (self.entry(one), self.entry(other));
        one.beginning.cmp(&other.beginning).then_with(|| one.id.cmp(&other.id))
    }

    pub(super) fn bytes(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Entry>();
        entries + self.held + self.slots.bytes() + self.indices.bytes()
    }
}

/// A number for the beginning of an id that is in the order of the ids, or equal. What most ids begin
/// with takes two bits of it.
fn beginning(id: &str) -> u64 {
    const COMMON: &str = "excerpt_id_";
    let (class, telling) = match id.strip_prefix(COMMON) {
        Some(rest) => (1, rest),
        None => (2 * u64::from(id > COMMON), id),
    };
    class << 62 | order::beginning(telling) >> 2
}

struct AdmittedExcerpts<'a> {
    excerpts: &'a Excerpts,
    admitted: &'a Admitted,
}

impl Admit for AdmittedExcerpts<'_> {
    fn all(&self) -> bool {
        self.admitted.all()
    }

    fn admits(&self, slot: u32) -> bool {
        self.admitted.all() || {
            let mut places = self.excerpts.entry(slot).places.iter();
            places.any(|place| self.admitted.admits(&place.0))
        }
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        self.excerpts.order(one, other)
    }

    fn beginning(&self, slot: u32) -> u64 {
        self.excerpts.entry(slot).beginning
    }
}

struct OnlyExcerpts<'a> {
    excerpts: &'a Excerpts,
    slots: &'a [u32],
    /// The same, by slot.
    known: Vec<bool>,
}

impl Admit for OnlyExcerpts<'_> {
    fn all(&self) -> bool {
        self.slots.len() == self.excerpts.len()
    }

    fn only(&self) -> Option<&[u32]> {
        // Of most it is faster to look at all, as they stand in memory.
        (self.slots.len() < self.excerpts.len() / 2).then_some(self.slots)
    }

    fn admits(&self, slot: u32) -> bool {
        self.known.get(slot as usize).is_some_and(|&known| known)
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        self.excerpts.order(one, other)
    }

    fn beginning(&self, slot: u32) -> u64 {
        self.excerpts.entry(slot).beginning
    }
}

/// Whether two places of one text fill the indices alike.
fn is_found_alike(one: &Excerpt, other: &Excerpt) -> bool {
    one.headings == other.headings && one.summary == other.summary && one.vector == other.vector
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn beginnings_are_in_the_order_of_the_ids(
            one in "(excerpt_id_[0-9a-c]{0,12}|excerpt_i[c-e]?_?|[a-g]{0,9}|\\PC{0,4})",
            other in "(excerpt_id_[0-9a-c]{0,12}|excerpt_i[c-e]?_?|[a-g]{0,9}|\\PC{0,4})",
        ) {
            let by_beginning = beginning(&one).cmp(&beginning(&other));
            prop_assert_eq!(by_beginning.then_with(|| one.cmp(&other)), one.cmp(&other));
        }
    }
}

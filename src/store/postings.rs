//! The entries that have a term, in ascending order of their slots.

/// One entry that has the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) slot: u32,
    /// How often, weighted.
    pub(super) frequency: u32,
}

/// Postings in a block: what an insertion moves at most, half a kilobyte.
const BLOCK: usize = 64;

/// A sorted list in blocks, so that a term which a hundred thousand entries have takes and loses one in
/// time that hardly depends on them, and a search still reads straight through.
///
/// Invariant: no block is empty, none holds more than [`BLOCK`], and slots ascend over all.
#[derive(Default)]
pub(super) struct Postings {
    len: usize,
    blocks: Vec<Vec<Posting>>,
    /// The first slot of each block, side by side: looking for a slot in the blocks themselves, each
    /// somewhere else in memory, took a third of the time to add a document to 10,000.
    firsts: Vec<u32>,
}

impl Postings {
    /// Adds an entry that is not there yet.
    fn insert(&mut self, slot: u32, frequency: u32) {
        let posting = Posting { slot, frequency };
        self.len += 1;
        let Some(at) = self.block_of(slot) else { return self.insert_block(0, vec![posting]) };
        let place = self.blocks[at].partition_point(|p| p.slot < slot);
        if self.blocks[at].len() < BLOCK {
            return self.insert_into(at, place, posting);
        }
        if place == BLOCK {
            // Slots mostly come in order: keep the full block full.
            return self.insert_block(at + 1, vec![posting]);
        }
        let upper = self.blocks[at].split_off(BLOCK / 2);
        self.insert_block(at + 1, upper);
        match place.checked_sub(BLOCK / 2) {
            None | Some(0) => self.insert_into(at, place, posting),
            Some(place) => self.insert_into(at + 1, place, posting),
        }
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some((at, place)) = self.find(slot) else { return };
        self.blocks[at].remove(place);
        match self.blocks[at].first() {
            Some(first) => self.firsts[at] = first.slot,
            None => {
                self.blocks.remove(at);
                self.firsts.remove(at);
            }
        }
        self.len -= 1;
    }

    /// Changes how often an entry has the term, from and to never included; gives how often now.
    pub(super) fn change(&mut self, slot: u32, by: i32) -> u32 {
        let Some((at, place)) = self.find(slot) else {
            // An entry does not lose what it has not.
            let frequency = by.max(0) as u32;
            if frequency > 0 {
                self.insert(slot, frequency);
            }
            return frequency;
        };
        let frequency = self.blocks[at][place].frequency.saturating_add_signed(by);
        self.blocks[at][place].frequency = frequency;
        if frequency == 0 {
            self.remove(slot);
        }
        frequency
    }

    pub(super) fn frequency(&self, slot: u32) -> Option<u32> {
        self.find(slot).map(|(at, place)| self.blocks[at][place].frequency)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Posting> {
        self.blocks.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn bytes(&self) -> usize {
        let postings: usize = self.blocks.iter().map(Vec::capacity).sum();
        postings * size_of::<Posting>()
            + self.blocks.capacity() * size_of::<Vec<Posting>>()
            + self.firsts.capacity() * size_of::<u32>()
    }

    fn find(&self, slot: u32) -> Option<(usize, usize)> {
        let at = self.block_of(slot)?;
        let place = self.blocks[at].binary_search_by_key(&slot, |posting| posting.slot).ok()?;
        Some((at, place))
    }

    /// The block that has the slot, or would take it; `None` if there is no block.
    fn block_of(&self, slot: u32) -> Option<usize> {
        match self.blocks.len() {
            0 => None,
            // Most terms are rare: spare them the look at another place in memory.
            1 => Some(0),
            _ => Some(self.firsts.partition_point(|&first| first <= slot).saturating_sub(1)),
        }
    }

    fn insert_block(&mut self, at: usize, block: Vec<Posting>) {
        self.firsts.insert(at, block[0].slot);
        self.blocks.insert(at, block);
    }

    fn insert_into(&mut self, at: usize, place: usize, posting: Posting) {
        self.blocks[at].insert(place, posting);
        self.firsts[at] = self.blocks[at][0].slot;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn equals_a_sorted_map_under_any_history(
            ascending in 0u32..600,
            steps in vec(0u32..900, 0..600),
        ) {
            let mut postings = Postings::default();
            let mut plain = BTreeMap::new();
            for slot in (0..ascending).chain(steps) {
                match plain.remove(&slot) {
                    Some(_) if slot % 2 == 0 => postings.remove(slot),
                    Some(frequency) => {
                        prop_assert_eq!(postings.change(slot, -(frequency as i32)), 0);
                    }
                    None => {
                        prop_assert_eq!(postings.change(slot, 2), 2);
                        prop_assert_eq!(postings.change(slot, slot as i32 - 1), slot + 1);
                        plain.insert(slot, slot + 1);
                    }
                }
            }
            let all: Vec<(u32, u32)> = postings.iter().map(|p| (p.slot, p.frequency)).collect();
            prop_assert_eq!(all, plain.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(postings.len(), plain.len());
            prop_assert!(postings.blocks.iter().all(|b| (1..=BLOCK).contains(&b.len())));
            let firsts: Vec<u32> = postings.blocks.iter().map(|b| b[0].slot).collect();
            prop_assert_eq!(&postings.firsts, &firsts);
            for slot in 0..900 {
                prop_assert_eq!(postings.frequency(slot), plain.get(&slot).copied());
            }
        }
    }
}

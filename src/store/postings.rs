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

/// Where an entry is among [`Postings`], or would be.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    block: u32,
    place: u8,
    found: bool,
}

impl Spot {
    fn new(block: usize, place: usize, found: bool) -> Self {
        Spot { block: block as u32, place: place as u8, found }
    }

    fn block(self) -> usize {
        self.block as usize
    }

    fn place(self) -> usize {
        usize::from(self.place)
    }
}

impl Postings {
    /// The beginning of the block that has the slot, or would take it.
    pub(super) fn block_of(&self, slot: u32) -> Spot {
        let block = match self.blocks.len() {
            // Most terms are rare: spare them the look at another place in memory.
            0 | 1 => 0,
            _ => self.firsts.partition_point(|&first| first <= slot).saturating_sub(1),
        };
        Spot::new(block, 0, false)
    }

    /// Where the slot is in its block, or would be.
    pub(super) fn look(&self, slot: u32, spot: Spot) -> Spot {
        let postings = self.blocks.get(spot.block()).map_or(&[][..], Vec::as_slice);
        let place = postings.partition_point(|posting| posting.slot < slot);
        let found = postings.get(place).is_some_and(|posting| posting.slot == slot);
        Spot::new(spot.block(), place, found)
    }

    /// Removes the entry at a spot, if it is there.
    pub(super) fn remove(&mut self, spot: Spot) {
        if !spot.found {
            return;
        }
        let at = spot.block();
        self.blocks[at].remove(spot.place());
        match self.blocks[at].first() {
            Some(first) => self.firsts[at] = first.slot,
            None => {
                self.blocks.remove(at);
                self.firsts.remove(at);
            }
        }
        self.len -= 1;
    }

    /// Changes how often the entry whose spot it is has the term, from and to never included; gives how
    /// often now.
    pub(super) fn change(&mut self, slot: u32, spot: Spot, by: i32) -> u32 {
        if !spot.found {
            // An entry does not lose what it has not.
            let frequency = by.max(0) as u32;
            if frequency > 0 {
                self.insert(spot, Posting { slot, frequency });
            }
            return frequency;
        }
        let posting = &mut self.blocks[spot.block()][spot.place()];
        posting.frequency = posting.frequency.saturating_add_signed(by);
        let frequency = posting.frequency;
        if frequency == 0 {
            self.remove(spot);
        }
        frequency
    }

    pub(super) fn frequency(&self, slot: u32) -> Option<u32> {
        let spot = self.look(slot, self.block_of(slot));
        spot.found.then(|| self.blocks[spot.block()][spot.place()].frequency)
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

    /// Adds an entry that is not there yet.
    fn insert(&mut self, spot: Spot, posting: Posting) {
        let (at, place) = (spot.block(), spot.place());
        self.len += 1;
        if self.blocks.is_empty() {
            return self.insert_block(0, vec![posting]);
        }
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
            ascending in 0..crate::steps(600) as u32,
            steps in vec(0u32..900, 0..crate::steps(600)),
        ) {
            let mut postings = Postings::default();
            let mut plain = BTreeMap::new();
            let spot = |postings: &Postings, slot| postings.look(slot, postings.block_of(slot));
            for slot in (0..ascending).chain(steps) {
                let at = spot(&postings, slot);
                match plain.remove(&slot) {
                    Some(_) if slot % 2 == 0 => postings.remove(at),
                    Some(frequency) => {
                        prop_assert_eq!(postings.change(slot, at, -(frequency as i32)), 0);
                    }
                    None => {
                        prop_assert_eq!(postings.change(slot, at, 2), 2);
                        let at = spot(&postings, slot);
                        prop_assert_eq!(postings.change(slot, at, slot as i32 - 1), slot + 1);
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

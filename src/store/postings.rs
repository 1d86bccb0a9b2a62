//! The entries that have a term, in ascending order of their slots.

/// One entry that has the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) slot: u32,
    /// How often, weighted.
    pub(super) frequency: u32,
}

/// Postings in a block: what an insertion moves at most, one kilobyte.
const BLOCK: usize = 128;

/// A sorted list in blocks, so that a term which a hundred thousand entries have takes and loses one in
/// time that hardly depends on them, and a search still reads straight through.
///
/// Invariant: no block is empty, none holds more than [`BLOCK`], and slots ascend over all.
#[derive(Default)]
pub(super) struct Postings {
    len: usize,
    blocks: Vec<Vec<Posting>>,
}

impl Postings {
    /// Adds an entry that is not there yet.
    pub(super) fn insert(&mut self, slot: u32, frequency: u32) {
        let posting = Posting { slot, frequency };
        self.len += 1;
        let Some(at) = self.block_of(slot) else { return self.blocks.push(vec![posting]) };
        let place = self.blocks[at].partition_point(|p| p.slot < slot);
        if self.blocks[at].len() < BLOCK {
            return self.blocks[at].insert(place, posting);
        }
        if place == BLOCK {
            // Slots mostly come in order: keep the full block full.
            return self.blocks.insert(at + 1, vec![posting]);
        }
        let upper = self.blocks[at].split_off(BLOCK / 2);
        self.blocks.insert(at + 1, upper);
        let (at, place) =
            if place <= BLOCK / 2 { (at, place) } else { (at + 1, place - BLOCK / 2) };
        self.blocks[at].insert(place, posting);
    }

    /// Removes an entry, if it is there.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some((at, place)) = self.find(slot) else { return };
        self.blocks[at].remove(place);
        if self.blocks[at].is_empty() {
            self.blocks.remove(at);
        }
        self.len -= 1;
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
        postings * size_of::<Posting>() + self.blocks.capacity() * size_of::<Vec<Posting>>()
    }

    fn find(&self, slot: u32) -> Option<(usize, usize)> {
        let at = self.block_of(slot)?;
        let place = self.blocks[at].binary_search_by_key(&slot, |posting| posting.slot).ok()?;
        Some((at, place))
    }

    /// The block that has the slot, or would take it; `None` if there is no block.
    fn block_of(&self, slot: u32) -> Option<usize> {
        let after = self.blocks.partition_point(|block| block[0].slot <= slot);
        if self.blocks.is_empty() { None } else { Some(after.saturating_sub(1)) }
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
                if plain.remove(&slot).is_some() {
                    postings.remove(slot);
                } else {
                    postings.insert(slot, slot + 1);
                    plain.insert(slot, slot + 1);
                }
            }
            let all: Vec<(u32, u32)> = postings.iter().map(|p| (p.slot, p.frequency)).collect();
            prop_assert_eq!(all, plain.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(postings.len(), plain.len());
            prop_assert!(postings.blocks.iter().all(|b| (1..=BLOCK).contains(&b.len())));
            for slot in 0..900 {
                prop_assert_eq!(postings.frequency(slot), plain.get(&slot).copied());
            }
        }
    }
}

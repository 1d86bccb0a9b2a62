//! The entries that have a term, in ascending order of their slots.

/// One entry that has the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) slot: u32,
    /// How often, weighted.
    pub(super) frequency: u32,
}

/// Postings in a block: what an insertion moves at most, a quarter of a kilobyte.
const BLOCK: usize = 64;

/// A frequency from which on it does not fit beside the slot.
const LARGE: u16 = u16::MAX;

/// A sorted list in blocks, so that a term which a hundred thousand entries have takes and loses one in
/// time that hardly depends on them, and a search still reads straight through.
///
/// A posting takes four bytes: most of what is in memory for full-text search is postings, and most of
/// the time to take in a document among thousands goes by in waiting for the memory that they are in.
///
/// Invariant: no block is empty, none holds more than [`BLOCK`], and slots ascend over all.
#[derive(Default)]
pub(super) struct Postings {
    len: usize,
    blocks: Vec<Block>,
    /// Slots with their frequencies that are [`LARGE`]; nearly always none.
    #[expect(
        clippy::box_collection,
        reason = "a term is as long as a line of a processor's cache"
    )]
    large: Option<Box<Vec<(u32, u32)>>>,
}

/// Postings whose slots have their upper halves in common.
struct Block {
    /// The first slot. It stands here and not among the postings, so that to find a block one looks at
    /// blocks side by side.
    first: u32,
    postings: Vec<Packed>,
}

struct Packed {
    /// The lower half of the slot.
    slot: u16,
    frequency: u16,
}

impl Block {
    fn new(postings: Vec<Packed>, slot: u32) -> Self {
        let mut block = Block { first: slot, postings };
        block.look_at_first();
        block
    }

    fn slot(&self, posting: &Packed) -> u32 {
        self.first & !0xffff | u32::from(posting.slot)
    }

    /// Must follow each change of its postings.
    fn look_at_first(&mut self) {
        self.first = self.slot(&self.postings[0]);
    }

    /// Whether it may take the slot.
    fn spans(&self, slot: u32) -> bool {
        self.first >> 16 == slot >> 16
    }
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
        let after = self.blocks.partition_point(|block| block.first <= slot);
        let spans = |at: usize| self.blocks.get(at).is_some_and(|block| block.spans(slot));
        let block = match after.checked_sub(1) {
            Some(before) if spans(before) => before,
            _ => after,
        };
        Spot::new(block, 0, false)
    }

    /// Where the slot is in its block, or would be.
    pub(super) fn look(&self, slot: u32, spot: Spot) -> Spot {
        let block = self.blocks.get(spot.block()).filter(|block| block.spans(slot));
        let postings = block.map_or(&[][..], |block| &block.postings);
        let is_before = |posting: &Packed| posting.slot < slot as u16;
        // What is new mostly goes behind all others.
        let place = match postings.last() {
            Some(last) if !is_before(last) => postings.partition_point(is_before),
            _ => postings.len(),
        };
        let found = postings.get(place).is_some_and(|posting| posting.slot == slot as u16);
        Spot::new(spot.block(), place, found)
    }

    /// Removes the entry at a spot, if it is there.
    pub(super) fn remove(&mut self, spot: Spot) {
        if !spot.found {
            return;
        }
        self.set(spot, 0);
        let at = spot.block();
        let block = &mut self.blocks[at];
        block.postings.remove(spot.place());
        match block.postings.is_empty() {
            true => drop(self.blocks.remove(at)),
            false => block.look_at_first(),
        }
        self.len -= 1;
    }

    /// Changes how often the entry whose spot it is has the term, from and to never included; gives how
    /// often now.
    pub(super) fn change(&mut self, slot: u32, spot: Spot, by: i32) -> u32 {
        let before = if spot.found { self.get(spot).frequency } else { 0 };
        // An entry does not lose what it has not.
        let frequency = before.saturating_add_signed(by);
        match (spot.found, frequency) {
            (true, 0) => self.remove(spot),
            (true, _) => self.set(spot, frequency),
            (false, 0) => {}
            (false, _) => {
                let spot = self.insert(spot, slot);
                self.set(spot, frequency);
            }
        }
        frequency
    }

    pub(super) fn frequency(&self, slot: u32) -> Option<u32> {
        let spot = self.look(slot, self.block_of(slot));
        spot.found.then(|| self.get(spot).frequency)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Posting> {
        self.blocks.iter().flat_map(move |block| {
            block.postings.iter().map(move |packed| self.posting(block, packed))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn bytes(&self) -> usize {
        let postings: usize = self.blocks.iter().map(|block| block.postings.capacity()).sum();
        postings * size_of::<Packed>() + self.blocks.capacity() * size_of::<Block>()
    }

    fn get(&self, spot: Spot) -> Posting {
        let block = &self.blocks[spot.block()];
        self.posting(block, &block.postings[spot.place()])
    }

    fn posting(&self, block: &Block, packed: &Packed) -> Posting {
        let slot = block.slot(packed);
        let mut frequency = u32::from(packed.frequency);
        if packed.frequency == LARGE
            && let Some(large) = &self.large
            && let Some(exact) = large.iter().find(|(other, _)| *other == slot)
        {
            frequency = exact.1;
        }
        Posting { slot, frequency }
    }

    /// Sets the frequency of the posting that is at a spot.
    fn set(&mut self, spot: Spot, frequency: u32) {
        let block = &mut self.blocks[spot.block()];
        let slot = block.slot(&block.postings[spot.place()]);
        let kept = &mut block.postings[spot.place()].frequency;
        if *kept == LARGE
            && let Some(large) = &mut self.large
        {
            large.retain(|(other, _)| *other != slot);
        }
        *kept = frequency.min(LARGE.into()) as u16;
        if *kept == LARGE {
            self.large.get_or_insert_default().push((slot, frequency));
        }
    }

    /// Adds a posting for a slot that is not there yet; gives its spot.
    fn insert(&mut self, spot: Spot, slot: u32) -> Spot {
        let (mut at, mut place) = (spot.block(), spot.place());
        let posting = Packed { slot: slot as u16, frequency: 0 };
        self.len += 1;
        let Some(block) = self.blocks.get_mut(at).filter(|block| block.spans(slot)) else {
            if self.blocks.is_empty() {
                // Most terms stay at one: do not reserve four.
                self.blocks.reserve_exact(1);
            }
            self.blocks.insert(at, Block::new(vec![posting], slot));
            return Spot::new(at, 0, true);
        };
        if block.postings.len() == BLOCK {
            if place == BLOCK {
                // Slots mostly come in order: keep the full block full.
                self.blocks.insert(at + 1, Block::new(vec![posting], slot));
                return Spot::new(at + 1, 0, true);
            }
            let upper = block.postings.split_off(BLOCK / 2);
            self.blocks.insert(at + 1, Block::new(upper, slot));
            if place > BLOCK / 2 {
                (at, place) = (at + 1, place - BLOCK / 2);
            }
        }
        let block = &mut self.blocks[at];
        block.postings.insert(place, posting);
        block.look_at_first();
        Spot::new(at, place, true)
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
            // Slots whose lower halves overflow among them, and frequencies that are large.
            start in prop_oneof![Just(0u32), 0xfd00u32..0x1_0000],
            base in prop_oneof![Just(1u32), 0xff00u32..0x1_0000],
        ) {
            let mut postings = Postings::default();
            let mut plain = BTreeMap::new();
            let spot = |postings: &Postings, slot| postings.look(slot, postings.block_of(slot));
            for slot in (0..ascending).chain(steps) {
                let slot = start + slot;
                let at = spot(&postings, slot);
                match plain.remove(&slot) {
                    Some(_) if slot % 2 == 0 => postings.remove(at),
                    Some(frequency) => {
                        prop_assert_eq!(postings.change(slot, at, -(frequency as i32)), 0);
                    }
                    None => {
                        let (few, all) = (base / 2 + 1, base + slot - start);
                        prop_assert_eq!(postings.change(slot, at, few as i32), few);
                        let at = spot(&postings, slot);
                        prop_assert_eq!(postings.change(slot, at, all as i32 - few as i32), all);
                        plain.insert(slot, all);
                    }
                }
            }
            let listed: Vec<(u32, u32)> = postings.iter().map(|p| (p.slot, p.frequency)).collect();
            prop_assert_eq!(listed, plain.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(postings.len(), plain.len());
            let blocks = || postings.blocks.iter();
            prop_assert!(blocks().all(|block| (1..=BLOCK).contains(&block.postings.len())));
            prop_assert!(blocks().all(|block| block.first == block.slot(&block.postings[0])));
            for slot in start..start + 900 {
                prop_assert_eq!(postings.frequency(slot), plain.get(&slot).copied());
            }
        }
    }
}

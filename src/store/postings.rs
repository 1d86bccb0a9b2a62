//! The entries that have a term, in ascending order of their slots.

use std::{hint::black_box, mem};

use slab::Slab;

use super::rows::Rows;

/// One entry that has the term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) slot: u32,
    /// How often, weighted.
    pub(super) frequency: u32,
}

/// Postings in a block: what an insertion moves at most, a quarter of a kilobyte.
const BLOCK: usize = 64;

/// How many blocks to either side of a guess are looked at first: together they stand in one line of the
/// processor's cache, or two.
const FEW_BLOCKS: usize = 2;

/// How many postings blocks have room for, by their classes: most terms have one entry or two.
const WIDTHS: [usize; 4] = [2, 8, 24, BLOCK];

/// A frequency from which on it does not fit beside the slot.
const LARGE: u16 = u16::MAX;

/// The postings of all terms, each term's known by its [`List`]: sorted, in blocks, so that a term which a
/// hundred thousand entries have takes and loses one in time that hardly depends on them, and a search
/// still reads straight through.
///
/// Most of the time to take in a document among thousands goes by in waiting for memory, and most of
/// that for the memory that postings are in. So a posting takes four bytes, and blocks stand side by
/// side, apart from all else: what one document changes is then on few pages.
pub(super) struct Postings {
    classes: [Class; WIDTHS.len()],
    /// For lists that have any: slots with their frequencies that are [`LARGE`]. Nearly always none.
    large: Slab<Vec<(u32, u32)>>,
    /// All slots that were ever in a list are below.
    slots: u32,
}

/// Blocks of one width.
struct Class {
    rows: Rows<Packed>,
    /// Rows that are no blocks now.
    free: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Packed {
    /// The lower half of the slot.
    slot: u16,
    frequency: u16,
}

/// The postings of one term.
///
/// Invariant: no block is empty, and slots ascend over all.
#[derive(Default)]
pub(super) struct List {
    blocks: Blocks,
    len: u32,
    /// One more than the key of its large frequencies, if it has any.
    large: u32,
}

/// Most terms have one block: it stands in the place of the pointer to several.
enum Blocks {
    One(Block),
    Others(Box<[Block]>),
}

/// Postings whose slots have their upper halves in common.
#[derive(Clone, Copy)]
struct Block {
    /// The first slot. It stands here and not among the postings, so that to find a block one looks at
    /// blocks side by side.
    first: u32,
    /// Its row, its class and how many more than one it holds: 24, 2 and 6 bits.
    at: u32,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks::Others(Box::default())
    }
}

impl Blocks {
    fn as_slice(&self) -> &[Block] {
        match self {
            Blocks::One(block) => std::slice::from_ref(block),
            Blocks::Others(blocks) => blocks,
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Block] {
        match self {
            Blocks::One(block) => std::slice::from_mut(block),
            Blocks::Others(blocks) => blocks,
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Block>)) {
        let mut blocks = match mem::take(self) {
            Blocks::One(block) => vec![block],
            Blocks::Others(blocks) => blocks.into_vec(),
        };
        change(&mut blocks);
        *self = match blocks[..] {
            [block] => Blocks::One(block),
            _ => Blocks::Others(blocks.into_boxed_slice()),
        };
    }
}

impl Block {
    fn new(first: u32, row: u32, class: usize, len: usize) -> Self {
        assert!(row < 1 << 24, "more blocks of postings than a gigabyte holds");
        Block { first, at: row << 8 | (class as u32) << 6 | (len as u32 - 1) }
    }

    fn row(self) -> usize {
        (self.at >> 8) as usize
    }

    fn class(self) -> usize {
        (self.at >> 6 & 3) as usize
    }

    fn len(self) -> usize {
        (self.at & 63) as usize + 1
    }

    fn slot(self, posting: Packed) -> u32 {
        self.first & !0xffff | u32::from(posting.slot)
    }

    /// Whether it may take the slot.
    fn spans(self, slot: u32) -> bool {
        self.first >> 16 == slot >> 16
    }
}

/// Where an entry is in a [`List`], or would be.
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

impl List {
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap, of its own.
    pub(super) fn bytes(&self) -> usize {
        match &self.blocks {
            Blocks::One(_) => 0,
            Blocks::Others(blocks) => size_of_val(&**blocks),
        }
    }

    fn block(&self, spot: Spot) -> Block {
        self.blocks.as_slice()[spot.block()]
    }

    fn set_block(&mut self, at: usize, block: Block) {
        self.blocks.as_mut_slice()[at] = block;
    }
}

impl Class {
    /// A new block. What stands in it is left over.
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.rows.push();
            self.rows.len() as u32 - 1
        })
    }

    fn give_back(&mut self, row: usize) {
        self.free.push(row as u32);
        if self.free.len() == self.rows.len() {
            *self = Class::new(self.rows.width());
        }
    }

    fn new(width: usize) -> Self {
        Class { rows: Rows::new(width), free: vec![] }
    }
}

/// Where the slot is in a block, or would be.
fn spot(slot: u32, block: usize, postings: &[Packed]) -> Spot {
    let is_before = |posting: &Packed| posting.slot < slot as u16;
    // What is new mostly goes behind all others.
    let place = match postings.last() {
        Some(last) if !is_before(last) => postings.partition_point(is_before),
        _ => postings.len(),
    };
    let found = postings.get(place).is_some_and(|posting| posting.slot == slot as u16);
    Spot::new(block, place, found)
}

/// The blocks of a list, and about where among them a slot is.
struct Guess<'a> {
    blocks: &'a [Block],
    at: usize,
}

impl Guess<'_> {
    /// The ends of what is looked at, if it is so many blocks to either side.
    fn around(&self, blocks: usize) -> [usize; 2] {
        [self.at.saturating_sub(blocks), (self.at + blocks).min(self.blocks.len())]
    }

    /// A word of each line of memory that is looked at if the guess is right.
    fn words(&self) -> u32 {
        let first = |at: usize| self.blocks.get(at).map_or(0, |block| block.first);
        let [from, to] = self.around(FEW_BLOCKS);
        first(from) ^ first(to)
    }

    /// The place of the block that has the slot or would take it, and the block if there is one.
    fn block(&self, slot: u32) -> (usize, Option<Block>) {
        let is_after = |at: usize| self.blocks.get(at).is_none_or(|block| block.first > slot);
        let mut width = FEW_BLOCKS;
        let [mut from, mut to] = self.around(width);
        while (from > 0 && is_after(from)) || !is_after(to) {
            width *= 2;
            [from, to] = self.around(width);
        }
        let after = from + self.blocks[from..to].partition_point(|block| block.first <= slot);
        let block = |at: usize| self.blocks.get(at).filter(|block| block.spans(slot)).copied();
        match after.checked_sub(1).map(|before| (before, block(before))) {
            Some(before @ (_, Some(_))) => before,
            _ => (after, block(after)),
        }
    }
}

impl Postings {
    pub(super) fn new() -> Self {
        Postings { classes: WIDTHS.map(Class::new), large: Slab::new(), slots: 0 }
    }

    /// Where the slot is in each of the lists, or would be.
    ///
    /// Lists are far apart in memory: to go a step further in all of them before the next in any lets the
    /// looks wait for memory together. Entries that have a term come anywhere among the others, so where one is in
    /// a list can be told closely from its slot; to halve the list again and again would wait for a line at
    /// each step.
    pub(super) fn spots<'a>(&self, slot: u32, lists: impl Iterator<Item = &'a List>) -> Vec<Spot> {
        let guesses: Vec<Guess<'_>> = lists.map(|list| self.guess(slot, list)).collect();
        let mut words = guesses.iter().fold(0, |words, guess| words ^ guess.words());
        let blocks = guesses.into_iter().map(|guess| guess.block(slot));
        let found =
            blocks.map(|(at, block)| (at, block.map_or(&[][..], |block| self.postings(block))));
        let found: Vec<(usize, &[Packed])> = found.collect();
        // A block is in four lines of the processor's cache, or fewer.
        for (_, postings) in &found {
            for quarter in 0..4 {
                let word = postings.get(quarter * postings.len() / 4);
                words ^= word.map_or(0, |posting| u32::from(posting.slot));
            }
        }
        black_box(words);
        found.into_iter().map(|(at, postings)| spot(slot, at, postings)).collect()
    }

    fn guess<'a>(&self, slot: u32, list: &'a List) -> Guess<'a> {
        let blocks = list.blocks.as_slice();
        let share = blocks.len() as u64 * u64::from(slot) / u64::from(self.slots.max(1));
        Guess { blocks, at: blocks.len().min(share as usize) }
    }

    /// Removes the entry at a spot, if it is there.
    pub(super) fn remove(&mut self, list: &mut List, spot: Spot) {
        if !spot.found {
            return;
        }
        if list.large > 0 {
            self.set(list, spot, 0);
        }
        list.len -= 1;
        let block = list.block(spot);
        let Some(left) = block.len().checked_sub(1).filter(|left| *left > 0) else {
            self.classes[block.class()].give_back(block.row());
            return list.blocks.change(|blocks| _ = blocks.remove(spot.block()));
        };
        let postings = self.classes[block.class()].rows.get_mut(block.row());
        postings.copy_within(spot.place() + 1..block.len(), spot.place());
        let first = block.slot(postings[0]);
        // Not as soon as it fits, so that one which comes and goes does not move the others.
        let narrower = block.class().checked_sub(1).filter(|&it| left <= WIDTHS[it] / 2);
        let (row, class) = match narrower {
            Some(narrower) => (self.move_to(narrower, block, left), narrower),
            None => (block.row() as u32, block.class()),
        };
        list.set_block(spot.block(), Block::new(first, row, class, left));
    }

    /// Changes how often the entry whose spot it is has the term, from and to never included; gives how
    /// often now.
    pub(super) fn change(&mut self, list: &mut List, slot: u32, spot: Spot, by: i32) -> u32 {
        let before = if spot.found { self.get(list, spot).frequency } else { 0 };
        // An entry does not lose what it has not.
        let frequency = before.saturating_add_signed(by);
        match (spot.found, frequency) {
            (true, 0) => self.remove(list, spot),
            (true, _) => self.set(list, spot, frequency),
            (false, 0) => {}
            (false, _) => {
                let spot = self.insert(list, spot, slot);
                self.set(list, spot, frequency);
            }
        }
        frequency
    }

    pub(super) fn frequency(&self, list: &List, slot: u32) -> Option<u32> {
        let spot = self.spots(slot, [list].into_iter())[0];
        spot.found.then(|| self.get(list, spot).frequency)
    }

    pub(super) fn iter(&self, list: &List) -> impl Iterator<Item = Posting> {
        list.blocks.as_slice().iter().flat_map(move |&block| {
            let postings = self.postings(block).iter();
            postings.map(move |&packed| self.posting(list, block, packed))
        })
    }

    /// Bytes on the heap, besides those of the lists.
    pub(super) fn bytes(&self) -> usize {
        self.classes.iter().map(|class| class.rows.bytes() + 4 * class.free.capacity()).sum()
    }

    fn postings(&self, block: Block) -> &[Packed] {
        &self.classes[block.class()].rows.get(block.row())[..block.len()]
    }

    fn get(&self, list: &List, spot: Spot) -> Posting {
        let block = list.block(spot);
        self.posting(list, block, self.postings(block)[spot.place()])
    }

    fn posting(&self, list: &List, block: Block, packed: Packed) -> Posting {
        let slot = block.slot(packed);
        let mut frequency = u32::from(packed.frequency);
        if packed.frequency == LARGE
            && let Some(exact) = self.large(list).iter().find(|(other, _)| *other == slot)
        {
            frequency = exact.1;
        }
        Posting { slot, frequency }
    }

    fn large(&self, list: &List) -> &[(u32, u32)] {
        match list.large.checked_sub(1) {
            Some(key) => &self.large[key as usize],
            None => &[],
        }
    }

    /// Sets the frequency of the posting that is at a spot.
    fn set(&mut self, list: &mut List, spot: Spot, frequency: u32) {
        let block = list.block(spot);
        let posting = &mut self.classes[block.class()].rows.get_mut(block.row())[spot.place()];
        let slot = block.slot(*posting);
        let was = mem::replace(&mut posting.frequency, frequency.min(LARGE.into()) as u16);
        if was == LARGE || frequency >= LARGE.into() {
            self.set_large(list, slot, frequency);
        }
    }

    fn set_large(&mut self, list: &mut List, slot: u32, frequency: u32) {
        let mut large = match list.large.checked_sub(1) {
            Some(key) => self.large.remove(key as usize),
            None => vec![],
        };
        large.retain(|(other, _)| *other != slot);
        if frequency >= LARGE.into() {
            large.push((slot, frequency));
        }
        list.large = if large.is_empty() { 0 } else { self.large.insert(large) as u32 + 1 };
    }

    /// Adds a posting for a slot that is not there yet; gives its spot.
    fn insert(&mut self, list: &mut List, spot: Spot, slot: u32) -> Spot {
        let (mut at, mut place) = (spot.block(), spot.place());
        self.slots = self.slots.max(slot.saturating_add(1));
        list.len += 1;
        let block = list.blocks.as_slice().get(at).filter(|block| block.spans(slot));
        let Some(&(mut block)) = block else { return self.insert_block(list, at, slot) };
        if block.len() == BLOCK {
            if place == BLOCK {
                // Slots mostly come in order: keep the full block full.
                return self.insert_block(list, at + 1, slot);
            }
            let upper = self.split(list, at);
            block = list.block(spot);
            if place > BLOCK / 2 {
                (at, place, block) = (at + 1, place - BLOCK / 2, upper);
            }
        }
        let (mut row, mut class, len) = (block.row() as u32, block.class(), block.len());
        if len == WIDTHS[class] {
            row = self.move_to(class + 1, block, len);
            class += 1;
        }
        let postings = self.classes[class].rows.get_mut(row as usize);
        postings.copy_within(place..len, place + 1);
        postings[place] = Packed { slot: slot as u16, frequency: 0 };
        list.set_block(at, Block::new(block.slot(postings[0]), row, class, len + 1));
        Spot::new(at, place, true)
    }

    fn insert_block(&mut self, list: &mut List, at: usize, slot: u32) -> Spot {
        let row = self.classes[0].take();
        self.classes[0].rows.get_mut(row as usize)[0] = Packed { slot: slot as u16, frequency: 0 };
        list.blocks.change(|blocks| blocks.insert(at, Block::new(slot, row, 0, 1)));
        Spot::new(at, 0, true)
    }

    /// Halves a full block; gives the upper half, which comes behind it.
    fn split(&mut self, list: &mut List, at: usize) -> Block {
        let block = list.blocks.as_slice()[at];
        let Class { rows, .. } = &mut self.classes[block.class()];
        let upper = rows.get(block.row())[BLOCK / 2..].to_vec();
        let row = self.classes[block.class()].take();
        self.classes[block.class()].rows.get_mut(row as usize)[..upper.len()]
            .copy_from_slice(&upper);
        let upper = Block::new(block.slot(upper[0]), row, block.class(), upper.len());
        let lower = Block::new(block.first, block.row() as u32, block.class(), BLOCK / 2);
        list.set_block(at, lower);
        list.blocks.change(|blocks| blocks.insert(at + 1, upper));
        upper
    }

    /// Moves the first so many postings of a block to a row of another class; gives the row.
    fn move_to(&mut self, class: usize, block: Block, len: usize) -> u32 {
        let row = self.classes[class].take();
        let old = block.class();
        let [from, to] = match self.classes.get_disjoint_mut([old, class]) {
            Ok(both) => both,
            Err(_) => unreachable!("a block moves to another class"),
        };
        let moved = &from.rows.get(block.row())[..len];
        to.rows.get_mut(row as usize)[..len].copy_from_slice(moved);
        from.give_back(block.row());
        row
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
            let (mut postings, mut list) = (Postings::new(), List::default());
            let mut plain = BTreeMap::new();
            let spot = |postings: &Postings, list: &List, slot| postings.spots(slot, [list].into_iter())[0];
            for slot in (0..ascending).chain(steps) {
                let slot = start + slot;
                let at = spot(&postings, &list, slot);
                match plain.remove(&slot) {
                    Some(_) if slot % 2 == 0 => postings.remove(&mut list, at),
                    Some(frequency) => {
                        prop_assert_eq!(postings.change(&mut list, slot, at, -(frequency as i32)), 0);
                    }
                    None => {
                        let (few, all) = (base / 2 + 1, base + slot - start);
                        prop_assert_eq!(postings.change(&mut list, slot, at, few as i32), few);
                        let at = spot(&postings, &list, slot);
                        prop_assert_eq!(postings.change(&mut list, slot, at, all as i32 - few as i32), all);
                        plain.insert(slot, all);
                    }
                }
            }
            let listed: Vec<(u32, u32)> = postings.iter(&list).map(|p| (p.slot, p.frequency)).collect();
            prop_assert_eq!(listed, plain.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(list.len(), plain.len());
            let blocks = list.blocks.as_slice();
            for &block in blocks {
                prop_assert!((1..=WIDTHS[block.class()]).contains(&block.len()));
                prop_assert_eq!(block.first, block.slot(postings.postings(block)[0]));
            }
            // No block is in two places, none is lost.
            let used = |class: usize| blocks.iter().filter(|block| block.class() == class).count();
            for (at, class) in postings.classes.iter().enumerate() {
                prop_assert_eq!(class.rows.len() - class.free.len(), used(at));
            }
            for slot in start..start + 900 {
                prop_assert_eq!(postings.frequency(&list, slot), plain.get(&slot).copied());
            }
        }
    }
}

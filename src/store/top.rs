use std::{cmp::Ordering, collections::BinaryHeap};

/// What a search found: the slot it was inserted under, and its score, higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The number that the caller gave the entry.
    pub slot: u32,
    /// Comparable within one search.
    pub score: f32,
}

/// Keeps the best `k` of what is offered, in O(log k) an offer that is kept and O(1) any other.
///
/// The rank is an integer, so that equal is equal; among equals the smaller id wins, so that the
/// outcome depends neither on slots nor on the order of the offers.
pub(super) struct TopK<T> {
    k: usize,
    worst_first: BinaryHeap<Candidate<T>>,
}

struct Candidate<T> {
    rank: i64,
    id: T,
    slot: u32,
}

impl<T: Ord> TopK<T> {
    pub(super) fn new(k: usize) -> Self {
        TopK { k, worst_first: BinaryHeap::new() }
    }

    /// Asks for the id only if the rank is good enough: `admit` may be dear, and most are not.
    pub(super) fn offer(&mut self, rank: i64, slot: u32, admit: impl Fn(u32) -> Option<T>) {
        let full = self.worst_first.len() >= self.k;
        if full && self.worst_first.peek().is_none_or(|worst| rank < worst.rank) {
            return;
        }
        if let Some(id) = admit(slot) {
            self.worst_first.push(Candidate { rank, id, slot });
            if full {
                self.worst_first.pop();
            }
        }
    }

    /// Slots with their ranks, best first.
    pub(super) fn into_best_first(self) -> impl Iterator<Item = (u32, i64)> {
        self.worst_first.into_sorted_vec().into_iter().map(|found| (found.slot, found.rank))
    }
}

impl<T: Ord> Ord for Candidate<T> {
    /// The greatest is the worst.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank).then_with(|| self.id.cmp(&other.id))
    }
}

impl<T: Ord> PartialOrd for Candidate<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> PartialEq for Candidate<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ord> Eq for Candidate<T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_sorting_everything(
            ranks in proptest::collection::vec(0i64..6, 0..40),
            k in 0usize..12,
        ) {
            // Ids fall as slots rise; odd slots are not admitted.
            let mut top = TopK::new(k);
            let mut plain = Vec::new();
            for (slot, &rank) in ranks.iter().enumerate() {
                top.offer(rank, slot as u32, |slot| slot.is_multiple_of(2).then_some(99 - slot));
                if slot % 2 == 0 {
                    plain.push((-rank, 99 - slot as u32, slot as u32));
                }
            }
            plain.sort();
            plain.truncate(k);
            let found: Vec<u32> = top.into_best_first().map(|(slot, _)| slot).collect();
            prop_assert_eq!(found, plain.iter().map(|entry| entry.2).collect::<Vec<_>>());
        }
    }
}

use std::{cmp::Ordering, collections::BinaryHeap};

/// What a search found: the slot it was inserted under, and its score, higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The number that the caller gave the entry.
    pub slot: u32,
    /// Comparable within one search.
    pub score: f32,
}

/// Which slots may be found, and which comes first among equals.
pub(crate) trait Admit {
    /// Whether the slot may be found.
    fn admits(&self, slot: u32) -> bool;

    /// The order of two slots by their ids.
    fn order(&self, one: u32, other: u32) -> Ordering;
}

/// Given the id of a slot, or `None` if it may not be found.
impl<T: Ord, F: Fn(u32) -> Option<T>> Admit for F {
    fn admits(&self, slot: u32) -> bool {
        self(slot).is_some()
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        self(one).cmp(&self(other))
    }
}

/// Keeps the best `k` of what is offered, in O(log k) an offer that is kept and O(1) any other.
///
/// The rank is an integer, so that equal is equal; among equals the smaller id wins, so that the
/// outcome depends neither on slots nor on the order of the offers. It knows no id and no type, and so
/// is compiled once.
pub(crate) struct TopK<'a> {
    k: usize,
    admit: &'a dyn Admit,
    /// What is worse is not kept.
    least: i64,
    worst_first: BinaryHeap<Candidate<'a>>,
}

struct Candidate<'a> {
    rank: i64,
    slot: u32,
    admit: &'a dyn Admit,
}

impl<'a> TopK<'a> {
    pub(crate) fn new(k: usize, admit: &'a dyn Admit) -> Self {
        TopK {
            k,
            admit,
            least: if k == 0 { i64::MAX } else { i64::MIN },
            worst_first: BinaryHeap::new(),
        }
    }

    /// Asks whether it is admitted only if the rank is good enough: that may be dear, and most are not.
    #[inline(always)]
    pub(crate) fn offer(&mut self, rank: i64, slot: u32) {
        if rank >= self.least {
            self.consider(rank, slot);
        }
    }

    fn consider(&mut self, rank: i64, slot: u32) {
        let Self { k, admit, .. } = *self;
        if !admit.admits(slot) {
            return;
        }
        let candidate = Candidate { rank, slot, admit };
        if self.worst_first.len() < k {
            self.worst_first.push(candidate);
        } else if let Some(mut worst) = self.worst_first.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
        if self.worst_first.len() == k {
            self.least = self.worst_first.peek().map_or(i64::MAX, |worst| worst.rank);
        }
    }

    /// Slots with their ranks, best first.
    pub(crate) fn into_best_first(self) -> impl Iterator<Item = (u32, i64)> {
        self.worst_first.into_sorted_vec().into_iter().map(|found| (found.slot, found.rank))
    }
}

impl Ord for Candidate<'_> {
    /// The greatest is the worst.
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = other.rank.cmp(&self.rank);
        rank.then_with(|| self.admit.order(self.slot, other.slot))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate<'_> {}

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
            let admit = |slot: u32| slot.is_multiple_of(2).then_some(99 - slot);
            let mut top = TopK::new(k, &admit);
            let mut plain = Vec::new();
            for (slot, &rank) in ranks.iter().enumerate() {
                top.offer(rank, slot as u32);
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

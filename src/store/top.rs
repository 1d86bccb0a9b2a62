use std::cmp::Ordering;

use smolrag_kernels::top::Top;

use crate::order::sort_by;

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
    /// Whether every slot may be found: then nobody needs to ask after each.
    fn all(&self) -> bool {
        false
    }

    /// The only slots that may be found, where they are known: then nobody needs to look at others.
    fn only(&self) -> Option<&[u32]> {
        None
    }

    /// Whether the slot may be found.
    fn admits(&self, slot: u32) -> bool;

    /// The order of two slots by their ids.
    fn order(&self, one: u32, other: u32) -> Ordering;

    /// A number that is in the order of the ids, or equal: to compare those is dear.
    fn beginning(&self, _slot: u32) -> u64 {
        0
    }
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
/// outcome depends neither on slots nor on the order of the offers.
pub(crate) struct TopK<'a> {
    k: usize,
    admit: &'a dyn Admit,
    all: bool,
    top: Top,
}

impl<'a> TopK<'a> {
    /// Whoever offers keeps to [`Admit::only`].
    pub(crate) fn new(k: usize, admit: &'a dyn Admit) -> Self {
        let all = admit.all() || admit.only().is_some();
        TopK { k, admit, all, top: Top::new(k) }
    }

    /// What a [`Top`] of slots that are all admitted has kept.
    pub(crate) fn of(top: Top, k: usize, admit: &'a dyn Admit) -> Self {
        TopK { k, admit, all: true, top }
    }

    /// Asks whether it is admitted only if the rank is good enough: that may be dear, and most are not.
    #[inline(always)]
    pub(crate) fn offer(&mut self, rank: i64, slot: u32) {
        let key = Top::key(rank);
        if self.top.reaches(key) && (self.all || self.admit.admits(slot)) {
            self.top.take(key, slot);
        }
    }

    /// [`TopK::offer`] of each slot with its rank.
    pub(crate) fn offer_all(&mut self, ranks: &[i32], slots: &[u32]) {
        match self.all {
            true => self.top.take_numbers(ranks, slots),
            false => {
                ranks.iter().zip(slots).for_each(|(&rank, &slot)| self.offer(rank.into(), slot));
            }
        }
    }

    /// The rank of the last of the best, if `k` were offered.
    pub(crate) fn last(&mut self) -> Option<i64> {
        self.top.last().map(Top::number)
    }

    /// Slots with their ranks, best first.
    pub(crate) fn into_best_first(self) -> Vec<(u32, i64)> {
        let (mut found, last, level) = self.top.finish();
        settle_ties(&mut found, &|one, other| self.admit.order(one, other));
        let level = first(level, self.k - found.len(), self.admit).into_iter();
        found.extend(level.map(|slot| (last, slot)));
        found.into_iter().map(|(key, slot)| (slot, Top::number(key))).collect()
    }
}

/// Puts slots with the same key, which stand side by side, in their order.
pub(crate) fn settle_ties(found: &mut [(u64, u32)], order: &dyn Fn(u32, u32) -> Ordering) {
    for same in found.chunk_by_mut(|a, b| a.0 == b.0) {
        if same.len() > FEW {
            sort_by(same, |a, b| order(a.1, b.1));
            continue;
        }
        for end in 1..same.len() {
            let mut at = end;
            while at > 0 && order(same[at].1, same[at - 1].1).is_lt() {
                same.swap(at, at - 1);
                at -= 1;
            }
        }
    }
}

/// So many are sorted in their place.
const FEW: usize = 12;

/// The first by id: of thousands that are level few are wanted.
fn first(slots: Vec<u32>, wanted: usize, admit: &dyn Admit) -> Vec<u32> {
    let mut top = Top::new(wanted);
    for slot in slots {
        let key = admit.beginning(slot);
        if top.reaches(key) {
            top.take(key, slot);
        }
    }
    let (mut found, _, level) = top.finish();
    settle_ties(&mut found, &|one, other| admit.order(one, other));
    let level = first_of_level(level, wanted - found.len(), admit);
    found.into_iter().map(|(_, slot)| slot).chain(level).collect()
}

/// Those whose ids begin alike.
fn first_of_level(slots: Vec<u32>, wanted: usize, admit: &dyn Admit) -> Vec<u32> {
    let mut kept: Vec<u32> = vec![];
    let mut last = None;
    for slot in slots {
        if last.is_none_or(|last| admit.order(slot, last).is_lt()) {
            kept.push(slot);
            if kept.len() / 2 > wanted.saturating_add(8) {
                sort_by(&mut kept, |a, b| admit.order(*a, *b));
                kept.truncate(wanted);
                last = kept.last().copied();
            }
        }
    }
    sort_by(&mut kept, |a, b| admit.order(*a, *b));
    kept.truncate(wanted);
    kept
}

/// For tests: these slots, by number.
#[cfg(test)]
pub(super) struct Only(pub Vec<u32>);

#[cfg(test)]
impl Admit for Only {
    fn only(&self) -> Option<&[u32]> {
        Some(&self.0)
    }

    fn admits(&self, slot: u32) -> bool {
        self.0.contains(&slot)
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        one.cmp(&other)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    /// As in the test.
    struct Tens;

    impl Admit for Tens {
        fn admits(&self, slot: u32) -> bool {
            slot.is_multiple_of(2)
        }

        fn order(&self, one: u32, other: u32) -> Ordering {
            other.cmp(&one)
        }

        fn beginning(&self, slot: u32) -> u64 {
            u64::from(999 - slot) / 10
        }
    }

    proptest! {
        #[test]
        fn equals_sorting_everything(
            // Level or not, and more than are kept until they are sorted.
            ranks in prop_oneof![
                proptest::collection::vec(-3i64..3, 0..crate::steps(400)),
                proptest::collection::vec(any::<i64>(), 0..crate::steps(400)),
            ],
            k in 0usize..12,
        ) {
            // Ids fall as slots rise; odd slots are not admitted.
            let admit = |slot: u32| slot.is_multiple_of(2).then_some(999 - slot);
            let mut top = TopK::new(k, &admit);
            let mut plain = Vec::new();
            for (slot, &rank) in ranks.iter().enumerate() {
                top.offer(rank, slot as u32);
                if slot % 2 == 0 {
                    plain.push((Reverse(rank), 999 - slot as u32, slot as u32));
                }
            }
            plain.sort();
            plain.truncate(k);
            let found: Vec<u32> = top.into_best_first().into_iter().map(|(slot, _)| slot).collect();
            let expected: Vec<u32> = plain.iter().map(|entry| entry.2).collect();
            prop_assert_eq!(found, expected.clone());

            // Ids in tens begin alike.
            let mut top = TopK::new(k, &Tens);
            let (some, others) = ranks.split_at(ranks.len() / 2);
            some.iter().zip(0..).for_each(|(&rank, slot)| top.offer(rank, slot));
            let mut admitted: Vec<i64> = some.iter().step_by(2).copied().collect();
            admitted.sort_by_key(|&rank| Reverse(rank));
            let last = k.checked_sub(1).and_then(|last| admitted.get(last).copied());
            prop_assert!(k == 0 || top.last() == last);
            (some.len() as u32..).zip(others).for_each(|(slot, &rank)| top.offer(rank, slot));
            let found: Vec<u32> = top.into_best_first().into_iter().map(|(slot, _)| slot).collect();
            prop_assert_eq!(found, expected);
        }
    }
}

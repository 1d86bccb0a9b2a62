//! One ranking from several.

use std::cmp::Ordering;

use smolrag_kernels::top::Sums;

use crate::store::{Admit, TopK, settle_ties};

/// Damps the first ranks, so that no one list decides alone.
const DAMPING: f64 = 60.0;

/// Weighted reciprocal rank fusion: an item scores the sum over the lists of
/// `weight / (60 + rank)`, ranks counted from 1. Best first, ties by id.
///
/// G. V. Cormack, C. L. A. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and
/// individual rank learning methods", SIGIR 2009.
///
/// Items are the slots of things; `order` compares them by id.
pub fn fuse(
    lists: &[(f64, Vec<u32>)],
    k: usize,
    order: &dyn Fn(u32, u32) -> Ordering,
) -> Vec<(u32, f64)> {
    let mut scores = Scores::default();
    for (weight, list) in lists {
        scores.0.add_by_place(list, *weight, DAMPING + 1.0);
    }
    scores.best(k, order)
}

/// Of a ranking those, one after the other, whose score is high and that are unlike those before:
/// maximal marginal relevance, scores as parts of the highest. Ties stay in order.
///
/// J. Carbonell, J. Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and
/// Producing Summaries", SIGIR 1998.
pub(super) fn diverse(
    mut ranked: Vec<(u32, f64)>,
    wanted: usize,
    diversity: f64,
    similarity: &dyn Fn(u32, u32) -> f64,
) -> Vec<(u32, f64)> {
    let highest = ranked.first().map_or(1.0, |&(_, score)| score);
    let mut alike = vec![0.0_f64; ranked.len()];
    let mut chosen: Vec<(u32, f64)> = vec![];
    while chosen.len() < wanted && !ranked.is_empty() {
        let worth = |at: usize| (1.0 - diversity) * ranked[at].1 / highest - diversity * alike[at];
        let best =
            (1..ranked.len()).fold(0, |best, at| if worth(at) > worth(best) { at } else { best });
        let (slot, score) = ranked.remove(best);
        alike.remove(best);
        for (alike, &(other, _)) in alike.iter_mut().zip(&ranked) {
            *alike = alike.max(similarity(slot, other));
        }
        chosen.push((slot, score));
    }
    chosen
}

/// So many with one score are sorted by numbers before they are by ids.
const MANY: usize = 12;

/// Sums of positive numbers by slot.
#[derive(Default)]
pub(super) struct Scores(Sums);

impl Scores {
    /// Adds the same to each.
    pub fn add(&mut self, slots: &[u32], score: f64) {
        self.0.add(slots, score);
    }

    /// All, the highest first, ties by id: `beginning` gives a number for each that is in the order of
    /// the ids, or equal.
    pub fn ranked(
        self,
        beginning: &dyn Fn(u32) -> u64,
        order: &dyn Fn(u32, u32) -> Ordering,
    ) -> Vec<u32> {
        let mut ranked = self.0.ranked();
        for same in ranked.chunk_by_mut(|a, b| a.0 == b.0) {
            if same.len() > MANY {
                let by_beginning = same.iter().map(|&(_, slot)| (beginning(slot), slot)).collect();
                same.copy_from_slice(&smolrag_kernels::sort(by_beginning));
            }
            settle_ties(same, order);
        }
        ranked.into_iter().map(|(_, slot)| slot).collect()
    }

    /// The `k` highest, ties by id.
    pub fn best(self, k: usize, order: &dyn Fn(u32, u32) -> Ordering) -> Vec<(u32, f64)> {
        let everything = Everything(order);
        let best = TopK::of(self.0.best(k), k, &everything).into_best_first().into_iter();
        best.map(|(slot, bits)| (slot, f64::from_bits(bits as u64))).collect()
    }
}

/// All slots may be found.
struct Everything<'a>(&'a dyn Fn(u32, u32) -> Ordering);

impl Admit for Everything<'_> {
    fn all(&self) -> bool {
        true
    }

    fn admits(&self, _: u32) -> bool {
        true
    }

    fn order(&self, one: u32, other: u32) -> Ordering {
        (self.0)(one, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lists: &[(f64, &[u32])]) -> Vec<u32> {
        let lists: Vec<_> = lists.iter().map(|(weight, list)| (*weight, list.to_vec())).collect();
        fuse(&lists, 9, &|a, b| a.cmp(&b)).into_iter().map(|(slot, _)| slot).collect()
    }

    #[test]
    fn what_two_lists_find_beats_what_one_does() {
        assert_eq!(order(&[(1.0, &[1, 2]), (1.0, &[3, 2])]), [2, 1, 3]);
    }

    #[test]
    fn a_heavier_list_decides() {
        assert_eq!(order(&[(2.0, &[1, 2]), (1.0, &[2, 1])]), [1, 2]);
        assert_eq!(order(&[(0.0, &[1, 2]), (1.0, &[2])]), [2]);
    }

    #[test]
    fn what_is_like_the_first_comes_later() {
        let ranked = vec![(1, 1.0), (2, 0.9), (3, 0.8), (4, 0.1)];
        // 1 and 2 are the same.
        let alike = |a: u32, b: u32| if a + b == 3 { 1.0 } else { 0.0 };
        let order = |diversity: f64, wanted: usize| -> Vec<u32> {
            let found = diverse(ranked.clone(), wanted, diversity, &alike);
            found.into_iter().map(|(slot, _)| slot).collect()
        };
        assert_eq!(order(0.0, 9), [1, 2, 3, 4]);
        assert_eq!(order(0.3, 3), [1, 3, 2]);
        assert_eq!(order(0.9, 3), [1, 3, 4]);
        assert!(diverse(vec![], 3, 0.5, &alike).is_empty());
    }

    #[test]
    fn ties_go_by_id_the_best_are_kept_and_nothing_gives_nothing() {
        assert_eq!(order(&[(1.0, &[2]), (1.0, &[1])]), [1, 2]);
        let found = fuse(&[(1.0, vec![2]), (1.0, vec![1])], 1, &|a, b| b.cmp(&a));
        assert_eq!(found, [(2, 1.0 / 61.0)]);
        assert!(order(&[]).is_empty());
    }
}

//! One ranking from several.

use crate::order::{OrderedMap, sort_by};

/// Damps the first ranks, so that no one list decides alone.
const DAMPING: f64 = 60.0;

/// Weighted reciprocal rank fusion: an item scores the sum over the lists of
/// `weight / (60 + rank)`, ranks counted from 1. Best first, ties by id.
///
/// G. V. Cormack, C. L. A. Clarke, S. Büttcher, "Reciprocal rank fusion outperforms Condorcet and
/// individual rank learning methods", SIGIR 2009.
pub fn fuse<'a, Id: Ord + Clone + 'a>(
    lists: impl IntoIterator<Item = (f64, &'a [Id])>,
) -> Vec<(Id, f64)> {
    let mut scores: OrderedMap<&Id, f64> = OrderedMap::new();
    for (weight, list) in lists {
        for (index, id) in list.iter().enumerate() {
            *scores.get_or_default(id) += weight / (DAMPING + 1.0 + index as f64);
        }
    }
    let mut fused: Vec<_> = scores.into_iter().map(|(id, score)| (id.clone(), score)).collect();
    // Stable: equal scores stay in the order of their ids.
    sort_by(&mut fused, |(_, a), (_, b)| b.total_cmp(a));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order<'a>(fused: &[(&'a str, f64)]) -> Vec<&'a str> {
        fused.iter().map(|(id, _)| *id).collect()
    }

    #[test]
    fn what_two_lists_find_beats_what_one_does() {
        let (a, b) = (["x", "y"], ["z", "y"]);
        assert_eq!(order(&fuse([(1.0, &a[..]), (1.0, &b[..])])), ["y", "x", "z"]);
    }

    #[test]
    fn a_heavier_list_decides() {
        let (a, b) = (["x", "y"], ["y", "x"]);
        assert_eq!(order(&fuse([(2.0, &a[..]), (1.0, &b[..])])), ["x", "y"]);
    }

    #[test]
    fn ties_go_by_id_and_nothing_gives_nothing() {
        let (a, b) = (["y"], ["x"]);
        assert_eq!(order(&fuse([(1.0, &a[..]), (1.0, &b[..])])), ["x", "y"]);
        assert!(fuse::<&str>([]).is_empty());
    }
}

//! Which entities belong together: those that come together in passages more often than chance.

use crate::{order::OrderedMap, port::Pacer};

/// The value that chance exceeds once in a thousand times (χ², one degree of freedom).
const SIGNIFICANT: f64 = 10.83;

/// A text is a piece of a longer one: so many more passages are supposed where neither occurs.
/// Without them nothing in a short note could be told from chance.
const ELSEWHERE: usize = 400;

/// The significant pairs among the entities of each passage, the lesser index first, with how surely
/// they belong together.
pub(super) async fn pairs(
    passages: &[Vec<usize>],
    pacer: &Pacer,
) -> OrderedMap<(usize, usize), f64> {
    let mut single: OrderedMap<usize, f64> = OrderedMap::new();
    let mut joint: OrderedMap<(usize, usize), f64> = OrderedMap::new();
    for passage in passages {
        pacer.pause().await;
        for (at, &first) in passage.iter().enumerate() {
            *single.get_or_default(first) += 1.0;
            for &second in &passage[at + 1..] {
                *joint.get_or_default((first, second)) += 1.0;
            }
        }
    }
    let total = (passages.len() + ELSEWHERE) as f64;
    joint.retain(|(first, second), value| {
        *value = log_likelihood(*value, single[first], single[second], total);
        *value >= SIGNIFICANT
    });
    joint
}

/// The log-likelihood ratio of two events that happen together in `both` of `total` passages, and
/// each by itself in `first` and `second`. 0 where they come together no more than chance has them.
///
/// T. Dunning, "Accurate Methods for the Statistics of Surprise and Coincidence", 1993.
fn log_likelihood(both: f64, first: f64, second: f64, total: f64) -> f64 {
    if both * total <= first * second {
        return 0.0;
    }
    let cell = |observed: f64, row: f64, column: f64| {
        if observed > 0.0 { observed * (observed * total / (row * column)).ln() } else { 0.0 }
    };
    2.0 * (cell(both, first, second)
        + cell(first - both, first, total - second)
        + cell(second - both, total - first, second)
        + cell(total - first - second + both, total - first, total - second))
}

/// A weight of 1 to 10 for a likelihood: 5 at three times what is just significant.
pub(super) fn weight(likelihood: f64) -> f64 {
    1.0 + 9.0 * likelihood / (likelihood + 4.0 * SIGNIFICANT)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ratio_is_dunnings() {
        // "the swiss" in his table 2: k(AB) = 110, k(A~B) = 2442, k(~AB) = 111, k(~A~B) = 29114.
        let [both, only_first, only_second, neither] = [110.0, 2442.0, 111.0, 29114.0];
        let total = both + only_first + only_second + neither;
        let found = log_likelihood(both, both + only_first, both + only_second, total);
        assert!((found - 270.72).abs() < 0.01, "{found}");
        assert_eq!(log_likelihood(1.0, 10.0, 10.0, 100.0), 0.0);
    }

    #[test]
    fn only_what_comes_together_again_and_again_is_kept() {
        let mut passages = vec![vec![0, 1], vec![0, 1, 2], vec![0, 1], vec![2, 3]];
        passages.extend(vec![vec![2]; 60]);
        passages.extend(vec![vec![3]; 60]);
        let pairs = block_on(pairs(&passages, &Pacer::default()));
        assert_eq!(pairs.into_keys().collect::<Vec<_>>(), [(0, 1)]);
    }

    proptest! {
        #[test]
        fn a_likelihood_is_a_number_and_has_no_direction(
            both in 0u8..20, only_first in 0u8..20, only_second in 0u8..20, neither in 0u8..200
        ) {
            let [both, only_first, only_second, neither] = [both, only_first, only_second, neither].map(f64::from);
            let (first, second) = (both + only_first, both + only_second);
            let total = both + only_first + only_second + neither;
            prop_assume!(first > 0.0 && second > 0.0);
            let value = log_likelihood(both, first, second, total);
            prop_assert!(value.is_finite() && value > -1e-9);
            prop_assert!((value - log_likelihood(both, second, first, total)).abs() < 1e-9);
            prop_assert!((1.0..=10.0).contains(&weight(value.max(0.0))));
        }
    }
}

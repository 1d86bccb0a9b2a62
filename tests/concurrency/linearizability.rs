//! Whether what concurrent calls returned could have come from calling them one after another: the
//! search of Wing and Gong (Testing and Verifying Concurrent Objects, 1993), with Lowe's memory of
//! the states that lead nowhere (Testing for linearizability, 2017).

use std::{collections::HashSet, hash::Hash};

/// What a sequential implementation does.
pub trait Sequential: Clone + Eq + Hash {
    type Call;
    type Outcome: PartialEq;

    fn apply(&mut self, call: &Self::Call) -> Self::Outcome;
}

/// A call in a history. Times are places in one order of all beginnings and ends.
pub struct Operation<S: Sequential> {
    pub call: S::Call,
    pub began: usize,
    /// When it ended, and with what. `None` if it was cut off: then it may have happened or not.
    pub ended: Option<(usize, S::Outcome)>,
}

/// Whether there is an order of the operations that explains every outcome, and in which no
/// operation comes before one that had ended when it began.
pub fn is_linearizable<S: Sequential>(initial: S, history: &[Operation<S>]) -> bool {
    assert!(history.len() <= 64);
    let mut dead_ends = HashSet::new();
    search(initial, 0, history, &mut dead_ends)
}

/// `placed` has a bit for each operation that has its place in the order already.
fn search<S: Sequential>(
    state: S,
    placed: u64,
    history: &[Operation<S>],
    dead_ends: &mut HashSet<(u64, S)>,
) -> bool {
    let open = || (0..history.len()).filter(|i| placed & (1 << i) == 0);
    let ends = open().filter_map(|i| Some(history[i].ended.as_ref()?.0));
    let Some(first_end) = ends.min() else { return true };
    if !dead_ends.insert((placed, state.clone())) {
        return false;
    }
    open().filter(|&i| history[i].began < first_end).any(|i| {
        let mut next = state.clone();
        let outcome = next.apply(&history[i].call);
        let explained = history[i].ended.as_ref().is_none_or(|(_, seen)| *seen == outcome);
        explained && search(next, placed | 1 << i, history, dead_ends)
    })
}

mod tests {
    use super::*;

    /// A register that is written (and says what was there) or read.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Register(u32);

    impl Sequential for Register {
        type Call = Option<u32>;
        type Outcome = u32;

        fn apply(&mut self, call: &Option<u32>) -> u32 {
            let before = self.0;
            self.0 = call.unwrap_or(before);
            before
        }
    }

    fn operation(
        call: Option<u32>,
        began: usize,
        ended: Option<(usize, u32)>,
    ) -> Operation<Register> {
        Operation { call, began, ended }
    }

    #[test]
    fn overlapping_calls_may_come_in_either_order() {
        for seen in [0, 1] {
            let history =
                [operation(Some(1), 0, Some((2, 0))), operation(None, 1, Some((3, seen)))];
            assert!(is_linearizable(Register(0), &history));
        }
    }

    #[test]
    fn a_call_comes_after_those_that_had_ended() {
        let history = [operation(Some(1), 0, Some((1, 0))), operation(None, 2, Some((3, 0)))];
        assert!(!is_linearizable(Register(0), &history));
    }

    #[test]
    fn a_call_that_was_cut_off_may_have_happened_but_not_come_and_gone() {
        let cut_off = || operation(Some(1), 0, None);
        let read = |began, seen| operation(None, began, Some((began + 1, seen)));
        assert!(is_linearizable(Register(0), &[cut_off(), read(1, 0), read(3, 1)]));
        assert!(is_linearizable(Register(0), &[cut_off(), read(1, 0), read(3, 0)]));
        assert!(!is_linearizable(Register(0), &[cut_off(), read(1, 1), read(3, 0)]));
    }

    #[test]
    fn two_writes_that_both_found_the_old_value_lost_one() {
        let history = [operation(Some(1), 0, Some((2, 0))), operation(Some(2), 1, Some((3, 0)))];
        assert!(!is_linearizable(Register(0), &history));
    }
}

//! Which write may start next. Pure data: nothing here waits, so that it can be held against a
//! plain oracle.

use std::rc::Rc;

use crate::order::{OrderedMap, OrderedSet};

/// No unit starts while one that is so many places before it still waits: what bounds how many
/// later ones may pass a unit that waits for its source.
pub const PASSING: u64 = 1024;

/// What a unit of writing needs for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Source(Rc<str>),
    Everything,
}

/// The units of writing that wait or run, in call order, each with a payload for whoever starts it.
///
/// - Units of one source run one after another, in call order.
/// - Units of different sources overlap, at most `concurrency`; of those that may start, the
///   first in call order does.
/// - A unit on everything runs alone: after all earlier ones, before all later ones.
/// - So a unit is passed by no later one as soon as nothing before it needs what it needs, and by
///   fewer than [`PASSING`] until then. A unit on everything is never passed.
///
/// Every operation costs as much as a change of an [`OrderedMap`].
pub(super) struct Schedule<T> {
    concurrency: usize,
    running: usize,
    next: u64,
    units: OrderedMap<u64, (Target, T)>,
    waiting: OrderedSet<u64>,
    /// The units of each source. Only the first one may run.
    lines: OrderedMap<Rc<str>, OrderedSet<u64>>,
    /// Those that wait and are the first of their source.
    ready: OrderedSet<u64>,
    /// The units on everything, waiting or running.
    barriers: OrderedSet<u64>,
}

impl<T> Schedule<T> {
    pub fn new(concurrency: usize) -> Self {
        Schedule {
            concurrency: concurrency.max(1),
            running: 0,
            next: 0,
            units: OrderedMap::new(),
            waiting: OrderedSet::new(),
            lines: OrderedMap::new(),
            ready: OrderedSet::new(),
            barriers: OrderedSet::new(),
        }
    }

    /// Registers a unit behind all others and returns its number.
    pub fn add(&mut self, target: Target, payload: T) -> u64 {
        let unit = self.next;
        self.next += 1;
        match &target {
            Target::Everything => _ = self.barriers.insert(unit),
            Target::Source(source) => {
                let line = self.lines.get_or_default(Rc::clone(source));
                line.insert(unit);
                if line.len() == 1 {
                    self.ready.insert(unit);
                }
            }
        }
        self.waiting.insert(unit);
        self.units.insert(unit, (target, payload));
        unit
    }

    /// Starts the next unit that may, if there is one.
    pub fn start_next(&mut self) -> Option<(u64, &T)> {
        let unit = self.next_ready()?;
        let oldest = *self.waiting.first()?;
        if self.running == self.concurrency || unit >= oldest + PASSING {
            return None;
        }
        self.ready.remove(&unit);
        self.waiting.remove(&unit);
        self.running += 1;
        self.units.get(&unit).map(|(_, payload)| (unit, payload))
    }

    /// The first unit that has all it needs but for the room to run.
    fn next_ready(&self) -> Option<u64> {
        let ready = self.ready.first().copied();
        match self.barriers.first().copied() {
            Some(barrier) if ready.is_none_or(|unit| barrier < unit) => {
                let alone =
                    self.units.first_key_value().is_some_and(|(&first, _)| first == barrier);
                (alone && self.waiting.contains(&barrier)).then_some(barrier)
            }
            _ => ready,
        }
    }

    /// Forgets a unit, whether it ran or still waits, and gives its payload back.
    pub fn end(&mut self, unit: u64) -> T {
        let (target, payload) = self.units.remove(&unit).expect("a unit ends once");
        if !self.waiting.remove(&unit) {
            self.running -= 1;
        }
        self.ready.remove(&unit);
        let Target::Source(source) = target else {
            self.barriers.remove(&unit);
            return payload;
        };
        let line = self.lines.get_mut(&source).expect("a unit stands in the line of its source");
        line.remove(&unit);
        match line.first() {
            None => _ = self.lines.remove(&source),
            Some(first) if self.waiting.contains(first) => _ = self.ready.insert(*first),
            Some(_) => {}
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rules of [`Schedule`], spelled out over a plain list in call order.
    #[derive(Default)]
    struct Oracle(Vec<(u64, Target, bool)>);

    impl Oracle {
        fn start_next(&mut self, concurrency: usize) -> Option<u64> {
            let running = self.0.iter().filter(|(_, _, runs)| *runs).count();
            let oldest = self.0.iter().find(|(_, _, runs)| !runs)?.0;
            let next = (0..self.0.len()).find(|&i| {
                let (unit, target, runs) = &self.0[i];
                let free = self.0[..i].iter().all(|(_, earlier, _)| {
                    *target != Target::Everything
                        && *earlier != Target::Everything
                        && earlier != target
                });
                !runs && free && running < concurrency && *unit < oldest + PASSING
            })?;
            self.0[next].2 = true;
            Some(self.0[next].0)
        }
    }

    fn target(number: u8) -> Target {
        match number {
            0 => Target::Everything,
            n => Target::Source(n.to_string().into()),
        }
    }

    proptest! {
        #![proptest_config(crate::cases(2000))]
        #[test]
        fn starts_what_the_rules_say(
            concurrency in 1usize..4,
            steps in prop::collection::vec((0u8..3, 0u8..6, any::<prop::sample::Index>()), 0..80),
        ) {
            let mut schedule = Schedule::new(concurrency);
            let mut oracle = Oracle::default();
            for (step, number, which) in steps {
                if step < 2 {
                    let unit = schedule.add(target(number), ());
                    oracle.0.push((unit, target(number), false));
                } else if !oracle.0.is_empty() {
                    let (unit, _, _) = oracle.0.remove(which.index(oracle.0.len()));
                    schedule.end(unit);
                }
                loop {
                    let started = schedule.start_next().map(|(unit, ())| unit);
                    prop_assert_eq!(started, oracle.start_next(concurrency));
                    if started.is_none() {
                        break;
                    }
                }
            }
            for (unit, _, _) in oracle.0.drain(..) {
                schedule.end(unit);
            }
            prop_assert!(schedule.units.is_empty() && schedule.waiting.is_empty());
            prop_assert!(schedule.lines.is_empty() && schedule.ready.is_empty());
            prop_assert!(schedule.barriers.is_empty() && schedule.running == 0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "thousands of steps through what the test above goes through")]
    fn fewer_than_the_bound_pass_a_unit_that_waits_for_its_source() {
        let mut schedule = Schedule::new(4);
        let stuck = schedule.add(target(1), ());
        assert_eq!(schedule.start_next().unwrap().0, stuck);
        let waits = schedule.add(target(1), ());
        let mut passed = 0;
        for _ in 0..2 * PASSING {
            let later = schedule.add(target(2), ());
            if schedule.start_next().is_some() {
                passed += 1;
                schedule.end(later);
            }
        }
        assert_eq!(passed, PASSING - 1);
        schedule.end(stuck);
        assert_eq!(schedule.start_next().unwrap().0, waits);
    }
}

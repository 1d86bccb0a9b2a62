//! The loops that keep the best and add up scores.

use crate::sort;

/// Keeps what comes first by key, as much as is wanted, and whatever is level with the last of it.
///
/// It chooses only when twice as much is there: most of what is offered is not good enough and costs one comparison.
pub struct Top {
    wanted: usize,
    /// What has a greater key is not among them.
    limit: u64,
    /// What has a smaller key.
    before: Vec<(u64, u32)>,
    /// What has this one.
    level: Vec<u32>,
}

impl Top {
    /// Keeps so many.
    pub fn new(wanted: usize) -> Self {
        let limit = if wanted == 0 { 0 } else { u64::MAX };
        let before = Vec::with_capacity(2 * (wanted.min(256) + 33));
        Top { wanted, limit, before, level: vec![] }
    }

    /// Whether something with this key would be kept.
    #[inline(always)]
    pub fn reaches(&self, key: u64) -> bool {
        key <= self.limit
    }

    /// Takes something that [reaches](Top::reaches).
    #[inline(never)]
    pub fn take(&mut self, key: u64, slot: u32) {
        if key == self.limit {
            self.level.push(slot);
            return;
        }
        self.before.push((key, slot));
        if self.before.len() / 2 > self.wanted.saturating_add(32) {
            self.settle();
        }
    }

    /// Takes of each slot its number, the greater the better: all that are good enough.
    #[inline(never)]
    pub fn take_numbers(&mut self, numbers: &[i32], slots: &[u32]) {
        for (&number, &slot) in numbers.iter().zip(slots) {
            let key = Self::key(number.into());
            if self.reaches(key) {
                self.take(key, slot);
            }
        }
    }

    /// The key of a number, the greater the better.
    #[inline(always)]
    pub fn key(number: i64) -> u64 {
        // The sign as it is puts what is negative last; the other bits are turned round.
        (number as u64) ^ !(1 << 63)
    }

    /// The number of a key.
    pub fn number(key: u64) -> i64 {
        (key ^ !(1 << 63)) as i64
    }

    /// The key of the last that is wanted, if so many were taken.
    #[inline(never)]
    pub fn last(&mut self) -> Option<u64> {
        self.settle();
        (self.limit < u64::MAX).then_some(self.limit)
    }

    /// What was kept, by key: fewer than are wanted; then the key of the last and all that have it, in no order.
    pub fn finish(mut self) -> (Vec<(u64, u32)>, u64, Vec<u32>) {
        self.settle();
        (sort(self.before), self.limit, self.level)
    }

    /// Drops what is not among the best of what is there; to sort all of it would take several times as long.
    fn settle(&mut self) {
        let Some(last) = self.wanted.checked_sub(1).filter(|&last| last < self.before.len()) else {
            return;
        };
        let limit = nth(&mut self.before, last);
        self.limit = limit;
        self.level.clear();
        self.before.retain(|&(key, slot)| {
            if key == limit {
                self.level.push(slot);
            }
            key < limit
        });
    }
}

/// The key that would be at this place if they were sorted; moves the pairs about. C. A. R. Hoare's Quickselect, 1961; a
/// tenth of the standard library's code.
fn nth(mut pairs: &mut [(u64, u32)], mut place: usize) -> u64 {
    loop {
        let [a, b, c] = [0, pairs.len() / 2, pairs.len() - 1].map(|at| pairs[at].0);
        let middle = a.max(b).min(a.min(b).max(c));
        let less = to_front(pairs, |key| key < middle);
        if place < less {
            pairs = &mut pairs[..less];
            continue;
        }
        (pairs, place) = (&mut pairs[less..], place - less);
        let level = to_front(pairs, |key| key == middle);
        if place < level {
            return middle;
        }
        (pairs, place) = (&mut pairs[level..], place - level);
    }
}

/// Moves the pairs with such keys before the others, and counts them.
#[inline(always)]
fn to_front(pairs: &mut [(u64, u32)], is_such: impl Fn(u64) -> bool) -> usize {
    let mut front = 0;
    for at in 0..pairs.len() {
        pairs.swap(at, front);
        front += usize::from(is_such(pairs[front].0));
    }
    front
}

/// Sums of positive numbers by slot.
#[derive(Default)]
pub struct Sums {
    /// By slot.
    pub sums: Vec<f64>,
    /// The slots whose sum is not zero, each once.
    pub found: Vec<u32>,
}

impl Sums {
    /// Adds the same to each slot.
    #[inline(never)]
    pub fn add(&mut self, slots: &[u32], score: f64) {
        slots.iter().for_each(|&slot| self.add_one(slot, score));
    }

    /// Adds to each slot `weight` by the sum of its place and `damping`.
    #[inline(never)]
    pub fn add_by_place(&mut self, slots: &[u32], weight: f64, damping: f64) {
        for (place, &slot) in slots.iter().enumerate() {
            self.add_one(slot, weight / (damping + place as f64));
        }
    }

    #[inline(always)]
    fn add_one(&mut self, slot: u32, score: f64) {
        let at = slot as usize;
        if at >= self.sums.len() {
            self.sums.resize(2 * at + 1, 0.0);
        }
        let sum = &mut self.sums[at];
        if *sum == 0.0 && score > 0.0 {
            self.found.push(slot);
        }
        *sum += score;
    }

    /// The slots, the highest sum first, equal ones as they were found.
    #[inline(never)]
    pub fn ranked(&self) -> Vec<(u64, u32)> {
        sort(self.found.iter().map(|&slot| (self.key(slot), slot)).collect())
    }

    /// The slots of the best so many sums; see [`Top::finish`].
    #[inline(never)]
    pub fn best(&self, wanted: usize) -> Top {
        let mut top = Top::new(wanted);
        for &slot in &self.found {
            let key = self.key(slot);
            if top.reaches(key) {
                top.take(key, slot);
            }
        }
        top
    }

    /// The bits of positive numbers are in the order of the numbers.
    #[inline(always)]
    fn key(&self, slot: u32) -> u64 {
        Top::key(self.sums[slot as usize].to_bits() as i64)
    }
}

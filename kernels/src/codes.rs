//! One-bit codes of 32 vectors side by side, compared with a query that keeps its magnitudes.
//!
//! Four components, one bit each, name one of 16 sums of the query's four components, which stand in a
//! register: one instruction looks up sixteen vectors. Sums are held in 5 bits, so that four of them
//! add up in a byte. F. André, A.-M. Kermarrec, N. Le Scouarnec, "Cache locality is not enough:
//! High-Performance Nearest Neighbor Search with Product Quantization Fast Scan", VLDB 2015.

use std::{f32::consts::FRAC_2_PI, hint::black_box, ops::Range};

use crate::lanes::{Lanes, Native};

/// Vectors in a block.
pub const ROWS: usize = 32;

/// The most that one of the sums counts: four add up to less than 256, and those of 6 bits find no more.
const MOST: i32 = 31;

/// How far from the mean [`Table::least`] goes.
const DEVIATIONS: f32 = 4.0;

/// The signs of four components of 32 vectors: in byte `i` those of vector `i` in the low bits, of vector
/// `i + 16` in the high ones, a bit set for what is negative.
pub type Group = [u8; 16];

/// Writes the signs of a vector's components into its place in a block, as many groups as it has fours of
/// components.
pub fn write<L: Lanes>(block: &mut [Group], row: usize, vector: &[[i16; 8]]) {
    let (byte, shift) = (row % 16, row / 16 * 4);
    let keep = !(15 << shift);
    for (two, eight) in block.as_chunks_mut::<2>().0.iter_mut().zip(vector) {
        let signs = L::words(eight).negative();
        two[0][byte] = (two[0][byte] & keep) | ((signs & 15) << shift);
        two[1][byte] = (two[1][byte] & keep) | ((signs >> 4) << shift);
    }
}

/// Copies a code within a block or from another.
pub fn copy(from: &[Group], row: usize, to: &mut [Group], at: usize) {
    let (byte, shift) = (row % 16, row / 16 * 4);
    let (to_byte, to_shift) = (at % 16, at / 16 * 4);
    let keep = !(15 << to_shift);
    for (from, to) in from.iter().zip(to) {
        to[to_byte] = (to[to_byte] & keep) | ((from[byte] >> shift & 15) << to_shift);
    }
}

/// What the signs of vectors are worth to a query.
pub struct Table {
    /// For each four components what each combination of their signs is worth, from 0 on.
    pub groups: Vec<Group>,
    /// What counts one.
    unit: f32,
    /// The sum of the sizes of the query's components.
    size: f32,
}

impl Table {
    /// Of a query after its rotation.
    #[inline(never)]
    pub fn new(query: &[[i16; 8]]) -> Table {
        let (fours, _) = query.as_flattened().as_chunks::<4>();
        let size = |four: &[i16; 4]| -> i32 { four.iter().map(|&c| i32::from(c).abs()).sum() };
        let largest = fours.iter().map(size).max().unwrap_or(0).max(1);
        // Of `largest` both ways, in parts of 2²⁶: the largest product takes 31 bits.
        let share = (MOST << 26) / (2 * largest);
        let worth = |four: &[i16; 4]| {
            let mut sums = [0; 16];
            sums[0] = size(four) + four.iter().map(|&c| i32::from(c)).sum::<i32>();
            for (sign, &component) in four.iter().enumerate() {
                let (known, negated) = sums.split_at_mut(1 << sign);
                for (sum, known) in negated.iter_mut().zip(known) {
                    *sum = *known - 2 * i32::from(component);
                }
            }
            sums.map(|sum| ((sum * share + (1 << 25)) >> 26) as u8)
        };
        Table {
            groups: fours.iter().map(worth).collect(),
            unit: (2 * largest) as f32 / MOST as f32,
            size: fours.iter().map(size).sum::<i32>() as f32,
        }
    }

    /// What a vector whose cosine to the query is this or more is worth at least: in all cases but one in 30,000.
    ///
    /// `length` is that of the query. Of a unit vector and another of d components, rotated at random, the sum of the
    /// products of one's components and the other's signs is √(2d/π) times their cosine, give or take √(1 − 2/π): the
    /// two errors of which section 3.2 of the paper on RaBitQ speaks, that of the length of a code and that of its direction.
    #[inline(never)]
    pub fn least(&self, cosine: f32, length: f32) -> u16 {
        let components = (4 * self.groups.len()) as f32;
        let mean = cosine * (components * FRAC_2_PI).sqrt();
        let deviation = (1.0 - FRAC_2_PI).sqrt();
        ((length * (mean - DEVIATIONS * deviation) + self.size) / self.unit) as u16
    }
}

/// What each vector of a block is worth, and a bit for each that is worth `least` or more; without such a
/// bit the worths are left out.
#[inline(always)]
pub fn scan<L: Lanes>(block: &[Group], table: &[Group], least: u16) -> ([[i16; 8]; 4], u32) {
    // Kept in a register. Known to the compiler, it would be made anew at each use.
    let nibble = black_box(L::splat(0x0f0f));
    // Of the first sixteen vectors and of the others, as words of two bytes, of which the second is that of an odd place.
    let (mut words, mut odd) = ([L::splat(0); 2], [L::splat(0); 2]);
    // Of so many groups all that is in use fits the registers.
    for (codes, worths) in block.as_chunks::<4>().0.iter().zip(table.as_chunks::<4>().0) {
        let mut sums = [L::splat(0); 2];
        for (codes, worths) in codes.iter().zip(worths) {
            let (codes, worths) = (L::bytes(codes), L::bytes(worths));
            sums[0] = sums[0].add_bytes(worths.pick(codes.and(nibble)));
            sums[1] = sums[1].add_bytes(worths.pick(codes.shift_right(4).and(nibble)));
        }
        for (half, sum) in sums.into_iter().enumerate() {
            words[half] = words[half].add(sum);
            odd[half] = odd[half].add(sum.shift_right(8));
        }
    }
    let even = |half: usize| words[half].sub(odd[half].shift_left(8));
    let sums = [even(0), odd[0], even(1), odd[1]];
    let least = L::splat(least as i16);
    if sums.map(|sum| sum.reaches(least)) == [0; 4] {
        return ([[0; 8]; 4], 0);
    }
    let [first, second] = [sums[0].zip(sums[1]), sums[2].zip(sums[3])];
    let eights = [first.0, first.1, second.0, second.1];
    let found = eights.map(|eight| eight.reaches(least));
    (eights.map(L::to_words), u32::from_le_bytes(found))
}

/// The vectors that are worth most, counted by worth: what is worth little enough to be counted is cheaper to
/// count than to sort.
pub struct Best {
    wanted: usize,
    /// What is worth less is not among the best.
    least: u16,
    /// What the best is worth.
    most: u16,
    /// How many of each worth were taken.
    counts: Vec<u32>,
    /// How many of those taken are worth `least` or more.
    reach: usize,
    taken: Vec<(u16, u32)>,
    /// How many may be taken before those that are no longer among the best are dropped.
    room: usize,
}

impl Best {
    /// So many of the best by a table of so many groups.
    pub fn new(wanted: usize, groups: usize) -> Self {
        let counts = vec![0; groups * MOST as usize + 1];
        let room = 8 * wanted + 1024;
        Best { wanted, least: 0, most: 0, counts, reach: 0, taken: Vec::with_capacity(room), room }
    }

    /// Looks at the vectors of blocks that stand side by side, as many as there are or as the rows that are left;
    /// gives the row after them. Without `admit` all are admitted.
    #[inline(never)]
    pub fn look(
        &mut self,
        blocks: &[Group],
        table: &[Group],
        rows: Range<usize>,
        admit: Option<&dyn Fn(usize) -> bool>,
    ) -> usize {
        let mut first = rows.start;
        for block in blocks.chunks_exact(table.len()).take(rows.len().div_ceil(ROWS)) {
            let (worths, mut near) = scan::<Native>(block, table, self.least);
            if near != 0 {
                // The last block may be of fewer rows.
                near &= u32::MAX >> ROWS.saturating_sub(rows.end - first);
                self.take(worths.as_flattened(), near, first, admit);
            }
            first += ROWS;
        }
        first
    }

    /// Takes of a block, which begins with the row `first`, the rows whose bits are set: all by one bound, as to raise it
    /// after each row costs more than it keeps out.
    #[inline(always)]
    fn take(
        &mut self,
        worths: &[i16],
        mut near: u32,
        first: usize,
        admit: Option<&dyn Fn(usize) -> bool>,
    ) {
        if self.taken.len() + ROWS > self.room {
            let least = self.least;
            self.taken.retain(|&(worth, _)| worth >= least);
            self.room = self.room.max(2 * self.taken.len());
        }
        while near != 0 {
            let place = near.trailing_zeros() as usize;
            near &= near - 1;
            let row = first + place;
            if admit.is_none_or(|admit| admit(row)) {
                let worth = worths[place % ROWS] as u16;
                self.taken.push((worth, row as u32));
                self.counts[usize::from(worth)] += 1;
                self.most = self.most.max(worth);
                self.reach += 1;
            }
        }
        loop {
            let worst = self.counts[usize::from(self.least)] as usize;
            if self.reach - worst < self.wanted || worst == self.reach {
                break;
            }
            self.reach -= worst;
            self.least += 1;
        }
    }

    /// The worth that so many have or more; of fewer, the least.
    #[inline(never)]
    pub fn worth_of(&self, wanted: usize) -> u16 {
        let mut reach = 0;
        let better = self.counts[..=usize::from(self.most)].iter().rposition(|&count| {
            reach += count as usize;
            reach >= wanted
        });
        self.least.max(better.unwrap_or(0) as u16)
    }

    /// Of the rows of the best those with such worths, ascending. The best are as many as are wanted, and whatever is
    /// worth as much as the last of them.
    #[inline(never)]
    pub fn rows(&self, worths: Range<u16>) -> Vec<u32> {
        let worths = worths.start.max(self.least)..worths.end;
        let mut rows = vec![0; self.taken.len()];
        let mut found = 0;
        // Written whether it is one of these or not: nobody could foresee which are.
        for &(worth, row) in &self.taken {
            rows[found] = row;
            found += usize::from(worths.contains(&worth));
        }
        rows.truncate(found);
        rows
    }
}

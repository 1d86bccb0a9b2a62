use std::hint::black_box;

use smolrag_kernels::{native, rotate, rows, top::Top};

use super::{
    candidates,
    codes::{Codes, Nearest},
};
use crate::{
    record::{Error, Result, UnitVector},
    store::{
        rows::Rows,
        top::{Admit, Match, TopK},
    },
};

/// Nearest neighbours by cosine over rows that the caller numbers as it adds them, in little memory:
/// 1⅝ bytes a component and 4 a vector.
///
/// A search compares one bit a component of every vector, then eight bits of the best by that, then twelve
/// of the best by those. Of the true ten nearest it finds 99 in 100 or more; see `docs/indexes.md` for
/// what was measured. With `exact`, and where there are few vectors, it compares twelve bits of all.
/// Twelve bits move a cosine by less than 1e-4.
///
/// ```
/// use smolrag::store::CompactIndex;
///
/// let mut index = CompactIndex::new(2);
/// index.put(None, &[1.0, 0.0])?;
/// index.put(None, &[3.0, 3.0])?;
/// let found = index.search(&[0.0, 3.0], 5, false, Some)?;
/// assert_eq!(found[0].slot, 1);
/// # Ok::<(), smolrag::record::Error>(())
/// ```
///
/// Invariant: the numbers of the rows are 0 to `len` without a gap. What a search gives depends on the
/// vectors and their ids, not on the rows they are in.
pub struct CompactIndex {
    dimensions: usize,
    codes: Codes,
    upper: Rows<u8>,
    lower: Rows<u8>,
    /// One by the length of each row; 0 for a zero vector, which is similar to nothing and never found.
    scales: Rows<f32>,
    /// How many are zero: where there are none, a search need not ask.
    zeros: usize,
    scratch: Vec<i16>,
}

impl CompactIndex {
    /// An empty index of vectors with so many components.
    pub fn new(dimensions: usize) -> Self {
        CompactIndex {
            dimensions,
            codes: Codes::new(dimensions),
            upper: Rows::new(dimensions),
            lower: Rows::new(dimensions.div_ceil(2)),
            scales: Rows::new(1),
            zeros: 0,
            scratch: vec![0; dimensions],
        }
    }

    /// How many components a vector has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Makes room for so many more vectors in one step. A wasm memory that grows by little steps makes its
    /// host collect garbage at each: a million vectors then took a minute.
    pub fn reserve(&self, count: usize) {
        let row = self.dimensions + self.dimensions.div_ceil(2) + self.dimensions.div_ceil(8) + 8;
        // Freed at once, it is what the blocks are then taken from.
        drop(black_box(Vec::<u8>::with_capacity(count * row)));
    }

    /// Appends a vector, or replaces that of a row. Refuses, and changes nothing, if a component is not
    /// finite.
    ///
    /// # Panics
    /// If the vector has another number of components than the index, or there is no such row.
    pub fn put(&mut self, row: Option<usize>, vector: &[f32]) -> Result<()> {
        assert_eq!(vector.len(), self.dimensions, "the vector does not fit the index");
        let largest = rows::largest(vector);
        if !largest.is_finite() {
            return Err(not_finite());
        }
        // What is this small cannot be scaled up in one step.
        let lift = if largest < 1e-30 { 1e30 } else { 1.0 };
        let lifted: Vec<f32>;
        let vector = if lift == 1.0 {
            vector
        } else {
            lifted = vector.iter().map(|value| value * lift).collect();
            &lifted
        };
        let largest = largest * lift;
        let scale = if largest > 0.0 { f32::from(rows::MOST) / largest } else { 0.0 };
        rows::round(vector, scale, &mut self.scratch);
        let length = (rows::squares(&self.scratch) as f32).sqrt();
        let to_unit = if length > 0.0 { 1.0 / length } else { 0.0 };

        let rotated = scale * to_unit * f32::from(rotate::LENGTH);
        self.codes.put(row, |eights| rows::round(vector, rotated, eights));
        self.zeros += usize::from(to_unit == 0.0);
        let (upper, lower, unit) = match row {
            Some(row) => {
                self.zeros -= usize::from(self.scale(row) == 0.0);
                (self.upper.get_mut(row), self.lower.get_mut(row), self.scales.get_mut(row))
            }
            None => (self.upper.push(), self.lower.push(), self.scales.push()),
        };
        rows::split(&self.scratch, upper, lower);
        unit[0] = to_unit;
        Ok(())
    }

    /// Forgets a row. The last row takes its number.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn swap_remove(&mut self, row: usize) {
        self.zeros -= usize::from(self.scale(row) == 0.0);
        self.codes.swap_remove(row);
        self.upper.swap_remove(row);
        self.lower.swap_remove(row);
        self.scales.swap_remove(row);
    }

    /// The `k` best by cosine, best first, ties by the smaller id. `admit` gives the id of a row, or
    /// `None` if it may not be found. Refuses a query with a component that is not finite.
    ///
    /// # Panics
    /// If the query has another number of components than the index.
    pub fn search<T: Ord>(
        &self,
        query: &[f32],
        k: usize,
        exact: bool,
        admit: impl Fn(u32) -> Option<T>,
    ) -> Result<Vec<Match>> {
        self.search_among(query, k, exact, &admit)
    }

    /// [`CompactIndex::search`] for whom asking after an id costs more than asking whether there is one.
    pub(crate) fn search_among(
        &self,
        query: &[f32],
        k: usize,
        exact: bool,
        admit: &dyn Admit,
    ) -> Result<Vec<Match>> {
        assert_eq!(query.len(), self.dimensions, "the query does not fit the index");
        let query = UnitVector::from_f32(query).map_err(|_| not_finite())?;
        if query.is_zero() || k == 0 {
            return Ok(vec![]);
        }
        let mut top = TopK::new(k, admit);
        let mut offer = |row: usize| {
            let scale = self.scale(row);
            if scale > 0.0 {
                let dot = 16.0 * f64::from(native::dot_upper(self.upper.get(row), query.raw()))
                    + f64::from(native::dot_lower(self.lower.get(row), query.raw()));
                let cosine = (dot * f64::from(scale)) as f32 / UnitVector::ONE;
                top.offer(ordered(cosine).into(), row as u32);
            }
        };
        match candidates(k, self.len(), self.dimensions).filter(|_| !exact) {
            None => (0..self.len()).for_each(offer),
            Some(wanted) => {
                let admitted = |row: usize| self.scale(row) > 0.0 && admit.admits(row as u32);
                let admitted: Option<&dyn Fn(usize) -> bool> =
                    if admit.all() && self.zeros == 0 { None } else { Some(&admitted) };
                let near = self.codes.nearest(&query, wanted, admitted);
                let rows = self.finer(&near, query.raw(), k).into_iter();
                rows.for_each(|row| offer(row as usize));
            }
        }
        let found = top.into_best_first().into_iter();
        let score = |rank: i64| number(rank).clamp(-1.0, 1.0);
        Ok(found.map(|(slot, rank)| Match { slot, score: score(rank) }).collect())
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let rows = self.upper.bytes() + self.lower.bytes() + self.scales.bytes();
        self.codes.bytes() + rows + 2 * self.scratch.capacity()
    }

    fn scale(&self, row: usize) -> f32 {
        self.scales.get(row)[0]
    }

    /// Of these rows, by their upper bits, four times as many as the `k` best, and whatever is as good as the last of them.
    fn finer(&self, near: &Nearest, query: &[i16], k: usize) -> Vec<u32> {
        let (mut best, mut top) = (Top::new(k), Top::new(k.saturating_mul(4)));
        near.look_at(k.saturating_mul(2), &mut |rows| {
            let upper = self.upper.pick(rows);
            let scales: Vec<f32> = rows.iter().map(|&row| self.scale(row as usize)).collect();
            let dots = upper.into_iter().map(|upper| native::dot_upper(upper, query) as f32);
            let ranks: Vec<i32> =
                dots.zip(scales).map(|(dot, scale)| ordered(dot * scale)).collect();
            best.take_numbers(&ranks, rows);
            top.take_numbers(&ranks, rows);
            best.last().map(|last| 16.0 * number(Top::number(last)) / UnitVector::ONE)
        });
        let (before, _, level) = top.finish();
        let kept = before.into_iter().map(|(_, row)| row).chain(level).collect::<Vec<_>>();
        // On their way together, too.
        self.lower.pick(&kept);
        kept
    }
}

fn not_finite() -> Error {
    Error::invalid("a vector holds NaN or infinity; check the embedding model")
}

/// A whole number in the order of the number.
fn ordered(number: f32) -> i32 {
    let bits = number.to_bits() as i32;
    // Negative numbers are in the opposite order of their bits.
    bits ^ ((bits >> 31) & i32::MAX)
}

fn number(ordered: i64) -> f32 {
    let bits = ordered as i32;
    f32::from_bits((bits ^ ((bits >> 31) & i32::MAX)) as u32)
}

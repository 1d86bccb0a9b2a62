use smolrag_kernels::{native, rows};

use super::{
    candidates,
    codes::{Codes, shorten},
};
use crate::{
    record::UnitVector,
    store::{
        rows::Rows,
        top::{Admit, Match, TopK},
    },
};

/// Nearest neighbours by cosine, over the caller's numbers ("slots").
///
/// Few vectors are all compared. Of many, those are that one bit a component says are nearest; that
/// misses about one in a thousand of the ten nearest.
///
/// ```
/// use smolrag::{record::UnitVector, store::VectorIndex};
///
/// let mut index = VectorIndex::new(2);
/// index.insert(0, &UnitVector::from_f32(&[1.0, 0.0])?);
/// index.insert(1, &UnitVector::from_f32(&[1.0, 1.0])?);
/// let found = index.search(&UnitVector::from_f32(&[0.0, 3.0])?, 5, Some);
/// assert_eq!(found[0].slot, 1);
/// # Ok::<(), smolrag::record::Error>(())
/// ```
///
/// Invariant: `slots` and `rows` are inverse to each other. A zero vector has no row: it is similar to
/// nothing and never found. What a search gives depends on the vectors and their ids, neither on
/// slots nor on rows.
pub struct VectorIndex {
    dimensions: usize,
    vectors: Rows<i16>,
    codes: Codes,
    /// The slot of each row.
    slots: Vec<u32>,
    /// The row of each slot, or [`NO_ROW`].
    rows: Vec<u32>,
}

const NO_ROW: u32 = u32::MAX;

impl VectorIndex {
    /// An empty index of vectors with so many components.
    pub fn new(dimensions: usize) -> Self {
        VectorIndex {
            dimensions,
            vectors: Rows::new(dimensions),
            codes: Codes::new(dimensions),
            slots: vec![],
            rows: vec![],
        }
    }

    /// Stores the vector under a slot, in place of what was there.
    ///
    /// # Panics
    /// If the vector has another number of components than the index.
    pub fn insert(&mut self, slot: u32, vector: &UnitVector) {
        assert_eq!(vector.dimensions(), self.dimensions, "the vector does not fit the index");
        if vector.is_zero() {
            return self.remove(slot);
        }
        let row = self.row(slot);
        self.codes.put(row, |to| shorten(vector.raw(), to));
        match row {
            Some(row) => self.vectors.get_mut(row).copy_from_slice(vector.raw()),
            None => {
                let row = self.slots.len();
                self.vectors.push().copy_from_slice(vector.raw());
                self.slots.push(slot);
                if self.rows.len() <= slot as usize {
                    self.rows.resize(slot as usize + 1, NO_ROW);
                }
                self.rows[slot as usize] = row as u32;
            }
        }
    }

    /// Forgets what is stored under a slot, if anything. The last row moves into the gap.
    pub fn remove(&mut self, slot: u32) {
        let Some(row) = self.row(slot) else { return };
        self.vectors.swap_remove(row);
        self.codes.swap_remove(row);
        self.slots.swap_remove(row);
        if let Some(&moved) = self.slots.get(row) {
            self.rows[moved as usize] = row as u32;
        }
        self.rows[slot as usize] = NO_ROW;
    }

    /// The `k` best by cosine, best first, ties by the smaller id. `admit` gives the id of a slot, or
    /// `None` if it may not be found.
    ///
    /// The score is the cosine; the rounding of [`UnitVector`] moves it by about 1e-5.
    ///
    /// # Panics
    /// If the query has another number of components than the index.
    pub fn search<T: Ord>(
        &self,
        query: &UnitVector,
        k: usize,
        admit: impl Fn(u32) -> Option<T>,
    ) -> Vec<Match> {
        self.search_among(query, k, &admit)
    }

    /// [`VectorIndex::search`] for whom asking after an id costs more than asking whether there is one.
    pub(crate) fn search_among(
        &self,
        query: &UnitVector,
        k: usize,
        admit: &dyn Admit,
    ) -> Vec<Match> {
        assert_eq!(query.dimensions(), self.dimensions, "the query does not fit the index");
        if k == 0 || query.is_zero() {
            return vec![];
        }
        let mut top = TopK::new(k, admit);
        let mut dots = vec![];
        let mut offer = |top: &mut TopK<'_>, rows: &[&[i16]], slots: &[u32]| {
            // They fit 32 bits: by Cauchy and Schwarz no partial sum of the products of two unit
            // vectors exceeds the product of their lengths, 32767² and a little for rounding,
            // half of `i32::MAX`.
            native::dots(rows, query.raw(), &mut dots);
            top.offer_all(&dots, slots);
            dots.clear();
        };
        let only = admit.only();
        match (candidates(k, only.map_or(self.len(), <[u32]>::len), self.dimensions), only) {
            (None, None) => {
                let mut slots = &self.slots[..];
                for rows in self.vectors.groups() {
                    offer(&mut top, &rows, slots);
                    slots = &slots[rows.len()..];
                }
            }
            (None, Some(only)) => {
                let row = |&slot: &u32| Some((slot, self.row(slot)? as u32));
                let (slots, rows): (Vec<u32>, Vec<u32>) = only.iter().filter_map(row).unzip();
                offer(&mut top, &self.vectors.pick(&rows), &slots);
            }
            (Some(closely), _) => {
                let admitted = |row: usize| admit.admits(self.slots[row]);
                let admitted: Option<&dyn Fn(usize) -> bool> =
                    if admit.all() { None } else { Some(&admitted) };
                let near = self.codes.nearest(query, closely, admitted);
                near.look_at(k.saturating_mul(2), &mut |rows| {
                    let slots = rows::gather(&self.slots, rows);
                    offer(&mut top, &self.vectors.pick(rows), &slots);
                    top.last().map(cosine)
                });
            }
        }
        let found = |(slot, dot): (u32, i64)| Match { slot, score: cosine(dot) };
        top.into_best_first().into_iter().map(found).collect()
    }

    /// Whether a search for the `k` best looks closely at some vectors only.
    pub fn is_approximate(&self, k: usize) -> bool {
        candidates(k, self.len(), self.dimensions).is_some()
    }

    /// The components stored under a slot; `None` for a zero vector too.
    pub fn get(&self, slot: u32) -> Option<&[i16]> {
        self.row(slot).map(|row| self.vectors.get(row))
    }

    /// How many vectors can be found.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing can be found.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        let maps = 4 * (self.slots.capacity() + self.rows.capacity());
        self.vectors.bytes() + self.codes.bytes() + maps
    }

    fn row(&self, slot: u32) -> Option<usize> {
        self.rows.get(slot as usize).filter(|&&row| row != NO_ROW).map(|&row| row as usize)
    }
}

/// That of two unit vectors with such a dot product.
fn cosine(dot: i64) -> f32 {
    (dot as f64 / (f64::from(UnitVector::ONE) * f64::from(UnitVector::ONE))) as f32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::store::top::Only;

    fn unit(values: &[f32]) -> UnitVector {
        UnitVector::from_f32(values).unwrap()
    }

    fn slots(found: Vec<Match>) -> Vec<u32> {
        found.into_iter().map(|found| found.slot).collect()
    }

    #[test]
    fn finds_the_nearest_first_and_scores_the_cosine() {
        let mut index = VectorIndex::new(2);
        for (slot, vector) in [[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]].iter().enumerate() {
            index.insert(slot as u32, &unit(vector));
        }
        let found = index.search(&unit(&[2.0, 0.0]), 9, Some);
        let scores: Vec<f32> = found.iter().map(|found| found.score).collect();
        assert_eq!(slots(found), [0, 1, 2]);
        for (score, expected) in scores.iter().zip([1.0, 0.6, 0.0]) {
            assert!((score - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn extreme_vectors_do_not_overflow() {
        for dimensions in [1, 2, if cfg!(miri) { 64 } else { 4096 }] {
            let mut index = VectorIndex::new(dimensions);
            let vector = unit(&vec![-1.0; dimensions]);
            index.insert(0, &vector);
            assert!((index.search(&vector, 1, Some)[0].score - 1.0).abs() < 1e-2);
            let opposite = unit(&vec![1.0; dimensions]);
            assert!((index.search(&opposite, 1, Some)[0].score + 1.0).abs() < 1e-2);
        }
    }

    #[test]
    fn zero_is_never_found_and_finds_nothing() {
        let mut index = VectorIndex::new(2);
        index.insert(0, &unit(&[1.0, 0.0]));
        index.insert(1, &UnitVector::zero(2));
        assert_eq!(slots(index.search(&unit(&[1.0, 0.0]), 9, Some)), [0]);
        assert!(index.search(&UnitVector::zero(2), 9, Some).is_empty());
        index.insert(0, &UnitVector::zero(2));
        assert!(index.is_empty());
    }

    #[test]
    fn ties_go_by_id_and_the_filter_holds() {
        let mut index = VectorIndex::new(1);
        (0..6).for_each(|slot| index.insert(slot, &unit(&[1.0])));
        let found = index.search(&unit(&[1.0]), 2, |slot| (slot != 5).then_some(9 - slot));
        assert_eq!(slots(found), [4, 3]);
    }

    proptest! {
        #[test]
        fn equals_a_map_under_any_history(
            steps in vec((0u32..12, vec(-3i8..4, 3), any::<bool>()), 0..crate::steps(60)),
            query in vec(-3i8..4, 3),
            k in 0usize..8,
        ) {
            let as_unit = |v: &[i8]| unit(&v.iter().map(|&x| f32::from(x)).collect::<Vec<_>>());
            // Two rows a block, so that rows move between blocks.
            let mut index = VectorIndex { vectors: Rows::in_blocks_of(2, 3), ..VectorIndex::new(3) };
            let mut plain = BTreeMap::new();
            for (slot, vector, keep) in &steps {
                let vector = as_unit(vector);
                if *keep {
                    index.insert(*slot, &vector);
                    plain.insert(*slot, vector);
                } else {
                    index.remove(*slot);
                    plain.remove(slot);
                }
            }
            plain.retain(|_, vector| !vector.is_zero());
            prop_assert_eq!(index.len(), plain.len());

            let query = as_unit(&query);
            let dot = |v: &UnitVector| -> i64 {
                v.raw().iter().zip(query.raw()).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum()
            };
            let mut expected: Vec<(i64, u32)> = plain.iter().map(|(&s, v)| (-dot(v), s)).collect();
            expected.sort();
            expected.truncate(if query.is_zero() { 0 } else { k });
            let expected: Vec<u32> = expected.into_iter().map(|(_, slot)| slot).collect();
            let found = index.search(&query, k, Some);
            prop_assert_eq!(slots(found), expected);

            // Where the only ones are known, they are what a filter leaves.
            let only = Only(vec![7, 2, 3, 99]);
            let admit = |slot: u32| only.admits(slot).then_some(slot);
            prop_assert_eq!(index.search_among(&query, k, &only), index.search(&query, k, admit));
        }
    }
}

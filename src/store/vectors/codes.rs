//! The coarse stage of a search: a bit a component.

use smolrag_kernels::{
    codes::{self, Best, Group, ROWS, Table},
    native, rotate, rows,
};

use crate::{record::UnitVector, store::rows::Rows};

/// Numbers in the form in which they are rotated: eights of components.
pub(super) type Eights = Vec<[i16; 8]>;

/// The signs of each vector's components after one fixed rotation, which spreads what the components
/// say evenly over all of them. A code is a function of its vector alone.
///
/// J. Gao and C. Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for
/// Approximate Nearest Neighbor Search", SIGMOD 2024.
pub(super) struct Codes {
    signs: Vec<[[i16; 8]; 2]>,
    blocks: Rows<Group>,
    len: usize,
    /// What vectors are rotated in.
    scratch: Eights,
}

impl Codes {
    pub(super) fn new(dimensions: usize) -> Self {
        let eights = 4 * dimensions.div_ceil(32).max(1);
        Codes {
            signs: signs(eights),
            blocks: Rows::new(2 * eights),
            len: 0,
            scratch: vec![[0; 8]; eights],
        }
    }

    /// Takes the next row, or with `row` replaces one. `components` gives each as a part of
    /// [`rotate::LENGTH`].
    pub(super) fn put(&mut self, row: Option<usize>, fill: impl FnOnce(&mut [i16])) {
        let row = row.unwrap_or(self.len);
        if row == self.len {
            if row.is_multiple_of(ROWS) {
                self.blocks.push();
            }
            self.len += 1;
        }
        self.scratch.fill([0; 8]);
        fill(self.scratch.as_flattened_mut());
        native::rotate(&mut self.scratch, &self.signs);
        native::write(self.blocks.get_mut(row / ROWS), row % ROWS, &self.scratch);
    }

    /// Moves the last row into the place of another.
    pub(super) fn swap_remove(&mut self, row: usize) {
        self.len -= 1;
        if row != self.len {
            let last = self.blocks.get(self.len / ROWS).to_vec();
            codes::copy(&last, self.len % ROWS, self.blocks.get_mut(row / ROWS), row % ROWS);
        }
        if self.len.is_multiple_of(ROWS) {
            self.blocks.pop();
        }
    }

    /// The rows whose codes are most like the query: `wanted` of those admitted, and whatever is as like as the last of
    /// them, so that which they are depends on no order.
    pub(super) fn nearest(
        &self,
        query: &UnitVector,
        wanted: usize,
        admit: Option<&dyn Fn(usize) -> bool>,
    ) -> Nearest {
        let mut rotated = vec![[0; 8]; self.signs.len()];
        shorten(query.raw(), rotated.as_flattened_mut());
        native::rotate(&mut rotated, &self.signs);
        let table = Table::new(&rotated);
        let mut best = Best::new(wanted, table.groups.len());
        self.blocks
            .parts()
            .fold(0, |first, blocks| best.look(blocks, &table.groups, first..self.len, admit));
        Nearest { best, table }
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.bytes() + size_of_val(&self.signs[..]) + size_of_val(&self.scratch[..])
    }
}

/// The rows whose codes are most like a query.
pub(super) struct Nearest {
    best: Best,
    table: Table,
}

impl Nearest {
    /// Shows the `first` of them; then, of the others, those that may reach the cosine that `look` has told of. Where
    /// what is near stands out, that is a third of all and finds the same.
    pub(super) fn look_at(&self, first: usize, look: &mut dyn FnMut(&[u32]) -> Option<f32>) {
        let worth = self.best.worth_of(first);
        let reached = look(&self.best.rows(worth..u16::MAX));
        let least = reached.map_or(0, |cosine| self.table.least(cosine, rotate::LENGTH.into()));
        if least < worth {
            look(&self.best.rows(least..worth));
        }
    }
}

/// What is flipped before each half of the rotation: 0 for no component, −1 for one that is negated.
/// The same in every index and for ever: codes are compared across them in tests, and nowhere kept.
fn signs(eights: usize) -> Vec<[[i16; 8]; 2]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut sign = || {
        // xorshift64*, S. Vigna, 2016.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        -((state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 63) as i16)
    };
    (0..eights).map(|_| [(); 2].map(|()| [(); 8].map(|()| sign()))).collect()
}

/// Components of a vector of length 32,767 as parts of [`rotate::LENGTH`].
pub(super) fn shorten(unit: &[i16], to: &mut [i16]) {
    rows::parts(unit, rotate::LENGTH, to);
}

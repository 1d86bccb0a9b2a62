//! Rows of numbers, all of one width.

/// Bytes in one block of storage. Growing by blocks never copies what is there, where one vector of
/// everything would for a moment hold it twice, and wasm memory never shrinks.
const BLOCK: usize = 1 << 15;

/// Invariant: the rows fill the blocks without a gap.
pub(super) struct Rows<T> {
    width: usize,
    /// How many rows stand in one block, as a power of two: no row is found by a division.
    bits: u32,
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T: Copy + Default> Rows<T> {
    pub(super) fn new(width: usize) -> Self {
        Rows::in_blocks_of((BLOCK / size_of::<T>() / width.max(1)).max(1), width)
    }

    /// Blocks of so many rows, or of the power of two below.
    pub(super) fn in_blocks_of(per_block: usize, width: usize) -> Self {
        Rows { width, bits: per_block.ilog2(), blocks: vec![], len: 0 }
    }

    fn per_block(&self) -> usize {
        1 << self.bits
    }

    /// The block of a row, and the place in it.
    fn place(&self, row: usize) -> (usize, usize) {
        (row >> self.bits, row & (self.per_block() - 1))
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, row: usize) -> &[T] {
        let (block, row) = self.place(row);
        &self.blocks[block][row * self.width..][..self.width]
    }

    pub(super) fn get_mut(&mut self, row: usize) -> &mut [T] {
        let (block, row) = self.place(row);
        &mut self.blocks[block][row * self.width..][..self.width]
    }

    /// A new last row. What stands in it is left over.
    pub(super) fn push(&mut self) -> &mut [T] {
        let (block, row) = self.place(self.len);
        if block == self.blocks.len() {
            // The first block grows as it is filled, so that few rows take little.
            let rows = if block == 0 { 1 } else { self.per_block() };
            self.blocks.push(vec![T::default(); rows * self.width]);
        } else if self.blocks[block].len() == row * self.width {
            let rows = (2 * row).min(self.per_block());
            self.blocks[block].resize(rows * self.width, T::default());
        }
        self.len += 1;
        self.get_mut(self.len - 1)
    }

    /// Drops the last row.
    pub(super) fn pop(&mut self) {
        self.len -= 1;
        self.blocks.truncate(self.len.div_ceil(self.per_block()));
    }

    /// Moves the last row into the place of another.
    pub(super) fn swap_remove(&mut self, row: usize) {
        let last = self.len - 1;
        if row != last {
            let moved = self.get(last).to_vec();
            self.get_mut(row).copy_from_slice(&moved);
        }
        self.pop();
    }

    /// All rows, as they stand side by side; behind the last there may be room for more.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[T]> {
        self.blocks.iter().map(Vec::as_slice)
    }

    /// Each row, those together that stand side by side.
    pub(super) fn groups(&self) -> impl Iterator<Item = Vec<&[T]>> {
        self.blocks.iter().enumerate().map(|(at, block)| {
            let left = self.len - at * self.per_block();
            block.chunks_exact(self.width).take(left).collect()
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * size_of::<T>()).sum()
    }
}

impl Rows<i16> {
    /// These rows, on their way from memory together.
    pub(super) fn pick(&self, rows: &[u32]) -> Vec<&[i16]> {
        smolrag_kernels::rows::pick(&self.blocks, self.bits, self.width, rows)
    }
}

impl Rows<u8> {
    /// These rows, on their way from memory together.
    pub(super) fn pick(&self, rows: &[u32]) -> Vec<&[u8]> {
        smolrag_kernels::rows::pick_bytes(&self.blocks, self.bits, self.width, rows)
    }
}

//! The file of the static embedding table: a vocabulary and a row of 8-bit integers for each token.
//!
//! Little endian: `SRE1`, version, dimensions, number of tokens, length of the model's id (each
//! u32), the id, the length of the vocabulary (u32), its tokens in ascending order of their bytes
//! with line feeds between them, zeros up to a multiple of four bytes, a scale (f32) for each
//! token, a row (i8) for each token.

use std::ops::Range;

use hashbrown::HashTable;
use smolrag_kernels::add_scaled;

use crate::record::{Error, Result};

const MAGIC: &[u8] = b"SRE1";
const VERSION: u32 = 1;
const MAX_DIMENSIONS: usize = 4096;

/// The file, and where in it everything stands. Tokens and rows are read where they are.
pub(super) struct Table {
    bytes: Vec<u8>,
    model: String,
    dimensions: usize,
    /// Where each token begins, and one behind the last; each ends a byte before the next begins.
    starts: Vec<u32>,
    scales: usize,
    rows: usize,
    index: HashTable<u32>,
}

/// FNV-1a over a token's bytes: it can be carried on from any beginning of a word.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const START: Hash = Hash(0xcbf2_9ce4_8422_2325);
    /// Of the `##` before the tokens that continue a word.
    pub(super) const CONTINUATION: Hash = Hash::START.and(b"##");

    pub(super) const fn and(self, bytes: &[u8]) -> Hash {
        let mut hash = self.0;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        Hash(hash)
    }

    /// The index looks at the highest bits, which FNV mixes least.
    fn mixed(self) -> u64 {
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (self.0 >> 32)
    }
}

impl Table {
    /// Reads a table. Refuses what is damaged, whatever the damage.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self> {
        let mut header = Header { bytes: &bytes, at: 0 };
        if header.take(MAGIC.len())? != MAGIC {
            return Err(damaged("it does not begin like one"));
        }
        let version = header.number()?;
        if version != VERSION as usize {
            return Err(Error::invalid(format!(
                "the embedding table is of version {version}, and this package reads version {VERSION}; use the one \
                 that comes with the package"
            )));
        }
        let dimensions = header.number()?;
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(damaged(&format!("{dimensions} dimensions")));
        }
        let count = header.number()?;
        let model = header.text()?.to_owned();
        let vocabulary = header.text()?;
        let starts = token_starts(vocabulary, header.at - vocabulary.len(), count)?;
        let scales = header.at.next_multiple_of(4);
        let rows = count.checked_mul(4).and_then(|length| scales.checked_add(length));
        let end = count.checked_mul(dimensions).and_then(|length| rows?.checked_add(length));
        let (Some(rows), true) = (rows, end == Some(bytes.len())) else {
            return Err(damaged("it is cut short or too long"));
        };
        let mut table = Table {
            bytes,
            model,
            dimensions,
            starts,
            scales,
            rows,
            index: HashTable::with_capacity(count),
        };
        table.check_scales(count)?;
        table.build_index(count);
        Ok(table)
    }

    fn check_scales(&self, count: usize) -> Result<()> {
        let fine = (0..count).all(|row| {
            let scale = self.scale(row);
            scale.is_finite() && scale >= 0.0
        });
        if fine { Ok(()) } else { Err(damaged("a scale is no number")) }
    }

    fn build_index(&mut self, count: usize) {
        let mut index = std::mem::take(&mut self.index);
        // `count` was read from four bytes.
        for row in 0..count as u32 {
            let hash = |&row: &u32| Hash::START.and(self.token(row)).mixed();
            index.insert_unique(hash(&row), row, hash);
        }
        self.index = index;
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub(super) fn token(&self, row: u32) -> &[u8] {
        let row = row as usize;
        &self.bytes[self.starts[row] as usize..self.starts[row + 1] as usize - 1]
    }

    /// The row of the token of these bytes, which a `##` precedes if it continues a word. The hash
    /// is that of the whole.
    pub(super) fn row(&self, hash: Hash, continues: bool, bytes: &[u8]) -> Option<u32> {
        let same = |&row: &u32| {
            let token = self.token(row);
            if continues { token.strip_prefix(b"##") == Some(bytes) } else { token == bytes }
        };
        self.index.find(hash.mixed(), same).copied()
    }

    fn scale(&self, row: usize) -> f32 {
        let at = self.scales + 4 * row;
        let bytes = self.bytes[at..at + 4].try_into().expect("four bytes");
        f32::from_le_bytes(bytes)
    }

    /// Adds a token's vector to a sum of as many components.
    pub(super) fn add(&self, row: u32, sum: &mut [f32]) {
        let row = row as usize;
        let scale = self.scale(row);
        let from = self.rows + row * self.dimensions;
        add_scaled(sum, scale, &self.bytes[from..from + self.dimensions]);
    }
}

struct Header<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Header<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8]> {
        let end = self.at.checked_add(length);
        let range: Option<Range<usize>> = end.map(|end| self.at..end);
        let taken = range
            .and_then(|range| self.bytes.get(range))
            .ok_or_else(|| damaged("it is cut short"))?;
        self.at += length;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize> {
        let bytes = self.take(4)?.try_into().expect("four bytes");
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    fn text(&mut self) -> Result<&'b str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| damaged("its text is not UTF-8"))
    }
}

fn token_starts(vocabulary: &str, from: usize, count: usize) -> Result<Vec<u32>> {
    let tokens = vocabulary.split('\n');
    if tokens.clone().count() != count {
        return Err(damaged("its vocabulary has not as many tokens as it says"));
    }
    if !tokens.clone().is_sorted_by(|a, b| a < b) {
        return Err(damaged("its vocabulary is not in order"));
    }
    let mut at = from;
    let mut starts = vec![0; count + 1];
    for (start, token) in starts.iter_mut().zip(tokens) {
        *start = u32::try_from(at).map_err(|_| damaged("it is too long"))?;
        at += token.len() + 1;
    }
    starts[count] = u32::try_from(at).map_err(|_| damaged("it is too long"))?;
    Ok(starts)
}

fn damaged(how: &str) -> Error {
    Error::invalid(format!("the embedding table is damaged: {how}; load it again"))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::Code;

    const TOKENS: [&str; 7] = ["##bed", "##s", "em", "embedding", "s", "search", "東"];

    /// A small table, whose rows are 1, 2, 3, … in the first component and their negatives, halved,
    /// in the second.
    pub(in crate::builtin) fn bytes() -> Vec<u8> {
        let vocabulary = TOKENS.join("\n");
        let mut bytes = MAGIC.to_vec();
        for number in [VERSION, 2, TOKENS.len() as u32, 4] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"test");
        bytes.extend((vocabulary.len() as u32).to_le_bytes());
        bytes.extend(vocabulary.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        TOKENS.iter().for_each(|_| bytes.extend(0.5f32.to_le_bytes()));
        (1..=TOKENS.len() as i8).for_each(|row| bytes.extend([2 * row as u8, -row as u8]));
        bytes
    }

    pub(in crate::builtin) fn table() -> Table {
        Table::new(bytes()).unwrap()
    }

    #[test]
    fn every_token_is_found_at_its_row() {
        let table = table();
        assert_eq!((table.model(), table.dimensions()), ("test", 2));
        for (row, token) in TOKENS.iter().enumerate() {
            assert_eq!(table.token(row as u32), token.as_bytes());
            let hash = Hash::START.and(token.as_bytes());
            assert_eq!(table.row(hash, false, token.as_bytes()), Some(row as u32));
        }
        assert_eq!(table.row(Hash::CONTINUATION.and(b"s"), true, b"s"), Some(1));
        assert_eq!(table.row(Hash::START.and(b"none"), false, b"none"), None);
        let mut sum = [0.0; 2];
        table.add(2, &mut sum);
        assert_eq!(sum, [3.0, -1.5]);
    }

    #[test]
    fn what_is_cut_or_too_long_or_of_another_kind_is_refused() {
        let whole = bytes();
        for length in 0..whole.len() {
            assert_eq!(
                Table::new(whole[..length].to_vec()).err().unwrap().code,
                Code::InvalidArgument
            );
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(Table::new(longer).is_err());
        let mut newer = whole;
        newer[4] = 2;
        assert!(Table::new(newer).err().unwrap().message.contains("version 2"));
    }

    proptest! {
        #[test]
        fn a_damaged_table_is_refused_or_read_but_never_panics(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
        ) {
            let mut bytes = bytes();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(table) = Table::new(bytes) {
                let mut sum = vec![0.0; table.dimensions()];
                super::super::wordpiece::tokens("Embeddings search 東京", &table, |row| table.add(row, &mut sum));
            }
        }
    }
}

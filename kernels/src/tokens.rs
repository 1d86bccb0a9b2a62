//! The loop that estimates tokens.

use crate::lanes::Lanes;

/// What a character is to a tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A capital.
    Upper,
    /// A small letter, or one without a case.
    Lower,
    /// A figure.
    Digit,
    /// A letter of the Korean script.
    Hangul,
    /// Of another script without spaces.
    Unspaced,
    /// White space within a line.
    Blank,
    /// The end of a line.
    Break,
    /// All else.
    Mark,
}

/// What a piece follows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Nothing,
    Blank,
    /// A single mark, which belongs to the first token of a word.
    Lead,
    /// Other marks.
    Marks,
}

/// The tokens of a text, by pieces that a tokenizer does not cut apart: characters of one kind, and capitals
/// with the small letters behind them; longer ones than a block count as several. Of what kind a character
/// past ASCII is, `foreign` says.
#[inline(always)]
pub fn estimate<L: Lanes>(text: &str, foreign: fn(char) -> Kind) -> usize {
    let (mut hundredths, mut before, mut rest) = (0, Before::default(), text);
    while !rest.is_empty() {
        let block = Block::new::<L>(rest, foreign);
        let pieces = Pieces::new(&block, block.length as usize == rest.len());
        hundredths += pieces.worth(&mut before);
        rest = &rest[pieces.end as usize..];
    }
    hundredths.div_ceil(100)
}

/// Up to 64 bytes of a text, whole characters: a bit each.
struct Block {
    /// The bytes of each kind.
    kinds: [u64; 8],
    /// The first bytes of characters past ASCII.
    heads: u64,
    /// Their other bytes.
    inner: u64,
    length: u32,
}

/// The bits before this one, of 64.
#[inline(always)]
fn below(bit: u32) -> u64 {
    if bit < 64 { (1 << bit) - 1 } else { !0 }
}

/// Whether this bit is set; beyond the last none is.
#[inline(always)]
fn has(bits: u64, bit: u32) -> bool {
    bits.checked_shr(bit).unwrap_or(0) & 1 != 0
}

impl Block {
    #[inline(always)]
    fn new<L: Lanes>(text: &str, foreign: fn(char) -> Kind) -> Self {
        let mut padded = [0; 64];
        let bytes = match text.as_bytes().first_chunk() {
            Some(bytes) => bytes,
            None => {
                padded[..text.len()].copy_from_slice(text.as_bytes());
                &padded
            }
        };
        let length = text.len().min(64) as u32;
        let (mut kinds, mut past) = ([0; 8], 0);
        for (i, sixteen) in
            bytes.as_chunks().0.iter().enumerate().take(length.div_ceil(16) as usize)
        {
            let lanes = L::bytes(sixteen);
            let breaks = lanes.between(b'\n', b'\n') | lanes.between(b'\r', b'\r');
            let blanks = lanes.between(b' ', b' ') | lanes.between(b'\t', b'\r') & !breaks;
            for (kind, bytes) in [
                (Kind::Lower, lanes.between(b'a', b'z')),
                (Kind::Upper, lanes.between(b'A', b'Z')),
                (Kind::Digit, lanes.between(b'0', b'9')),
                (Kind::Break, breaks),
                (Kind::Blank, blanks),
            ] {
                kinds[kind as usize] |= u64::from(bytes) << (16 * i);
            }
            past |= u64::from(lanes.between(0x80, 0xff)) << (16 * i);
        }
        let named = kinds.iter().fold(past, |all, kind| all | kind);
        kinds[Kind::Mark as usize] = !named & below(length);
        let mut block = Block { kinds, heads: 0, inner: 0, length };
        if past != 0 {
            block.read_past_ascii(text, past, foreign);
        }
        block
    }

    #[inline(never)]
    fn read_past_ascii(&mut self, text: &str, mut past: u64, foreign: fn(char) -> Kind) {
        while past != 0 {
            let at = past.trailing_zeros();
            let Some(c) = text[at as usize..].chars().next() else { return };
            let end = at + c.len_utf8() as u32;
            if end > 64 {
                self.length = at;
                break;
            }
            let bytes = below(end) & !below(at);
            self.kinds[foreign(c) as usize] |= bytes;
            self.heads |= 1 << at;
            self.inner |= bytes & (bytes - 1);
            past &= !bytes;
        }
        let within = below(self.length);
        self.kinds.iter_mut().for_each(|kind| *kind &= within);
    }

    #[inline(always)]
    fn of(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize]
    }

    /// The letters that words are made of.
    #[inline(always)]
    fn letters(&self) -> u64 {
        self.of(Kind::Upper) | self.of(Kind::Lower)
    }
}

/// The pieces of a block that end in it, or where none does, the one that it is full of.
struct Pieces<'a> {
    block: &'a Block,
    /// Their first bytes, and that of what follows.
    starts: u64,
    end: u32,
    /// Whether nothing follows.
    last: bool,
}

/// Bytes of a block, by their bits.
#[derive(Clone, Copy)]
struct Piece {
    /// The first of them.
    start: u64,
    /// The one that follows; zero behind the block.
    end: u64,
    bytes: u64,
}

impl<'a> Pieces<'a> {
    #[inline(always)]
    fn new(block: &'a Block, last: bool) -> Self {
        let new = |starts, kind: &u64| starts | kind & !(kind << 1);
        let starts = block.kinds.iter().fold(0, new);
        let starts = starts & !(block.of(Kind::Lower) & block.of(Kind::Upper) << 1);
        let end = if last || starts == 1 { block.length } else { starts.ilog2() };
        Pieces { block, starts: starts & below(end) | !below(end), end, last }
    }

    /// Those that begin with one of these bytes.
    #[inline(always)]
    fn each(&self, firsts: u64) -> impl Iterator<Item = Piece> {
        let mut firsts = firsts & self.starts & below(self.end);
        std::iter::from_fn(move || {
            let start = firsts & firsts.wrapping_neg();
            if start == 0 {
                return None;
            }
            firsts ^= start;
            let ends = self.starts & !(start | (start - 1));
            let end = ends & ends.wrapping_neg();
            Some(Piece { start, end, bytes: end.wrapping_sub(start) })
        })
    }

    #[inline(always)]
    fn length(&self, piece: Piece) -> usize {
        (piece.bytes & !self.block.inner).count_ones() as usize
    }

    /// Whether the last piece is one character of these.
    #[inline(always)]
    fn ends_with_one(&self, bits: u64) -> bool {
        let within = below(self.end);
        let start = 1 << (self.starts & within).ilog2();
        let bytes = within & !(start - 1);
        bits & start != 0 && (bytes & !self.block.inner).count_ones() == 1
    }

    /// In hundredths of tokens.
    #[inline(always)]
    fn worth(&self, before: &mut Before) -> usize {
        let block = self.block;
        let (blanks, breaks, marks) =
            (block.of(Kind::Blank), block.of(Kind::Break), block.of(Kind::Mark));
        let after_blanks = blanks << 1 | u64::from(*before == Before::Blank);
        let after_marks = marks << 1 | u64::from(matches!(before, Before::Lead | Before::Marks));
        let mut after_leads = u64::from(*before == Before::Lead);

        let mut sum = 0;
        let letters = block.letters() | block.of(Kind::Hangul) | block.of(Kind::Unspaced);
        for piece in self.each(marks) {
            let length = self.length(piece);
            if length == 1 && after_blanks & piece.start == 0 && letters & piece.end != 0 {
                after_leads |= piece.end;
            } else {
                sum += marks_worth(length);
            }
        }
        for piece in self.each(block.letters()) {
            let capitals =
                (block.of(Kind::Upper) & !block.inner & piece.bytes).count_ones() as usize;
            let lead = usize::from(after_blanks & piece.start != 0)
                + 2 * usize::from(after_leads & piece.start != 0);
            sum += word(lead, self.length(piece), capitals);
        }
        // At the end of a line blanks are of one token with its break, and breaks with the marks before them.
        for piece in self.each(blanks & blanks >> 1) {
            sum += 100 * usize::from(self.length(piece) > 1 && breaks & piece.end == 0);
        }
        sum += 100 * usize::from(self.last && self.ends_with_one(blanks));
        let alone = breaks & !after_marks & self.starts & below(self.end);
        sum += 100 * alone.count_ones() as usize;
        for piece in self.each(block.of(Kind::Digit)) {
            let blank = usize::from(after_blanks & piece.start != 0);
            sum += 100 * (self.length(piece).div_ceil(3) + blank);
        }
        if block.heads != 0 {
            let within = below(self.end);
            sum += 20 * (block.heads & block.letters() & within).count_ones() as usize;
            for piece in self.each(block.of(Kind::Hangul)) {
                sum += 25 + 65 * self.length(piece);
            }
            sum += 80 * (block.heads & block.of(Kind::Unspaced) & within).count_ones() as usize;
        }
        *before = if has(blanks, self.end - 1) {
            Before::Blank
        } else if has(after_leads, self.end) {
            Before::Lead
        } else if has(marks, self.end - 1) {
            Before::Marks
        } else {
            Before::Nothing
        };
        sum
    }
}

/// Hundredths of tokens of a word behind nothing, blanks or a single mark.
#[inline(always)]
fn word(lead: usize, letters: usize, capitals: usize) -> usize {
    if capitals == letters && letters > 1 {
        return 100.max(45 + 30 * letters);
    }
    let (one, free, step) = [(102, 5, 12), (102, 7, 5), (108, 3, 14), (0, 0, 0)][lead];
    one + step * letters.saturating_sub(free)
}

/// Hundredths of tokens of marks in a row.
#[inline(always)]
fn marks_worth(length: usize) -> usize {
    match length {
        1 | 2 => 101,
        3 => 125,
        more => 44 + 28 * more,
    }
}

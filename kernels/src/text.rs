//! Loops over the bytes of texts.

use std::ops::Range;

/// Bytes to look for.
pub type Bytes = [bool; 256];

/// These bytes.
pub const fn these(bytes: &[u8]) -> Bytes {
    let mut set = [false; 256];
    let mut i = 0;
    while i < bytes.len() {
        set[bytes[i] as usize] = true;
        i += 1;
    }
    set
}

/// What is visible in ASCII, but for these bytes.
pub const fn visible_but(bytes: &[u8]) -> Bytes {
    let (mut set, except) = ([false; 256], these(bytes));
    let mut byte = 0;
    while byte < 256 {
        set[byte] = (byte as u8).is_ascii_graphic() && !except[byte];
        byte += 1;
    }
    set
}

/// Looks at each text, so that they are on their way from memory together before each is waited for.
#[inline(never)]
pub fn fetch(texts: &[&str]) {
    let firsts = texts.iter().filter_map(|text| text.as_bytes().first());
    std::hint::black_box(firsts.fold(0, |seen, first| seen ^ first));
}

/// Texts, a line each.
#[inline(never)]
pub fn lines(texts: &[&str]) -> String {
    fetch(texts);
    let mut lines = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        lines.push_str(text);
        lines.push('\n');
    }
    lines
}

/// Where the first of such bytes stands, from there on.
#[inline(never)]
pub fn find(text: &[u8], from: usize, bytes: &Bytes) -> Option<usize> {
    let found = text.get(from..)?.iter().position(|&byte| bytes[usize::from(byte)]);
    found.map(|at| from + at)
}

/// Where the first word stands that begins with such a byte, from there on: letters and figures of ASCII
/// and `_` make a word.
#[inline(never)]
pub fn find_word(text: &[u8], mut from: usize, bytes: &Bytes) -> Option<usize> {
    let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    loop {
        let at = from + text.get(from..)?.iter().position(|&byte| bytes[usize::from(byte)])?;
        if at == 0 || !in_word(text[at - 1]) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Whether a text is words of such bytes with one space between two.
#[inline(never)]
pub fn is_plain(text: &str, bytes: &Bytes) -> bool {
    let mut in_word = false;
    for &byte in text.as_bytes() {
        let blank = byte == b' ' && in_word;
        if !blank && !bytes[usize::from(byte)] {
            return false;
        }
        in_word = !blank;
    }
    in_word
}

/// What a byte of ASCII is to words: a part of one, or, times [`JOINS`], what it joins two of.
static PARTS: [u8; 256] = {
    let mut parts = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        parts[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'0'..=b'9' => FIGURE,
            b'_' => LINE,
            b'.' | b'\'' => JOINS * (LETTER | FIGURE),
            b':' => JOINS * LETTER,
            b',' | b';' => JOINS * FIGURE,
            _ => 0,
        };
        byte += 1;
    }
    parts
};
const LETTER: u8 = 1;
const FIGURE: u8 = 2;
const LINE: u8 = 4;
const JOINS: u8 = 8;

/// The next word of a text of ASCII, from there on, by the rules of
/// [UAX 29](https://www.unicode.org/reports/tr29/#Word_Boundaries): letters, figures and `_`, with what joins two
/// letters or two figures. Of `_` alone there is no word.
#[inline(never)]
pub fn ascii_word(text: &[u8], from: usize) -> Option<Range<usize>> {
    let part = |at: usize| text.get(at).map_or(0, |&byte| PARTS[usize::from(byte)]);
    let mut start = from;
    while start < text.len() {
        let (mut end, mut seen) = (start, 0);
        loop {
            let this = part(end);
            let joins = |joined: u8| this & (JOINS * joined) != 0;
            if this & (LETTER | FIGURE | LINE) == 0
                && (end == start || !joins(part(end - 1) & part(end + 1)))
            {
                break;
            }
            seen |= this;
            end += 1;
        }
        if seen & (LETTER | FIGURE) != 0 {
            return Some(start..end);
        }
        start = end + 1;
    }
    None
}

/// How many UTF-16 units the bytes of a text stand for. A character's first byte stands for all its units: two if it
/// begins a sequence of four bytes.
#[inline(never)]
pub fn utf16_units(text: &[u8]) -> usize {
    let units =
        |&byte: &u8| u8::from(byte & 0b1100_0000 != 0b1000_0000) + u8::from(byte >= 0b1111_0000);
    let sum = |bytes: &[u8]| -> usize { bytes.iter().map(units).sum::<u8>().into() };
    // So many add up to less than 256.
    let (whole, rest) = text.as_chunks::<64>();
    whole.iter().map(|bytes| sum(bytes)).sum::<usize>() + sum(rest)
}

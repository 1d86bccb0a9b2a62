//! Offsets as JavaScript counts them: in UTF-16 code units.

use smolrag_kernels::text::utf16_units;

/// UTF-16 offsets of byte positions in one text: built in one pass, answered in constant time.
pub struct Utf16Index<'t> {
    text: &'t str,
    /// Units before every [`STRIDE`]th byte.
    before: Vec<usize>,
}

/// Bytes between two remembered positions: one in sixteen bytes of extra memory on wasm, and at
/// most this many bytes to count for an answer.
const STRIDE: usize = 64;

impl<'t> Utf16Index<'t> {
    /// Counts the text once.
    pub fn new(text: &'t str) -> Self {
        let mut before = Vec::with_capacity(text.len() / STRIDE + 1);
        let mut units = 0;
        for chunk in text.as_bytes().chunks(STRIDE) {
            before.push(units);
            units += utf16_units(chunk);
        }
        before.push(units);
        Utf16Index { text, before }
    }

    /// The UTF-16 offset of a byte position. A position inside a character counts as behind it.
    pub fn offset(&self, byte: usize) -> usize {
        let known = (byte / STRIDE).min(self.before.len() - 1);
        self.before[known] + utf16_units(&self.text.as_bytes()[known * STRIDE..byte])
    }

    /// The length of a byte range in UTF-16 units.
    pub fn length(&self, bytes: &std::ops::Range<usize>) -> usize {
        self.offset(bytes.end) - self.offset(bytes.start)
    }
}

/// The length of a text in UTF-16 units.
pub fn utf16_length(text: &str) -> usize {
    utf16_units(text.as_bytes())
}

/// The bytes of the longest beginning that has at most so many UTF-16 units.
pub(super) fn utf16_prefix(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, c) in text.char_indices() {
        match left.checked_sub(c.len_utf16()) {
            Some(less) => left = less,
            None => return at,
        }
    }
    text.len()
}

/// Where the longest end begins that has at most so many UTF-16 units, in bytes.
pub(super) fn utf16_suffix(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, c) in text.char_indices().rev() {
        match left.checked_sub(c.len_utf16()) {
            Some(less) => left = less,
            None => return at + c.len_utf8(),
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn agrees_with_encoding(text in "(.|\u{1F469}\u{200D}\u{1F52C}|é|界){0,300}", at in any::<prop::sample::Index>()) {
            let index = Utf16Index::new(&text);
            for (byte, _) in text.char_indices().chain([(text.len(), ' ')]) {
                prop_assert_eq!(index.offset(byte), text[..byte].encode_utf16().count());
            }
            prop_assert_eq!(utf16_length(&text), text.encode_utf16().count());

            let reversed: String = text.chars().rev().collect();
            let units = at.index(text.len() + 1);
            let prefix = utf16_prefix(&text, units);
            prop_assert!(text[..prefix].encode_utf16().count() <= units);
            prop_assert_eq!(utf16_suffix(&reversed, units), text.len() - prefix);
            if let Some(next) = text[prefix..].chars().next() {
                prop_assert!(text[..prefix].encode_utf16().count() + next.len_utf16() > units);
            }
        }
    }
}

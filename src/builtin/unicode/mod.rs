//! The facts of Unicode that BERT's uncased tokenizer rests on and std does not have.

mod tables;

use tables::{BASES, FORMATS, MARKS, PUNCTUATION};

const HANGUL_BASE: u32 = 0xAC00;
const HANGUL_SYLLABLES: u32 = 11172;
const HANGUL_VOWELS: u32 = 21;
const HANGUL_TRAILERS: u32 = 28;

/// Gives the characters of the canonical decomposition (NFD), without nonspacing marks, in order.
/// Beyond the Basic Multilingual Plane a character stands for itself.
pub(super) fn without_marks(c: char, mut give: impl FnMut(char)) {
    let code = u32::from(c);
    if code < 0x80 {
        return give(c);
    }
    if let Some(syllable) = code.checked_sub(HANGUL_BASE).filter(|&index| index < HANGUL_SYLLABLES)
    {
        return jamo(syllable, give);
    }
    let from = BASES.partition_point(|&(composed, _)| u32::from(composed) < code);
    let bases = BASES[from..].iter().take_while(|&&(composed, _)| u32::from(composed) == code);
    let mut decomposed = false;
    for &(_, base) in bases {
        decomposed = true;
        char::from_u32(u32::from(base)).into_iter().for_each(&mut give);
    }
    if !decomposed && !within(&MARKS, code) {
        give(c);
    }
}

/// The Unicode Standard, chapter 3.12: a syllable's letters follow from its number.
fn jamo(syllable: u32, mut give: impl FnMut(char)) {
    let trailer = syllable % HANGUL_TRAILERS;
    let letters = [
        Some(0x1100 + syllable / (HANGUL_VOWELS * HANGUL_TRAILERS)),
        Some(0x1161 + syllable / HANGUL_TRAILERS % HANGUL_VOWELS),
        (trailer > 0).then_some(0x11A7 + trailer),
    ];
    letters.into_iter().flatten().filter_map(char::from_u32).for_each(&mut give);
}

/// Punctuation, and the ASCII signs that BERT counts to it.
pub(super) fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || (!c.is_ascii() && within(&PUNCTUATION, u32::from(c)))
}

/// Control and format characters other than white space.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control() || (!c.is_ascii() && within(&FORMATS, u32::from(c)))
}

fn within(ranges: &[(u32, u32)], code: u32) -> bool {
    let at = ranges.partition_point(|&(_, last)| last < code);
    ranges.get(at).is_some_and(|&(first, _)| first <= code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|c| without_marks(c, |base| out.push(base)));
        out
    }

    #[test]
    fn marks_go_and_letters_stay() {
        assert_eq!(stripped("Élan ǖ ﬁ Ångström"), "Elan u ﬁ Angstrom");
        assert_eq!(stripped("e\u{301}"), "e");
        assert_eq!(stripped("が"), "か");
        assert_eq!(stripped("각가"), "\u{1100}\u{1161}\u{11A8}\u{1100}\u{1161}");
        assert_eq!(stripped("ஔ"), "ஔ");
        assert_eq!(stripped("\u{37E}"), ";");
    }

    #[test]
    fn signs() {
        assert!(['!', '$', '`', '。', '„', '་'].into_iter().all(is_punctuation));
        assert!(!['a', '€', '→', ' '].into_iter().any(is_punctuation));
        assert!(['\0', '\u{AD}', '\u{200B}', '\u{FEFF}'].into_iter().all(is_invisible));
        assert!(!['a', ' ', '界'].into_iter().any(is_invisible));
    }
}

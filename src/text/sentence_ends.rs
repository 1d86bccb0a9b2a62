//! Where sentences end by the rules SB3 to SB11 of UAX 29, "Unicode Text Segmentation".
//!
//! The crate that has the rules for words has these too, with the letters of the whole of Unicode in a
//! table of 22 kB. `char` knows letters already; what else there is to know stands below, for
//! Unicode 17.

use unicode_segmentation::UnicodeSegmentation;

/// The byte offsets at which the sentences of a text end, ascending; the last is the text's end.
/// White space behind a sentence is part of it.
pub(super) fn sentence_ends(text: &str) -> Vec<usize> {
    let clusters = clusters(text);
    let mut ends = Vec::new();
    for (index, &(end, c)) in clusters.iter().enumerate() {
        let end = match c {
            _ if is_line_end(c) || end == text.len() => Some(end),
            _ if is_terminal(c) => sentence_end(&clusters, index),
            _ => None,
        };
        // What ends with a terminal and a line is found twice.
        ends.extend(end.filter(|&end| ends.last().is_none_or(|&last| last < end)));
    }
    ends
}

/// Each character with the offset behind it. The marks on a character and invisible ones behind it are
/// part of it, and change nothing about what it is.
fn clusters(text: &str) -> Vec<(usize, char)> {
    let mut clusters: Vec<(usize, char)> = Vec::new();
    for (at, cluster) in text.grapheme_indices(true) {
        let end = at + cluster.len();
        match (cluster.chars().next(), clusters.last_mut()) {
            (Some(c), Some(last)) if is(c, &FORMATS) && !is_line_end(last.1) => last.0 = end,
            (first, _) => clusters.extend(first.map(|c| (end, c))),
        }
    }
    clusters
}

/// Where the sentence of a terminal mark ends, if it does end one.
fn sentence_end(clusters: &[(usize, char)], mark: usize) -> Option<usize> {
    let after = &clusters[mark + 1..];
    let closed = skip(after, |c| is(c, &CLOSERS));
    let rest = skip(closed, is_space);
    let next = rest.first().map(|&(_, c)| c);
    let goes_on = next.is_some_and(|c| is(c, &CONTINUERS) || is_terminal(c));
    if goes_on || (is_full_stop(clusters[mark].1) && is_within(&clusters[..mark], after, rest)) {
        return None;
    }
    let line_end = usize::from(next.is_some_and(is_line_end));
    Some(clusters[clusters.len() - rest.len() + line_end - 1].0)
}

/// Whether a full stop stands within a number, an abbreviation, or a sentence that goes on in small
/// letters. `rest` is what follows behind brackets and spaces.
fn is_within(before: &[(usize, char)], after: &[(usize, char)], rest: &[(usize, char)]) -> bool {
    let next = after.first().map(|&(_, c)| c);
    let is_cased = |&(_, c): &(usize, char)| c.is_lowercase() || c.is_uppercase();
    let is_telling = |&c: &char| c.is_alphabetic() || is_line_end(c) || is_terminal(c);
    next.is_some_and(char::is_numeric)
        || (before.last().is_some_and(is_cased) && next.is_some_and(char::is_uppercase))
        || rest.iter().map(|&(_, c)| c).find(is_telling).is_some_and(char::is_lowercase)
}

fn skip(clusters: &[(usize, char)], kind: impl Fn(char) -> bool) -> &[(usize, char)] {
    let end = clusters.iter().position(|&(_, c)| !kind(c)).unwrap_or(clusters.len());
    &clusters[end..]
}

fn is_full_stop(c: char) -> bool {
    matches!(c, '.' | '\u{2024}' | '\u{FE52}' | '\u{FF0E}')
}

fn is_terminal(c: char) -> bool {
    is_full_stop(c) || is(c, &TERMINALS)
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    c.is_whitespace() && !is_line_end(c)
}

fn is(c: char, ranges: &[(u32, u32)]) -> bool {
    let at = ranges.partition_point(|&(_, last)| last < u32::from(c));
    ranges.get(at).is_some_and(|&(first, _)| first <= u32::from(c))
}

/// `STerm`: question marks, and full stops that are nothing else.
#[rustfmt::skip]
const TERMINALS: [(u32, u32); 84] = [
    (0x21, 0x21), (0x3F, 0x3F), (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4), (0x700, 0x702),
    (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E), (0x964, 0x965), (0x104A, 0x104B),
    (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736), (0x17D4, 0x17D5), (0x1803, 0x1803),
    (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB), (0x1B4E, 0x1B4F), (0x1B5A, 0x1B5B), (0x1B5E, 0x1B5F),
    (0x1B7D, 0x1B7F), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F), (0x203C, 0x203D), (0x2047, 0x2049), (0x2CF9, 0x2CFB),
    (0x2E2E, 0x2E2E), (0x2E3C, 0x2E3C), (0x2E53, 0x2E54), (0x3002, 0x3002), (0xA4FF, 0xA4FF), (0xA60E, 0xA60F),
    (0xA6F3, 0xA6F3), (0xA6F7, 0xA6F7), (0xA876, 0xA877), (0xA8CE, 0xA8CF), (0xA92F, 0xA92F), (0xA9C8, 0xA9C9),
    (0xAA5D, 0xAA5F), (0xAAF0, 0xAAF1), (0xABEB, 0xABEB), (0xFE12, 0xFE12), (0xFE15, 0xFE16), (0xFE56, 0xFE57),
    (0xFF01, 0xFF01), (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x10F86, 0x10F89),
    (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6), (0x111CD, 0x111CD), (0x111DE, 0x111DF),
    (0x11238, 0x11239), (0x1123B, 0x1123C), (0x112A9, 0x112A9), (0x113D4, 0x113D5), (0x1144B, 0x1144C), (0x115C2, 0x115C3),
    (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E), (0x11944, 0x11944), (0x11946, 0x11946), (0x11A42, 0x11A43),
    (0x11A9B, 0x11A9C), (0x11C41, 0x11C42), (0x11EF7, 0x11EF8), (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5),
    (0x16B37, 0x16B38), (0x16B44, 0x16B44), (0x16D6E, 0x16D6F), (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88),
];

/// `Close`: quotation marks and brackets.
#[rustfmt::skip]
const CLOSERS: [(u32, u32); 45] = [
    (0x22, 0x22), (0x27, 0x29), (0x5B, 0x5B), (0x5D, 0x5D), (0x7B, 0x7B), (0x7D, 0x7D),
    (0xAB, 0xAB), (0xBB, 0xBB), (0xF3A, 0xF3D), (0x169B, 0x169C), (0x2018, 0x201F), (0x2039, 0x203A),
    (0x2045, 0x2046), (0x207D, 0x207E), (0x208D, 0x208E), (0x2308, 0x230B), (0x2329, 0x232A), (0x275B, 0x2760),
    (0x2768, 0x2775), (0x27C5, 0x27C6), (0x27E6, 0x27EF), (0x2983, 0x2998), (0x29D8, 0x29DB), (0x29FC, 0x29FD),
    (0x2E00, 0x2E0D), (0x2E1C, 0x2E1D), (0x2E20, 0x2E29), (0x2E42, 0x2E42), (0x2E55, 0x2E5C), (0x3008, 0x3011),
    (0x3014, 0x301B), (0x301D, 0x301F), (0xFD3E, 0xFD3F), (0xFE17, 0xFE18), (0xFE35, 0xFE44), (0xFE47, 0xFE48),
    (0xFE59, 0xFE5E), (0xFF08, 0xFF09), (0xFF3B, 0xFF3B), (0xFF3D, 0xFF3D), (0xFF5B, 0xFF5B), (0xFF5D, 0xFF5D),
    (0xFF5F, 0xFF60), (0xFF62, 0xFF63), (0x1F676, 0x1F678),
];

/// `SContinue`: marks within a sentence.
#[rustfmt::skip]
const CONTINUERS: [(u32, u32); 20] = [
    (0x2C, 0x2D), (0x3A, 0x3B), (0x37E, 0x37E), (0x55D, 0x55D), (0x60C, 0x60D), (0x7F8, 0x7F8),
    (0x1802, 0x1802), (0x1808, 0x1808), (0x2013, 0x2014), (0x3001, 0x3001), (0xFE10, 0xFE11), (0xFE13, 0xFE14),
    (0xFE31, 0xFE32), (0xFE50, 0xFE51), (0xFE54, 0xFE55), (0xFE58, 0xFE58), (0xFE63, 0xFE63), (0xFF0C, 0xFF0D),
    (0xFF1A, 0xFF1B), (0xFF64, 0xFF64),
];

/// `Format`: invisible, and as if it were not there.
#[rustfmt::skip]
const FORMATS: [(u32, u32); 15] = [
    (0xAD, 0xAD), (0x61C, 0x61C), (0x70F, 0x70F), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0001, 0xE0001),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_ascend() {
        for ranges in [&TERMINALS[..], &CLOSERS, &CONTINUERS, &FORMATS] {
            assert!(ranges.iter().all(|&(first, last)| first <= last));
            assert!(ranges.is_sorted_by(|a, b| a.1 < b.0));
        }
    }

    proptest! {
        #![proptest_config(crate::cases(4000))]
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn are_those_of_the_unicode_rules(
            text in "([a-cXYZ .!?,:;0-9]|[\"'()\u{201C}\u{201D}\u{AD}\u{200F}]|[\r\n]|\r\n|[ex)]\u{301}|[。！？界аЖ،؟।ع٣]){0,40}",
        ) {
            let expected: Vec<usize> =
                text.split_sentence_bound_indices().map(|(at, piece)| at + piece.len()).collect();
            prop_assert_eq!(sentence_ends(&text), expected, "{:?}", text);
        }
    }
}

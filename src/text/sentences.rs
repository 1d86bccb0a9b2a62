//! Sentences by the Unicode rules (UAX 29), mended where those are known to cut too early.

use std::ops::Range;

use super::sentence_ends::sentence_ends;

/// Words after which a full stop does not end a sentence.
const ABBREVIATIONS: [&str; 14] = [
    "e.g.", "i.e.", "etc.", "vs.", "cf.", "mr.", "mrs.", "ms.", "dr.", "prof.", "no.", "fig.",
    "approx.", "st.",
];

/// The byte ranges of the sentences, without the white space around them. A blank line ends a
/// sentence; a single line break does not.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open: Option<usize> = None;
    let mut start = 0;
    for end in sentence_ends(text) {
        let from = open.unwrap_or(std::mem::replace(&mut start, end));
        let so_far = &text[from..end];
        let more_on_this_line = end < text.len() && !ends_paragraph(text, end);
        if more_on_this_line && (ends_in_abbreviation(so_far) || ends_in_line_break(so_far)) {
            open = Some(from);
            continue;
        }
        open = None;
        push_trimmed(text, from..end, &mut found);
    }
    found
}

fn ends_paragraph(text: &str, end: usize) -> bool {
    let before = &text[..end];
    let trailing = &before[before.trim_end().len()..];
    let following = &text[end..];
    let leading = &following[..following.len() - following.trim_start().len()];
    trailing.matches('\n').count() + leading.matches('\n').count() > 1
}

fn ends_in_line_break(sentence: &str) -> bool {
    let trimmed = sentence.trim_end();
    // The Unicode rules end a sentence at every line break; prose is often wrapped.
    trimmed.len() < sentence.len()
        && !trimmed.ends_with(['.', '!', '?', '…', '。', '！', '？', ':', ';'])
}

fn ends_in_abbreviation(sentence: &str) -> bool {
    let last = sentence
        .trim_end()
        .rsplit(|c: char| c.is_whitespace() || c == '(')
        .next()
        .unwrap_or_default();
    ABBREVIATIONS.iter().any(|abbreviation| last.eq_ignore_ascii_case(abbreviation))
}

fn push_trimmed(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        found.push(start..start + trimmed.len());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn ends_at_marks_in_any_script() {
        assert_eq!(split("One. Two! Three? 四。五！"), ["One.", "Two!", "Three?", "四。", "五！"]);
    }

    #[test]
    fn abbreviations_and_wrapped_lines_do_not_end_one() {
        assert_eq!(
            split("Use a store, e.g. IndexedDB, here. Then\nquery it."),
            ["Use a store, e.g. IndexedDB, here.", "Then\nquery it."]
        );
    }

    #[test]
    fn a_blank_line_ends_one() {
        assert_eq!(split("A title\n\nA sentence."), ["A title", "A sentence."]);
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn they_are_in_order_trimmed_and_lose_nothing(text in "[a-c .!?\n。界]{0,60}") {
            let ranges = sentences(&text);
            let mut at = 0;
            for range in &ranges {
                prop_assert!(text[at..range.start].trim().is_empty());
                prop_assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
                at = range.end;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }
}

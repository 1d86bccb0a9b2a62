//! Words and the terms that the lexical index knows them by.

use std::ops::Range;

use ecow::EcoString;
use smolrag_kernels::text::{Bytes, ascii_word, is_plain, visible_but};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    script::{fold_width, is_unspaced},
    stems::Stems,
};

/// One entry for the lexical index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Lower-cased, width-folded and stemmed.
    pub text: EcoString,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

/// The words of a text by the Unicode rules (UAX 29), with their byte offsets. Text without spaces
/// comes as runs of its script.
pub fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    each_word(text, &mut |at, word| words.push((at, word)));
    words
}

/// Tells of [`words`].
fn each_word<'a>(text: &'a str, told: &mut dyn FnMut(usize, &'a str)) {
    if text.is_ascii() {
        return each_ascii_word(0, text, told);
    }
    let mut start = 0;
    // No word goes past the end of its line, and a line of ASCII takes a fraction of another's time.
    for line in text.split_inclusive('\n') {
        if line.is_ascii() {
            each_ascii_word(start, line, told);
        } else {
            let mut words = Vec::new();
            add_words(start, line, &mut words);
            words.into_iter().for_each(|(at, word)| told(at, word));
        }
        start += line.len();
    }
}

fn each_ascii_word<'a>(start: usize, line: &'a str, told: &mut dyn FnMut(usize, &'a str)) {
    let mut from = 0;
    while let Some(word) = ascii_word(line.as_bytes(), from) {
        from = word.end;
        told(start + word.start, &line[word]);
    }
}

fn add_words<'a>(start: usize, line: &'a str, words: &mut Vec<(usize, &'a str)>) {
    for (at, segment) in line.split_word_bound_indices() {
        if !segment.contains(|c: char| c.is_alphanumeric() || is_unspaced(c)) {
            continue;
        }
        match words.last_mut() {
            // UAX 29 gives such scripts character by character; join what touches.
            Some((from, last))
                if *from + last.len() == start + at && unspaced(last) && unspaced(segment) =>
            {
                *last = &line[*from - start..at + segment.len()];
            }
            _ => words.push((start + at, segment)),
        }
    }
}

fn unspaced(segment: &str) -> bool {
    segment.chars().next().is_some_and(is_unspaced)
}

/// The terms of a text, in order.
///
/// A word gives its stem. An identifier (`max_tokens`, `maxTokens`, `guide.md`) gives itself and its
/// parts, so that either way of asking finds it. A run of a script without spaces gives its
/// overlapping pairs of characters, or the one character it has.
pub fn terms(text: &str) -> Vec<Term> {
    let (mut terms, stems) = (Vec::new(), Stems::default());
    forms(text, &mut |at, form| terms.push(Term { text: form.term(&stems), at }));
    terms
}

/// What stands in a text where a term is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// A word, or a part of one.
    Word(&'a str),
    /// A pair of characters of a script without spaces, or a character that stands alone.
    Pair(&'a str),
}

impl Form<'_> {
    /// The term that it gives.
    pub fn term(self, stems: &Stems) -> EcoString {
        match self {
            Form::Word(word) => stems.of(&normalise(word)),
            Form::Pair(pair) => normalise(pair).into(),
        }
    }
}

/// Tells of everything that [`terms`] takes terms from, in order, with the place where it stands.
pub fn forms<'a>(text: &'a str, told: &mut dyn FnMut(Range<usize>, Form<'a>)) {
    each_word(text, &mut |start, word| match unspaced(word) {
        true => tell_pairs(start, word, told),
        false => tell_word(start, word, told),
    });
}

fn tell_word<'a>(start: usize, word: &'a str, told: &mut dyn FnMut(Range<usize>, Form<'a>)) {
    told(start..start + word.len(), Form::Word(word));
    let parts = identifier_parts(word);
    if parts.len() > 1 {
        for part in parts {
            told(start + part.start..start + part.end, Form::Word(&word[part]));
        }
    }
}

fn tell_pairs<'a>(start: usize, run: &'a str, told: &mut dyn FnMut(Range<usize>, Form<'a>)) {
    let characters: Vec<(usize, &str)> = run.grapheme_indices(true).collect();
    let mut push = |from: usize, to: usize| {
        told(start + from..start + to, Form::Pair(&run[from..to]));
    };
    match characters.as_slice() {
        [(from, only)] => push(*from, from + only.len()),
        several => several.windows(2).for_each(|pair| push(pair[0].0, pair[1].0 + pair[1].1.len())),
    }
}

/// Lower-cased, each character by itself: a sigma at the end of a word is one like any other.
pub fn lower_case(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_ascii_lowercase(),
        false => text.chars().flat_map(char::to_lowercase).collect(),
    }
}

/// Whether the [lower case](lower_case) of both is the same.
pub fn equal_but_for_case(a: &str, b: &str) -> bool {
    match a.is_ascii() && b.is_ascii() {
        true => a.eq_ignore_ascii_case(b),
        false => lower_case(a) == lower_case(b),
    }
}

/// Lower-cased and width-folded: a word as [`terms`] take it, before it is stemmed.
pub fn normalise(word: &str) -> String {
    match word.is_ascii() {
        true => word.to_ascii_lowercase(),
        false => word.chars().map(fold_width).flat_map(char::to_lowercase).collect(),
    }
}

/// Splits at `_`, `.`, `:` and where a small letter or a digit meets a capital. What is not split has no
/// parts.
fn identifier_parts(word: &str) -> Vec<Range<usize>> {
    static UNDIVIDED: Bytes = visible_but(b"_.:ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let mut parts = Vec::new();
    if word.get(1..).is_some_and(|behind| is_plain(behind, &UNDIVIDED)) {
        return parts;
    }
    let mut from = 0;
    let mut previous: Option<char> = None;
    for (at, c) in word.char_indices() {
        let separator = matches!(c, '_' | '.' | ':');
        let hump = c.is_uppercase() && previous.is_some_and(|p| p.is_lowercase() || p.is_numeric());
        if separator || hump {
            if from < at {
                parts.push(from..at);
            }
            from = if separator { at + c.len_utf8() } else { at };
        }
        previous = Some(c);
    }
    if from > 0 && from < word.len() {
        parts.push(from..word.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<EcoString> {
        terms(text).into_iter().map(|term| term.text).collect()
    }

    #[test]
    fn english_is_stemmed() {
        assert_eq!(
            texts("Queues are running; the queue ran."),
            ["queue", "are", "run", "the", "queue", "ran"]
        );
    }

    #[test]
    fn identifiers_give_themselves_and_their_parts() {
        assert_eq!(texts("max_tokens"), ["max_token", "max", "token"]);
        assert_eq!(texts("ingestConcurrency"), ["ingestconcurr", "ingest", "concurr"]);
        assert_eq!(texts("guide.md"), ["guide.md", "guid", "md"]);
    }

    #[test]
    fn text_without_spaces_gives_pairs() {
        assert_eq!(texts("知识图谱"), ["知识", "识图", "图谱"]);
        assert_eq!(texts("東京タワー"), ["東京", "京タ", "タワ", "ワー"]);
        assert_eq!(texts("ภาษา"), ["ภา", "าษ", "ษา"]);
        assert_eq!(texts("字"), ["字"]);
        assert_eq!(texts("RAG用于检索"), ["rag", "用于", "于检", "检索"]);
    }

    #[test]
    fn full_width_equals_ordinary() {
        assert_eq!(texts("ＲＡＧ"), texts("rag"));
    }

    /// The words of a text that is taken whole.
    fn plain_words(text: &str) -> Vec<(usize, &str)> {
        let mut words = vec![];
        add_words(0, text, &mut words);
        words
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn lines_make_no_difference(text in "([a-cA-Z0-9_.,:;'\" \r\n-]|\\PC|[é字ภกา]){0,60}") {
            prop_assert_eq!(words(&text), plain_words(&text));
        }

        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn a_term_stands_where_it_says(text in ".{0,80}") {
            for term in terms(&text) {
                prop_assert!(text.get(term.at.clone()).is_some_and(|found| !found.is_empty()));
                prop_assert!(!term.text.is_empty());
            }
        }
    }
}

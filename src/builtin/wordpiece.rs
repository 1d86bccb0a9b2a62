//! The tokenizer of the uncased BERT: words without case and accents, then WordPiece.
//!
//! J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019; M. Schuster and
//! K. Nakajima, "Japanese and Korean Voice Search", 2012.

use super::{
    table::{Hash, Table},
    unicode::{is_invisible, is_punctuation, without_marks},
};

/// A word of more characters is unknown.
const MAX_WORD: usize = 100;

/// Gives the rows of the text's tokens in order. A word that cannot be put together from known
/// pieces gives none.
pub(super) fn tokens(text: &str, table: &Table, mut give: impl FnMut(u32)) {
    words(text, |word| pieces(word, table, &mut give));
}

fn words(text: &str, mut give: impl FnMut(&str)) {
    let mut word = String::new();
    let mut flush = |word: &mut String| {
        if !word.is_empty() {
            give(word);
            word.clear();
        }
    };
    for original in text.chars() {
        if original.is_whitespace() {
            flush(&mut word);
        } else if is_invisible(original) || original == char::REPLACEMENT_CHARACTER {
            continue;
        } else if is_ideograph(original) {
            flush(&mut word);
            without_marks(original, |c| word.push(c));
            flush(&mut word);
        } else {
            without_marks(original, |base| {
                for c in base.to_lowercase() {
                    if is_punctuation(c) {
                        flush(&mut word);
                        word.push(c);
                        flush(&mut word);
                    } else {
                        word.push(c);
                    }
                }
            });
        }
    }
    flush(&mut word);
}

/// The blocks whose characters stand alone; Kana and Hangul are not among them.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2A6DF
        | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F | 0x2B820..=0x2CEAF | 0x2F800..=0x2FA1F)
}

/// The longest known beginning, then the longest known continuations.
///
/// The hash of every beginning comes out of one pass over the word, so that each attempt is one
/// look-up and nothing is copied.
fn pieces(word: &str, table: &Table, give: &mut impl FnMut(u32)) {
    let mut found = [0; MAX_WORD];
    let mut count = 0;
    let mut from = 0;
    if word.chars().nth(MAX_WORD).is_some() {
        return;
    }
    while from < word.len() {
        let Some((row, length)) = longest(&word[from..], from > 0, table) else { return };
        found[count] = row;
        count += 1;
        from += length;
    }
    found[..count].iter().for_each(|&row| give(row));
}

fn longest(rest: &str, continues: bool, table: &Table) -> Option<(u32, usize)> {
    let mut hash = if continues { Hash::CONTINUATION } else { Hash::START };
    let mut ends = [(0, hash); MAX_WORD];
    let mut count = 0;
    for (at, c) in rest.char_indices() {
        let end = at + c.len_utf8();
        hash = hash.and(&rest.as_bytes()[at..end]);
        ends[count] = (end, hash);
        count += 1;
    }
    ends[..count].iter().rev().find_map(|&(end, hash)| {
        table.row(hash, continues, &rest.as_bytes()[..end]).map(|row| (row, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::table::tests::table;

    fn split(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, |word| found.push(word.to_owned()));
        found
    }

    fn found(text: &str) -> Vec<String> {
        let table = table();
        let mut found = Vec::new();
        tokens(text, &table, |row| {
            found.push(String::from_utf8_lossy(table.token(row)).into_owned())
        });
        found
    }

    #[test]
    fn words_lose_case_accents_and_what_is_invisible() {
        assert_eq!(split("Élan\u{AD}s, don't\u{A0}stop"), ["elans", ",", "don", "'", "t", "stop"]);
        assert_eq!(split("東京タワー"), ["東", "京", "タワー"]);
        assert_eq!(split(" \n\0 "), Vec::<String>::new());
    }

    #[test]
    fn pieces_are_the_longest_known() {
        assert_eq!(found("Embedding embeddings"), ["embedding", "embedding", "##s"]);
        assert_eq!(found("embed"), ["em", "##bed"]);
        // Its second part is unknown, so it is unknown as a whole.
        assert_eq!(found("emx s"), ["s"]);
        assert_eq!(found(&format!("{} s", "s".repeat(101))), ["s"]);
        assert_eq!(found(&"s".repeat(100)).len(), 100);
    }
}

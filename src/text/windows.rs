//! Cutting text that is too long to be kept whole: into windows that end between sentences, else
//! between words, else between grapheme clusters, and that may repeat the end of the one before.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::blocks::trim;
use super::script::is_unspaced;
use super::sentences::sentences;
use super::utf16::{utf16_length, utf16_prefix, utf16_suffix};

/// What is kept whole as long as it fits, from the strongest wish to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whole {
    /// Sentences, else words, else clusters.
    Sentences,
    /// Words, else clusters.
    Words,
    /// Grapheme clusters, else characters.
    Clusters,
}

/// UTF-16 units that are looked at behind a window: whether a word ends depends on what follows.
const LOOKAHEAD: usize = 64;

/// A place to cut.
#[derive(Clone, Copy)]
struct Cut {
    at: usize,
    whole: Whole,
}

/// Cuts a stretch of text into windows of at most `size` UTF-16 units without white space at their
/// ends. A window repeats up to `overlap` units of the one before, as far as whole sentences (or
/// words, or clusters) make them up and it still gets further by as good a cut.
///
/// Takes time in proportion to the text: every step looks at one window and a little more.
pub(super) fn windows(
    text: &str,
    within: Range<usize>,
    (size, overlap): (usize, usize),
    whole: Whole,
) -> Vec<Range<usize>> {
    let within = trim(text, within);
    let mut windows = Vec::new();
    let mut left = utf16_length(&text[within.clone()]);
    let mut from = within.start;
    let mut last = Cut { at: from, whole };
    while last.at < within.end {
        // Windows of sentences come out about equally long; others are filled.
        let share = match whole {
            Whole::Sentences => left.div_ceil(left.div_ceil(size - overlap)),
            _ => size,
        };
        let view = View { text, from, done: last.at, end: within.end, size };
        let mut cut = view.cut(whole, share);
        let repeats = from < last.at;
        if repeats && (cut.at <= last.at || cut.whole > last.whole) {
            cut = View { from: last.at, ..view }.cut(whole, share);
            from = last.at;
        }
        windows.push(trim(text, from..cut.at));
        let next = cut.at + leading_white_space(&text[cut.at..within.end]);
        left -= utf16_length(&text[last.at..next]);
        from = match overlap {
            0 => next,
            _ => repeat_from(text, from..cut.at, overlap, cut.whole).unwrap_or(next),
        };
        last = Cut { at: next, whole: cut.whole };
    }
    windows
}

fn leading_white_space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// What the next window may show: `text[from..end]`, of which `from..done` is repeated.
struct View<'t> {
    text: &'t str,
    from: usize,
    done: usize,
    end: usize,
    size: usize,
}

impl View<'_> {
    /// The best place to end the window, behind `done` if there is one; `share` is how many fresh
    /// units it had best hold.
    fn cut(&self, whole: Whole, share: usize) -> Cut {
        let rest = &self.text[self.from..self.end];
        let limit = utf16_prefix(rest, self.size);
        if limit == rest.len() {
            return Cut { at: self.end, whole };
        }
        let seen = &rest[..utf16_prefix(rest, self.size + LOOKAHEAD)];
        let done = self.done - self.from;
        let at = |at: usize, whole| Cut { at: self.from + at, whole };
        if whole <= Whole::Words {
            let words = word_bounds(seen, done, limit);
            if whole == Whole::Sentences {
                let wish = done + utf16_prefix(&rest[done..], share);
                let ends = sentence_ends(seen, &words);
                if let Some(end) = ends.min_by_key(|end| end.abs_diff(wish)) {
                    return at(end, Whole::Sentences);
                }
            }
            if let Some(end) = best_word_bound(seen, &words, (done + limit) / 2) {
                return at(end, Whole::Words);
            }
        }
        let clusters = seen.grapheme_indices(true).map(|(start, _)| start);
        let end = clusters.take_while(|start| *start <= limit).last();
        at(end.filter(|end| *end > done).unwrap_or(limit), Whole::Clusters)
    }
}

/// The ends of words, and of what stands between words, in `(after, limit]`.
fn word_bounds(seen: &str, after: usize, limit: usize) -> Vec<usize> {
    seen.split_word_bound_indices()
        .map(|(start, _)| start)
        .skip_while(|start| *start <= after)
        .take_while(|start| *start <= limit)
        .collect()
}

/// Of those, the ends of sentences. The last sentence seen may go on behind what is seen.
fn sentence_ends<'w>(seen: &str, words: &'w [usize]) -> impl Iterator<Item = usize> + use<'w> {
    let mut sentences = sentences(seen);
    sentences.pop();
    sentences
        .into_iter()
        .map(|sentence| sentence.end)
        .filter(|end| words.binary_search(end).is_ok())
}

/// The last place behind white space or a mark that ends a clause, unless it leaves the window
/// less than half full; else the last bound of any word.
fn best_word_bound(seen: &str, words: &[usize], half: usize) -> Option<usize> {
    let bounds = || words.iter().rev().copied().filter(|&at| is_cluster_bound(seen, at));
    let pause = |at: &usize| seen[..*at].ends_with(|c: char| c.is_whitespace() || is_clause_end(c));
    bounds().take_while(|at| *at >= half).find(pause).or_else(|| bounds().next())
}

fn is_cluster_bound(seen: &str, at: usize) -> bool {
    GraphemeCursor::new(at, seen.len(), true).is_boundary(seen, 0).unwrap_or(false)
}

/// Marks behind which scripts without spaces pause.
fn is_clause_end(c: char) -> bool {
    matches!(c, '，' | '、' | '；' | '：' | '。' | '！' | '？')
}

/// Where the next window begins so that it repeats at most `overlap` units of the one just cut.
fn repeat_from(text: &str, window: Range<usize>, overlap: usize, whole: Whole) -> Option<usize> {
    let seen = &text[window.clone()];
    let earliest = utf16_suffix(seen, overlap).max(1);
    let fits = |start: &usize| *start >= earliest;
    let start = match whole {
        Whole::Sentences => {
            let words: Vec<usize> = seen.split_word_bound_indices().map(|(at, _)| at).collect();
            let starts = sentences(seen).into_iter().map(|sentence| sentence.start);
            starts.filter(fits).find(|start| words.binary_search(start).is_ok())
        }
        Whole::Words => {
            let words = seen.split_word_bound_indices().filter(|(_, word)| starts_word(word));
            words.map(|(at, _)| at).find(fits)
        }
        Whole::Clusters => seen.grapheme_indices(true).map(|(at, _)| at).find(fits),
    };
    start.map(|start| window.start + start)
}

fn starts_word(segment: &str) -> bool {
    segment.starts_with(|c: char| c.is_alphanumeric() || is_unspaced(c))
}

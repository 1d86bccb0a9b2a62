//! A passage with what a model must know of its place in the document.

use std::borrow::Cow;

use super::fence::fenced;
use crate::{port::DocumentText, record::heading_path, text::estimate_tokens};

/// A document of at most so many tokens is shown whole beside each of its passages.
const WHOLE: usize = 1500;

/// What the outline of a longer one may cost, in tokens.
const OUTLINE: usize = 300;

/// What each neighbour of the passage may cost then, in tokens.
const NEIGHBOUR: usize = 300;

/// What is shown of a document beside each of its passages.
pub(super) struct Surroundings {
    /// Whether that is all of it.
    whole: bool,
    shown: String,
}

impl Surroundings {
    /// The whole document if it is short, else its outline.
    pub(super) fn of(document: &DocumentText) -> Self {
        let whole = estimate_tokens(&document.text) <= WHOLE;
        let shown = match whole {
            true => fenced("document", &document.text),
            false => fenced("outline", &outline(document)),
        };
        Surroundings { whole, shown }
    }
}

fn outline(document: &DocumentText) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut left = OUTLINE;
    for excerpt in &document.excerpts {
        let line = heading_path(&excerpt.headings);
        if line.is_empty() || lines.last() == Some(&line) {
            continue;
        }
        let cost = estimate_tokens(&line) + 1;
        if cost > left {
            break;
        }
        left -= cost;
        lines.push(line);
    }
    lines.join("\n")
}

/// One excerpt of a document.
pub(super) struct Passage<'d> {
    document: &'d DocumentText,
    around: &'d Surroundings,
    index: usize,
    /// Its place and the passage itself, as every question about it shows them.
    pub(super) material: String,
}

impl<'d> Passage<'d> {
    pub(super) fn new(document: &'d DocumentText, around: &'d Surroundings, index: usize) -> Self {
        let mut passage = Passage { document, around, index, material: String::new() };
        let (place, text) = (fenced("place", &passage.place()), fenced("passage", &passage.text()));
        passage.material = format!("{place}\n{text}");
        passage
    }

    /// The passage itself; code that was cut out of a fenced block gets its fence back.
    fn text(&self) -> Cow<'_, str> {
        let excerpt = &self.document.excerpts[self.index];
        with_fence(&excerpt.text, excerpt.fence.as_deref())
    }

    /// The document's name and the headings above the passage.
    fn place(&self) -> String {
        let mut place = format!("Document: {}", self.document.source);
        if !self.document.title.is_empty() {
            place += &format!("\nTitle: {}", self.document.title);
        }
        let headings = self.heading_path();
        if !headings.is_empty() {
            place += &format!("\nSection: {headings}");
        }
        place
    }

    /// The headings above the passage, outermost first; empty if there are none.
    pub(super) fn heading_path(&self) -> String {
        heading_path(&self.document.excerpts[self.index].headings)
    }

    /// The whole document if it is short, else its outline and what stands around the passage, so
    /// that the cost of a document grows with its length and not with the square of it.
    pub(super) fn surroundings(&self) -> String {
        let mut parts = vec![self.around.shown.clone()];
        if !self.around.whole {
            let excerpts = &self.document.excerpts;
            if let Some(before) = self.index.checked_sub(1).map(|index| &excerpts[index]) {
                parts.push(fenced("before", last_tokens(&before.text, NEIGHBOUR)));
            }
            if let Some(after) = excerpts.get(self.index + 1) {
                parts.push(fenced("after", first_tokens(&after.text, NEIGHBOUR)));
            }
        }
        parts.join("\n")
    }
}

/// Code that was cut out of a fenced block, with a fence again.
pub(super) fn with_fence<'t>(text: &'t str, fence: Option<&str>) -> Cow<'t, str> {
    let Some(opening) = fence else { return text.into() };
    let opening = opening.trim();
    let mark = opening.chars().next().unwrap_or('`');
    let close: String = opening.chars().take_while(|&c| c == mark).collect();
    format!("{opening}\n{}\n{close}", text.trim_end_matches('\n')).into()
}

fn first_tokens(text: &str, limit: usize) -> &str {
    if estimate_tokens(text) <= limit {
        return text;
    }
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let ends: Vec<usize> = ends.collect();
    let fitting = ends.partition_point(|&end| estimate_tokens(&text[..end]) <= limit);
    &text[..fitting.checked_sub(1).map_or(0, |last| ends[last])]
}

fn last_tokens(text: &str, limit: usize) -> &str {
    if estimate_tokens(text) <= limit {
        return text;
    }
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let skipped = starts.partition_point(|&start| estimate_tokens(&text[start..]) > limit);
    &text[starts.get(skipped).copied().unwrap_or(text.len())..]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::port::ExcerptText;

    /// A document of these passages, each under a heading of its own.
    pub(in crate::prompt) fn document(passages: &[&str]) -> DocumentText {
        let excerpt = |(index, text): (usize, &&str)| ExcerptText {
            text: (*text).into(),
            headings: [format!("Part {index}").into()].into(),
            fence: None,
        };
        DocumentText {
            source: "guide.md".into(),
            title: "The guide".into(),
            text: passages.join("\n\n").into(),
            excerpts: passages.iter().enumerate().map(excerpt).collect(),
        }
    }

    #[test]
    fn a_short_document_is_shown_whole_and_a_long_one_in_part() {
        let short = document(&["One.", "Two."]);
        let around = Surroundings::of(&short);
        let passage = Passage::new(&short, &around, 0);
        assert!(passage.surroundings().contains("One.\n\nTwo."));

        let long = "Words upon words. ".repeat(if cfg!(miri) { 200 } else { 600 });
        let long = document(&[&long, "The middle.", &long, "The end."]);
        let around = Surroundings::of(&long);
        let shown = Passage::new(&long, &around, 1).surroundings();
        assert!(shown.contains("Part 3") && !shown.contains("The end."));
        assert!(
            estimate_tokens(&shown) < OUTLINE + 2 * NEIGHBOUR + 60,
            "{}",
            estimate_tokens(&shown)
        );
    }

    #[test]
    fn cut_code_gets_its_fence_back() {
        assert_eq!(with_fence("x = 1\n", Some("~~~~python")), "~~~~python\nx = 1\n~~~~");
        assert_eq!(with_fence("plain", None), "plain");
    }
}

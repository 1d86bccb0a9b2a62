//! A passage as sentences without markup.

use crate::text;

/// A statement of a passage: a sentence of its prose, or a block of its code.
pub(super) struct Sentence {
    /// Without markup.
    pub(super) text: String,
    pub(super) kind: SentenceKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SentenceKind {
    Prose,
    Heading,
    Code,
}

/// The sentences of a passage, in order. A list item or a table row ends its last sentence.
pub(super) fn sentences(passage: &str, fence: Option<&str>) -> Vec<Sentence> {
    if fence.is_some() {
        return vec![sentence(passage.trim_end(), SentenceKind::Code)];
    }
    let mut found = Vec::new();
    for part in parts(passage) {
        match part {
            Part::Code(code) => found.push(sentence(code.trim_end(), SentenceKind::Code)),
            Part::Prose(prose) => push_prose(prose, &mut found),
        }
    }
    found.retain(|sentence| !sentence.text.is_empty());
    found
}

fn push_prose(prose: &str, found: &mut Vec<Sentence>) {
    let marks = text::marks(prose);
    let is_heading = |line: &str| {
        marks.iter().any(|mark| mark.kind == text::MarkKind::Heading && mark.text == line)
    };
    for line in text::plain(prose).lines() {
        if is_heading(line) {
            found.push(sentence(line, SentenceKind::Heading));
            continue;
        }
        for range in text::sentences(line) {
            found.push(sentence(&line[range], SentenceKind::Prose));
        }
    }
}

fn sentence(text: &str, kind: SentenceKind) -> Sentence {
    Sentence { text: text.to_owned(), kind }
}

/// What a passage consists of.
pub(super) enum Part<'t> {
    Prose(&'t str),
    /// The inside of a fenced block.
    Code(&'t str),
}

/// Parts a passage at the fences of its code blocks.
pub(super) fn parts(passage: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut open: Option<&str> = None;
    let mut from = 0;
    let mut at = 0;
    for line in passage.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim();
        match open {
            None => {
                if let Some(fence) = opening_fence(content) {
                    parts.push(Part::Prose(&passage[from..start]));
                    open = Some(fence);
                    from = at;
                }
            }
            Some(fence) => {
                let closes = content.len() >= fence.len()
                    && content.trim_matches(fence_mark(fence)).is_empty();
                if closes {
                    parts.push(Part::Code(&passage[from..start]));
                    open = None;
                    from = at;
                }
            }
        }
    }
    let rest = &passage[from..];
    parts.push(if open.is_some() { Part::Code(rest) } else { Part::Prose(rest) });
    parts
}

fn fence_mark(fence: &str) -> char {
    if fence.starts_with('~') { '~' } else { '`' }
}

/// The run of at least three marks that a line opens a block with.
fn opening_fence(line: &str) -> Option<&str> {
    ['`', '~'].into_iter().find_map(|mark| {
        let run = line.len() - line.trim_start_matches(mark).len();
        let info = &line[run..];
        (run >= 3 && !info.contains(mark)).then(|| &line[..run])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(passage: &str) -> Vec<(String, SentenceKind)> {
        sentences(passage, None).into_iter().map(|one| (one.text, one.kind)).collect()
    }

    #[test]
    fn a_passage_is_its_headings_sentences_items_and_code() {
        use SentenceKind::{Code, Heading, Prose};
        let passage = "## The *queue*\n\nIt orders calls. It is\nbounded.\n\n- **One**: first\n- Two\n\n```js\na();\nb();\n```\nEnd.";
        assert_eq!(
            found(passage),
            [
                ("The queue".into(), Heading),
                ("It orders calls.".into(), Prose),
                ("It is bounded.".into(), Prose),
                ("One: first".into(), Prose),
                ("Two".into(), Prose),
                ("a();\nb();".into(), Code),
                ("End.".into(), Prose),
            ]
        );
        assert_eq!(sentences("x = 1", Some("```"))[0].kind, Code);
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn any_passage_is_read(passage in r"(```|~~~|# |- |\*\*|[a-c.]| |\n|界。){0,40}") {
            for one in sentences(&passage, None) {
                prop_assert!(!one.text.trim().is_empty());
            }
        }
    }
}

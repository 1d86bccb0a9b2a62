//! Finds the marks by which an answer cites its passages, checks them, and numbers them anew.

use crate::port::AnswerPart;

/// More bytes than this between brackets are no mark.
const LONGEST_MARK: usize = 64;

/// Reads an answer in parts. Marks come as `[1]`, `[1, 3]`, `[2][3]`, `[2-4]`, `[passage 1]` or
/// `【1†tea.md】` and leave as `[1][2]`, counting up from 1 in the order of their first appearance.
/// A number without a passage is taken out. Code is left as it is: `a[0]` cites nothing there.
#[derive(Debug, Default)]
pub struct Citations {
    /// The number given to each excerpt of the context.
    numbers: Vec<Option<usize>>,
    cited: usize,
    /// What cannot be judged before more text comes: blanks, backticks, an open bracket.
    held: String,
    /// How many backticks opened the code that the text is in; 0 outside.
    code: usize,
}

enum Mark {
    /// So many bytes, citing these numbers as the model wrote them.
    Whole(usize, Vec<usize>),
    /// More text may make it a mark.
    Begun,
    None,
}

impl Citations {
    /// For a context of so many excerpts.
    pub fn new(excerpts: usize) -> Self {
        Citations { numbers: vec![None; excerpts], ..Self::default() }
    }

    /// Takes the next part of the answer; gives what is certain by now.
    pub fn push(&mut self, part: &str) -> Vec<AnswerPart> {
        self.held.push_str(part);
        self.release(false)
    }

    /// Gives what was still held back.
    pub fn finish(&mut self) -> Vec<AnswerPart> {
        self.release(true)
    }

    fn release(&mut self, last: bool) -> Vec<AnswerPart> {
        let held = std::mem::take(&mut self.held);
        let mut parts = Vec::new();
        let mut text = String::with_capacity(held.len());
        let mut at = 0;
        while let Some(c) = held[at..].chars().next() {
            let rest = &held[at..];
            let step = match c {
                '`' => self.backticks(rest, last, &mut text),
                ' ' => self.blanks(rest, last, &mut text, &mut parts),
                '[' | '【' if self.code == 0 => self.bracket(rest, 0, last, &mut text, &mut parts),
                '\n' => self.line_break(&mut text),
                c => {
                    text.push(c);
                    Some(c.len_utf8())
                }
            };
            match step {
                Some(step) => at += step,
                None => break,
            }
        }
        self.held = held[at..].to_owned();
        if !text.is_empty() {
            parts.push(AnswerPart::Text(text));
        }
        parts
    }

    fn backticks(&mut self, rest: &str, last: bool, text: &mut String) -> Option<usize> {
        let run = rest.len() - rest.trim_start_matches('`').len();
        if run == rest.len() && !last {
            return None;
        }
        if self.code == 0 {
            self.code = run;
        } else if self.code == run {
            self.code = 0;
        }
        text.push_str(&rest[..run]);
        Some(run)
    }

    /// Blanks are held until it is known whether they stand before a mark that is taken out.
    fn blanks(
        &mut self,
        rest: &str,
        last: bool,
        text: &mut String,
        parts: &mut Vec<AnswerPart>,
    ) -> Option<usize> {
        let run = rest.len() - rest.trim_start_matches(' ').len();
        if run == rest.len() && !last {
            return None;
        }
        if self.code == 0 && rest[run..].starts_with(['[', '【']) {
            return self.bracket(rest, run, last, text, parts);
        }
        text.push_str(&rest[..run]);
        Some(run)
    }

    /// A bracket behind so many blanks.
    fn bracket(
        &mut self,
        rest: &str,
        blanks: usize,
        last: bool,
        text: &mut String,
        parts: &mut Vec<AnswerPart>,
    ) -> Option<usize> {
        let (length, numbers) = match mark(&rest[blanks..]) {
            Mark::Whole(length, numbers) => (length, numbers),
            Mark::Begun if !last => return None,
            Mark::Begun | Mark::None => {
                let bracket = rest[blanks..].chars().next().map_or(0, char::len_utf8);
                text.push_str(&rest[..blanks + bracket]);
                return Some(blanks + bracket);
            }
        };
        let mut marks: Vec<usize> = Vec::new();
        for written in numbers {
            let Some(number) = self.number(written, parts) else { continue };
            if !marks.contains(&number) {
                marks.push(number);
            }
        }
        if !marks.is_empty() {
            text.push_str(&rest[..blanks]);
            marks.iter().for_each(|number| text.push_str(&format!("[{number}]")));
        }
        Some(blanks + length)
    }

    /// Code in a line ends with it, so that one stray backtick does not hide every later mark.
    fn line_break(&mut self, text: &mut String) -> Option<usize> {
        if self.code < 3 {
            self.code = 0;
        }
        text.push('\n');
        Some(1)
    }

    fn number(&mut self, written: usize, parts: &mut Vec<AnswerPart>) -> Option<usize> {
        let excerpt = written.checked_sub(1)?;
        let slot = self.numbers.get_mut(excerpt)?;
        Some(*slot.get_or_insert_with(|| {
            self.cited += 1;
            parts.push(AnswerPart::Reference { number: self.cited, excerpt });
            self.cited
        }))
    }
}

/// Judges a text that starts with a bracket.
fn mark(text: &str) -> Mark {
    let (open, close) = if text.starts_with('[') { ('[', ']') } else { ('【', '】') };
    let inner = &text[open.len_utf8()..];
    let end = inner.find([close, '\n', '[', '【', '`']).unwrap_or(inner.len());
    if end > LONGEST_MARK {
        return Mark::None;
    }
    match inner[end..].chars().next() {
        None => return Mark::Begun,
        Some(c) if c != close => return Mark::None,
        Some(_) => {}
    }
    match numbers(&inner[..end]) {
        Some(numbers) => Mark::Whole(open.len_utf8() + end + close.len_utf8(), numbers),
        None => Mark::None,
    }
}

/// The numbers of a mark, or `None` if something else stands between the brackets.
fn numbers(inner: &str) -> Option<Vec<usize>> {
    const LABELS: [&str; 7] = ["^", "#", "passages", "passage", "sources", "source", "ref"];
    let inner = inner.split('†').next().unwrap_or_default().trim();
    let label = LABELS.iter().find(|label| {
        inner.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label))
    });
    let list = &inner[label.map_or(0, |label| label.len())..];
    let mut numbers = Vec::new();
    for item in list.split([',', ';', '、', '，', '&']).flat_map(|item| item.split(" and ")) {
        let item = item.trim().trim_start_matches('#');
        match item.split_once(['-', '–']) {
            Some((from, to)) => {
                let (from, to) = (number(from.trim())?, number(to.trim())?);
                numbers.extend(from..=to);
            }
            None => numbers.push(number(item)?),
        }
    }
    Some(numbers)
}

/// At most three digits: a year is not a mark.
fn number(text: &str) -> Option<usize> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text and the cited excerpts, in order, of an answer that comes in these parts.
    fn read<'p>(excerpts: usize, parts: impl IntoIterator<Item = &'p str>) -> (String, Vec<usize>) {
        let mut citations = Citations::new(excerpts);
        let mut given: Vec<AnswerPart> =
            parts.into_iter().flat_map(|part| citations.push(part)).collect();
        given.extend(citations.finish());
        let mut text = String::new();
        let mut cited = Vec::new();
        for part in given {
            match part {
                AnswerPart::Text(more) => text += &more,
                AnswerPart::Reference { number, excerpt } => {
                    cited.push(excerpt);
                    assert_eq!(number, cited.len());
                }
            }
        }
        (text, cited)
    }

    #[test]
    fn marks_are_checked_and_counted_up_from_one() {
        for (answer, text, cited) in [
            ("Steamed [3]. Green [1].", "Steamed [1]. Green [2].", vec![2, 0]),
            ("Both [1, 3] and [3][1].", "Both [1][2] and [2][1].", vec![0, 2]),
            ("Full width【2】 and 【1†tea.md】.", "Full width[1] and [2].", vec![1, 0]),
            ("A range [1-3].", "A range [1][2][3].", vec![0, 1, 2]),
            ("Named [Passage 2], [^1], [sources 1 and 2].", "Named [1], [2], [2][1].", vec![1, 0]),
            ("Unknown [9]. And [0] too [1, 9].", "Unknown. And too [1].", vec![0]),
            (
                "No marks: [see], [2024], [x](y), [ ].",
                "No marks: [see], [2024], [x](y), [ ].",
                vec![],
            ),
            (
                "Code `a[1]` and\n```\nb[2]\n```\nc [2]",
                "Code `a[1]` and\n```\nb[2]\n```\nc [1]",
                vec![1],
            ),
            ("A stray ` tick\nthen [1]", "A stray ` tick\nthen [1]", vec![0]),
            ("Never closed [1", "Never closed [1", vec![]),
        ] {
            assert_eq!(read(3, [answer]), (text.to_owned(), cited), "{answer}");
        }
    }

    #[test]
    fn a_mark_is_never_split_over_two_parts() {
        let mut citations = Citations::new(2);
        assert_eq!(citations.push("Green ["), [AnswerPart::Text("Green".into())]);
        assert_eq!(citations.push("2"), []);
        assert_eq!(
            citations.push("]."),
            [AnswerPart::Reference { number: 1, excerpt: 1 }, AnswerPart::Text(" [1].".into())]
        );
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn how_an_answer_is_cut_into_parts_changes_nothing(
            pieces in prop::collection::vec(r"(\[|\]|【|】|[0-4]|`{1,3}| |, |a|界|\n|†){0,4}", 0..12)
        ) {
            let whole = pieces.concat();
            prop_assert_eq!(read(3, pieces.iter().map(String::as_str)), read(3, [whole.as_str()]));
        }
    }
}

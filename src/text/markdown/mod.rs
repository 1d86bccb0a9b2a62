//! What markdown says beside its words: marks of emphasis, a title, the text without its markup.

mod event;
mod inline;
mod line;
mod mark;
#[cfg(test)]
mod oracle;
mod structure;

use std::{mem, ops::Range, vec};

pub(super) use event::{Event, Tag};
use inline::Definitions;
use structure::{Step, Structure, What};

/// What a [`Mark`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// A heading of any level.
    Heading,
    /// Code within a line.
    CodeSpan,
    /// Strong emphasis: bold.
    Strong,
    /// Emphasis: italics.
    Emphasis,
    /// The text of a link. An address that stands for itself is none.
    LinkText,
}

/// A stretch of text that its author singled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How it is singled out.
    pub kind: MarkKind,
    /// Its text, without markup, white space collapsed.
    pub text: String,
    /// Where it stands with its markup, in bytes.
    pub at: Range<usize>,
}

/// Reads markdown: CommonMark with GitHub's tables, footnotes, strikethrough and boxes to tick, and
/// attributes behind headings. Tells every event with its range in bytes, in the order of the text.
///
/// Takes time in proportion to the text, whatever it holds. Front matter is not looked for:
/// [`front_matter`] reads it.
pub(super) fn read(markdown: &str, tell: &mut dyn FnMut(Event<'_>, Range<usize>)) {
    let mut reading = Reading::new(markdown);
    while reading.step(tell) {}
}

/// [`read`], a step at a time: a large text takes long.
pub(super) struct Reading<'t> {
    markdown: &'t str,
    stage: Stage<'t>,
    begins_item: bool,
}

enum Stage<'t> {
    /// Which blocks there are.
    Blocks(structure::Reader<'t>),
    /// What is in them, once all references are known.
    Inside(vec::IntoIter<Step>, Definitions),
}

impl<'t> Reading<'t> {
    pub(super) fn new(markdown: &'t str) -> Self {
        let stage = Stage::Blocks(structure::Reader::new(markdown));
        Reading { markdown, stage, begins_item: false }
    }

    /// Reads on; whether there was something to read.
    pub(super) fn step(&mut self, tell: &mut dyn FnMut(Event<'_>, Range<usize>)) -> bool {
        let markdown = self.markdown;
        let (Step { what, at }, definitions) = match &mut self.stage {
            Stage::Blocks(reader) => {
                if !reader.step() {
                    let empty = structure::Reader::new("");
                    let Structure { steps, definitions } = mem::replace(reader, empty).finish();
                    self.stage = Stage::Inside(steps.into_iter(), definitions);
                }
                return true;
            }
            Stage::Inside(steps, definitions) => match steps.next() {
                Some(step) => (step, &*definitions),
                None => return false,
            },
        };
        let begun = self.begins_item;
        self.begins_item = match &what {
            What::Start(Tag::Item) => true,
            What::Start(Tag::Paragraph) => begun,
            _ => false,
        };
        match what {
            What::Start(tag) => tell(Event::Start(tag), at),
            What::End(tag) => tell(Event::End(tag), at),
            What::Rule => tell(Event::Rule, at),
            What::Verbatim => tell(Event::Text(&markdown[at.clone()]), at),
            What::Html => tell(Event::Html(&markdown[at.clone()]), at),
            What::Inline(lines) => inline::inline(markdown, &lines, definitions, begun, tell),
        }
        true
    }
}

/// The block of metadata that a document may begin with.
pub(super) struct FrontMatter<'t> {
    /// From the opening to the closing delimiter, in bytes.
    pub all: Range<usize>,
    /// The lines between the delimiters, in bytes.
    pub lines: Range<usize>,
    /// The value of its `title`, without quotes.
    pub title: Option<&'t str>,
    /// Whether it says anything beside the title.
    pub says_more: bool,
}

/// Reads YAML between lines of `---` or TOML between lines of `+++` at the beginning of a text; a
/// byte order mark may precede it.
pub(super) fn front_matter(text: &str) -> Option<FrontMatter<'_>> {
    let start = body_start(text);
    let mut lines = lines(text, start);
    let fence = text[lines.next()?].trim_end();
    if !matches!(fence, "---" | "+++") {
        return None;
    }
    let mut found = FrontMatter { all: start..start, lines: 0..0, title: None, says_more: false };
    for line in lines {
        let content = text[line.clone()].trim_end();
        if found.lines.end == 0 {
            // A blank first line makes it a rule above text.
            if content.is_empty() {
                return None;
            }
            found.lines = line.start..line.start;
        }
        if content == fence || (fence == "---" && content == "...") {
            found.all.end = line.end;
            return Some(found);
        }
        found.lines.end = line.end;
        match title_value(content) {
            Some(title) if found.title.is_none() => found.title = Some(title),
            _ => found.says_more |= !content.trim().is_empty(),
        }
    }
    None
}

fn title_value(line: &str) -> Option<&str> {
    let value = line.strip_prefix("title")?.trim_start().strip_prefix([':', '='])?.trim();
    let unquoted = value.trim_matches(['"', '\'']).trim();
    // What YAML spreads over several lines is left with the rest of the front matter.
    (!unquoted.is_empty() && !value.starts_with(['|', '>'])).then_some(unquoted)
}

/// Where a text begins, behind its byte order mark.
pub(super) fn body_start(text: &str) -> usize {
    text.len() - text.strip_prefix('\u{FEFF}').unwrap_or(text).len()
}

/// The lines from a position on, each with its line break, in bytes.
pub(super) fn lines(text: &str, from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    text[from..].split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..at
    })
}

/// Gathers the plain text of inline events: breaks become spaces, images their description.
#[derive(Default)]
pub(super) struct PlainText(String);

impl PlainText {
    pub(super) fn read(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) | Event::Code(text) => self.0.push_str(text),
            Event::SoftBreak | Event::HardBreak => self.0.push(' '),
            _ => {}
        }
    }

    /// The text so far, white space collapsed.
    pub(super) fn finish(&self) -> String {
        collapse(&self.0)
    }
}

fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
}

/// Marks within each other. Those further in are none: each has its text to itself, so that their texts together grow with
/// the square of the depth.
const DEEPEST: usize = 8;

/// Everything that the author of a markdown text singled out, in the order of the text, the outer
/// mark before one within it. Code blocks and front matter hold none.
pub fn marks(text: &str) -> Vec<Mark> {
    let start = content_start(text);
    let mut marks: Vec<Mark> = Vec::new();
    let mut inline = PlainText::default();
    // What is not closed yet: its place in `marks`, and where its text begins.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut too_deep = 0;
    read(&text[start..], &mut |event, at| {
        let at = start + at.start..start + at.end;
        match event {
            Event::Start(tag) => {
                if let Some(kind) = mark_kind(tag) {
                    if open.len() == DEEPEST {
                        too_deep += 1;
                        return;
                    }
                    open.push((marks.len(), inline.0.len()));
                    marks.push(Mark { kind, text: String::new(), at });
                }
            }
            Event::End(tag) if mark_kind(tag).is_some() => {
                if too_deep > 0 {
                    too_deep -= 1;
                } else if let Some((mark, from)) = open.pop() {
                    marks[mark].text = collapse(&inline.0[from..]);
                }
            }
            Event::Code(code) => {
                marks.push(Mark { kind: MarkKind::CodeSpan, text: collapse(code), at });
                inline.read(event);
            }
            _ => inline.read(event),
        }
        if open.is_empty() {
            inline.0.clear();
        }
    });
    marks.retain(|mark| !mark.text.is_empty());
    marks
}

fn mark_kind(tag: Tag) -> Option<MarkKind> {
    match tag {
        Tag::Heading(_) => Some(MarkKind::Heading),
        Tag::Strong => Some(MarkKind::Strong),
        Tag::Emphasis => Some(MarkKind::Emphasis),
        Tag::Link => Some(MarkKind::LinkText),
        _ => None,
    }
}

/// Where the markdown begins, behind byte order mark and front matter.
fn content_start(text: &str) -> usize {
    front_matter(text).map_or(body_start(text), |front| front.all.end)
}

/// The title of a document: that of its front matter, else its first heading.
pub fn title(text: &str) -> Option<String> {
    let mut title = Title::new(text);
    read(&text[content_start(text)..], &mut |event, _| title.read(event));
    title.found
}

/// Looks for the title among the events of a document.
pub(super) struct Title {
    heading: Option<PlainText>,
    /// Once it is known.
    pub(super) found: Option<String>,
}

impl Title {
    /// What the front matter of a text says.
    pub(super) fn new(text: &str) -> Self {
        let found = front_matter(text).and_then(|front| front.title).map(str::to_owned);
        Title { heading: None, found }
    }

    pub(super) fn read(&mut self, event: Event<'_>) {
        let Title { heading, found } = self;
        match (event, &mut *heading) {
            _ if found.is_some() => {}
            (Event::Start(Tag::Heading(_)), _) => *heading = Some(PlainText::default()),
            (Event::End(Tag::Heading(_)), Some(open)) => {
                *found = Some(open.finish()).filter(|title| !title.is_empty());
                *heading = None;
            }
            (event, Some(open)) => open.read(event),
            _ => {}
        }
    }
}

/// A markdown text for reading: no markup, no front matter, blocks apart by a blank line, list
/// items and table rows by a line break, cells by a bar.
pub fn plain(text: &str) -> String {
    let mut plain = Page::default();
    let mut lists = 0;
    read(&text[content_start(text)..], &mut |event, _| match event {
        Event::Start(Tag::List) => lists += 1,
        Event::End(Tag::List) => {
            lists -= 1;
            if lists == 0 {
                plain.end_block();
            }
        }
        Event::Start(Tag::Item) | Event::End(Tag::Item) => plain.end_line(),
        Event::End(Tag::TableCell) => plain.0.push_str(CELL_END),
        Event::End(Tag::TableHead | Tag::TableRow) => {
            plain.0.truncate(plain.0.trim_end_matches(CELL_END).len());
            plain.end_line();
        }
        Event::End(
            Tag::Paragraph | Tag::Heading(_) | Tag::CodeBlock { .. } | Tag::HtmlBlock | Tag::Table,
        ) => plain.end_block(),
        Event::Text(text) | Event::Code(text) => plain.0.push_str(text),
        Event::SoftBreak => plain.0.push(' '),
        Event::HardBreak => plain.end_line(),
        Event::Html(html) => push_without_tags(&mut plain.0, html),
        _ => {}
    });
    plain.0.truncate(plain.0.trim_end().len());
    plain.0
}

const CELL_END: &str = " | ";

/// Text in lines, without two blank ones in a row.
#[derive(Default)]
struct Page(String);

impl Page {
    fn end_line(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
    }

    fn end_block(&mut self) {
        self.end_line();
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }
}

fn push_without_tags(plain: &mut String, html: &str) {
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(MarkKind, String)> {
        marks(text).into_iter().map(|mark| (mark.kind, mark.text)).collect()
    }

    #[test]
    fn marks_come_in_order_with_their_place() {
        let text = "\u{FEFF}---\ntitle: no *mark*\n---\n# The `Store`\n\n\
            A **bold [link](x.md)** and *so on*.\n\n```\n**no**\n```\n\n- <https://example.org>\n";
        assert_eq!(
            found(text),
            [
                (MarkKind::Heading, "The Store".into()),
                (MarkKind::CodeSpan, "Store".into()),
                (MarkKind::Strong, "bold link".into()),
                (MarkKind::LinkText, "link".into()),
                (MarkKind::Emphasis, "so on".into()),
            ]
        );
        let slices: Vec<&str> = marks(text).into_iter().map(|mark| &text[mark.at]).collect();
        assert_eq!(slices[1..4], ["`Store`", "**bold [link](x.md)**", "[link](x.md)"]);
        assert!(slices[0].starts_with("# The `Store`"));
    }

    #[test]
    fn titles() {
        assert_eq!(title("text\n\n## *Second* level\n"), Some("Second level".into()));
        assert_eq!(
            title("---\nlang: en\ntitle: \"A guide\"\n---\n# Other"),
            Some("A guide".into())
        );
        assert_eq!(title("+++\ntitle = 'A guide'\n+++\n"), Some("A guide".into()));
        assert_eq!(title("---\ntitle: >\n  folded\n---\nno heading"), None);
        assert_eq!(title("Setext\n======\r\ntext"), Some("Setext".into()));
        assert_eq!(title("#\n\n# Real"), Some("Real".into()));
    }

    #[test]
    fn two_rules_are_no_front_matter() {
        for text in ["---\n\ntitle: x\n---\n", "text\n\n---\ntitle: x\n---\n", "---\ntitle: x\n"] {
            assert!(front_matter(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn plain_text_is_readable() {
        let text = "# Title\n\nSome *wrapped*\ntext with `code`.\n\n- one\n  - inner\n- two\n\n\
            | a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nlet x;\n```\n<div>kept</div>\n\n[ref]: x\n";
        assert_eq!(
            plain(text),
            "Title\n\nSome wrapped text with code.\n\none\ninner\ntwo\n\na | b\n1 | 2\n\nlet x;\n\nkept"
        );
    }

    /// Each would take time that grows with the square of its length if something in it were
    /// looked through again and again: hours at this length.
    #[test]
    #[cfg_attr(miri, ignore = "megabytes take Miri hours")]
    fn any_text_takes_time_in_proportion() {
        let parts = [
            "[",
            "]",
            "*a",
            "_*",
            "![",
            "[a](",
            "[a](<",
            "[a](b \"",
            "<!--",
            "<a b=\"",
            "|",
            "| a |\n|-|\n",
            ">",
            "> ",
            "- ",
            "1. ",
            "\\",
            "&#",
            "- x\n",
            "> a\n",
            "[a]: b\n",
            "[a]: b\n\n[a]",
            "[^a]: b\n",
            "*a **b ",
            "~~a~",
            "<!A ",
            "``` \n",
            "a\n=\n",
        ];
        for part in parts {
            let text = part.repeat(100_000 / part.len());
            plain(&text);
            marks(&text);
        }
        let halves = [
            ("*a ", " a*"),
            ("*a **b ", " b** a*"),
            ("*a _b ", " c* d_"),
            ("[a ", "[c](d)"),
            ("![a ", "[c](d)"),
        ];
        for (first, second) in halves {
            let text = first.repeat(100_000 / first.len()) + &second.repeat(100_000 / second.len());
            plain(&text);
            marks(&text);
        }
        let mut runs = String::new();
        (1..700).for_each(|length| runs += &format!("{} a ", "`".repeat(length)));
        plain(&runs);
        let nested: String =
            (0..700).map(|depth| format!("{}- x\n", " ".repeat(2 * depth))).collect();
        plain(&nested);
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn any_text_is_read(text in "([-+#*`~>|<\\[\\]()! \n\r\t]|---\n|title: |[a-c]|é|🎉){0,60}") {
            for mark in marks(&text) {
                prop_assert!(text.get(mark.at.clone()).is_some(), "{:?}", mark);
                prop_assert!(!mark.text.is_empty());
            }
            plain(&text);
            title(&text);
        }
    }
}

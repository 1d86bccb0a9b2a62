//! What is read, held against pulldown-cmark.
//!
//! Differences that are meant: entities other than the few that prose is full of stay as they are
//! written; braces behind a heading are attributes only if all in them look like it; an indented line
//! below a table is a row; a tab counts as columns everywhere; a box to tick may stand at the end of a
//! line, and is text in a heading. The documents below hold none of these.

use std::{fs, ops::Range, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};
use pulldown_cmark as cmark;

use super::{Event, Tag, read};

/// An event in a form that compares: what it is, and where what has a place in a document stands.
type Told = (String, Option<Range<usize>>);

/// Text that comes in pieces is one.
#[derive(Default)]
struct Telling(Vec<Told>);

impl Telling {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some((last, None)) if last.starts_with("text ") => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.0.push((format!("text {text}"), None)),
        }
    }

    fn event(&mut self, what: String, at: Option<Range<usize>>) {
        // Rows too short are filled with cells that say nothing.
        if what == "End(TableCell)"
            && self.0.pop_if(|(last, _)| last == "start TableCell").is_some()
        {
            return;
        }
        self.0.push((what, at));
    }
}

/// Blocks are placed by the line that they begin on; where a cell begins tells nothing.
fn begin(text: &str, tag: Tag, at: Range<usize>) -> Option<Range<usize>> {
    let line = text[..at.start].rfind('\n').map_or(0, |before| before + 1);
    (tag != Tag::TableCell).then_some(line..line)
}

fn ours(text: &str) -> Vec<Told> {
    let mut telling = Telling::default();
    read(text, &mut |event, at| match event {
        Event::Text(text) => telling.text(&text.replace("\r\n", "\n")),
        Event::Html(html) => telling.text(&html.replace("\r\n", "\n")),
        Event::Code(code) => telling.event(format!("code {}", super::collapse(code)), Some(at)),
        Event::Start(tag @ (Tag::Strong | Tag::Emphasis)) => {
            telling.event(format!("start {tag:?}"), Some(at));
        }
        Event::Start(tag) => telling.event(format!("start {tag:?}"), begin(text, tag, at)),
        event => telling.event(format!("{event:?}"), None),
    });
    telling.0
}

fn theirs(text: &str) -> Vec<Told> {
    let options = cmark::Options::ENABLE_TABLES
        | cmark::Options::ENABLE_FOOTNOTES
        | cmark::Options::ENABLE_STRIKETHROUGH
        | cmark::Options::ENABLE_TASKLISTS
        | cmark::Options::ENABLE_HEADING_ATTRIBUTES;
    let mut telling = Telling::default();
    let mut addresses = 0;
    for (event, at) in cmark::Parser::new_ext(text, options).into_offset_iter() {
        match event {
            cmark::Event::Start(cmark::Tag::Link {
                link_type: cmark::LinkType::Autolink | cmark::LinkType::Email,
                ..
            }) => addresses += 1,
            cmark::Event::End(cmark::TagEnd::Link) if addresses > 0 => addresses -= 1,
            cmark::Event::Start(tag) => match ours_of(&tag) {
                Some(tag @ (Tag::Strong | Tag::Emphasis)) => {
                    telling.event(format!("start {tag:?}"), Some(at));
                }
                Some(tag) => telling.event(format!("start {tag:?}"), begin(text, tag, at)),
                None => {}
            },
            cmark::Event::End(end) => {
                if let Some(tag) = end_of(&end, &telling) {
                    telling.event(format!("{:?}", Event::End(tag)), None);
                }
            }
            cmark::Event::Text(text) | cmark::Event::Html(text) => telling.text(&text),
            cmark::Event::Code(code) => {
                telling.event(format!("code {}", super::collapse(&code)), Some(at))
            }
            cmark::Event::SoftBreak => telling.event("SoftBreak".into(), None),
            cmark::Event::HardBreak => telling.event("HardBreak".into(), None),
            cmark::Event::Rule => telling.event("Rule".into(), None),
            _ => {}
        }
    }
    telling.0
}

fn ours_of(tag: &cmark::Tag<'_>) -> Option<Tag> {
    Some(match tag {
        cmark::Tag::Paragraph => Tag::Paragraph,
        cmark::Tag::Heading { level, .. } => Tag::Heading(*level as u8),
        cmark::Tag::CodeBlock(cmark::CodeBlockKind::Fenced(_)) => Tag::CodeBlock { fenced: true },
        cmark::Tag::CodeBlock(_) => Tag::CodeBlock { fenced: false },
        cmark::Tag::HtmlBlock => Tag::HtmlBlock,
        cmark::Tag::BlockQuote(_) => Tag::Quote,
        cmark::Tag::List(_) => Tag::List,
        cmark::Tag::Item => Tag::Item,
        cmark::Tag::FootnoteDefinition(_) => Tag::Footnote,
        cmark::Tag::Table(_) => Tag::Table,
        cmark::Tag::TableHead => Tag::TableHead,
        cmark::Tag::TableRow => Tag::TableRow,
        cmark::Tag::TableCell => Tag::TableCell,
        cmark::Tag::Strong => Tag::Strong,
        cmark::Tag::Emphasis => Tag::Emphasis,
        cmark::Tag::Link { .. } => Tag::Link,
        _ => return None,
    })
}

fn end_of(end: &cmark::TagEnd, told: &Telling) -> Option<Tag> {
    Some(match end {
        cmark::TagEnd::Paragraph => Tag::Paragraph,
        cmark::TagEnd::Heading(level) => Tag::Heading(*level as u8),
        cmark::TagEnd::CodeBlock => {
            let start = told.0.iter().rev().find(|(what, _)| what.starts_with("start CodeBlock"));
            Tag::CodeBlock { fenced: start.is_some_and(|(what, _)| what.contains("true")) }
        }
        cmark::TagEnd::HtmlBlock => Tag::HtmlBlock,
        cmark::TagEnd::BlockQuote(_) => Tag::Quote,
        cmark::TagEnd::List(_) => Tag::List,
        cmark::TagEnd::Item => Tag::Item,
        cmark::TagEnd::FootnoteDefinition => Tag::Footnote,
        cmark::TagEnd::Table => Tag::Table,
        cmark::TagEnd::TableHead => Tag::TableHead,
        cmark::TagEnd::TableRow => Tag::TableRow,
        cmark::TagEnd::TableCell => Tag::TableCell,
        cmark::TagEnd::Strong => Tag::Strong,
        cmark::TagEnd::Emphasis => Tag::Emphasis,
        cmark::TagEnd::Link => Tag::Link,
        _ => return None,
    })
}

fn first_difference(text: &str) -> Option<String> {
    let (ours, theirs) = (ours(text), theirs(text));
    let at = (0..ours.len().max(theirs.len())).find(|&at| ours.get(at) != theirs.get(at))?;
    let around = at.saturating_sub(3);
    let part = |told: &[Told]| {
        let lines = told.iter().skip(around).take(7).map(|event| format!("{event:?}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    Some(format!("{text}\n--- ours\n{}\n--- theirs\n{}", part(&ours), part(&theirs)))
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of kilobytes take Miri long")]
fn the_projects_own_documents_are_read_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents =
        folder.chain(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let mut count = 0;
    for path in documents.filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = fs::read_to_string(&path).unwrap();
        if let Some(difference) = first_difference(&text) {
            panic!("{}: {}", path.display(), difference.split_once("--- ours").unwrap().1);
        }
        count += 1;
    }
    assert!(count > 12);
}

/// Lines and parts of lines that documents are made of, and what makes them interesting.
fn document() -> impl Strategy<Value = String> {
    let word = select(vec![
        "one",
        "two",
        "Grüße",
        "图谱",
        "`code`",
        "*so*",
        "**bold**",
        "_it_",
        "__b__",
        "***both***",
        "a*b*c",
        "**a *b* c**",
        "[link](x.md)",
        "[text](<a b> \"t\")",
        "[ref]",
        "[Ref][]",
        "[x][ref]",
        "![alt](i.png)",
        "<https://e.org>",
        "<b>raw</b>",
        "\\*no\\*",
        "&amp;",
        "&#65;",
        "~~gone~~",
        "``a ` b``",
        "`",
        "*",
        "_",
        "**",
        "[",
        "]",
        "(",
        ")",
        "!",
        "<",
        "snake_case_word",
        "1.",
        "-",
        "#",
        "a|b",
        "\\",
        "end  \n",
        "end\\\n",
        "[^n]",
        "“quoted”",
        "e.g.",
        "[a [b](c) d](e)",
        "**a",
        "b**",
        "_a",
        "b_",
    ]);
    let text = vec(word, 1..7).prop_map(|words| words.join(" "));
    let indent = select(vec!["", "", "", "", " ", "  ", "   ", "    ", "      "]);
    let mark = select(vec![
        "", "", "", "", "- ", "* ", "1. ", "2) ", "> ", ">", "# ", "## ", "- [ ] ", "- - ", "> - ",
        "-\t",
    ]);
    let line =
        (indent, mark, text).prop_map(|(indent, mark, text)| format!("{indent}{mark}{text}\n"));
    let special = select(vec![
        "\n",
        "\n",
        "\n",
        ">\n",
        "---\n",
        "===\n",
        "***\n",
        "```\n",
        "```rust\n",
        "~~~\n",
        "````\n",
        "    code\n",
        "| a | b |\n|---|:-:|\n| 1 | 2 | 3 |\n| x |\n\n",
        "<div>\n",
        "</div>\n",
        "<!-- x\n",
        "-->\n",
        "[ref]: /url \"t\"\n",
        "# Heading #\n",
        "## H {#id .c}\n",
        "Setext\n---\n",
        "-\n",
        "1.\n",
        "  - nested\n",
        "    - deeper\n",
        "[^n]: a note\n",
        "|a|b|\n",
        "-|-\n",
    ]);
    vec(prop_oneof![3 => line, 2 => special.prop_map(str::to_owned)], 0..14)
        .prop_map(|lines| lines.concat())
        .prop_filter("holds what is meant to differ", |text| {
            !text.contains("[ ]\n") && !has_indented_row(text) && !has_ticked_heading(text)
        })
}

/// Whether a line that may make a heading of the one above stands where there is a box to tick.
fn has_ticked_heading(text: &str) -> bool {
    let underlines = |line: &str| {
        let marks = line.trim_start_matches(['>', ' ']).trim_end();
        !marks.is_empty() && (marks.bytes().all(|b| b == b'-') || marks.bytes().all(|b| b == b'='))
    };
    text.contains("[ ]") && text.lines().any(underlines)
}

/// Whether an indented line stands below a table, perhaps within other blocks.
fn has_indented_row(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| !line.contains('|') || !line.contains('-'));
    lines.any(|line| line.trim_start_matches(['>', '-', '*', ' ']).len() + 4 <= line.len())
}

proptest! {
    #![proptest_config(crate::cases(3000))]

    #[test]
    fn documents_are_read_alike(text in document()) {
        let difference = first_difference(&text);
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }
}

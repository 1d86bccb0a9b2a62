//! The blocks of a document, line by line, as CommonMark describes it: containers that a line
//! continues or opens, and in the innermost one a leaf that takes its text.
//!
//! <https://spec.commonmark.org/0.31.2/#appendix-a-parsing-strategy>

use std::ops::Range;

use smolrag_kernels::text::{Bytes, find, these};

use super::{
    event::Tag,
    inline::{Definitions, definition},
    line::Line,
    mark::{self, HtmlEnd},
};

/// Containers within each other. A line that would open more is text; it bounds the time of a line.
const DEEPEST: usize = 100;
/// Columns that make a line code.
const CODE: usize = 4;

/// A step through the document. Inline text is read later, when all references are known.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub what: What,
    pub at: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Start(Tag),
    End(Tag),
    Rule,
    /// Text with marks in it, a range a line.
    Inline(Vec<Range<usize>>),
    /// Text as it stands.
    Verbatim,
    Html,
}

/// The steps, and what the text refers to.
pub(super) struct Structure {
    pub steps: Vec<Step>,
    pub definitions: Definitions,
}

struct Container {
    kind: Kind,
    /// Its start among the steps.
    start: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Quote,
    List {
        mark: u8,
        /// Whether blank lines stand between its items or what they hold.
        loose: bool,
    },
    /// What lies so many columns in is part of it.
    Item {
        width: usize,
    },
    Footnote,
}

impl Kind {
    fn tag(self) -> Tag {
        match self {
            Kind::Quote => Tag::Quote,
            Kind::List { .. } => Tag::List,
            Kind::Item { .. } => Tag::Item,
            Kind::Footnote => Tag::Footnote,
        }
    }
}

enum Leaf {
    None,
    Paragraph(Vec<Range<usize>>),
    Fenced {
        mark: u8,
        length: usize,
        indent: usize,
        start: usize,
    },
    /// With the blank lines that are part of it if more code follows.
    Indented {
        start: usize,
        blank: Vec<Range<usize>>,
    },
    Html {
        end: HtmlEnd,
    },
    Table {
        columns: usize,
    },
}

/// The length of the first line with its break, be that of Unix, Windows or the first Macs.
fn line_length(text: &str) -> usize {
    static BREAKS: Bytes = these(b"\n\r");
    match find(text.as_bytes(), 0, &BREAKS) {
        Some(at) if text[at..].starts_with("\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}

/// Reads the blocks of a document, a line at a time.
pub(super) struct Reader<'t> {
    text: &'t str,
    steps: Vec<Step>,
    open: Vec<Container>,
    leaf: Leaf,
    definitions: Definitions,
    /// The line before was blank, within so many quotes.
    blank: Option<usize>,
    /// Where the line before ends.
    end: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Reader {
            text,
            steps: Vec::new(),
            open: Vec::new(),
            leaf: Leaf::None,
            definitions: Definitions::default(),
            blank: None,
            end: 0,
        }
    }

    /// Reads a line more; whether there was one.
    pub(super) fn step(&mut self) -> bool {
        if self.end == self.text.len() {
            return false;
        }
        let end = self.end + line_length(&self.text[self.end..]);
        self.line(self.end..end);
        self.end = end;
        true
    }

    /// What was read, once there is no line more.
    pub(super) fn finish(mut self) -> Structure {
        self.close_to(0);
        Structure { steps: self.steps, definitions: self.definitions }
    }

    fn line(&mut self, range: Range<usize>) {
        let mut line = Line::new(self.text, range.clone());
        let matched = self.continued(&mut line);
        let all = matched == self.open.len();
        let blank = line.is_blank();
        if all && self.leaf_takes(&mut line, &range) {
            let between = blank && matches!(self.leaf, Leaf::Indented { .. });
            self.blank = between.then(|| self.quotes());
            return;
        }
        let (opened, done) = self.begin(&mut line, &range, matched);
        if !done && line.is_blank() {
            if !opened {
                self.close_to(matched);
            }
            self.close_leaf();
        } else if !done {
            self.take_text(line, matched, opened);
        }
        self.blank = blank.then(|| self.quotes());
    }

    fn quotes(&self) -> usize {
        self.open.iter().filter(|container| container.kind == Kind::Quote).count()
    }

    /// How many of the open containers the line continues; their marks are read.
    fn continued(&self, line: &mut Line<'t>) -> usize {
        for (depth, container) in self.open.iter().enumerate() {
            let goes_on = match container.kind {
                Kind::List { .. } => true,
                Kind::Quote => take_quote(line),
                Kind::Footnote if line.is_blank() => true,
                Kind::Footnote => take_columns(line, CODE),
                // An item does not begin with two blank lines.
                Kind::Item { .. } if line.is_blank() => {
                    container.start + 1 < self.steps.len() || !matches!(self.leaf, Leaf::None)
                }
                Kind::Item { width } => take_columns(line, width),
            };
            if !goes_on {
                return depth;
            }
        }
        self.open.len()
    }

    /// Whether the line is more of the open leaf, where that is no text with marks.
    fn leaf_takes(&mut self, line: &mut Line<'t>, range: &Range<usize>) -> bool {
        let content = line.content();
        match &mut self.leaf {
            Leaf::Fenced { mark, length, indent, start } => {
                if line.indent() < CODE && mark::closes_fence(content, *mark, *length) {
                    self.steps[*start].at.end = range.end;
                    self.end_leaf(Tag::CodeBlock { fenced: true }, range.end);
                } else {
                    let indent = line.indent().min(*indent);
                    line.skip_columns(indent);
                    self.push(What::Verbatim, line.at..range.end);
                }
                true
            }
            Leaf::Indented { blank, .. } if line.is_blank() => {
                line.skip_columns(CODE);
                blank.push(line.at..range.end);
                true
            }
            Leaf::Indented { blank, start } if line.indent() >= CODE => {
                line.skip_columns(CODE);
                let (blank, start) = (std::mem::take(blank), *start);
                blank.into_iter().for_each(|blank| self.push(What::Verbatim, blank));
                self.push(What::Verbatim, line.at..range.end);
                self.steps[start].at.end = range.end;
                true
            }
            Leaf::Html { end: HtmlEnd::Blank } if line.is_blank() => false,
            Leaf::Html { end } => {
                let end = *end;
                self.push(What::Html, line.at..range.end);
                if ends_html(end, content) {
                    self.end_leaf(Tag::HtmlBlock, range.end);
                }
                true
            }
            _ => false,
        }
    }

    /// Opens what begins on the line. Returns whether anything did, and whether it took the whole line.
    fn begin(&mut self, line: &mut Line<'t>, range: &Range<usize>, matched: usize) -> (bool, bool) {
        let mut opened = false;
        let mut inside = matched;
        loop {
            // A paragraph that the line may go on with, whether or not it continues its containers.
            let lazy = !opened && matches!(self.leaf, Leaf::Paragraph(_));
            let in_paragraph = lazy && matched == self.open.len();
            if line.is_blank() {
                return (opened, false);
            }
            if line.indent() >= CODE {
                if lazy || (!opened && matches!(self.leaf, Leaf::Table { .. })) {
                    return (opened, false);
                }
                self.enter(inside);
                line.skip_columns(CODE);
                let start = self.steps.len();
                self.push(What::Start(Tag::CodeBlock { fenced: false }), line.at..range.end);
                self.push(What::Verbatim, line.at..range.end);
                self.leaf = Leaf::Indented { start, blank: Vec::new() };
                return (true, true);
            }
            let content = line.content();
            if self.leaf_begins(line, range, inside, in_paragraph) {
                return (true, true);
            }
            let deeper = self.open.len().max(inside) < DEEPEST;
            if !deeper || !self.container_begins(line, content, inside, in_paragraph) {
                return (opened, false);
            }
            opened = true;
            inside = self.open.len();
        }
    }

    /// A quote, item or footnote at the beginning of `content`.
    fn container_begins(
        &mut self,
        line: &mut Line<'t>,
        content: &str,
        inside: usize,
        in_paragraph: bool,
    ) -> bool {
        let indent = line.indent();
        let at = line.end - content.len();
        if content.starts_with('>') {
            self.enter(inside);
            self.open_container(Kind::Quote, at);
            return take_quote(line);
        }
        if let Some((label, length)) = mark::footnote(content) {
            self.enter(inside);
            self.definitions.footnotes.insert(label.to_owned());
            line.skip_indent();
            line.skip_bytes(length);
            self.open_container(Kind::Footnote, at);
            return true;
        }
        let Some(item) = mark::item(content) else { return false };
        let empty = content[item.length..].trim_matches([' ', '\t']).is_empty();
        if in_paragraph && (empty || !item.first) {
            return false;
        }
        line.skip_indent();
        line.skip_bytes(item.length);
        let space = line.indent();
        let space = if empty || space > CODE { 1 } else { space };
        line.skip_columns(space);
        self.open_item(item.kind, indent + item.length + space, at, inside);
        true
    }

    fn open_item(&mut self, mark: u8, width: usize, at: usize, inside: usize) {
        self.close_to(inside);
        match self.open.last().map(|container| container.kind) {
            Some(Kind::List { mark: same, .. }) if same == mark => self.note_blank(),
            kind => {
                if matches!(kind, Some(Kind::List { .. })) {
                    self.close_to(self.open.len() - 1);
                }
                self.note_blank();
                self.open_container(Kind::List { mark, loose: false }, at);
            }
        }
        self.open_container(Kind::Item { width }, at);
    }

    /// A block other than a paragraph that holds no others, at the beginning of the rest of the line.
    fn leaf_begins(
        &mut self,
        line: &Line<'t>,
        range: &Range<usize>,
        inside: usize,
        in_paragraph: bool,
    ) -> bool {
        let content = line.content();
        let at = line.end - content.len();
        if in_paragraph {
            let level = mark::setext_underline(content);
            if level.is_some_and(|level| self.heading_above(level, range.end)) {
                return true;
            }
            if self.table_begins(content, range.end) {
                return true;
            }
        }
        if let Some((level, title)) = mark::atx_heading(content) {
            self.enter(inside);
            let title = at + title.start..at + title.end;
            self.push(What::Start(Tag::Heading(level)), at..range.end);
            self.push(What::Inline(vec![title]), at..range.end);
            self.push(What::End(Tag::Heading(level)), at..range.end);
            return true;
        }
        if let Some((mark, length)) = mark::fence(content) {
            self.enter(inside);
            let start = self.steps.len();
            self.push(What::Start(Tag::CodeBlock { fenced: true }), at..range.end);
            self.leaf = Leaf::Fenced { mark, length, indent: line.indent(), start };
            return true;
        }
        if let Some(end) = mark::html_block(content, in_paragraph) {
            self.enter(inside);
            self.push(What::Start(Tag::HtmlBlock), at..range.end);
            self.push(What::Html, at..range.end);
            self.leaf = Leaf::Html { end };
            if ends_html(end, content) {
                self.end_leaf(Tag::HtmlBlock, range.end);
            }
            return true;
        }
        if mark::is_rule(content) {
            self.enter(inside);
            self.push(What::Rule, at..range.end);
            return true;
        }
        false
    }

    /// Makes a heading of the open paragraph, if it holds more than definitions.
    fn heading_above(&mut self, level: u8, end: usize) -> bool {
        let Leaf::Paragraph(lines) = std::mem::replace(&mut self.leaf, Leaf::None) else {
            return false;
        };
        let mut lines = self.without_definitions(lines);
        let Some(last) = lines.last_mut() else {
            // All of it defined something: the underline is text, and begins a paragraph.
            return false;
        };
        last.end = last.start + mark::without_attributes(self.text[last.clone()].trim_end()).len();
        let at = lines[0].start..end;
        self.push(What::Start(Tag::Heading(level)), at.clone());
        self.push(What::Inline(lines), at.clone());
        self.push(What::End(Tag::Heading(level)), at);
        true
    }

    /// Makes the head of a table of the last line of the open paragraph, if it has as many cells as
    /// this delimiter row.
    fn table_begins(&mut self, content: &str, end: usize) -> bool {
        let Some(columns) = mark::table_columns(content) else { return false };
        let Leaf::Paragraph(lines) = std::mem::replace(&mut self.leaf, Leaf::None) else {
            return false;
        };
        let mut lines = self.without_definitions(lines);
        let Some(head) = lines.last().cloned() else { return false };
        let row = &self.text[head.clone()];
        // Within a paragraph a bar at the left says that it is meant.
        if mark::cells(row).count() != columns || (lines.len() > 1 && !row.starts_with('|')) {
            self.leaf = Leaf::Paragraph(lines);
            return false;
        }
        lines.pop();
        self.close_paragraph(lines);
        self.leaf = Leaf::Table { columns };
        self.push(What::Start(Tag::Table), head.start..end);
        self.row(head, columns, Tag::TableHead);
        true
    }

    fn row(&mut self, row: Range<usize>, columns: usize, tag: Tag) {
        self.push(What::Start(tag), row.clone());
        let cells: Vec<_> = mark::cells(&self.text[row.clone()]).take(columns).collect();
        for (from, to) in cells {
            let cell = &self.text[row.start + from..row.start + to];
            let from = row.start + from + cell.len() - cell.trim_start().len();
            let at = from..from + cell.trim().len();
            self.push(What::Start(Tag::TableCell), at.clone());
            self.push(What::Inline(vec![at.clone()]), at.clone());
            self.push(What::End(Tag::TableCell), at);
        }
        self.push(What::End(tag), row);
    }

    /// The rest of the line as text of a paragraph or a row of a table.
    fn take_text(&mut self, line: Line<'t>, matched: usize, opened: bool) {
        let content = line.content();
        let at = line.end - content.len()..line.end;
        match &mut self.leaf {
            // A paragraph goes on even where its containers do not.
            Leaf::Paragraph(lines) if !opened => return lines.push(at),
            Leaf::Table { columns } if !opened && matched == self.open.len() => {
                let columns = *columns;
                return self.row(at, columns, Tag::TableRow);
            }
            _ => {}
        }
        if opened {
            self.enter(self.open.len());
        } else {
            self.enter(matched);
        }
        self.leaf = Leaf::Paragraph(vec![at]);
    }

    /// Makes ready for a block inside the first `inside` containers.
    fn enter(&mut self, inside: usize) {
        self.close_to(inside);
        if matches!(self.open.last(), Some(Container { kind: Kind::List { .. }, .. })) {
            self.close_to(self.open.len() - 1);
        }
        self.note_blank();
    }

    /// A blank line before what begins now makes the list around it loose.
    fn note_blank(&mut self) {
        if self.blank.is_none() || self.blank != Some(self.quotes()) {
            return;
        }
        // Items stand in a list; what stands in an item stands in the list before it.
        let list = match self.open.last() {
            Some(Container { kind: Kind::Item { .. }, start }) if start + 1 < self.steps.len() => {
                self.open.len() - 2
            }
            Some(Container { kind: Kind::List { .. }, .. }) => self.open.len() - 1,
            _ => return,
        };
        if let Kind::List { loose, .. } = &mut self.open[list].kind {
            *loose = true;
        }
    }

    fn open_container(&mut self, kind: Kind, at: usize) {
        self.open.push(Container { kind, start: self.steps.len() });
        self.push(What::Start(kind.tag()), at..at);
    }

    /// Closes the open leaf and all but the first `depth` containers.
    fn close_to(&mut self, depth: usize) {
        self.close_leaf();
        while self.open.len() > depth {
            let Some(Container { kind, start }) = self.open.pop() else { return };
            if let Kind::List { loose: false, .. } = kind {
                self.tighten(start);
            }
            self.push(What::End(kind.tag()), self.end..self.end);
        }
    }

    /// Takes the paragraphs out of the items of a list: in a tight one its text stands by itself.
    fn tighten(&mut self, list: usize) {
        let mut depth = 0;
        let mut kept = list;
        for at in list..self.steps.len() {
            let paragraph = match self.steps[at].what {
                What::Start(Tag::Paragraph) | What::End(Tag::Paragraph) => depth == 2,
                What::Start(_) => {
                    depth += 1;
                    false
                }
                What::End(_) => {
                    depth -= 1;
                    false
                }
                _ => false,
            };
            if !paragraph {
                self.steps.swap(kept, at);
                kept += 1;
            }
        }
        self.steps.truncate(kept);
    }

    fn close_leaf(&mut self) {
        match std::mem::replace(&mut self.leaf, Leaf::None) {
            Leaf::None => {}
            Leaf::Paragraph(lines) => self.close_paragraph(lines),
            Leaf::Fenced { start, .. } => {
                self.steps[start].at.end = self.end;
                self.push(What::End(Tag::CodeBlock { fenced: true }), self.end..self.end);
            }
            Leaf::Indented { .. } => {
                self.push(What::End(Tag::CodeBlock { fenced: false }), self.end..self.end);
            }
            Leaf::Html { .. } => self.push(What::End(Tag::HtmlBlock), self.end..self.end),
            Leaf::Table { .. } => self.push(What::End(Tag::Table), self.end..self.end),
        }
    }

    fn close_paragraph(&mut self, lines: Vec<Range<usize>>) {
        let mut lines = self.without_definitions(lines);
        let Some(last) = lines.last_mut() else { return };
        last.end = last.start + self.text[last.clone()].trim_end_matches([' ', '\t']).len();
        let at = lines[0].start..lines[lines.len() - 1].end;
        self.push(What::Start(Tag::Paragraph), at.clone());
        self.push(What::Inline(lines), at.clone());
        self.push(What::End(Tag::Paragraph), at);
    }

    /// Reads the definitions of references that the lines begin with, and gives the other lines.
    fn without_definitions(&mut self, lines: Vec<Range<usize>>) -> Vec<Range<usize>> {
        let mut first = 0;
        while lines.get(first).is_some_and(|line| self.text[line.clone()].starts_with('[')) {
            let Some((label, taken)) = definition(self.text, &lines[first..]) else { break };
            self.definitions.links.insert(label);
            first += taken;
        }
        match first {
            0 => lines,
            _ => lines[first..].to_vec(),
        }
    }

    fn end_leaf(&mut self, tag: Tag, end: usize) {
        self.leaf = Leaf::None;
        self.push(What::End(tag), end..end);
    }

    fn push(&mut self, what: What, at: Range<usize>) {
        self.steps.push(Step { what, at });
    }
}

/// Reads the mark of a quote, and one column of white space behind it.
fn take_quote(line: &mut Line<'_>) -> bool {
    if line.indent() >= CODE || !line.content().starts_with('>') {
        return false;
    }
    line.skip_indent();
    line.skip_bytes(1);
    line.skip_columns(1);
    true
}

fn take_columns(line: &mut Line<'_>, columns: usize) -> bool {
    let deep = line.indent() >= columns;
    if deep {
        line.skip_columns(columns);
    }
    deep
}

fn ends_html(end: HtmlEnd, content: &str) -> bool {
    let HtmlEnd::With(ends) = end else { return false };
    let content = content.to_ascii_lowercase();
    ends.iter().any(|end| content.contains(end))
}

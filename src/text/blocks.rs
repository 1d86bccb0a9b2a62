//! The blocks that a markdown document is made of, with the headings above each: the places where
//! a document may be cut without tearing what belongs together.

use std::ops::Range;
use std::rc::Rc;

use super::markdown::{Event, PlainText, Reading, Tag, Title, body_start, front_matter};
use super::utf16::utf16_length;

/// The headings above a place, outermost first.
pub(super) type Headings = Rc<[Rc<str>]>;

/// A stretch of a document that is best kept whole: a paragraph, list item, table row, code block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Where it stands, white space around it left out.
    pub bytes: Range<usize>,
    /// Counts up at every heading. Blocks of different sections do not go together.
    pub section: usize,
    /// The headings above it.
    pub headings: Headings,
    /// In how many lists, quotes and tables it begins. Cutting before a block tears the less, the
    /// less deep it begins.
    pub depth: usize,
    /// What a code block needs when it must be cut.
    pub code: Option<Code>,
}

/// The parts of a code block.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// The line that opens it; for code by indentation, the line that would.
    pub fence: Rc<str>,
    /// Its lines without the fences.
    pub lines: Range<usize>,
}

/// A document as blocks in their order.
pub(super) struct Outline {
    pub blocks: Vec<Block>,
    /// Behind which position which headings hold, in order.
    pub headings: Vec<(usize, Headings)>,
    /// See [`title`](super::title).
    pub title: Option<String>,
}

impl Outline {
    /// The headings above a byte position.
    pub fn headings_at(&self, at: usize) -> Headings {
        match self.headings.partition_point(|(from, _)| *from <= at) {
            0 => Rc::new([]),
            count => self.headings[count - 1].1.clone(),
        }
    }
}

/// A heading or an opening fence beyond so many UTF-16 units is a slip of the pen, such as a rule
/// right below a paragraph, and stays text.
const LONGEST_LINE_APART: usize = 200;

/// Reads the blocks of a document.
///
/// Every character that is not white space is in a block, in a heading that is above a block, or in
/// a thematic break. Headings count outside of lists and quotes only; a heading with nothing below
/// it is a block itself.
pub(super) fn outline(text: &str) -> Outline {
    let mut outlining = Outlining::new(text);
    while outlining.step() {}
    outlining.finish()
}

/// [`outline`], a step at a time: a large text takes long.
pub(super) struct Outlining<'t> {
    markdown: Reading<'t>,
    reader: Reader<'t>,
    title: Title,
}

impl<'t> Outlining<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut reader = Reader::new(text);
        reader.read_front_matter();
        let markdown = Reading::new(&text[reader.start..]);
        Outlining { markdown, reader, title: Title::new(text) }
    }

    /// Reads on; whether there was something to read.
    pub(super) fn step(&mut self) -> bool {
        self.markdown.step(&mut |event, at| {
            self.title.read(event);
            self.reader.read(event, at);
        })
    }

    /// The outline, once there is no step more.
    pub(super) fn finish(mut self) -> Outline {
        self.reader.close(self.reader.text.len());
        self.reader.place_bare_heading();
        Outline { title: self.title.found, ..self.reader.outline }
    }
}

/// A heading that no block stands under yet.
struct BareHeading {
    level: u8,
    line: Range<usize>,
    above: Headings,
}

/// What is read to its end before it is placed.
enum Within {
    Text,
    Heading { words: PlainText, at: Range<usize> },
    Code { lines: Option<Range<usize>>, at: Range<usize> },
}

struct Reader<'t> {
    text: &'t str,
    /// Where the markdown begins; the parser counts from here.
    start: usize,
    /// The last line break before or at the last cut, so that finding lines takes one pass.
    line: usize,
    depth: usize,
    /// The block that is being read: where it begins, how deep, and its code.
    open: Block,
    within: Within,
    above: Vec<(u8, Rc<str>)>,
    bare: Option<BareHeading>,
    outline: Outline,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let start = body_start(text);
        let open =
            Block { bytes: start..start, section: 0, headings: Rc::new([]), depth: 0, code: None };
        let outline = Outline { blocks: Vec::new(), headings: Vec::new(), title: None };
        Reader {
            text,
            start,
            line: start,
            depth: 0,
            open,
            within: Within::Text,
            above: Vec::new(),
            bare: None,
            outline,
        }
    }

    /// The title heads everything; the other lines are a section of their own.
    fn read_front_matter(&mut self) {
        let Some(front) = front_matter(self.text) else { return };
        if let Some(title) = front.title.filter(|title| is_short(title)) {
            self.begin_section(0, title.into(), front.all.clone());
        }
        if front.says_more {
            self.open.bytes = front.lines.clone();
            self.close(front.lines.end);
            self.open.section += 1;
        }
        self.start = front.all.end;
        self.line = self.start;
        self.open_at(self.start);
    }

    fn read(&mut self, event: Event<'_>, at: Range<usize>) {
        let at = self.start + at.start..self.start + at.end;
        match (&mut self.within, event) {
            (Within::Heading { words, at }, Event::End(Tag::Heading(level))) => {
                let (title, at) = (words.finish(), at.clone());
                self.within = Within::Text;
                self.read_heading(level, title, at);
            }
            (Within::Heading { words, .. }, event) => words.read(event),
            (Within::Code { lines, at }, Event::End(Tag::CodeBlock { fenced })) => {
                let (lines, at) = (lines.take(), at.clone());
                self.within = Within::Text;
                self.read_code(fenced, lines, at);
            }
            (Within::Code { lines, .. }, _) => {
                let first = lines.as_ref().map_or(at.start, |lines| lines.start);
                *lines = Some(first..at.end);
            }
            (_, Event::Start(Tag::Heading(_))) if self.depth == 0 => {
                self.within = Within::Heading { words: PlainText::default(), at };
            }
            (_, Event::Start(Tag::CodeBlock { .. })) => {
                self.within = Within::Code { lines: None, at };
            }
            (_, Event::Start(tag)) if begins_block(tag) => {
                self.cut(at.start);
                self.depth += usize::from(contains_blocks(tag));
            }
            (_, Event::End(tag)) if contains_blocks(tag) => self.depth -= 1,
            (_, Event::Rule) if self.depth == 0 => {
                self.cut(at.start);
                self.open_at(at.end);
            }
            _ => {}
        }
    }

    fn read_heading(&mut self, level: u8, title: String, at: Range<usize>) {
        self.cut(at.start);
        if !title.is_empty() && is_short(&title) {
            self.begin_section(level, title.into(), at.clone());
            self.open_at(at.end);
        }
    }

    fn begin_section(&mut self, level: u8, title: Rc<str>, line: Range<usize>) {
        if self.bare.as_ref().is_some_and(|bare| level <= bare.level) {
            self.place_bare_heading();
        }
        self.above.retain(|(above, _)| *above < level);
        let above = self.path();
        self.above.push((level, title));
        self.open.section += 1;
        self.open.headings = self.path();
        self.outline.headings.push((line.end, self.open.headings.clone()));
        self.bare = Some(BareHeading { level, line, above });
    }

    /// A heading that repeats the one above it, such as the title in front matter, counts once.
    fn path(&self) -> Headings {
        let mut path: Vec<Rc<str>> = self.above.iter().map(|(_, title)| title.clone()).collect();
        path.dedup();
        path.into()
    }

    /// A heading with nothing below it becomes a block, so that it is not lost.
    fn place_bare_heading(&mut self) {
        if let Some(bare) = self.bare.take() {
            let block = Block {
                bytes: trim(self.text, bare.line),
                headings: bare.above,
                depth: 0,
                code: None,
                section: self.open.section,
            };
            self.outline.blocks.push(block);
            self.open.section += 1;
        }
    }

    fn read_code(&mut self, fenced: bool, lines: Option<Range<usize>>, at: Range<usize>) {
        self.cut(at.start);
        let fence = match fenced {
            true => self.text[at.clone()].lines().next().unwrap_or("```").trim(),
            false => "```",
        };
        let fence = Some(fence).filter(|fence| is_short(fence));
        self.open.code = lines.zip(fence).map(|(lines, fence)| Code { fence: fence.into(), lines });
        self.close(at.end);
        self.open_at(at.end);
    }

    /// Ends the open block before the line of a position and opens the next there.
    fn cut(&mut self, at: usize) {
        let passed = &self.text.as_bytes()[self.line..at];
        if let Some(last) = passed.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line += last + 1;
        }
        // What begins on the line of an open block, such as a paragraph behind its list's bullet, is
        // part of it.
        if self.line > self.open.bytes.start {
            self.close(self.line);
            self.open_at(self.line);
        } else {
            self.open.depth = self.open.depth.min(self.depth);
        }
    }

    fn open_at(&mut self, at: usize) {
        self.open = Block {
            bytes: at..at,
            depth: self.depth,
            code: None,
            section: self.open.section,
            headings: self.open.headings.clone(),
        };
    }

    fn close(&mut self, end: usize) {
        let bytes = trim(self.text, self.open.bytes.start..end);
        if !bytes.is_empty() {
            self.bare = None;
            self.outline.blocks.push(Block { bytes, ..self.open.clone() });
        }
    }
}

fn is_short(line: &str) -> bool {
    utf16_length(line) <= LONGEST_LINE_APART
}

fn begins_block(tag: Tag) -> bool {
    matches!(tag, Tag::Paragraph | Tag::HtmlBlock | Tag::Heading(_) | Tag::TableRow)
        || contains_blocks(tag)
}

fn contains_blocks(tag: Tag) -> bool {
    matches!(tag, Tag::Quote | Tag::List | Tag::Item | Tag::Footnote | Tag::Table)
}

/// The range without the white space at its ends.
pub(super) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = &text[range.clone()];
    let start = range.start + piece.len() - piece.trim_start().len();
    start..start + piece.trim().len()
}

//! Excerpts: the passages that a document is split into.

use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::{mem, vec};

use super::blocks::{Block, Headings, Outline, Outlining, outline, trim};
use super::markdown::{body_start, lines};
use super::utf16::Utf16Index;
use super::windows::{Whole, windows};
use crate::record::{Error, Result};

/// Along what a document is split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Along its blocks and headings.
    #[default]
    Markdown,
    /// Between words.
    Words,
    /// Between characters, as readers know them.
    Characters,
}

/// How documents are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExcerptOptions {
    /// The most that an excerpt holds, in UTF-16 units.
    pub size: usize,
    /// The most that an excerpt repeats of the one before, in UTF-16 units.
    pub overlap: usize,
    /// Along what to split.
    pub strategy: Strategy,
}

impl Default for ExcerptOptions {
    fn default() -> Self {
        ExcerptOptions { size: 800, overlap: 100, strategy: Strategy::Markdown }
    }
}

/// An excerpt in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it stands, in bytes.
    pub bytes: Range<usize>,
    /// Where it begins, in UTF-16 units.
    pub start: u32,
    /// Where it ends, in UTF-16 units.
    pub end: u32,
    /// The headings above its beginning, outermost first.
    pub headings: Rc<[Rc<str>]>,
    /// The line that opens the code block that it is cut out of.
    pub fence: Option<Rc<str>>,
}

impl ExcerptOptions {
    /// Refuses sizes that no text or no model can do with.
    pub fn check(&self) -> Result<()> {
        if !(64..=100_000).contains(&self.size) {
            return Err(Error::invalid(format!(
                "excerpts.size must be 64 to 100,000 characters, not {}",
                self.size
            )));
        }
        if self.overlap >= self.size / 2 {
            return Err(Error::invalid(format!(
                "excerpts.overlap must be less than half of excerpts.size ({}), not {}",
                self.size, self.overlap
            )));
        }
        Ok(())
    }
}

/// Splits a document. Excerpts come in the order of the document, none longer than
/// [`ExcerptOptions::size`], none blank, none with white space at its ends.
///
/// By [`Strategy::Markdown`] every character that is not white space is in an excerpt, in a heading
/// above one, in a thematic break, or in the fence of a code block that had to be cut. By the
/// others it is in an excerpt.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::record::Code::InvalidArgument) if the options are out of range.
pub fn split(text: &str, options: &ExcerptOptions) -> Result<Vec<Span>> {
    let mut splitting = Splitting::new(text, options)?;
    while splitting.step() {}
    Ok(splitting.finish().0)
}

/// [`split`], a step at a time: a large document takes long.
pub struct Splitting<'t> {
    splitter: Splitter<'t>,
    stage: Stage<'t>,
    pieces: Vec<Piece>,
    title: Option<String>,
}

enum Stage<'t> {
    Outline(Box<Outlining<'t>>),
    Blocks(vec::IntoIter<Block>),
    Done(Vec<Span>),
}

impl<'t> Splitting<'t> {
    /// Begins; see [`split`].
    pub fn new(text: &'t str, options: &ExcerptOptions) -> Result<Self> {
        options.check()?;
        let splitter = Splitter { text, units: index(text)?, options: *options };
        Ok(Splitting {
            splitter,
            stage: Stage::Outline(Outlining::new(text).into()),
            pieces: Vec::new(),
            title: None,
        })
    }

    /// Goes on; whether there was something to do.
    pub fn step(&mut self) -> bool {
        let (splitter, pieces) = (&self.splitter, &mut self.pieces);
        match &mut self.stage {
            Stage::Outline(outlining) => {
                if !outlining.step() {
                    let mut outline = mem::replace(&mut **outlining, Outlining::new("")).finish();
                    self.title = outline.title.take();
                    self.stage = splitter.after(outline);
                }
            }
            Stage::Blocks(blocks) => match blocks.next() {
                Some(block) => pieces.extend(splitter.cut(block)),
                None => self.stage = Stage::Done(splitter.spans(pieces)),
            },
            Stage::Done(_) => return false,
        }
        true
    }

    /// The excerpts, once there is no step more, and the [`title`](super::title) that was met on the way.
    pub fn finish(self) -> (Vec<Span>, Option<String>) {
        match self.stage {
            Stage::Done(spans) => (spans, self.title),
            _ => (Vec::new(), None),
        }
    }
}

/// Finds the excerpts that the user made of a document, in their order: each behind the beginning
/// of the one before. Blank ones are left out. Also gives its [`title`](super::title).
///
/// # Errors
/// [`Code::InvalidArgument`](crate::record::Code::InvalidArgument) if one does not stand in the text.
pub fn locate(text: &str, pieces: &[String]) -> Result<(Vec<Span>, Option<String>)> {
    let units = index(text)?;
    let outline = outline(text);
    let mut spans: Vec<Span> = Vec::new();
    for (number, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.trim().is_empty()) {
        let last = spans.last().map(|span| span.bytes.start);
        let Some(start) = find_behind(text, last, piece) else {
            let beginning: String = piece.chars().take(40).collect();
            return Err(Error::invalid(format!(
                "excerpt {number} ({beginning:?}) does not stand in its document behind the \
                 excerpt before it; give slices of the text, in their order"
            )));
        };
        let bytes = start..start + piece.len();
        spans.push(Span::new(bytes, outline.headings_at(start), None, &units));
    }
    Ok((spans, outline.title))
}

/// Where the piece stands behind a position, else at it: equal pieces in a row are taken for
/// passages that recur.
fn find_behind(text: &str, last: Option<usize>, piece: &str) -> Option<usize> {
    let last_length = last.and_then(|last| text[last..].chars().next()).map_or(0, char::len_utf8);
    let behind = last.unwrap_or(0) + last_length;
    let found = text[behind..].find(piece).map(|at| behind + at);
    found.or_else(|| last.filter(|last| text[*last..].starts_with(piece)))
}

fn index(text: &str) -> Result<Utf16Index<'_>> {
    if u32::try_from(text.len()).is_err() {
        return Err(Error::invalid("a document must be smaller than 4 GB"));
    }
    Ok(Utf16Index::new(text))
}

impl Span {
    fn new(
        bytes: Range<usize>,
        headings: Headings,
        fence: Option<Rc<str>>,
        units: &Utf16Index<'_>,
    ) -> Self {
        let (start, end) = (units.offset(bytes.start) as u32, units.offset(bytes.end) as u32);
        Span { bytes, start, end, headings, fence }
    }
}

/// Neighbours are packed up to this part of the size only. A block by itself may fill all of it.
const PACKED: usize = 4;

/// A block or a part of one, no longer than an excerpt may be.
struct Piece {
    bytes: Range<usize>,
    section: usize,
    headings: Headings,
    /// How much is torn by cutting before it.
    depth: usize,
    fence: Option<Rc<str>>,
    /// Whether it leads over to what follows.
    introduces: bool,
}

struct Splitter<'t> {
    text: &'t str,
    units: Utf16Index<'t>,
    options: ExcerptOptions,
}

impl<'t> Splitter<'t> {
    /// What is left to do when the outline is known.
    fn after(&self, outline: Outline) -> Stage<'t> {
        let whole = match self.options.strategy {
            Strategy::Markdown => return Stage::Blocks(outline.blocks.into_iter()),
            Strategy::Words => Whole::Words,
            Strategy::Characters => Whole::Clusters,
        };
        let all = body_start(self.text)..self.text.len();
        let windows = windows(self.text, all, (self.options.size, self.options.overlap), whole);
        let span = |bytes: Range<usize>| {
            let headings = outline.headings_at(bytes.start);
            Span::new(bytes, headings, None, &self.units)
        };
        Stage::Done(windows.into_iter().map(span).collect())
    }

    fn spans(&self, pieces: &[Piece]) -> Vec<Span> {
        let packs = self.pack(pieces, self.options.size / PACKED);
        let span = |pack: &[Piece]| {
            let Piece { headings, fence, .. } = &pack[0];
            Span::new(bytes_of(pack), headings.clone(), fence.clone(), &self.units)
        };
        packs.into_iter().map(span).collect()
    }

    /// A block as pieces that fit.
    fn cut(&self, block: Block) -> Vec<Piece> {
        let bounds = (self.options.size, self.options.overlap);
        let (parts, fence) = if self.units.length(&block.bytes) <= self.options.size {
            (vec![block.bytes], None)
        } else if let Some(code) = block.code.clone() {
            (self.cut_code(code.lines), Some(code.fence))
        } else {
            (windows(self.text, block.bytes, bounds, Whole::Sentences), None)
        };
        let is_code = block.code.is_some();
        let piece = |bytes: Range<usize>| Piece {
            introduces: !is_code && introduces(&self.text[bytes.clone()]),
            section: block.section,
            headings: block.headings.clone(),
            depth: block.depth,
            fence: fence.clone(),
            bytes,
        };
        parts.into_iter().map(piece).collect()
    }

    /// Code as runs of lines, cut where it pauses: at best before a line without indentation that
    /// follows a blank one.
    fn cut_code(&self, code: Range<usize>) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let mut follows_blank = false;
        for line in lines(&self.text[..code.end], code.start) {
            let bytes = trim(self.text, line.clone());
            if bytes.is_empty() {
                follows_blank = true;
                continue;
            }
            let depth = 2 * usize::from(bytes.start > line.start) + usize::from(!follows_blank);
            follows_blank = false;
            let parts = windows(self.text, bytes, (self.options.size, 0), Whole::Words);
            pieces.extend(parts.into_iter().map(|bytes| Piece {
                bytes,
                section: 0,
                headings: Rc::new([]),
                depth,
                fence: None,
                introduces: false,
            }));
        }
        self.pack(&pieces, self.options.size).into_iter().map(bytes_of).collect()
    }

    /// Packs neighbours of one section together, up to so many units; what leads over to its
    /// neighbour goes with it as long as an excerpt may hold both.
    fn pack<'p>(&self, pieces: &'p [Piece], target: usize) -> Vec<&'p [Piece]> {
        let mut packs = Vec::new();
        let mut rest = pieces;
        while let [first, ..] = rest {
            let joins = |count: usize, most: usize| {
                rest.get(count).is_some_and(|next| first.goes_with(next))
                    && self.units.length(&bytes_of(&rest[..=count])) <= most
            };
            let mut least = 1;
            while rest[least - 1].introduces && joins(least, self.options.size) {
                least += 1;
            }
            let mut count = least;
            while joins(count, target) {
                count += 1;
            }
            if joins(count, usize::MAX) {
                count = self.best_end(rest, least..=count, target);
            }
            let (pack, others) = rest.split_at(count);
            packs.push(pack);
            rest = others;
        }
        packs
    }

    /// How many pieces a pack holds that could hold more of its section: up to the last of the
    /// places that tear least, among those that leave it at least half full.
    fn best_end(&self, rest: &[Piece], counts: RangeInclusive<usize>, target: usize) -> usize {
        let most = *counts.end();
        let half_full = |&count: &usize| 2 * self.units.length(&bytes_of(&rest[..count])) >= target;
        let torn = |&count: &usize| (rest[count - 1].introduces, rest[count].depth);
        counts.rev().take_while(half_full).min_by_key(torn).unwrap_or(most)
    }
}

impl Piece {
    fn goes_with(&self, next: &Piece) -> bool {
        self.section == next.section && self.fence.is_none() && next.fence.is_none()
    }
}

fn bytes_of(pieces: &[Piece]) -> Range<usize> {
    pieces[0].bytes.start..pieces[pieces.len() - 1].bytes.end
}

/// Whether a paragraph leads over to the list, table or code below it: it ends in a colon, or all
/// of it is strong.
fn introduces(paragraph: &str) -> bool {
    let strong = paragraph.strip_prefix("**").and_then(|rest| rest.strip_suffix("**"));
    paragraph.trim_end_matches(['*', '_']).ends_with([':', '：'])
        || strong.is_some_and(|words| !words.contains("**"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Code;

    fn options(size: usize, overlap: usize) -> ExcerptOptions {
        ExcerptOptions { size, overlap, strategy: Strategy::Markdown }
    }

    /// Each excerpt behind the headings above it.
    fn excerpts(text: &str, size: usize) -> Vec<(String, &str)> {
        let spans = split(text, &options(size, 0)).unwrap();
        spans.into_iter().map(|span| (span.headings.join(" > "), &text[span.bytes])).collect()
    }

    fn texts(text: &str, size: usize) -> Vec<&str> {
        excerpts(text, size).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn headings_are_above_and_not_within() {
        let text = "Before.\n\n# The *guide*\r\n\r\nIntro.\n\nSetting `up`\n------\nRun it.\n\n### Deep\n\
            Text.\n# Next\nEnd.";
        assert_eq!(
            excerpts(text, 1200),
            [
                ("".into(), "Before."),
                ("The guide".into(), "Intro."),
                ("The guide > Setting up".into(), "Run it."),
                ("The guide > Setting up > Deep".into(), "Text."),
                ("Next".into(), "End."),
            ]
        );
    }

    #[test]
    fn a_heading_with_nothing_below_is_an_excerpt() {
        assert_eq!(
            excerpts("# A\n## B\n## C {#id}\ntext\n# D\n", 1200),
            [("A".into(), "## B"), ("A > C".into(), "text"), ("".into(), "# D")]
        );
        assert_eq!(texts("# Alone", 1200), ["# Alone"]);
    }

    #[test]
    fn what_is_no_heading_stays_text() {
        assert_eq!(texts("#\n\n> # Quoted\n\n- # Listed", 1200), ["#\n\n> # Quoted\n\n- # Listed"]);
        // A rule right below a paragraph makes it a heading by the letter of the syntax.
        let slip = format!("{}\n---\nMore.", "A long paragraph. ".repeat(20).trim());
        assert_eq!(texts(&slip, 1200), [slip.trim_end_matches("\nMore."), "More."]);
    }

    #[test]
    fn front_matter_gives_the_title_and_what_else_it_says() {
        let text = "---\ntitle: \"A guide\"\ntags: [x]\n---\n# A guide\nText.\n## Part\nMore.\n";
        assert_eq!(
            excerpts(text, 1200),
            [
                ("A guide".into(), "title: \"A guide\"\ntags: [x]"),
                ("A guide".into(), "Text."),
                ("A guide > Part".into(), "More."),
            ]
        );
        assert_eq!(excerpts("---\ntitle: T\n---\nText.", 1200), [("T".into(), "Text.")]);
        assert_eq!(texts("---\ntitle: T\n---\n", 1200), ["---\ntitle: T\n---"]);
    }

    #[test]
    fn neighbours_are_packed_up_to_a_part_of_the_size() {
        let paragraph = |c: &str| c.repeat(40);
        let text = ["a", "b", "c"].map(paragraph).join("\n\n");
        assert_eq!(texts(&text, 400), [&text[..82], &text[84..]]);
        assert_eq!(texts(&text, 600), [&text[..]]);
        let long = paragraph("d ").repeat(4);
        assert_eq!(texts(&long, 400), [long.trim_end()]);
    }

    #[test]
    fn a_list_is_cut_between_items_rather_than_within() {
        let text = "- one is a long item of a list\n  - part of one\n- two is a long item\n  - part of two\n\
            - three\n";
        assert_eq!(texts(text, 300).len(), 2);
        assert_eq!(texts(text, 300)[1], "- two is a long item\n  - part of two\n- three");
    }

    #[test]
    fn what_introduces_stays_with_what_it_introduces() {
        let text = "A paragraph that stands above and is about as long as a pack.\n\nAs follows:\n\n\
            ```\nlet code = \"longer than a pack, but not than the size of an excerpt\";\n```\n";
        let found = texts(text, 256);
        assert_eq!(found.len(), 2);
        assert!(found[1].starts_with("As follows:\n\n```") && found[1].ends_with("```"));
    }

    #[test]
    fn rules_are_left_out_and_other_blocks_are_not() {
        let text = "---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n***\n\n[ref]: https://x.org\n\n[^1]: Note.\n";
        assert_eq!(texts(text, 1200), [text.trim_start_matches('-').trim()]);
        assert_eq!(texts("a\n\n---\n", 1200), ["a"]);
        assert_eq!(texts("\u{FEFF}\0\n", 1200), ["\0"]);
        assert_eq!(texts(" \n\t\n---\n", 1200), [""; 0]);
    }

    #[test]
    fn code_that_is_too_long_is_cut_between_lines_and_knows_its_fence() {
        let function =
            |name: &str| format!("fn {name}() {{\n    first();\n\n    second();\n}}\n\n");
        let text = format!(
            "Text.\n\n  ```rust\n{}{}{}```\nEnd.",
            function("a"),
            function("b"),
            function("c")
        );
        let spans = split(&text, &options(100, 20)).unwrap();
        let found: Vec<(&str, Option<&str>)> =
            spans.iter().map(|span| (&text[span.bytes.clone()], span.fence.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("Text.", None),
                ((function("a") + &function("b")).trim(), Some("```rust")),
                (function("c").trim(), Some("```rust")),
                ("End.", None),
            ]
        );
        assert_eq!(texts(&text, 1200), [&text]);
    }

    #[test]
    fn code_by_indentation_and_a_fence_that_never_closes() {
        let indented = "    a line of code that is rather long\n".repeat(4);
        let spans = split(&indented, &options(100, 0)).unwrap();
        assert!(spans.iter().all(|span| span.fence.as_deref() == Some("```")));
        assert_eq!(spans.len(), 2);

        let open = format!("~~~~ js\n{}", "```\n// a line that is rather long\n".repeat(4));
        let spans = split(&open, &options(100, 0)).unwrap();
        assert!(spans.iter().all(|span| span.fence.as_deref() == Some("~~~~ js")));
        assert_eq!(&open[spans[0].bytes.start..spans.last().unwrap().bytes.end], open[8..].trim());
    }

    #[test]
    fn a_long_paragraph_is_cut_between_sentences_and_repeats_one() {
        let text = "The first sentence is here. The second one is longer than it. Third. The fourth \
            sentence ends it all.";
        let spans = split(text, &options(70, 10)).unwrap();
        let found: Vec<&str> = spans.iter().map(|span| &text[span.bytes.clone()]).collect();
        assert_eq!(
            found,
            [
                "The first sentence is here. The second one is longer than it.",
                "Third. The fourth sentence ends it all."
            ]
        );
        let spans = split(text, &options(100, 40)).unwrap();
        let found: Vec<&str> = spans.iter().map(|span| &text[span.bytes.clone()]).collect();
        assert_eq!(
            found,
            [
                "The first sentence is here. The second one is longer than it.",
                "The second one is longer than it. Third. The fourth sentence ends it all."
            ]
        );
    }

    #[test]
    fn long_sentences_are_cut_between_words_in_any_script() {
        let english = "word ".repeat(40);
        for excerpt in texts(&english, 64) {
            assert!(excerpt.split(' ').all(|word| word == "word"), "{excerpt:?}");
        }
        let chinese = "知识图谱用于检索，".repeat(20);
        assert!(texts(&chinese, 64).iter().all(|excerpt| excerpt.ends_with('，')));
        let thai = "ภาษาไทยไม่มีช่องว่าง".repeat(10);
        assert_eq!(texts(&thai, 64).concat(), thai);
    }

    #[test]
    fn words_and_characters_overlap() {
        let text = "# Title\n".to_owned() + &"some words ".repeat(20);
        for strategy in [Strategy::Words, Strategy::Characters] {
            let spans = split(&text, &ExcerptOptions { size: 64, overlap: 20, strategy }).unwrap();
            assert_eq!(spans[0].start, 0);
            assert_eq!(spans[1].headings.join("/"), "Title");
            for pair in spans.windows(2) {
                assert!((10..=20).contains(&(pair[0].end - pair[1].start)), "{pair:?}");
            }
        }
    }

    #[test]
    fn own_excerpts_are_found_in_order() {
        let text = "# One\nsame\n# Two\nsame\n👍 end";
        let own = ["same", "", "same", "same\n👍"].map(str::to_owned);
        let (spans, _) = locate(text, &own).unwrap();
        let found: Vec<(u32, u32, &str)> =
            spans.iter().map(|span| (span.start, span.end, &*span.headings[0])).collect();
        assert_eq!(found, [(6, 10, "One"), (17, 21, "Two"), (17, 24, "Two")]);

        let error = locate(text, &["end".to_owned(), "same".to_owned()]).unwrap_err();
        assert_eq!(error.code, Code::InvalidArgument);
        assert!(error.message.contains("excerpt 1 (\"same\")"), "{}", error.message);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for (size, overlap) in [(63, 0), (100_001, 0), (64, 32), (100, usize::MAX)] {
            let error = split("text", &options(size, overlap)).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument);
        }
        assert!(split("", &ExcerptOptions::default()).unwrap().is_empty());
    }
}

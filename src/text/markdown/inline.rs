//! Marks within the text of a block: code, emphasis, links, breaks, escapes.
//!
//! Places that mean something else than their text are found first, then the text is told with
//! them in between. <https://spec.commonmark.org/0.31.2/#phase-2-inline-structure>

use std::ops::Range;

use super::{
    event::{Event, Tag},
    mark::html_tag,
};
use crate::order::{OrderedSet, sort_by_key};

/// What text may refer to, by label.
#[derive(Default)]
pub(super) struct Definitions {
    pub links: OrderedSet<String>,
    pub footnotes: OrderedSet<String>,
}

/// A label is not longer, in bytes.
const LONGEST_LABEL: usize = 999;
/// An address or a title of a link that is longer is text; it bounds what is read again and again.
const LONGEST_TARGET: usize = 4096;

/// The lines of a block as one text, with the way back to where they stand.
struct Joined {
    text: String,
    /// Where each line begins, here and in the document.
    lines: Vec<(usize, usize)>,
}

impl Joined {
    fn new(document: &str, lines: &[Range<usize>]) -> Self {
        let mut joined = Joined { text: String::new(), lines: Vec::with_capacity(lines.len()) };
        for line in lines {
            if !joined.text.is_empty() {
                joined.text.push('\n');
            }
            joined.lines.push((joined.text.len(), line.start));
            joined.text.push_str(&document[line.clone()]);
        }
        joined
    }

    fn place(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|(from, _)| *from <= at).saturating_sub(1);
        let (from, place) = self.lines[line];
        place + at - from
    }

    fn range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.place(range.start);
        // The end belongs to the last byte, which may stand on an earlier line than what follows it.
        let end = if range.is_empty() { start } else { self.place(range.end - 1) + 1 };
        start..end
    }
}

/// Tells the events of the text of a block. `task` says that a box to tick may stand before it.
pub(super) fn inline(
    document: &str,
    lines: &[Range<usize>],
    definitions: &Definitions,
    task: bool,
    tell: &mut dyn FnMut(Event<'_>, Range<usize>),
) {
    let joined = Joined::new(document, lines);
    let text = joined.text.as_str();
    let mut scanner = Scanner::new(text, definitions);
    if let Some(box_length) = task.then(|| tick_box(text)).flatten() {
        scanner.special(0..box_length, Action::Skip);
        scanner.at = box_length;
    }
    scanner.scan();
    let mut told = 0;
    for Special { at, action } in scanner.finish() {
        if told < at.start {
            tell(Event::Text(&text[told..at.start]), joined.range(told..at.start));
        }
        told = at.end;
        let event = match &action {
            Action::Skip => continue,
            Action::Start(tag, end) => {
                tell(Event::Start(*tag), joined.range(at.start..*end));
                continue;
            }
            Action::End(tag) => Event::End(*tag),
            Action::Code(code) => {
                let code = text[code.clone()].replace('\n', " ");
                tell(Event::Code(&code), joined.range(at));
                continue;
            }
            Action::Soft => Event::SoftBreak,
            Action::Hard => Event::HardBreak,
            Action::Replace(character) => {
                tell(Event::Text(character.encode_utf8(&mut [0; 4])), joined.range(at));
                continue;
            }
        };
        tell(event, joined.range(at));
    }
    if told < text.len() {
        tell(Event::Text(&text[told..]), joined.range(told..text.len()));
    }
}

/// The length of a box to tick with the white space behind it.
fn tick_box(text: &str) -> Option<usize> {
    let rest = ["[ ]", "[x]", "[X]"].iter().find_map(|tick| text.strip_prefix(tick))?;
    let apart = rest.is_empty() || rest.starts_with([' ', '\t', '\n']);
    apart.then(|| text.len() - rest.trim_start_matches([' ', '\t']).len())
}

/// A place that is not told as its text.
struct Special {
    at: Range<usize>,
    action: Action,
}

enum Action {
    Skip,
    /// With where its end mark ends.
    Start(Tag, usize),
    End(Tag),
    /// With where the code stands.
    Code(Range<usize>),
    Soft,
    Hard,
    Replace(char),
}

/// Marks that may open or close emphasis, from the left: what is left of a run of them.
struct Run {
    mark: u8,
    at: Range<usize>,
    opens: bool,
    closes: bool,
    /// Its length when it was read.
    length: usize,
    /// The run before and behind among those that are still of interest.
    before: Option<usize>,
    behind: Option<usize>,
}

struct Bracket {
    at: usize,
    image: bool,
    /// A link holds no other link.
    active: bool,
    /// The last run before it.
    run: Option<usize>,
}

struct Scanner<'t> {
    text: &'t str,
    definitions: &'t Definitions,
    at: usize,
    specials: Vec<Special>,
    runs: Vec<Run>,
    last_run: Option<usize>,
    brackets: Vec<Bracket>,
    /// Of the first so many brackets only those of images are active.
    inactive: usize,
    /// Runs of backticks: their length and where they begin, in this order.
    backticks: Vec<(usize, usize)>,
    /// Ends of HTML that are not in the rest of the text.
    missing: Vec<&'static str>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, definitions: &'t Definitions) -> Self {
        let mut backticks = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('`') {
            let length = run_length(text, at + found);
            backticks.push((length, at + found));
            at += found + length;
        }
        sort_by_key(&mut backticks, |run| *run);
        Scanner {
            text,
            definitions,
            at: 0,
            specials: Vec::new(),
            runs: Vec::new(),
            last_run: None,
            brackets: Vec::new(),
            inactive: 0,
            backticks,
            missing: Vec::new(),
        }
    }

    fn special(&mut self, at: Range<usize>, action: Action) {
        self.specials.push(Special { at, action });
    }

    fn scan(&mut self) {
        while let Some(found) =
            self.text.as_bytes()[self.at..].iter().position(|byte| b"\n\\`*_~[]!<&".contains(byte))
        {
            let at = self.at + found;
            let rest = &self.text[at..];
            self.at = at
                + match rest.as_bytes()[0] {
                    b'\n' => self.line_break(at),
                    b'\\' => self.escape(at),
                    b'`' => self.code(at),
                    b'[' => self.open_bracket(at, 1),
                    b']' => self.close_bracket(at),
                    b'!' if rest.starts_with("![") => self.open_bracket(at, 2),
                    b'!' => 1,
                    b'<' => self.angle(at),
                    b'&' => self.entity(at),
                    mark => self.run(at, mark),
                };
        }
    }

    fn line_break(&mut self, at: usize) -> usize {
        let before = &self.text[..at];
        let content = before.trim_end_matches([' ', '\t']);
        let hard = before.ends_with("  ");
        self.special(content.len()..at + 1, if hard { Action::Hard } else { Action::Soft });
        1
    }

    fn escape(&mut self, at: usize) -> usize {
        match self.text.as_bytes().get(at + 1) {
            Some(b'\n') => {
                self.special(at..at + 2, Action::Hard);
                2
            }
            Some(byte) if byte.is_ascii_punctuation() => {
                self.special(at..at + 1, Action::Skip);
                2
            }
            _ => 1,
        }
    }

    fn code(&mut self, at: usize) -> usize {
        let length = run_length(self.text, at);
        let next = self.backticks.partition_point(|run| *run <= (length, at));
        let close = match self.backticks.get(next) {
            Some((same, close)) if *same == length => *close,
            _ => return length,
        };
        let code = at + length..close;
        let inner = &self.text[code.clone()];
        let blank = inner.bytes().all(|byte| matches!(byte, b' ' | b'\n'));
        let padded = !blank && inner.starts_with([' ', '\n']) && inner.ends_with([' ', '\n']);
        let pad = usize::from(padded);
        self.special(at..close + length, Action::Code(code.start + pad..code.end - pad));
        close + length - at
    }

    /// An address or a tag; only the marks of an address are no text.
    fn angle(&mut self, at: usize) -> usize {
        let rest = &self.text[at..];
        if let Some(length) = autolink(rest) {
            self.special(at..at + 1, Action::Skip);
            self.special(at + length - 1..at + length, Action::Skip);
            return length;
        }
        let Some(length) = self.html(rest) else { return 1 };
        self.special(at..at + length, Action::Skip);
        length
    }

    fn html(&mut self, rest: &str) -> Option<usize> {
        for (start, end) in [("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"), ("<!", ">")] {
            let letter = |_| rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic);
            if !rest.starts_with(start) || (start == "<!" && !letter(())) {
                continue;
            }
            if self.missing.contains(&end) {
                return None;
            }
            let found = rest[start.len()..].find(end);
            if found.is_none() {
                self.missing.push(end);
            }
            return found.map(|at| start.len() + at + end.len());
        }
        html_tag(rest)
    }

    /// The few entities that prose is full of, and numbers; others stay as they are written.
    fn entity(&mut self, at: usize) -> usize {
        let rest = &self.text.as_bytes()[at + 1..];
        let Some(end) = rest.iter().take(10).position(|byte| *byte == b';') else { return 1 };
        let name = &self.text[at + 1..at + 1 + end];
        let number = |digits: &str, radix| {
            let number = u32::from_str_radix(digits, radix).ok().filter(|number| *number != 0)?;
            char::from_u32(number)
        };
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            _ => match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => None,
            },
        };
        let Some(character) = character else { return 1 };
        self.special(at..at + end + 2, Action::Replace(character));
        end + 2
    }

    fn run(&mut self, at: usize, mark: u8) -> usize {
        let length = run_length(self.text, at);
        let before = self.text[..at].chars().next_back().unwrap_or(' ');
        let behind = self.text[at + length..].chars().next().unwrap_or(' ');
        let is_mark = |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control();
        let flanks = |near: char, far: char| {
            !near.is_whitespace() && (!is_mark(near) || far.is_whitespace() || is_mark(far))
        };
        let (left, right) = (flanks(behind, before), flanks(before, behind));
        let (opens, closes) = match mark {
            b'_' => (left && (!right || is_mark(before)), right && (!left || is_mark(behind))),
            b'~' if length > 2 => return length,
            _ => (left, right),
        };
        if opens || closes {
            let index = self.runs.len();
            if let Some(last) = self.last_run {
                self.runs[last].behind = Some(index);
            }
            let at = at..at + length;
            let before = self.last_run;
            self.runs.push(Run { mark, at, opens, closes, length, before, behind: None });
            self.last_run = Some(index);
        }
        length
    }

    fn open_bracket(&mut self, at: usize, length: usize) -> usize {
        if length == 1
            && let Some(reference) = self.footnote(at)
        {
            self.special(at..at + reference, Action::Skip);
            return reference;
        }
        let run = self.last_run;
        self.brackets.push(Bracket { at, image: length == 2, active: true, run });
        length
    }

    /// The length of a reference to a footnote that there is.
    fn footnote(&self, at: usize) -> Option<usize> {
        let label = self.text[at..].strip_prefix("[^")?;
        let end = label.bytes().take(LONGEST_LABEL).position(|byte| byte == b']')?;
        self.definitions.footnotes.contains(&label[..end]).then_some(end + 3)
    }

    fn close_bracket(&mut self, at: usize) -> usize {
        let Some(bracket) = self.brackets.pop() else { return 1 };
        self.inactive = self.inactive.min(self.brackets.len());
        if !bracket.active {
            return 1;
        }
        let inner = bracket.at + 1 + usize::from(bracket.image)..at;
        let Some(target) = self.target(inner.clone(), at + 1) else { return 1 };
        self.emphasise(bracket.run);
        let end = at + 1 + target;
        if bracket.image {
            self.special(bracket.at..inner.start, Action::Skip);
            self.special(at..end, Action::Skip);
        } else {
            self.special(bracket.at..inner.start, Action::Start(Tag::Link, end));
            self.special(at..end, Action::End(Tag::Link));
            let others = &mut self.brackets[self.inactive..];
            others.iter_mut().for_each(|other| other.active &= other.image);
            self.inactive = self.brackets.len();
        }
        1 + target
    }

    /// The length of what says behind the brackets where a link leads; 0 if the brackets say it.
    fn target(&self, inner: Range<usize>, at: usize) -> Option<usize> {
        let rest = &self.text[at..];
        if let Some(length) = inline_target(rest) {
            return Some(length);
        }
        let label = rest.strip_prefix('[').and_then(|label| Some(&label[..label_end(label)?]));
        match label {
            Some("") => self.defines(&self.text[inner]).then_some(2),
            Some(label) => self.defines(label).then_some(label.len() + 2),
            None => self.defines(&self.text[inner]).then_some(0),
        }
    }

    fn defines(&self, label: &str) -> bool {
        !self.definitions.links.is_empty()
            && label.len() <= LONGEST_LABEL
            && label_end(label).is_none()
            && self.definitions.links.contains(&normal(label))
    }

    /// Finds the emphasis that the runs behind `bottom` make, and forgets them.
    fn emphasise(&mut self, bottom: Option<usize>) {
        // Below these nothing opens what a closer of that kind closes: what was looked through once
        // is not looked through again.
        let mut bottoms: Vec<((u8, bool, usize), Option<usize>)> = Vec::new();
        let mut closer = match bottom {
            Some(bottom) => self.runs[bottom].behind,
            None => (!self.runs.is_empty()).then(|| self.first_run()),
        };
        while let Some(close) = closer {
            let run = &self.runs[close];
            if !run.closes || run.at.is_empty() {
                closer = run.behind;
                continue;
            }
            let kind = (run.mark, run.opens, run.length % 3);
            let floor = bottoms.iter().find(|(other, _)| *other == kind).map(|(_, floor)| *floor);
            let floor = floor.unwrap_or(bottom);
            let mut open = run.before;
            while open.is_some() && open != bottom && open != floor {
                let Some(candidate) = open else { break };
                if self.pairs(candidate, close) {
                    break;
                }
                open = self.runs[candidate].before;
            }
            match open.filter(|_| open != bottom && open != floor) {
                Some(open) => {
                    self.pair(open, close);
                    if self.runs[close].at.is_empty() {
                        closer = self.runs[close].behind;
                        self.unlink(close);
                    }
                    if self.runs[open].at.is_empty() {
                        self.unlink(open);
                    }
                }
                None => {
                    let before = self.runs[close].before;
                    match bottoms.iter_mut().find(|(other, _)| *other == kind) {
                        Some((_, floor)) => *floor = before,
                        None => bottoms.push((kind, before)),
                    }
                    closer = self.runs[close].behind;
                    if !self.runs[close].opens {
                        self.unlink(close);
                    }
                }
            }
        }
        self.last_run = bottom;
        if let Some(bottom) = bottom {
            self.runs[bottom].behind = None;
        } else {
            self.runs.clear();
        }
    }

    fn first_run(&self) -> usize {
        // Runs before the first were unlinked, which leaves no way to them from the last.
        let mut first = self.last_run.unwrap_or_default();
        while let Some(before) = self.runs[first].before {
            first = before;
        }
        first
    }

    fn pairs(&self, open: usize, close: usize) -> bool {
        let (open, close) = (&self.runs[open], &self.runs[close]);
        if open.mark != close.mark || !open.opens || open.at.is_empty() {
            return false;
        }
        if close.mark == b'~' {
            return open.length == close.length;
        }
        // What both opens and closes pairs only where the lengths do not make three.
        let both = open.closes || close.opens;
        !(both
            && (open.length + close.length) % 3 == 0
            && (open.length % 3 != 0 || close.length % 3 != 0))
    }

    fn pair(&mut self, open: usize, close: usize) {
        let (opener, closer) = (self.runs[open].at.clone(), self.runs[close].at.clone());
        let strong = opener.len() >= 2 && closer.len() >= 2;
        let length =
            if self.runs[open].mark == b'~' { opener.len() } else { 1 + usize::from(strong) };
        let start = opener.end - length..opener.end;
        let end = closer.start..closer.start + length;
        self.runs[open].at.end = start.start;
        self.runs[close].at.start = end.end;
        if self.runs[open].mark == b'~' {
            self.special(start, Action::Skip);
            self.special(end, Action::Skip);
        } else {
            let tag = if strong { Tag::Strong } else { Tag::Emphasis };
            self.special(start, Action::Start(tag, end.end));
            self.special(end, Action::End(tag));
        }
        // Nothing between the two pairs with anything outside.
        self.runs[open].behind = Some(close);
        self.runs[close].before = Some(open);
    }

    fn unlink(&mut self, run: usize) {
        let (before, behind) = (self.runs[run].before, self.runs[run].behind);
        if let Some(before) = before {
            self.runs[before].behind = behind;
        }
        if let Some(behind) = behind {
            self.runs[behind].before = before;
        }
        if self.last_run == Some(run) {
            self.last_run = before;
        }
    }

    fn finish(mut self) -> Vec<Special> {
        self.emphasise(None);
        sort_by_key(&mut self.specials, |special| special.at.start);
        self.specials
    }
}

/// The length of the run of one character at a place.
fn run_length(text: &str, at: usize) -> usize {
    let bytes = &text.as_bytes()[at..];
    bytes.iter().take_while(|byte| **byte == bytes[0]).count()
}

/// The length of an address between angle brackets.
fn autolink(text: &str) -> Option<usize> {
    let inner = text.as_bytes()[1..].iter().take(LONGEST_TARGET);
    let end = 1 + inner.copied().position(|byte| byte == b'>' || byte == b'<' || byte <= b' ')?;
    let address = &text[1..end];
    let scheme = address.split_once(':').is_some_and(|(scheme, _)| {
        (2..=32).contains(&scheme.len())
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    });
    let mail = address.split_once('@').is_some_and(|(name, host)| {
        let of = |text: &str, others: &[u8]| {
            let is = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
            !text.is_empty() && text.bytes().all(is)
        };
        of(name, b".!#$%&'*+/=?^_`{|}~-") && of(host, b".-")
    });
    (text.as_bytes()[end] == b'>' && (scheme || mail)).then_some(end + 1)
}

/// The length of `(address "title")`.
fn inline_target(text: &str) -> Option<usize> {
    let mut at = 1 + space(text.strip_prefix('(')?);
    if !text[at..].starts_with(')') {
        at += address(&text[at..])?;
        let gap = space(&text[at..]);
        if gap > 0 {
            at += gap;
            at += title(&text[at..]).unwrap_or(0);
            at += space(&text[at..]);
        }
    }
    text[at..].starts_with(')').then_some(at + 1)
}

fn space(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t', '\n']).len()
}

/// The length of an address, empty or not.
fn address(text: &str) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(LONGEST_TARGET)];
    let mut at = 0;
    if bytes.first() == Some(&b'<') {
        at = 1;
        loop {
            match bytes.get(at)? {
                b'>' => return Some(at + 1),
                b'<' | b'\n' => return None,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }
    let mut depth = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii_punctuation) => at += 1,
            b'(' => depth += 1,
            b')' if depth == 0 => break,
            b')' => depth -= 1,
            byte if *byte <= b' ' => break,
            _ => {}
        }
        at += 1;
    }
    // Within a character where the address is too long.
    (depth == 0 && text.is_char_boundary(at)).then_some(at)
}

/// The length of a title with its quotes.
fn title(text: &str) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(LONGEST_TARGET)];
    let close = match bytes.first()? {
        b'(' => b')',
        quote @ (b'"' | b'\'') => *quote,
        _ => return None,
    };
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            byte if *byte == close => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Where a label ends: at the first bracket that is not escaped, if that closes it.
fn label_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().take(LONGEST_LABEL) {
        match byte {
            b']' if !escaped => return Some(at),
            b'[' if !escaped => return None,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    None
}

/// Labels that differ in case or white space only are the same.
fn normal(label: &str) -> String {
    super::collapse(&crate::text::lower_case(label))
}

/// The definition of a reference at the beginning of the lines: its label, and how many lines it takes.
pub(super) fn definition(document: &str, lines: &[Range<usize>]) -> Option<(String, usize)> {
    // A definition that takes more lines is text.
    let joined = Joined::new(document, &lines[..lines.len().min(8)]);
    let text = joined.text.as_str();
    let label = &text[1..];
    let end = label_end(label).filter(|end| !label[..*end].trim().is_empty())?;
    let mut at = 1 + end + 1;
    at += text[at..].strip_prefix(':').map(|rest| 1 + space(rest))?;
    let length = address(&text[at..]).filter(|length| *length > 0)?;
    at += length;
    let ends_line = |at: usize| {
        let rest = &text[at..];
        let rest = rest.trim_start_matches([' ', '\t']);
        rest.is_empty() || rest.starts_with('\n')
    };
    let gap = space(&text[at..]);
    let titled =
        (gap > 0).then(|| title(&text[at + gap..])).flatten().map(|title| at + gap + title);
    let end_at = match titled {
        Some(end) if ends_line(end) => end,
        _ if ends_line(at) => at,
        _ => return None,
    };
    let taken = 1 + text[..end_at].bytes().filter(|byte| *byte == b'\n').count();
    Some((normal(&label[..end]), taken))
}

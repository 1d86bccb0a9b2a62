//! The marks that begin a block, each read off the rest of a line.

use std::ops::Range;

/// The level of an ATX heading and where its text is, closing marks and attributes left out.
pub(super) fn atx_heading(content: &str) -> Option<(u8, Range<usize>)> {
    let level = content.bytes().take_while(|byte| *byte == b'#').count();
    let rest = &content[level..];
    if !(1..=6).contains(&level) || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return None;
    }
    let from = content.len() - rest.trim_start_matches([' ', '\t']).len();
    let title = content[from..].trim_end_matches([' ', '\t']);
    let open = title.trim_end_matches('#');
    // Closing marks stand apart from the title.
    let title = if open.is_empty() || open.ends_with([' ', '\t']) { open } else { title };
    let title = without_attributes(title.trim_end_matches([' ', '\t']));
    Some((level as u8, from..from + title.len()))
}

/// The text of a heading without the `{#id .class key=value}` behind it.
pub(super) fn without_attributes(title: &str) -> &str {
    let Some(open) = title.strip_suffix('}').and_then(|inner| inner.rfind('{')) else {
        return title;
    };
    let inner = &title[open + 1..title.len() - 1];
    let is_attribute = |word: &str| word.starts_with(['#', '.']) || word.contains('=');
    let attributes = !inner.contains('}') && inner.split_whitespace().all(is_attribute);
    if attributes { title[..open].trim_end() } else { title }
}

/// The level of the heading that a line of `=` or `-` makes of the paragraph above.
pub(super) fn setext_underline(content: &str) -> Option<u8> {
    let line = content.trim_end_matches([' ', '\t']);
    let all = |mark: u8| !line.is_empty() && line.bytes().all(|byte| byte == mark);
    match () {
        () if all(b'=') => Some(1),
        () if all(b'-') => Some(2),
        () => None,
    }
}

/// Whether the line is a thematic break.
pub(super) fn is_rule(content: &str) -> bool {
    let Some(mark @ (b'*' | b'-' | b'_')) = content.bytes().next() else { return false };
    let is_mark = |byte: u8| byte == mark;
    content.bytes().all(|byte| is_mark(byte) || matches!(byte, b' ' | b'\t'))
        && content.bytes().filter(|byte| is_mark(*byte)).count() >= 3
}

/// The mark of a code fence and its length.
pub(super) fn fence(content: &str) -> Option<(u8, usize)> {
    let mark = content.bytes().next().filter(|mark| matches!(mark, b'`' | b'~'))?;
    let length = content.bytes().take_while(|byte| *byte == mark).count();
    // Backticks behind backticks are code within a line.
    let opens = length >= 3 && (mark == b'~' || !content[length..].contains('`'));
    opens.then_some((mark, length))
}

/// Whether the line ends code fenced by this mark and length.
pub(super) fn closes_fence(content: &str, mark: u8, length: usize) -> bool {
    let run = content.bytes().take_while(|byte| *byte == mark).count();
    run >= length && content[run..].trim_matches([' ', '\t']).is_empty()
}

/// The mark of a list item.
#[derive(Clone, Copy)]
pub(super) struct ItemMark {
    /// What tells one list from the next: the bullet, or what stands behind the number.
    pub kind: u8,
    /// In bytes, white space behind it left out.
    pub length: usize,
    /// Of an ordered list, if it is not one: such an item does not interrupt a paragraph.
    pub first: bool,
}

pub(super) fn item(content: &str) -> Option<ItemMark> {
    let bytes = content.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mark = match bytes.get(digits)? {
        kind @ (b'-' | b'+' | b'*') if digits == 0 => {
            ItemMark { kind: *kind, length: 1, first: true }
        }
        kind @ (b'.' | b')') if (1..=9).contains(&digits) => {
            ItemMark { kind: *kind, length: digits + 1, first: &content[..digits] == "1" }
        }
        _ => return None,
    };
    let apart = bytes.get(mark.length).is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    apart.then_some(mark)
}

/// The label of a footnote's definition, and the length of its mark.
pub(super) fn footnote(content: &str) -> Option<(&str, usize)> {
    let label = content.strip_prefix("[^")?;
    let end = label.find(']')?;
    let is_label = |c: char| !c.is_whitespace() && c != '[' && c != '^';
    let defines = end > 0 && label[end..].starts_with("]:") && label[..end].chars().all(is_label);
    defines.then(|| (&label[..end], end + 4))
}

/// The number of columns that a delimiter row of a table gives.
pub(super) fn table_columns(content: &str) -> Option<usize> {
    let is_delimiter = |cell: &str| {
        let cell = cell.trim();
        let dashes = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
        !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
    };
    if !content.contains('|') && !content.contains(':') {
        return None;
    }
    let mut columns = 0;
    for (from, to) in cells(content) {
        if !is_delimiter(&content[from..to]) {
            return None;
        }
        columns += 1;
    }
    Some(columns)
}

/// The cells of a table's row, as places in it, a bar at either end left out.
pub(super) fn cells(row: &str) -> impl Iterator<Item = (usize, usize)> {
    let end = row.trim_end().len();
    let mut at = row.len() - row.trim_start().len();
    if row[at..].starts_with('|') {
        at += 1;
    }
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let from = at;
        let mut escaped = false;
        let bar = row[from..end].bytes().position(|byte| {
            let bar = byte == b'|' && !escaped;
            escaped = byte == b'\\' && !escaped;
            bar
        });
        let to = bar.map_or(end, |bar| from + bar);
        at = to + 1;
        Some((from, to))
    })
}

/// How a block of HTML ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum HtmlEnd {
    /// Behind a line that holds one of these.
    With(&'static [&'static str]),
    /// Before a blank line.
    Blank,
}

/// Tags whose content is no markdown.
const RAW: [&str; 4] = ["script", "pre", "style", "textarea"];
const BLOCKS: [&str; 62] = [
    "address",
    "article",
    "aside",
    "base",
    "basefont",
    "blockquote",
    "body",
    "caption",
    "center",
    "col",
    "colgroup",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "iframe",
    "legend",
    "li",
    "link",
    "main",
    "menu",
    "menuitem",
    "nav",
    "noframes",
    "ol",
    "optgroup",
    "option",
    "p",
    "param",
    "search",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "track",
    "ul",
];

/// Whether a block of HTML begins here, and how it ends.
pub(super) fn html_block(content: &str, in_paragraph: bool) -> Option<HtmlEnd> {
    let inner = content.strip_prefix('<')?;
    let first = inner.as_bytes().first().copied().unwrap_or_default();
    if inner.starts_with("!--") {
        return Some(HtmlEnd::With(&["-->"]));
    }
    if first == b'?' {
        return Some(HtmlEnd::With(&["?>"]));
    }
    if inner.starts_with("![CDATA[") {
        return Some(HtmlEnd::With(&["]]>"]));
    }
    if first == b'!' && inner.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) {
        return Some(HtmlEnd::With(&[">"]));
    }
    let name_at = usize::from(first == b'/');
    let name: &str = &inner[name_at..];
    let name = &name[..name.bytes().take_while(u8::is_ascii_alphanumeric).count()];
    let behind = &inner[name_at + name.len()..];
    let ends = behind.is_empty() || behind.starts_with([' ', '\t', '>']);
    let is_one_of = |names: &[&str]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    if name_at == 0 && ends && is_one_of(&RAW) {
        return Some(HtmlEnd::With(&["</script>", "</pre>", "</style>", "</textarea>"]));
    }
    if (ends || behind.starts_with("/>")) && is_one_of(&BLOCKS) {
        return Some(HtmlEnd::Blank);
    }
    let alone = |length: usize| content[length..].trim_matches([' ', '\t']).is_empty();
    (!in_paragraph && html_tag(content).is_some_and(alone)).then_some(HtmlEnd::Blank)
}

/// Longer tags are text; it bounds what is looked through again and again.
const LONGEST_TAG: usize = 4096;

/// The length of the opening or closing tag that a text begins with.
pub(super) fn html_tag(text: &str) -> Option<usize> {
    let bytes = &text.as_bytes()[..text.len().min(LONGEST_TAG)];
    let count = |from: usize, is: fn(&u8) -> bool| {
        bytes[from.min(bytes.len())..].iter().take_while(|byte| is(byte)).count()
    };
    let closing = bytes.get(1) == Some(&b'/');
    let mut at = 1 + usize::from(closing);
    if bytes.first() != Some(&b'<') || !bytes.get(at)?.is_ascii_alphabetic() {
        return None;
    }
    at += count(at, |byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    loop {
        let space = count(at, u8::is_ascii_whitespace);
        at += space;
        match bytes.get(at)? {
            b'>' => return Some(at + 1),
            b'/' if !closing && bytes.get(at + 1) == Some(&b'>') => return Some(at + 2),
            byte if closing
                || space == 0
                || !(byte.is_ascii_alphabetic() || b"_:".contains(byte)) =>
            {
                return None;
            }
            _ => {}
        }
        at += count(at, |byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(byte));
        let value = at + count(at, u8::is_ascii_whitespace);
        if bytes.get(value) != Some(&b'=') {
            continue;
        }
        at = value + 1 + count(value + 1, u8::is_ascii_whitespace);
        at += match bytes.get(at)? {
            b'"' => 2 + closed(bytes, at, count(at + 1, |byte| *byte != b'"'))?,
            b'\'' => 2 + closed(bytes, at, count(at + 1, |byte| *byte != b'\''))?,
            _ => {
                match count(at, |byte| !byte.is_ascii_whitespace() && !b"\"'=<>`".contains(byte)) {
                    0 => return None,
                    length => length,
                }
            }
        };
    }
}

/// The length of a quoted value, if its quote is closed.
fn closed(bytes: &[u8], quote: usize, length: usize) -> Option<usize> {
    bytes.get(quote + 1 + length).map(|_| length)
}

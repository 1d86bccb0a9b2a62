//! The tuple format: records of fields, `("entity"<|>name<|>category<|>description)+|+…`, ended by
//! `<|COMPLETE|>`. Small models write it more reliably than JSON, and a cut answer loses only its
//! last record.
//!
//! Models bend it in every way, so a record is found by the word that opens it and the delimiter
//! behind that word; parentheses, quotes and what separates records are taken where they are.

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Entity,
    Relationship,
    Keywords,
}

/// One record with its fields, without the word that opens it.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) fields: Vec<String>,
}

/// Longer names first, so that none hides behind its own beginning.
const KINDS: [(&str, Kind); 8] = [
    ("content_keywords", Kind::Keywords),
    ("content keywords", Kind::Keywords),
    ("content-keywords", Kind::Keywords),
    ("contentkeywords", Kind::Keywords),
    ("keywords", Kind::Keywords),
    ("relationship", Kind::Relationship),
    ("relation", Kind::Relationship),
    ("entity", Kind::Entity),
];

/// The kind that goes by this word.
pub(super) fn kind(word: &str) -> Option<Kind> {
    KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|&(_, kind)| kind)
}

/// The records of an answer, in its order.
pub(super) fn records(text: &str) -> Vec<Record> {
    let mut heads = heads(text);
    let first = heads.first().map_or(text.len(), |head| head.start);
    let end = find_mark(text, first, "COMPLETE").map(|mark| mark.start);
    heads.retain(|head| head.start < end.unwrap_or(text.len()));
    let mut records = Vec::with_capacity(heads.len());
    for (index, head) in heads.iter().enumerate() {
        let next = heads.get(index + 1).map(|next| next.start);
        let to = next.or(end).unwrap_or(text.len());
        let (body, closed) = body(&text[head.fields..to], head.opened);
        let mut fields = split(body, head.delimiter);
        // The answer was cut off inside this field: half a name would be a wrong name.
        let cut = next.is_none() && end.is_none() && head.opened && !closed;
        if cut && !body.trim_end().ends_with(['"', '”']) {
            fields.pop();
        }
        records.push(Record { kind: head.kind, fields });
    }
    records
}

/// The beginning of a record.
struct Head {
    kind: Kind,
    /// Where the record begins, with its parenthesis.
    start: usize,
    /// Where its first field begins.
    fields: usize,
    delimiter: Delimiter,
    /// Whether a parenthesis opens it.
    opened: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    /// `<|>`, with whatever spaces or signs a model puts into it.
    Mark,
    /// A single character, outside quotes.
    Character(char),
}

fn heads(text: &str) -> Vec<Head> {
    let bytes = text.as_bytes();
    let mut heads = Vec::new();
    let mut at = 0;
    let mut in_word = false;
    while at < text.len() {
        // Few places are the beginning of a word that may be one of the kinds.
        let byte = bytes[at];
        let may_be = !in_word && matches!(byte.to_ascii_lowercase(), b'c' | b'k' | b'r' | b'e');
        in_word = byte.is_ascii_alphanumeric() || byte == b'_';
        match may_be.then(|| head_at(text, at)).flatten() {
            Some(head) => {
                at = head.fields;
                in_word = false;
                heads.push(head);
            }
            None => at += 1,
        }
    }
    heads
}

fn head_at(text: &str, at: usize) -> Option<Head> {
    let bytes = text.as_bytes();
    let &(name, kind) = KINDS.iter().find(|(name, _)| {
        bytes
            .get(at..at + name.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    let before = &text[..at];
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let unquoted = before.trim_end_matches(is_wrapping);
    let quoted = unquoted.len() < at;
    let bare = unquoted.trim_end_matches([' ', '\t']);
    let opened = bare.ends_with(['(', '[', '{', '（']);
    let line_start = bare.trim_end_matches(['-', '*', ' ']).ends_with('\n') || bare.is_empty();
    let start = if opened {
        bare.len() - bare.chars().next_back().map_or(0, char::len_utf8)
    } else {
        unquoted.len()
    };

    let after = at + name.len();
    let rest = text[after..].trim_start_matches(|c: char| is_wrapping(c) || c == ' ' || c == ')');
    let from = text.len() - rest.len();
    let (delimiter, width) = match rest.chars().next()? {
        '<' | '＜' => (Delimiter::Mark, delimiter_width(rest)?),
        c @ ('|' | '\t') if opened || quoted || line_start => (Delimiter::Character(c), 1),
        c @ ',' if opened && quoted => (Delimiter::Character(c), 1),
        _ => return None,
    };
    Some(Head { kind, start, fields: from + width, delimiter, opened })
}

fn is_wrapping(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '‘' | '’' | '`' | '*')
}

/// The length of a field delimiter that the text starts with: `<|>`, `< | >`, `<||>`, `<|#|>`.
fn delimiter_width(text: &str) -> Option<usize> {
    let mut bars = 0;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '＜' if at == 0 => {}
            '|' | '｜' => bars += 1,
            ' ' | '#' => {}
            '>' | '＞' if bars > 0 => return Some(at + c.len_utf8()),
            _ => return None,
        }
    }
    None
}

/// Where `<|word|>` stands, in any case and with any spaces, from there on.
fn find_mark(text: &str, from: usize, word: &str) -> Option<std::ops::Range<usize>> {
    text[from..].match_indices('<').find_map(|(offset, _)| {
        let start = from + offset;
        let rest = text[start + 1..].trim_start_matches([' ', '|', '｜']);
        let found = rest.get(..word.len())?;
        let tail = rest[word.len()..].trim_start_matches([' ', '|', '｜']);
        let end = text.len() - tail.len() + usize::from(tail.starts_with('>'));
        found.eq_ignore_ascii_case(word).then_some(start..end)
    })
}

/// The fields' part of what stands between two heads, and whether the record was closed.
fn body(text: &str, opened: bool) -> (&str, bool) {
    if opened && let Some(end) = closing(text) {
        return (&text[..end], true);
    }
    if let Some(end) = text.find("+|+").or_else(|| text.find("+ | +")) {
        return (&text[..end], true);
    }
    let end = if opened { None } else { text.find("\n\n") };
    let body = text[..end.unwrap_or(text.len())].trim_end();
    (body.trim_end_matches("##").trim_end(), end.is_some())
}

/// The parenthesis that closes a record: the first that ends a line or stands before what separates
/// records. Others belong to the text of a field.
fn closing(text: &str) -> Option<usize> {
    let is_closing = |c: char| matches!(c, ')' | ']' | '}' | '）');
    text.match_indices(is_closing).find_map(|(at, found)| {
        let rest =
            text[at + found.len()..].trim_start_matches([' ', '\t', ',', ';', '`', '"', '*']);
        let ends = rest.is_empty() || rest.starts_with(['\n', '\r', '+', '#']);
        let ends = ends || (rest.starts_with('<') && delimiter_width(rest).is_none());
        ends.then_some(at)
    })
}

fn split(body: &str, delimiter: Delimiter) -> Vec<String> {
    let mut fields = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let mut quoted = false;
    // What a mark may begin with; of a wide sign, its first byte.
    let may_be_mark = |byte: &u8| matches!(byte, b'<' | b'|' | b' ' | b'#' | 0xef);
    loop {
        if delimiter == Delimiter::Mark {
            let rest = &body.as_bytes()[at..];
            at += rest.iter().position(may_be_mark).unwrap_or(rest.len());
        }
        let Some(c) = body[at..].chars().next() else { break };
        let width = match delimiter {
            Delimiter::Mark => delimiter_width(&body[at..]),
            Delimiter::Character(mark) => {
                quoted ^= c == '"';
                (c == mark && !quoted).then_some(c.len_utf8())
            }
        };
        match width {
            Some(width) => {
                fields.push(clean(&body[from..at]));
                at += width;
                from = at;
            }
            None => at += c.len_utf8(),
        }
    }
    fields.push(clean(&body[from..]));
    fields
}

/// A field without the quotes, emphasis and line breaks around and inside it.
pub(super) fn clean(field: &str) -> String {
    let mut text = field.trim();
    while let Some(inner) = unwrap(text) {
        text = inner.trim();
    }
    let plain = |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && byte != b'\\');
    if text.bytes().all(plain) && !text.contains("  ") {
        return text.to_owned();
    }
    let text = text.replace("\\\"", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unwrap(text: &str) -> Option<&str> {
    const PAIRS: [(&str, &str); 6] =
        [("\"", "\""), ("“", "”"), ("'", "'"), ("‘", "’"), ("`", "`"), ("**", "**")];
    for (open, close) in PAIRS {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        // `"A" and "B"` begins and ends with quotes that are not a pair.
        if let Some(inner) = inner.filter(|inner| !inner.replace("\\\"", "").contains(close)) {
            return Some(inner);
        }
    }
    // One quote of a pair whose other was forgotten.
    let inner = text.strip_prefix('"').or_else(|| text.strip_suffix('"'))?;
    (!inner.contains('"')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_record_is_its_kind_and_fields() {
        let text =
            r#"("entity"<|>"Request queue"<|>feature<|>Orders calls (FIFO).)+|+<|COMPLETE|>"#;
        let fields = ["Request queue", "feature", "Orders calls (FIFO)."].map(String::from).into();
        assert_eq!(records(text), [Record { kind: Kind::Entity, fields }]);
    }

    #[test]
    fn the_word_alone_opens_nothing() {
        assert_eq!(records("An entity, or a relationship | keyword, is a thing."), []);
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"(entity|relationship|keywords|<\|>|\+\|\+|<\|COMPLETE\|>|[()"“”,|<>é\n]| ){0,30}"#) {
            records(&text);
        }
    }
}

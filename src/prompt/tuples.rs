//! The tuple format: records of fields, `("entity"<|>name<|>category<|>description)+|+…`, ended by
//! `<|COMPLETE|>`. Small models write it more reliably than JSON, and a cut answer loses only its
//! last record.
//!
//! Models bend it in every way, so a record is found by the word that opens it and the delimiter
//! behind that word; parentheses, quotes and what separates records are taken where they are.

use std::borrow::Cow;

use smolrag_kernels::text::{Bytes, find, find_word, is_plain, these, visible_but};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Entity,
    Relationship,
    Keywords,
}

/// One record with its fields, without the word that opens it.
#[derive(Debug, PartialEq)]
pub(super) struct Record<'t> {
    pub(super) kind: Kind,
    pub(super) fields: Vec<Cow<'t, str>>,
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
pub(super) fn records(text: &str) -> Vec<Record<'_>> {
    let (heads, end) = heads(text);
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

/// The beginnings of records, and where behind the first the mark stands that ends them all.
fn heads(text: &str) -> (Vec<Head>, Option<usize>) {
    /// What the kinds begin with, and the mark's word.
    static BEGINNINGS: Bytes = these(b"ckreCKRE");
    let mut heads = Vec::new();
    let mut from = 0;
    while let Some(at) = find_word(text.as_bytes(), from, &BEGINNINGS) {
        from = at + 1;
        let Some(beginning) = text.as_bytes()[at..].first_chunk::<3>() else { break };
        match &beginning.map(|byte| byte | 32) {
            b"con" | b"key" | b"rel" | b"ent" => {
                if let Some(head) = head_at(text, at) {
                    from = head.fields;
                    heads.push(head);
                }
            }
            b"com" if !heads.is_empty() => {
                let end = end_mark(text, at);
                if end.is_some() {
                    return (heads, end);
                }
            }
            _ => {}
        }
    }
    (heads, None)
}

/// Where the mark `<|COMPLETE|>` begins whose word stands there, in any case and with any spaces.
fn end_mark(text: &str, at: usize) -> Option<usize> {
    let word = text.get(at..at + "COMPLETE".len())?;
    let opening = text[..at].trim_end_matches([' ', '|', '｜']).strip_suffix('<')?;
    word.eq_ignore_ascii_case("COMPLETE").then_some(opening.len())
}

fn head_at(text: &str, at: usize) -> Option<Head> {
    let bytes = text.as_bytes();
    let &(name, kind) = KINDS.iter().find(|(name, _)| {
        bytes
            .get(at..at + name.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    let (before, after) = (&text[..at], at + name.len());
    // As it should be, and mostly is.
    if before.ends_with("(\"") && text[after..].starts_with("\"<|>") {
        let (delimiter, start, fields) = (Delimiter::Mark, at - 2, after + 4);
        return Some(Head { kind, start, fields, delimiter, opened: true });
    }
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

/// Characters of the longest delimiter: an answer of nothing but bars is looked at once, not once for each.
const LONGEST: usize = 16;

/// The length of a field delimiter that the text starts with: `<|>`, `< | >`, `<||>`, `<|#|>`.
fn delimiter_width(text: &str) -> Option<usize> {
    if text.starts_with("<|>") {
        return Some(3);
    }
    let mut bars = 0;
    for (at, c) in text.char_indices().take(LONGEST) {
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
    /// Of a wide sign, its first byte.
    static CLOSING: Bytes = these(b")]}\xef");
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(['\n', '\r', '+', '#']);
    let mut from = 0;
    while let Some(at) = find(text.as_bytes(), from, &CLOSING) {
        from = at + 1;
        let Some(rest) = text[at..].strip_prefix([')', ']', '}', '）']) else { continue };
        if ends(rest) {
            return Some(at);
        }
        let rest = rest.trim_start_matches([' ', '\t', ',', ';', '`', '"', '*']);
        if ends(rest) || (rest.starts_with('<') && delimiter_width(rest).is_none()) {
            return Some(at);
        }
    }
    None
}

fn split(body: &str, delimiter: Delimiter) -> Vec<Cow<'_, str>> {
    let (mut fields, mut from) = (Vec::with_capacity(5), 0);
    let mut push = |at: usize, width: usize| {
        fields.push(clean(&body[from..at]));
        from = at + width;
    };
    match delimiter {
        Delimiter::Mark => find_delimiters(body, &mut push),
        Delimiter::Character(mark) => {
            let mut quoted = false;
            for (at, c) in body.char_indices() {
                quoted ^= c == '"';
                if c == mark && !quoted {
                    push(at, c.len_utf8());
                }
            }
        }
    }
    push(body.len(), 0);
    fields
}

/// Tells of every [`Delimiter::Mark`], with its width.
fn find_delimiters(body: &str, told: &mut impl FnMut(usize, usize)) {
    /// What one may begin with; of a wide sign, its first byte.
    static MAY_BE: Bytes = these(b"<| #\xef");
    let bytes = body.as_bytes();
    let mut from = 0;
    while let Some(at) = find(bytes, from, &MAY_BE) {
        from = at + 1;
        // Mostly it is the space between two words.
        if bytes.get(from).is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        if let Some(width) = delimiter_width(&body[at..]) {
            told(at, width);
            from = at + width;
        }
    }
}

/// A field without the quotes, emphasis and line breaks around and inside it.
pub(super) fn clean(field: &str) -> Cow<'_, str> {
    static UNQUOTED: Bytes = visible_but(b"\\\"'`*");
    static PLAIN: Bytes = visible_but(b"\\");
    if is_plain(field, &UNQUOTED) {
        return field.into();
    }
    let mut text = field.trim();
    while let Some(inner) = unwrap(text) {
        text = inner.trim();
    }
    if is_plain(text, &PLAIN) {
        return text.into();
    }
    let text = text.replace("\\\"", "\"");
    text.split_whitespace().collect::<Vec<_>>().join(" ").into()
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
        let fields = ["Request queue", "feature", "Orders calls (FIFO)."].map(Cow::from).into();
        assert_eq!(records(text), [Record { kind: Kind::Entity, fields }]);
    }

    #[test]
    fn the_word_alone_opens_nothing() {
        assert_eq!(records("An entity, or a relationship | keyword, is a thing."), []);
    }

    /// It would take hours, if each were looked at with all that follow.
    #[test]
    fn a_million_marks_are_read_at_once() {
        let many = if cfg!(miri) { 1000 } else { 1_000_000 };
        for mark in ["|", "#", " ", "<", ")", "<|", "\"", "+|", "entity"] {
            let answer = format!("(\"entity\"<|>Queue<|>{}", mark.repeat(many));
            assert!(records(&answer).len() <= 1, "{mark}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in r#"(entity|relationship|keywords|<\|>|\+\|\+|<\|COMPLETE\|>|[()"“”,|<>é\n]| ){0,30}"#) {
            records(&text);
        }
    }
}

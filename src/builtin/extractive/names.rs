//! Names in a text, by how authors set them off: code, headings, bold, quotes, capitals.

use ecow::EcoString;

use super::sentences::{Part, Sentence, SentenceKind, parts};
use crate::{
    order::OrderedSet,
    text::{self, MarkKind, is_stopword, is_unspaced},
};

/// A name has at most so many words.
const MAX_WORDS: usize = 6;

/// A name has at most so many characters.
const MAX_LENGTH: usize = 60;

/// Why something is taken for a name; the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Evidence {
    /// Code within a line.
    Code,
    /// A heading.
    Heading,
    /// Bold text.
    Strong,
    /// A term in quotation marks, or a run of Katakana.
    Quoted,
    /// Capitals that no beginning of a sentence explains.
    Capitals,
    /// A name in a block of code: of what it defines, or put together of words.
    Definition,
    /// Words that come together again and again.
    Repeated,
}

impl Evidence {
    /// Every reason, the strongest first.
    pub(super) const ALL: [Evidence; 7] = [
        Evidence::Code,
        Evidence::Heading,
        Evidence::Strong,
        Evidence::Quoted,
        Evidence::Capitals,
        Evidence::Definition,
        Evidence::Repeated,
    ];

    /// The kind of thing, as far as typography tells it.
    pub(super) fn category(self) -> &'static str {
        match self {
            Evidence::Code | Evidence::Definition => "code",
            Evidence::Heading => "heading",
            Evidence::Strong | Evidence::Quoted | Evidence::Repeated => "term",
            Evidence::Capitals => "name",
        }
    }
}

/// Something that may be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) evidence: Evidence,
}

/// How the words of a text are cased where grammar does not decide it.
#[derive(Default)]
pub(super) struct Casing {
    /// Words that stand in small letters somewhere.
    small: OrderedSet<String>,
    /// Words that stand in capitals somewhere behind a word in small letters.
    capital: OrderedSet<String>,
}

impl Casing {
    pub(super) fn learn(&mut self, sentence: &Sentence) {
        if sentence.kind != SentenceKind::Prose {
            return;
        }
        let mut before: Option<(usize, &str)> = None;
        for (at, word) in text::words(&sentence.text) {
            // Behind a capital stands title case, behind a colon another beginning.
            let explained = before.is_none_or(|(from, last)| {
                is_capital(last) || sentence.text[from + last.len()..at] != *" "
            });
            if !is_capital(word) {
                self.small.insert(text::lower_case(word));
            } else if !explained {
                self.capital.insert(text::lower_case(word));
            }
            before = Some((at, word));
        }
    }

    /// Whether a capital at the beginning of a sentence is the word's own.
    fn is_own_capital(&self, word: &str) -> bool {
        let lower = text::lower_case(word);
        is_acronym(word) || (self.capital.contains(&lower) && !self.small.contains(&lower))
    }
}

/// The candidates of a passage, in the order of the reasons and of the text.
pub(super) fn candidates(
    passage: &str,
    fence: Option<&str>,
    sentences: &[Sentence],
    casing: &Casing,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    let whole = [Part::Code(passage)];
    let split = parts(passage);
    for part in if fence.is_some() { &whole[..] } else { &split[..] } {
        match part {
            Part::Prose(prose) => push_marks(prose, &mut found),
            Part::Code(code) => push_definitions(code, &mut found),
        }
    }
    for sentence in sentences.iter().filter(|sentence| sentence.kind == SentenceKind::Prose) {
        push_quoted(&sentence.text, &mut found);
        push_capitals(&sentence.text, casing, &mut found);
    }
    found
}

fn push(name: &str, evidence: Evidence, found: &mut Vec<Candidate>) {
    let name = trim_name(name);
    if is_fit(name) {
        found.push(Candidate { name: name.to_owned(), evidence });
    }
}

fn push_marks(prose: &str, found: &mut Vec<Candidate>) {
    for mark in text::marks(prose) {
        match mark.kind {
            MarkKind::CodeSpan => push_code(&mark.text, found),
            MarkKind::Heading => push_title(&mark.text, Evidence::Heading, found),
            MarkKind::Strong => push_title(&mark.text, Evidence::Strong, found),
            MarkKind::Emphasis | MarkKind::LinkText => {}
        }
    }
}

/// A heading or a bold phrase: without its number, and without the label before a colon.
pub(super) fn push_title(title: &str, evidence: Evidence, found: &mut Vec<Candidate>) {
    let title = title.trim_end_matches([':', '：', '.', '。', '!', '?', '？']);
    let title = title.rsplit([':', '：']).next().unwrap_or_default();
    let title =
        title.trim().trim_start_matches(|c: char| c.is_numeric() || matches!(c, '.' | ')' | ' '));
    push(title, evidence, found);
}

/// An identifier, a call without its arguments, a path; but not a value or an expression.
fn push_code(code: &str, found: &mut Vec<Candidate>) {
    let name = code.split('(').next().unwrap_or_default();
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '#' | '$');
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    if letters > 1 && name.chars().all(plain) {
        push(name, Evidence::Code, found);
    }
}

fn push_definitions(code: &str, found: &mut Vec<Candidate>) {
    const KEYWORDS: [&str; 12] = [
        "class",
        "def",
        "enum",
        "fn",
        "func",
        "function",
        "interface",
        "module",
        "struct",
        "trait",
        "type",
        "package",
    ];
    for line in code.lines() {
        let mut words = line
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty());
        // Behind `pub`, `export`, `async` and their like.
        let keyword = words.by_ref().take(4).find(|word| KEYWORDS.contains(word));
        if keyword.is_some()
            && let Some(name) = words.next()
        {
            push(name, Evidence::Definition, found);
        }
    }
    // The `n` of a line break written as `\n` belongs to no word.
    let code = code.replace("\\n", " ");
    for word in code.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if is_compound(word) {
            push(word, Evidence::Definition, found);
        }
    }
}

/// Terms that a text quotes, and runs of Katakana, which is how Japanese writes names from abroad.
pub(super) fn push_quoted(sentence: &str, found: &mut Vec<Candidate>) {
    const PAIRS: [(char, char); 7] =
        [('「', '」'), ('『', '』'), ('《', '》'), ('“', '”'), ('„', '“'), ('«', '»'), ('"', '"')];
    for (open, close) in PAIRS {
        let mut rest = sentence;
        while let Some((_, after)) = rest.split_once(open) {
            let Some((inner, behind)) = after.split_once(close) else { break };
            if inner.split_whitespace().count() <= 3 {
                push(inner, Evidence::Quoted, found);
            }
            rest = behind;
        }
    }
    for run in sentence.split(|c: char| !is_katakana(c)) {
        if run.chars().count() >= 3 {
            push(run, Evidence::Quoted, found);
        }
    }
}

fn is_katakana(c: char) -> bool {
    matches!(c, '\u{30A1}'..='\u{30FA}' | 'ー' | '\u{FF66}'..='\u{FF9D}')
}

/// Chains of capitalised words.
pub(super) fn push_capitals(sentence: &str, casing: &Casing, found: &mut Vec<Candidate>) {
    let words = text::words(sentence);
    let mut chain: Vec<(usize, &str)> = Vec::new();
    let mut starts_sentence = true;
    for (index, &(at, word)) in words.iter().enumerate() {
        let touches = chain.last().is_some_and(|&(from, last)| {
            let slash = last.chars().count() == 1 && word.chars().count() == 1;
            match &sentence[from + last.len()..at] {
                " " | "-" | " & " => true,
                "/" => slash,
                _ => false,
            }
        });
        if !touches {
            end_chain(sentence, &mut chain, starts_sentence, casing, found);
        }
        if is_capital(word) {
            if chain.is_empty() {
                // "Name: Text" begins a sentence behind its colon.
                starts_sentence =
                    index == 0 || sentence[..at].trim_end().ends_with([':', '|', '—', '–']);
            }
            chain.push((at, word));
        } else {
            end_chain(sentence, &mut chain, starts_sentence, casing, found);
        }
    }
    end_chain(sentence, &mut chain, starts_sentence, casing, found);
}

fn end_chain(
    sentence: &str,
    chain: &mut Vec<(usize, &str)>,
    mut starts_sentence: bool,
    casing: &Casing,
    found: &mut Vec<Candidate>,
) {
    let mut words = std::mem::take(chain);
    // "Use SmolRAG": the sentence explains its first capital, so the word is no part of the name.
    while let Some(&(_, word)) = words.first() {
        let explained = std::mem::take(&mut starts_sentence) && !casing.is_own_capital(word);
        if !explained && !is_stopword(word) {
            break;
        }
        words.remove(0);
    }
    while words.last().is_some_and(|&(_, word)| is_stopword(word)) {
        words.pop();
    }
    let (Some(&(from, first)), Some(&(last, word))) = (words.first(), words.last()) else { return };
    // "Robust Handling" begins a sentence in title case: what is left of it is no name by itself.
    if words.len() > 1 || casing.is_own_capital(first) {
        push(&sentence[from..last + word.len()], Evidence::Capitals, found);
    }
}

fn is_capital(word: &str) -> bool {
    // `maxTokens` is a name as well, `8GB` is a quantity.
    word.chars().any(char::is_uppercase) && !word.starts_with(char::is_numeric)
}

/// Whether an identifier is put together of words: `max_tokens`, `maxTokens`.
fn is_compound(word: &str) -> bool {
    let inner = word.trim_matches('_');
    let humps =
        inner.chars().zip(inner.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    inner.contains('_') || humps
}

fn is_acronym(word: &str) -> bool {
    word.chars().filter(|c| c.is_uppercase()).count() > 1
}

fn trim_name(name: &str) -> &str {
    let name = name
        .trim()
        .trim_matches(|c: char| matches!(c, '"' | '\'' | '*' | ',' | ';' | '.' | ':'))
        .trim();
    name.strip_suffix("'s").or_else(|| name.strip_suffix("’s")).unwrap_or(name)
}

fn is_fit(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    let enough = letters > 1 || name.chars().any(is_unspaced);
    enough
        && words.len() <= MAX_WORDS
        && name.chars().count() <= MAX_LENGTH
        && !words.iter().all(|word| is_stopword(word))
}

/// What two spellings of one name have in common: its stems in small letters.
pub(super) fn key(name: &str) -> Vec<EcoString> {
    text::words(name).into_iter().map(|(_, word)| text::stem(&text::lower_case(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::extractive::sentences::sentences;

    fn found(passage: &str) -> Vec<(String, Evidence)> {
        let sentences = sentences(passage, None);
        let mut casing = Casing::default();
        sentences.iter().for_each(|sentence| casing.learn(sentence));
        let found = candidates(passage, None, &sentences, &casing);
        found.into_iter().map(|candidate| (candidate.name, candidate.evidence)).collect()
    }

    #[test]
    fn what_authors_set_off() {
        use Evidence::{Capitals, Code, Definition, Heading, Quoted, Strong};
        assert_eq!(found("### 2. Step one: The *queue*"), [("The queue".into(), Heading)]);
        assert_eq!(
            found("- **Bounded length**: `limits.queue` or `rag.query(text)`, not `a = 1`."),
            [
                ("Bounded length".into(), Strong),
                ("limits.queue".into(), Code),
                ("rag.query".into(), Code),
            ]
        );
        assert_eq!(
            found("```py\nasync def ingest(self):\n    x = max_size\n```"),
            [("ingest".into(), Definition), ("max_size".into(), Definition)]
        );
        assert_eq!(
            found(
                "Use Apache Lucene and a WAL. Robust Stores differ; each store is fast. So it is OK."
            ),
            [("Apache Lucene".into(), Capitals), ("WAL".into(), Capitals), ("OK".into(), Capitals)]
        );
        assert_eq!(
            found("東京の「知識グラフ」とデータベース"),
            [
                ("知識グラフ".into(), Quoted),
                ("グラフ".into(), Quoted),
                ("データベース".into(), Quoted),
            ]
        );
        assert_eq!(found("Сегодня Анна Каренина читает."), [("Анна Каренина".into(), Capitals)]);
    }

    #[test]
    fn spellings_share_a_key() {
        assert_eq!(key("Knowledge Graphs"), key("knowledge graph"));
    }
}

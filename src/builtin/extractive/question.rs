//! What a question asks for: names, and what is left of it as themes.

use super::names::{Candidate, Casing, Evidence, key, push_capitals, push_quoted};
use crate::{
    port::Keywords,
    text::{self, is_stopword},
};

/// A theme has at most so many words.
const MAX_WORDS: usize = 3;

/// Names to look for among entities: what is set off as one, and content words that stand together.
/// Themes to look for among relationships: every other run of content words. Where there is nothing
/// of one kind, the other stands in for it.
pub(super) fn keywords(question: &str) -> Keywords {
    let mut keywords = Keywords::default();
    for name in names(question) {
        push(&mut keywords.low, name);
    }
    for run in content_runs(question) {
        let known = keywords.low.iter().any(|name| key(name) == key(&run));
        if !known && (run.contains(char::is_whitespace) || run.contains(text::is_unspaced)) {
            push(&mut keywords.low, run.clone());
        }
        if !known {
            push(&mut keywords.high, run);
        }
    }
    if keywords.low.is_empty() {
        keywords.low = keywords.high.clone();
    } else if keywords.high.is_empty() {
        keywords.high = keywords.low.clone();
    }
    keywords
}

fn push(list: &mut Vec<String>, keyword: String) {
    if !list.iter().any(|known| key(known) == key(&keyword)) {
        list.push(keyword);
    }
}

/// Code, quoted terms, identifiers and capitalised phrases.
fn names(question: &str) -> Vec<String> {
    let mut found: Vec<Candidate> = Vec::new();
    for (index, span) in question.split('`').enumerate() {
        if index % 2 == 1 && !span.trim().is_empty() {
            found.push(Candidate { name: span.trim().to_owned(), evidence: Evidence::Code });
        }
    }
    push_quoted(question, &mut found);
    push_capitals(question, &Casing::default(), &mut found);
    for (_, word) in text::words(question) {
        if word.contains(['_', '.']) && word.contains(char::is_alphabetic) {
            found.push(Candidate { name: word.to_owned(), evidence: Evidence::Code });
        }
    }
    found.into_iter().map(|candidate| candidate.name).collect()
}

/// Words between stopwords and punctuation, long runs cut.
fn content_runs(question: &str) -> Vec<String> {
    let mut runs: Vec<Vec<(usize, &str)>> = vec![Vec::new()];
    for (at, word) in text::words(question) {
        let last = runs.last().and_then(|run| run.last()).copied();
        let touches =
            last.is_some_and(|(from, last)| question[from + last.len()..at].trim().is_empty());
        if is_stopword(word) {
            runs.push(Vec::new());
        } else if touches {
            runs.last_mut().expect("never empty").push((at, word));
        } else {
            runs.push(vec![(at, word)]);
        }
    }
    let pieces = runs.iter().flat_map(|run| run.chunks(MAX_WORDS));
    let whole = |piece: &[(usize, &str)]| {
        let (from, (last, word)) = (piece[0].0, piece[piece.len() - 1]);
        question[from..last + word.len()].to_owned()
    };
    pieces.map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(question: &str, low: &[&str], high: &[&str]) {
        let found = keywords(question);
        assert_eq!(
            (found.low, found.high),
            (
                low.iter().map(|s| s.to_string()).collect(),
                high.iter().map(|s| s.to_string()).collect::<Vec<_>>()
            ),
            "{question}"
        );
    }

    #[test]
    fn names_and_themes() {
        check(
            "How does SmolRAG use the request queue for ordering?",
            &["SmolRAG", "request queue"],
            &["request queue", "ordering"],
        );
        check("What is `max_tokens`?", &["max_tokens"], &["max_tokens"]);
        check("what is caching?", &["caching"], &["caching"]);
        check("知识图谱是什么？", &["知识图谱是什么"], &["知识图谱是什么"]);
        check("", &[], &[]);
    }
}

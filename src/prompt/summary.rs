//! Asks for a sentence or two that place a passage in its document. They are embedded with the
//! passage, so that a passage which never names its subject is found by it.

use super::{Options, fence::MATERIAL, passage::Passage, tuples::clean};
use crate::port::{Completion, System};

/// A longer summary than this (in characters) would drown its passage in the embedding.
const MAX_SUMMARY: usize = 600;

/// What the question stands under.
pub(super) fn system(options: &Options) -> System {
    format!(
        "You help a search engine to understand passages of documents. {MATERIAL}\n\nFor the passage you are given, \
         write one or two sentences, at most sixty words in all: what it tells, and of what in the document it tells \
         it. Name the subject where the passage only says \"it\" or \"this\". Say nothing that the document does not \
         say. Write only those sentences.{}{}",
        options.language_rule(),
        options.guidance_rule()
    )
    .into()
}

pub(super) fn prompt(passage: &Passage, system: &System) -> Completion {
    // What all passages of a document share stands first: providers charge less for a prefix they know.
    let prompt = format!(
        "{}\n{}\nWrite the sentences about the passage.",
        passage.surroundings(),
        passage.material
    );
    Completion { system: Some(system.clone()), prompt, json: None }
}

/// The summary out of an answer; empty if there is none in it.
pub(super) fn parse(answer: &str) -> String {
    let text = clean(answer.trim().trim_start_matches("```").trim_end_matches("```"));
    let text = match text.split_once(':') {
        Some((label, rest)) if label.trim_matches('*').eq_ignore_ascii_case("summary") => {
            clean(rest.trim_start_matches('*')).into_owned().into()
        }
        _ => text,
    };
    if text.len() <= MAX_SUMMARY || text.chars().count() <= MAX_SUMMARY {
        return text.into_owned();
    }
    let end = text.char_indices().nth(MAX_SUMMARY).map_or(text.len(), |(at, _)| at);
    let end = text[..end].rfind(char::is_whitespace).unwrap_or(end);
    format!("{}…", text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sentences_are_kept() {
        assert_eq!(parse(" It orders calls. \n"), "It orders calls.");
        assert_eq!(parse("**Summary:** \"It orders\r\ncalls.\""), "It orders calls.");
        assert_eq!(parse("```\nIt orders calls.\n```"), "It orders calls.");
        assert_eq!(parse("Note: it orders calls."), "Note: it orders calls.");
        assert_eq!(parse(" \n"), "");
    }

    #[test]
    fn a_long_one_is_cut_at_a_word() {
        let cut = parse(&"word ".repeat(400));
        assert!(cut.chars().count() <= MAX_SUMMARY + 1 && cut.ends_with("word…"), "{cut}");
    }
}

//! Rewrites a follow-up question so that it can be searched for without the conversation.

use super::{
    context::render_history,
    fence::{MATERIAL, fenced},
    tuples::clean,
};
use crate::port::{Completion, Turn};

pub(super) fn prompt(question: &str, history: &[Turn]) -> Completion {
    let system = format!(
        "You rewrite the last question of a conversation so that someone who has not read the conversation \
         understands it. {MATERIAL}\n\nPut in what words like \"it\", \"that one\" or \"the second\" stand for. Keep \
         the meaning, the language and the names. Do not answer. If the question stands by itself already, repeat \
         it as it is. Write only the question."
    );
    let prompt = format!(
        "{}\n{}",
        fenced("conversation", &render_history(history)),
        fenced("question", question)
    );
    Completion { system: Some(system.into()), prompt, json: None }
}

/// The rewritten question; the question itself where the answer holds none.
pub(super) fn parse(answer: &str, question: &str) -> String {
    let text = answer.trim().trim_start_matches("```").trim_end_matches("```").trim();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph =
        clean(paragraph.trim_start_matches("<question>").trim_end_matches("</question>"));
    let paragraph = match paragraph.split_once(':') {
        Some((label, rest))
            if label.to_ascii_lowercase().trim_matches('*').ends_with("question") =>
        {
            clean(rest.trim_start_matches('*')).into_owned().into()
        }
        _ => paragraph,
    };
    // An answer much longer than a question is not a question.
    let too_long = paragraph.chars().count() > 400 + 2 * question.chars().count();
    if paragraph.is_empty() || too_long { question.to_owned() } else { paragraph.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_question_is_kept() {
        for answer in [
            "How is sencha steamed?",
            "Standalone question: \"How is sencha steamed?\"",
            "**Question:** How is sencha\nsteamed?\n\nI replaced \"it\".",
            "<question>\nHow is sencha steamed?\n</question>",
        ] {
            assert_eq!(parse(answer, "How is it steamed?"), "How is sencha steamed?");
        }
        assert_eq!(parse(" ", "How is it steamed?"), "How is it steamed?");
        assert_eq!(parse(&"Tea is. ".repeat(100), "How?"), "How?");
    }
}

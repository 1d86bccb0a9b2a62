//! Asks for an answer in each of the five modes.

use super::{
    Options,
    context::{render_context, render_history},
    fence::{MATERIAL, fenced},
};
use crate::port::{AnswerRequest, Completion, Mode};

/// What a language model is asked for an answer.
pub fn prompt(request: &AnswerRequest, options: &Options) -> Completion {
    let language = match &options.language {
        Some(language) => format!("Answer in {language}."),
        None => "Answer in the language of the question.".to_owned(),
    };
    let instructions = match &request.instructions {
        Some(instructions) => format!("\n- {}", instructions.trim()),
        None => String::new(),
    };
    let system = format!(
        "You answer questions from a knowledge base. {MATERIAL}\n\n{}\n\n- Use only what the material says. If it does \
         not answer the question, say that the knowledge base has nothing on it, and what it does have that comes \
         close; never fill gaps from elsewhere.\n- After each statement put the number of the passage it rests on in \
         square brackets, like [1], or [1][3] for two. Use only numbers that stand before a passage.\n- Where \
         passages contradict each other, say so and cite both.\n- Begin with the answer itself. Use Markdown where it \
         helps. Do not speak of \"the passages\" or \"the context\".\n- {language}{instructions}",
        material_rule(request.mode)
    );
    let mut parts = vec![render_context(&request.context)];
    if !request.history.is_empty() {
        parts.push(fenced("conversation", &render_history(&request.history)));
    }
    parts.push(format!("Question:\n{}", fenced("question", &request.question)));
    Completion { system: Some(system.into()), prompt: parts.join("\n\n"), json: None }
}

/// What the material of each mode is and how to go about it.
fn material_rule(mode: Mode) -> &'static str {
    match mode {
        Mode::Standard => {
            "The material is numbered passages, the most similar to the question first. Weigh them: similar words \
             need not be an answer."
        }
        Mode::LocalKg => {
            "The material is entities that the question names or comes near to, the relationships around them, and \
             numbered passages that speak of them. Answer in particulars: what these things are, do and depend on. \
             Entities and relationships are a guide to the passages; where both speak, the passage decides."
        }
        Mode::GlobalKg => {
            "The material is relationships that belong to the themes of the question, the entities they join, and \
             numbered passages that tell of them. Answer in the large: how the things hang together, which patterns \
             recur. Relationships are a guide to the passages; where both speak, the passage decides."
        }
        Mode::HybridKg => {
            "The material is entities near the question, relationships of its themes, and numbered passages that \
             speak of both. Join the two views: the particulars of the things, and how they hang together. Where a \
             passage and the graph differ, the passage decides."
        }
        Mode::Mix => {
            "The material comes by two ways: numbered passages found by similarity or through the graph, and \
             entities and relationships found in the graph. Take statements from the passages; take from the graph how they \
             connect, and what the similar passages alone would miss. Where the two differ, the passage decides."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        port::{Role, System, Turn},
        prompt::context::tests::context,
    };

    #[test]
    fn each_mode_asks_in_its_own_way_and_shows_everything() {
        let request = |mode| AnswerRequest {
            question: "Why green?".into(),
            mode,
            context: context(&["Sencha is steamed."]),
            history: vec![Turn { role: Role::User, text: "Tell me of sencha.".into() }],
            instructions: Some("At most ten words.".into()),
        };
        let mut systems: Vec<System> = Vec::new();
        for mode in Mode::ALL {
            let Completion { system, prompt, .. } =
                super::prompt(&request(mode), &Options::default());
            let system = system.unwrap();
            assert!(system.contains("At most ten words."));
            assert!(prompt.contains("[1]\n<passage>") && prompt.contains("Why green?"));
            assert!(
                prompt.contains("User: Tell me of sencha.") && prompt.contains("Sencha / Steaming")
            );
            assert!(!systems.contains(&system));
            systems.push(system);
        }
    }
}

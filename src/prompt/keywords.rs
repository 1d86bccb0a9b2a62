//! Asks what to look for in the graph, and reads the answer.

use super::{
    fence::{MATERIAL, fenced},
    json::{self, Value},
    tuples::clean,
};
use crate::{
    port::{Completion, Keywords},
    text::lower_case,
};

/// More of them than this are noise.
const MAX_KEYWORDS: usize = 12;

pub(super) fn prompt(question: &str) -> Completion {
    let system = format!(
        "You turn questions into search terms for a knowledge graph. {MATERIAL}\n\nWrite two lines:\nthemes: what the \
         question is about in general, as one to five short phrases, separated by commas\nnames: the particular \
         things it asks about (people, products, functions, settings, terms), as one to eight names, separated by \
         commas\n\nUse the words and the language of the question. Do not answer it. If there are no particular \
         things, repeat the themes.\n\nThe form, for \"How does steaming change the taste of sencha?\":\nthemes: tea \
         processing, taste of tea\nnames: steaming, sencha"
    );
    Completion { system: Some(system.into()), prompt: fenced("question", question), json: None }
}

/// Reads the two lines, or their like in JSON. Empty lists where there is nothing of the kind.
pub fn parse_keywords(answer: &str) -> Keywords {
    let mut keywords = from_json(answer).unwrap_or_else(|| from_lines(answer));
    tidy(&mut keywords.high);
    tidy(&mut keywords.low);
    keywords
}

fn from_json(answer: &str) -> Option<Keywords> {
    let values = json::values(answer);
    let list = |names: &[&str]| {
        let found = values.iter().find_map(|value| value.get(names));
        found.map(Value::to_texts)
    };
    let high = list(&["themes", "high_level_keywords", "high_level", "high"]);
    let low = list(&["names", "low_level_keywords", "low_level", "low"]);
    (high.is_some() || low.is_some())
        .then(|| Keywords { high: high.unwrap_or_default(), low: low.unwrap_or_default() })
}

/// A label opens a list, which may go on over the lines below it.
fn from_lines(answer: &str) -> Keywords {
    let mut keywords = Keywords::default();
    let mut open: Option<bool> = None;
    for line in answer.lines() {
        let line =
            line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '•' | '#'));
        let (label, rest) = line.split_once([':', '：']).unwrap_or(("", line));
        let label = label.to_ascii_lowercase();
        let rest = if ["theme", "high"].iter().any(|word| label.contains(word)) {
            open = Some(true);
            rest
        } else if ["name", "low"].iter().any(|word| label.contains(word)) {
            open = Some(false);
            rest
        } else {
            line
        };
        let list = match open {
            Some(true) => &mut keywords.high,
            Some(false) => &mut keywords.low,
            None => continue,
        };
        list.extend(rest.split([',', ';', '、', '，']).map(str::to_owned));
    }
    keywords
}

fn tidy(list: &mut Vec<String>) {
    let mut seen: Vec<String> = Vec::new();
    for keyword in list.iter() {
        let keyword = clean(keyword.trim().trim_matches(['[', ']', '*']));
        let known = seen.iter().any(|have| lower_case(have) == lower_case(&keyword));
        if !known && keyword.contains(char::is_alphanumeric) && keyword.chars().count() <= 160 {
            seen.push(keyword.into_owned());
        }
    }
    seen.truncate(MAX_KEYWORDS);
    *list = seen;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_lines_json_and_lists() {
        let expected =
            Keywords { high: vec!["tea".into(), "taste".into()], low: vec!["sencha".into()] };
        for answer in [
            "themes: tea, taste\nnames: sencha",
            "Sure!\r\n**Themes:** tea, taste, Tea\r\n**Names:** \"sencha\"\r\n",
            "```json\n{\"high_level_keywords\": [\"tea\", \"taste\"], \"low_level_keywords\": [\"sencha\"]}\n```",
            "{\"themes\": \"tea, taste\", \"names\": [\"sencha\"",
            "High-level keywords:\n- tea\n- taste\n\nLow-level keywords:\n- sencha",
            "themes: [tea, taste]\nnames: [sencha]",
            "themes： tea、taste\nnames：sencha",
        ] {
            assert_eq!(parse_keywords(answer), expected, "{answer}");
        }
        assert_eq!(parse_keywords("I do not know."), Keywords::default());
    }

    proptest! {
        #[test]
        fn never_panics(answer in any::<String>()) {
            parse_keywords(&answer);
        }
    }
}

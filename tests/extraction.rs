//! What models answered, good and broken, and what must be read out of it: `extraction.txt`.

use smolrag::prompt::{Extraction, parse_extraction};

struct Case {
    name: String,
    answer: String,
    expected: String,
}

fn cases() -> Vec<Case> {
    let sections = include_str!("extraction.txt").split("\n#### ").skip(1);
    let case = |section: &str| {
        let (name, rest) = section.split_once('\n').expect("a name");
        let (answer, expected) = format!("\n{rest}")
            .split_once("\n----")
            .map(|(answer, expected)| {
                (answer.trim_start_matches('\n').to_owned(), expected.trim().to_owned())
            })
            .expect("a line of ----");
        let answer = if name.contains("[crlf]") { answer.replace('\n', "\r\n") } else { answer };
        Case { name: name.to_owned(), answer, expected }
    };
    sections.map(case).collect()
}

fn written(extraction: Option<Extraction>) -> String {
    let Some(extraction) = extraction else { return "nothing".to_owned() };
    let line = |kind: &str, fields: &[&str]| format!("{kind}: {}", fields.join(" | "));
    let mut lines = Vec::new();
    for one in &extraction.entities {
        lines.push(line("entity", &[&one.name, &one.category, &one.description]));
    }
    for one in &extraction.relationships {
        let weight = one.weight.to_string();
        let fields = [&one.source, &one.target, &one.description, &one.keywords, &weight.into()];
        lines.push(line("relationship", &fields.map(|field| &**field)));
    }
    if !extraction.keywords.is_empty() {
        lines.push(line("keywords", &[&extraction.keywords.join("; ")]));
    }
    lines.join("\n")
}

/// Without the blanks around bars, of which an empty field has one too many to see.
fn tidy(text: &str) -> String {
    let fields = |line: &str| line.split('|').map(str::trim).collect::<Vec<_>>().join("|");
    text.lines().map(fields).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_answer_gives_what_it_must() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for Case { name, answer, expected } in cases {
        let found = written(parse_extraction(&answer));
        if tidy(&found) != tidy(&expected) {
            wrong.push(format!("#### {name}\nexpected:\n{expected}\nfound:\n{found}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_answer_cut_anywhere_gives_only_what_the_whole_gives() {
    let answer = &cases()[0].answer;
    let whole = parse_extraction(answer).expect("the first case is the form as asked for");
    for (end, _) in answer.char_indices() {
        let Some(cut) = parse_extraction(&answer[..end]) else { continue };
        for entity in &cut.entities {
            assert!(
                whole.entities.iter().any(|known| known.name == entity.name),
                "{:?} at {end}",
                entity.name
            );
        }
        for one in &cut.relationships {
            let known = |have: &smolrag::port::ReadRelationship| {
                have.source == one.source && have.target == one.target
            };
            assert!(whole.relationships.iter().any(known), "{one:?} at {end}");
        }
    }
}

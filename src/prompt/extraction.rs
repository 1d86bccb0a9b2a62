//! Asks for the entities and relationships of a passage, and reads the answer.

use std::{borrow::Cow, rc::Rc};

use super::{
    Options,
    fence::{MATERIAL, fenced},
    json::{self, Value},
    number::parse_number,
    passage::Passage,
    tuples::{self, Kind, clean},
};
use crate::{
    port::{Completion, ExcerptReading, JsonForm, ReadEntity, ReadRelationship, System},
    text::equal_but_for_case,
};

/// Longer names are sentences that lost their way.
const MAX_NAME: usize = 160;

/// What was read out of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extraction {
    /// Each name once.
    pub entities: Vec<ReadEntity>,
    /// In the order of the answer.
    pub relationships: Vec<ReadRelationship>,
    /// What the passage is about.
    pub keywords: Vec<String>,
}

/// What a provider is given to hold an answer in JSON to.
const FORM: JsonForm = JsonForm {
    name: "knowledge_graph",
    schema: r#"{"type":"object","properties":{"entities":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"category":{"type":"string"},"description":{"type":"string"}},"required":["name","category","description"],"additionalProperties":false}},"relationships":{"type":"array","items":{"type":"object","properties":{"source":{"type":"string"},"target":{"type":"string"},"description":{"type":"string"},"keywords":{"type":"array","items":{"type":"string"}},"weight":{"type":"integer"}},"required":["source","target","description","keywords","weight"],"additionalProperties":false}},"keywords":{"type":"array","items":{"type":"string"}}},"required":["entities","relationships","keywords"],"additionalProperties":false}"#,
};

/// The first question about a passage; with `json`, its answer is to be in that form.
pub(super) fn prompt(passage: &Passage, system: &System, json: bool) -> Completion {
    Completion {
        system: Some(system.clone()),
        prompt: format!("{}\nWrite the records of this passage.", passage.material),
        json: json.then_some(FORM),
    }
}

/// The question after an answer: what was overlooked?
pub(super) fn gleaning_prompt(
    passage: &Passage,
    answer: &str,
    system: &System,
    json: bool,
) -> Completion {
    let prompt = format!(
        "{}\nThese records were written of it already:\n{}\nRead the passage once more. Write only records that are \
         missing, in the same form; if none is missing, write only {}.",
        passage.material,
        fenced("records", answer.trim()),
        if json { "empty lists" } else { "<|COMPLETE|>" }
    );
    Completion { system: Some(system.clone()), prompt, json: json.then_some(FORM) }
}

/// What both questions stand under.
pub(super) fn system(options: &Options, json: bool) -> System {
    let kinds = options.entity_types.join(", ");
    let language = options.language_rule();
    let guidance = options.guidance_rule();
    let [entity, relationship, keywords, rest] = if json { JSON } else { TUPLES };
    format!(
        r#"You build a knowledge graph from the passages of a document. {MATERIAL}

For the passage you are given, write records of three kinds.

1. One for every distinct thing that the passage tells something about:
{entity}
The name as the passage writes it, in full and always the same. The category is one of: {kinds}; another word only if none fits. The description says in one or two sentences what the passage tells of the thing.

2. One for every pair of those things that the passage connects:
{relationship}
Both names must have an entity record. The description says how the two are connected. The keywords are one to four themes of the connection, separated by commas. The strength is a whole number from 1 (mentioned together) to 10 (one cannot be understood without the other).

3. Last, one for the passage as a whole:
{keywords}

{rest}{language}{guidance}"#
    )
    .into()
}

/// The forms of the three kinds of records, and the rest that is to be known of a form.
type Forms = [&'static str; 4];

const TUPLES: Forms = [
    r#"("entity"<|>name<|>category<|>description)"#,
    r#"("relationship"<|>name of one<|>name of the other<|>description<|>keywords<|>strength)"#,
    r#"("content_keywords"<|>its main themes, separated by commas)"#,
    r#"Write +|+ between records and <|COMPLETE|> after the last one. Write nothing else: no introduction, no numbering, no code fence. Leave out what the passage does not say. If it speaks of nothing in particular, write only <|COMPLETE|>.

The form, on a passage about tea:
("entity"<|>Sencha<|>product<|>Sencha is a green tea whose leaves are steamed after picking.)+|+("entity"<|>Steaming<|>process<|>Steaming stops the oxidation of tea leaves.)+|+("relationship"<|>Sencha<|>Steaming<|>Sencha keeps its colour because its leaves are steamed.<|>processing, colour<|>8)+|+("content_keywords"<|>green tea, processing)<|COMPLETE|>"#,
];

const JSON: Forms = [
    r#"{"name", "category", "description"}, in the list "entities""#,
    r#"{"source", "target": the two names, "description", "keywords", "weight": the strength}, in the list "relationships""#,
    r#"the list "keywords" of its main themes"#,
    "Write one JSON object of these three lists and nothing else. Leave out what the passage does not say. If it speaks of nothing in particular, leave the lists empty.",
];

/// What was read of a passage as a model would have written it.
pub(super) fn render(read: &ExcerptReading) -> String {
    let entities = read.entities.iter().map(|ReadEntity { name, category, description }| {
        format!("(\"entity\"<|>{name}<|>{category}<|>{description})")
    });
    let relationships = read.relationships.iter().map(|one| {
        let ReadRelationship { source, target, description, keywords, weight } = one;
        format!(
            "(\"relationship\"<|>{source}<|>{target}<|>{description}<|>{keywords}<|>{})",
            *weight as u64
        )
    });
    entities.chain(relationships).collect::<Vec<_>>().join("+|+") + "<|COMPLETE|>"
}

/// Reads an answer in the tuple format or as JSON, however bent or cut. `None` if there is nothing
/// in it of either: an answer of another kind, not an answer that found nothing.
pub fn parse_extraction(answer: &str) -> Option<Extraction> {
    let mut extraction = Extraction::default();
    let looks_like_json = answer
        .trim_start_matches(['\u{feff}', '`', ' ', '\n', '\r'])
        .trim_start_matches("json")
        .trim_start()
        .starts_with(['{', '[']);
    let mut recognised = looks_like_json && extraction.take_json(answer);
    if !recognised {
        let records = tuples::records(answer);
        recognised = !records.is_empty() || answer.to_ascii_uppercase().contains("|COMPLETE|");
        for record in records {
            extraction.take_fields(record.kind, record.fields);
        }
    }
    recognised = recognised || (!looks_like_json && extraction.take_json(answer));
    recognised.then_some(extraction)
}

impl Extraction {
    /// Adds what a later answer found; what is known already stays as it is.
    pub(super) fn absorb(&mut self, later: Extraction) {
        for ReadEntity { name, category, description } in &later.entities {
            self.push_entity(name, category, description);
        }
        for relationship in later.relationships {
            let known = self.relationships.iter().any(|have| same_ends(have, &relationship));
            if !known {
                self.relationships.push(relationship);
            }
        }
        self.push_keywords(&later.keywords);
    }

    fn take_fields(&mut self, kind: Kind, fields: Vec<Cow<'_, str>>) {
        match kind {
            Kind::Keywords => {
                for field in fields {
                    field
                        .split([',', ';', '、', '，'])
                        .for_each(|keyword| self.push_keyword(keyword));
                }
            }
            Kind::Entity => {
                let mut fields = fields.into_iter();
                let mut next = || fields.next().unwrap_or_default();
                let (name, category) = (next(), next());
                let description = joined(fields.filter(|field| !field.is_empty()));
                self.push_entity(&name, &category, &description);
            }
            Kind::Relationship => self.take_relationship(fields),
        }
    }

    /// Source, target, description, keywords, weight, as far as they are there. The weight is the
    /// last field that is one; a delimiter inside the description makes more fields of it.
    fn take_relationship(&mut self, mut fields: Vec<Cow<'_, str>>) {
        let mut weight = 1.0;
        if fields.len() > 3
            && let Some(found) = fields.last().and_then(|last| parse_weight(last))
        {
            weight = found;
            fields.pop();
        }
        let keywords = if fields.len() > 3 { fields.pop() } else { None }.unwrap_or_default();
        let mut fields = fields.into_iter();
        let mut next = || fields.next().unwrap_or_default();
        let (source, target) = (next(), next());
        let description = joined(fields);
        self.push_relationship([&source, &target, description.trim(), &keywords], weight);
    }

    /// Takes what it recognises in the JSON of the answer; whether it recognised anything.
    fn take_json(&mut self, answer: &str) -> bool {
        self.take_all(json::values(answer).iter())
    }

    fn take_all<'v>(&mut self, values: impl Iterator<Item = &'v Value>) -> bool {
        let mut any = false;
        for value in values {
            any |= self.take_value(value);
        }
        any
    }

    fn take_value(&mut self, value: &Value) -> bool {
        match value {
            Value::List(items) => match items.first() {
                Some(Value::Text(word)) => self.take_array(word, &items[1..]),
                // An empty list is an answer: there is nothing.
                None => true,
                Some(_) => self.take_all(items.iter()),
            },
            Value::Object(members) => self.take_object(value, members),
            _ => false,
        }
    }

    fn take_array(&mut self, word: &str, fields: &[Value]) -> bool {
        let Some(kind) = tuples::kind(word) else { return false };
        let cleaned = |field: &Value| clean(&field.to_text()).into_owned().into();
        self.take_fields(kind, fields.iter().map(cleaned).collect());
        true
    }

    fn take_object(&mut self, value: &Value, members: &[(String, Value)]) -> bool {
        const ENTITIES: [&str; 3] = ["entities", "nodes", "entity_list"];
        const RELATIONSHIPS: [&str; 4] =
            ["relationships", "relations", "edges", "relationship_list"];
        const KEYWORDS: [&str; 3] = ["keywords", "content_keywords", "themes"];
        if self.take_single(value) {
            return true;
        }
        let mut any = false;
        if let Some(entities) = value.get(&ENTITIES) {
            self.take_entities(entities);
            any = true;
        }
        if let Some(Value::List(relationships)) = value.get(&RELATIONSHIPS) {
            relationships.iter().for_each(|one| _ = self.take_single(one) || self.take_value(one));
            any = true;
        }
        if let Some(keywords) = value.get(&KEYWORDS) {
            self.push_keywords(&keywords.to_texts());
            any = true;
        }
        // { "result": { … } }
        let nested = members.iter().map(|(_, inner)| inner);
        any || self
            .take_all(nested.filter(|inner| matches!(inner, Value::Object(_) | Value::List(_))))
    }

    fn take_entities(&mut self, entities: &Value) {
        match entities {
            Value::List(items) => {
                for item in items {
                    match item {
                        Value::Text(name) => self.push_entity(&clean(name), "", ""),
                        item => _ = self.take_single(item) || self.take_value(item),
                    }
                }
            }
            // { "name": { … } } or { "name": "description" }
            Value::Object(members) => {
                for (name, inside) in members {
                    let [_, category, mut description] = read_entity(inside);
                    if let Value::Text(text) = inside {
                        description = clean(text).into_owned();
                    }
                    self.push_entity(&clean(name), &category, &description);
                }
            }
            _ => {}
        }
    }

    /// Takes an object that is itself one entity or one relationship.
    fn take_single(&mut self, value: &Value) -> bool {
        const WEIGHT: [&str; 3] = ["weight", "strength", "score"];
        let text = |names: &[&str]| text_of(value, names);
        let source = text(&[
            "source",
            "source_entity",
            "source_name",
            "src",
            "from",
            "head",
            "entity1",
            "subject",
        ]);
        let target = text(&[
            "target",
            "target_entity",
            "target_name",
            "tgt",
            "dst",
            "to",
            "tail",
            "entity2",
            "object",
        ]);
        if !source.is_empty() && !target.is_empty() {
            let description = text(&[
                "description",
                "relationship_description",
                "relationship",
                "relation",
                "label",
            ]);
            let keywords = text(&["keywords", "relationship_keywords", "themes"]);
            let weight = parse_weight(&text(&WEIGHT)).unwrap_or(1.0);
            self.push_relationship([&source, &target, &description, &keywords], weight);
            return true;
        }
        let [name, category, description] = read_entity(value);
        if !name.is_empty() {
            self.push_entity(&name, &category, &description);
        }
        !name.is_empty()
    }

    fn push_entity(&mut self, name: &str, category: &str, description: &str) {
        if !is_name(name) {
            return;
        }
        let Some(known) = self.entities.iter_mut().find(|known| *known.name == *name) else {
            // Mostly that of the one before.
            let category =
                shared(category, self.entities.last().map(|last| &last.category).into_iter());
            let (name, description) = (name.into(), description.into());
            self.entities.push(ReadEntity { name, category, description });
            return;
        };
        if known.category.is_empty() {
            known.category = category.into();
        }
        if !known.description.contains(description) {
            let space = if known.description.is_empty() { "" } else { " " };
            known.description = format!("{}{space}{description}", known.description).into();
        }
    }

    fn push_relationship(
        &mut self,
        [source, target, description, keywords]: [&str; 4],
        weight: f64,
    ) {
        if is_name(source) && is_name(target) && !equal_but_for_case(source, target) {
            let [source, target] =
                [source, target].map(|name| shared(name, self.entities.iter().map(|it| &it.name)));
            let (description, keywords) = (description.into(), keywords.into());
            self.relationships.push(ReadRelationship {
                source,
                target,
                description,
                keywords,
                weight,
            });
        }
    }

    fn push_keywords(&mut self, keywords: &[String]) {
        keywords.iter().for_each(|keyword| self.push_keyword(keyword));
    }

    fn push_keyword(&mut self, keyword: &str) {
        let keyword = clean(keyword);
        if is_name(&keyword) && !self.keywords.iter().any(|known| **known == *keyword) {
            self.keywords.push(keyword.into_owned());
        }
    }
}

fn same_ends(a: &ReadRelationship, b: &ReadRelationship) -> bool {
    (a.source == b.source && a.target == b.target) || (a.source == b.target && a.target == b.source)
}

/// Name, category, description.
fn read_entity(value: &Value) -> [String; 3] {
    [
        text_of(value, &["name", "entity_name", "entity", "title", "id"]),
        text_of(value, &["category", "type", "entity_type", "kind"]),
        text_of(value, &["description", "entity_description", "summary"]),
    ]
}

fn text_of(value: &Value, names: &[&str]) -> String {
    clean(&value.get(names).map(Value::to_text).unwrap_or_default()).into_owned()
}

/// A text, held once with the first of those that is the same.
fn shared<'a>(text: &str, mut others: impl Iterator<Item = &'a Rc<str>>) -> Rc<str> {
    others.find(|other| ***other == *text).map_or_else(|| text.into(), Rc::clone)
}

fn joined<'t>(fields: impl Iterator<Item = Cow<'t, str>>) -> Cow<'t, str> {
    fields.reduce(|all, field| all + " " + field).unwrap_or_default()
}

/// Neither empty, nor a placeholder of the prompt's form, nor a sentence.
fn is_name(name: &str) -> bool {
    let placeholder = name.starts_with('<') && name.ends_with('>');
    let nothing =
        name.len() < 5 && ["n/a", "null", "..."].iter().any(|word| name.eq_ignore_ascii_case(word));
    name.contains(|c: char| c.is_alphanumeric())
        && (name.len() <= MAX_NAME || name.chars().count() <= MAX_NAME)
        && !placeholder
        && !nothing
}

/// A strength in figures (`8`, `8/10`, `7,5`, `80%`) or words; `None` if it is neither.
fn parse_weight(text: &str) -> Option<f64> {
    const WORDS: [(&str, f64); 18] = [
        ("one", 1.0),
        ("two", 2.0),
        ("three", 3.0),
        ("four", 4.0),
        ("five", 5.0),
        ("six", 6.0),
        ("seven", 7.0),
        ("eight", 8.0),
        ("nine", 9.0),
        ("ten", 10.0),
        ("weak", 2.0),
        ("low", 2.0),
        ("medium", 5.0),
        ("moderate", 5.0),
        ("strong", 8.0),
        ("high", 8.0),
        ("very strong", 10.0),
        ("very high", 10.0),
    ];
    if let [figure @ b'0'..=b'9'] = text.as_bytes() {
        return Some(f64::from(figure - b'0'));
    }
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let text = text
        .trim_start_matches("strength")
        .trim_start_matches("weight")
        .trim_start_matches([':', '=', ' ']);
    if let Some((_, weight)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Some(*weight);
    }
    let (figure, scale) = match text.split_once('/').or_else(|| text.split_once(" out of ")) {
        Some((figure, whole)) => (figure, 10.0 / parse_number(whole.trim())?),
        None => text.strip_suffix('%').map_or((text, 1.0), |figure| (figure, 0.1)),
    };
    let weight = parse_number(&figure.trim().replace(',', "."))? * scale;
    weight.is_finite().then_some(weight.max(0.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_in_figures_and_words() {
        for (text, weight) in [
            ("8", Some(8.0)),
            (" 7.5 ", Some(7.5)),
            ("7,5", Some(7.5)),
            ("8/10", Some(8.0)),
            ("4 / 5", Some(8.0)),
            ("9 out of 10", Some(9.0)),
            ("80%", Some(8.0)),
            ("Eight", Some(8.0)),
            ("Strength: 6", Some(6.0)),
            ("very strong", Some(10.0)),
            ("-3", Some(0.0)),
            ("NaN", None),
            ("1/0", None),
            ("inf", None),
            ("themes", None),
            ("", None),
        ] {
            let found = parse_weight(text);
            assert!(
                found.zip(weight).map_or(found == weight, |(a, b)| (a - b).abs() < 1e-9),
                "{text:?} gives {found:?}"
            );
        }
    }

    #[test]
    fn a_later_answer_adds_and_changes_nothing() {
        let mut first =
            parse_extraction(r#"("entity"<|>A<|>x<|>One.)+|+("relationship"<|>A<|>B<|>r<|>k<|>3)"#)
                .unwrap();
        let later = parse_extraction(
            r#"("entity"<|>A<|>y<|>One.)+|+("entity"<|>C<|>z<|>Three.)+|+("relationship"<|>B<|>A<|>again<|>k<|>9)"#,
        );
        first.absorb(later.unwrap());
        let names: Vec<&str> = first.entities.iter().map(|entity| &*entity.name).collect();
        assert_eq!(names, ["A", "C"]);
        assert_eq!(&*first.entities[0].category, "x");
        assert_eq!(&*first.entities[0].description, "One.");
        assert_eq!(first.relationships.len(), 1);
        assert_eq!(first.relationships[0].weight, 3.0);
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn what_comes_out_keeps_its_promises(
            answer in r#"(\("entity"|"relationship"|content_keywords|<\|>|\+\|\+|<\|COMPLETE\|>|\{"entities": \[|\{"name": "|"|[()\[\]{}:,a-cé界\n]| |8/0|NaN){0,40}"#
        ) {
            if let Some(extraction) = parse_extraction(&answer) {
                let mut names: Vec<&str> = extraction.entities.iter().map(|entity| &*entity.name).collect();
                names.sort_unstable();
                let count = names.len();
                names.dedup();
                prop_assert_eq!(names.len(), count);
                prop_assert!(extraction.entities.iter().all(|entity| !entity.name.is_empty()));
                for one in &extraction.relationships {
                    prop_assert!(!one.source.is_empty() && !one.target.is_empty() && one.source != one.target);
                    prop_assert!(one.weight.is_finite() && one.weight >= 0.0);
                }
            }
        }

        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn never_panics(answer in any::<String>()) {
            parse_extraction(&answer);
        }
    }
}

//! A reader without a model: everything it says stands in the documents.

mod answer;
mod entities;
mod names;
mod question;
mod relate;
mod sentences;

use futures::{
    FutureExt, StreamExt,
    future::{self, LocalBoxFuture},
    stream::{self, LocalBoxStream},
};

use self::{
    entities::{Document, telling},
    relate::{pairs, weight},
    sentences::{Sentence, SentenceKind},
};
use super::StaticEmbedder;
use crate::{
    order::OrderedMap,
    port::{
        AnswerPart, AnswerRequest, DocumentText, ExcerptReading, Keywords, Pacer, Progress,
        ReadEntity, ReadRelationship, Reader, Reading, Role, Turn,
    },
    record::{Result, heading_path},
};

/// Changes whenever what is read changes, so that documents are read anew.
const VERSION: &str = "extractive-1";

/// Relationships of one excerpt beyond this many are left out, the least sure first.
const MAX_RELATIONSHIPS: usize = 12;

/// Keywords of a document.
const MAX_KEYWORDS: usize = 20;

/// A longer description (in characters) is cut.
const MAX_DESCRIPTION: usize = 400;

/// Reads by typography and statistics: names are what authors set off (code, headings, bold,
/// capitals), relationships are names that come together in passages more often than chance has
/// them, and answers are the sentences that bear most on the question. It makes no claim to
/// understand, and its texts say so.
#[derive(Clone, Default)]
pub struct ExtractiveReader {
    embedder: Option<StaticEmbedder>,
    pacer: Pacer,
}

impl ExtractiveReader {
    /// A reader that also weighs the meaning of sentences when it answers, if it has an embedder.
    pub fn new(embedder: Option<StaticEmbedder>) -> Self {
        ExtractiveReader { embedder, pacer: Pacer::default() }
    }

    /// The same reader, its work sliced.
    pub fn paced(self, pacer: Pacer) -> Self {
        ExtractiveReader { pacer, ..self }
    }
}

async fn read(text: &DocumentText, progress: &Progress, pacer: &Pacer) -> Reading {
    let document = Document::read(text, pacer).await;
    let total = text.excerpts.len();
    let mut prose: Vec<Vec<usize>> = Vec::with_capacity(total);
    for index in 0..total {
        pacer.pause().await;
        prose.push(document.mentioned_in_prose(index));
    }
    let likelihoods = pairs(&prose, pacer).await;
    let read_excerpt = |index: usize| {
        let headings = &text.excerpts[index].headings;
        let path = heading_path(headings);
        let theme = headings.last().map(ToString::to_string).unwrap_or_default();
        let surest = surest(&prose[index], &likelihoods);
        ExcerptReading {
            summary: if path.is_empty() { text.title.to_string() } else { path },
            entities: document
                .mentioned(index)
                .into_iter()
                .map(|entity| read_entity(&document, index, entity))
                .collect(),
            relationships: surest
                .into_iter()
                .filter_map(|pair| read_pair(&document, index, pair, &theme))
                .collect(),
            degraded: Vec::new(),
        }
    };
    let mut excerpts = Vec::with_capacity(total);
    for index in 0..total {
        // Told as often as somebody could see it.
        if pacer.pause().await {
            progress(index, total);
        }
        excerpts.push(read_excerpt(index));
    }
    progress(total, total);
    Reading { excerpts, keywords: document_keywords(text, &document) }
}

/// The pairs that belong together among these entities, the surest first, with how surely.
fn surest(
    entities: &[usize],
    likelihoods: &OrderedMap<(usize, usize), f64>,
) -> Vec<((usize, usize), f64)> {
    let every = entities
        .iter()
        .enumerate()
        .flat_map(|(at, &first)| entities[at + 1..].iter().map(move |&second| (first, second)));
    let mut found: Vec<_> =
        every.filter_map(|pair| Some((pair, *likelihoods.get(&pair)?))).collect();
    let mut surest = Vec::new();
    // A few of a few hundred: one by one they cost less than a sort, in code above all.
    while surest.len() < MAX_RELATIONSHIPS && !found.is_empty() {
        let by_worth = |a: &usize, b: &usize| {
            let (a, b) = (found[*a], found[*b]);
            a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))
        };
        let best = (0..found.len()).max_by(by_worth).unwrap_or_default();
        surest.push(found.swap_remove(best));
    }
    surest
}

fn read_entity(document: &Document, index: usize, entity: usize) -> ReadEntity {
    let speaking =
        document.statements(index).filter(|(_, mentions)| mentions.binary_search(&entity).is_ok());
    let entity = &document.entities[entity];
    let told = telling(&entity.name, speaking.map(|(sentence, _)| sentence));
    ReadEntity {
        name: entity.name.as_str().into(),
        category: entity.evidence.category().into(),
        description: told
            .map(|sentence| said_of(&entity.name, sentence).into())
            .unwrap_or_default(),
    }
}

/// The sentence, or of code the line that names it.
fn said_of(name: &str, sentence: &Sentence) -> String {
    let text = &sentence.text;
    let line = text.lines().find(|line| sentence.kind == SentenceKind::Code && line.contains(name));
    shortened(line.unwrap_or(text))
}

fn read_pair(
    document: &Document,
    index: usize,
    ((first, second), likelihood): ((usize, usize), f64),
    theme: &str,
) -> Option<ReadRelationship> {
    let saying = |wanted: &[usize]| {
        let says =
            |mentions: &[usize]| wanted.iter().all(|entity| mentions.binary_search(entity).is_ok());
        document
            .prose(index)
            .find(|(_, mentions)| says(mentions))
            .map(|(sentence, _)| shortened(&sentence.text))
    };
    let told = match saying(&[first, second]) {
        Some(sentence) => sentence,
        None => format!("{} … {}", saying(&[first])?, saying(&[second])?),
    };
    let (source, target) = (&document.entities[first].name, &document.entities[second].name);
    Some(ReadRelationship {
        source: source.as_str().into(),
        target: target.as_str().into(),
        description: format!("\"{source}\" co-occurs with \"{target}\": {told}").into(),
        keywords: theme.into(),
        weight: weight(likelihood),
    })
}

/// Its headings, then its most frequent names.
fn document_keywords(text: &DocumentText, document: &Document) -> Vec<String> {
    let mut keywords: Vec<String> = Vec::new();
    let push = |keyword: &str, keywords: &mut Vec<String>| {
        if !keyword.is_empty() && !keywords.iter().any(|known| known == keyword) {
            keywords.push(keyword.to_owned());
        }
    };
    for heading in text.excerpts.iter().filter_map(|excerpt| excerpt.headings.last()) {
        if keywords.len() < MAX_KEYWORDS / 2 {
            push(heading, &mut keywords);
        }
    }
    let mut counts = vec![0usize; document.entities.len()];
    let mentioned = (0..text.excerpts.len()).flat_map(|index| document.statements(index));
    mentioned.flat_map(|(_, mentions)| mentions).for_each(|&entity| counts[entity] += 1);
    while keywords.len() < MAX_KEYWORDS {
        // Of equals the first: `rev`, because `max_by_key` gives the last.
        let most = (0..counts.len()).rev().max_by_key(|&entity| counts[entity]);
        let Some(entity) = most.filter(|&entity| counts[entity] > 0) else { break };
        counts[entity] = 0;
        push(&document.entities[entity].name, &mut keywords);
    }
    keywords
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_DESCRIPTION) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    }
}

impl Reader for ExtractiveReader {
    fn id(&self) -> String {
        // The embedder shapes answers, not readings.
        VERSION.to_owned()
    }

    fn read(
        &self,
        document: DocumentText,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Reading>> {
        let pacer = self.pacer.clone();
        async move { Ok(read(&document, &progress, &pacer).await) }.boxed_local()
    }

    fn keywords(&self, question: &str) -> LocalBoxFuture<'static, Result<Keywords>> {
        future::ready(Ok(question::keywords(question))).boxed_local()
    }

    /// The question, behind the one that the user asked before it: its words say what it follows.
    fn standalone(
        &self,
        question: &str,
        history: &[Turn],
    ) -> LocalBoxFuture<'static, Result<String>> {
        let before = history.iter().rev().find(|turn| turn.role == Role::User);
        let standalone = match before {
            Some(turn) => format!("{} {question}", turn.text.trim()),
            None => question.to_owned(),
        };
        future::ready(Ok(standalone)).boxed_local()
    }

    fn answer(&self, request: AnswerRequest) -> LocalBoxStream<'static, Result<AnswerPart>> {
        let parts = answer::answer(&request, self.embedder.as_ref());
        stream::iter(parts.into_iter().map(Ok)).boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::port::ExcerptText;

    fn document(excerpts: &[(&str, &str)]) -> DocumentText {
        let excerpt = |(heading, text): &(&str, &str)| ExcerptText {
            text: (*text).into(),
            headings: [(*heading).into()].into(),
            fence: None,
        };
        DocumentText {
            source: "a.md".into(),
            title: "A".into(),
            text: excerpts.iter().map(|(_, text)| *text).collect::<String>().into(),
            excerpts: excerpts.iter().map(excerpt).collect(),
        }
    }

    fn read_of(excerpts: &[(&str, &str)]) -> Reading {
        let reader = ExtractiveReader::default();
        block_on(reader.read(document(excerpts), Rc::new(|_, _| ()))).unwrap()
    }

    #[test]
    fn names_come_with_what_says_most_of_them_and_with_their_company() {
        let reading = read_of(&[
            (
                "Queue",
                "Calls pass the **Request Queue**. The `Request Queue` is a list of waiting calls.",
            ),
            ("Queue", "The request queue bounds `limits.queue`. See the **Request Queue**."),
            (
                "Vectors",
                "A `VectorIndex` holds vectors.\n\n```js\nnew VectorIndex(dimensions)\n```",
            ),
        ]);
        let first = &reading.excerpts[0];
        assert_eq!(first.summary, "Queue");
        let queue = first.entities.iter().find(|entity| *entity.name == *"Request Queue").unwrap();
        assert_eq!(&*queue.description, "The Request Queue is a list of waiting calls.");
        let [one] = &reading.excerpts[1].relationships[..] else {
            panic!("{:?}", reading.excerpts[1])
        };
        assert_eq!(
            &*one.description,
            "\"limits.queue\" co-occurs with \"Request Queue\": The request queue bounds limits.queue."
        );
        assert_eq!(&*one.keywords, "Queue");
        assert!((1.0..=10.0).contains(&one.weight));
        let index =
            reading.excerpts[2].entities.iter().find(|entity| *entity.name == *"VectorIndex");
        assert_eq!(&*index.unwrap().category, "code");
        assert_eq!(&*index.unwrap().description, "A VectorIndex holds vectors.");
        assert!(reading.keywords.contains(&"Vectors".to_owned()));
    }

    #[test]
    fn other_scripts_have_names_as_well() {
        let names = |text: &str| {
            let reading = read_of(&[("", text)]);
            reading.excerpts[0]
                .entities
                .iter()
                .map(|entity| entity.name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("これは**検索拡張生成**です。データベースを使う。"),
            ["データベース", "検索拡張生成"]
        );
        assert_eq!(
            names("Роман «Анна Каренина» написал Лев Толстой."),
            ["Анна Каренина", "Лев Толстой"]
        );
        assert_eq!(names("这里的《知识图谱》由`petgraph`保存。"), ["petgraph", "知识图谱"]);
    }

    #[test]
    fn a_follow_up_keeps_the_words_it_follows() {
        let turn = |role, text: &str| Turn { role, text: text.into() };
        let history = [turn(Role::User, "What is the queue?"), turn(Role::Assistant, "A list.")];
        let reader = ExtractiveReader::default();
        let standalone = block_on(reader.standalone("Is it bounded?", &history)).unwrap();
        assert_eq!(standalone, "What is the queue? Is it bounded?");
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn any_text_is_read_and_promises_are_kept(
            texts in prop::collection::vec(r"([A-Z][a-z]{1,3}|[a-z]{1,3}|`[a-z_]{1,4}`|\*\*|# |```\n|[.:「」界ア]| |\n){0,40}", 0..5)
        ) {
            let excerpts: Vec<(&str, &str)> = texts.iter().map(|text| ("Heading", text.as_str())).collect();
            let reading = read_of(&excerpts);
            prop_assert_eq!(reading.excerpts.len(), excerpts.len());
            for excerpt in &reading.excerpts {
                let mut names: Vec<&str> = excerpt.entities.iter().map(|entity| &*entity.name).collect();
                for one in &excerpt.relationships {
                    prop_assert!(one.source != one.target);
                    prop_assert!(names.contains(&&*one.source) && names.contains(&&*one.target));
                }
                names.sort_unstable();
                let count = names.len();
                names.dedup();
                prop_assert_eq!(names.len(), count);
            }
        }
    }
}

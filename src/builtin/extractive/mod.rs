//! A reader without a model: everything it says stands in the documents.

mod answer;
mod entities;
mod names;
mod question;
mod relate;
mod sentences;
mod stopwords;

use futures::{
    FutureExt, StreamExt,
    future::{self, LocalBoxFuture},
    stream::{self, LocalBoxStream},
};

use self::{
    entities::{Document, telling},
    relate::{Pair, pairs, weight},
    sentences::SentenceKind,
};
use super::StaticEmbedder;
use crate::{
    port::{
        AnswerPart, AnswerRequest, Completion, DocumentText, ExcerptReading, Keywords, Progress,
        ReadEntity, ReadRelationship, Reader, Reading, Role, Turn,
    },
    record::Result,
};

/// Changes whenever what is read changes, so that documents are read anew.
const VERSION: &str = "extractive-1";

/// Entities of one excerpt beyond this many are left out, those with the weakest reasons first.
const MAX_ENTITIES: usize = 32;

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
}

impl ExtractiveReader {
    /// A reader that also weighs the meaning of sentences when it answers, if it has an embedder.
    pub fn new(embedder: Option<StaticEmbedder>) -> Self {
        ExtractiveReader { embedder }
    }
}

fn read(text: &DocumentText, progress: &Progress) -> Reading {
    let document = Document::read(text);
    let pairs = pairs(&document.passages());
    let total = text.excerpts.len();
    let excerpts = (0..total)
        .map(|index| {
            let reading = read_excerpt(text, &document, &pairs, index);
            progress(index + 1, total);
            reading
        })
        .collect();
    Reading { excerpts, keywords: document_keywords(text, &document) }
}

fn read_excerpt(
    text: &DocumentText,
    document: &Document,
    pairs: &[Pair],
    index: usize,
) -> ExcerptReading {
    let mentioned = mentioned(document, index);
    let headings = &text.excerpts[index].headings;
    let entities = mentioned.iter().map(|&entity| read_entity(document, index, entity)).collect();
    let theme = headings.last().map(ToString::to_string).unwrap_or_default();
    let related =
        pairs.iter().filter_map(|pair| read_pair(document, index, pair, &mentioned, &theme));
    let path = headings.join(" > ");
    ExcerptReading {
        summary: if path.is_empty() { text.title.to_string() } else { path },
        entities,
        relationships: related.take(MAX_RELATIONSHIPS).collect(),
        degraded: Vec::new(),
    }
}

/// The entities that an excerpt speaks of, ascending.
fn mentioned(document: &Document, index: usize) -> Vec<usize> {
    let mut found: Vec<usize> = document.mentions[index].iter().flatten().copied().collect();
    found.sort_unstable_by_key(|&entity| (document.entities[entity].evidence, entity));
    found.dedup();
    found.truncate(MAX_ENTITIES);
    found.sort_unstable();
    found
}

fn read_entity(document: &Document, index: usize, entity: usize) -> ReadEntity {
    let sentences = document.sentences[index].iter().zip(&document.mentions[index]);
    let speaking = sentences
        .filter(|(_, mentions)| mentions.binary_search(&entity).is_ok())
        .map(|(one, _)| one);
    let entity = &document.entities[entity];
    // A heading says nothing of its own subject.
    let prose = speaking.clone().filter(|sentence| sentence.kind == SentenceKind::Prose);
    let told = telling(&entity.name, prose).or_else(|| telling(&entity.name, speaking));
    ReadEntity {
        name: entity.name.clone(),
        category: entity.evidence.category().to_owned(),
        description: told.map(|sentence| shortened(&sentence.text)).unwrap_or_default(),
    }
}

/// The relationship, if the prose of this excerpt speaks of both.
fn read_pair(
    document: &Document,
    index: usize,
    pair: &Pair,
    mentioned: &[usize],
    theme: &str,
) -> Option<ReadRelationship> {
    let here = |entity: usize| mentioned.binary_search(&entity).is_ok();
    if !here(pair.first) || !here(pair.second) {
        return None;
    }
    let prose = document.sentences[index].iter().zip(&document.mentions[index]);
    let prose = prose.filter(|(sentence, _)| sentence.kind != SentenceKind::Code);
    let saying = |wanted: &[usize]| {
        let mut prose = prose.clone();
        prose.find(|(_, mentions)| {
            wanted.iter().all(|entity| mentions.binary_search(entity).is_ok())
        })
    };
    let told = match saying(&[pair.first, pair.second]) {
        Some((sentence, _)) => shortened(&sentence.text),
        None => {
            let ((first, _), (second, _)) = saying(&[pair.first]).zip(saying(&[pair.second]))?;
            format!("{} … {}", shortened(&first.text), shortened(&second.text))
        }
    };
    let (source, target) =
        (&document.entities[pair.first].name, &document.entities[pair.second].name);
    Some(ReadRelationship {
        source: source.clone(),
        target: target.clone(),
        description: format!("\"{source}\" co-occurs with \"{target}\": {told}"),
        keywords: theme.to_owned(),
        weight: weight(pair.likelihood),
    })
}

/// Its headings, then its most frequent names.
fn document_keywords(text: &DocumentText, document: &Document) -> Vec<String> {
    let mut keywords: Vec<String> = Vec::new();
    let mut push = |keyword: &str| {
        if keywords.len() < MAX_KEYWORDS
            && !keyword.is_empty()
            && !keywords.iter().any(|known| known == keyword)
        {
            keywords.push(keyword.to_owned());
        }
    };
    text.excerpts
        .iter()
        .filter_map(|excerpt| excerpt.headings.last())
        .take(MAX_KEYWORDS / 2)
        .for_each(|one| push(one));
    let mut counts = vec![0usize; document.entities.len()];
    document.mentions.iter().flatten().flatten().for_each(|&entity| counts[entity] += 1);
    let mut frequent: Vec<usize> = (0..counts.len()).collect();
    frequent.sort_by_key(|&entity| (std::cmp::Reverse(counts[entity]), entity));
    frequent.into_iter().for_each(|entity| push(&document.entities[entity].name));
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
        future::lazy(move |_| Ok(read(&document, &progress))).boxed_local()
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

    fn prompt(&self, _: &AnswerRequest) -> Option<Completion> {
        None
    }

    fn answer(&self, request: AnswerRequest) -> LocalBoxStream<'static, Result<AnswerPart>> {
        let parts = answer::answer(&request, self.embedder.as_ref());
        stream::iter(parts.into_iter().map(Ok)).boxed_local()
    }
}

//! The sentences of the context that bear most on a question.

use ecow::EcoString;

use super::sentences::{Sentence, SentenceKind, sentences};
use crate::{
    builtin::StaticEmbedder,
    order::OrderedMap,
    port::{AnswerPart, AnswerRequest, Context, NOTHING_FOUND},
    prompt::Citations,
    text::{self, is_stopword},
};

/// The answer has at most so many sentences.
const SENTENCES: usize = 3;

/// How much relevance counts against being unlike what is chosen already.
const RELEVANCE: f64 = 0.75;

/// How much the embedding counts beside the words of the question.
const MEANING: f64 = 0.3;

/// How much less each further excerpt counts, in the order of retrieval, which may know more than
/// words.
const RANK: f64 = 0.05;

/// Longer code is cut to so many lines.
const MAX_LINES: usize = 16;

/// Saturation and length normalisation of BM25.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A sentence of the context, with the excerpt it stands in.
struct Passage {
    excerpt: usize,
    sentence: Sentence,
    terms: OrderedMap<EcoString, f64>,
    length: f64,
    vector: Vec<f32>,
}

/// The answer: passages, each with its mark, and said to be no more than that.
pub(super) fn answer(
    request: &AnswerRequest,
    embedder: Option<&StaticEmbedder>,
) -> Vec<AnswerPart> {
    let passages = passages(&request.context, embedder);
    let chosen = choose(&request.question, &passages, embedder);
    if chosen.is_empty() {
        return vec![AnswerPart::Text(NOTHING_FOUND.to_owned())];
    }
    let mut parts = vec![AnswerPart::Text("The documents say:".to_owned())];
    let mut cited: Vec<usize> = Vec::new();
    for passage in chosen {
        let known = cited.iter().position(|&excerpt| excerpt == passage.excerpt);
        let number = known.unwrap_or(cited.len()) + 1;
        if known.is_none() {
            cited.push(passage.excerpt);
            parts.push(AnswerPart::Reference { number, excerpt: passage.excerpt });
        }
        parts.push(AnswerPart::Text(format!("\n\n{}", quote(&passage.sentence, number))));
    }
    parts
}

fn quote(sentence: &Sentence, number: usize) -> String {
    if sentence.kind == SentenceKind::Code {
        return format!("{}\n[{number}]", fenced_code(&sentence.text));
    }
    // Marks that the document itself carries would pass for ours.
    let mut unmarked = Citations::new(0);
    let mut parts = unmarked.push(&sentence.text);
    parts.extend(unmarked.finish());
    let text: String = parts
        .into_iter()
        .map(|part| match part {
            AnswerPart::Text(text) => text,
            AnswerPart::Reference { .. } => String::new(),
        })
        .collect();
    format!("> {} [{number}]", text.replace('\n', "\n> "))
}

fn fenced_code(code: &str) -> String {
    let lines: Vec<&str> = code.lines().take(MAX_LINES).collect();
    let cut = if code.lines().count() > MAX_LINES { "\n…" } else { "" };
    // Longer than any run of backticks inside.
    let fence = (3..).map(|length| "`".repeat(length)).find(|fence| !code.contains(fence.as_str()));
    let fence = fence.unwrap_or_default();
    format!("{fence}\n{}{cut}\n{fence}", lines.join("\n"))
}

fn passages(context: &Context, embedder: Option<&StaticEmbedder>) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    for (excerpt, retrieved) in context.excerpts.iter().enumerate() {
        for sentence in sentences(&retrieved.text, retrieved.fence.as_deref()) {
            // Excerpts overlap.
            let repeats = found.iter().any(|passage| passage.sentence.text == sentence.text);
            if sentence.kind == SentenceKind::Heading || repeats {
                continue;
            }
            let terms = counted(&sentence.text);
            let length = terms.values().sum();
            let vector =
                embedder.map(|embedder| embedder.embed_one(&sentence.text)).unwrap_or_default();
            found.push(Passage { excerpt, sentence, terms, length, vector });
        }
    }
    found
}

/// How often each term occurs; stopwords count for nothing.
fn counted(text: &str) -> OrderedMap<EcoString, f64> {
    let mut counts = OrderedMap::new();
    for term in text::terms(text) {
        if !is_stopword(&text[term.at]) {
            *counts.get_or_insert_with(term.text, || 0.0) += 1.0;
        }
    }
    counts
}

/// Maximal marginal relevance: each next sentence is relevant and unlike those before it.
///
/// J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking", 1998.
fn choose<'p>(
    question: &str,
    passages: &'p [Passage],
    embedder: Option<&StaticEmbedder>,
) -> Vec<&'p Passage> {
    let rarity = rarity(passages);
    let relevance = relevance(question, passages, &rarity, embedder);
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < SENTENCES {
        let worth = |index: usize| {
            let likeness =
                chosen.iter().map(|&other| likeness(&passages[index], &passages[other], &rarity));
            RELEVANCE * relevance[index] - (1.0 - RELEVANCE) * likeness.fold(0.0, f64::max)
        };
        let open =
            (0..passages.len()).filter(|index| relevance[*index] > 0.0 && !chosen.contains(index));
        // Of equals the first: `rev`, because `max_by` gives the last.
        let best = open.rev().map(|index| (index, worth(index))).max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((index, _)) => chosen.push(index),
            None => break,
        }
    }
    chosen.into_iter().map(|index| &passages[index]).collect()
}

/// The inverse document frequency of each term, over the sentences.
fn rarity(passages: &[Passage]) -> OrderedMap<&str, f64> {
    let mut counts: OrderedMap<&str, f64> = OrderedMap::new();
    for term in passages.iter().flat_map(|passage| passage.terms.keys()) {
        *counts.get_or_default(term) += 1.0;
    }
    let total = passages.len() as f64;
    counts
        .values_mut()
        .for_each(|count| *count = (1.0 + (total - *count + 0.5) / (*count + 0.5)).ln());
    counts
}

/// BM25 of the question's terms, scaled so that the best sentence has 1, and the cosine of the
/// embeddings.
fn relevance(
    question: &str,
    passages: &[Passage],
    rarity: &OrderedMap<&str, f64>,
    embedder: Option<&StaticEmbedder>,
) -> Vec<f64> {
    let asked = counted(question);
    let mean =
        passages.iter().map(|passage| passage.length).sum::<f64>() / passages.len().max(1) as f64;
    let lexical = |passage: &Passage| {
        let norm = K1 * (1.0 - B + B * passage.length / mean.max(1.0));
        let score = |term: &EcoString| {
            let count = passage.terms.get(term)?;
            Some(rarity.get(term.as_str())? * count * (K1 + 1.0) / (count + norm))
        };
        asked.keys().filter_map(score).sum::<f64>() / (1.0 + RANK * passage.excerpt as f64)
    };
    let scores: Vec<f64> = passages.iter().map(lexical).collect();
    let best = scores.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let vector = embedder.map(|embedder| embedder.embed_one(question)).unwrap_or_default();
    let meaning = |passage: &Passage| MEANING * cosine(&vector, &passage.vector).max(0.0);
    passages.iter().zip(scores).map(|(passage, score)| score / best + meaning(passage)).collect()
}

/// The cosine of the terms weighted by rarity, or that of the embeddings if it is greater.
fn likeness(a: &Passage, b: &Passage, rarity: &OrderedMap<&str, f64>) -> f64 {
    let weight = |term: &str, passage: &Passage| {
        rarity.get(term).zip(passage.terms.get(term)).map_or(0.0, |(rarity, count)| rarity * count)
    };
    let product = |a: &Passage, b: &Passage| {
        a.terms.keys().map(|term| weight(term, a) * weight(term, b)).sum::<f64>()
    };
    let norm = (product(a, a) * product(b, b)).sqrt();
    let lexical = if norm > 0.0 { product(a, b) / norm } else { 0.0 };
    lexical.max(cosine(&a.vector, &b.vector))
}

/// Of vectors of length 1; 0 where there are none.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::ContextExcerpt;

    fn request(question: &str, excerpts: &[&str]) -> AnswerRequest {
        let excerpt = |text: &&str| ContextExcerpt {
            source: "a.md".into(),
            headings: [].into(),
            text: (*text).into(),
            fence: None,
        };
        let context =
            Context { excerpts: excerpts.iter().map(excerpt).collect(), ..Context::default() };
        AnswerRequest { question: question.into(), context, ..AnswerRequest::default() }
    }

    #[test]
    fn the_sentences_that_bear_on_the_question_come_with_their_marks() {
        let asked = request(
            "Does the queue order calls?",
            &[
                "Vectors are stored in bytes.",
                "## Calls\n\nThe queue orders calls [7]. It is bounded.",
                "Every call waits in order.",
            ],
        );
        let parts = answer(&asked, None);
        let text = |text: &str| AnswerPart::Text(text.into());
        assert_eq!(
            parts,
            [
                text("The documents say:"),
                AnswerPart::Reference { number: 1, excerpt: 1 },
                text("\n\n> The queue orders calls. [1]"),
                AnswerPart::Reference { number: 2, excerpt: 2 },
                text("\n\n> Every call waits in order. [2]"),
            ]
        );
    }

    #[test]
    fn what_bears_on_nothing_is_no_answer() {
        let nothing = [AnswerPart::Text(NOTHING_FOUND.into())];
        assert_eq!(answer(&request("Why tea?", &[]), None), nothing);
        assert_eq!(answer(&request("Why tea?", &["Calls wait."]), None), nothing);
        assert_eq!(answer(&request("", &["Calls wait."]), None), nothing);
    }
}

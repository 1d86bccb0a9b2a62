//! What the built-in reader is worth, measured against a language model's graph and against questions with known
//! passages, over SmolRAG's own documents.
//!
//! The corpus lies beside the repository; where it does not, the tests say so and measure nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    rc::Rc,
};

use futures::{TryStreamExt, executor::block_on};
use smolrag::{
    builtin::{ExtractiveReader, StaticEmbedder},
    port::{
        AnswerPart, AnswerRequest, Context, ContextExcerpt, DocumentText, ExcerptText, Reader,
        Reading,
    },
    text,
};

fn shared(path: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    let found = fs::read_to_string(&path).ok();
    if found.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    found
}

fn documents(size: usize) -> Option<Vec<DocumentText>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/smolrag-docs");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: {} is not here", folder.display());
        return None;
    };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let document = |name: &String| {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let options = text::ExcerptOptions { size, overlap: 0, strategy: text::Strategy::Markdown };
        let excerpts = text::split(&text, &options).unwrap().into_iter().map(|span| ExcerptText {
            text: text[span.bytes].into(),
            headings: span.headings,
            fence: span.fence,
        });
        DocumentText {
            source: name.as_str().into(),
            title: text::title(&text).unwrap_or_default().into(),
            excerpts: excerpts.collect(),
            text: text.into(),
        }
    };
    Some(names.iter().map(document).collect())
}

fn read(reader: &ExtractiveReader, document: &DocumentText) -> Reading {
    block_on(reader.read(document.clone(), Rc::new(|_, _| ()))).unwrap()
}

/// A name as stems in small letters, `_` and the like being spaces.
fn folded(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| text::stem(&word.to_lowercase())).collect::<Vec<_>>().join(" ")
}

fn attributes<'x>(xml: &'x str, tag: &str, name: &str) -> Vec<&'x str> {
    let mut found = Vec::new();
    for element in xml.split(&format!("<{tag} ")).skip(1) {
        let head = element.split('>').next().unwrap();
        let value = head.split(&format!("{name}=\"")).nth(1).unwrap();
        found.push(value.split('"').next().unwrap());
    }
    found
}

#[test]
fn entities_are_mostly_those_of_a_language_model() {
    let (Some(graph), Some(documents)) = (shared("smolrag-python/kg_db.graphml"), documents(1200))
    else {
        return;
    };
    let known: BTreeSet<String> =
        attributes(&graph, "node", "id").into_iter().map(folded).collect();
    let ends =
        attributes(&graph, "edge", "source").into_iter().zip(attributes(&graph, "edge", "target"));
    let ordered = |a: String, b: String| if a < b { (a, b) } else { (b, a) };
    let edges: BTreeSet<_> = ends.map(|(a, b)| ordered(folded(a), folded(b))).collect();

    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut pairs = BTreeSet::new();
    let reader = ExtractiveReader::default();
    for document in &documents {
        for excerpt in read(&reader, document).excerpts {
            for entity in excerpt.entities {
                found.entry(folded(&entity.name)).or_default().insert(entity.category.to_string());
            }
            for one in excerpt.relationships {
                pairs.insert(ordered(folded(&one.source), folded(&one.target)));
            }
        }
    }
    let right = found.keys().filter(|name| known.contains(*name)).count();
    let (precision, recall) =
        (right as f64 / found.len() as f64, right as f64 / known.len() as f64);
    println!(
        "{} entities, {} known: precision {precision:.3}, recall {recall:.3}",
        found.len(),
        known.len()
    );
    for category in ["code", "heading", "term", "name"] {
        let of: Vec<_> =
            found.iter().filter(|(_, categories)| categories.contains(category)).collect();
        let right = of.iter().filter(|(name, _)| known.contains(*name)).count();
        println!("  {category}: {right} of {}", of.len());
    }
    let right_pairs = pairs.iter().filter(|pair| edges.contains(*pair)).count();
    println!(
        "{} relationships, {} known: precision {:.3}",
        pairs.len(),
        edges.len(),
        right_pairs as f64 / pairs.len() as f64
    );
    assert!(precision >= 0.70, "precision {precision}");
    assert!(recall >= 0.45, "recall {recall}");
}

/// Letters and figures alone: white space and markdown do not count.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// BM25 over text and headings.
struct Bm25 {
    counts: Vec<BTreeMap<String, f64>>,
    mean: f64,
}

impl Bm25 {
    fn new(excerpts: &[ContextExcerpt]) -> Self {
        let count = |excerpt: &ContextExcerpt| {
            let mut counts = BTreeMap::new();
            for term in text::terms(&format!("{}\n{}", excerpt.headings.join("\n"), excerpt.text)) {
                *counts.entry(term.text.into()).or_insert(0.0) += 1.0;
            }
            counts
        };
        let counts: Vec<BTreeMap<String, f64>> = excerpts.iter().map(count).collect();
        let mean = counts.iter().flat_map(BTreeMap::values).sum::<f64>() / counts.len() as f64;
        Bm25 { counts, mean }
    }

    /// The best excerpts for a question, best first.
    fn best(&self, question: &str, limit: usize) -> Vec<usize> {
        let mut scores = vec![0.0; self.counts.len()];
        let asked: BTreeSet<String> =
            text::terms(question).into_iter().map(|term| term.text.into()).collect();
        for term in asked {
            let holding =
                self.counts.iter().filter(|counts| counts.contains_key(&term)).count() as f64;
            let rarity = (1.0 + (self.counts.len() as f64 - holding + 0.5) / (holding + 0.5)).ln();
            for (score, counts) in scores.iter_mut().zip(&self.counts) {
                let length: f64 = counts.values().sum();
                let norm = 1.2 * (0.25 + 0.75 * length / self.mean);
                *score +=
                    counts.get(&term).map_or(0.0, |count| rarity * count * 2.2 / (count + norm));
            }
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        order.truncate(limit);
        order
    }
}

#[test]
fn three_sentences_hold_the_passage() {
    let Some(questions) = shared("questions.json") else { return };
    let embedding = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/embedding.bin");
    let embedder = fs::read(embedding).ok().map(|bytes| StaticEmbedder::new(bytes).unwrap());
    println!("with an embedder: {}", embedder.is_some());
    let questions: Vec<serde_json::Value> = serde_json::from_str(&questions).unwrap();
    let field = |name: &str| {
        questions.iter().map(|one| one[name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (asked, passages) = (field("query"), field("pull_quote"));
    let mut best: f64 = 0.0;
    for size in [300, 600, 1200] {
        let Some(documents) = documents(size) else { return };
        let everything =
            bare(&documents.iter().map(|document| &*document.text).collect::<String>());
        let excerpts: Vec<ContextExcerpt> = documents
            .iter()
            .flat_map(|document| {
                document.excerpts.iter().map(|excerpt| ContextExcerpt {
                    source: document.source.clone(),
                    headings: excerpt.headings.clone(),
                    text: excerpt.text.clone(),
                    fence: excerpt.fence.clone(),
                })
            })
            .collect();
        let index = Bm25::new(&excerpts);
        for limit in [5, 10] {
            for embedder in [None, embedder.clone()] {
                let with = embedder.is_some();
                let reader = ExtractiveReader::new(embedder);
                let (mut right, mut reachable, mut answerable) = (0, 0, 0);
                for (question, passage) in asked
                    .iter()
                    .zip(&passages)
                    .filter(|(_, passage)| everything.contains(&bare(passage)))
                {
                    answerable += 1;
                    let found = index
                        .best(question, limit)
                        .into_iter()
                        .map(|at| excerpts[at].clone())
                        .collect::<Vec<_>>();
                    reachable += usize::from(
                        found.iter().any(|excerpt| bare(&excerpt.text).contains(&bare(passage))),
                    );
                    let context = Context { excerpts: found, ..Context::default() };
                    let request = AnswerRequest {
                        question: question.clone(),
                        context,
                        ..AnswerRequest::default()
                    };
                    let parts: Vec<AnswerPart> =
                        block_on(reader.answer(request).try_collect()).unwrap();
                    let answer: String = parts
                        .iter()
                        .filter_map(|part| match part {
                            AnswerPart::Text(text) => Some(text.as_str()),
                            _ => None,
                        })
                        .collect();
                    // Reference marks are no part of the text.
                    let answer = (1..=3)
                        .fold(answer, |text, number| text.replace(&format!("[{number}]"), ""));
                    right += usize::from(bare(&answer).contains(&bare(passage)));
                }
                let share = right as f64 / answerable as f64;
                println!(
                    "size {size}, best {limit}, embedder {with}: {right} of {answerable} ({share:.2}); in the context {reachable}"
                );
                best = best.max(share);
            }
        }
    }
    assert!(best >= 0.55, "{best}");
}

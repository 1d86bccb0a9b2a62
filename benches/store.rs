//! What a document costs in a small and in a large knowledge base, and what the searches cost.

use std::{
    hint::black_box,
    rc::Rc,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use smolrag::{
    record::{
        Contribution, EntityMention, Excerpt, Filter, Metadata, Position, RelationshipMention,
        UnitVector, Weight, excerpt_id,
    },
    store::{
        Change, Checked, Field, KnowledgeBase, KnowledgeBaseOptions, LexicalIndex, Query,
        VectorIndex,
    },
};

const DIMENSIONS: usize = 384;
const EXCERPTS: usize = 4;

/// xorshift, so that every run measures the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A word; common words are much more common than rare ones, as in prose.
    fn word(&mut self) -> String {
        let rank = (20_000f64).powf(self.below(1_000_000) as f64 / 1e6) as usize;
        format!("w{rank}x")
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn vector(&mut self) -> UnitVector {
        let values: Vec<f32> = (0..DIMENSIONS).map(|_| self.below(2001) as f32 - 1000.0).collect();
        UnitVector::from_f32(&values).unwrap()
    }
}

/// A document of about 1.6 kB. One entity is in every document, and a few are in many.
fn document(number: usize, of: usize) -> Rc<Contribution> {
    let dice = &mut Dice(number as u64 * 7919 + 1);
    let at = |excerpt: usize, ordinal: usize| Position {
        excerpt: excerpt as u32,
        ordinal: ordinal as u32,
    };
    let name = |dice: &mut Dice| -> Rc<str> {
        // Names grow with the documents, as they do in prose.
        let rank = ((5 * of) as f64).powf(dice.below(1_000_000) as f64 / 1e6) as usize;
        format!("Entity {rank}e").into()
    };
    let excerpt = |dice: &mut Dice| {
        let text = dice.words(60);
        Excerpt {
            id: excerpt_id(&text).into(),
            start: 0,
            end: text.len() as u32,
            text: text.into(),
            headings: [dice.words(2).into(), dice.words(3).into()].into(),
            fence: None,
            summary: dice.words(15).into(),
            vector: dice.vector(),
        }
    };
    let entity = |place: usize, dice: &mut Dice| EntityMention {
        at: at(place / 3, place % 3),
        name: if place == 0 { "The hub".into() } else { name(dice) },
        category: "concept".into(),
        description: dice.words(12).into(),
        vector: dice.vector(),
    };
    let relationship = |place: usize, dice: &mut Dice| RelationshipMention {
        at: at(place / 3, 3 + place % 3),
        source: if place < 3 { "The hub".into() } else { name(dice) },
        target: name(dice),
        description: dice.words(12).into(),
        keywords: dice.words(4).into(),
        weight: Weight(1000),
        vector: dice.vector(),
    };
    Rc::new(Contribution {
        source: format!("{number:06}.md").into(),
        revision: "1".into(),
        metadata: Metadata::new(),
        bytes: 1600,
        excerpts: (0..EXCERPTS).map(|_| excerpt(dice)).collect(),
        entities: (0..3 * EXCERPTS).map(|place| entity(place, dice)).collect(),
        relationships: (0..3 * EXCERPTS).map(|place| relationship(place, dice)).collect(),
        keywords: vec![dice.word().into()],
    })
}

fn knowledge_base(documents: usize) -> KnowledgeBase {
    let options = KnowledgeBaseOptions { dimensions: DIMENSIONS, resolve_entities: true };
    let mut kb = KnowledgeBase::new(options);
    for number in 0..documents {
        // Even numbers, so that there is room between them.
        let change = kb.check(document(2 * number, documents)).unwrap();
        kb.apply(change);
    }
    kb
}

/// The bar is 1.5 between the largest and the smallest.
fn one_document(c: &mut Criterion) {
    let mut group = c.benchmark_group("add and remove one document");
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    for documents in [100, 10_000] {
        let started = Instant::now();
        let mut kb = knowledge_base(documents);
        let (counts, bytes) = (kb.counts(), kb.bytes());
        println!(
            "{documents} documents: {counts:?}; folded in {:.0?}; {} kB per 1,000 excerpts",
            started.elapsed(),
            bytes / counts.excerpts
        );
        group.bench_function(format!("in {documents}"), |b| {
            // In the middle of the order: what was there before it and after it matters alike. An old
            // document leaves and comes back, so that nothing is at the end of a list.
            let numbers: Vec<usize> = (0..20).map(|at| 2 * (at * documents / 20 + 1)).collect();
            let mut turn = 0;
            b.iter_batched(
                || {
                    turn += 1;
                    let contribution = document(numbers[turn % 20] % (2 * documents), documents);
                    let remove = Change::Remove(contribution.source.clone());
                    (remove, Change::Put(Checked::new(contribution, DIMENSIONS).unwrap()))
                },
                |(remove, put)| {
                    kb.apply(remove);
                    kb.apply(put);
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn searches(c: &mut Criterion) {
    let kb = knowledge_base(2_500);
    println!("searched: {:?}", kb.counts());
    let dice = &mut Dice(99);
    let (vector, text) = (dice.vector(), dice.words(8));
    let all = Filter::default();
    let mut group = c.benchmark_group("search");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for (name, query) in [("vector", Query::Vector(&vector)), ("text", Query::Text(&text))] {
        group.bench_function(format!("excerpts by {name}"), |b| {
            b.iter(|| black_box(kb.search_excerpts(query, 10, &all).len()));
        });
        group.bench_function(format!("entities by {name}"), |b| {
            b.iter(|| black_box(kb.search_entities(query, 25, &all).len()));
        });
        group.bench_function(format!("relationships by {name}"), |b| {
            b.iter(|| black_box(kb.search_relationships(query, 25, &all).len()));
        });
    }
    group.finish();
}

fn indices(c: &mut Criterion) {
    let dice = &mut Dice(7);
    let mut group = c.benchmark_group("100,000 entries");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    let mut vectors = VectorIndex::new(DIMENSIONS);
    (0..100_000).for_each(|slot| vectors.insert(slot, &dice.vector()));
    let query = dice.vector();
    group.bench_function("vectors, top 10", |b| {
        b.iter(|| black_box(vectors.search(&query, 10, Some)));
    });
    let mut lexical = LexicalIndex::new();
    (0..100_000).for_each(|slot| lexical.insert(slot, &[Field::new(&dice.words(60))]));
    println!("lexical: {} kB, vectors: {} kB", lexical.bytes() / 1000, vectors.bytes() / 1000);
    let query = dice.words(8);
    group.bench_function("BM25, eight words, top 10", |b| {
        b.iter(|| black_box(lexical.search(&query, 10, Some)));
    });
    group.finish();
}

criterion_group!(benches, one_document, searches, indices);
criterion_main!(benches);

//! What a document costs in a small and in a large knowledge base, and what the searches cost.

mod corpus;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use corpus::{Dice, document, knowledge_base};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use smolrag::{
    record::Filter,
    store::{Change, Checked, Field, LexicalIndex, Query, VectorIndex},
};

const DIMENSIONS: usize = 384;

/// The bar is 1.5 between the largest and the smallest.
///
/// The fold alone, of a document that was read and checked before. It takes as many instructions among
/// 10,000 documents as among 100 (`exchange.mjs`, which also times whole calls); the time differs by
/// what has to be fetched, since 100 documents fit in the processor's caches and 10,000 do not.
fn one_document(c: &mut Criterion) {
    let mut group = c.benchmark_group("add and remove one document");
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    for documents in [100, 10_000] {
        let started = Instant::now();
        let mut kb = knowledge_base(documents, DIMENSIONS);
        let (counts, bytes, options) = (kb.counts(), kb.bytes(), kb.options());
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
                    let contribution =
                        document(numbers[turn % 20] % (2 * documents), documents, DIMENSIONS);
                    let remove = Change::Remove(contribution.source.clone());
                    (remove, Change::Put(Checked::new(contribution, options).unwrap()))
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
    let kb = knowledge_base(2_500, DIMENSIONS);
    println!("searched: {:?}", kb.counts());
    let dice = &mut Dice(99);
    let (vector, text) = (dice.vector(DIMENSIONS), dice.words(8));
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
    (0..100_000).for_each(|slot| vectors.insert(slot, &dice.vector(DIMENSIONS)));
    let query = dice.vector(DIMENSIONS);
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

//! How often an ingest and a question take memory, held against `allocations.txt`, so that a change of it is a
//! change of that file. `ALLOCATIONS=write cargo test --test allocations` writes what is measured.

#[expect(dead_code, reason = "documents are made by their words alone")]
#[path = "../benches/corpus.rs"]
mod corpus;
#[expect(dead_code, reason = "nothing is left to chance here")]
#[path = "support/executor.rs"]
mod executor;

use std::{alloc::System, fmt::Write, fs, rc::Rc};

use corpus::Dice;
use executor::{Executor, block_on};
use smolrag::{
    builtin::{MemoryStorage, StaticEmbedder},
    engine::{DocumentInput, Embedder, Engine, Options, Ports, RetrieveOptions, Signal},
    port::Mode,
    record::Metadata,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/allocations.txt");
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/embedding.bin");

/// Tables are hashed by chance and grow a little earlier or later.
const TOLERANCE: f64 = 0.02;

/// Twenty sections that speak of things which other documents speak of, too.
fn document(number: u64) -> DocumentInput {
    let dice = &mut Dice(7919 * number + 1);
    let mut text = String::new();
    for section in 0..20 {
        let things = [(); 3].map(|()| dice.below(200));
        let words = dice.words(40);
        let [a, b, c] = things;
        writeln!(
            text,
            "## Part {section}\n\nThe **Thing {a}** needs `thing{b}` and **Thing {c}**. {words}.\n"
        )
        .expect("it is a string");
    }
    DocumentInput {
        source: format!("{number:03}.md").into(),
        text: text.into(),
        metadata: Metadata::new(),
    }
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn allocations_are_as_written_down() {
    let executor = Executor::seeded(1);
    let table = fs::read(TABLE).expect("the table is there");
    let ports = Ports {
        storage: Rc::new(MemoryStorage::new()),
        clock: executor.clock(),
        llm: None,
        embedder: Some(Embedder::BuiltIn(StaticEmbedder::new(table).expect("it is whole"))),
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let engine = block_on(&executor, Engine::open(ports, Options::default())).expect("it opens");
    let ingest = |documents: Vec<DocumentInput>| {
        let engine = engine.clone();
        let report = block_on(&executor, async move {
            engine.ingest(documents, Signal::default(), Rc::new(|_| {})).await
        });
        assert!(report.expect("it is taken").failed.is_empty());
    };
    ingest((0..40).map(document).collect());
    let another = vec![document(40)];

    let mut found = vec![];
    let mut measure = |what: &str, work: &dyn Fn()| {
        let region = Region::new(ALLOCATOR);
        work();
        let change = region.change();
        let allocations = change.allocations + change.reallocations;
        found.push((what.to_owned(), allocations, change.bytes_allocated));
    };
    measure("ingest one document of 20 sections", &|| ingest(another.clone()));
    for mode in Mode::ALL {
        let ask = || {
            let options = RetrieveOptions { mode, ..RetrieveOptions::default() };
            let question = "What does **Thing 7** need of `thing9`, and where is w12x?".to_owned();
            let engine = engine.clone();
            let found = block_on(&executor, async move {
                engine.retrieve(question, options, Signal::default()).await
            });
            assert!(!found.expect("it is answered").excerpts.is_empty());
        };
        ask();
        measure(&format!("retrieve by {}", mode.as_str()), &ask);
    }

    if std::env::var("ALLOCATIONS").is_ok_and(|what| what == "write") {
        let line = |(what, count, bytes): &(String, usize, usize)| {
            format!("{what}: {count} allocations, {bytes} bytes\n")
        };
        fs::write(FILE, found.iter().map(line).collect::<String>()).expect("it can be written");
        return;
    }
    let written = fs::read_to_string(FILE).expect("it is there");
    let mut lines = written.lines();
    for (what, count, bytes) in found {
        let line = lines.next().unwrap_or_default();
        let numbers: Vec<f64> = line
            .split(|c: char| !c.is_ascii_digit())
            .rev()
            .filter_map(|part| part.parse().ok())
            .take(2)
            .collect();
        let near = |number: usize, before: Option<&f64>| {
            before.is_some_and(|before| (number as f64 - before).abs() <= TOLERANCE * before)
        };
        assert!(
            line.starts_with(&what) && near(count, numbers.get(1)) && near(bytes, numbers.first()),
            "{what}: {count} allocations, {bytes} bytes; allocations.txt says {line:?}"
        );
    }
    assert_eq!(lines.next(), None);
}

//! Commits that are applied in slices, with reads between all of them: everybody sees whole versions.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    rc::Rc,
};

use futures::future::LocalBoxFuture;
use proptest::{collection::vec, prelude::*};
use smolrag::{
    builtin::MemoryStorage,
    engine::{DocumentInput, Engine, Options, Ports, RetrieveOptions, Signal},
    port::{Clock, Mode},
    record::Metadata,
};

use crate::{
    executor::{Executor, block_on, step},
    runner::check_all,
};

/// Time that passes with every look, so that a slice is over after a few steps.
struct Restless {
    inner: Rc<dyn Clock>,
    passed: Cell<f64>,
}

impl Clock for Restless {
    fn now(&self) -> f64 {
        self.passed.set(self.passed.get() + 3.0);
        self.inner.now() + self.passed.get()
    }

    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()> {
        self.inner.sleep(milliseconds)
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        self.inner.yield_now()
    }
}

const SOURCES: usize = 3;

/// The sections of the version of a document: each is an excerpt that names the version.
fn sections(source: usize, version: usize) -> BTreeSet<String> {
    let section = |number: usize| {
        format!("The **Part {number}** of `Base {}` is version v{version}d{source}.", version % 3)
    };
    (0..2 + version % 4).map(section).collect()
}

fn document(source: usize, version: usize) -> DocumentInput {
    let text: Vec<String> = sections(source, version)
        .into_iter()
        .enumerate()
        .map(|(number, section)| format!("# Section {number}\n\n{section}"))
        .collect();
    DocumentInput {
        source: format!("{source}.md").into(),
        text: text.join("\n\n").into(),
        metadata: Metadata::new(),
    }
}

fn open(executor: &Executor, clock: Rc<dyn Clock>) -> Engine {
    let ports = Ports {
        storage: Rc::new(MemoryStorage::new()),
        clock,
        llm: None,
        embedder: None,
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    block_on(executor, Engine::open(ports, Options::default())).expect("it opens")
}

/// Retrieves everything and checks that each document's excerpts are those of one version.
async fn look(engine: Engine) -> Result<(), String> {
    let options = RetrieveOptions { mode: Mode::Mix, top_k: 100, ..RetrieveOptions::default() };
    let found = engine.retrieve("part base version".into(), options, Signal::default()).await;
    let found = found.map_err(|error| error.to_string())?;
    for source in 0..SOURCES {
        let name = format!("{source}.md");
        let seen: BTreeSet<String> = (found.excerpts.iter())
            .filter(|excerpt| *excerpt.source == *name)
            .map(|excerpt| excerpt.text.lines().last().unwrap_or_default().to_owned())
            .collect();
        let Some(one) = seen.first() else { continue };
        let version = one.rsplit_once('v').and_then(|(_, rest)| rest.split('d').next());
        let version = version.and_then(|number| number.parse().ok()).ok_or("no version")?;
        if seen != sections(source, version) {
            return Err(format!("{name} is torn: {seen:?}"));
        }
    }
    Ok(())
}

#[test]
fn everybody_sees_whole_versions() {
    let sliced = Cell::new(0);
    let operations = vec((0..SOURCES, 0usize..8, any::<bool>(), 1..=SOURCES), 1..12);
    check_all(300, file!(), (operations, any::<u64>()), |(operations, seed)| {
        let executor = Executor::seeded(seed);
        let clock = Rc::new(Restless { inner: executor.clock(), passed: Cell::new(0.0) });
        let engine = open(&executor, clock.clone());
        let torn = Rc::new(RefCell::new(vec![]));
        for &(source, version, remove, together) in &operations {
            let writer = engine.clone();
            executor.spawn(async move {
                if remove && version % 2 == 0 {
                    writer.remove(format!("{source}.md"), Signal::default()).await.map(drop)
                } else {
                    // Those of one call are committed one by one, and mostly applied together.
                    let sources = (source..source + together).map(|source| source % SOURCES);
                    let documents = sources.map(|source| document(source, version)).collect();
                    writer.ingest(documents, Signal::default(), Rc::new(|_| {})).await.map(drop)
                }
            });
            for number in 0..3 {
                let (reader, torn) = (engine.clone(), torn.clone());
                let reader = executor.spawn(async move {
                    step().await;
                    let counts = reader.stats().counts;
                    if counts.documents == 0 && counts.excerpts > 0 {
                        torn.borrow_mut().push("excerpts of no document".to_owned());
                    }
                    let error = look(reader).await.err();
                    torn.borrow_mut().extend(error);
                });
                // Perhaps while it applies what was committed.
                if number == 0 {
                    executor.spawn(async move {
                        for _ in 0..4 * version {
                            step().await;
                        }
                        reader.kill();
                    });
                }
            }
        }
        prop_assert_eq!(executor.run(), 0, "a call is stuck");
        prop_assert_eq!(torn.take(), Vec::<String>::new());
        sliced.set(sliced.get() + usize::from(clock.passed.get() > 100.0));

        let left = block_on(&executor, {
            let engine = engine.clone();
            async move { engine.documents().await }
        });
        let fresh = open(&executor, executor.clock());
        for info in left.expect("it is open") {
            let again = fresh.clone();
            let text = block_on(&executor, {
                let (engine, source) = (engine.clone(), info.source.to_string());
                async move { engine.text(source).await }
            });
            let document = DocumentInput {
                source: info.source,
                text: text.unwrap().expect("its text is stored").into(),
                metadata: Metadata::new(),
            };
            let ingest = async move {
                again.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await
            };
            prop_assert!(block_on(&executor, ingest).unwrap().failed.is_empty());
        }
        prop_assert!(engine.canonical_bytes() == fresh.canonical_bytes());
        Ok(())
    });
    assert!(sliced.get() > 100, "hardly anything was sliced");
}

/// A clock by which every look is due, and that counts how often the host had its turn.
struct Eager {
    inner: Rc<dyn Clock>,
    passed: Cell<f64>,
    turns: Cell<usize>,
}

impl Clock for Eager {
    fn now(&self) -> f64 {
        self.passed.set(self.passed.get() + 9.0);
        self.passed.get()
    }

    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()> {
        self.inner.sleep(milliseconds)
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        self.turns.set(self.turns.get() + 1);
        self.inner.yield_now()
    }
}

/// How often the host has its turn while a document of so many sections is ingested.
fn turns(sections: usize) -> usize {
    let executor = Executor::seeded(7);
    let clock =
        Rc::new(Eager { inner: executor.clock(), passed: Cell::new(0.0), turns: Cell::new(0) });
    let engine = open(&executor, clock.clone());
    let text: String = (0..sections)
        .map(|at| format!("# Section {at}\n\nThe **Part {at}** belongs to `Base {}`.\n\n", at % 7))
        .collect();
    let document =
        DocumentInput { source: "a.md".into(), text: text.into(), metadata: Metadata::new() };
    let before = clock.turns.get();
    let ingest =
        async move { engine.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await };
    assert!(block_on(&executor, ingest).unwrap().failed.is_empty());
    clock.turns.get() - before
}

#[test]
fn the_host_has_its_turn_in_proportion_to_a_document() {
    let (small, large) = (turns(50), turns(400));
    println!("{small} turns for 50 sections, {large} for 400");
    // Its lines are read twice, its two entities and their relationship are checked, embedded,
    // written, and applied: each by itself.
    assert!(small > 50 * 30 && large > 7 * small, "{small} and {large} turns");
}

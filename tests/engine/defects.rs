//! What the original got wrong around its stores, one test each.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::{FutureExt, future::LocalBoxFuture};
use smolrag::{
    builtin::MemoryStorage,
    engine::{DocumentInput, Embedder, Engine, IngestReport, Ports, RetrieveOptions, Signal},
    port::{
        Changes, Clock, Completion, Embedded, EmbeddingModel, Epoch, LanguageModel, Mode, Row,
        Said, Storage, Table,
    },
    record::{Code, Error, Metadata, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::{Fault, Model, open, options},
};

const OLD: &str = "The Queue orders calls.";
const NEW: &str = "The Cache is bounded by maxCalls, as all caches must be here.\n\nThe Store keeps what the \
                   Queue has let through it, as the API says.";

fn document(source: &str, text: &str) -> DocumentInput {
    DocumentInput { source: source.into(), text: text.into(), metadata: Metadata::new() }
}

fn ingest(executor: &Executor, engine: &Engine, source: &str, text: &str) -> IngestReport {
    let (engine, document) = (engine.clone(), document(source, text));
    let call =
        async move { engine.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await };
    block_on(executor, call).expect("the call itself is sound")
}

fn text(executor: &Executor, engine: &Engine, source: &'static str) -> Option<String> {
    let engine = engine.clone();
    block_on(executor, async move { engine.text(source.into()).await }).expect("it is read")
}

/// The sources of what is found for a question.
fn sources(executor: &Executor, engine: &Engine, question: &str) -> Vec<String> {
    let (engine, question) = (engine.clone(), question.to_owned());
    let found = block_on(executor, async move {
        engine.retrieve(question, RetrieveOptions::default(), Signal::default()).await
    });
    found.unwrap().excerpts.iter().map(|excerpt| excerpt.source.to_string()).collect()
}

#[test]
fn an_update_that_fails_at_any_call_leaves_the_old_version_and_is_no_success() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let engine = open(&executor, &model, options(true, 0));
    ingest(&executor, &engine, "a.md", OLD);
    let before = engine.canonical_bytes();
    let mut failures = 0;
    loop {
        model.set(Fault::Fails(failures));
        let report = ingest(&executor, &engine, "a.md", NEW);
        model.set(Fault::None);
        if report.failed.is_empty() {
            assert_eq!(report.updated, ["a.md".into()]);
            break;
        }
        failures += 1;
        assert_eq!(report.failed[0].error.code, Code::Provider);
        assert_eq!(engine.canonical_bytes(), before);
        assert_eq!(text(&executor, &engine, "a.md").as_deref(), Some(OLD));
        assert_eq!(sources(&executor, &engine, "How does the Queue order calls?"), ["a.md"]);
        assert!(failures < 100);
    }
    assert!(failures > 2, "{failures}");
    assert_eq!(text(&executor, &engine, "a.md").as_deref(), Some(NEW));
    assert_eq!(ingest(&executor, &engine, "a.md", NEW).unchanged, ["a.md".into()]);
}

#[test]
fn an_ingest_that_is_tried_again_pays_for_what_is_missing_only() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let engine = open(&executor, &model, options(true, 1000));
    model.set(Fault::Fails(3));
    assert_eq!(ingest(&executor, &engine, "a.md", NEW).failed.len(), 1);
    model.set(Fault::None);
    model.take_calls();
    assert_eq!(ingest(&executor, &engine, "a.md", NEW).ingested.len(), 1);
    let second = model.take_calls();

    let fresh = open(&executor, &model, options(true, 1000));
    assert_eq!(ingest(&executor, &fresh, "a.md", NEW).ingested.len(), 1);
    let all = model.take_calls();
    assert_eq!(second, all - 3, "the three answers that came are kept");
    assert_eq!(engine.canonical_bytes(), fresh.canonical_bytes());
}

#[test]
fn a_panic_in_a_callback_leaves_the_old_version_answering() {
    let (executor, model) = (Executor::seeded(1), Model::new());
    let engine = open(&executor, &model, options(true, 0));
    ingest(&executor, &engine, "a.md", OLD);
    let before = engine.canonical_bytes();
    let mut panics = 0;
    while !panics_when_told(&executor, &engine, panics) {
        panics += 1;
        if text(&executor, &engine, "a.md").as_deref() == Some(NEW) {
            // It was told of the commit.
            break;
        }
        assert_eq!(engine.canonical_bytes(), before);
        assert_eq!(text(&executor, &engine, "a.md").as_deref(), Some(OLD));
        assert_eq!(sources(&executor, &engine, "How does the Queue order calls?"), ["a.md"]);
    }
    assert!(panics > 5, "{panics}");
    // What was under way has freed its place, and the next call goes on.
    assert_eq!(ingest(&executor, &engine, "a.md", OLD).updated.len(), 1);
    assert_eq!(engine.canonical_bytes(), before);
}

/// Ingests the new version while the progress callback panics at its call of that number. Whether it
/// got through.
fn panics_when_told(executor: &Executor, engine: &Engine, number: usize) -> bool {
    let (engine, left) = (engine.clone(), Cell::new(number));
    let progress = move |_| match left.get() {
        0 => std::panic::resume_unwind(Box::new("told to panic")),
        more => left.set(more - 1),
    };
    let call = async move {
        engine.ingest(vec![document("a.md", NEW)], Signal::default(), Rc::new(progress)).await
    };
    let run = || block_on(executor, call);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_ok()
}

/// Memory that notes what is committed, and fails when told to.
#[derive(Clone, Default)]
struct Disk {
    rows: MemoryStorage,
    committed: Rc<RefCell<Vec<Changes>>>,
    full: Rc<Cell<bool>>,
}

impl Storage for Disk {
    fn epoch(&self) -> LocalBoxFuture<'static, Result<Epoch>> {
        self.rows.epoch()
    }

    fn read(
        &self,
        table: Table,
        after: Option<String>,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<Vec<Row>>> {
        self.rows.read(table, after, limit)
    }

    fn commit(&self, expected: Epoch, changes: Changes) -> LocalBoxFuture<'static, Result<Epoch>> {
        if self.full.get() {
            let error = Error::new(Code::StorageQuota, "told to be full");
            return async { Err(error) }.boxed_local();
        }
        self.committed.borrow_mut().push(changes.clone());
        self.rows.commit(expected, changes)
    }

    fn close(&self) -> LocalBoxFuture<'static, Result<()>> {
        self.rows.close()
    }
}

/// An engine on what a disk holds.
fn open_on(
    executor: &Executor,
    disk: &Disk,
    llm: Rc<dyn LanguageModel>,
    embedder: Rc<dyn EmbeddingModel>,
) -> Result<Engine> {
    let ports = Ports {
        storage: Rc::new(disk.clone()),
        clock: executor.clock(),
        llm: Some(llm),
        embedder: Some(Embedder::Model(embedder)),
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    block_on(executor, Engine::open(ports, options(true, 0)))
}

fn open_told(executor: &Executor, disk: &Disk) -> Result<Engine> {
    let model = Rc::new(Model::new());
    open_on(executor, disk, model.clone(), model)
}

#[test]
fn a_save_writes_what_changed_and_nothing_else() {
    let (executor, disk) = (Executor::seeded(1), Disk::default());
    let engine = open_told(&executor, &disk).unwrap();
    for source in ["a.md", "b.md", "c.md"] {
        ingest(&executor, &engine, source, OLD);
    }
    disk.committed.take();
    ingest(&executor, &engine, "b.md", NEW);
    let [changes] = &disk.committed.take()[..] else { panic!("one commit") };
    let written: Vec<Table> = changes.puts.iter().map(|(table, ..)| *table).collect();
    assert_eq!(written, ["documents", "changes"]);
    assert!(changes.puts[0].1.starts_with("b.md"));
    assert!(changes.deletes.is_empty());
}

#[test]
fn a_save_that_fails_is_whole_or_not_at_all() {
    let (executor, disk) = (Executor::seeded(1), Disk::default());
    let engine = open_told(&executor, &disk).unwrap();
    ingest(&executor, &engine, "a.md", OLD);
    let before = engine.canonical_bytes();
    disk.full.set(true);
    let report = ingest(&executor, &engine, "a.md", NEW);
    assert_eq!(report.failed[0].error.code, Code::StorageQuota);
    assert_eq!(engine.canonical_bytes(), before);
    let removing = engine.clone();
    let removed =
        block_on(&executor, async move { removing.remove("a.md".into(), Signal::default()).await });
    assert_eq!(removed.unwrap_err().code, Code::StorageQuota);
    assert_eq!(engine.canonical_bytes(), before);
    assert_eq!(open_told(&executor, &disk).unwrap().canonical_bytes(), before);
    disk.full.set(false);
    assert_eq!(ingest(&executor, &engine, "a.md", NEW).updated.len(), 1);
}

#[test]
fn an_unreadable_record_is_set_aside_by_name_and_stays_as_it_is() {
    let (executor, disk) = (Executor::seeded(1), Disk::default());
    let engine = open_told(&executor, &disk).unwrap();
    ingest(&executor, &engine, "a.md", OLD);
    let mut damaged = disk.committed.take().remove(0);
    let record = &mut damaged.puts[0].2;
    let half = record.len() / 2;
    record[half] ^= 1;
    let other = Disk::default();
    block_on(&executor, other.rows.commit(0, damaged.clone())).unwrap();
    let engine = open_told(&executor, &other).expect("what is not damaged opens");
    let [found] = &engine.stats().damaged[..] else { panic!("one record is damaged") };
    assert_eq!((&*found.name, found.error.code), ("a.md", Code::StorageCorrupt));
    assert!(found.error.message.contains("a.md"), "{}", found.error);
    let rows = block_on(&executor, other.rows.read("documents", None, 9)).unwrap();
    assert_eq!(rows, [(damaged.puts[0].1.clone(), damaged.puts[0].2.clone())]);
    assert_eq!(block_on(&executor, other.rows.epoch()), Ok(1));
}

/// Takes its time, and counts how many calls it has at once; asked for keywords, it says two names.
struct Slow {
    clock: Rc<dyn Clock>,
    running: Rc<Cell<usize>>,
    most: Rc<Cell<usize>>,
}

impl LanguageModel for Slow {
    fn id(&self) -> &str {
        "slow"
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let sleep = self.clock.sleep(100.0);
        let (running, most) = (self.running.clone(), self.most.clone());
        let system = request.system.unwrap_or_default();
        let answer = if system.contains("<|COMPLETE|>") {
            r#"("entity"<|>automobile<|>thing<|>It has wheels.)<|COMPLETE|>"#
        } else {
            "themes: \nnames: boat, car"
        };
        async move {
            running.set(running.get() + 1);
            most.set(most.get().max(running.get()));
            sleep.await;
            running.set(running.get() - 1);
            Ok(answer.into())
        }
        .boxed_local()
    }
}

fn slow(executor: &Executor) -> Rc<Slow> {
    Rc::new(Slow { clock: executor.clock(), running: Rc::default(), most: Rc::default() })
}

#[test]
fn calls_to_the_model_run_at_once() {
    let executor = Executor::seeded(1);
    let slow = slow(&executor);
    let engine = open_on(&executor, &Disk::default(), slow.clone(), Rc::new(Model::new())).unwrap();
    let started = executor.clock().now();
    ingest(&executor, &engine, "a.md", NEW);
    // Two calls for each of two excerpts, three at once: two rounds.
    assert_eq!(slow.most.get(), 3);
    assert_eq!(executor.clock().now() - started, 200.0);
}

/// Knows that a car is an automobile, and keeps everything else apart from both.
struct Synonyms;

impl EmbeddingModel for Synonyms {
    fn id(&self) -> &str {
        "synonyms"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let vector = |text: &String| {
            let same = text == "car" || text.contains("automobile");
            if same { vec![1.0, 0.0] } else { vec![0.0, 1.0] }
        };
        let vectors: Vec<_> = texts.iter().map(vector).collect();
        async { Ok(vectors.into()) }.boxed_local()
    }
}

#[test]
fn the_vector_of_every_keyword_counts() {
    let executor = Executor::seeded(1);
    let engine = open_on(&executor, &Disk::default(), slow(&executor), Rc::new(Synonyms)).unwrap();
    ingest(&executor, &engine, "a.md", "Nothing that shares a word.");
    // No word of the second keyword is there, and the first is like nothing.
    let found = block_on(&executor, async move {
        let options = RetrieveOptions { mode: Mode::LocalKg, ..RetrieveOptions::default() };
        engine.retrieve("Which?".into(), options, Signal::default()).await
    });
    let found = found.unwrap();
    assert_eq!(found.keywords.low, ["boat", "car"]);
    assert_eq!(found.entities.iter().map(|e| &*e.name).collect::<Vec<_>>(), ["automobile"]);
}

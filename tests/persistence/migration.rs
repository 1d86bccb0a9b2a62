//! A knowledge base that the first version stored, opened by this one.

use std::rc::Rc;

use futures::{FutureExt, future::LocalBoxFuture};
use serde_json::Value;
use smolrag::{
    builtin::MemoryStorage,
    engine::{Embedder, Engine, Ports, RetrieveOptions, Signal},
    port::{Changes, Completion, Embedded, EmbeddingModel, LanguageModel, Said, Storage, Table},
    record::{Code, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::options,
    world::document,
};

/// The rows, and their epoch. `tests/browser/persistence` opens them in IndexedDB.
fn stored() -> MemoryStorage {
    let fixture: Value =
        serde_json::from_str(include_str!("../fixtures/schema-1.json")).expect("it is JSON");
    let rows = MemoryStorage::new();
    let epoch = fixture["epoch"].as_u64().unwrap();
    let mut puts = vec![];
    for row in fixture["rows"].as_array().unwrap() {
        let [table, key, hex] = [0, 1, 2].map(|at| row[at].as_str().unwrap());
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let record = (0..hex.len()).step_by(2).map(byte).collect();
        let table: Table = match table {
            "documents" => "documents",
            "changes" => "changes",
            "meta" => "meta",
            other => panic!("the first schema had no table {other}"),
        };
        puts.push((table, key.to_owned(), record));
    }
    for at in 0..epoch {
        let puts = if at == 0 { std::mem::take(&mut puts) } else { vec![] };
        rows.commit(at, Changes { puts, deletes: vec![] }).now_or_never().unwrap().unwrap();
    }
    rows
}

/// The models that it was made with.
struct Fixture;

impl LanguageModel for Fixture {
    fn id(&self) -> &str {
        "fixture"
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let reads = request.system.unwrap_or_default().contains("<|COMPLETE|>");
        let answer = if reads { "<|COMPLETE|>" } else { "It is about it." };
        async move { Ok(answer.into()) }.boxed_local()
    }
}

impl EmbeddingModel for Fixture {
    fn id(&self) -> &str {
        "fixture"
    }

    fn dimensions(&self) -> usize {
        4
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let vectors: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| [text.encode_utf16().count() % 7, 1, 1, 1].map(|x| x as f32).to_vec())
            .collect();
        async move { Ok(vectors.into()) }.boxed_local()
    }
}

fn open(executor: &Executor, rows: &MemoryStorage, embedder: Option<Embedder>) -> Result<Engine> {
    let ports = Ports {
        storage: Rc::new(rows.clone()),
        clock: executor.clock(),
        llm: Some(Rc::new(Fixture)),
        embedder,
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    block_on(executor, Engine::open(ports, options(true, 0)))
}

#[test]
fn everything_is_there_and_goes_on() {
    let (executor, rows) = (Executor::seeded(1), stored());
    let fixture = || Some(Embedder::Model(Rc::new(Fixture)));
    assert_eq!(open(&executor, &rows, None).err().unwrap().code, Code::ModelMismatch);
    let engine = open(&executor, &rows, fixture()).unwrap();
    let stats = engine.stats();
    assert!(stats.damaged.is_empty(), "{:?}", stats.damaged);
    assert_eq!((stats.epoch, stats.counts.documents, stats.counts.excerpts), (6, 2, 3));
    // Merged: the Cache is the Store.
    assert_eq!((stats.counts.entities, stats.counts.relationships), (2, 1));

    let reading = engine.clone();
    let (documents, text, found) = block_on(&executor, async move {
        let options = RetrieveOptions::default();
        let found =
            reading.retrieve("What does the Queue order?".into(), options, Signal::default());
        let documents = reading.documents().await.unwrap();
        (documents, reading.text("a.md".into()).await.unwrap().unwrap(), found.await.unwrap())
    });
    assert_eq!(documents[0].metadata.len(), 3);
    assert_eq!(documents[0].bytes, text.len() as u64);
    assert!(text.contains("Grüße 👋 from the Cache."), "{text}");
    assert!(found.excerpts[0].text.contains("The Queue orders calls"), "{found:?}");

    // What was stored as it is now is found beside what was stored then.
    let writing = engine.clone();
    block_on(&executor, async move {
        let documents = ["b.md", "d.md"].map(|source| document(source, "The Queue is new here."));
        let ingest = writing.ingest(documents.to_vec(), Signal::default(), Rc::new(|_| {}));
        let report = ingest.await.unwrap();
        assert_eq!((report.updated.len(), report.ingested.len()), (1, 1));
    });
    let again = open(&executor, &rows, fixture()).unwrap();
    assert!(again.canonical_bytes() == engine.canonical_bytes());
    assert_eq!(again.stats().counts.documents, 3);
    let removing = again.clone();
    let removed =
        block_on(&executor, async move { removing.remove("a.md".into(), Signal::default()).await });
    assert_eq!(removed, Ok(true));
}

//! Snapshots: what goes out comes back the same, and bytes that are anything else change nothing.

use std::rc::Rc;

use proptest::{collection::vec, prelude::*};
use smolrag::{
    engine::{DocumentInput, Engine, Signal},
    record::{Code, Metadata, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::{Model, open, options},
    runner::check_all,
};

fn ingest(executor: &Executor, engine: &Engine, source: &str, text: &str) {
    let document =
        DocumentInput { source: source.into(), text: text.into(), metadata: Metadata::new() };
    let engine = engine.clone();
    let call =
        async move { engine.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await };
    assert!(block_on(executor, call).unwrap().failed.is_empty());
}

fn export(executor: &Executor, engine: &Engine) -> Vec<u8> {
    let engine = engine.clone();
    block_on(executor, async move { engine.export_snapshot().await }).unwrap()
}

fn import(executor: &Executor, engine: &Engine, file: &[u8]) -> Result<()> {
    let (engine, file) = (engine.clone(), file.to_vec());
    block_on(executor, async move { engine.import_snapshot(&file).await })
}

fn merge(executor: &Executor, engine: &Engine) {
    let engine = engine.clone();
    let merged = async move { engine.merge_entities(vec!["Store".into()], "Cache".into()).await };
    block_on(executor, merged).unwrap();
}

fn text(executor: &Executor, engine: &Engine, source: &'static str) -> Option<String> {
    let engine = engine.clone();
    block_on(executor, async move { engine.text(source.into()).await }).unwrap()
}

/// Some documents, and names that were merged.
fn filled(executor: &Executor) -> Engine {
    let engine = open(executor, &Model::new(), options(true, 0));
    ingest(executor, &engine, "a.md", "The Queue orders calls.\n\nThe Cache is bounded.");
    ingest(executor, &engine, "b.md", "The Store keeps what the Queue lets through. Grüße 🍵.");
    merge(executor, &engine);
    engine
}

#[test]
fn what_goes_out_comes_back_the_same_in_the_place_of_what_was_there() {
    let executor = Executor::seeded(1);
    let engine = filled(&executor);
    let file = export(&executor, &engine);
    assert_eq!(file, export(&executor, &engine));

    let other = open(&executor, &Model::new(), options(true, 0));
    for empty in [true, false] {
        if !empty {
            ingest(&executor, &other, "c.md", "The Table is gone then.");
            ingest(&executor, &other, "a.md", "The Queue was another.");
        }
        import(&executor, &other, &file).unwrap();
        assert_eq!(other.canonical_bytes(), engine.canonical_bytes());
        assert_eq!(export(&executor, &other), file);
        assert_eq!(text(&executor, &other, "b.md"), text(&executor, &engine, "b.md"));
        assert_eq!(text(&executor, &other, "c.md"), None);
    }
    // What comes after builds on it.
    for engine in [&engine, &other] {
        ingest(&executor, engine, "b.md", "The Store was replaced.");
    }
    assert_eq!(other.canonical_bytes(), engine.canonical_bytes());

    // Nothing is a snapshot, too, and takes the merged names away with the documents.
    let nothing = open(&executor, &Model::new(), options(true, 0));
    import(&executor, &other, &export(&executor, &nothing)).unwrap();
    assert_eq!(other.canonical_bytes(), nothing.canonical_bytes());
}

#[test]
fn bytes_that_are_no_snapshot_change_nothing() {
    let executor = Executor::seeded(1);
    let engine = filled(&executor);
    let file = export(&executor, &engine);
    let before = engine.canonical_bytes();
    let refused = |bytes: &[u8]| {
        prop_assert_eq!(import(&executor, &engine, bytes).unwrap_err().code, Code::SnapshotCorrupt);
        prop_assert_eq!(&engine.canonical_bytes(), &before);
        Ok(())
    };
    check_all(256, file!(), (any::<prop::sample::Index>(), 0u8..8), |(at, bit)| {
        let mut flipped = file.clone();
        flipped[at.index(file.len())] ^= 1 << bit;
        refused(&flipped)
    });
    check_all(64, file!(), any::<prop::sample::Index>(), |at| {
        refused(&file[..at.index(file.len())])
    });
    check_all(64, file!(), vec(any::<u8>(), 0..300), |bytes| refused(&bytes));
    // Somebody who makes the checksum right gets no further.
    let forged = |body: &[u8]| {
        let checksum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body);
        refused(&[body, &checksum.to_le_bytes()].concat())
    };
    let body = &file[..file.len() - 4];
    check_all(256, file!(), (any::<prop::sample::Index>(), any::<u8>()), |(at, byte)| {
        let (mut body, at) = (body.to_vec(), at.index(body.len()));
        // The key of a row is a source, and another source is as good.
        let within_a_key = body[at..].len() > 1 && (body[at].is_ascii_graphic() || body[at] == 1);
        if within_a_key || body[at] == byte {
            return Ok(());
        }
        body[at] = byte;
        forged(&body)
    });
    let magic = b"smolrag\x01";
    check_all(256, file!(), vec(any::<u8>(), 1..300), |rows| forged(&[&magic[..], &rows].concat()));
}

#[test]
fn a_snapshot_by_another_embedding_model_is_refused_as_such() {
    let executor = Executor::seeded(1);
    let file = export(&executor, &filled(&executor));
    let plain = smolrag::engine::Ports {
        storage: Rc::new(smolrag::builtin::MemoryStorage::new()),
        clock: executor.clock(),
        llm: None,
        embedder: None,
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let engine = block_on(&executor, Engine::open(plain, options(true, 0))).unwrap();
    assert_eq!(import(&executor, &engine, &file).unwrap_err().code, Code::ModelMismatch);
}

#[test]
fn past_the_memory_limit_documents_are_refused_and_all_else_goes_on() {
    let executor = Executor::seeded(1);
    let mut bounded = options(true, 0);
    bounded.memory = 20_000;
    let engine = open(&executor, &Model::new(), bounded);
    let add = |source: String| {
        let text = format!("The Queue of {source} orders calls as the Cache of {source} says.");
        let document =
            DocumentInput { source: source.into(), text: text.into(), metadata: Metadata::new() };
        let engine = engine.clone();
        block_on(&executor, async move {
            engine.ingest(vec![document], Signal::default(), Rc::new(|_| {})).await
        })
        .unwrap()
    };
    let full = (0..1000).find(|n| !add(format!("{n}.md")).failed.is_empty()).expect("it fills up");
    assert!(full > 2, "{full}");
    let stats = engine.stats();
    assert_eq!(stats.counts.documents, full);
    assert!(stats.bytes > 20_000 && stats.bytes < 40_000, "{}", stats.bytes);
    assert_eq!(add("late.md".into()).failed[0].error.code, Code::StorageQuota);
    // What is unchanged needs no room.
    assert_eq!(add("0.md".into()).unchanged.len(), 1);
    assert!(text(&executor, &engine, "0.md").is_some());
    for n in 0..full {
        let engine = engine.clone();
        let removed = async move { engine.remove(format!("{n}.md"), Signal::default()).await };
        assert!(block_on(&executor, removed).unwrap());
    }
    assert!(add("late.md".into()).failed.is_empty());
}

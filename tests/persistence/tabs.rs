//! Several instances on one storage: what one commits, all come to hold.

use std::{cell::RefCell, rc::Rc};

use smolrag::{
    engine::{Engine, Notice, Signal},
    port::Storage,
};

use crate::{
    executor::step,
    model::options,
    world::{World, document},
};

const SOURCES: usize = 12;
const WORDS: [&str; 6] = ["Queue", "Store", "Cache", "API", "maxCalls", "Request queue"];

fn text(version: usize) -> String {
    let [one, other] = [version, version / 6].map(|at| WORDS[at % 6]);
    format!("The {one} of version {version} meets the {other}, as all of them do.")
}

#[test]
fn all_converge_to_what_was_committed() {
    for seed in 0..40 {
        let world = World::new(seed);
        let tabs: Vec<Engine> = (0..4).map(|_| world.open()).collect();
        for (tab, engine) in tabs.iter().enumerate() {
            for source in 0..SOURCES {
                let engine = engine.clone();
                let executor = world.executor.clone();
                world.executor.spawn(async move {
                    for round in 0..3 {
                        let name = format!("{source:02}.md");
                        if executor.choose(4) == 0 {
                            engine.refresh().await.unwrap();
                            step().await;
                        }
                        let removes = executor.choose(3) == 0;
                        let version = 100 * tab + 10 * round + source;
                        if removes {
                            engine.remove(name, Signal::default()).await.unwrap();
                        } else {
                            let documents = vec![document(&name, &text(version))];
                            let ingest =
                                engine.ingest(documents, Signal::default(), Rc::new(|_| {}));
                            assert!(ingest.await.unwrap().failed.is_empty());
                        }
                    }
                });
            }
        }
        assert_eq!(world.executor.run(), 0, "somebody is stuck");
        for engine in &tabs {
            let engine = engine.clone();
            let refreshed = world.run(async move {
                // Two at once do not cross.
                futures::future::try_join(engine.refresh(), engine.refresh()).await
            });
            refreshed.unwrap();
        }
        // A fresh ingest of the documents that are there.
        let last = world.open();
        let fresh = World::new(seed + 1000);
        let oracle = fresh.open();
        let documents = world.run({
            let last = last.clone();
            async move { last.documents().await.unwrap() }
        });
        for info in &documents {
            let text = world.text(&last, &info.source).unwrap().unwrap();
            fresh.must_ingest(&oracle, &info.source, &text);
        }
        for engine in tabs.iter().chain([&last]) {
            assert!(engine.canonical_bytes() == oracle.canonical_bytes(), "seed {seed}");
            assert_eq!(engine.stats().epoch, last.stats().epoch);
        }
    }
}

#[test]
fn who_refreshes_is_told_and_sees_it() {
    let world = World::new(1);
    let notices: Rc<RefCell<Vec<Notice>>> = Rc::default();
    let told = notices.clone();
    let listener = Rc::new(move |notice| told.borrow_mut().push(notice));
    let model = Rc::new(world.model.clone());
    let one = world.open_with(&world.disk(), model, options(true, 0), listener).unwrap();
    let other = world.open();
    world.must_ingest(&other, "a.md", &text(1));
    world.must_ingest(&other, "b.md", &text(2));
    assert_eq!(one.stats().counts.documents, 0);
    let refreshing = one.clone();
    world.run(async move { refreshing.refresh().await }).unwrap();
    assert_eq!(notices.take(), [Notice::RemoteCommit { epoch: 2 }]);
    assert!(one.canonical_bytes() == other.canonical_bytes());
    let refreshing = one.clone();
    world.run(async move { refreshing.refresh().await }).unwrap();
    assert!(notices.take().is_empty());
}

#[test]
fn who_is_further_behind_than_the_changes_kept_reads_everything() {
    let world = World::new(1);
    let (one, other) = (world.open(), world.open());
    world.must_ingest(&one, "mine.md", &text(5));
    world.must_ingest(&other, "gone.md", &text(6));
    let refreshing = one.clone();
    world.run(async move { refreshing.refresh().await }).unwrap();
    for version in 0..1100 {
        world.must_ingest(&other, &format!("{:02}.md", version % SOURCES), &text(version));
    }
    world.remove(&other, "gone.md").unwrap();
    assert_eq!(world.table("changes").len(), 1024);
    world.must_ingest(&one, "more.md", &text(7));
    let refreshing = other.clone();
    world.run(async move { refreshing.refresh().await }).unwrap();
    assert!(one.canonical_bytes() == other.canonical_bytes());
    assert!(one.canonical_bytes() == world.open().canonical_bytes());
    let rows = world.rows.clone();
    assert_eq!(world.run(async move { rows.epoch().await }).unwrap(), one.stats().epoch);
}

/// What is written for one changed document, in a knowledge base of so many, and what its own record has.
fn written(documents: usize) -> (usize, usize) {
    let world = World::new(1);
    let disk = world.disk();
    let engine = world.try_open(&disk).unwrap();
    for number in 0..documents {
        world.must_ingest(&engine, &format!("{number:05}.md"), &text(number));
    }
    let changed = format!("{}\n\n{}\n\n{}", text(1), text(2), text(3));
    disk.committed.take();
    world.must_ingest(&engine, "00050.md", &changed);
    let commits = disk.committed.take();
    let bytes = |own: bool| {
        let puts = commits.iter().flat_map(|changes| &changes.puts);
        let counted = puts.filter(|(table, ..)| !own || *table == "documents");
        counted.map(|(_, key, record)| key.len() + record.len()).sum::<usize>()
    };
    (bytes(false), bytes(true))
}

#[test]
fn a_commit_writes_what_changed_however_much_there_is() {
    let ((few, _), (many, own)) = (written(100), written(10_000));
    println!("{many} bytes written for {own} of the document; among a hundred {few}");
    assert!(many <= 2 * own, "{many} bytes for {own}");
    assert!(many as f64 <= 1.2 * few as f64, "{many} bytes, {few} among few");
}

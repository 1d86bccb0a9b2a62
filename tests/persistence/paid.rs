//! Answers that were paid for outlive a failed ingest, and the instance that asked for them; vectors are not paid for
//! while the knowledge base holds them.

use std::rc::Rc;

use smolrag::engine::{Embedder, Engine, Options, Ports, Signal};

use crate::{
    model::{Fault, options},
    world::{World, document},
};

const TEXT: &str = "The Cache is bounded by maxCalls, as all caches must be here.\n\nThe Store keeps what the \
                    Queue has let through it, as the API says.\n\nCalls wait in queues until they are called by it.";

/// What a whole ingest asks of the models.
fn price() -> usize {
    let world = World::new(1);
    let engine = world.open();
    world.must_ingest(&engine, "a.md", TEXT);
    world.model.take_calls()
}

#[test]
fn after_a_reload_only_what_is_missing_is_asked_for() {
    let price = price();
    for answered in 0..price {
        let world = World::new(1);
        let engine = world.open();
        world.model.set(Fault::Fails(answered));
        assert_eq!(world.ingest(&engine, "a.md", TEXT).unwrap().failed.len(), 1);
        world.model.set(Fault::None);
        world.model.take_calls();

        let disk = world.disk();
        let reopened = world.try_open(&disk).unwrap();
        assert!(disk.read.borrow().iter().all(|(table, _)| *table != "paid"), "read when opened");
        world.must_ingest(&reopened, "a.md", TEXT);
        assert_eq!(world.model.take_calls(), price - answered, "after {answered} answers");
        assert!(world.table("paid").is_empty(), "dropped with the commit");
        let fresh = World::new(2);
        let expected = fresh.open();
        fresh.must_ingest(&expected, "a.md", TEXT);
        assert!(reopened.canonical_bytes() == expected.canonical_bytes());
    }
}

#[test]
fn an_ingest_that_is_stopped_dead_has_kept_what_was_answered_by_then() {
    let price = price();
    let world = World::new(1);
    let patient = Options { model_timeout: f64::INFINITY, ..options(true, 1000) };
    let model = Rc::new(world.model.clone());
    let engine = world.open_with(&world.disk(), model, patient, Rc::new(|_| {})).unwrap();
    world.model.set(Fault::Waits(3));
    let stuck = engine.clone();
    let call = world.executor.spawn(async move {
        stuck.ingest(vec![document("a.md", TEXT)], Signal::default(), Rc::new(|_| {})).await
    });
    assert_eq!(world.executor.run(), 1, "it waits for its model");
    call.kill();
    drop(engine);
    world.model.set(Fault::None);
    world.model.take_calls();
    world.must_ingest(&world.open(), "a.md", TEXT);
    assert_eq!(world.model.take_calls(), price - 3);
}

#[test]
fn one_that_goes_well_writes_none_of_them() {
    let world = World::new(1);
    let disk = world.disk();
    let engine: Engine = world.try_open(&disk).unwrap();
    world.must_ingest(&engine, "a.md", TEXT);
    let [changes] = &disk.committed.take()[..] else { panic!("one commit") };
    assert!(changes.puts.iter().all(|(table, ..)| *table != "paid"));
}

#[test]
fn they_are_bounded() {
    let world = World::new(1);
    let engine = world.open();
    for number in 0..300 {
        world.model.set(Fault::Fails(1));
        let text = format!("The Queue {number} orders calls.");
        let report = world.ingest(&engine, &format!("{number:03}.md"), &text).unwrap();
        assert_eq!(report.failed.len(), 1);
    }
    world.model.set(Fault::None);
    let kept = world.table("paid");
    let sources: Vec<&str> = kept.iter().map(|(key, _)| &key[..6]).collect();
    assert_eq!((sources.len(), sources[0], sources[255]), (256, "044.md", "299.md"));
    // Removing and ingesting others leaves them; a damaged one is paid for again.
    let (key, mut record) = kept[255].clone();
    record[5] ^= 1;
    world.overwrite("paid", &key, record);
    let reopened = world.open();
    world.must_ingest(&reopened, "299.md", "The Queue 299 orders calls.");
    assert_eq!(world.table("paid").len(), 255);
}

/// Calls of the embedding model that an ingest makes.
fn embeds(world: &World, engine: &Engine, source: &str, text: &str) -> usize {
    world.ingest(engine, source, text).unwrap().usage.embedding_calls
}

#[test]
fn what_the_knowledge_base_holds_is_not_embedded_again_though_no_cache_keeps_it() {
    let world = World::new(1);
    let open = || {
        let (model, uncached) = (Rc::new(world.model.clone()), options(true, 0));
        world.open_with(&world.disk(), model, uncached, Rc::new(|_| {})).unwrap()
    };
    let engine = open();
    let all = embeds(&world, &engine, "a.md", TEXT);
    assert!(all > 3);
    assert_eq!(embeds(&world, &engine, "b.md", TEXT), 0);
    assert!(world.remove(&engine, "a.md").unwrap());
    assert_eq!(embeds(&world, &engine, "c.md", TEXT), 0, "b.md has all of it");

    // Of what another instance has written, that of the same document is known.
    let reopened = open();
    let longer = format!("{TEXT}\n\nThe API is new.");
    let few = embeds(&world, &reopened, "b.md", &longer);
    assert!((1..all).contains(&few), "{few} of {all}");
    let fresh = World::new(2);
    let expected = fresh.open();
    fresh.must_ingest(&expected, "b.md", &longer);
    fresh.must_ingest(&expected, "c.md", TEXT);
    assert!(reopened.canonical_bytes() == expected.canonical_bytes());

    for source in ["b.md", "c.md"] {
        assert!(world.remove(&reopened, source).unwrap());
    }
    assert_eq!(embeds(&world, &reopened, "a.md", TEXT), all, "nothing is left of it");
}

#[test]
fn an_estimate_leaves_out_what_is_held() {
    let world = World::new(1);
    let ports = Ports {
        storage: Rc::new(world.disk()),
        clock: world.executor.clock(),
        // So that the estimate is exact.
        llm: None,
        embedder: Some(Embedder::Model(Rc::new(world.model.clone()))),
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let engine = world.run(Engine::open(ports, options(true, 0))).unwrap();
    world.must_ingest(&engine, "a.md", TEXT);
    let longer = format!("{TEXT}\n\nThe API is new.");
    let (estimating, input) = (engine.clone(), document("b.md", &longer));
    let estimate = async move { estimating.estimate(vec![input], Signal::default()).await };
    let estimate = world.run(estimate).unwrap().usage;
    let usage = world.ingest(&engine, "b.md", &longer).unwrap().usage;
    assert!(usage.embedding_tokens > 0);
    assert_eq!(estimate, usage);
}

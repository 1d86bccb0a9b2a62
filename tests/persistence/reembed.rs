//! Another embedding model takes the place of the first.

use std::{cell::Cell, rc::Rc};

use futures::{FutureExt, future::LocalBoxFuture};
use smolrag::{
    engine::{Embedder, Engine, IngestProgress, RetrieveOptions, Signal},
    port::{Embedded, EmbeddingModel},
    record::{Code, Error, Result},
};

use crate::{
    model::{Model, options},
    storage::{Disk, Fault},
    world::World,
};

/// Another model, of another size.
#[derive(Clone)]
struct Other(Model);

impl EmbeddingModel for Other {
    fn id(&self) -> &str {
        "other"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let vectors = self.0.embed(texts);
        async move {
            let vectors = vectors.await?.vectors;
            Ok(vectors.iter().map(|v| vec![v[1] + 2.0, v[2]]).collect::<Vec<_>>().into())
        }
        .boxed_local()
    }
}

fn other(world: &World) -> Other {
    Other(world.model.clone())
}

fn open_other(world: &World, disk: &Disk) -> Result<Engine> {
    world.open_with(disk, Rc::new(other(world)), options(true, 0), Rc::new(|_| {}))
}

/// How many documents were embedded.
fn reembed(world: &World, engine: &Engine) -> Result<usize> {
    let (engine, model, embedded) = (engine.clone(), other(world), Rc::new(Cell::new(0)));
    let counter = embedded.clone();
    world.run(async move {
        let embedder = Some(Embedder::Model(Rc::new(model)));
        let told = move |_| counter.set(counter.get() + 1);
        engine.reembed(embedder, Signal::default(), Rc::new(told)).await
    })?;
    Ok(embedded.get())
}

fn text(number: usize) -> String {
    format!("The Queue {number} orders calls for the Store, and the Cache {}.", number % 7)
}

fn filled(world: &World, documents: usize) -> Engine {
    let engine = world.open();
    for number in 0..documents {
        world.must_ingest(&engine, &format!("{number:03}.md"), &text(number));
    }
    engine
}

/// What a fresh ingest by the other model gives.
fn expected(documents: usize) -> Vec<u8> {
    let world = World::new(9);
    let engine = open_other(&world, &world.disk()).unwrap();
    for number in 0..documents {
        world.must_ingest(&engine, &format!("{number:03}.md"), &text(number));
    }
    engine.canonical_bytes()
}

#[test]
fn gives_what_a_fresh_ingest_by_that_model_gives() {
    let world = World::new(1);
    let engine = filled(&world, 70);
    let error = open_other(&world, &world.disk()).err().unwrap();
    assert_eq!(error.code, Code::ModelMismatch);
    assert!(error.message.contains("told") && error.message.contains("reembed"), "{error}");
    let bystander = world.open();
    assert_eq!(reembed(&world, &engine), Ok(70));
    assert!(engine.canonical_bytes() == expected(70));
    assert!(world.table("documents").is_empty(), "the old vectors are gone");
    let asking = engine.clone();
    let found = world.run(async move {
        asking.retrieve("Queue 12".into(), RetrieveOptions::default(), Signal::default()).await
    });
    assert!(!found.unwrap().excerpts.is_empty());
    world.must_ingest(&engine, "070.md", &text(70));
    assert!(engine.canonical_bytes() == expected(71));
    let opened = open_other(&world, &world.disk()).unwrap();
    assert!(opened.canonical_bytes() == engine.canonical_bytes());
    assert_eq!(world.text(&opened, "003.md").unwrap(), Some(text(3)));

    // The model of the instances that were open is no longer the right one, and they are told.
    let refused = world.ingest(&bystander, "071.md", "More.").unwrap();
    assert_eq!(refused.failed[0].error.code, Code::ModelMismatch);
    assert_eq!(world.try_open(&world.disk()).err().unwrap().code, Code::ModelMismatch);

    // And back, into the table that is free now.
    let back = engine.clone();
    let model = world.model.clone();
    world
        .run(async move {
            let embedder = Some(Embedder::Model(Rc::new(model)));
            back.reembed(embedder, Signal::default(), Rc::new(|_| {})).await
        })
        .unwrap();
    assert!(world.table("documents-2").is_empty());
    assert!(world.open().canonical_bytes() == engine.canonical_bytes());
}

#[test]
fn stopped_anywhere_it_goes_on_from_there() {
    for seed in 0..3 {
        let world = World::new(seed);
        let engine = filled(&world, 70);
        let before = engine.canonical_bytes();
        let (call, signal) = (engine.clone(), Signal::default());
        let (own, model) = (signal.clone(), other(&world));
        let outcome = world.run(async move {
            let told = move |progress: IngestProgress| {
                if progress.done == 40 {
                    signal.cancel(Error::aborted());
                }
            };
            call.reembed(Some(Embedder::Model(Rc::new(model))), own, Rc::new(told)).await
        });
        assert_eq!(outcome.unwrap_err().code, Code::Aborted);
        assert!(engine.canonical_bytes() == before, "questions go on by the old vectors");
        assert_eq!(world.table("documents-2").len(), 64, "two batches are done");
        // A vector that was damaged meanwhile is noticed, and what has changed is done again.
        let (key, mut record) = world.table("documents-2")[5].clone();
        let end = record.len() - 6;
        record[end] ^= 1;
        world.overwrite("documents-2", &key, record);
        let reopened = world.open();
        world.must_ingest(&reopened, "070.md", &text(70));
        world.remove(&reopened, "001.md").unwrap();
        world.must_ingest(&reopened, "001.md", &text(1));
        world.remove(&reopened, "002.md").unwrap();
        // Six were left, one is damaged, one is new; the one that came back is the same.
        assert_eq!(reembed(&world, &reopened), Ok(8));
        world.must_ingest(&reopened, "002.md", &text(2));
        assert!(reopened.canonical_bytes() == expected(71));
        assert!(open_other(&world, &world.disk()).unwrap().canonical_bytes() == expected(71));
    }
}

#[test]
fn given_up_it_leaves_nothing_for_ever() {
    let world = World::new(1);
    let engine = filled(&world, 40);
    let (call, signal) = (engine.clone(), Signal::default());
    let (own, model) = (signal.clone(), other(&world));
    let outcome = world.run(async move {
        let told = move |_| signal.cancel(Error::aborted());
        call.reembed(Some(Embedder::Model(Rc::new(model))), own, Rc::new(told)).await
    });
    assert_eq!(outcome.unwrap_err().code, Code::Aborted);
    assert_eq!(world.table("documents-2").len(), 32);
    for number in 0..1030 {
        world.must_ingest(&engine, "busy.md", &format!("Version {number} of the Queue."));
    }
    let reopened = world.open();
    assert!(world.table("documents-2").is_empty());
    assert!(reopened.canonical_bytes() == engine.canonical_bytes());
}

#[test]
fn every_fault_of_the_storage_leaves_one_model_or_the_other() {
    let mut faults = 0;
    for fault in Fault::ALL {
        for calls in 0.. {
            let world = World::new(1);
            filled(&world, 3);
            let disk = world.disk();
            let engine = world.try_open(&disk).unwrap();
            let before = engine.canonical_bytes();
            disk.break_after(calls, fault);
            let outcome = reembed(&world, &engine);
            if !disk.mend() {
                outcome.unwrap();
                break;
            }
            faults += 1;
            let case = format!("{fault:?} at call {calls}: {outcome:?}");
            match world.try_open(&world.disk()) {
                Ok(old) => {
                    assert!(old.canonical_bytes() == before, "{case}");
                    assert!(outcome.is_err(), "{case}");
                    reembed(&world, &engine).expect(&case);
                    assert!(engine.canonical_bytes() == expected(3), "{case}");
                }
                Err(error) => assert_eq!(error.code, Code::ModelMismatch, "{case}"),
            }
            let new = open_other(&world, &world.disk()).expect(&case);
            assert!(new.canonical_bytes() == expected(3), "{case}");
            assert!(world.table("documents").is_empty(), "{case}");
        }
    }
    println!("{faults} faults");
    assert!(faults > 40, "{faults}");
}

//! Every call of the storage fails, is done but fails, is delayed or is overtaken, at every position in
//! turn: the state is that of the last commit, and the next call works.

use std::rc::Rc;

use smolrag::{
    engine::{Engine, Signal},
    record::Code,
};

use crate::{
    storage::{Disk, Fault},
    world::{World, document},
};

const OLD: &str = "The Queue orders calls.";
const NEW: &str = "The Cache is bounded by maxCalls, as all caches must be here.\n\nThe Store keeps what the \
                   Queue has let through it, as the API says.";

/// What is done under a fault, and done again when all is well.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Ingest,
    Update,
    Remove,
    Merge,
    Unmerge,
    Refresh,
    Text,
    Several,
}

const STEPS: [Step; 9] = [
    Step::Open,
    Step::Ingest,
    Step::Update,
    Step::Remove,
    Step::Merge,
    Step::Unmerge,
    Step::Refresh,
    Step::Text,
    Step::Several,
];

/// An instance on two documents and a merge, and another one's commit that it has not seen.
fn prepared(seed: u64) -> (World, Disk, Engine) {
    let world = World::new(seed);
    let disk = world.disk();
    let engine = world.try_open(&disk).unwrap();
    world.must_ingest(&engine, "a.md", OLD);
    world.must_ingest(&engine, "b.md", NEW);
    let merging = engine.clone();
    world
        .run(async move { merging.merge_entities(vec!["API".into()], "Queue".into()).await })
        .unwrap();
    let other = world.open();
    world.must_ingest(&other, "other.md", "The Store is what the API writes to.");
    (world, disk, engine)
}

/// Whether it went well.
fn take(world: &World, disk: &Disk, engine: &Engine, step: Step) -> bool {
    let engine = engine.clone();
    let fine = |failed: usize| failed == 0;
    match step {
        Step::Open => world.try_open(disk).is_ok(),
        Step::Ingest => fine(world.ingest(&engine, "c.md", NEW).unwrap().failed.len()),
        Step::Update => fine(world.ingest(&engine, "a.md", NEW).unwrap().failed.len()),
        Step::Remove => world.remove(&engine, "a.md").is_ok(),
        Step::Merge => {
            let names = vec!["Store".to_owned()];
            world.run(async move { engine.merge_entities(names, "Cache".into()).await }).is_ok()
        }
        Step::Unmerge => world.run(async move { engine.unmerge("Queue".into()).await }).is_ok(),
        Step::Refresh => world.run(async move { engine.refresh().await }).is_ok(),
        Step::Text => world.text(&engine, "a.md").is_ok(),
        Step::Several => {
            let documents = ["a.md", "c.md", "d.md"].map(|source| document(source, NEW)).to_vec();
            let call =
                async move { engine.ingest(documents, Signal::default(), Rc::new(|_| {})).await };
            fine(world.run(call).unwrap().failed.len())
        }
    }
}

#[test]
fn at_every_call_of_the_storage() {
    let mut positions = 0;
    for (seed, fault) in Fault::ALL.into_iter().enumerate() {
        for step in STEPS {
            for calls in 0.. {
                let (world, disk, engine) = prepared(seed as u64);
                disk.break_after(calls, fault);
                let went_well = take(&world, &disk, &engine, step);
                if !disk.mend() {
                    assert!(went_well, "{step:?} without a fault");
                    break;
                }
                positions += 1;
                let case = format!("{step:?}, {fault:?} at call {calls}");
                if matches!(fault, Fault::Delays | Fault::IsOvertaken) {
                    assert!(went_well, "{case}");
                }
                // What is in the storage is what the instance holds, once it has looked.
                let looking = engine.clone();
                world.run(async move { looking.refresh().await }).expect(&case);
                let stored = world.open();
                assert!(stored.stats().damaged.is_empty(), "{case}");
                assert!(engine.canonical_bytes() == stored.canonical_bytes(), "{case}");
                // The next call works, and leads to where it would have led without the fault.
                assert!(take(&world, &disk, &engine, step), "{case}: the call after it");
                let (other, disk, expected) = prepared(seed as u64);
                assert!(take(&other, &disk, &expected, step));
                let looking = expected.clone();
                other.run(async move { looking.refresh().await }).unwrap();
                assert!(engine.canonical_bytes() == expected.canonical_bytes(), "{case}");
                assert_eq!(world.remove(&engine, "b.md"), Ok(true), "{case}");
            }
        }
    }
    println!("{positions} positions");
    assert!(positions > 150, "{positions}");
}

#[test]
fn a_commit_that_was_written_but_failed_is_seen_at_once() {
    let (world, disk, engine) = prepared(1);
    let looking = engine.clone();
    world.run(async move { looking.refresh().await }).unwrap();
    disk.committed.take();
    // The one call of a removal.
    disk.break_after(0, Fault::FailsAfterwards);
    assert_eq!(world.remove(&engine, "a.md").unwrap_err().code, Code::Internal);
    assert!(engine.canonical_bytes() == world.open().canonical_bytes());
    assert_eq!(world.remove(&engine, "a.md"), Ok(false));
}

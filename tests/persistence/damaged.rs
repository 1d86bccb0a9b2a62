//! Records that cannot be read: set aside by name, never deleted, made anew where their text is there.

use std::rc::Rc;

use proptest::prelude::*;
use smolrag::{
    engine::{Engine, Options},
    record::Code,
};

use crate::{model::options, world::World};

const TEXTS: [(&str, &str); 3] = [
    ("a.md", "The Queue orders calls for the Store."),
    ("b.md", "The Store keeps what the Queue let through."),
    ("c.md", "The Cache is bounded by maxCalls."),
];

fn filled(world: &World, options: Options) -> Engine {
    let model = Rc::new(world.model.clone());
    let engine = world.open_with(&world.disk(), model, options, Rc::new(|_| {})).unwrap();
    for (source, text) in TEXTS {
        world.must_ingest(&engine, source, text);
    }
    engine
}

/// Where the part with the text ends.
fn text_ends(record: &[u8]) -> usize {
    9 + u32::from_le_bytes(*record[1..].first_chunk().unwrap()) as usize
}

fn damage(world: &World, source: &str, at: usize) -> Vec<u8> {
    let key = format!("{source}\u{1}");
    let (_, mut record) =
        world.table("documents").into_iter().find(|(found, _)| *found == key).unwrap();
    record[at] ^= 0x40;
    world.overwrite("documents", &key, record.clone());
    record
}

fn names(engine: &Engine) -> Vec<String> {
    engine.stats().damaged.iter().map(|damage| damage.name.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn damage_anywhere_costs_that_document_only_and_is_repaired_from_its_text(at in any::<prop::sample::Index>()) {
        let world = World::new(1);
        let whole = filled(&world, options(true, 1000));
        let record = world.table("documents")[1].1.clone();
        let at = at.index(record.len());
        let damaged = damage(&world, "b.md", at);

        let engine = world.open();
        prop_assert_eq!(names(&engine), ["b.md"]);
        let stats = engine.stats();
        prop_assert_eq!(stats.damaged[0].error.code, Code::StorageCorrupt);
        prop_assert_eq!(stats.counts.documents, 2);
        let without = world.open();
        world.remove(&without, "b.md").unwrap();
        prop_assert!(engine.canonical_bytes() == without.canonical_bytes());

        // In a storage of its own, since the removal above has set the record aside for good.
        let world = World::new(2);
        filled(&world, options(true, 1000));
        damage(&world, "b.md", at);
        let engine = world.open();
        let report = world.repair(&engine);
        let readable = at >= text_ends(&record);
        if readable {
            prop_assert_eq!(report.repaired, ["b.md".into()]);
            prop_assert!(engine.canonical_bytes() == whole.canonical_bytes());
            prop_assert!(names(&engine).is_empty());
            prop_assert!(world.open().canonical_bytes() == whole.canonical_bytes());
            let kept = world.table("damaged");
            prop_assert_eq!(kept.len(), 1);
            prop_assert_eq!(&kept[0].1, &damaged);
        } else {
            prop_assert_eq!(&*report.failed[0].source, "b.md");
            prop_assert_eq!(report.failed[0].error.code, Code::StorageCorrupt);
            prop_assert_eq!(world.table("documents")[1].1.clone(), damaged.clone());
            // It can be had again from elsewhere.
            world.must_ingest(&engine, "b.md", TEXTS[1].1);
            prop_assert!(engine.canonical_bytes() == whole.canonical_bytes());
            prop_assert!(names(&engine).is_empty());
            prop_assert_eq!(world.table("damaged")[0].1.clone(), damaged);
        }
    }
}

#[test]
fn a_text_that_is_not_kept_is_in_no_record_and_that_is_said() {
    let world = World::new(1);
    let text = "Nothing that anybody asks.\n\n\n\nA Queue.";
    let without = Options { keep_text: false, ..options(true, 1000) };
    let engine = filled(&world, without.clone());
    world.must_ingest(&engine, "d.md", text);
    let error = world.text(&engine, "d.md").unwrap_err();
    assert_eq!(error.code, Code::InvalidArgument);
    assert!(error.message.contains("keepText"), "{error}");
    let records: Vec<u8> =
        world.table("documents").into_iter().flat_map(|(_, record)| record).collect();
    let gap = b"asks.\n\n\n\nA";
    assert!(!records.windows(gap.len()).any(|window| window == gap));

    // What is kept is all that is needed to open, and to see that nothing has changed.
    let model = Rc::new(world.model.clone());
    let again =
        world.open_with(&world.disk(), model.clone(), without.clone(), Rc::new(|_| {})).unwrap();
    assert!(again.canonical_bytes() == engine.canonical_bytes());
    assert_eq!(world.ingest(&again, "d.md", text).unwrap().unchanged.len(), 1);
    assert_eq!(again.stats().counts.documents, 4);

    let end = world.table("documents")[3].1.len() - 1;
    damage(&world, "d.md", end);
    let damaged = world.open_with(&world.disk(), model, without, Rc::new(|_| {})).unwrap();
    let report = world.repair(&damaged);
    assert_eq!(&*report.failed[0].source, "d.md");
    assert!(report.failed[0].error.message.contains("keepText"), "{}", report.failed[0].error);

    // With the option turned round it is read anew.
    let keeping = world.open();
    assert_eq!(world.ingest(&keeping, "c.md", TEXTS[2].1).unwrap().updated.len(), 1);
    assert_eq!(world.text(&keeping, "c.md").unwrap().as_deref(), Some(TEXTS[2].1));
}

#[test]
fn damaged_small_records_cost_what_they_say_and_no_more() {
    let world = World::new(1);
    let engine = filled(&world, options(true, 1000));
    let merging = engine.clone();
    world
        .run(async move { merging.merge_entities(vec!["Cache".into()], "Store".into()).await })
        .unwrap();
    for (key, mut record) in world.table("meta") {
        record[1] ^= 0x40;
        world.overwrite("meta", &key, record);
    }
    let damaged = world.open();
    assert_eq!(names(&damaged), ["the embedding model", "the merged names"]);
    assert_eq!(damaged.stats().counts.documents, 3);
    let report = world.repair(&damaged);
    assert_eq!(report.repaired, ["the embedding model".into()]);
    assert_eq!(&*report.failed[0].source, "the merged names");
    // A merge takes their place, and they are kept.
    let merging = damaged.clone();
    world
        .run(async move { merging.merge_entities(vec!["Cache".into()], "Store".into()).await })
        .unwrap();
    let again = world.open();
    assert!(again.canonical_bytes() == engine.canonical_bytes());
    assert!(names(&again).is_empty());
    assert_eq!(world.table("damaged").len(), 2);
}

#[test]
fn changes_that_cannot_be_read_are_no_reason_to_stop() {
    let world = World::new(1);
    let (one, other) = (world.open(), world.open());
    world.must_ingest(&one, "a.md", TEXTS[0].1);
    world.must_ingest(&one, "b.md", TEXTS[1].1);
    for (key, mut record) in world.table("changes") {
        record[1] ^= 1;
        world.overwrite("changes", &key, record);
    }
    // The overwriting has advanced the epoch without saying what it did.
    let refreshing = other.clone();
    world.run(async move { refreshing.refresh().await }).unwrap();
    assert!(other.canonical_bytes() == one.canonical_bytes());
}

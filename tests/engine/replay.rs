//! Whatever was ingested, failed, given up, removed, merged: the state is that of a fresh ingest.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use smolrag::{
    engine::{DocumentInput, Engine, RetrieveOptions, Retrieved, Signal},
    port::Mode,
    record::{Code, Error, Filter, Metadata, MetadataValue},
    store::MergeRules,
};

use crate::{
    executor::{Executor, block_on, step},
    model::{Fault, Model, NAMES, open, options},
    runner::check_all,
};

/// Sequences of each of the two tests, which run side by side; in wasm one after the other.
const CASES: u32 = if cfg!(target_arch = "wasm32") { 250 } else { 10_000 };
const STEPS: usize = 60;

const SOURCES: [&str; 5] = ["a.md", "b.md", "c.md", "d.md", "e.md"];
/// Each is an excerpt by itself; documents share them.
const PARAGRAPHS: [&str; 7] = [
    "A Queue orders calls that would otherwise fight, says the API.",
    "The Cache is bounded by maxCalls, as all caches must be here.",
    "Calls wait in queues until the Store has written what it was.",
    "Licence: MIT, as long as this notice is kept with the copies.",
    "## Request queue\n\nThe Request queue of apis holds MAXCALLS.",
    "Nothing of any interest is said in this part of the document.",
    "## Store\n\nThe Store keeps what the Queue has let through it.",
];

/// The paragraphs of a document.
type Text = Vec<usize>;

#[derive(Clone, Debug)]
enum Operation {
    /// Documents by source, under a fault, cancelled after so many steps.
    Ingest(BTreeMap<usize, Text>, Fault, Option<usize>),
    Remove(usize),
    Merge(Vec<usize>, usize),
    Unmerge(usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let documents = || {
        let text = vec(0..PARAGRAPHS.len(), 1..4);
        proptest::collection::btree_map(0..SOURCES.len(), text, 1..3)
    };
    let ingest = |(documents, fault, cancelled)| Operation::Ingest(documents, fault, cancelled);
    let broken =
        prop_oneof![(0usize..8).prop_map(Fault::Fails), (0usize..8).prop_map(Fault::Waits)];
    let any_fault = prop_oneof![Just(Fault::None), (0usize..8).prop_map(Fault::Waits)];
    let name = 0..NAMES.len();
    prop_oneof![
        5 => (documents(), Just(Fault::None), Just(None)).prop_map(ingest),
        2 => (documents(), broken, Just(None)).prop_map(ingest),
        2 => (documents(), any_fault, (0usize..80).prop_map(Some)).prop_map(ingest),
        3 => (0..SOURCES.len()).prop_map(Operation::Remove),
        1 => (vec(name.clone(), 1..3), name.clone()).prop_map(|(names, into)| Operation::Merge(names, into)),
        1 => name.prop_map(Operation::Unmerge),
    ]
}

/// How often what came about, over all sequences of a test.
#[derive(Debug, Default)]
struct Seen {
    ingested: Cell<u32>,
    updated: Cell<u32>,
    unchanged: Cell<u32>,
    failed: Cell<u32>,
    /// A known document whose update failed or was given up, and whose old version stands.
    kept: Cell<u32>,
    aborted: Cell<u32>,
    removed: Cell<u32>,
    merged: Cell<u32>,
    refused: Cell<u32>,
    unmerged: Cell<u32>,
}

fn count(counter: &Cell<u32>, times: usize) {
    counter.set(counter.get() + times as u32);
}

fn input(source: usize, text: &Text) -> DocumentInput {
    let paragraphs: Vec<&str> = text.iter().map(|&paragraph| PARAGRAPHS[paragraph]).collect();
    let language = if text.len() == 2 { "de" } else { "en" };
    DocumentInput {
        source: SOURCES[source].into(),
        text: paragraphs.join("\n\n").into(),
        metadata: Metadata::from([("lang".into(), MetadataValue::Text(language.into()))]),
    }
}

/// An engine, and what it must hold.
struct Run<'a> {
    executor: Executor,
    model: Model,
    engine: Engine,
    documents: BTreeMap<usize, Text>,
    rules: MergeRules,
    seen: &'a Seen,
}

impl<'a> Run<'a> {
    fn new(resolve: bool, cached: usize, seed: u64, seen: &'a Seen) -> Self {
        let (executor, model) = (Executor::seeded(seed), Model::new());
        let engine = open(&executor, &model, options(resolve, cached));
        let (documents, rules) = (BTreeMap::new(), MergeRules::new(resolve));
        Run { executor, model, engine, documents, rules, seen }
    }

    fn take(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        let engine = self.engine.clone();
        match operation {
            Operation::Ingest(documents, fault, cancelled) => {
                self.ingest(documents, *fault, *cancelled)?;
            }
            Operation::Remove(source) => {
                let name = SOURCES[*source].to_owned();
                let removing = async move { engine.remove(name, Signal::default()).await };
                let removed = block_on(&self.executor, removing);
                let known = self.documents.remove(source).is_some();
                prop_assert_eq!(removed, Ok(known));
                count(&self.seen.removed, known.into());
            }
            Operation::Merge(names, into) => {
                let names: Vec<String> = names.iter().map(|&name| NAMES[name].into()).collect();
                let into = NAMES[*into];
                let expected = self.rules.merge(&names, into);
                let merging = async move { engine.merge_entities(names, into.into()).await };
                let counter = if expected.is_ok() { &self.seen.merged } else { &self.seen.refused };
                count(counter, 1);
                prop_assert_eq!(block_on(&self.executor, merging), expected);
            }
            Operation::Unmerge(into) => {
                let into = NAMES[*into];
                let known = self.rules.unmerge(into);
                let undoing = async move { engine.unmerge(into.into()).await };
                prop_assert_eq!(block_on(&self.executor, undoing), Ok(known));
                count(&self.seen.unmerged, known.into());
            }
        }
        Ok(())
    }

    fn ingest(
        &mut self,
        documents: &BTreeMap<usize, Text>,
        fault: Fault,
        cancelled: Option<usize>,
    ) -> Result<(), TestCaseError> {
        let before = self.engine.canonical_bytes();
        let inputs = documents.iter().map(|(&source, text)| input(source, text)).collect();
        let (engine, signal) = (self.engine.clone(), Signal::default());
        self.model.set(fault);
        let own = signal.clone();
        let call =
            self.executor.spawn(async move { engine.ingest(inputs, own, Rc::new(|_| {})).await });
        if let Some(steps) = cancelled {
            self.executor.spawn(async move {
                for _ in 0..steps {
                    step().await;
                }
                signal.cancel(Error::aborted());
            });
        }
        prop_assert_eq!(self.executor.run(), 0, "a call is stuck");
        self.model.set(Fault::None);
        match call.take().expect("it has ended") {
            Ok(report) => {
                count(&self.seen.ingested, report.ingested.len());
                count(&self.seen.updated, report.updated.len());
                count(&self.seen.unchanged, report.unchanged.len());
                count(&self.seen.failed, report.failed.len());
                let failed: BTreeSet<&str> = report.failed.iter().map(|f| &*f.source).collect();
                for (&source, text) in documents {
                    let stands = !failed.contains(SOURCES[source]);
                    self.stands(source, text, &[stands])?;
                }
            }
            Err(error) => {
                prop_assert_eq!(error.code, Code::Aborted);
                count(&self.seen.aborted, 1);
                for (&source, text) in documents {
                    self.stands(source, text, &[true, false])?;
                }
            }
        }
        if documents.keys().all(|source| self.documents.get(source) != documents.get(source)) {
            prop_assert!(self.engine.canonical_bytes() == before, "a failure left something");
        }
        Ok(())
    }

    /// Checks that the new version of a document stands, or the old one, as allowed; and notes which.
    fn stands(&mut self, source: usize, text: &Text, new: &[bool]) -> Result<(), TestCaseError> {
        let engine = self.engine.clone();
        let reading = async move { engine.text(SOURCES[source].to_owned()).await };
        let stored = block_on(&self.executor, reading).expect("it is read");
        let text_of = |text: &Text| input(source, text).text.to_string();
        let old = self.documents.get(&source);
        let is_new = stored == Some(text_of(text));
        let is_old = stored == old.map(text_of);
        let allowed = new.contains(&true) && is_new || new.contains(&false) && is_old;
        prop_assert!(allowed, "{} holds {stored:?}", SOURCES[source]);
        count(&self.seen.kept, (old.is_some() && is_old && !is_new).into());
        if is_new {
            self.documents.insert(source, text.clone());
        }
        Ok(())
    }

    /// The final documents and rules, in an engine that never saw anything else.
    fn fresh(&self, resolve: bool, mut shuffle: u64) -> Run<'a> {
        let mut fresh = Run::new(resolve, 0, shuffle, self.seen);
        let mut inputs: Vec<_> = self.documents.iter().map(|(&at, text)| input(at, text)).collect();
        let mut shuffled = vec![];
        while !inputs.is_empty() {
            shuffled.push(inputs.swap_remove(shuffle as usize % inputs.len()));
            shuffle /= 7;
        }
        let rules = self.rules.clone();
        let engine = fresh.engine.clone();
        block_on(&fresh.executor, async move {
            // At once or one by one, before or after the rules.
            if shuffle.is_multiple_of(2) {
                merge(&engine, &rules).await;
            }
            let size = 1 + shuffle as usize / 2 % 3;
            for inputs in shuffled.chunks(size) {
                let ingest = engine.ingest(inputs.to_vec(), Signal::default(), Rc::new(|_| {}));
                assert!(ingest.await.expect("nothing is wrong").failed.is_empty());
            }
            merge(&engine, &rules).await;
        });
        fresh.rules = self.rules.clone();
        fresh
    }

    /// What each mode finds.
    fn results(&self) -> Vec<Retrieved> {
        let german = Metadata::from([("lang".into(), MetadataValue::Text("de".into()))]);
        let filters = [Filter::default(), Filter(german)];
        let questions = ["How does the Queue order calls?", "What do apis and the Store keep?"];
        let found = RefCell::new(vec![]);
        for (mode, filter) in Mode::ALL.into_iter().flat_map(|m| filters.clone().map(|f| (m, f))) {
            for question in questions {
                let options =
                    RetrieveOptions { mode, filter: filter.clone(), ..Default::default() };
                let engine = self.engine.clone();
                let asking = async move {
                    engine.retrieve(question.into(), options, Signal::default()).await
                };
                found.borrow_mut().push(block_on(&self.executor, asking).expect("it is found"));
            }
        }
        found.into_inner()
    }
}

async fn merge(engine: &Engine, rules: &MergeRules) {
    for (into, names) in rules.iter() {
        let names = names.map(|name| name.to_string()).collect();
        engine.merge_entities(names, into.to_string()).await.expect("the rules agree");
    }
}

fn replay(resolve: bool) {
    let seen = Seen::default();
    let sequences = (vec(operation(), 0..=STEPS), prop_oneof![Just(0usize), 1usize..100]);
    check_all(CASES, file!(), (sequences, any::<u64>()), |((operations, cached), seed)| {
        let mut run = Run::new(resolve, cached, seed, &seen);
        for operation in &operations {
            run.take(operation)?;
        }
        let fresh = run.fresh(resolve, seed);
        prop_assert_eq!(run.results(), fresh.results());
        prop_assert!(run.engine.canonical_bytes() == fresh.engine.canonical_bytes());
        Ok(())
    });
    println!("{seen:?}");
    let Seen { ingested, updated, unchanged, failed, kept, .. } = &seen;
    let Seen { aborted, removed, merged, refused, unmerged, .. } = &seen;
    for counter in
        [ingested, updated, unchanged, failed, kept, aborted, removed, merged, refused, unmerged]
    {
        assert!(counter.get() > CASES / 20, "too few of one kind: {seen:?}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn any_history_with_failures_equals_a_fresh_ingest() {
    replay(true);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn any_history_with_failures_equals_a_fresh_ingest_without_resolution() {
    replay(false);
}

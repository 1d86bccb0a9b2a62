//! Any history gives the state that a fresh fold of what is left would give.

use std::rc::Rc;

use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use smolrag::{
    record::{Contribution, Filter, UnitVector},
    store::{Change, KnowledgeBase, KnowledgeBaseOptions, Query},
};

use crate::{
    oracle::{Entry, Oracle, bm25, cosines},
    pool::{self, DIMENSIONS, NAMES, SOURCES, VARIANTS},
    runner::check_all,
    snapshot::{Found, answers, english, search, snapshot},
};

/// Histories in each of the two replay tests, which run side by side; in wasm one after the other.
const REPLAY_CASES: u32 = if cfg!(target_arch = "wasm32") { 2_000 } else { 10_000 };
/// Histories that the oracle follows step by step, in each of its two tests.
const ORACLE_CASES: u32 = 500;
const STEPS: usize = 60;

thread_local! {
    static POOL: Vec<Vec<Rc<Contribution>>> = pool::documents();
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize),
    /// A document that is refused, and must change nothing.
    PutBroken(usize, usize),
    Remove(usize),
    Merge(Vec<usize>, usize),
    Unmerge(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (source, variant, name) = (0..SOURCES.len(), 0..VARIANTS, 0..NAMES.len());
    prop_oneof![
        6 => (source.clone(), variant.clone()).prop_map(|(source, variant)| Step::Put(source, variant)),
        1 => (source.clone(), variant).prop_map(|(source, variant)| Step::PutBroken(source, variant)),
        3 => source.prop_map(Step::Remove),
        1 => (vec(name.clone(), 1..3), name.clone()).prop_map(|(names, into)| Step::Merge(names, into)),
        1 => name.prop_map(Step::Unmerge),
    ]
}

fn document(source: usize, variant: usize) -> Rc<Contribution> {
    POOL.with(|pool| pool[source][variant].clone())
}

/// A knowledge base and what it is made from.
struct Run {
    kb: KnowledgeBase,
    oracle: Oracle,
}

impl Run {
    fn new(resolve_entities: bool) -> Self {
        Run { kb: empty(resolve_entities), oracle: Oracle::new(resolve_entities) }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Put(source, variant) => {
                let document = document(*source, *variant);
                self.oracle.put(&document);
                let change = self.kb.check(document).expect("the pool is sound");
                self.kb.apply(change);
            }
            Step::PutBroken(source, variant) => {
                let mut broken = Contribution::clone(&document(*source, *variant));
                broken
                    .metadata
                    .insert("n".into(), smolrag::record::MetadataValue::Number(f64::NAN));
                assert!(self.kb.check(Rc::new(broken)).is_err());
            }
            Step::Remove(source) => {
                self.oracle.remove(SOURCES[*source]);
                self.kb.apply(Change::Remove(SOURCES[*source].into()));
            }
            Step::Merge(names, into) => {
                let names: Vec<&str> = names.iter().map(|&name| NAMES[name]).collect();
                let mut rules = self.kb.rules().clone();
                let allowed = rules.merge(&names, NAMES[*into]).is_ok();
                assert_eq!(allowed, self.oracle.merge(&names, NAMES[*into]));
                if allowed {
                    self.kb.apply(Change::Rules(rules));
                }
            }
            Step::Unmerge(into) => {
                let mut rules = self.kb.rules().clone();
                rules.unmerge(NAMES[*into]);
                self.oracle.unmerge(NAMES[*into]);
                self.kb.apply(Change::Rules(rules));
            }
        }
    }
}

fn empty(resolve_entities: bool) -> KnowledgeBase {
    KnowledgeBase::new(KnowledgeBaseOptions { dimensions: DIMENSIONS, resolve_entities })
}

/// The documents and rules of a run, folded once, in an order that `shuffle` picks.
fn fresh(run: &Run, resolve_entities: bool, shuffle: u64) -> KnowledgeBase {
    let mut changes: Vec<Change> =
        run.oracle.documents().map(|document| run.kb.check(document.clone()).unwrap()).collect();
    changes.push(Change::Rules(run.kb.rules().clone()));
    let mut kb = empty(resolve_entities);
    let mut dice = shuffle;
    while !changes.is_empty() {
        kb.apply(changes.swap_remove(dice as usize % changes.len()));
        dice /= 7;
    }
    kb
}

fn replay(steps: &[Step], shuffle: u64, resolve: bool) -> Result<(), TestCaseError> {
    let mut run = Run::new(resolve);
    steps.iter().for_each(|step| run.take(step));
    let fresh = fresh(&run, resolve, shuffle);
    if run.kb.canonical_bytes() != fresh.canonical_bytes() {
        // Says where they differ, if it can be seen from outside.
        prop_assert_eq!(snapshot(&run.kb), snapshot(&fresh));
        prop_assert!(false, "the states differ in their indices");
    }
    prop_assert_eq!(answers(&run.kb, 3), answers(&fresh, 3));
    Ok(())
}

fn follow(steps: &[Step], resolve: bool) -> Result<(), TestCaseError> {
    let mut run = Run::new(resolve);
    for step in steps {
        run.take(step);
        prop_assert_eq!(snapshot(&run.kb), run.oracle.snapshot());
        check_searches(&run)?;
    }
    Ok(())
}

fn check_searches(run: &Run) -> Result<(), TestCaseError> {
    let Run { kb, oracle } = run;
    let entries = [oracle.excerpts(), oracle.entities(), oracle.relationships()];
    let vector = UnitVector::from_f32(&[0.5, -1.0, 2.0]).unwrap();
    let text = "queues order calls, calls";
    for filter in [Filter::default(), english()] {
        let by_vector = search(kb, Query::Vector(&vector), usize::MAX, &filter);
        let by_text = search(kb, Query::Text(text), usize::MAX, &filter);
        for ((entries, by_vector), by_text) in entries.iter().zip(by_vector).zip(by_text) {
            check(oracle, entries, &filter, by_vector, cosines(entries, &vector))?;
            check(oracle, entries, &filter, by_text, bm25(entries, text))?;
        }
    }
    Ok(())
}

/// What was found is what the filter admits of what has a score, with that score, best first.
fn check(
    oracle: &Oracle,
    entries: &[Entry],
    filter: &Filter,
    found: Found,
    mut expected: std::collections::BTreeMap<String, f64>,
) -> Result<(), TestCaseError> {
    let better = |a: &(String, f32, _), b: &(String, f32, _)| a.1 > b.1 || a.1 == b.1 && a.0 < b.0;
    prop_assert!(found.windows(2).all(|pair| better(&pair[0], &pair[1])), "{found:?}");
    for (id, score, place) in found {
        let entry = entries.iter().find(|entry| entry.id == id).expect("what is found is there");
        let admitted = oracle.admitted(entry, filter);
        prop_assert!(admitted.is_some());
        if place.is_some() {
            prop_assert_eq!(place, admitted);
        }
        let expected = expected.remove(&id).expect("found once, and has a score");
        prop_assert!((f64::from(score) - expected).abs() < 1e-5 * expected.abs().max(1.0));
    }
    let missed = entries.iter().filter(|entry| expected.contains_key(&entry.id));
    for entry in missed {
        prop_assert!(oracle.admitted(entry, filter).is_none(), "{} was not found", entry.id);
    }
    Ok(())
}

fn histories(resolve: bool) {
    let history = (vec(step(), 0..=STEPS), any::<u64>());
    check_all(REPLAY_CASES, file!(), history, |(steps, shuffle)| replay(&steps, shuffle, resolve));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn any_history_equals_a_fresh_fold() {
    histories(true);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn any_history_equals_a_fresh_fold_without_resolution() {
    histories(false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ORACLE_CASES))]

    #[test]
    fn the_oracle_agrees_after_every_step(steps in vec(step(), 0..=STEPS)) {
        follow(&steps, true)?;
    }

    #[test]
    fn the_oracle_agrees_after_every_step_without_resolution(steps in vec(step(), 0..=STEPS)) {
        follow(&steps, false)?;
    }
}

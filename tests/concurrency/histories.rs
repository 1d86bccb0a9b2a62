//! Whole histories of concurrent calls, each held against the sequential model.

use std::{cell::RefCell, rc::Rc};

use smolrag::{
    engine::{Queue, QueueLimits, QueueStats, Signal},
    record::{Code, Error},
};

use crate::{
    executor::{Executor, explore, step},
    linearizability::{Operation, is_linearizable},
    small_base::{Call, Course, Flaw, Outcome, SmallBase, Source, Version},
};

/// How a call is interrupted.
#[derive(Clone, Copy, Debug)]
enum Interruption {
    None,
    /// Its signal is cancelled after so many steps.
    Abort(usize),
    /// Its future is dropped after so many steps.
    Drop(usize),
}

/// One call to make.
#[derive(Clone, Debug)]
struct Plan {
    /// Steps before it is made.
    after: usize,
    /// A read, a clear, or any number of writes.
    calls: Vec<Call>,
    course: Course,
    interruption: Interruption,
}

fn plan(calls: &[Call], thinks: usize) -> Plan {
    Plan {
        after: 0,
        calls: calls.to_vec(),
        course: Course { thinks, fails: false },
        interruption: Interruption::None,
    }
}

fn put(source: Source, text: u32) -> Call {
    Call::Write(source, Some(text))
}

/// What a history saw, to show that the tests see something.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    updated: u32,
    failed: u32,
    aborted: u32,
    cut_off: u32,
    refused: u32,
    stats: QueueStats,
}

/// Operations as they begin and end. One that ended in an error must have changed nothing, so it is
/// no part of the history.
#[derive(Default)]
struct Recorder {
    now: usize,
    operations: Vec<Option<Operation<Version>>>,
    seen: Seen,
}

impl Recorder {
    fn begin(&mut self, call: &Call) -> usize {
        self.now += 1;
        self.operations.push(Some(Operation { call: call.clone(), began: self.now, ended: None }));
        self.operations.len() - 1
    }

    fn end(&mut self, index: usize, result: Result<Outcome, Error>) {
        self.now += 1;
        match result {
            Ok(outcome) => {
                self.seen.updated += u32::from(outcome == Outcome::Updated);
                let operation = self.operations[index].as_mut().expect("it ends once");
                operation.ended = Some((self.now, outcome));
            }
            Err(error) => {
                match error.code {
                    Code::Aborted => self.seen.aborted += 1,
                    Code::Provider => self.seen.failed += 1,
                    Code::QueueFull => self.seen.refused += 1,
                    _ => panic!("unexpected: {error}"),
                }
                self.operations[index] = None;
            }
        }
    }
}

/// One caller making its call.
async fn caller(base: Rc<SmallBase>, recorder: Rc<RefCell<Recorder>>, plan: Plan, signal: Signal) {
    for _ in 0..plan.after {
        step().await;
    }
    let first = recorder.borrow().operations.len();
    for call in &plan.calls {
        recorder.borrow_mut().begin(call);
    }
    if let [Call::Read] = plan.calls[..] {
        let result = base.read(plan.course, &signal).await;
        return recorder.borrow_mut().end(first, result);
    }
    let ended = RefCell::new(vec![false; plan.calls.len()]);
    let done = |position: usize, result| {
        ended.borrow_mut()[position] = true;
        recorder.borrow_mut().end(first + position, result);
    };
    let result = base.write(&plan.calls, plan.course, &signal, done).await;
    // What never started was refused, or cancelled while it waited.
    let error = result.err().unwrap_or_else(Error::aborted);
    for position in ended.take().iter().enumerate().filter_map(|(i, ended)| (!ended).then_some(i)) {
        recorder.borrow_mut().end(first + position, Err(error.clone()));
    }
}

/// Makes all calls and checks what came of them.
fn run(
    executor: &Executor,
    limits: QueueLimits,
    plans: &[Plan],
    flaw: Flaw,
) -> Result<Seen, String> {
    let base = Rc::new(SmallBase::new(Queue::new(limits), flaw));
    let recorder = Rc::new(RefCell::new(Recorder::default()));
    for plan in plans {
        let signal = Signal::default();
        let call = caller(Rc::clone(&base), Rc::clone(&recorder), plan.clone(), signal.clone());
        let task = executor.spawn(call);
        match plan.interruption {
            Interruption::None => {}
            Interruption::Abort(after) => {
                _ = executor.spawn(async move {
                    steps(after).await;
                    signal.cancel(Error::aborted());
                })
            }
            Interruption::Drop(after) => {
                _ = executor.spawn(async move {
                    steps(after).await;
                    task.kill();
                })
            }
        }
    }
    let stuck = executor.run();
    let last = Plan { after: 0, ..plan(&[Call::Read], 0) };
    executor.spawn(caller(base.clone(), recorder.clone(), last, Signal::default()));
    if stuck + executor.run() > 0 {
        return Err("calls are stuck".into());
    }
    check(executor, &base, recorder.take())
}

async fn steps(count: usize) {
    for _ in 0..count {
        step().await;
    }
}

fn check(executor: &Executor, base: &SmallBase, recorder: Recorder) -> Result<Seen, String> {
    let Recorder { operations, mut seen, .. } = recorder;
    let history: Vec<_> = operations.into_iter().flatten().collect();
    if !is_linearizable(Version::default(), &history) {
        return Err("no order of the calls explains their outcomes".into());
    }
    if base.commits_overlapped() {
        return Err("two commits overlapped".into());
    }
    if !base.commits_are_in_call_order() {
        return Err("commits on one source left the order of their calls".into());
    }
    let stats = base.queue.stats();
    let live = |c: smolrag::engine::Counts| c.waiting + c.running + c.committing;
    if live(stats.reads) + live(stats.writes) > 0 {
        return Err(format!("calls that ended are still counted: {stats:?}"));
    }
    let room = || base.queue.write(["a"], &Signal::default());
    drop(room().ok().zip(room().ok()).ok_or("an idle queue has no room")?);
    let closed = executor.spawn(base.queue.close());
    executor.run();
    closed.take().ok_or("an idle queue does not close")?;
    seen.cut_off = history.iter().filter(|operation| operation.ended.is_none()).count() as u32;
    seen.stats = stats;
    Ok(seen)
}

/// A history of up to six calls, everything about it by the executor's choices.
fn random(executor: &Executor, flaw: Flaw) -> Result<Seen, String> {
    let choose = |options| executor.choose(options);
    let source = || ["a", "b", "c"][choose(3)];
    let text = || 1 + choose(4) as u32;
    let calls = || match choose(10) {
        0..3 => vec![Call::Read],
        3 => vec![Call::Clear],
        4 | 5 => vec![Call::Write(source(), None)],
        6 | 7 => vec![put(source(), text())],
        _ => (0..1 + choose(3)).map(|_| put(source(), text())).collect(),
    };
    let interruption = || match choose(8) {
        0 => Interruption::Drop(choose(8)),
        1 | 2 => Interruption::Abort(choose(8)),
        _ => Interruption::None,
    };
    let plans: Vec<_> = (0..3 + choose(4))
        .map(|_| Plan {
            after: choose(6),
            calls: calls(),
            course: Course { thinks: choose(4), fails: choose(8) == 0 },
            interruption: interruption(),
        })
        .collect();
    let limits =
        QueueLimits { queue: [1, 1024][choose(2)], readers: 1 + choose(2), writers: 1 + choose(3) };
    run(executor, limits, &plans, flaw)
}

const SEEDS: u64 = 10_000;

#[test]
fn random_histories_are_linearizable() {
    let mut all = Seen::default();
    for seed in 0..SEEDS {
        let seen = random(&Executor::seeded(seed), Flaw::None)
            .unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
        all.updated += seen.updated;
        all.failed += seen.failed;
        all.aborted += seen.aborted;
        all.cut_off += seen.cut_off;
        all.refused += seen.refused;
    }
    let Seen { updated, failed, aborted, cut_off, refused, .. } = all;
    println!(
        "{updated} updated, {failed} failed, {aborted} aborted, {cut_off} cut off, {refused} refused"
    );
    assert!([updated, failed, aborted, cut_off, refused].iter().all(|&n| n > SEEDS as u32 / 50));
}

/// Small sets of calls of which every interleaving is run.
fn small_sets() -> Vec<Vec<Plan>> {
    let aborted = |plan: Plan| Plan { interruption: Interruption::Abort(0), ..plan };
    let dropped = |plan: Plan| Plan { interruption: Interruption::Drop(0), ..plan };
    vec![
        // Two writers of one source, one of another, a reader.
        vec![
            plan(&[put("a", 1)], 2),
            plan(&[put("a", 2)], 1),
            plan(&[put("b", 3)], 1),
            plan(&[Call::Read], 2),
        ],
        // An ingest of two documents against a removal and two readers.
        vec![
            plan(&[put("a", 1), put("b", 1)], 1),
            plan(&[Call::Write("a", None)], 1),
            plan(&[Call::Read], 2),
            plan(&[Call::Read], 1),
        ],
        // A clear between writers.
        vec![
            plan(&[put("a", 1)], 1),
            plan(&[Call::Clear], 1),
            plan(&[put("b", 2)], 1),
            plan(&[Call::Read], 1),
        ],
        // A writer that is aborted at any moment, with another one and two readers.
        vec![
            aborted(plan(&[put("a", 1)], 1)),
            plan(&[put("a", 2)], 0),
            plan(&[Call::Read], 1),
            plan(&[Call::Read], 0),
        ],
        // A writer that is dropped at any moment, even while it commits.
        vec![
            dropped(plan(&[put("a", 1), put("b", 1)], 0)),
            plan(&[put("a", 2)], 0),
            plan(&[Call::Read], 1),
        ],
    ]
}

const TIGHT: QueueLimits = QueueLimits { queue: 1024, readers: 1, writers: 2 };

#[test]
fn every_interleaving_of_few_calls_is_linearizable() {
    for plans in small_sets() {
        let (runs, problem) = explore(|executor| run(executor, TIGHT, &plans, Flaw::None).err());
        assert_eq!(problem, None, "run {runs} of {plans:?}");
        println!("{runs} interleavings of {} calls", plans.len());
        assert!(runs > 100);
    }
}

/// The first seed that shows the flaw, and how it shows.
fn caught(flaw: Flaw) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| Some((seed, random(&Executor::seeded(seed), flaw).err()?)))
}

#[test]
fn the_test_notices_each_flaw() {
    for flaw in [Flaw::NoSourceOrder, Flaw::TornCommit, Flaw::NoTurn, Flaw::TornRead] {
        let (seed, problem) = caught(flaw).unwrap_or_else(|| panic!("{flaw:?} goes unnoticed"));
        println!("{flaw:?}: seed {seed}: {problem}");
        let exhaustive = small_sets()
            .iter()
            .any(|plans| explore(|executor| run(executor, TIGHT, plans, flaw).err()).1.is_some());
        assert!(exhaustive, "{flaw:?} goes unnoticed in all interleavings of few calls");
    }
}

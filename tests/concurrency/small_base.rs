//! A knowledge base in small, built on the real queue the way the engine is: think outside, commit
//! inside, read one version. And the same with a flaw, to see that the test would notice.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use futures::{StreamExt, future::Either};
use smolrag::{
    engine::{Queue, Signal, Unit},
    record::{Error, Result},
};

use crate::{executor::step, linearizability::Sequential};

pub type Source = &'static str;
pub type Text = u32;

/// What one caller asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// A document that is `None` is removed.
    Write(Source, Option<Text>),
    Clear,
    Read,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Ingested,
    Updated,
    Unchanged,
    Removed,
    NotThere,
    /// How many documents there were.
    Cleared(usize),
    Saw(Version),
}

/// Everything at one moment. Each document stands in both parts alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    texts: BTreeMap<Source, Text>,
    graph: BTreeMap<Source, Text>,
}

impl Version {
    fn verdict(&self, call: &Call) -> Outcome {
        match call {
            Call::Read => Outcome::Saw(self.clone()),
            Call::Clear => Outcome::Cleared(self.texts.len()),
            Call::Write(source, text) => match (self.texts.get(source), text) {
                (None, Some(_)) => Outcome::Ingested,
                (Some(old), Some(new)) if old == new => Outcome::Unchanged,
                (Some(_), Some(_)) => Outcome::Updated,
                (Some(_), None) => Outcome::Removed,
                (None, None) => Outcome::NotThere,
            },
        }
    }
}

fn change(part: &mut BTreeMap<Source, Text>, call: &Call) {
    match *call {
        Call::Read => {}
        Call::Clear => part.clear(),
        Call::Write(source, Some(text)) => _ = part.insert(source, text),
        Call::Write(source, None) => _ = part.remove(source),
    }
}

impl Sequential for Version {
    type Call = Call;
    type Outcome = Outcome;

    fn apply(&mut self, call: &Call) -> Outcome {
        let outcome = self.verdict(call);
        change(&mut self.texts, call);
        change(&mut self.graph, call);
        outcome
    }
}

/// What is wrong with a base, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Writes on one source are not told apart from writes on different ones.
    NoSourceOrder,
    /// A commit shows one half before the other.
    TornCommit,
    /// A commit does not wait for the turn.
    NoTurn,
    /// A read takes one half of what it sees earlier than the other.
    TornRead,
}

pub struct SmallBase {
    pub queue: Queue,
    flaw: Flaw,
    version: RefCell<Rc<Version>>,
    registered: Cell<u64>,
    committing: Cell<usize>,
    /// Whether two commits were ever in progress at once.
    overlapped: Cell<bool>,
    /// Every commit with the order in which its call was registered.
    commits: RefCell<Vec<(u64, Call)>>,
}

/// How one call goes, apart from what others do to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    pub thinks: usize,
    pub fails: bool,
}

impl SmallBase {
    pub fn new(queue: Queue, flaw: Flaw) -> Self {
        SmallBase {
            queue,
            flaw,
            version: RefCell::default(),
            registered: Cell::new(0),
            committing: Cell::new(0),
            overlapped: Cell::new(false),
            commits: RefCell::default(),
        }
    }

    pub async fn read(&self, course: Course, signal: &Signal) -> Result<Outcome> {
        let turn = self.queue.read(signal)?;
        let work = async {
            let _reading = turn.await?;
            let version = self.version.borrow().clone();
            think(course).await?;
            let graph = match self.flaw {
                Flaw::TornRead => self.version.borrow().graph.clone(),
                _ => version.graph.clone(),
            };
            Ok(Outcome::Saw(Version { texts: version.texts.clone(), graph }))
        };
        signal.guard(work).await
    }

    /// Calls `done` with the position and the result of each write as it ends.
    pub async fn write(
        &self,
        calls: &[Call],
        course: Course,
        signal: &Signal,
        done: impl Fn(usize, Result<Outcome>),
    ) -> Result<()> {
        let order = self.registered.replace(self.registered.get() + 1);
        let names = calls.iter().enumerate().map(|(position, call)| match call {
            Call::Write(source, _) if self.flaw == Flaw::NoSourceOrder => {
                format!("{source} of {order} at {position}")
            }
            Call::Write(source, _) => source.to_string(),
            _ => unreachable!("only writes have a source"),
        });
        let units = match calls {
            [Call::Clear] => self.queue.write_all(signal)?,
            _ => self.queue.write(names, signal)?,
        };
        let one = async |unit: Result<Unit>| {
            let Ok(unit) = unit else { return };
            let position = unit.position();
            done(position, self.write_one(unit, order, &calls[position], course, signal).await);
        };
        units.for_each_concurrent(None, one).await;
        Ok(())
    }

    async fn write_one(
        &self,
        unit: Unit,
        order: u64,
        call: &Call,
        course: Course,
        signal: &Signal,
    ) -> Result<Outcome> {
        let prepare = async {
            let outcome = self.version.borrow().verdict(call);
            think(course).await?;
            match (&outcome, self.flaw) {
                (Outcome::Unchanged | Outcome::NotThere, _) => Ok((outcome, None)),
                (_, Flaw::NoTurn) => Ok((outcome, Some(Either::Left(unit)))),
                _ => Ok((outcome, Some(Either::Right(unit.commit_turn().await?)))),
            }
        };
        let (outcome, turn) = signal.guard(prepare).await?;
        if turn.is_some() {
            self.commit(order, call).await;
        }
        Ok(outcome)
    }

    async fn commit(&self, order: u64, call: &Call) {
        let _committing = Counted::new(&self.committing);
        self.overlapped.set(self.overlapped.get() || self.committing.get() > 1);
        let mut next = Version::clone(&self.version.borrow());
        step().await; // The storage has it now.
        self.commits.borrow_mut().push((order, call.clone()));
        change(&mut next.texts, call);
        if self.flaw == Flaw::TornCommit {
            *self.version.borrow_mut() = Rc::new(next.clone());
            step().await;
        }
        change(&mut next.graph, call);
        *self.version.borrow_mut() = Rc::new(next);
    }

    pub fn commits_overlapped(&self) -> bool {
        self.overlapped.get()
    }

    /// Whether commits that could see each other came in the order of their calls.
    pub fn commits_are_in_call_order(&self) -> bool {
        let commits = self.commits.borrow();
        commits.iter().enumerate().all(|(i, (later, b))| {
            commits[..i].iter().all(|(earlier, a)| earlier <= later || are_apart(a, b))
        })
    }
}

fn are_apart(a: &Call, b: &Call) -> bool {
    matches!((a, b), (Call::Write(a, _), Call::Write(b, _)) if a != b)
}

/// Counts itself for as long as it lives.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn think(course: Course) -> Result<()> {
    for _ in 0..course.thinks {
        step().await;
    }
    if course.fails { Err(Error::provider("the model failed")) } else { Ok(()) }
}

//! Every call's way through an instance: its order, how long it waits, the turn to commit.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures::{FutureExt, Stream, StreamExt};
use serde::Serialize;

use super::{
    limits::{Permit, Semaphore},
    schedule::{Schedule, Target},
    signal::{Event, Signal, Wait},
};
use crate::{
    order::{OrderedMap, OrderedSet},
    record::{Code, Error, Result},
};

/// What a queue lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Calls that may wait. One that need not wait is never refused.
    pub queue: usize,
    /// Reads that run at once, at least one.
    pub readers: usize,
    /// Units of writing that run at once, at least one.
    pub writers: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        QueueLimits { queue: 1024, readers: 256, writers: 4 }
    }
}

/// The request queue of one instance. Cheap to clone; all clones are the same queue.
///
/// - **Reads** run at most `readers` at once, first come, first served, and wait for no write.
/// - **Writes** need a source each, or everything. A call that writes several sources becomes one
///   unit for each. Units of the same source run in call order; others overlap, at most
///   `writers`; one on everything runs alone. A unit thinks while it holds nothing but its source,
///   then waits for the only turn to commit, which goes round first come, first served.
/// - **Starvation**: no later read passes a read that waits. No later write passes one on
///   everything, nor one that waits only for room; one that waits for earlier writes of its own
///   source is passed by fewer than [`PASSING`](super::PASSING) later units. No later unit passes
///   one that waits for the turn to commit.
/// - **Back-pressure**: a call that would be one too many to wait is refused at once.
/// - **Cancellation**: whoever drops what the queue handed out has freed it. The signal that a call
///   came with does so for a call that waits, also for the turn to commit.
///
/// Registering, starting, cancelling and ending cost as much as a change of an [`OrderedMap`].
#[derive(Clone)]
pub struct Queue(Rc<Shared>);

struct Shared {
    limits: QueueLimits,
    readers: Semaphore,
    commits: Semaphore,
    state: RefCell<State>,
    /// Closed, and the last call has ended.
    drained: Event<()>,
}

struct State {
    schedule: Schedule<(Rc<Call>, usize)>,
    /// Every call that has not ended, by its order.
    calls: OrderedMap<u64, Rc<Call>>,
    next_order: u64,
    /// Writes of which no unit has started yet.
    waiting_writes: usize,
    closing: bool,
    ended: [Ended; 2],
    refused: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Committing,
}

#[derive(Clone, Copy, Default)]
struct Ended {
    done: u64,
    cancelled: u64,
}

struct Call {
    kind: Kind,
    signal: Signal,
    stage: Cell<Stage>,
    /// Whether it was one too many.
    refused: Cell<bool>,
    /// Whether it ever had the turn to commit.
    committed: Cell<bool>,
    /// Units that have started and that [`Writes`] has not handed out yet, with their positions.
    started: RefCell<VecDeque<(u64, usize)>>,
    waker: Cell<Option<Waker>>,
}

/// How many calls of one kind are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Not started yet.
    pub waiting: usize,
    /// Reading, or thinking about what to write.
    pub running: usize,
    /// Holding the turn to commit.
    pub committing: usize,
    /// Ended by themselves, well or with an error.
    pub done: u64,
    /// Ended before they ran, or by their signal before they committed anything.
    pub cancelled: u64,
}

/// What a queue holds and has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Calls that read.
    pub reads: Counts,
    /// Calls that write.
    pub writes: Counts,
    /// Calls refused because too many waited.
    pub refused: u64,
}

impl Queue {
    /// An open, empty queue.
    pub fn new(limits: QueueLimits) -> Self {
        Queue(Rc::new(Shared {
            limits,
            readers: Semaphore::new(limits.readers),
            commits: Semaphore::new(1),
            state: RefCell::new(State {
                schedule: Schedule::new(limits.writers),
                calls: OrderedMap::new(),
                next_order: 0,
                waiting_writes: 0,
                closing: false,
                ended: [Ended::default(); 2],
                refused: 0,
            }),
            drained: Event::default(),
        }))
    }

    /// Registers a call that reads, now; the future resolves when it may run. Capture the version
    /// to read after that, at once and whole.
    pub fn read(&self, signal: &Signal) -> Result<impl Future<Output = Result<Reading>> + use<>> {
        let place = self.enter(Kind::Read, Stage::Waiting, signal)?;
        let turn = self.0.readers.acquire(0);
        self.refuse_if_full(&place, turn.is_waiting())?;
        Ok(async move {
            let signal = place.call.signal.clone();
            let permit = signal.guard(turn.map(Ok)).await?;
            place.call.stage.set(Stage::Running);
            Ok(Reading { _permit: permit, _place: place })
        })
    }

    /// Registers a call that writes these sources, one unit each, now. The same source twice is two
    /// units, in this order.
    pub fn write<S: Into<Rc<str>>>(
        &self,
        sources: impl IntoIterator<Item = S>,
        signal: &Signal,
    ) -> Result<Writes> {
        self.enter_write(sources.into_iter().map(|s| Target::Source(s.into())).collect(), signal)
    }

    /// Registers a call that writes with no other write at its side, now. It has one unit.
    pub fn write_all(&self, signal: &Signal) -> Result<Writes> {
        self.enter_write(vec![Target::Everything], signal)
    }

    /// The turn to commit, for what no call asks for: following what others have committed.
    pub fn turn(&self) -> impl Future<Output = Permit> + use<> {
        self.0.commits.acquire(0)
    }

    /// Refuses new calls from now on; resolves when those that wait or run have ended. A call that
    /// awaits this inside itself waits for itself.
    pub fn close(&self) -> Wait<()> {
        let drained = {
            let mut state = self.0.state.borrow_mut();
            state.closing = true;
            state.calls.is_empty()
        };
        if drained {
            self.0.drained.set(());
        }
        self.0.drained.wait()
    }

    /// Like [`close`](Queue::close), but cancels what has not had its turn to commit.
    pub fn close_forced(&self) -> Wait<()> {
        let closed = self.close();
        let calls: Vec<_> = self.0.state.borrow().calls.values().cloned().collect();
        for call in calls {
            call.signal.cancel(Error::new(
                Code::Closed,
                "the instance was closed by force; what had not been committed was not changed",
            ));
        }
        closed
    }

    /// Counts of calls. Costs O(calls).
    pub fn stats(&self) -> QueueStats {
        let state = self.0.state.borrow();
        let count = |kind, stage| {
            let has = |call: &&Rc<Call>| call.kind == kind && call.stage.get() == stage;
            state.calls.values().filter(has).count()
        };
        let counts = |kind| {
            let Ended { done, cancelled } = state.ended[kind as usize];
            let [waiting, running, committing] =
                [Stage::Waiting, Stage::Running, Stage::Committing].map(|s| count(kind, s));
            Counts { waiting, running, committing, done, cancelled }
        };
        QueueStats {
            reads: counts(Kind::Read),
            writes: counts(Kind::Write),
            refused: state.refused,
        }
    }

    fn enter(&self, kind: Kind, stage: Stage, signal: &Signal) -> Result<Place> {
        let mut state = self.0.state.borrow_mut();
        if state.closing {
            return Err(Error::new(Code::Closed, "the instance is closed; open it again"));
        }
        let call = Rc::new(Call {
            kind,
            signal: signal.clone(),
            stage: Cell::new(stage),
            refused: Cell::new(false),
            committed: Cell::new(false),
            started: RefCell::default(),
            waker: Cell::default(),
        });
        let order = state.next_order;
        state.next_order += 1;
        state.calls.insert(order, Rc::clone(&call));
        state.waiting_writes += usize::from(call.is_waiting_write());
        Ok(Place { queue: self.clone(), order, call })
    }

    fn enter_write(&self, targets: Vec<Target>, signal: &Signal) -> Result<Writes> {
        // A call with nothing to write has nothing to wait for.
        let stage = if targets.is_empty() { Stage::Running } else { Stage::Waiting };
        let place = Rc::new(self.enter(Kind::Write, stage, signal)?);
        let units = {
            let schedule = &mut self.0.state.borrow_mut().schedule;
            let add = |(position, target)| schedule.add(target, (place.call.clone(), position));
            targets.into_iter().enumerate().map(add).collect()
        };
        let writes = Writes { place, units, cancelled: signal.cancelled() };
        self.start_writes();
        self.refuse_if_full(&writes.place, writes.place.call.stage.get() == Stage::Waiting)?;
        Ok(writes)
    }

    /// The call has its place already, so it counts among those that wait if it does.
    fn refuse_if_full(&self, place: &Place, waits: bool) -> Result<()> {
        let waiting = self.0.readers.waiting() + self.0.state.borrow().waiting_writes;
        let limit = self.0.limits.queue;
        if !waits || waiting <= limit {
            return Ok(());
        }
        place.call.refused.set(true);
        Err(Error::new(
            Code::QueueFull,
            format!(
                "{} calls wait already and limits.queue is {limit}; call again when some have \
                 settled, or raise the limit",
                waiting - 1
            ),
        ))
    }

    /// Starts what may start. Follows every change of the schedule.
    fn start_writes(&self) {
        let mut wakers = Vec::new();
        {
            let State { schedule, waiting_writes, .. } = &mut *self.0.state.borrow_mut();
            while let Some((unit, (call, position))) = schedule.start_next() {
                call.started.borrow_mut().push_back((unit, *position));
                if call.is_waiting_write() {
                    call.stage.set(Stage::Running);
                    *waiting_writes -= 1;
                }
                wakers.extend(call.waker.take());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends units, whether they ran or not, and starts what waited for them.
    fn end(&self, units: impl IntoIterator<Item = u64>) {
        let ended: Vec<_> = {
            let schedule = &mut self.0.state.borrow_mut().schedule;
            units.into_iter().map(|unit| schedule.end(unit)).collect()
        };
        if !ended.is_empty() {
            self.start_writes();
        }
    }
}

impl Call {
    fn is_waiting_write(&self) -> bool {
        self.kind == Kind::Write && self.stage.get() == Stage::Waiting
    }
}

/// A call's place among those that have not ended.
struct Place {
    queue: Queue,
    order: u64,
    call: Rc<Call>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Call { kind, signal, stage, refused, committed, .. } = &*self.call;
        let drained = {
            let mut state = self.queue.0.state.borrow_mut();
            state.calls.remove(&self.order);
            state.waiting_writes -= usize::from(self.call.is_waiting_write());
            let ended = &mut state.ended[*kind as usize];
            match stage.get() {
                _ if refused.get() => state.refused += 1,
                Stage::Waiting => ended.cancelled += 1,
                _ if signal.is_cancelled() && !committed.get() => ended.cancelled += 1,
                _ => ended.done += 1,
            }
            state.closing && state.calls.is_empty()
        };
        if drained {
            self.queue.0.drained.set(());
        }
    }
}

/// The right to read. Dropping it ends the call.
#[must_use = "the right to read ends when it is dropped"]
pub struct Reading {
    _permit: Permit,
    _place: Place,
}

/// The units of one call that writes, as a stream: each comes when it may run. Take them as they
/// come and let them run together (`for_each_concurrent`): a unit that nobody takes keeps its
/// place. Dropping the stream gives up the units that it has not handed out.
///
/// A cancelled signal ends the stream with its reason.
#[must_use = "the units that are waited for are given up when this is dropped"]
pub struct Writes {
    place: Rc<Place>,
    /// Not handed out yet.
    units: OrderedSet<u64>,
    cancelled: Wait<Error>,
}

impl Writes {
    /// The unit of a call that has one.
    pub async fn only(mut self) -> Result<Unit> {
        debug_assert_eq!(self.units.len(), 1);
        self.next().await.expect("one unit comes out once")
    }

    fn give_up(&mut self) {
        self.place.queue.end(std::mem::take(&mut self.units).into_items());
    }
}

impl Stream for Writes {
    type Item = Result<Unit>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Unit>>> {
        if self.units.is_empty() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(reason) = self.cancelled.poll_unpin(context) {
            self.give_up();
            return Poll::Ready(Some(Err(reason)));
        }
        let call = &self.place.call;
        let Some((unit, position)) = call.started.borrow_mut().pop_front() else {
            call.waker.set(Some(context.waker().clone()));
            return Poll::Pending;
        };
        self.units.remove(&unit);
        let place = Rc::clone(&self.place);
        Poll::Ready(Some(Ok(Unit { unit, position, place })))
    }
}

impl Drop for Writes {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// A unit of writing that has its source to itself. Dropping it ends it.
#[must_use = "the source is free again when this is dropped"]
pub struct Unit {
    place: Rc<Place>,
    unit: u64,
    position: usize,
}

impl Unit {
    /// Which of the call's sources it is for.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Waits for the turn to commit. What is decided by now is still valid then: nobody else writes
    /// this source; but other sources change, so take everything else from the version at hand.
    pub async fn commit_turn(self) -> Result<Commit> {
        let call = &self.place.call;
        let turn = self.place.queue.0.commits.acquire(0);
        let turn = call.signal.guard(turn.map(Ok)).await?;
        call.stage.set(Stage::Committing);
        call.committed.set(true);
        Ok(Commit { _turn: turn, unit: self })
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.place.queue.end([self.unit]);
    }
}

/// The only turn to commit, with the unit it is for. Dropping it ends both.
#[must_use = "the turn ends when this is dropped"]
pub struct Commit {
    _turn: Permit,
    unit: Unit,
}

impl Drop for Commit {
    fn drop(&mut self) {
        self.unit.place.call.stage.set(Stage::Running);
    }
}

//! How many calls a model gets at once and per second, and who is next.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{order::OrderedMap, port::Clock};

/// Whom a permit is for. Callers take turns; the order of one caller's own requests is kept.
pub type Caller = u64;

/// A counting semaphore. Free permits go round-robin over the callers that wait, and first in,
/// first out within each; with a single caller that is plain first in, first out.
///
/// A permit that is given back goes to the next in line in the same moment, so nobody who comes
/// later can snatch it. Every operation costs as much as a change of an [`OrderedMap`].
#[derive(Clone)]
pub struct Semaphore(Rc<RefCell<Lines>>);

/// Free permits and who waits for one. Invariants: nobody waits while a permit is free; no line is
/// empty; every caller with a line has a turn, but for the one that was served last.
struct Lines {
    free: usize,
    lines: OrderedMap<Caller, Line>,
    /// The callers in the order of their turns.
    turns: OrderedMap<u64, Caller>,
    /// Goes behind the others only when the next one is chosen, and so behind those who came since.
    served: Option<Caller>,
    waiting: usize,
    next: u64,
}

/// The requests of one caller that wait, in the order they were made.
struct Line {
    turn: u64,
    requests: OrderedMap<u64, Option<Waker>>,
}

impl Semaphore {
    /// A semaphore with so many permits, and at least one.
    pub fn new(permits: usize) -> Self {
        Semaphore(Rc::new(RefCell::new(Lines {
            free: permits.max(1),
            lines: OrderedMap::new(),
            turns: OrderedMap::new(),
            served: None,
            waiting: 0,
            next: 0,
        })))
    }

    /// Takes a place in the caller's line, now and not at the first poll.
    pub fn acquire(&self, caller: Caller) -> Acquire {
        let request = self.0.borrow_mut().enter(caller);
        Acquire { semaphore: self.clone(), caller, request, taken: false }
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.0.borrow().waiting
    }

    /// How many permits nobody holds.
    pub fn free(&self) -> usize {
        self.0.borrow().free
    }
}

impl Lines {
    /// `None` if a permit was free, else the number of the request that now waits.
    fn enter(&mut self, caller: Caller) -> Option<u64> {
        if self.free > 0 {
            self.free -= 1;
            return None;
        }
        self.next += 1;
        let (number, turns) = (self.next, &mut self.turns);
        let line = self.lines.get_or_insert_with(caller, || {
            turns.insert(number, caller);
            Line { turn: number, requests: OrderedMap::new() }
        });
        line.requests.insert(number, None);
        self.waiting += 1;
        Some(number)
    }

    /// Whether the request still waits; if so, who is to be woken when it no longer does.
    fn slot(&mut self, caller: Caller, request: u64) -> Option<&mut Option<Waker>> {
        self.lines.get_mut(&caller)?.requests.get_mut(&request)
    }

    /// Removes a request that waits.
    fn leave(&mut self, caller: Caller, request: u64) -> Option<Waker> {
        let line = self.lines.get_mut(&caller).expect("a request waits in its caller's line");
        let waker = line.requests.remove(&request).expect("only a waiting request leaves");
        if line.requests.is_empty() {
            self.turns.remove(&line.turn);
            self.lines.remove(&caller);
            self.served.take_if(|served| *served == caller);
        }
        self.waiting -= 1;
        waker
    }

    /// Hands a permit to the next in line.
    fn release(&mut self) -> Option<Waker> {
        if let Some(caller) = self.served.take() {
            self.next += 1;
            self.turns.insert(self.next, caller);
            self.lines.get_mut(&caller).expect("it has a line").turn = self.next;
        }
        let Some((_, caller)) = self.turns.pop_first() else {
            self.free += 1;
            return None;
        };
        self.served = Some(caller);
        let line = self.lines.get(&caller).expect("who has a turn has a line");
        let request = *line.requests.first_key_value().expect("no line is empty").0;
        self.leave(caller, request)
    }
}

/// Future of [`Semaphore::acquire`]. Dropping it gives up the place in line, or the permit.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquire {
    semaphore: Semaphore,
    caller: Caller,
    /// `None` if it never had to wait.
    request: Option<u64>,
    /// Whether the permit was handed out.
    taken: bool,
}

impl Acquire {
    /// Whether the permit is still to come.
    pub fn is_waiting(&self) -> bool {
        let mut lines = self.semaphore.0.borrow_mut();
        self.request.is_some_and(|request| lines.slot(self.caller, request).is_some())
    }
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        debug_assert!(!self.taken, "polled after it was ready");
        let mut waker = Some(context.waker().clone());
        let waits = self.request.is_some_and(|request| {
            let mut lines = self.semaphore.0.borrow_mut();
            // Swapped, so that the old waker is dropped after the borrow.
            lines.slot(self.caller, request).map(|slot| std::mem::swap(slot, &mut waker)).is_some()
        });
        if waits {
            return Poll::Pending;
        }
        self.taken = true;
        Poll::Ready(Permit(self.semaphore.clone()))
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        match self.request {
            _ if self.taken => {}
            Some(request) if self.is_waiting() => {
                let _waker = self.semaphore.0.borrow_mut().leave(self.caller, request);
            }
            _ => drop(Permit(self.semaphore.clone())),
        }
    }
}

/// The right to one call. Dropping it gives the permit to the next in line.
#[must_use = "a permit is given back when it is dropped"]
pub struct Permit(Semaphore);

impl Drop for Permit {
    fn drop(&mut self) {
        let waker = self.0.0.borrow_mut().release();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a model is asked at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateLimits {
    /// Calls at once; at least one is let through.
    pub concurrency: usize,
    /// Calls per second in the long run. Infinity is no limit.
    pub per_second: f64,
    /// Calls that may start together after a pause; at least one.
    pub burst: u32,
}

/// What every call of a model passes: a limit at once, a limit per second, fair over callers.
///
/// Of those who wait, only one stands at the door, where it waits for a permit and then for its
/// time. So whoever comes with a single call is behind that one and behind one call of each other
/// caller, however many calls those have waiting.
pub struct CallGate {
    door: Semaphore,
    permits: Semaphore,
    rate: Rate,
    clock: Rc<dyn Clock>,
}

impl CallGate {
    /// A gate that keeps time by `clock`.
    pub fn new(limits: GateLimits, clock: Rc<dyn Clock>) -> Self {
        CallGate {
            door: Semaphore::new(1),
            permits: Semaphore::new(limits.concurrency),
            rate: Rate::new(limits.per_second, limits.burst),
            clock,
        }
    }

    /// Waits for the caller's turn. Hold the permit for as long as the call runs.
    pub async fn acquire(&self, caller: Caller) -> Permit {
        let _door = self.door.acquire(caller).await;
        let permit = self.permits.acquire(caller).await;
        let mut now = self.clock.now();
        let wait = self.rate.wait(now);
        if wait > 0.0 {
            self.clock.sleep(wait).await;
            now = self.clock.now();
        }
        self.rate.take(now);
        permit
    }

    /// How many calls wait to be let through.
    pub fn waiting(&self) -> usize {
        self.door.waiting() + (1 - self.door.free())
    }
}

/// A token bucket, kept as the time at which it will be full again: the generic cell rate algorithm
/// of ITU-T I.371, which needs no refilling and gathers no rounding errors.
struct Rate {
    /// Milliseconds in which one token comes back.
    interval: f64,
    /// Milliseconds in which an empty bucket but for one token is full.
    tolerance: f64,
    full_at: Cell<f64>,
}

impl Rate {
    fn new(per_second: f64, burst: u32) -> Self {
        let interval = 1000.0 / per_second;
        let tolerance = interval * f64::from(burst.max(1) - 1);
        Rate { interval, tolerance, full_at: Cell::new(f64::NEG_INFINITY) }
    }

    /// Milliseconds from `now` until there is a token; none or less if there is one.
    fn wait(&self, now: f64) -> f64 {
        self.full_at.get() - self.tolerance - now
    }

    fn take(&self, now: f64) {
        self.full_at.set(self.full_at.get().max(now) + self.interval);
    }
}

use std::{cell::Cell, rc::Rc};

use futures::future::LocalBoxFuture;

/// Time, and the host's turn.
pub trait Clock {
    /// Milliseconds since any fixed moment; never goes back.
    fn now(&self) -> f64;

    /// Resolves after at least so many milliseconds.
    fn sleep(&self, milliseconds: f64) -> LocalBoxFuture<'static, ()>;

    /// Resolves after the host has had its turn to draw and to handle events, so that long work
    /// can be sliced.
    fn yield_now(&self) -> LocalBoxFuture<'static, ()>;
}

/// Milliseconds of work between two turns of the host: two slices and a large step between them
/// stay well under the 50 that count as a long task.
const SLICE: f64 = 8.0;

/// Milliseconds without a call of [`Pacer::pause`] after which it is taken that the host has had its
/// turn: no step is so long.
const AWAY: f64 = 40.0;

/// Slices all work that shares it, however many calls do it: each step asks whether it is time
/// for the host's turn. Without a clock it never is.
#[derive(Clone, Default)]
pub struct Pacer(Option<Rc<Slice>>);

struct Slice {
    clock: Rc<dyn Clock>,
    began: Cell<f64>,
}

impl Pacer {
    /// A pacer by that clock.
    pub fn new(clock: Rc<dyn Clock>) -> Self {
        Pacer(Some(Rc::new(Slice { clock, began: Cell::new(f64::NEG_INFINITY) })))
    }

    /// Whether the next [`Pacer::pause`] would give the host its turn.
    pub fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|slice| slice.clock.now() - slice.began.get() >= SLICE)
    }

    /// Takes all steps of long work, one of which says whether there is more to do, with pauses between.
    pub async fn all(&self, step: &mut dyn FnMut() -> bool) {
        while step() {
            if self.is_due() {
                self.pause().await;
            }
        }
    }

    /// Goes between the steps of long work. Gives the host its turn if that is due, and says so; else
    /// costs a look at the clock.
    pub async fn pause(&self) -> bool {
        let Some(slice) = &self.0 else { return false };
        let now = slice.clock.now();
        let elapsed = now - slice.began.get();
        if elapsed < SLICE {
            return false;
        }
        if elapsed < AWAY {
            slice.clock.yield_now().await;
        }
        slice.began.set(slice.clock.now());
        elapsed < AWAY
    }
}

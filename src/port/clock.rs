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
    /// When [`Pacer::is_due`] last looked at the clock,
    looked: Cell<f64>,
    /// how many times it is asked between two looks,
    between: Cell<u32>,
    /// and how many of them are to come.
    left: Cell<u32>,
}

/// Steps that took less than this altogether are so short that the clock need not be looked at after each, but
const SHORT: f64 = 0.25;

/// after so many at least.
const BETWEEN: u32 = 7;

impl Slice {
    fn is_over(&self) -> bool {
        if let Some(left) = self.left.get().checked_sub(1) {
            self.left.set(left);
            return false;
        }
        let now = self.clock.now();
        let short = now - self.looked.replace(now) < SHORT;
        self.between.set(if short { BETWEEN.min(2 * self.between.get() + 1) } else { 0 });
        self.left.set(self.between.get());
        now - self.began.get() >= SLICE
    }
}

impl Pacer {
    /// A pacer by that clock.
    pub fn new(clock: Rc<dyn Clock>) -> Self {
        let never = || Cell::new(f64::NEG_INFINITY);
        let (began, looked) = (never(), never());
        Pacer(Some(Rc::new(Slice {
            clock,
            began,
            looked,
            between: Cell::new(0),
            left: Cell::new(0),
        })))
    }

    /// Whether the next [`Pacer::pause`] would give the host its turn, as far as it is known without a look at
    /// the clock after each of several short steps: that takes longer than the shortest.
    pub fn is_due(&self) -> bool {
        self.0.as_ref().is_some_and(|slice| slice.is_over())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Time that passes with every step, and how often it was looked at.
    #[derive(Default)]
    struct Passing {
        now: Cell<f64>,
        looks: Cell<u32>,
    }

    impl Clock for Passing {
        fn now(&self) -> f64 {
            self.looks.set(self.looks.get() + 1);
            self.now.get()
        }

        fn sleep(&self, _: f64) -> LocalBoxFuture<'static, ()> {
            unreachable!("nothing sleeps here")
        }

        fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    /// Looks at the clock while so many steps are taken, and the most that a slice was longer than it should be.
    fn steps(count: u32, milliseconds: f64) -> (u32, f64) {
        let clock = Rc::new(Passing::default());
        let pacer = Pacer::new(clock.clone());
        futures::executor::block_on(pacer.pause());
        let (mut began, mut over) = (0.0, 0.0_f64);
        for _ in 0..count {
            clock.now.set(clock.now.get() + milliseconds);
            if pacer.is_due() {
                over = over.max(clock.now.get() - began - SLICE);
                futures::executor::block_on(pacer.pause());
                began = clock.now.get();
            }
        }
        (clock.looks.get(), over)
    }

    #[test]
    fn the_clock_is_looked_at_after_each_long_step_and_after_some_short_ones() {
        let (looks, over) = steps(10_000, 0.01);
        assert!(looks < 10_000 / 7 && over < 0.1, "{looks} looks, {over} ms over");
        let (looks, over) = steps(1000, 1.0);
        assert!(looks >= 1000 && over < 1.0, "{looks} looks, {over} ms over");
    }
}

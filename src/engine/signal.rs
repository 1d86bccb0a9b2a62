//! Cancellation and deadlines: what lets go of a future before it is done.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures::future::{Either, LocalBoxFuture, select};

use crate::{
    order::OrderedMap,
    port::Clock,
    record::{Error, Result},
};

/// Something that happens once, with a value, and that any number of futures wait for.
pub struct Event<T>(Rc<RefCell<Happening<T>>>);

struct Happening<T> {
    value: Option<T>,
    /// By the number of the [`Wait`], so that a dropped one is forgotten at once.
    wakers: OrderedMap<u64, Waker>,
    next: u64,
}

impl<T> Clone for Event<T> {
    fn clone(&self) -> Self {
        Event(Rc::clone(&self.0))
    }
}

impl<T> Default for Event<T> {
    fn default() -> Self {
        Event(Rc::new(RefCell::new(Happening { value: None, wakers: OrderedMap::new(), next: 0 })))
    }
}

impl<T: Clone> Event<T> {
    /// It happens. Only the first value counts.
    pub fn set(&self, value: T) {
        let wakers = {
            let mut happening = self.0.borrow_mut();
            if happening.value.is_some() {
                return;
            }
            happening.value = Some(value);
            std::mem::take(&mut happening.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }

    /// The value, if it has happened.
    pub fn get(&self) -> Option<T> {
        self.0.borrow().value.clone()
    }

    /// Resolves with the value once it has happened.
    pub fn wait(&self) -> Wait<T> {
        let mut happening = self.0.borrow_mut();
        happening.next += 1;
        Wait { event: self.clone(), number: happening.next }
    }
}

/// Future of [`Event::wait`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait<T> {
    event: Event<T>,
    number: u64,
}

impl<T: Clone> Future for Wait<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.event.get() {
            return Poll::Ready(value);
        }
        // Held until the borrow has ended: dropping a waker may drop a task, and that comes here.
        let _old = self.event.0.borrow_mut().wakers.insert(self.number, context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        let _old = self.event.0.borrow_mut().wakers.remove(&self.number);
    }
}

/// Tells one call that nobody wants it any more. Cheap to clone; all clones are the same signal.
///
/// A call that changes something has one shape, and the shape is what makes it safe to cancel:
/// what comes before the commit runs under [`guard`](Signal::guard), which hands out the turn to
/// commit; the commit itself runs outside, and nothing cancels it.
///
/// ```
/// # use smolrag::{engine::{Queue, QueueLimits, Signal}, record::{Error, Result}};
/// # futures::executor::block_on(async {
/// # let queue = Queue::new(QueueLimits::default());
/// # let think = async || Result::<_>::Ok("what to write");
/// # let write = async |_: &str| Result::<()>::Ok(());
/// let signal = Signal::default();
/// let (turn, change) = signal
///     .guard(async {
///         let unit = queue.write(["guide.md"], &signal)?.only().await?;
///         let change = think().await?;
///         Ok((unit.commit_turn().await?, change))
///     })
///     .await?;
/// write(change).await?; // From here on the call succeeds, whatever the signal says.
/// drop(turn);
/// # Result::<()>::Ok(()) }).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Signal(Event<Error>);

impl Signal {
    /// Cancels for a reason that every guarded future then fails with. Only the first one counts.
    pub fn cancel(&self, reason: Error) {
        self.0.set(reason);
    }

    /// Whether somebody has cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.get().is_some()
    }

    /// Fails with the reason if somebody has cancelled.
    pub fn check(&self) -> Result<()> {
        self.0.get().map_or(Ok(()), Err)
    }

    /// Resolves with the reason once somebody cancels.
    pub fn cancelled(&self) -> Wait<Error> {
        self.0.wait()
    }

    /// Runs `work` unless and until the signal is cancelled; then drops it, with everything it
    /// holds, and fails with the reason. Work that is done in the moment of the cancellation
    /// counts as cancelled.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        // Boxed: pinned in place, a future would take twice its size in each of the nested guards.
        let work: LocalBoxFuture<'_, Result<T>> = Box::pin(work);
        match select(self.cancelled(), work).await {
            Either::Left((reason, _)) => Err(reason),
            Either::Right((result, _)) => result,
        }
    }
}

/// Runs `work` for at most so many milliseconds; then drops it and fails with what `late` says.
/// Work that is done in the last moment counts as done.
pub async fn within<T>(
    clock: &dyn Clock,
    milliseconds: f64,
    work: impl Future<Output = Result<T>>,
    late: impl FnOnce() -> Error,
) -> Result<T> {
    let work: LocalBoxFuture<'_, Result<T>> = Box::pin(work);
    match select(work, clock.sleep(milliseconds)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(late()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{Arc, atomic::AtomicU32, atomic::Ordering::Relaxed},
        task::Wake,
    };

    use futures::{FutureExt, future::pending};

    use super::*;
    use crate::record::Code;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn everybody_who_waits_is_woken_once_and_who_is_dropped_is_forgotten() {
        let (signal, woken) = (Signal::default(), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let mut waits: Vec<_> = (0..10).map(|_| signal.cancelled()).collect();
        for wait in &mut waits {
            assert!(wait.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        }
        waits.truncate(4);
        assert_eq!(Arc::strong_count(&woken), 2 + 4);
        signal.cancel(Error::aborted());
        signal.cancel(Error::invalid("only the first reason counts"));
        assert_eq!(woken.0.load(Relaxed), 4);
        assert_eq!(Arc::strong_count(&woken), 2);
        assert!(waits.into_iter().all(|wait| wait.now_or_never() == Some(Error::aborted())));
    }

    #[test]
    fn a_guard_drops_what_it_guards_before_it_fails() {
        let (signal, held) = (Signal::default(), Rc::new(()));
        let work = async {
            let _held = Rc::clone(&held);
            pending::<Result<()>>().await
        };
        let mut guarded = pin!(signal.guard(work));
        assert!(guarded.as_mut().now_or_never().is_none());
        assert_eq!(Rc::strong_count(&held), 2);
        signal.cancel(Error::aborted());
        let result = guarded.as_mut().now_or_never();
        assert_eq!(Rc::strong_count(&held), 1);
        assert_eq!(result.unwrap().unwrap_err().code, Code::Aborted);
        let late = signal.guard(async { unreachable!("nothing begins under a cancelled signal") });
        assert_eq!(late.now_or_never(), Some(Result::<()>::Err(Error::aborted())));
    }
}

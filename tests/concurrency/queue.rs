//! The queue by itself: what it promises, a test for each.

use std::{cell::RefCell, future::pending, rc::Rc};

use futures::{FutureExt, StreamExt, future::join_all};
use smolrag::{
    engine::{PASSING, Queue, QueueLimits, Signal},
    record::{Code, Error},
};

use crate::executor::{Executor, block_on, step};

fn queue(queue: usize, readers: usize, writers: usize) -> Queue {
    Queue::new(QueueLimits { queue, readers, writers })
}

fn signal() -> Signal {
    Signal::default()
}

#[test]
fn a_call_too_many_is_refused_at_once_with_the_length() {
    let queue = queue(2, 1, 1);
    let running = queue.write(["a"], &signal()).unwrap();
    let waiting = [
        queue.write(["a", "b", "c"], &signal()).unwrap(), // Three units, one call.
        queue.write(["a"], &signal()).unwrap(),
    ];
    let error = queue.write(["a"], &signal()).err().unwrap();
    assert_eq!(error.code, Code::QueueFull);
    assert!(error.message.contains("2 calls wait"), "{error}");
    // A call that need not wait is no call that waits.
    let reading = queue.read(&signal()).unwrap();
    assert_eq!(queue.read(&signal()).err().unwrap().code, Code::QueueFull);
    drop((running, reading));
    assert!(queue.read(&signal()).is_ok());
    let stats = queue.stats();
    assert_eq!((stats.refused, stats.writes.waiting), (2, 1));
    // What gives up makes room.
    drop(waiting);
    let held = queue.write(["a"], &signal()).unwrap();
    let waiting = [(); 2].map(|()| queue.write(["a"], &signal()).unwrap());
    assert!(queue.write(["a"], &signal()).is_err());
    drop((held, waiting));
    assert_eq!(queue.stats().writes.waiting, 0);
}

#[test]
fn a_dropped_call_frees_its_place_at_once_wherever_it_is() {
    let queue = queue(1024, 1, 1);
    let first = queue.write(["a"], &signal()).unwrap();
    let second = queue.write(["a", "b"], &signal()).unwrap();
    let mut third = queue.write(["a"], &signal()).unwrap();
    drop(second); // While it waits.
    assert!(third.next().now_or_never().is_none());
    let unit = first.only().now_or_never().unwrap().unwrap();
    drop(unit); // While it thinks.
    let unit = third.next().now_or_never().unwrap().unwrap().unwrap();
    let turn = unit.commit_turn().now_or_never().unwrap().unwrap();
    assert_eq!(queue.stats().writes.committing, 1);
    drop((turn, third));

    let reading = queue.read(&signal()).unwrap().now_or_never().unwrap().unwrap();
    let granted_later = queue.read(&signal()).unwrap();
    let last = queue.read(&signal()).unwrap();
    drop(reading);
    drop(granted_later); // It had its turn already and nobody had told it.
    assert!(last.now_or_never().unwrap().is_ok());

    let stats = queue.stats();
    assert_eq!((stats.reads.waiting, stats.reads.running), (0, 0));
    assert_eq!((stats.reads.done, stats.reads.cancelled), (2, 1));
    assert_eq!((stats.writes.done, stats.writes.cancelled), (2, 1));
}

#[test]
fn a_signal_ends_a_wait_with_its_reason() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 1, 4);
    let cancelled = signal();
    let _reading = block_on(&executor, queue.read(&signal()).unwrap()).unwrap();
    let held = block_on(&executor, queue.write(["a"], &signal()).unwrap().only()).unwrap();
    let turn = block_on(&executor, held.commit_turn()).unwrap();
    let thinking = block_on(&executor, queue.write(["b"], &cancelled).unwrap().only()).unwrap();

    let read = executor.spawn(queue.read(&cancelled).unwrap());
    let write = executor.spawn(queue.write(["a"], &cancelled).unwrap().only());
    let commit = executor.spawn(thinking.commit_turn());
    assert_eq!(executor.run(), 3);
    cancelled.cancel(Error::aborted());
    assert_eq!(executor.run(), 0);
    assert_eq!(read.take().unwrap().err(), Some(Error::aborted()));
    assert_eq!(write.take().unwrap().err(), Some(Error::aborted()));
    assert_eq!(commit.take().unwrap().err(), Some(Error::aborted()));
    let stats = queue.stats();
    assert_eq!((stats.reads.cancelled, stats.writes.cancelled), (1, 2));
    drop(turn);
    assert_eq!(queue.stats().writes.done, 1);
}

#[test]
fn a_stuck_writer_never_delays_a_read() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 2, 1);
    let stuck = queue.clone();
    executor.spawn(async move {
        let unit = stuck.write_all(&signal()).unwrap().only().await.unwrap();
        let _turn = unit.commit_turn().await.unwrap();
        pending::<()>().await
    });
    executor.spawn(queue.write(["a"], &signal()).unwrap().only());
    executor.run();
    for _ in 0..100 {
        let reading = queue.read(&signal()).unwrap();
        assert!(reading.now_or_never().unwrap().is_ok());
    }
}

#[test]
fn a_write_on_everything_runs_alone_and_in_its_order() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 1, 4);
    let log = Rc::new(RefCell::new(Vec::new()));
    for name in ["a", "b", "everything", "c", "d"] {
        let writes = match name {
            "everything" => queue.write_all(&signal()),
            source => queue.write([source], &signal()),
        };
        let (writes, log) = (writes.unwrap(), Rc::clone(&log));
        executor.spawn(async move {
            let _unit = writes.only().await.unwrap();
            log.borrow_mut().push(name);
            step().await;
            log.borrow_mut().push(name);
        });
    }
    assert_eq!(executor.run(), 0);
    let log = log.take();
    assert_eq!(log[4..6], ["everything"; 2]);
    assert!(log[..4].iter().all(|name| ["a", "b"].contains(name)), "{log:?}");
}

#[test]
fn no_later_read_passes_one_that_waits() {
    let executor = Executor::seeded(7);
    let queue = queue(1024, 3, 1);
    let started = Rc::new(RefCell::new(Vec::new()));
    for number in 0..50 {
        let (turn, started) = (queue.read(&signal()).unwrap(), Rc::clone(&started));
        executor.spawn(async move {
            let _reading = turn.await.unwrap();
            started.borrow_mut().push(number);
            step().await;
        });
    }
    executor.run();
    // With three running at once, the executor may poll the third before the first.
    let started = started.take();
    assert!(started.iter().enumerate().all(|(at, &number)| number < at + 3), "{started:?}");
}

#[test]
fn fewer_later_calls_than_the_bound_pass_one_that_waits_for_its_source() {
    let queue = queue(usize::MAX, 1, 4);
    let _stuck = queue.write(["a"], &signal()).unwrap();
    let mut waits = queue.write(["a"], &signal()).unwrap();
    let passes = |_: &u64| {
        let mut later = queue.write(["b"], &signal()).unwrap();
        later.next().now_or_never().is_some()
    };
    assert_eq!((0..2 * PASSING).filter(passes).count() as u64, PASSING - 1);
    assert!(waits.next().now_or_never().is_none());
}

#[test]
fn units_of_one_call_come_as_they_may_run() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 1, 2);
    let held = block_on(&executor, queue.write(["b"], &signal()).unwrap().only()).unwrap();
    let mut writes = queue.write(["a", "b", "a", "c"], &signal()).unwrap();
    let mut next = || writes.next().now_or_never().map(|unit| unit.unwrap().unwrap());
    let a = next().unwrap();
    assert_eq!(a.position(), 0);
    assert!(next().is_none());
    drop(held);
    let b = next().unwrap();
    assert_eq!(b.position(), 1);
    drop(a);
    assert_eq!(next().unwrap().position(), 2);
    assert_eq!(next().unwrap().position(), 3);
    drop(b);
    assert!(writes.next().now_or_never().unwrap().is_none());
}

#[test]
fn a_call_that_writes_nothing_is_done_at_once() {
    let queue = queue(0, 1, 1);
    let mut writes = queue.write([""; 0], &signal()).unwrap();
    assert!(writes.next().now_or_never().unwrap().is_none());
    drop(writes);
    assert_eq!(queue.stats().writes.done, 1);
}

#[test]
fn close_refuses_what_is_new_and_waits_for_what_is_there() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 1, 1);
    let running = queue.write(["a"], &signal()).unwrap();
    let waiting = queue.write(["a"], &signal()).unwrap();
    let reading = queue.read(&signal()).unwrap();
    let closed = [executor.spawn(queue.close()), executor.spawn(queue.close())];
    assert_eq!(queue.read(&signal()).err().unwrap().code, Code::Closed);
    assert_eq!(queue.write(["b"], &signal()).err().unwrap().code, Code::Closed);
    assert_eq!(queue.write_all(&signal()).err().unwrap().code, Code::Closed);
    drop(running);
    drop(block_on(&executor, waiting.only()).unwrap());
    assert!(closed.iter().all(|task| task.take().is_none()));
    drop(reading);
    executor.run();
    assert!(closed.iter().all(|task| task.take().is_some()));
}

#[test]
fn forced_close_cancels_all_but_the_commit_in_progress() {
    let executor = Executor::seeded(1);
    let queue = queue(1024, 1, 3);
    let stored = signal(); // Stands for the storage's answer.
    let calls = ["commits", "thinks", "waits for the turn", "thinks"].map(|source| {
        let (signal, stored) = (signal(), stored.clone());
        let writes = queue.write([source], &signal).unwrap();
        let call = executor.spawn(async move {
            let prepare = async {
                let unit = writes.only().await?;
                if source == "thinks" {
                    pending::<()>().await; // A model that never answers.
                }
                unit.commit_turn().await
            };
            let _turn = signal.guard(prepare).await?;
            stored.cancelled().await;
            Result::<_, Error>::Ok(source)
        });
        executor.run();
        call
    });
    let closed = executor.spawn(queue.close_forced());
    assert_eq!(executor.run(), 2); // The commit, and the close that waits for it.
    stored.cancel(Error::aborted());
    assert_eq!(executor.run(), 0);
    assert!(closed.take().is_some());
    let [committed, cancelled @ ..] = calls.map(|call| call.take().unwrap());
    assert_eq!(committed, Ok("commits"));
    assert!(cancelled.iter().all(|result| result.as_ref().unwrap_err().code == Code::Closed));
    let stats = queue.stats().writes;
    assert_eq!((stats.done, stats.cancelled), (1, 3));
}

#[test]
fn ten_thousand_calls_at_once_all_settle() {
    let executor = Executor::seeded(3);
    let queue = queue(10_000, 64, 4);
    let sources: Vec<Rc<str>> = (0..50).map(|i| format!("{i}.md").into()).collect();
    let cancelled = Rc::new(RefCell::new(0));
    let calls: Vec<_> = (0..10_000)
        .map(|number| {
            let (signal, cancelled) = (signal(), Rc::clone(&cancelled));
            let aborts = number % 10 == 9;
            let read = (number % 2 == 0).then(|| queue.read(&signal).unwrap());
            let source = sources[number % sources.len()].clone();
            let write = (number % 2 == 1).then(|| queue.write([source], &signal).unwrap());
            let killer = signal.clone();
            let call = async move {
                let work = signal.guard(async {
                    if let Some(turn) = read {
                        let _reading = turn.await?;
                        step().await;
                    }
                    if let Some(writes) = write {
                        let unit = writes.only().await?;
                        step().await;
                        let _turn = unit.commit_turn().await?;
                        step().await;
                    }
                    Ok(())
                });
                *cancelled.borrow_mut() += u64::from(work.await.is_err());
            };
            if aborts {
                executor.spawn(async move { killer.cancel(Error::aborted()) });
            }
            call
        })
        .collect();
    for call in calls {
        executor.spawn(call);
    }
    assert_eq!(executor.run(), 0);
    let stats = queue.stats();
    assert_eq!(stats.reads.done + stats.reads.cancelled, 5_000);
    assert_eq!(stats.writes.done + stats.writes.cancelled, 5_000);
    assert!(cancelled.take() > 500);
    assert!(queue.close().now_or_never().is_some());
}

#[test]
fn everybody_who_closes_is_told() {
    let executor = Executor::seeded(1);
    let queue = queue(1, 1, 1);
    block_on(&executor, join_all((0..3).map(|_| queue.close())));
    block_on(&executor, queue.close_forced());
}

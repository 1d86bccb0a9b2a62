//! The gate before a model, by itself.

use std::{cell::RefCell, future::pending, rc::Rc};

use futures::FutureExt;
use smolrag::engine::{CallGate, GateLimits, Semaphore};

use crate::executor::{Executor, step};

fn gate(executor: &Executor, concurrency: usize, per_second: f64, burst: u32) -> Rc<CallGate> {
    Rc::new(CallGate::new(GateLimits { concurrency, per_second, burst }, executor.clock()))
}

#[test]
fn a_semaphore_is_first_in_first_out_and_hands_over() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire(0).now_or_never().unwrap();
    let (mut first, mut second) = (semaphore.acquire(0), semaphore.acquire(0));
    assert!((&mut second).now_or_never().is_none());
    drop(held);
    assert_eq!(semaphore.waiting(), 1);
    // Nobody who comes later snatches what the first one has not picked up yet.
    assert!(semaphore.acquire(0).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    drop((&mut first).now_or_never().unwrap());
    drop((&mut second).now_or_never().unwrap());
    drop((first, second));
    assert_eq!((semaphore.waiting(), semaphore.free()), (0, 1));
}

#[test]
fn a_dropped_request_leaves_the_line_and_a_dropped_grant_goes_on() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire(1).now_or_never().unwrap();
    let (waits, granted, mut last) =
        (semaphore.acquire(1), semaphore.acquire(2), semaphore.acquire(3));
    drop(waits);
    assert_eq!(semaphore.waiting(), 2);
    drop(held);
    assert!(!granted.is_waiting());
    drop(granted);
    drop((&mut last).now_or_never().unwrap());
    drop(last);
    assert_eq!((semaphore.waiting(), semaphore.free()), (0, 1));
}

/// Lets callers acquire in this order while one call runs; returns the order they are let through.
fn order(executor: &Executor, gate: &Rc<CallGate>, callers: &[u64]) -> Vec<u64> {
    let let_through = Rc::new(RefCell::new(Vec::new()));
    for &caller in callers {
        let (gate, let_through) = (Rc::clone(gate), Rc::clone(&let_through));
        executor.spawn(async move {
            let _permit = gate.acquire(caller).await;
            let_through.borrow_mut().push(caller);
            step().await;
        });
    }
    assert_eq!(executor.run(), 0);
    let_through.take()
}

#[test]
fn a_large_ingest_delays_a_querys_one_call_by_at_most_one_permit() {
    const INGEST: u64 = 1;
    const QUERY: u64 = 2;
    for seed in 0..200 {
        let executor = Executor::seeded(seed);
        let gate = gate(&executor, 2, 100.0, 5);
        let order = Rc::new(RefCell::new(Vec::new()));
        let call = |caller| {
            let (gate, order) = (Rc::clone(&gate), Rc::clone(&order));
            async move {
                let _permit = gate.acquire(caller).await;
                order.borrow_mut().push(caller);
                step().await;
            }
        };
        for _ in 0..100 {
            executor.spawn(call(INGEST));
        }
        let (query, before, clock) = (call(QUERY), Rc::clone(&order), executor.clock());
        let passed = executor.spawn(async move {
            clock.sleep(300.0).await;
            let at = before.borrow().len();
            query.await;
            let order = before.borrow();
            assert!(at < 60, "the ingest is not through yet");
            order.iter().position(|&caller| caller == QUERY).unwrap() - at
        });
        assert_eq!(executor.run(), 0);
        assert!(passed.take().unwrap() <= 1, "seed {seed}");
    }
}

#[test]
fn callers_take_turns_and_each_keeps_its_order() {
    let semaphore = Semaphore::new(1);
    let mut held = semaphore.acquire(0).now_or_never();
    let mut requests: Vec<_> =
        [1, 1, 1, 2, 2, 3].map(|caller| (caller, semaphore.acquire(caller))).into();
    let mut turns = Vec::new();
    while !requests.is_empty() {
        drop(held.take());
        let next = requests.iter().position(|(_, request)| !request.is_waiting()).unwrap();
        let (caller, request) = requests.remove(next);
        turns.push((caller, next));
        held = request.now_or_never();
    }
    assert_eq!(turns.iter().map(|turn| turn.0).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 1]);
}

#[test]
fn no_more_calls_at_once_and_per_second_than_allowed() {
    for seed in 0..50 {
        let executor = Executor::seeded(seed);
        let gate = gate(&executor, 3, 50.0, 10);
        let starts = Rc::new(RefCell::new(Vec::new()));
        let running = Rc::new(RefCell::new(0));
        for number in 0..200 {
            let (gate, clock) = (Rc::clone(&gate), executor.clock());
            let (starts, running) = (Rc::clone(&starts), Rc::clone(&running));
            executor.spawn(async move {
                let _permit = gate.acquire(number % 7).await;
                starts.borrow_mut().push(clock.now());
                *running.borrow_mut() += 1;
                assert!(*running.borrow() <= 3);
                clock.sleep(11.0).await;
                *running.borrow_mut() -= 1;
            });
        }
        assert_eq!(executor.run(), 0);
        let starts = starts.take();
        for (i, from) in starts.iter().enumerate() {
            for (n, to) in starts[i..].iter().enumerate() {
                // n + 1 calls in this window: at most the burst and what came back meanwhile.
                assert!((n + 1) as f64 <= 10.0 + (to - from) / 20.0 + 1e-6, "seed {seed}");
            }
        }
        // And it is used to the full: 190 calls at 20 ms behind a burst of 10.
        assert!((starts.last().unwrap() - 190.0 * 20.0).abs() < 50.0);
    }
}

#[test]
fn no_limit_per_second_never_sleeps() {
    let executor = Executor::seeded(1);
    let gate = gate(&executor, 2, f64::INFINITY, 1);
    assert_eq!(order(&executor, &gate, &[1; 100]).len(), 100);
    assert_eq!(executor.clock().now(), 0.0);
}

#[test]
fn whoever_gives_up_at_the_door_or_in_a_call_lets_the_next_one_in() {
    let executor = Executor::seeded(1);
    let gate = gate(&executor, 1, 1.0, 1);
    let acquire = |gate: &Rc<CallGate>| {
        let gate = Rc::clone(gate);
        executor.spawn(async move {
            let _permit = gate.acquire(1).await;
            pending::<()>().await
        })
    };
    let runs = acquire(&gate);
    executor.run();
    let at_door = acquire(&gate);
    executor.run();
    let behind = acquire(&gate);
    executor.run();
    assert_eq!(gate.waiting(), 2);
    at_door.kill();
    behind.kill();
    assert_eq!(gate.waiting(), 0);
    runs.kill();
    assert_eq!(order(&executor, &gate, &[1, 2]).len(), 2);
}

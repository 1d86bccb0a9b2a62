//! What queueing costs: one call that finds nobody else, and each of ten thousand in flight.

use std::{hint::black_box, rc::Rc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::{FutureExt, executor::LocalPool, task::LocalSpawnExt};
use smolrag::engine::{Queue, QueueLimits, Signal};

const CALLS: usize = 10_000;
const SOURCES: usize = 50;

fn queue() -> Queue {
    Queue::new(QueueLimits { queue: CALLS, ..QueueLimits::default() })
}

fn sources() -> Vec<Rc<str>> {
    (0..SOURCES).map(|number| format!("{number}.md").into()).collect()
}

fn alone(c: &mut Criterion) {
    let (queue, source) = (queue(), Rc::<str>::from("a.md"));
    c.bench_function("a read that finds nobody else", |b| {
        b.iter(|| {
            let reading = queue.read(&Signal::default()).unwrap().now_or_never();
            drop(black_box(reading.unwrap().unwrap()));
        })
    });
    c.bench_function("a write that finds nobody else", |b| {
        b.iter(|| {
            let writes = queue.write([Rc::clone(&source)], &Signal::default()).unwrap();
            let unit = writes.only().now_or_never().unwrap().unwrap();
            drop(black_box(unit.commit_turn().now_or_never().unwrap().unwrap()));
        })
    });
}

fn in_flight(c: &mut Criterion) {
    let sources = sources();
    let mut group = c.benchmark_group("10,000 calls in flight");
    group.throughput(Throughput::Elements(CALLS as u64));
    group.bench_function("reads and writes, all run", |b| {
        b.iter(|| {
            let (queue, mut pool) = (queue(), LocalPool::new());
            for number in 0..CALLS {
                let (queue, source) = (queue.clone(), Rc::clone(&sources[number % SOURCES]));
                let call = async move {
                    let signal = Signal::default();
                    if number % 2 == 0 {
                        drop(queue.read(&signal).unwrap().await.unwrap());
                    } else {
                        let unit = queue.write([source], &signal).unwrap().only().await.unwrap();
                        drop(unit.commit_turn().await.unwrap());
                    }
                };
                pool.spawner().spawn_local(call).unwrap();
            }
            pool.run();
        })
    });
    group.bench_function("all dropped while they wait", |b| {
        let waiting = || {
            let queue = queue();
            let held: Vec<_> =
                sources.iter().map(|s| queue.write([Rc::clone(s)], &Signal::default())).collect();
            let waiting: Vec<_> = (0..CALLS - SOURCES)
                // A stride that is prime to their number: from all over the queue.
                .map(|number| Rc::clone(&sources[number * 7919 % SOURCES]))
                .map(|source| queue.write([source], &Signal::default()).unwrap())
                .collect();
            (waiting, held)
        };
        b.iter_batched(waiting, drop, BatchSize::LargeInput)
    });
    group.finish();
}

criterion_group!(benches, alone, in_flight);
criterion_main!(benches);

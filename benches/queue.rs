//! What queueing costs: one call that finds nobody else, and each of ten thousand in flight.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    hint::black_box,
    mem,
    rc::Rc,
    task::Poll,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures::{FutureExt, StreamExt, executor::LocalPool, task::LocalSpawnExt};
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

/// What queueing adds to each of some queries that come at once during an ingest: from when it may
/// run, because it has come and a place is free, until it runs. Queries wait for something else three
/// times, as for models, and compute nothing.
fn during_an_ingest(c: &mut Criterion) {
    let sources = sources();
    let mut group = c.benchmark_group("added to one of these queries at once, during an ingest");
    for count in [10, 50, 100, 200] {
        group.bench_function(count.to_string(), |b| {
            b.iter_custom(|rounds| {
                let added: Duration = (0..rounds).map(|_| added(count, &sources)).sum();
                added / count as u32
            })
        });
    }
    group.finish();
}

/// The sum over all queries.
fn added(count: usize, sources: &[Rc<str>]) -> Duration {
    let (queue, mut pool) = (queue(), LocalPool::new());
    let ingest = queue.write(sources.iter().cloned(), &Signal::default()).unwrap();
    let ingest = ingest.for_each_concurrent(None, async |unit| {
        let unit = unit.unwrap();
        elsewhere().await;
        let commit = unit.commit_turn().await.unwrap();
        elsewhere().await;
        drop(commit);
    });
    pool.spawner().spawn_local(ingest).unwrap();
    // Places come free in the order in which those who wait get them.
    let freed =
        Rc::new(RefCell::new(VecDeque::from(vec![Instant::now(); QueueLimits::default().readers])));
    let sum = Rc::new(Cell::new(Duration::ZERO));
    for _ in 0..count {
        let (queue, freed, sum) = (queue.clone(), freed.clone(), sum.clone());
        let query = async move {
            let came = Instant::now();
            let reading = queue.read(&Signal::default()).unwrap().await.unwrap();
            let runs = Instant::now();
            let free = freed.borrow_mut().pop_front().expect("a place was free");
            sum.set(sum.get() + (runs - came.max(free)));
            for _ in 0..3 {
                elsewhere().await;
            }
            freed.borrow_mut().push_back(Instant::now());
            drop(reading);
        };
        pool.spawner().spawn_local(query).unwrap();
    }
    pool.run();
    sum.get()
}

/// Lets everybody else go on first.
async fn elsewhere() {
    let mut waited = false;
    futures::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

criterion_group!(benches, alone, in_flight, during_an_ingest);
criterion_main!(benches);

//! What the request queue adds to a query's latency: 10, 50 and 200 queries at once over the five modes,
//! during an ingest, with the queue's default bound on reads and without any. Built-in models.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use futures::{
    FutureExt,
    executor::LocalPool,
    future::{LocalBoxFuture, join_all},
};
use smolrag::{
    builtin::MemoryStorage,
    engine::{
        DocumentInput, Engine, Options, Ports, QueryOptions, QueueLimits, RetrieveOptions, Signal,
    },
    port::{Clock, Mode},
    record::Metadata,
};

const ROUNDS: usize = 9;
const MODES: [Mode; 5] = [Mode::Standard, Mode::LocalKg, Mode::GlobalKg, Mode::HybridKg, Mode::Mix];

struct Now(Instant);

impl Clock for Now {
    fn now(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }

    /// Only timeouts sleep here, and none is reached.
    fn sleep(&self, _: f64) -> LocalBoxFuture<'static, ()> {
        futures::future::pending().boxed_local()
    }

    fn yield_now(&self) -> LocalBoxFuture<'static, ()> {
        let mut yielded = false;
        futures::future::poll_fn(move |context| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .boxed_local()
    }
}

fn document(number: usize) -> DocumentInput {
    let sentence = |i: usize| {
        format!(
            "The **part {}** of the request queue orders `call {}` behind others.",
            i % 9,
            i * number % 40
        )
    };
    let sections = (0..6).map(|section| {
        let sentences: Vec<String> = (0..8).map(|i| sentence(section * 8 + i + number)).collect();
        format!("## Section {section} of {number}\n\n{}", sentences.join(" "))
    });
    DocumentInput {
        source: format!("{number}.md").into(),
        text: sections.collect::<Vec<_>>().join("\n\n").into(),
        metadata: Metadata::new(),
    }
}

fn open(readers: usize, pool: &mut LocalPool) -> Engine {
    let ports = Ports {
        storage: Rc::new(MemoryStorage::default()),
        clock: Rc::new(Now(Instant::now())),
        llm: None,
        embedder: None,
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let queue = QueueLimits { readers, ..QueueLimits::default() };
    let engine =
        pool.run_until(Engine::open(ports, Options { queue, ..Options::default() })).unwrap();
    let documents = (0..40).map(document).collect();
    pool.run_until(engine.ingest(documents, Signal::default(), Rc::new(|_| {}))).unwrap();
    engine
}

/// The latencies of so many queries that are asked at once, while documents are ingested.
fn ask(engine: &Engine, pool: &mut LocalPool, count: usize, round: usize) -> Vec<Duration> {
    let latencies = Rc::new(RefCell::new(vec![]));
    let asked = Instant::now();
    let query = |number: usize| {
        let retrieve =
            RetrieveOptions { mode: MODES[number % MODES.len()], ..RetrieveOptions::default() };
        let options = QueryOptions { retrieve, history: vec![] };
        let question = format!("Which part orders call {}?", number % 40);
        let (engine, latencies) = (engine.clone(), latencies.clone());
        async move {
            engine.query(question, options, Signal::default()).await.unwrap();
            latencies.borrow_mut().push(asked.elapsed());
        }
    };
    let documents = (0..10).map(|number| document(100 + 10 * round + number)).collect();
    let ingest = engine.ingest(documents, Signal::default(), Rc::new(|_| {}));
    let (_, report) =
        pool.run_until(futures::future::join(join_all((0..count).map(query)), ingest));
    assert!(report.unwrap().failed.is_empty());
    latencies.take()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    println!(
        "latency of queries asked at once, median and 95 % in ms; what the queue adds to the median"
    );
    for count in [10, 50, 200] {
        let mut pool = LocalPool::new();
        let queued = open(QueueLimits::default().readers, &mut pool);
        let unqueued = open(usize::MAX >> 1, &mut pool);
        let (mut with, mut without, mut added) = (vec![], vec![], vec![]);
        for round in 0..ROUNDS {
            // In turns, so that whatever else the machine does meets both.
            let [one, other] = [&queued, &unqueued].map(|engine| {
                let mut latencies: Vec<f64> = ask(engine, &mut pool, count, round)
                    .iter()
                    .map(|latency| latency.as_secs_f64() * 1e3)
                    .collect();
                latencies.sort_by(f64::total_cmp);
                [latencies[count / 2], latencies[count * 95 / 100]]
            });
            added.push(one[0] - other[0]);
            with.push(one);
            without.push(other);
        }
        let column = |of: &[[f64; 2]], at: usize| median(of.iter().map(|pair| pair[at]).collect());
        println!(
            "{count:>4}: queued {:.2} / {:.2}, unqueued {:.2} / {:.2}, added {:+.3}",
            column(&with, 0),
            column(&with, 1),
            column(&without, 0),
            column(&without, 1),
            median(added),
        );
    }
}

//! Models whose answers depend on the question alone, and that fail or wait when told to.

use std::{cell::Cell, future::pending, rc::Rc};

use futures::{FutureExt, future::LocalBoxFuture};
use smolrag::{
    builtin::MemoryStorage,
    engine::{CacheLimits, Embedder, Engine, GateLimits, Options, Ports, QueueLimits},
    port::{Completion, Embedded, EmbeddingModel, LanguageModel, Said},
    record::{Error, Result},
    text::ExcerptOptions,
};

use crate::executor::{Executor, block_on, step};

/// Many share a key.
pub const NAMES: [&str; 10] = [
    "Queue",
    "queues",
    "Request queue",
    "API",
    "apis",
    "Cache",
    "caches",
    "Store",
    "maxCalls",
    "MAXCALLS",
];

/// What the models do from some call on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answer.
    None,
    /// Fail after so many calls.
    Fails(usize),
    /// Never answer after so many calls.
    Waits(usize),
}

/// Both models; they count their calls together.
#[derive(Clone)]
pub struct Model {
    fault: Rc<Cell<Fault>>,
    calls: Rc<Cell<usize>>,
}

impl Model {
    pub fn new() -> Self {
        Model { fault: Rc::new(Cell::new(Fault::None)), calls: Rc::default() }
    }

    pub fn set(&self, fault: Fault) {
        self.fault.set(fault);
    }

    /// Calls since this was asked last.
    pub fn take_calls(&self) -> usize {
        self.calls.take()
    }

    fn answer<T: 'static>(&self, answer: T) -> LocalBoxFuture<'static, Result<T>> {
        self.calls.set(self.calls.get() + 1);
        let now = self.fault.get();
        self.fault.set(match now {
            Fault::Fails(calls) => Fault::Fails(calls.saturating_sub(1)),
            Fault::Waits(calls) => Fault::Waits(calls.saturating_sub(1)),
            Fault::None => Fault::None,
        });
        async move {
            step().await;
            match now {
                Fault::Fails(0) => Err(Error::provider("told to fail")),
                Fault::Waits(0) => pending().await,
                _ => Ok(answer),
            }
        }
        .boxed_local()
    }
}

impl LanguageModel for Model {
    fn id(&self) -> &str {
        "told"
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let system = request.system.unwrap_or_default();
        let prompt = request.prompt;
        let names: Vec<&str> = NAMES.into_iter().filter(|name| prompt.contains(name)).collect();
        self.answer::<Said>(
            if system.contains("<|COMPLETE|>") {
                records(&names, prompt.len())
            } else if system.contains("names:") {
                format!("themes: order, {}\nnames: {}", prompt.len() % 7, names.join(", "))
            } else {
                format!("About {}.", names.join(" and "))
            }
            .into(),
        )
    }
}

/// Each name an entity, but at times the last; neighbours are related.
fn records(names: &[&str], length: usize) -> String {
    let described = names.len() - usize::from(length.is_multiple_of(3) && names.len() > 1);
    let kind = ["concept", "part", "feature"][length % 3];
    let entity = |name: &&str| format!(r#"("entity"<|>{name}<|>{kind}<|>it has {length})"#);
    let relationship = |ends: &[&str]| {
        let [one, other] = ends else { unreachable!("windows of two") };
        let (theme, weight) = (length % 7, 1 + length % 10);
        format!(r#"("relationship"<|>{one}<|>{other}<|>meet<|>order, {theme}<|>{weight})"#)
    };
    let keywords = format!(r#"("content_keywords"<|>calls, {})"#, length % 5);
    let entities = names[..described].iter().map(entity);
    let all = entities.chain(names.windows(2).map(relationship)).chain([keywords]);
    all.collect::<Vec<_>>().join("+|+") + "<|COMPLETE|>"
}

impl EmbeddingModel for Model {
    fn id(&self) -> &str {
        "told"
    }

    fn dimensions(&self) -> usize {
        3
    }

    fn max_batch(&self) -> usize {
        4
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let vector = |text: &String| {
            let sum: usize = text.bytes().map(usize::from).sum();
            // At times zero.
            [text.len() % 3, sum % 4, sum % 5].map(|x| x as f32 - 1.0).to_vec()
        };
        self.answer(texts.iter().map(vector).collect::<Vec<_>>().into())
    }
}

/// Keeps as many answers as asked, so that failures come where there were answers before.
pub fn options(resolve_entities: bool, cached: usize) -> Options {
    Options {
        excerpts: ExcerptOptions { size: 64, overlap: 16, ..ExcerptOptions::default() },
        queue: QueueLimits { queue: 64, readers: 2, writers: 3 },
        llm: GateLimits { concurrency: 3, per_second: f64::INFINITY, burst: 1 },
        cache: CacheLimits { entries: cached, bytes: 1 << 20 },
        resolve_entities,
        ..Options::default()
    }
}

/// An engine on a storage of its own.
pub fn open(executor: &Executor, model: &Model, options: Options) -> Engine {
    let ports = Ports {
        storage: Rc::new(MemoryStorage::new()),
        clock: executor.clock(),
        llm: Some(Rc::new(model.clone())),
        embedder: Some(Embedder::Model(Rc::new(model.clone()))),
        reranker: None,
        counter: None,
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    block_on(executor, Engine::open(ports, options)).expect("it opens")
}

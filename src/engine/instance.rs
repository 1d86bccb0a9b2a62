//! One open knowledge base: its stores, its models, its queue.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::{FutureExt, future::LocalBoxFuture};
use serde::Serialize;

use super::{
    cache::{Cache, CacheLimits, CacheStats},
    limits::{CallGate, Caller, GateLimits},
    load::Opening,
    models::{CallLimits, LimitedEmbeddingModel, LimitedLanguageModel},
    paid::Paid,
    queue::{Queue, QueueLimits, QueueStats, Reading},
    retrieve::Weights,
    schema::{Damage, Stored},
    signal::Signal,
    storage::BoundedStorage,
    usage::{Account, Budget, Counter, Meter, Usage},
    version::Version,
};
use crate::{
    builtin::{ExtractiveReader, StaticEmbedder},
    port::{
        Clock, EmbeddingModel, Epoch, LanguageModel, Pacer, Reader, Reranker, Storage, TokenCounter,
    },
    prompt::{self, PromptedReader},
    record::{Code, Error, Result, UnitVector},
    store::{Counts, KnowledgeBase, KnowledgeBaseOptions},
    text::ExcerptOptions,
};

/// What a host supplies.
pub struct Ports {
    /// Where the knowledge base is kept.
    pub storage: Rc<dyn Storage>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Who reads and answers; the built-in extractive reader if there is none.
    pub llm: Option<Rc<dyn LanguageModel>>,
    /// Who embeds; everything is found lexically if there is none.
    pub embedder: Option<Embedder>,
    /// Who puts the excerpts that were found in order; nobody if there is none.
    pub reranker: Option<Rc<dyn Reranker>>,
    /// Who counts tokens; they are estimated if there is none.
    pub counter: Option<Rc<dyn TokenCounter>>,
    /// Splits a text into excerpts in place of [`Options::excerpts`].
    pub splitter: Option<Rc<dyn Splitter>>,
    /// Told what happens, in commit order, while nothing is borrowed.
    pub listener: Rc<dyn Fn(Notice)>,
}

/// Who embeds.
pub enum Embedder {
    /// The built-in table: at hand, so it needs no limits and no cache.
    BuiltIn(StaticEmbedder),
    /// A model that the user chose.
    Model(Rc<dyn EmbeddingModel>),
}

impl Embedder {
    /// Names the model; a knowledge base belongs to one.
    pub fn id(&self) -> &str {
        match self {
            Embedder::BuiltIn(model) => model.id(),
            Embedder::Model(model) => model.id(),
        }
    }

    /// Components of each vector.
    pub fn dimensions(&self) -> usize {
        match self {
            Embedder::BuiltIn(model) => model.dimensions(),
            Embedder::Model(model) => model.dimensions(),
        }
    }
}

/// The user's own way to split a document.
pub trait Splitter {
    /// The texts of the excerpts in the order of the source.
    fn split(&self, text: &str) -> LocalBoxFuture<'static, Result<Vec<String>>>;
}

/// How an instance works.
#[derive(Clone, Debug)]
pub struct Options {
    /// How documents are split.
    pub excerpts: ExcerptOptions,
    /// What the queue lets through.
    pub queue: QueueLimits,
    /// Calls to the language model.
    pub llm: GateLimits,
    /// Calls to the embedding model.
    pub embedder: GateLimits,
    /// Milliseconds after which a call to a model, or to a [`Splitter`], is given up.
    pub model_timeout: f64,
    /// Milliseconds after which a call to the storage is given up.
    pub storage_timeout: f64,
    /// What each of the two caches keeps.
    pub cache: CacheLimits,
    /// What calls of models may cost, from opening to closing.
    pub budget: Budget,
    /// The most bytes of a document.
    pub document_bytes: usize,
    /// Bytes of memory that the knowledge base may hold before documents are refused.
    pub memory: usize,
    /// Whether names that differ only in form are one entity.
    pub resolve_entities: bool,
    /// Whether the text of each document is kept with it; else only its excerpts are.
    pub keep_text: bool,
    /// What a language model is told.
    pub prompts: prompt::Options,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            excerpts: ExcerptOptions::default(),
            queue: QueueLimits::default(),
            llm: GateLimits { concurrency: 8, per_second: 100.0, burst: 100 },
            embedder: GateLimits { concurrency: 8, per_second: f64::INFINITY, burst: 1 },
            model_timeout: 120_000.0,
            storage_timeout: 60_000.0,
            cache: CacheLimits { entries: 10_000, bytes: 64 << 20 },
            budget: Budget::default(),
            document_bytes: 8 << 20,
            memory: usize::MAX,
            resolve_entities: true,
            keep_text: true,
            prompts: prompt::Options::default(),
        }
    }
}

/// What a listener is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Notice {
    /// This instance has committed.
    Commit {
        /// The epoch since then.
        epoch: Epoch,
        /// The document that was written or removed, unless it was a rule.
        source: Option<Rc<str>>,
    },
    /// Another instance on the same storage has committed, and this one has followed.
    RemoteCommit {
        /// The epoch since then.
        epoch: Epoch,
    },
}

/// An open knowledge base. Cheap to clone; all clones are the same one.
///
/// A future of one of its methods is to be run to its end: cancel through its [`Signal`]. What
/// comes before a commit is dropped then; the commit itself is not.
#[derive(Clone)]
pub struct Engine(pub(super) Rc<Inner>);

pub(super) struct Inner {
    pub ports: Ports,
    pub options: Options,
    pub queue: Queue,
    pub version: Version,
    /// What else is known of the storage.
    pub stored: RefCell<Stored>,
    /// The epoch that both stand at.
    pub epoch: Cell<Epoch>,
    pub embedder: RefCell<Option<Rc<Embedder>>>,
    pub completions: Rc<CallLimits<Rc<str>>>,
    pub embeddings: Rc<CallLimits<UnitVector>>,
    /// Slices the work of all calls.
    pub pacer: Pacer,
    pub extractive: Rc<dyn Reader>,
    /// What all calls have spent.
    account: Rc<Account>,
    next_caller: Cell<Caller>,
    /// Cancelled to close by force: no storage is waited for any more.
    forced: Signal,
    /// The bytes that the knowledge base held, and the epoch it stood at then.
    measured: Cell<Option<(Epoch, usize)>>,
}

/// One call of the engine, to those whom it shares the models with.
pub(super) struct Call {
    pub caller: Caller,
    pub meter: Meter,
}

/// Counts, as they are now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Commits that the storage has seen.
    pub epoch: Epoch,
    /// What the knowledge base holds.
    #[serde(flatten)]
    pub counts: Counts,
    /// Bytes of memory that it holds, estimated.
    pub bytes: usize,
    /// The kinds of things of which so many have vectors that a search by vector looks closely at some
    /// only, and may miss one of the nearest.
    pub approximate: Vec<&'static str>,
    /// Answers of models kept.
    pub cache: Caches,
    /// Calls.
    pub queue: QueueStats,
    /// Records that cannot be read and are set aside; see [`Engine::repair`].
    pub damaged: Vec<Damage>,
    /// What calls of models have cost since opening.
    pub usage: Usage,
}

/// What each cache holds and has seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Caches {
    /// Of the language model.
    pub completions: CacheStats,
    /// Of the embedding model.
    pub embeddings: CacheStats,
}

impl Engine {
    /// Opens the knowledge base that the storage holds.
    pub async fn open(ports: Ports, options: Options) -> Result<Engine> {
        Self::open_telling(ports, options, Rc::new(|_| ())).await
    }

    /// Like [`open`](Engine::open), and tells how far it is.
    pub async fn open_telling(
        mut ports: Ports,
        options: Options,
        opening: Opening,
    ) -> Result<Engine> {
        options.excerpts.check()?;
        let embedder = ports.embedder.take();
        let forced = Signal::default();
        ports.storage = Rc::new(BoundedStorage {
            inner: ports.storage,
            clock: ports.clock.clone(),
            timeout: options.storage_timeout,
            forced: forced.clone(),
        });
        let dimensions = embedder.as_ref().map_or(0, |embedder| embedder.dimensions());
        let knowledge = KnowledgeBase::new(KnowledgeBaseOptions {
            dimensions,
            resolve_entities: options.resolve_entities,
        });
        let gate = |limits: GateLimits| CallGate::new(limits, ports.clock.clone());
        let completions = Rc::new(CallLimits {
            gate: gate(options.llm),
            cache: Cache::new(options.cache),
            clock: ports.clock.clone(),
            timeout: options.model_timeout,
        });
        let embeddings = Rc::new(CallLimits {
            gate: gate(options.embedder),
            cache: Cache::new(options.cache),
            clock: ports.clock.clone(),
            timeout: options.model_timeout,
        });
        let pacer = Pacer::new(ports.clock.clone());
        let table = match &embedder {
            Some(Embedder::BuiltIn(table)) => Some(table.clone()),
            _ => None,
        };
        let extractive = Rc::new(ExtractiveReader::new(table).paced(pacer.clone()));
        let engine = Engine(Rc::new(Inner {
            queue: Queue::new(options.queue),
            version: Version::new(knowledge, pacer.clone()),
            stored: RefCell::default(),
            epoch: Cell::new(0),
            embedder: RefCell::new(embedder.map(Rc::new)),
            completions,
            embeddings,
            pacer,
            extractive,
            account: Account::new(options.budget),
            next_caller: Cell::default(),
            forced,
            measured: Cell::default(),
            ports,
            options,
        }));
        if let Err(error) = engine.load(opening).await {
            // Nobody will hold the instance that could close it.
            let _ = engine.0.ports.storage.close().await;
            return Err(error);
        }
        Ok(engine)
    }

    /// Counts, as they are now.
    pub fn stats(&self) -> Stats {
        let version = &self.0.version;
        Stats {
            epoch: self.0.epoch.get(),
            counts: version.counts(),
            bytes: version.bytes(),
            approximate: version.approximate(),
            cache: Caches {
                completions: self.0.completions.cache.stats(),
                embeddings: self.0.embeddings.cache.stats(),
            },
            queue: self.0.queue.stats(),
            damaged: self.0.stored.borrow().damaged.values().cloned().collect(),
            usage: self.0.account.usage(),
        }
    }

    /// Refuses more while the knowledge base holds more than `limits.memory`.
    pub(super) async fn check_room(&self) -> Result<()> {
        if self.0.options.memory == usize::MAX {
            return Ok(());
        }
        self.0.version.make().await;
        let (version, epoch) = (&self.0.version, self.0.epoch.get());
        // Measuring goes through every term, so it waits until about a thirtieth may have changed.
        let lasts = version.counts().documents as Epoch / 32;
        let measured = self.0.measured.get().filter(|(at, _)| epoch.abs_diff(*at) <= lasts);
        let bytes = measured.map_or_else(|| version.bytes(), |(_, bytes)| bytes);
        self.0.measured.set(measured.or(Some((epoch, bytes))));
        self.check_memory(bytes)
    }

    pub(super) fn check_memory(&self, bytes: usize) -> Result<()> {
        let most = self.0.options.memory;
        if bytes <= most {
            return Ok(());
        }
        Err(Error::new(
            Code::StorageQuota,
            format!(
                "the knowledge base holds {bytes} bytes of memory, more than limits.memory ({most}); remove documents or raise the limit"
            ),
        ))
    }

    /// The knowledge base in bytes: those of two engines are equal exactly if the same documents and
    /// merges are in both, see [`KnowledgeBase::canonical_bytes`]. To be asked while nothing is committed.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        self.0.version.canonical_bytes()
    }

    /// Refuses new calls and waits for those under way. With `force` it cancels them first, and waits
    /// for no storage: whether a commit under way gets through is seen when it is opened again.
    pub async fn close(&self, force: bool) -> Result<()> {
        if force {
            let drained = self.0.queue.close_forced();
            self.0.forced.cancel(Error::new(
                Code::Closed,
                "the instance was closed by force in the middle of a commit; open it again to see whether that got through",
            ));
            drained.await;
        } else {
            self.0.queue.close().await;
        }
        self.0.ports.storage.close().await
    }

    /// A call of its own among those that share the models' limits.
    pub(super) fn knowledge_options(&self) -> KnowledgeBaseOptions {
        KnowledgeBaseOptions {
            dimensions: self.0.version.dimensions(),
            resolve_entities: self.0.options.resolve_entities,
        }
    }

    pub(super) fn new_call(&self, budget: Budget) -> Call {
        let caller = self.0.next_caller.get();
        self.0.next_caller.set(caller + 1);
        Call { caller, meter: Meter::new(budget, self.0.account.clone(), self.counter()) }
    }

    pub(super) fn counter(&self) -> Counter {
        Counter::new(self.0.ports.counter.clone())
    }

    /// Who reads and answers for this call.
    pub(super) fn reader(&self, call: &Call) -> Rc<dyn Reader> {
        self.reader_noting(call, &Paid::default())
    }

    /// The same, and what the model answers is noted.
    pub(super) fn reader_noting(&self, call: &Call, paid: &Paid) -> Rc<dyn Reader> {
        match &self.0.ports.llm {
            None => self.0.extractive.clone(),
            Some(llm) => {
                let limits = self.0.completions.clone();
                let limited = LimitedLanguageModel::new(llm.clone(), limits, call.caller)
                    .metered(call.meter.clone())
                    .noting(paid.clone());
                Rc::new(PromptedReader::new(Rc::new(limited), self.0.options.prompts.clone()))
            }
        }
    }

    /// Who embeds, if anybody does.
    pub(super) fn embedder(&self) -> Option<Rc<Embedder>> {
        self.0.embedder.borrow().clone()
    }

    /// The vectors of texts, zero vectors if nobody embeds.
    pub(super) async fn embed_by(
        &self,
        embedder: Option<&Embedder>,
        call: &Call,
        texts: Vec<String>,
        paid: &Paid,
    ) -> Result<Vec<UnitVector>> {
        match embedder {
            None => Ok(vec![UnitVector::zero(0); texts.len()]),
            Some(Embedder::BuiltIn(table)) => {
                let mut vectors = Vec::with_capacity(texts.len());
                for text in texts {
                    self.0.pacer.pause().await;
                    vectors.push(UnitVector::from_f32(&table.embed_one(&text))?);
                }
                Ok(vectors)
            }
            Some(Embedder::Model(model)) => {
                let limits = self.0.embeddings.clone();
                let limited = LimitedEmbeddingModel::new(model.clone(), limits, call.caller)
                    .metered(call.meter.clone())
                    .noting(paid.clone());
                limited.embed(texts).await
            }
        }
    }

    /// How much a ranking by vectors counts against the lexical one, which counts 1. The built-in
    /// table knows words but not their order: weighed equally it makes rankings worse.
    pub(super) fn vector_weight(&self, weights: Weights) -> f64 {
        let usual = match self.embedder().as_deref() {
            None => return 0.0,
            Some(Embedder::BuiltIn(_)) => 1.0 / 3.0,
            Some(Embedder::Model(_)) => 1.0,
        };
        weights.vector.unwrap_or(usual)
    }

    /// Waits for the right to read, then does so under the signal.
    pub(super) async fn reading<T>(
        &self,
        signal: &Signal,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let reading = self.turn_to_read(signal).await?;
        let result = signal.guard(work).await;
        drop(reading);
        result
    }

    /// Boxed, and so compiled once and not into every call that reads.
    fn turn_to_read<'a>(&'a self, signal: &'a Signal) -> LocalBoxFuture<'a, Result<Reading>> {
        async {
            let reading = self.0.queue.read(signal)?.await?;
            self.0.pacer.pause().await;
            Ok(reading)
        }
        .boxed_local()
    }
}

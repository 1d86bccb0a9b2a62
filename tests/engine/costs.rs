//! What calls of models cost: counted, estimated, bounded, never paid for twice.

use std::{cell::RefCell, rc::Rc};

use futures::{FutureExt, TryStreamExt, future::LocalBoxFuture};
use proptest::prelude::*;
use smolrag::{
    builtin::MemoryStorage,
    engine::{
        Budget, DocumentInput, Embedder, Engine, Estimate, IngestReport, Options, Ports,
        QueryOptions, Rerank, RetrieveOptions, Signal, StreamPart, Usage,
    },
    port::{Mode, RerankRequest, Reranker, TokenCounter},
    record::{Code, Error, Metadata, Result},
};

use crate::{
    executor::{Executor, block_on},
    model::{Fault, Model, open, options},
};

const TEXT: &str = "# Queue\n\nThe Request queue orders the calls of the API.\n\n# Cache\n\nThe Cache keeps answers, \
                    maxCalls of them.\n\n# Store\n\nThe Store keeps what the Queue let through.";

fn document(source: &str, text: &str) -> DocumentInput {
    DocumentInput { source: source.into(), text: text.into(), metadata: Metadata::new() }
}

fn documents() -> Vec<DocumentInput> {
    vec![document("a.md", TEXT), document("b.md", &TEXT.replace("Cache", "API"))]
}

fn ingest(executor: &Executor, engine: &Engine, budget: Budget) -> IngestReport {
    let engine = engine.clone();
    let call = async move {
        engine.ingest_within(budget, documents(), Signal::default(), Rc::new(|_| {})).await
    };
    block_on(executor, call).expect("the call itself is sound")
}

fn estimate(executor: &Executor, engine: &Engine) -> Estimate {
    let engine = engine.clone();
    block_on(executor, async move { engine.estimate(documents(), Signal::default()).await })
        .unwrap()
}

fn all_calls(usage: Usage) -> usize {
    usage.calls + usage.embedding_calls
}

fn calls(most: usize) -> Budget {
    Budget { calls: most, ..Budget::default() }
}

#[test]
fn an_estimate_asks_what_the_ingest_asks_and_calls_nobody() {
    for gleaning in [0, 2] {
        let executor = Executor::seeded(1);
        let model = Model::new();
        let mut options = options(true, 1000);
        options.prompts.gleaning = gleaning;
        let engine = open(&executor, &model, options);
        let before = engine.canonical_bytes();
        let Estimate { changed, unchanged, usage } = estimate(&executor, &engine);
        assert_eq!(([changed.len(), unchanged.len()], model.take_calls()), ([2, 0], 0));
        assert_eq!(engine.canonical_bytes(), before);
        assert_eq!(engine.stats().usage, Usage::default());
        let caches = engine.stats().cache;
        assert_eq!((caches.completions.misses, caches.embeddings.misses), (0, 0));

        let report = ingest(&executor, &engine, Budget::default());
        assert_eq!(report.ingested.len(), 2);
        assert_eq!(all_calls(report.usage), model.take_calls());
        assert_eq!(report.usage, engine.stats().usage);
        assert!(usage.estimated && report.usage.estimated);
        assert!(
            usage.completion_tokens > 0 && usage.embedding_calls > 0 && usage.embedding_tokens > 0
        );
        // What a model answers to a second look is part of what it is asked in a third.
        if gleaning == 0 {
            assert_eq!(
                (usage.calls, usage.prompt_tokens),
                (report.usage.calls, report.usage.prompt_tokens)
            );
        }

        let Estimate { changed, unchanged, usage } = estimate(&executor, &engine);
        assert_eq!((changed.len(), unchanged.len(), usage), (0, 2, Usage::default()));
        let again = ingest(&executor, &engine, Budget::default());
        assert_eq!(
            (again.unchanged.len(), again.usage, model.take_calls()),
            (2, Usage::default(), 0)
        );
    }
}

#[test]
fn after_a_failure_only_what_is_missing_is_estimated_and_asked() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let mut options = options(true, 1000);
    options.llm.concurrency = 1;
    let engine = open(&executor, &model, options);
    let whole = estimate(&executor, &engine).usage;
    for fails in [1, 4, 9] {
        model.set(Fault::Fails(fails));
        assert!(!ingest(&executor, &engine, Budget::default()).failed.is_empty());
    }
    model.set(Fault::None);
    let missing = estimate(&executor, &engine).usage;
    assert!(missing.calls < whole.calls && missing.prompt_tokens < whole.prompt_tokens);
    model.take_calls();
    let report = ingest(&executor, &engine, Budget::default());
    assert_eq!(report.failed, []);
    assert_eq!(
        (report.usage.calls, report.usage.prompt_tokens),
        (missing.calls, missing.prompt_tokens)
    );
    assert_eq!(all_calls(report.usage), model.take_calls());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_budget_is_kept_to_and_nothing_is_paid_for_twice(seed: u64, budgets in prop::collection::vec(0usize..12, 1..5)) {
        let executor = Executor::seeded(seed);
        let model = Model::new();
        let engine = open(&executor, &model, options(true, 1000));
        let mut paid = 0;
        for budget in budgets {
            let report = ingest(&executor, &engine, calls(budget));
            let made = model.take_calls();
            prop_assert!(made <= budget);
            prop_assert_eq!(made, all_calls(report.usage));
            for failure in &report.failed {
                prop_assert_eq!(failure.error.code, Code::BudgetSpent);
                prop_assert_eq!(made, budget, "stopped with calls left");
            }
            paid += made;
        }
        paid += all_calls(ingest(&executor, &engine, Budget::default()).usage);
        let fresh = open(&executor, &model, options(true, 1000));
        let report = ingest(&executor, &fresh, Budget::default());
        // Batches of texts are smaller where other texts of them were paid for already.
        prop_assert_eq!(engine.stats().usage.calls, report.usage.calls);
        prop_assert!(paid >= all_calls(report.usage));
        prop_assert_eq!(engine.stats().usage.prompt_tokens, report.usage.prompt_tokens);
        prop_assert_eq!(engine.stats().usage.embedding_tokens, report.usage.embedding_tokens);
        prop_assert_eq!(engine.canonical_bytes(), fresh.canonical_bytes());
    }
}

#[test]
fn the_budget_of_an_instance_holds_for_all_its_calls_and_tokens_are_one() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let budget = Budget { tokens: 3000, ..Budget::default() };
    let engine = open(&executor, &model, Options { budget, ..options(true, 1000) });
    let report = ingest(&executor, &engine, Budget::default());
    assert!(report.failed.iter().all(|failure| failure.error.code == Code::BudgetSpent));
    assert!(!report.failed.is_empty());
    let Usage { prompt_tokens, embedding_tokens, .. } = engine.stats().usage;
    assert!(prompt_tokens > 0 && prompt_tokens + embedding_tokens <= 3000);

    let engine = open(&executor, &model, Options { budget: calls(3), ..options(true, 1000) });
    assert_eq!(ingest(&executor, &engine, calls(2)).usage.calls, 2);
    assert_eq!(ingest(&executor, &engine, calls(2)).usage.calls, 1);
    let error = query(&executor, &engine, RetrieveOptions::default()).unwrap_err();
    assert_eq!(error.code, Code::BudgetSpent);
    assert!(error.message.contains("3 calls for this instance"), "{error}");
}

fn query(
    executor: &Executor,
    engine: &Engine,
    retrieve: RetrieveOptions,
) -> Result<Vec<StreamPart>> {
    let options = QueryOptions { retrieve, ..QueryOptions::default() };
    let parts = engine.stream("What does the Cache keep?".into(), options, Signal::default());
    block_on(executor, parts.try_collect())
}

fn usage(parts: &[StreamPart]) -> Usage {
    match parts.last() {
        Some(StreamPart::Done { answer }) => answer.usage,
        other => panic!("{other:?} is no end"),
    }
}

#[test]
fn an_answer_says_what_it_has_cost_and_a_kept_one_costs_nothing() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let engine = open(&executor, &model, options(true, 1000));
    ingest(&executor, &engine, Budget::default());
    model.take_calls();
    let first = usage(&query(&executor, &engine, RetrieveOptions::default()).unwrap());
    // Keywords and the answer; the question with its keywords.
    assert_eq!((first.calls, all_calls(first)), (2, model.take_calls()));
    assert!(first.prompt_tokens > 100 && first.completion_tokens > 0 && first.embedding_tokens > 0);
    let second = usage(&query(&executor, &engine, RetrieveOptions::default()).unwrap());
    assert_eq!((second, model.take_calls()), (Usage::default(), 0));
    let tight = RetrieveOptions { mode: Mode::GlobalKg, budget: calls(0), ..Default::default() };
    assert_eq!(query(&executor, &engine, tight).unwrap_err().code, Code::BudgetSpent);
}

#[test]
fn the_prompt_alone_asks_no_language_model() {
    let executor = Executor::seeded(1);
    let model = Model::new();
    let engine = open(&executor, &model, options(true, 1000));
    ingest(&executor, &engine, Budget::default());
    for mode in Mode::ALL {
        let before = engine.stats().usage.calls;
        let (asked, retrieve) = (engine.clone(), RetrieveOptions { mode, ..Default::default() });
        let options = QueryOptions { retrieve, ..QueryOptions::default() };
        let prompt = block_on(&executor, async move {
            asked.query_prompt("What does the Cache keep?".into(), options, Signal::default()).await
        });
        let prompt = prompt.unwrap();
        assert_eq!(engine.stats().usage.calls, before);
        assert!(prompt.prompt.contains("What does the Cache keep?"));
        assert!(!prompt.references.is_empty());
        for (index, reference) in prompt.references.iter().enumerate() {
            assert!(prompt.prompt.contains(&format!("[{}]\n", index + 1)), "{}", prompt.prompt);
            assert!(prompt.prompt.contains(&*reference.text), "{}", prompt.prompt);
        }
    }
}

/// Puts an answer out of form.
type Spoil = fn(&mut Vec<(usize, f64)>);

/// Prefers what is shorter, and remembers what it was asked; or spoils its answer.
#[derive(Default)]
struct Shortest {
    asked: RefCell<Vec<RerankRequest>>,
    spoil: Option<Spoil>,
}

impl Reranker for Shortest {
    fn id(&self) -> &str {
        "shortest"
    }

    fn rerank(&self, request: RerankRequest) -> LocalBoxFuture<'static, Result<Vec<(usize, f64)>>> {
        let lengths = request.documents.iter().map(|text| -(text.len() as f64));
        let mut judged: Vec<_> = lengths.enumerate().collect();
        if let Some(spoil) = self.spoil {
            spoil(&mut judged);
        }
        self.asked.borrow_mut().push(request);
        async { if judged.is_empty() { Err(Error::provider("no")) } else { Ok(judged) } }
            .boxed_local()
    }
}

/// Counts characters.
struct Characters;

impl TokenCounter for Characters {
    fn count(&self, text: Rc<str>) -> LocalBoxFuture<'static, Result<usize>> {
        async move { Ok(text.chars().count()) }.boxed_local()
    }
}

fn open_with(executor: &Executor, reranker: Option<Rc<dyn Reranker>>, count: bool) -> Engine {
    let model = Model::new();
    let ports = Ports {
        storage: Rc::new(MemoryStorage::new()),
        clock: executor.clock(),
        llm: None,
        embedder: Some(Embedder::Model(Rc::new(model))),
        reranker,
        counter: if count { Some(Rc::new(Characters)) } else { None },
        splitter: None,
        listener: Rc::new(|_| {}),
    };
    let engine = block_on(executor, Engine::open(ports, options(true, 1000))).unwrap();
    ingest(executor, &engine, Budget::default());
    engine
}

fn found(
    executor: &Executor,
    engine: &Engine,
    options: RetrieveOptions,
) -> Result<Vec<(String, f64)>> {
    let engine = engine.clone();
    let found = block_on(executor, async move {
        engine.retrieve("What does the Cache keep?".into(), options, Signal::default()).await
    });
    Ok(found?.excerpts.iter().map(|excerpt| (excerpt.text.to_string(), excerpt.score)).collect())
}

#[test]
fn a_reranker_orders_more_than_is_wanted_and_its_best_are_given() {
    let executor = Executor::seeded(1);
    let shortest = Rc::new(Shortest::default());
    let engine = open_with(&executor, Some(shortest.clone()), false);
    for mode in Mode::ALL {
        let two = RetrieveOptions { mode, top_k: 2, ..Default::default() };
        let excerpts = found(&executor, &engine, two.clone()).unwrap();
        let asked = shortest.asked.take();
        let [RerankRequest { query, documents, top_k: 2 }] = &asked[..] else {
            panic!("{asked:?}")
        };
        assert_eq!(query, "What does the Cache keep?");
        assert!(documents.len() > 2 || !matches!(mode, Mode::Standard | Mode::Mix));
        let mut lengths: Vec<_> = documents.iter().map(|text| -(text.len() as f64)).collect();
        lengths.sort_by(|a, b| b.total_cmp(a));
        lengths.truncate(2);
        assert_eq!(excerpts.iter().map(|(_, score)| *score).collect::<Vec<_>>(), lengths);

        let off = found(&executor, &engine, RetrieveOptions { rerank: Rerank::Off, ..two.clone() });
        assert_eq!(off.unwrap().len(), excerpts.len());
        assert!(shortest.asked.take().is_empty());
        let other = Rc::new(Shortest::default());
        let by = RetrieveOptions { rerank: Rerank::By(other.clone()), ..two };
        assert_eq!(found(&executor, &engine, by).unwrap(), excerpts);
        assert_eq!((shortest.asked.take().len(), other.asked.take().len()), (0, 1));
    }
    let none = RetrieveOptions { top_k: 0, ..Default::default() };
    assert_eq!(found(&executor, &engine, none), Ok(vec![]));
    assert!(shortest.asked.take().is_empty());
}

#[test]
fn a_reranker_that_fails_or_answers_out_of_form_is_a_provider_that_fails() {
    let spoils: [Spoil; 4] = [
        |judged| judged.clear(),
        |judged| judged[0].0 = 1000,
        |judged| judged.extend_from_slice(&judged.clone()),
        |judged| judged[0].1 = f64::NAN,
    ];
    let executor = Executor::seeded(1);
    for spoil in spoils {
        let reranker = Rc::new(Shortest { spoil: Some(spoil), ..Shortest::default() });
        let engine = open_with(&executor, Some(reranker), false);
        let error = found(&executor, &engine, RetrieveOptions::default()).unwrap_err();
        assert_eq!(error.code, Code::Provider);
    }
}

#[test]
fn budgets_of_retrieval_are_measured_by_the_users_counter() {
    let executor = Executor::seeded(1);
    let max_tokens = 200;
    let few = RetrieveOptions { max_tokens, top_k: 9, ..Default::default() };
    let counted = found(&executor, &open_with(&executor, None, true), few.clone()).unwrap();
    let estimated = found(&executor, &open_with(&executor, None, false), few).unwrap();
    let characters: usize = counted.iter().map(|(text, _)| text.chars().count()).sum();
    assert!(!counted.is_empty() && characters <= max_tokens && counted.len() < estimated.len());
}

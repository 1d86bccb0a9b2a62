//! Models behind their limits, on models that fail in every way.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::{
    FutureExt, StreamExt, TryFutureExt, TryStreamExt,
    future::{LocalBoxFuture, join_all},
    stream::{self, LocalBoxStream},
};
use smolrag::{
    engine::{
        Cache, CacheLimits, CallGate, CallLimits, GateLimits, LimitedEmbeddingModel,
        LimitedLanguageModel, Weigh,
    },
    port::{Clock, Completion, Embedded, EmbeddingModel, LanguageModel, Said},
    record::{Code, Error, Result, UnitVector},
};

use crate::executor::{Executor, block_on};

fn limits<V: Clone + Weigh + 'static>(executor: &Executor, timeout: f64) -> Rc<CallLimits<V>> {
    let clock = executor.clock();
    let gate = GateLimits { concurrency: 2, per_second: f64::INFINITY, burst: 1 };
    Rc::new(CallLimits {
        gate: CallGate::new(gate, Rc::clone(&clock)),
        cache: Cache::new(CacheLimits { entries: 100, bytes: 10_000 }),
        clock,
        timeout,
    })
}

/// How many calls there were, run, and ran at once.
#[derive(Default)]
struct Load {
    calls: Cell<usize>,
    running: Cell<usize>,
    most: Cell<usize>,
}

struct Running(Rc<Load>);

impl Running {
    fn new(load: &Rc<Load>) -> Self {
        load.calls.set(load.calls.get() + 1);
        load.running.set(load.running.get() + 1);
        load.most.set(load.most.get().max(load.running.get()));
        Running(Rc::clone(load))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
    }
}

/// Says back what it is asked, word by word, each after 10 ms; `never` comes after an hour and `fail`
/// is an error.
struct Echo {
    clock: Rc<dyn Clock>,
    load: Rc<Load>,
}

impl LanguageModel for Echo {
    fn id(&self) -> &str {
        "echo"
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let texts = self.stream(request).map_ok(|part| part.text).try_collect::<String>();
        texts.map_ok(Said::from).boxed_local()
    }

    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<Said>> {
        let running = Running::new(&self.load);
        let clock = Rc::clone(&self.clock);
        let words: Vec<_> = request.prompt.split_inclusive(' ').map(String::from).collect();
        stream::iter(words)
            .then(move |word| {
                let _part_of_the_stream = &running;
                let sleep = clock.sleep(if word.trim() == "never" { 3.6e6 } else { 10.0 });
                async move {
                    sleep.await;
                    if word.trim() == "fail" { Err(Error::provider("no")) } else { Ok(word.into()) }
                }
            })
            .boxed_local()
    }
}

fn echo(executor: &Executor) -> (LimitedLanguageModel, Rc<Load>) {
    let load = Rc::new(Load::default());
    let inner = Rc::new(Echo { clock: executor.clock(), load: Rc::clone(&load) });
    (LimitedLanguageModel::new(inner, limits(executor, 1000.0), 1), load)
}

fn ask(prompt: &str) -> Completion {
    Completion { prompt: prompt.into(), ..Completion::default() }
}

#[test]
fn completions_are_cached_by_system_and_prompt_and_joined() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    let with_system = Completion { system: Some("".into()), ..ask("one two") };
    let calls = [ask("one two"), ask("one two"), with_system].map(|r| model.complete(r));
    for answer in block_on(&executor, join_all(calls)) {
        assert_eq!(answer.unwrap().text, "one two");
    }
    assert_eq!(load.calls.get(), 2);
    assert_eq!(block_on(&executor, model.complete(ask("one two"))).unwrap().text, "one two");
    assert_eq!(load.calls.get(), 2);
}

#[test]
fn no_more_run_at_once_than_the_gate_lets_through() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    let calls = (0..20).map(|i| model.complete(ask(&i.to_string())));
    assert!(block_on(&executor, join_all(calls)).iter().all(Result::is_ok));
    assert_eq!((load.calls.get(), load.most.get(), load.running.get()), (20, 2, 0));
}

#[test]
fn a_call_that_takes_too_long_is_dropped_and_frees_its_permit() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    let calls = ["never 1", "never 2", "quick"].map(|prompt| model.complete(ask(prompt)));
    let [first, second, quick] = &block_on(&executor, join_all(calls))[..] else { panic!() };
    for late in [first, second] {
        let error = late.as_ref().unwrap_err();
        assert_eq!(error.code, Code::Provider);
        assert!(error.message.contains("echo") && error.message.contains("1000 ms"), "{error}");
    }
    assert!(quick.is_ok());
    assert_eq!(load.running.get(), 0);
    assert!(executor.clock().now() < 2000.0);
}

#[test]
fn a_dropped_call_reaches_the_provider_and_frees_its_permit() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    let call = executor.spawn(model.complete(ask("never 1")));
    let killed = executor.clock().sleep(50.0).map(move |()| call.kill());
    block_on(&executor, killed);
    assert_eq!(load.running.get(), 0);
    assert!(executor.clock().now() < 100.0);
}

#[test]
fn a_stream_comes_in_parts_and_is_kept_once_whole() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    let parts = |prompt: &str| block_on(&executor, model.stream(ask(prompt)).collect::<Vec<_>>());
    let texts =
        |parts: Vec<Result<Said>>| parts.into_iter().map(|part| part.unwrap().text).collect();
    let first: Vec<_> = texts(parts("one two"));
    assert_eq!(first, ["one ", "two"]);
    let again: Vec<_> = texts(parts("one two"));
    assert_eq!(again, ["one two"]);
    assert_eq!(block_on(&executor, model.complete(ask("one two"))).unwrap().text, "one two");
    assert_eq!(load.calls.get(), 1);

    // Left half-way: nothing is kept, the permit is free.
    let half = model.stream(ask("three four")).take(1).collect::<Vec<_>>();
    assert_eq!(block_on(&executor, half), [Ok("three ".into())]);
    assert_eq!(load.running.get(), 0);
    assert_eq!(parts("three four").len(), 2);
}

#[test]
fn a_stream_ends_with_its_first_error_and_is_not_kept() {
    let executor = Executor::seeded(1);
    let (model, load) = echo(&executor);
    for prompt in ["one fail two", "one never two"] {
        for _ in 0..2 {
            let parts = block_on(&executor, model.stream(ask(prompt)).collect::<Vec<_>>());
            assert_eq!(parts.len(), 2, "{parts:?}");
            assert_eq!(parts[1].as_ref().unwrap_err().code, Code::Provider);
        }
    }
    assert_eq!((load.calls.get(), load.running.get()), (4, 0));
    // Each part may take its time: what is bounded is the time between two.
    let long = "word ".repeat(150);
    let parts = block_on(
        &executor,
        model.stream(ask(&long)).map_ok(|part| part.text).try_collect::<String>(),
    );
    assert_eq!(parts.unwrap(), long);
}

/// Puts an answer out of form.
type Spoil = fn(&mut Vec<Vec<f32>>);

/// Embeds a text as its length and its first byte, at most three at a time.
struct Lengths {
    load: Rc<Load>,
    clock: Rc<dyn Clock>,
    batches: RefCell<Vec<Vec<String>>>,
    spoil: Cell<Option<Spoil>>,
}

impl EmbeddingModel for Lengths {
    fn id(&self) -> &str {
        "lengths"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn max_batch(&self) -> usize {
        3
    }

    fn embed(&self, texts: Rc<[String]>) -> LocalBoxFuture<'static, Result<Embedded>> {
        let running = Running::new(&self.load);
        let sleep = self.clock.sleep(10.0);
        let mut vectors: Vec<_> = texts.iter().map(|text| vector(text)).collect();
        let fails = texts.iter().any(|text| text == "fail");
        self.batches.borrow_mut().push(texts.to_vec());
        if let Some(spoil) = self.spoil.get() {
            spoil(&mut vectors);
        }
        async move {
            let _running = running;
            sleep.await;
            if fails { Err(Error::provider("no")) } else { Ok(vectors.into()) }
        }
        .boxed_local()
    }
}

fn vector(text: &str) -> Vec<f32> {
    vec![text.len() as f32, f32::from(text.as_bytes()[0])]
}

fn lengths(executor: &Executor) -> (LimitedEmbeddingModel, Rc<Lengths>) {
    let inner = Rc::new(Lengths {
        load: Rc::default(),
        clock: executor.clock(),
        batches: RefCell::default(),
        spoil: Cell::default(),
    });
    (LimitedEmbeddingModel::new(inner.clone(), limits(executor, 1000.0), 1), inner)
}

/// [`vector`] as it is given out.
fn unit(text: &str) -> UnitVector {
    UnitVector::from_f32(&vector(text)).unwrap()
}

fn texts(words: &str) -> Vec<String> {
    words.split(' ').map(String::from).collect()
}

#[test]
fn only_missing_texts_are_sent_in_batches_each_once() {
    let executor = Executor::seeded(1);
    let (model, inner) = lengths(&executor);
    let embed = |words| {
        let vectors = block_on(&executor, model.embed(texts(words))).unwrap();
        let expected: Vec<_> = texts(words).iter().map(|text| unit(text)).collect();
        assert_eq!(vectors, expected);
        inner.batches.take()
    };
    assert_eq!(embed("a bb a ccc dddd bb"), [texts("a bb ccc"), texts("dddd")]);
    assert_eq!(embed("dddd e a"), [texts("e")]);
    assert!(embed("a bb ccc").is_empty());
    assert_eq!(block_on(&executor, model.embed(vec![])), Ok(vec![]));
    assert!(inner.batches.take().is_empty());
}

#[test]
fn concurrent_calls_share_texts_on_their_way_and_survive_each_other() {
    let executor = Executor::seeded(1);
    let (model, inner) = lengths(&executor);
    let first = executor.spawn(model.embed(texts("a b")));
    let half = executor.clock().sleep(5.0);
    let other = model.clone();
    let second = executor.spawn(async move {
        half.await;
        let (vectors, ()) = futures::join!(other.embed(texts("b c")), async move { first.kill() });
        vectors
    });
    assert_eq!(executor.run(), 0);
    assert_eq!(second.take(), Some(Ok(vec![unit("b"), unit("c")])));
    assert_eq!(inner.batches.take(), [texts("a b"), texts("c")]);
}

#[test]
fn a_failed_batch_fails_the_call_and_the_others_are_kept() {
    let executor = Executor::seeded(1);
    let (model, inner) = lengths(&executor);
    let result = block_on(&executor, model.embed(texts("fail b c d e")));
    assert_eq!(result, Err(Error::provider("no")));
    inner.batches.take();
    block_on(&executor, model.embed(texts("b d e"))).unwrap();
    assert_eq!(inner.batches.take(), [texts("b")]);
}

#[test]
fn an_answer_out_of_form_is_refused_by_name_and_not_kept() {
    let executor = Executor::seeded(1);
    let (model, inner) = lengths(&executor);
    let cases: [(Spoil, &str); 6] = [
        (|vectors| _ = vectors.pop(), "1 vectors for 2 texts"),
        (|vectors| vectors.push(vec![]), "3 vectors for 2 texts"),
        (|vectors| vectors[1].push(0.0), "3 dimensions, not 2, for text 1"),
        (|vectors| vectors[0].clear(), "0 dimensions, not 2, for text 0"),
        (|vectors| vectors[1][0] = f32::NAN, "no finite number in dimension 0 for text 1"),
        (|vectors| vectors[0][1] = f32::NEG_INFINITY, "no finite number in dimension 1 for text 0"),
    ];
    for (spoil, says) in cases {
        inner.spoil.set(Some(spoil));
        let error = block_on(&executor, model.embed(texts("a b"))).unwrap_err();
        assert_eq!(error.code, Code::Provider);
        assert!(error.message.contains("lengths") && error.message.contains(says), "{error}");
    }
    inner.spoil.set(None);
    assert!(block_on(&executor, model.embed(texts("a b"))).is_ok());
    assert_eq!(inner.batches.take().len(), cases.len() + 1);
}

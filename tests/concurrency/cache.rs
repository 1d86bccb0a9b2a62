//! The cache by itself: single flight, bounds.

use std::{cell::Cell, future::pending, rc::Rc};

use proptest::prelude::*;
use smolrag::{
    engine::{Cache, CacheLimits, Event, Key},
    record::{Error, Result},
};

use crate::executor::{Executor, Task, block_on};

fn cache(entries: usize, bytes: usize) -> Cache<Rc<str>> {
    Cache::new(CacheLimits { entries, bytes })
}

/// An answer that is computed when told so, and counts how often it is begun and how often dropped.
#[derive(Clone, Default)]
struct Source {
    answer: Event<Result<Rc<str>>>,
    begun: Rc<Cell<u32>>,
    open: Rc<Cell<u32>>,
}

struct Open(Rc<Cell<u32>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Source {
    async fn compute(self) -> Result<Rc<str>> {
        self.begun.set(self.begun.get() + 1);
        self.open.set(self.open.get() + 1);
        let _open = Open(Rc::clone(&self.open));
        self.answer.wait().await
    }
}

fn ten_calls(
    executor: &Executor,
    cache: &Cache<Rc<str>>,
    source: &Source,
) -> Vec<Task<Result<Rc<str>>>> {
    let call = |_| {
        let (cache, source) = (cache.clone(), source.clone());
        executor.spawn(async move {
            cache.get_or_compute(Key::of(&["question"]), source.compute()).await
        })
    };
    let calls = (0..10).map(call).collect();
    executor.run();
    calls
}

#[test]
fn ten_equal_calls_compute_once() {
    for seed in 0..20 {
        let (executor, cache, source) =
            (Executor::seeded(seed), cache(10, 1000), Source::default());
        let calls = ten_calls(&executor, &cache, &source);
        source.answer.set(Ok("answer".into()));
        assert_eq!(executor.run(), 0);
        assert!(calls.iter().all(|call| &*call.take().unwrap().unwrap() == "answer"));
        assert_eq!(source.begun.get(), 1);
        let again = cache.get_or_compute(Key::of(&["question"]), pending());
        assert_eq!(&*futures::FutureExt::now_or_never(again).unwrap().unwrap(), "answer");
        let stats = cache.stats();
        assert_eq!((stats.misses, stats.joined, stats.hits), (1, 9, 1));
        assert_eq!((stats.entries, stats.bytes), (1, 16 + 6));
    }
}

#[test]
fn a_failure_goes_to_all_and_is_not_kept() {
    let (executor, cache, source) = (Executor::seeded(1), cache(10, 1000), Source::default());
    let calls = ten_calls(&executor, &cache, &source);
    source.answer.set(Err(Error::provider("no")));
    assert_eq!(executor.run(), 0);
    assert!(calls.iter().all(|call| call.take().unwrap() == Err(Error::provider("no"))));
    assert_eq!((cache.stats().entries, cache.stats().flying), (0, 0));
    let retry = Source::default();
    retry.answer.set(Ok("yes".into()));
    for call in ten_calls(&executor, &cache, &retry) {
        assert_eq!(&*call.take().unwrap().unwrap(), "yes");
    }
    assert_eq!(retry.begun.get(), 1);
}

#[test]
fn dropping_some_of_ten_leaves_the_others_even_without_the_first() {
    for survivor in 0..10 {
        let (executor, cache, source) =
            (Executor::seeded(survivor), cache(10, 1000), Source::default());
        let calls = ten_calls(&executor, &cache, &source);
        let (one, others): (Vec<_>, Vec<_>) =
            calls.into_iter().enumerate().partition(|(i, _)| *i as u64 == survivor);
        others.iter().for_each(|(_, call)| call.kill());
        source.answer.set(Ok("answer".into()));
        assert_eq!(executor.run(), 0);
        assert_eq!(&*one[0].1.take().unwrap().unwrap(), "answer");
        assert_eq!((source.begun.get(), source.open.get()), (1, 0));
    }
}

#[test]
fn dropping_all_of_ten_cancels_and_a_later_call_starts_anew() {
    let (executor, cache, source) = (Executor::seeded(1), cache(10, 1000), Source::default());
    let calls = ten_calls(&executor, &cache, &source);
    assert_eq!((source.open.get(), cache.stats().flying), (1, 1));
    calls.iter().for_each(Task::kill);
    assert_eq!((source.open.get(), cache.stats().flying), (0, 0));
    let calls = ten_calls(&executor, &cache, &source);
    source.answer.set(Ok("answer".into()));
    assert_eq!(executor.run(), 0);
    assert!(calls.iter().all(|call| call.take().unwrap().is_ok()));
    assert_eq!(source.begun.get(), 2);
}

#[test]
fn a_value_larger_than_the_cache_is_not_kept_and_pushes_nothing_out() {
    let executor = Executor::seeded(1);
    let cache = cache(10, 40);
    let ask = |key: &str, answer: &str| {
        let (cache, key, answer) = (cache.clone(), Key::of(&[key]), Rc::from(answer));
        block_on(&executor, async move { cache.get_or_compute(key, async { Ok(answer) }).await })
    };
    ask("small", "small").unwrap();
    let large = "a value of more than 24 bytes";
    assert_eq!(&*ask("large", large).unwrap(), large);
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.evictions), (1, 0));
}

#[test]
fn a_cache_of_nothing_still_joins() {
    let (executor, cache, source) = (Executor::seeded(1), cache(0, 0), Source::default());
    let calls = ten_calls(&executor, &cache, &source);
    source.answer.set(Ok("answer".into()));
    executor.run();
    assert!(calls.iter().all(|call| call.take().unwrap().is_ok()));
    assert_eq!((source.begun.get(), cache.stats().entries), (1, 0));
}

#[test]
fn keys_tell_their_parts_apart() {
    let keys = [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc", ""], &["c", "ab"]].map(Key::of);
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key));
    }
}

proptest! {
    /// Against a plain list, most recently used last.
    #[test]
    fn keeps_the_most_recently_used_within_both_bounds(
        entries in 0usize..6,
        bytes in 0usize..150,
        steps in prop::collection::vec((any::<bool>(), 0usize..8, 0usize..40), 0..100),
    ) {
        let cache = cache(entries, bytes);
        let mut oracle: Vec<(usize, usize)> = Vec::new();
        let key = |number: usize| Key::of(&[&number.to_string()]);
        for (keeps, number, length) in steps {
            let at = oracle.iter().position(|(known, _)| *known == number);
            if keeps {
                cache.keep(key(number), "x".repeat(length).into());
                if 16 + length <= bytes {
                    at.map(|at| oracle.remove(at));
                    oracle.push((number, length));
                }
                let size = |list: &[(usize, usize)]| list.iter().map(|(_, l)| 16 + l).sum::<usize>();
                while oracle.len() > entries || size(&oracle) > bytes {
                    oracle.remove(0);
                }
                prop_assert_eq!(cache.stats().bytes, size(&oracle));
            } else {
                let found = cache.find(key(number)).map(|value| {
                    futures::FutureExt::now_or_never(value).unwrap().unwrap().len()
                });
                prop_assert_eq!(found, at.map(|at| oracle[at].1));
                if let Some(at) = at {
                    let used = oracle.remove(at);
                    oracle.push(used);
                }
            }
            prop_assert_eq!(cache.stats().entries, oracle.len());
        }
    }
}

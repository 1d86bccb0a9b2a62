//! Answers already paid for, and those on their way.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures::future::{Either, FutureExt, LocalBoxFuture, Ready, Shared, WeakShared, ready};
use hashbrown::HashMap;
use lru::LruCache;
use md5::{Digest, Md5};
use serde::Serialize;

use crate::record::{Result, UnitVector};

/// What an answer depends on, as the md5 of it: a number, which is compared at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

impl Key {
    /// The key of these parts in this order, for example model, kind of call, prompt. Moving text
    /// from one part to another gives another key.
    pub fn of<T: AsRef<[u8]>>(parts: &[T]) -> Self {
        let mut digest = Md5::new();
        for part in parts.iter().map(AsRef::as_ref) {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Key::from_bytes(digest.finalize().into())
    }

    /// The md5 itself.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The key that [`bytes`](Key::bytes) gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Key(u128::from_le_bytes(bytes))
    }
}

/// How much room a value takes.
pub trait Weigh {
    /// Bytes of the value itself.
    fn bytes(&self) -> usize;
}

impl Weigh for Rc<str> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

impl Weigh for UnitVector {
    fn bytes(&self) -> usize {
        size_of_val(self.raw())
    }
}

/// What a cache keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Values.
    pub entries: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

/// What a cache holds and has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CacheStats {
    /// Asked for and there.
    pub hits: u64,
    /// Asked for and neither there nor on its way.
    pub misses: u64,
    /// Asked for and on its way already.
    pub joined: u64,
    /// Values dropped to make room.
    pub evictions: u64,
    /// Answers on their way.
    pub flying: usize,
    /// Values held.
    pub entries: usize,
    /// Bytes of keys and values held.
    pub bytes: usize,
}

/// A cache of answers, least recently used out first, with single flight: who asks for an answer
/// that is on its way waits for that one. Cheap to clone; all clones are the same cache.
///
/// A flight belongs to all who wait for it. It goes on when some are dropped, whoever was first; it
/// is cancelled, by being dropped, when all are. A failure goes to all of them and is not kept.
pub struct Cache<V>(Rc<RefCell<Inner<V>>>);

struct Inner<V> {
    limits: CacheLimits,
    kept: LruCache<Key, V>,
    /// Weak, so that nothing but those who wait keeps a flight up; with the place among its answers.
    flying: HashMap<Key, (WeakShared<Answers<V>>, usize)>,
    stats: CacheStats,
}

/// What gives answers that come together.
pub type Answers<V> = LocalBoxFuture<'static, Result<Rc<[V]>>>;

/// Answers that are on their way together.
pub type Flight<V> = Shared<Answers<V>>;

/// An answer that is there or on its way.
pub type Pending<V> = Either<Ready<Result<V>>, OnFlight<V>>;

/// One of the answers of a flight.
pub struct OnFlight<V: Clone> {
    flight: Flight<V>,
    place: usize,
}

impl<V: Clone> Future for OnFlight<V> {
    type Output = Result<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<V>> {
        let place = self.place;
        self.flight.poll_unpin(context).map(|values| Ok(values?[place].clone()))
    }
}

impl<V> Clone for Cache<V> {
    fn clone(&self) -> Self {
        Cache(Rc::clone(&self.0))
    }
}

impl<V: Clone + Weigh + 'static> Cache<V> {
    /// An empty cache. With no entries or no bytes allowed it keeps nothing, but still joins.
    pub fn new(limits: CacheLimits) -> Self {
        Cache(Rc::new(RefCell::new(Inner {
            limits,
            kept: LruCache::unbounded(),
            flying: HashMap::new(),
            stats: CacheStats::default(),
        })))
    }

    /// The answer that is there or on its way, or else the one that `compute` gives.
    pub async fn get_or_compute(
        &self,
        key: Key,
        compute: impl Future<Output = Result<V>> + 'static,
    ) -> Result<V> {
        let pending = self.find(key).unwrap_or_else(|| self.launch(key, compute));
        pending.await
    }

    /// The answer, if it is there or on its way.
    pub fn find(&self, key: Key) -> Option<Pending<V>> {
        let Inner { kept, flying, stats, .. } = &mut *self.0.borrow_mut();
        if let Some(value) = kept.get(&key) {
            stats.hits += 1;
            return Some(Either::Left(ready(Ok(value.clone()))));
        }
        let on_flight = |(flight, place): &(WeakShared<_>, usize)| {
            Some(OnFlight { flight: flight.upgrade()?, place: *place })
        };
        if let Some(answer) = flying.get(&key).and_then(on_flight) {
            stats.joined += 1;
            return Some(Either::Right(answer));
        }
        stats.misses += 1;
        None
    }

    /// The answer, if it is there; nobody notices.
    pub fn peek(&self, key: Key) -> Option<V> {
        self.0.borrow().kept.peek(&key).cloned()
    }

    /// Sends for an answer that [`find`](Cache::find) did not give. Nothing runs until it is polled.
    fn launch(&self, key: Key, compute: impl Future<Output = Result<V>> + 'static) -> Pending<V> {
        let compute = compute.map(|value| Ok([value?].into()));
        let flight = self.launch_all(vec![key], compute.boxed_local());
        Either::Right(OnFlight { flight, place: 0 })
    }

    /// Sends for answers that [`find`](Cache::find) did not give, which come together and in the order of the keys.
    /// Nothing runs until it is polled.
    pub fn launch_all(&self, keys: Vec<Key>, compute: Answers<V>) -> Flight<V> {
        let landing = Landing { cache: self.clone(), keys: keys.clone() };
        let flight = async move {
            let values = compute.await?;
            for (key, value) in landing.keys.iter().zip(&*values) {
                landing.cache.keep(*key, value.clone());
            }
            Ok(values)
        };
        let flight = flight.boxed_local().shared();
        let flying = &mut self.0.borrow_mut().flying;
        for (place, key) in keys.into_iter().enumerate() {
            let weak = flight.downgrade().expect("not polled yet");
            flying.insert(key, (weak, place));
        }
        flight
    }

    /// Keeps an answer that came another way. One that is larger than the whole cache is not kept.
    pub fn keep(&self, key: Key, value: V) {
        let Inner { limits, kept, stats, .. } = &mut *self.0.borrow_mut();
        let weight = |value: &V| size_of::<Key>() + value.bytes();
        if weight(&value) > limits.bytes {
            return;
        }
        stats.bytes += weight(&value);
        if let Some(old) = kept.put(key, value) {
            stats.bytes -= weight(&old);
        }
        while kept.len() > limits.entries || stats.bytes > limits.bytes {
            let (_, old) = kept.pop_lru().expect("what is over the limits is not empty");
            stats.bytes -= weight(&old);
            stats.evictions += 1;
        }
    }

    /// Counts since the beginning, and what is held now.
    pub fn stats(&self) -> CacheStats {
        let inner = self.0.borrow();
        CacheStats { flying: inner.flying.len(), entries: inner.kept.len(), ..inner.stats }
    }
}

/// Lives inside a flight, and strikes it off however it ends: answered, failed or dropped.
struct Landing<V> {
    cache: Cache<V>,
    keys: Vec<Key>,
}

impl<V> Drop for Landing<V> {
    fn drop(&mut self) {
        let mut inner = self.cache.0.borrow_mut();
        self.keys.iter().for_each(|key| _ = inner.flying.remove(key));
    }
}

//! Models behind their limits and their caches.

use std::{future::Future, mem::take, rc::Rc};

use futures::{
    future::{FutureExt, LocalBoxFuture, join_all, ready},
    stream::{self, LocalBoxStream, StreamExt},
};
use hashbrown::HashMap;

use super::{
    cache::{Cache, Key, Weigh},
    limits::{CallGate, Caller, Permit},
    paid::{Answer, Paid},
    signal::within,
    usage::{Meter, UnderWay},
};
use crate::{
    port::{
        Clock, Completion, Embedded, EmbeddingModel, LanguageModel, Said, System, Tokens, Vectors,
    },
    record::{Error, Result, UnitVector},
};

/// What all calls of one model share, whoever makes them.
pub struct CallLimits<V> {
    /// How many calls at once and per second.
    pub gate: CallGate,
    /// Answers already paid for.
    pub cache: Cache<V>,
    /// What the timeout is measured by.
    pub clock: Rc<dyn Clock>,
    /// Milliseconds in which a call that was let through must answer, or a stream give its next
    /// part. Infinity is no limit.
    pub timeout: f64,
}

impl<V: Clone + Weigh + 'static> CallLimits<V> {
    /// One answer of the model, or one part of it, in time.
    async fn in_time<T>(&self, id: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
        if self.timeout.is_infinite() {
            return answer.await;
        }
        within(&*self.clock, self.timeout, answer, || {
            Error::provider(format!(
                "the model {id} gave no answer for {} ms; check the provider or raise the timeout",
                self.timeout as u64
            ))
        })
        .await
    }
}

/// What the answer to a request is kept under.
pub(super) fn completion_key(model: &str, request: &Completion) -> Key {
    let mut parts = vec![model.as_bytes(), b"completion", request.prompt.as_bytes()];
    let system = request.system.as_ref().map(System::md5);
    parts.extend(system.as_ref().map(<[u8; 16]>::as_slice));
    Key::of(&parts)
}

/// What the vector of a text is kept under.
pub(super) fn embedding_key(model: &str, text: &str) -> Key {
    Key::of(&[model, "embedding", text])
}

/// A language model behind its limits: cached, single flight, gated, timed.
#[derive(Clone)]
pub struct LimitedLanguageModel {
    inner: Rc<dyn LanguageModel>,
    limits: Rc<CallLimits<Rc<str>>>,
    caller: Caller,
    meter: Meter,
    paid: Paid,
}

impl LimitedLanguageModel {
    /// Puts `inner` behind `limits`, for a caller of its own.
    pub fn new(
        inner: Rc<dyn LanguageModel>,
        limits: Rc<CallLimits<Rc<str>>>,
        caller: Caller,
    ) -> Self {
        let (meter, paid) = (Meter::default(), Paid::default());
        LimitedLanguageModel { inner, limits, caller, meter, paid }
    }

    /// Its calls written down.
    pub(super) fn metered(self, meter: Meter) -> Self {
        LimitedLanguageModel { meter, ..self }
    }

    /// Its whole answers noted.
    pub(super) fn noting(self, paid: Paid) -> Self {
        LimitedLanguageModel { paid, ..self }
    }

    fn key(&self, request: &Completion) -> Key {
        completion_key(self.inner.id(), request)
    }

    async fn ask(self, key: Key, request: Completion) -> Result<Rc<str>> {
        let _permit = self.limits.gate.acquire(self.caller).await;
        let _under_way = self.meter.begin_completion(&request).await?;
        let answer = self.inner.complete(request.clone());
        let Said { text, tokens } = self.limits.in_time(self.inner.id(), answer).await?;
        let text: Rc<str> = text.into();
        self.paid.note(key, Answer::Text(text.clone()));
        self.meter.completed(&request, &text, tokens).await;
        Ok(text)
    }
}

impl LanguageModel for LimitedLanguageModel {
    fn id(&self) -> &str {
        self.inner.id()
    }

    fn takes_json(&self) -> bool {
        self.inner.takes_json()
    }

    fn complete(&self, request: Completion) -> LocalBoxFuture<'static, Result<Said>> {
        let (key, model) = (self.key(&request), self.clone());
        let cache = self.limits.cache.clone();
        async move { Ok((&*cache.get_or_compute(key, model.ask(key, request)).await?).into()) }
            .boxed_local()
    }

    /// An answer that is in the cache, or on its way to another call, comes in one part. A permit is
    /// held until the stream has ended or is dropped, so read it to the end without pausing.
    fn stream(&self, request: Completion) -> LocalBoxStream<'static, Result<Said>> {
        let (key, model) = (self.key(&request), self.clone());
        async move {
            if let Some(answer) = model.limits.cache.find(key) {
                return stream::once(answer.map(|a| Ok((&*a?).into())).boxed_local()).left_stream();
            }
            let permit = model.limits.gate.acquire(model.caller).await;
            let under_way = match model.meter.begin_completion(&request).await {
                Ok(under_way) => under_way,
                Err(error) => {
                    return stream::once(ready(Err(error)).boxed_local()).left_stream();
                }
            };
            let parts = model.inner.stream(request.clone());
            let streaming = Streaming {
                model,
                key,
                request,
                parts,
                answer: String::new(),
                tokens: None,
                _held: (permit, under_way),
            };
            stream::unfold(Some(streaming), |streaming| async { streaming?.next().await })
                .right_stream()
        }
        .flatten_stream()
        .boxed_local()
    }
}

/// An answer that comes in parts.
struct Streaming {
    model: LimitedLanguageModel,
    key: Key,
    request: Completion,
    parts: LocalBoxStream<'static, Result<Said>>,
    /// The parts so far.
    answer: String,
    /// What the provider has told.
    tokens: Option<Tokens>,
    _held: (Permit, UnderWay),
}

impl Streaming {
    /// The next part, and what comes after it: nothing after an error. A whole answer is kept.
    async fn next(mut self) -> Option<(Result<Said>, Option<Self>)> {
        let limits = Rc::clone(&self.model.limits);
        let part = self.parts.next().map(Option::transpose);
        match limits.in_time(self.model.inner.id(), part).await {
            Ok(Some(part)) => {
                self.answer.push_str(&part.text);
                self.tokens = part.tokens.or(self.tokens);
                Some((Ok(part), Some(self)))
            }
            Ok(None) => {
                self.model.meter.completed(&self.request, &self.answer, self.tokens).await;
                limits.cache.keep(self.key, self.answer.into());
                None
            }
            Err(error) => Some((Err(error), None)),
        }
    }
}

/// An embedding model behind its limits: cached and single flight by text, batched, gated, timed, its
/// answers checked and brought to unit length.
#[derive(Clone)]
pub struct LimitedEmbeddingModel {
    inner: Rc<dyn EmbeddingModel>,
    limits: Rc<CallLimits<UnitVector>>,
    caller: Caller,
    meter: Meter,
    paid: Paid,
}

impl LimitedEmbeddingModel {
    /// Puts `inner` behind `limits`, for a caller of its own.
    pub fn new(
        inner: Rc<dyn EmbeddingModel>,
        limits: Rc<CallLimits<UnitVector>>,
        caller: Caller,
    ) -> Self {
        let (meter, paid) = (Meter::default(), Paid::default());
        LimitedEmbeddingModel { inner, limits, caller, meter, paid }
    }

    /// Its calls written down.
    pub(super) fn metered(self, meter: Meter) -> Self {
        LimitedEmbeddingModel { meter, ..self }
    }

    /// Its answers noted.
    pub(super) fn noting(self, paid: Paid) -> Self {
        LimitedEmbeddingModel { paid, ..self }
    }

    /// The vectors of texts, any number of them: they are sent in batches that the model takes.
    pub fn embed(&self, texts: Vec<String>) -> LocalBoxFuture<'static, Result<Vec<UnitVector>>> {
        let model = self.clone();
        async move {
            let (mut keys, mut unique) = (Vec::new(), Vec::new());
            let mut numbers = HashMap::new();
            let mut places = Vec::with_capacity(texts.len());
            for text in texts {
                let key = embedding_key(model.inner.id(), &text);
                places.push(*numbers.entry(key).or_insert_with(|| {
                    keys.push(key);
                    unique.push(text);
                    keys.len() - 1
                }));
            }
            let vectors = model.vectors(keys, unique).await?;
            Ok(places.into_iter().map(|place| vectors[place].clone()).collect())
        }
        .boxed_local()
    }

    /// The vectors of different texts. Sends for those that are neither held, cached nor on their way.
    async fn vectors(self, keys: Vec<Key>, mut texts: Vec<String>) -> Result<Vec<UnitVector>> {
        let cache = &self.limits.cache;
        let mut missing = Vec::new();
        let mut coming: Vec<LocalBoxFuture<'_, Result<Vec<_>>>> = Vec::new();
        let mut vectors = vec![UnitVector::zero(0); keys.len()];
        for (place, key) in keys.iter().enumerate() {
            if let Some(vector) = self.paid.known(*key) {
                vectors[place] = vector;
            } else if let Some(answer) = cache.find(*key) {
                coming.push(answer.map(move |vector| Ok(vec![(place, vector?)])).boxed_local());
            } else {
                missing.push(place);
            }
        }
        for batch in missing.chunks(self.inner.max_batch().max(1)) {
            let asked = batch.iter().map(|&i| (keys[i], take(&mut texts[i]))).unzip();
            let keys = batch.iter().map(|&i| keys[i]).collect();
            let flight = cache.launch_all(keys, self.clone().ask(asked).boxed_local());
            let placed = |vectors: Rc<[UnitVector]>| {
                batch.iter().copied().zip(vectors.iter().cloned()).collect()
            };
            coming.push(flight.map(move |vectors| vectors.map(placed)).boxed_local());
        }
        // All of them, so that what was paid for is kept even if one batch fails.
        for come in join_all(coming).await {
            for (place, vector) in come? {
                self.paid.remember(keys[place], &vector);
                vectors[place] = vector;
            }
        }
        Ok(vectors)
    }

    /// One call of the model.
    async fn ask(self, (keys, texts): (Vec<Key>, Vec<String>)) -> Result<Rc<[UnitVector]>> {
        let texts: Rc<[String]> = texts.into();
        let _permit = self.limits.gate.acquire(self.caller).await;
        let _under_way = self.meter.begin_embedding(&texts).await?;
        let answer = self.inner.embed(texts.clone());
        let Embedded { vectors, tokens } = self.limits.in_time(self.inner.id(), answer).await?;
        self.meter.embedded(&texts, tokens).await;
        let vectors = self.checked(texts.len(), &vectors)?;
        for (key, vector) in keys.into_iter().zip(&*vectors) {
            self.paid.note(key, Answer::Vector(vector.clone()));
        }
        Ok(vectors)
    }

    fn checked(&self, texts: usize, vectors: &Vectors) -> Result<Rc<[UnitVector]>> {
        let (id, dimensions) = (self.inner.id(), self.inner.dimensions());
        if vectors.len() != texts {
            let got = vectors.len();
            return Err(Error::provider(format!(
                "the embedding model {id} gave {got} vectors for {texts} texts; it must give one \
                 for each"
            )));
        }
        let unit = |(i, vector): (usize, &[f32])| {
            if vector.len() != dimensions {
                let got = vector.len();
                return Err(Error::provider(format!(
                    "the embedding model {id} gave a vector of {got} dimensions, not \
                     {dimensions}, for text {i} of {texts}; check its `dimensions`"
                )));
            }
            UnitVector::from_f32(vector).map_err(|_| {
                let at = vector.iter().position(|value| !value.is_finite()).unwrap_or_default();
                Error::provider(format!(
                    "the embedding model {id} gave no finite number in dimension {at} for text \
                     {i} of {texts}; check the model"
                ))
            })
        };
        vectors.iter().enumerate().map(unit).collect()
    }
}

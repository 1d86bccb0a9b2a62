//! What calls of the user's models cost, and when they have cost enough.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroUsize,
    rc::Rc,
};

use lru::LruCache;
use serde::Serialize;

use super::signal::Event;
use crate::{
    port::{Completion, TokenCounter, Tokens},
    record::{Code, Error, Result},
    text::estimate_tokens,
};

/// What was asked of the models that the user brought; the built-in ones cost nothing. Answers that
/// were kept are no calls; a call that failed is one, without tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Calls of the language model.
    pub calls: usize,
    /// Tokens it was asked with.
    pub prompt_tokens: usize,
    /// Tokens it answered with.
    pub completion_tokens: usize,
    /// Calls of the embedding model, each of a batch of texts.
    pub embedding_calls: usize,
    /// Tokens of the texts it was given.
    pub embedding_tokens: usize,
    /// Calls of the reranker.
    pub rerank_calls: usize,
    /// Whether some tokens were counted here, because a provider did not tell.
    pub estimated: bool,
}

impl Usage {
    fn all_calls(&self) -> usize {
        self.calls + self.embedding_calls + self.rerank_calls
    }

    fn all_tokens(&self) -> usize {
        self.prompt_tokens + self.completion_tokens + self.embedding_tokens
    }

    /// Both together.
    pub(super) fn and(self, other: Usage) -> Usage {
        Usage {
            calls: self.calls + other.calls,
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            completion_tokens: self.completion_tokens + other.completion_tokens,
            embedding_calls: self.embedding_calls + other.embedding_calls,
            embedding_tokens: self.embedding_tokens + other.embedding_tokens,
            rerank_calls: self.rerank_calls + other.rerank_calls,
            estimated: self.estimated | other.estimated,
        }
    }
}

/// The most that may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls of all models together.
    pub calls: usize,
    /// Tokens of all kinds together.
    pub tokens: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { calls: usize::MAX, tokens: usize::MAX }
    }
}

/// Counts by the user's way, or else estimates.
#[derive(Clone)]
pub(super) struct Counter {
    pub by: Option<Rc<dyn TokenCounter>>,
    /// The tokens of system prompts, by their md5: mostly it is one of a few.
    systems: Rc<RefCell<LruCache<[u8; 16], usize>>>,
}

/// System prompts whose tokens are remembered.
const SYSTEMS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

impl Default for Counter {
    fn default() -> Self {
        Counter::new(None)
    }
}

impl Counter {
    pub fn new(by: Option<Rc<dyn TokenCounter>>) -> Self {
        Counter { by, systems: Rc::new(RefCell::new(LruCache::new(SYSTEMS))) }
    }

    pub async fn count(&self, text: &str) -> Result<usize> {
        match &self.by {
            None => Ok(estimate_tokens(text)),
            Some(counter) => counter.count(text.into()).await,
        }
    }

    /// Tokens of all of them, for accounting: a counter that fails must not cost what was paid for.
    pub async fn cost(&self, texts: &[impl AsRef<str>]) -> usize {
        let mut sum = 0;
        for text in texts.iter().map(AsRef::as_ref) {
            sum += self.count(text).await.unwrap_or_else(|_| estimate_tokens(text));
        }
        sum
    }

    /// Tokens of a question, system prompt included.
    pub async fn prompt(&self, request: &Completion) -> usize {
        let Some(system) = &request.system else { return self.cost(&[&*request.prompt]).await };
        let known = self.systems.borrow_mut().get(&system.md5()).copied();
        let tokens = match known {
            Some(tokens) => tokens,
            None => {
                let tokens = self.cost(&[&**system]).await;
                self.systems.borrow_mut().put(system.md5(), tokens);
                tokens
            }
        };
        tokens + self.cost(&[&*request.prompt]).await
    }
}

/// What one budget is measured by.
#[derive(Default)]
pub(super) struct Account {
    budget: Budget,
    usage: Cell<Usage>,
    /// Prompt tokens of calls that are under way.
    under_way: Cell<usize>,
    /// How many those are.
    running: Cell<usize>,
    /// Happens when the last of them ends; anew for the next.
    idle: RefCell<Event<()>>,
}

impl Account {
    pub fn new(budget: Budget) -> Rc<Self> {
        Rc::new(Account { budget, ..Account::default() })
    }

    pub fn usage(&self) -> Usage {
        self.usage.get()
    }

    /// Whether one more call with so many tokens would be too much.
    fn check(&self, tokens: usize, whose: &str) -> Result<()> {
        let spent = self.usage.get();
        let (most, name) = if spent.all_calls() >= self.budget.calls {
            (self.budget.calls, "calls")
        } else if spent.all_tokens() + self.under_way.get() + tokens > self.budget.tokens {
            (self.budget.tokens, "tokens")
        } else {
            return Ok(());
        };
        Err(Error::new(
            Code::BudgetSpent,
            format!(
                "the budget of {most} {name} for {whose} is spent; what was paid for is kept: raise the budget and \
                 call again"
            ),
        ))
    }

    fn begin(&self, tokens: usize) {
        self.under_way.set(self.under_way.get() + tokens);
        self.running.set(self.running.get() + 1);
    }

    fn end(&self, tokens: usize) {
        self.under_way.set(self.under_way.get() - tokens);
        self.running.set(self.running.get() - 1);
        if self.running.get() == 0 {
            self.idle.take().set(());
        }
    }

    fn book(&self, change: Usage) {
        self.usage.set(self.usage.get().and(change));
    }
}

/// Writes down what one call of the engine spends, against its own budget and the instance's.
#[derive(Clone, Default)]
pub(super) struct Meter {
    own: Rc<Account>,
    shared: Rc<Account>,
    counter: Counter,
}

impl Meter {
    pub fn new(budget: Budget, shared: Rc<Account>, counter: Counter) -> Self {
        Meter { own: Account::new(budget), shared, counter }
    }

    pub fn usage(&self) -> Usage {
        self.own.usage()
    }

    fn both(&self) -> [&Account; 2] {
        [&self.own, &self.shared]
    }

    /// Whether it matters beforehand how many tokens a call takes.
    fn counts_ahead(&self) -> bool {
        self.both().iter().any(|account| account.budget.tokens != usize::MAX)
    }

    /// Lets a call through that is about to be made, and counts it. A refusal waits for the calls that
    /// are under way: what it ends would take their answers, which are paid for, with it.
    async fn begin(&self, tokens: usize, call: Usage) -> Result<UnderWay> {
        let refused = self.own.check(tokens, "this call");
        let refused = refused.and_then(|()| self.shared.check(tokens, "this instance"));
        if refused.is_err() && self.own.running.get() > 0 {
            let idle = self.own.idle.borrow().wait();
            idle.await;
        }
        refused?;
        self.book(call);
        self.both().iter().for_each(|account| account.begin(tokens));
        Ok(UnderWay { meter: self.clone(), tokens })
    }

    fn book(&self, change: Usage) {
        self.both().iter().for_each(|account| account.book(change));
    }

    /// Lets a question to the language model through.
    pub async fn begin_completion(&self, request: &Completion) -> Result<UnderWay> {
        let ahead = if self.counts_ahead() { self.counter.prompt(request).await } else { 0 };
        self.begin(ahead, Usage { calls: 1, ..Usage::default() }).await
    }

    /// Lets a batch of texts to the embedding model through.
    pub async fn begin_embedding(&self, texts: &[String]) -> Result<UnderWay> {
        let ahead = if self.counts_ahead() { self.counter.cost(texts).await } else { 0 };
        self.begin(ahead, Usage { embedding_calls: 1, ..Usage::default() }).await
    }

    /// Lets a call of a reranker through.
    pub async fn begin_rerank(&self) -> Result<UnderWay> {
        self.begin(0, Usage { rerank_calls: 1, ..Usage::default() }).await
    }

    /// Books the tokens of an answer: those that the provider tells, else those counted here.
    pub async fn completed(&self, request: &Completion, answer: &str, told: Option<Tokens>) {
        let Tokens { prompt, completion } = match told {
            Some(tokens) => tokens,
            None => Tokens {
                prompt: self.counter.prompt(request).await,
                completion: self.counter.cost(&[answer]).await,
            },
        };
        self.book(Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            estimated: told.is_none(),
            ..Usage::default()
        });
    }

    /// Books the tokens of a batch, likewise.
    pub async fn embedded(&self, texts: &[String], told: Option<usize>) {
        let embedding_tokens = match told {
            Some(tokens) => tokens,
            None => self.counter.cost(texts).await,
        };
        self.book(Usage { embedding_tokens, estimated: told.is_none(), ..Usage::default() });
    }
}

/// A call that has begun. Its tokens are set aside until it ends, however it does.
pub(super) struct UnderWay {
    meter: Meter,
    tokens: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.meter.both().iter().for_each(|account| account.end(self.tokens));
    }
}

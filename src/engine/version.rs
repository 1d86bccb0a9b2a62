//! The knowledge base between its readers and its one writer.

use std::cell::{Cell, RefCell};

use super::{
    limits::Semaphore,
    search::{MOST, POOL},
};
use crate::{
    port::Pacer,
    store::{Applying, Change, Counts, KindStatistics, KnowledgeBase},
};

/// The knowledge base, of which everybody sees whole versions only, although a large change is made
/// in slices: who wants to read meanwhile waits for its end, first come, first served.
pub(super) struct Version {
    knowledge: RefCell<KnowledgeBase>,
    /// The right to see a version, or to make the next one.
    turn: Semaphore,
    dimensions: Cell<usize>,
    generation: Cell<u64>,
    /// What is counted while the next version is made.
    counts: Cell<Counts>,
}

impl Version {
    pub fn new(knowledge: KnowledgeBase) -> Self {
        Version {
            dimensions: Cell::new(knowledge.dimensions()),
            generation: Cell::new(0),
            counts: Cell::new(knowledge.counts()),
            knowledge: RefCell::new(knowledge),
            turn: Semaphore::new(1),
        }
    }

    /// Reads the version that stands, or the next one if that is being made.
    pub async fn read<T>(&self, look: impl FnOnce(&KnowledgeBase) -> T) -> T {
        let _turn = self.turn.acquire(0).await;
        look(&self.knowledge.borrow())
    }

    /// Components of every vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions.get()
    }

    /// How often another knowledge base has taken the place of this one, perhaps by another embedding model.
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Puts another knowledge base in the place of this one, whole. Those who waited to read have read
    /// before.
    pub async fn replace(&self, knowledge: KnowledgeBase) {
        let _turn = self.turn.acquire(0).await;
        self.dimensions.set(knowledge.dimensions());
        self.counts.set(knowledge.counts());
        self.generation.set(self.generation.get() + 1);
        let old = self.knowledge.replace(knowledge);
        drop(old);
    }

    /// Makes the next version by some changes. Those who waited to read have read before.
    pub async fn apply(&self, changes: Vec<Change>, pacer: &Pacer) {
        let _turn = self.turn.acquire(0).await;
        let mut applying = self.knowledge.borrow_mut().begin_all(changes);
        while self.slice(&mut applying, pacer) {
            pacer.pause().await;
        }
    }

    /// Steps until the change is made or the host is due its turn; whether there is more to do.
    fn slice(&self, applying: &mut Applying, pacer: &Pacer) -> bool {
        let mut knowledge = self.knowledge.borrow_mut();
        while knowledge.step(applying) {
            if pacer.is_due() {
                return true;
            }
        }
        self.counts.set(knowledge.counts());
        false
    }

    /// See [`KnowledgeBase::canonical_bytes`]. To be asked while no version is being made.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        self.knowledge.borrow().canonical_bytes()
    }

    /// Lets lexical searches go by other statistics, see [`KnowledgeBase::assume`].
    pub async fn assume(&self, statistics: KindStatistics) {
        let _turn = self.turn.acquire(0).await;
        self.knowledge.borrow_mut().assume(statistics);
    }

    /// What the version that stands holds.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// The kinds of things that searches by vector may miss one of.
    pub fn approximate(&self) -> Vec<&'static str> {
        let approximate = self.knowledge.borrow().is_approximate([POOL, MOST, MOST]);
        let kinds = ["excerpts", "entities", "relationships"].into_iter().zip(approximate);
        kinds.filter(|(_, approximate)| *approximate).map(|(kind, _)| kind).collect()
    }

    /// An estimate of the bytes of memory that are held. Goes through every term.
    pub fn bytes(&self) -> usize {
        self.knowledge.borrow().bytes()
    }
}

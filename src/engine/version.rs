//! The knowledge base between its readers and its one writer.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{
    known::KnownVectors,
    limits::{Permit, Semaphore},
    search::{MOST, POOL},
    signal::Event,
};
use crate::{
    port::Pacer,
    record::Contribution,
    store::{Applying, Change, Counts, KindStatistics, KnowledgeBase},
};

/// The knowledge base, of which everybody sees whole versions only, although a large change is made
/// in slices: who wants to read meanwhile waits for its end, first come, first served.
///
/// Changes that are committed one shortly after the other are made together, since they mostly touch the same
/// things: until somebody looks, or [`Version::make`] is called, they wait.
pub(super) struct Version {
    knowledge: RefCell<KnowledgeBase>,
    known: KnownVectors,
    /// The right to see a version, or to make the next one.
    turn: Semaphore,
    dimensions: Cell<usize>,
    generation: Cell<u64>,
    /// What is counted while the next version is made.
    counts: Cell<Counts>,
    /// Committed, and not begun to be made.
    waiting: RefCell<Vec<Change>>,
    /// Begun and not at its end: whoever has the turn next goes on, since a reader may be dropped.
    making: RefCell<Option<Applying>>,
    /// Documents, those included that wait.
    documents: Cell<usize>,
    /// Happens when nothing waits any more.
    made: RefCell<Event<()>>,
    pacer: Pacer,
}

/// Things in documents that wait at most: to make them takes a few times as long as to answer a question.
const WAITING: usize = 8192;

impl Version {
    pub fn new(knowledge: KnowledgeBase, pacer: Pacer) -> Self {
        Version {
            dimensions: Cell::new(knowledge.dimensions()),
            generation: Cell::new(0),
            counts: Cell::new(knowledge.counts()),
            documents: Cell::new(knowledge.counts().documents),
            knowledge: RefCell::new(knowledge),
            known: KnownVectors::default(),
            turn: Semaphore::new(1),
            waiting: RefCell::default(),
            making: RefCell::default(),
            made: RefCell::default(),
            pacer,
        }
    }

    /// Reads the version that is made of all that is committed.
    pub async fn read<T>(&self, look: impl FnOnce(&KnowledgeBase) -> T) -> T {
        let _turn = self.current().await;
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

    /// How many documents are committed.
    pub fn documents(&self) -> usize {
        self.documents.get()
    }

    /// The vectors that are held.
    pub fn known(&self) -> &KnownVectors {
        &self.known
    }

    /// What a document adds, as it is committed.
    pub fn contribution(&self, source: &str) -> Option<Rc<Contribution>> {
        for change in self.waiting.borrow().iter().rev() {
            match change {
                Change::Put(put) if *put.source == *source => {
                    return Some(put.contribution().clone());
                }
                Change::Remove(gone) if **gone == *source => return None,
                _ => {}
            }
        }
        self.knowledge.borrow().document(source).map(|known| known.contribution().clone())
    }

    /// The revision of a document as it is committed.
    pub fn revision(&self, source: &str) -> Option<Rc<str>> {
        self.contribution(source).map(|known| known.revision.clone())
    }

    /// Puts another knowledge base in the place of this one, whole, and of all that waits. Those who waited to read
    /// have read before.
    pub async fn replace(&self, knowledge: KnowledgeBase) {
        let _turn = self.turn.acquire(0).await;
        self.dimensions.set(knowledge.dimensions());
        self.counts.set(knowledge.counts());
        self.documents.set(knowledge.counts().documents);
        self.generation.set(self.generation.get() + 1);
        self.waiting.take();
        self.making.take();
        let old = self.knowledge.replace(knowledge);
        drop(old);
        self.known.clear();
        self.made.take().set(());
    }

    /// Takes a change that is committed. It is made with others that follow; whether it should be now.
    pub fn take(&self, change: Change) -> bool {
        let (source, comes) = match &change {
            Change::Put(put) => (Some(&put.source), 1),
            Change::Remove(source) => (Some(source), 0),
            Change::Rules(_) => (None, 0),
        };
        if let Some(source) = source {
            let before = self.contribution(source);
            self.documents.set(self.documents.get() + comes - usize::from(before.is_some()));
            self.known.let_go(before.map_or(0, |before| before.vectors().count()));
        }
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(change);
        let things = waiting.iter().map(|change| match change {
            Change::Put(put) => put.excerpts.len() + put.entities.len() + put.relationships.len(),
            Change::Remove(_) | Change::Rules(_) => 0,
        });
        things.sum::<usize>() > WAITING
    }

    /// Makes the next version of all that waits. Those who waited to read have read before.
    pub async fn make(&self) {
        drop(self.current().await);
    }

    /// Waits until somebody has made all that waits.
    pub async fn made(&self) {
        if !self.is_made() {
            let made = self.made.borrow().wait();
            made.await;
        }
    }

    fn is_made(&self) -> bool {
        self.waiting.borrow().is_empty() && self.making.borrow().is_none()
    }

    /// The turn, once all that is committed is made.
    async fn current(&self) -> Permit {
        let turn = self.turn.acquire(0).await;
        while self.slice() {
            self.pacer.pause().await;
        }
        turn
    }

    /// Steps until all that waits is made or the host is due its turn; whether there is more to do.
    fn slice(&self) -> bool {
        while self.step() {
            if self.pacer.is_due() {
                return true;
            }
        }
        false
    }

    /// Whether there is more to do.
    fn step(&self) -> bool {
        if self.is_made() {
            return false;
        }
        let (mut knowledge, mut making) = (self.knowledge.borrow_mut(), self.making.borrow_mut());
        let applying = making.get_or_insert_with(|| knowledge.begin_all(self.waiting.take()));
        if knowledge.step(applying) {
            return true;
        }
        *making = None;
        self.counts.set(knowledge.counts());
        drop((knowledge, making));
        let more = !self.waiting.borrow().is_empty();
        if !more {
            self.made.take().set(());
        }
        more
    }

    /// For those who cannot wait: makes what waits at once, unless somebody is about it.
    fn hurry(&self) {
        if self.turn.free() > 0 {
            while self.step() {}
        }
    }

    /// See [`KnowledgeBase::canonical_bytes`]. To be asked while no version is being made.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        self.hurry();
        self.knowledge.borrow().canonical_bytes()
    }

    /// Lets lexical searches go by other statistics, see [`KnowledgeBase::assume`].
    pub async fn assume(&self, statistics: KindStatistics) {
        let _turn = self.current().await;
        self.knowledge.borrow_mut().assume(statistics);
    }

    /// What the version that stands holds.
    pub fn counts(&self) -> Counts {
        self.hurry();
        self.counts.get()
    }

    /// The kinds of things that searches by vector may miss one of.
    pub fn approximate(&self) -> Vec<&'static str> {
        self.hurry();
        let approximate = self.knowledge.borrow().is_approximate([POOL, MOST, MOST]);
        let kinds = ["excerpts", "entities", "relationships"].into_iter().zip(approximate);
        kinds.filter(|(_, approximate)| *approximate).map(|(kind, _)| kind).collect()
    }

    /// An estimate of the bytes of memory that are held. Goes through every term.
    pub fn bytes(&self) -> usize {
        self.hurry();
        self.knowledge.borrow().bytes() + self.known.bytes()
    }
}

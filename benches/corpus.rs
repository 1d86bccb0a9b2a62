//! Documents for benches and tests that need many: words, names and vectors come again as they do in prose.

use std::rc::Rc;

use smolrag::{
    record::{
        Contribution, EntityMention, Excerpt, Metadata, Position, RelationshipMention, UnitVector,
        Weight, excerpt_id,
    },
    store::{KnowledgeBase, KnowledgeBaseOptions},
};

/// Excerpts of a document.
pub const EXCERPTS: usize = 4;

/// xorshift, so that every run measures the same.
pub struct Dice(pub u64);

impl Dice {
    /// A number below the bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A word; common words are much more common than rare ones, as in prose.
    pub fn word(&mut self) -> String {
        let rank = (20_000f64).powf(self.below(1_000_000) as f64 / 1e6) as usize;
        format!("w{rank}x")
    }

    /// So many words.
    pub fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    /// A vector in any direction.
    pub fn vector(&mut self, dimensions: usize) -> UnitVector {
        let values: Vec<f32> = (0..dimensions).map(|_| self.below(2001) as f32 - 1000.0).collect();
        UnitVector::from_f32(&values).unwrap()
    }
}

/// A document of about 1.6 kB. One entity is in every document, and a few are in many.
pub fn document(number: usize, of: usize, dimensions: usize) -> Rc<Contribution> {
    let dice = &mut Dice(number as u64 * 7919 + 1);
    let at = |excerpt: usize, ordinal: usize| Position {
        excerpt: excerpt as u32,
        ordinal: ordinal as u32,
    };
    let name = |dice: &mut Dice| -> Rc<str> {
        // Names grow with the documents, as they do in prose.
        let rank = ((5 * of) as f64).powf(dice.below(1_000_000) as f64 / 1e6) as usize;
        format!("Entity {rank}e").into()
    };
    let excerpt = |dice: &mut Dice| {
        let text = dice.words(60);
        Excerpt {
            id: excerpt_id(&text).into(),
            start: 0,
            end: text.len() as u32,
            text: text.into(),
            headings: [dice.words(2).into(), dice.words(3).into()].into(),
            fence: None,
            summary: dice.words(15).into(),
            vector: dice.vector(dimensions),
        }
    };
    let entity = |place: usize, dice: &mut Dice| EntityMention {
        at: at(place / 3, place % 3),
        name: if place == 0 { "The hub".into() } else { name(dice) },
        category: "concept".into(),
        description: dice.words(12).into(),
        vector: dice.vector(dimensions),
    };
    let relationship = |place: usize, dice: &mut Dice| RelationshipMention {
        at: at(place / 3, 3 + place % 3),
        source: if place < 3 { "The hub".into() } else { name(dice) },
        target: name(dice),
        description: dice.words(12).into(),
        keywords: dice.words(4).into(),
        weight: Weight(1000),
        vector: dice.vector(dimensions),
    };
    Rc::new(Contribution {
        source: format!("{number:06}.md").into(),
        revision: "1".into(),
        metadata: Metadata::new(),
        bytes: 1600,
        excerpts: (0..EXCERPTS).map(|_| excerpt(dice)).collect(),
        entities: (0..3 * EXCERPTS).map(|place| entity(place, dice)).collect(),
        relationships: (0..3 * EXCERPTS).map(|place| relationship(place, dice)).collect(),
        keywords: vec![dice.word().into()],
    })
}

/// A knowledge base with the documents of even numbers, so that there is room between them.
pub fn knowledge_base(documents: usize, dimensions: usize) -> KnowledgeBase {
    let options = KnowledgeBaseOptions { dimensions, resolve_entities: true };
    let mut kb = KnowledgeBase::new(options);
    for number in 0..documents {
        let change = kb.check(document(2 * number, documents, dimensions)).unwrap();
        kb.apply(change);
    }
    kb
}

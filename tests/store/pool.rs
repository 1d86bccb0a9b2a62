//! A small pool of documents that have much in common: excerpts, names that collide, descriptions.

use std::rc::Rc;

use smolrag::record::{
    Contribution, EntityMention, Excerpt, Metadata, MetadataValue, Position, RelationshipMention,
    UnitVector, Weight, excerpt_id,
};

pub const DIMENSIONS: usize = 3;
pub const SOURCES: [&str; 5] = ["a.md", "b.md", "c.md", "d.md", "e.md"];
pub const VARIANTS: usize = 8;

/// Many share a key; the last two do as well, but not the terms that they are found by.
pub const NAMES: [&str; 14] = [
    "Queue",
    "queues",
    "“QUEUE”",
    "Request queue",
    "request  queues",
    "API",
    "apis",
    "Cache",
    "caches",
    "Tab",
    "Store",
    "Graph",
    "maxCalls",
    "MAXCALLS",
];
const TEXTS: [&str; 6] = [
    "A queue orders calls.",
    "The cache is bounded.",
    "Calls wait in the queue.",
    "Licence: MIT",
    "",
    "图谱 of the store",
];
const HEADINGS: [&str; 3] = ["Guide", "Caches", "Queue"];
const DESCRIPTIONS: [&str; 14] = [
    "",
    " ",
    "orders calls",
    "bounds",
    "holds rows",
    "waits",
    "is shared",
    "opens",
    "closes",
    "reads",
    "writes",
    "counts",
    "draws",
    "keeps",
];
const CATEGORIES: [&str; 4] = ["", "concept", "part", "feature"];

/// Every document of the pool: for each source its variants.
pub fn documents() -> Vec<Vec<Rc<Contribution>>> {
    let variants = |source| (0..VARIANTS).map(move |variant| Rc::new(document(source, variant)));
    (0..SOURCES.len()).map(|source| variants(source).collect()).collect()
}

fn document(source: usize, variant: usize) -> Contribution {
    let mut dice = Dice((source * VARIANTS + variant) as u64 + 1);
    let excerpts: Vec<Excerpt> = (0..dice.below(4)).map(|at| excerpt(at, &mut dice)).collect();
    let positions = |most: usize, dice: &mut Dice| -> Vec<Position> {
        let each = |excerpt: usize, dice: &mut Dice| {
            let count = dice.below(most) as u32;
            (0..count)
                .map(move |ordinal| Position { excerpt: excerpt as u32, ordinal: 2 * ordinal })
        };
        (0..excerpts.len()).flat_map(|excerpt| each(excerpt, dice)).collect()
    };
    Contribution {
        source: SOURCES[source].into(),
        revision: format!("{source}.{variant}").into(),
        metadata: Metadata::from([(
            "lang".into(),
            MetadataValue::Text(dice.one_of(&["en", "de"]).into()),
        )]),
        bytes: 100 + variant as u64,
        entities: positions(6, &mut dice).into_iter().map(|at| entity(at, &mut dice)).collect(),
        relationships: positions(5, &mut dice)
            .into_iter()
            .map(|at| relationship(at, &mut dice))
            .collect(),
        keywords: (0..dice.below(3)).map(|_| dice.one_of(&HEADINGS).into()).collect(),
        excerpts,
    }
}

fn excerpt(at: usize, dice: &mut Dice) -> Excerpt {
    let text = dice.one_of(&TEXTS);
    Excerpt {
        id: excerpt_id(text).into(),
        text: text.into(),
        start: 50 * at as u32,
        end: 50 * at as u32 + text.encode_utf16().count() as u32,
        headings: (0..dice.below(3)).map(|_| dice.one_of(&HEADINGS).into()).collect(),
        fence: None,
        summary: dice.one_of(&["about calls", "about rows"]).into(),
        vector: dice.vector(),
    }
}

fn entity(at: Position, dice: &mut Dice) -> EntityMention {
    EntityMention {
        at,
        name: dice.one_of(&NAMES).into(),
        category: dice.one_of(&CATEGORIES).into(),
        description: dice.one_of(&DESCRIPTIONS).into(),
        vector: dice.vector(),
    }
}

fn relationship(at: Position, dice: &mut Dice) -> RelationshipMention {
    RelationshipMention {
        at,
        source: dice.one_of(&NAMES).into(),
        target: dice.one_of(&NAMES).into(),
        description: dice.one_of(&DESCRIPTIONS).into(),
        keywords: dice.one_of(&["", "order, calls", "rows", "order"]).into(),
        weight: Weight(dice.below(5000) as u32),
        vector: dice.vector(),
    }
}

/// A fixed sequence of throws, so that the pool is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // Knuth's multiplier; the upper bits are the random ones.
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    /// The first ones more often than the last, so that some things are in every document.
    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let (one, other) = (self.below(choices.len()), self.below(choices.len()));
        choices[one.min(other)]
    }

    fn vector(&mut self) -> UnitVector {
        let values: Vec<f32> = (0..DIMENSIONS).map(|_| self.below(4) as f32 - 1.0).collect();
        UnitVector::from_f32(&values).unwrap()
    }
}

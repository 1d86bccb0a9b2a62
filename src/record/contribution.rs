//! What one document adds to the knowledge base. The knowledge base is the fold over these.

use std::rc::Rc;

use super::{Metadata, UnitVector};

/// Where a mention stands in the canonical order of one document: the excerpt's position, then the
/// mention's place among those of its excerpt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Index of the excerpt in [`Contribution::excerpts`].
    pub excerpt: u32,
    /// Index among the mentions of that excerpt.
    pub ordinal: u32,
}

/// A relationship's strength in thousandths: an integer, so that sums are exact in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(pub u32);

impl Weight {
    /// The integer that stands for 1.
    pub const UNIT: u32 = 1000;

    /// Clamps to 0 ..= 1,000 and rounds to thousandths; what is no number counts as 1.
    pub fn from_f64(value: f64) -> Self {
        if value.is_nan() {
            Weight(1000)
        } else {
            Weight((value.clamp(0.0, 1000.0) * 1000.0).round() as u32)
        }
    }

    /// The weight as SmolRAG's graph holds it.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Self::UNIT)
    }
}

/// A passage of a document: `text` is the source's `slice(start, end)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Excerpt {
    /// [`excerpt_id`](super::excerpt_id) of `text`.
    pub id: Rc<str>,
    /// The passage, exactly as it stands in the source.
    pub text: Rc<str>,
    /// Offset of the first character in the source, in UTF-16 units, as JavaScript counts.
    pub start: u32,
    /// Offset behind the last character, in UTF-16 units.
    pub end: u32,
    /// The headings above the passage, outermost first.
    pub headings: Rc<[Rc<str>]>,
    /// The line that opens the fenced code block which the passage is cut out of, so that a prompt
    /// can show it fenced. `None` unless a block had to be cut.
    pub fence: Option<Rc<str>>,
    /// What the passage is about, in a sentence; the heading path where no model wrote one.
    pub summary: Rc<str>,
    /// The embedding of the passage with its summary.
    pub vector: UnitVector,
}

/// One passage speaking of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityMention {
    /// Where it was read.
    pub at: Position,
    /// The name as written.
    pub name: Rc<str>,
    /// What kind of thing it is, for example `feature`; may be empty.
    pub category: Rc<str>,
    /// What this passage says of it; may be empty.
    pub description: Rc<str>,
    /// The embedding of name and description.
    pub vector: UnitVector,
}

/// One passage relating two entities. Relationships have no direction.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationshipMention {
    /// Where it was read.
    pub at: Position,
    /// The name of one end as written.
    pub source: Rc<str>,
    /// The name of the other end as written.
    pub target: Rc<str>,
    /// How the passage relates them.
    pub description: Rc<str>,
    /// Themes of the relationship, comma separated.
    pub keywords: Rc<str>,
    /// How strongly.
    pub weight: Weight,
    /// The embedding of keywords, names and description.
    pub vector: UnitVector,
}

/// Everything that one document adds. Immutable; an update replaces it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// The name the document is known by.
    pub source: Rc<str>,
    /// [`revision`](super::revision) over text, metadata and how it was read.
    pub revision: Rc<str>,
    /// What the user attached.
    pub metadata: Metadata,
    /// Length of the source text in UTF-8 bytes.
    pub bytes: u64,
    /// In the order of the source.
    pub excerpts: Vec<Excerpt>,
    /// In the order of [`EntityMention::at`].
    pub entities: Vec<EntityMention>,
    /// In the order of [`RelationshipMention::at`].
    pub relationships: Vec<RelationshipMention>,
    /// What the document as a whole is about.
    pub keywords: Vec<Rc<str>>,
}

impl Contribution {
    /// All vectors: those of excerpts, entity mentions and relationship mentions, in this order.
    pub fn vectors(&self) -> impl Iterator<Item = &UnitVector> {
        (self.excerpts.iter().map(|excerpt| &excerpt.vector))
            .chain(self.entities.iter().map(|mention| &mention.vector))
            .chain(self.relationships.iter().map(|mention| &mention.vector))
    }

    /// One of [`Contribution::vectors`].
    pub fn vector(&self, mut at: usize) -> Option<&UnitVector> {
        if let Some(excerpt) = self.excerpts.get(at) {
            return Some(&excerpt.vector);
        }
        at -= self.excerpts.len();
        if let Some(mention) = self.entities.get(at) {
            return Some(&mention.vector);
        }
        at -= self.entities.len();
        self.relationships.get(at).map(|mention| &mention.vector)
    }

    /// The places of [`Contribution::vectors`].
    pub fn vectors_mut(&mut self) -> impl Iterator<Item = &mut UnitVector> {
        (self.excerpts.iter_mut().map(|excerpt| &mut excerpt.vector))
            .chain(self.entities.iter_mut().map(|mention| &mut mention.vector))
            .chain(self.relationships.iter_mut().map(|mention| &mut mention.vector))
    }
}

/// Headings in one line, the outermost first.
pub fn heading_path(headings: &[Rc<str>]) -> String {
    headings.join(" > ")
}

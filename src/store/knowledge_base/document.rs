//! A document that is in the knowledge base, and the places in it that things are mentioned at.

use std::{cell::Cell, cmp::Ordering, hint::black_box, rc::Rc};

use super::{
    Checked,
    network::{DESCRIPTIONS, KEYWORD_SETS},
};
use crate::{
    record::{Contribution, EntityMention, Excerpt, Filter, RelationshipMention, UnitVector},
    store::mentions::{EVERY, Mention},
};

pub(super) struct Document {
    /// A small number, unique among the documents that are there. It orders nothing.
    pub(super) slot: usize,
    /// See [`rank_between`].
    pub(super) rank: u32,
    source: Rc<str>,
    pub(super) contribution: Rc<Contribution>,
    /// The slot of each of its excerpts, which is found by its id only once.
    excerpts: Box<[Cell<u32>]>,
    /// The excerpt that each entity is described in, and each relationship: as the contribution says,
    /// side by side, because a search looks for thousands of them.
    entity_excerpts: Box<[u32]>,
    relationship_excerpts: Box<[u32]>,
    /// How many entities it describes, and pairs of them it relates, names of one form being one.
    pub(super) entities: usize,
    pub(super) relationships: usize,
    /// An estimate of the bytes held.
    pub(super) bytes: usize,
}

/// An item of a document, as the index in its list. Ordered by source, then as in the document: the
/// canonical order of everything.
#[derive(Clone)]
pub(super) struct Place {
    /// The document's, here too because to look at a document for each comparison with the places of a
    /// hub took a fifth of the time to exchange one among 10,000.
    rank: u32,
    /// The index, and in the last bit a mark.
    at: u32,
    pub(super) document: Rc<Document>,
}

impl Place {
    pub(super) fn new(document: Rc<Document>, index: u32) -> Self {
        Place { rank: document.rank, at: index << 1, document }
    }

    /// The same place, told apart: what it is a place of may stand there twice. In a bit of the index, since a
    /// hub's are thousands side by side.
    pub(super) fn marked(mut self, mark: bool) -> Self {
        self.at = self.at & !1 | u32::from(mark);
        self
    }

    fn mark(&self) -> bool {
        self.at & 1 == 1
    }

    pub(super) fn contribution(&self) -> &Contribution {
        &self.document.contribution
    }

    pub(super) fn index(&self) -> usize {
        (self.at >> 1) as usize
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_source = || match Rc::ptr_eq(&self.document, &other.document) {
            true => Ordering::Equal,
            false => self.document.source.cmp(&other.document.source),
        };
        let by_rank = self.rank.cmp(&other.rank);
        debug_assert!(
            by_rank.is_eq() || by_rank == by_source(),
            "ranks are in the order of sources"
        );
        by_rank.then_with(by_source).then_with(|| self.at.cmp(&other.at))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

/// One place that an excerpt stands at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExcerptPlace(pub(super) Place);

impl ExcerptPlace {
    pub(super) fn excerpt(&self) -> &Excerpt {
        &self.0.contribution().excerpts[self.0.index()]
    }

    /// Notes the slot of the excerpt, which it keeps as long as it stands here.
    pub(super) fn stands_in(&self, slot: u32) {
        self.0.document.excerpts[self.0.index()].set(slot);
    }
}

impl Mention for ExcerptPlace {
    type Key = Place;

    const COLUMNS: &'static [usize] = &[];

    fn key(&self) -> &Place {
        &self.0
    }

    fn column(&self, _: usize) -> &Rc<str> {
        unreachable!("an excerpt's places are counted, its texts are those of the first")
    }
}

/// One description of an entity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntityPlace(pub(super) Place);

impl EntityPlace {
    pub(super) const NAME: usize = 0;
    pub(super) const CATEGORY: usize = 1;
    pub(super) const DESCRIPTION: usize = 2;

    pub(super) fn mention(&self) -> &EntityMention {
        &self.0.contribution().entities[self.0.index()]
    }
}

impl Mention for EntityPlace {
    type Key = Place;

    const COLUMNS: &'static [usize] = &[EVERY, EVERY, DESCRIPTIONS];

    fn key(&self) -> &Place {
        &self.0
    }

    fn column(&self, column: usize) -> &Rc<str> {
        let mention = self.mention();
        match column {
            Self::NAME => &mention.name,
            Self::CATEGORY => &mention.category,
            _ => &mention.description,
        }
    }

    fn vector(&self) -> Option<&UnitVector> {
        Some(&self.mention().vector)
    }
}

/// One description of a relationship. Marked if its source is the edge's second end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RelationshipPlace(pub(super) Place);

impl RelationshipPlace {
    pub(super) const FIRST: usize = 0;
    pub(super) const SECOND: usize = 1;
    pub(super) const DESCRIPTION: usize = 2;
    pub(super) const KEYWORDS: usize = 3;

    pub(super) fn mention(&self) -> &RelationshipMention {
        &self.0.contribution().relationships[self.0.index()]
    }
}

impl Mention for RelationshipPlace {
    type Key = Place;

    const COLUMNS: &'static [usize] = &[EVERY, EVERY, DESCRIPTIONS, KEYWORD_SETS];

    fn key(&self) -> &Place {
        &self.0
    }

    fn column(&self, column: usize) -> &Rc<str> {
        let mention = self.mention();
        match column {
            Self::FIRST if self.0.mark() => &mention.target,
            Self::FIRST => &mention.source,
            Self::SECOND if self.0.mark() => &mention.source,
            Self::SECOND => &mention.target,
            Self::DESCRIPTION => &mention.description,
            _ => &mention.keywords,
        }
    }

    fn vector(&self) -> Option<&UnitVector> {
        Some(&self.mention().vector)
    }

    fn weight(&self) -> u64 {
        u64::from(self.mention().weight.0)
    }
}

/// One end of one description of a relationship: it names an entity without describing it. No
/// description has two ends in one entity. Marked if it is the target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndPlace(pub(super) Place);

impl EndPlace {
    pub(super) const NAME: usize = 0;

    pub(super) fn mention(&self) -> &RelationshipMention {
        &self.0.contribution().relationships[self.0.index()]
    }
}

impl Mention for EndPlace {
    type Key = Place;

    const COLUMNS: &'static [usize] = &[EVERY];

    fn key(&self) -> &Place {
        &self.0
    }

    fn column(&self, _: usize) -> &Rc<str> {
        if self.0.mark() { &self.mention().target } else { &self.mention().source }
    }
}

/// One keyword of a document's content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeywordPlace(pub(super) Place);

impl KeywordPlace {
    pub(super) const KEYWORD: usize = 0;
}

impl Mention for KeywordPlace {
    type Key = Place;

    const COLUMNS: &'static [usize] = &[EVERY];

    fn key(&self) -> &Place {
        &self.0
    }

    fn column(&self, _: usize) -> &Rc<str> {
        &self.0.contribution().keywords[self.0.index()]
    }
}

/// The documents that a query may use, decided once a query.
pub(super) struct Admitted(Option<Vec<bool>>);

impl Admitted {
    pub(super) fn new<'a>(
        filter: &Filter,
        documents: impl ExactSizeIterator<Item = &'a Rc<Document>> + Clone,
    ) -> Self {
        if filter.is_empty() {
            return Admitted(None);
        }
        let slots = documents.clone().map(|document| document.slot + 1).max().unwrap_or(0);
        let mut admitted = vec![false; slots];
        for document in documents {
            admitted[document.slot] = filter.matches(&document.contribution.metadata);
        }
        Admitted(Some(admitted))
    }

    /// Whether the query may use every document.
    pub(super) fn all(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn admits(&self, place: &Place) -> bool {
        self.0.as_ref().is_none_or(|admitted| admitted[place.document.slot])
    }
}

/// A rank for a document between two others: ranks are in the order of the sources, or equal.
///
/// A rank never changes, so there may be no number left between two; then the document gets one that is
/// taken, and is told apart by its source. Documents mostly come in their order, forwards or
/// backwards, and find room for some hundred thousand.
pub(super) fn rank_between(before: Option<u32>, after: Option<u32>) -> u32 {
    let (from, to) = (before.unwrap_or(0), after.unwrap_or(u32::MAX));
    let room = to - from;
    match (before, after) {
        (Some(_), None) => from + room.div_ceil(1 << 14),
        (None, Some(_)) => to - room.div_ceil(1 << 14),
        _ => from + room / 2,
    }
}

impl Document {
    pub(super) fn new(slot: usize, rank: u32, checked: Checked) -> Self {
        let Checked { entities, relationships, bytes, .. } = checked;
        let contribution = checked.into_inner();
        let excerpts: Box<[Cell<u32>]> =
            contribution.excerpts.iter().map(|_| Cell::new(0)).collect();
        let entity_excerpts: Box<[u32]> =
            contribution.entities.iter().map(|mention| mention.at.excerpt).collect();
        let relationship_excerpts: Box<[u32]> =
            contribution.relationships.iter().map(|mention| mention.at.excerpt).collect();
        let slots = size_of_val(&*excerpts)
            + size_of_val(&*entity_excerpts)
            + size_of_val(&*relationship_excerpts);
        Document {
            slot,
            rank,
            source: contribution.source.clone(),
            excerpts,
            entity_excerpts,
            relationship_excerpts,
            contribution,
            entities,
            relationships,
            bytes: size_of::<Document>() + slots + bytes,
        }
    }

    /// Reads a byte of all that the document holds and that is far apart in memory. One look after the
    /// other, with nothing between, waits for memory together, and not once for each text when its turn
    /// comes to be taken out and freed.
    pub(super) fn touch(&self) {
        let Contribution { excerpts, entities, relationships, .. } = &*self.contribution;
        let mut bytes = 0;
        let mut text = |text: &str| bytes ^= text.as_bytes().first().copied().unwrap_or(0);
        for Excerpt { id, summary, text: whole, .. } in excerpts {
            [id, summary, whole].into_iter().for_each(|it| text(it));
        }
        for EntityMention { name, category, description, .. } in entities {
            [name, category, description].into_iter().for_each(|it| text(it));
        }
        for RelationshipMention { source, target, description, keywords, .. } in relationships {
            [source, target, description, keywords].into_iter().for_each(|it| text(it));
        }
        let mut numbers = 0;
        for vector in self.contribution.vectors() {
            numbers ^= vector.raw().first().copied().unwrap_or(0);
        }
        black_box((bytes, numbers));
    }

    /// The index of the excerpt that describes an entity, by the index of the description.
    pub(super) fn entity_excerpt(&self, index: usize) -> usize {
        self.entity_excerpts[index] as usize
    }

    /// The index of the excerpt that describes a relationship, by the index of the description.
    pub(super) fn relationship_excerpt(&self, index: usize) -> usize {
        self.relationship_excerpts[index] as usize
    }

    /// The slot of an excerpt by its index.
    pub(super) fn excerpt_slot(&self, index: usize) -> u32 {
        self.excerpts[index].get()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn insert(ranks: &mut Vec<u32>, at: usize) {
        let before = at.checked_sub(1).map(|before| ranks[before]);
        ranks.insert(at, rank_between(before, ranks.get(at).copied()));
    }

    proptest! {
        /// Runs at one place among them, which use the room up.
        #[test]
        fn ranks_are_in_order(
            runs in vec((any::<prop::sample::Index>(), 0usize..60, any::<bool>()), 0..crate::steps(10)),
        ) {
            let mut ranks = vec![];
            for (at, length, forwards) in runs {
                let at = at.index(ranks.len() + 1);
                (0..length).for_each(|step| insert(&mut ranks, at + if forwards { step } else { 0 }));
                prop_assert!(ranks.is_sorted());
            }
        }
    }

    #[test]
    fn what_comes_in_order_is_told_apart_by_rank() {
        let many = if cfg!(miri) { 100 } else { 200_000 };
        let mut ranks: Vec<u32> = vec![];
        for _ in 0..many {
            let last = ranks.len();
            insert(&mut ranks, last);
        }
        assert!(ranks.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

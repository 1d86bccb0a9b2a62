use std::{mem, rc::Rc, vec};

use super::{
    Change, KnowledgeBase,
    document::{Document, ExcerptPlace, KeywordPlace, Place, rank_between},
};
use crate::{record::Contribution, store::MergeRules};

/// Moves of one step: one takes no longer than asking whether the host is due its turn.
const MOVES: usize = 16;

/// A change that is being made, a step at a time: see [`KnowledgeBase::begin`].
pub struct Applying {
    moves: vec::IntoIter<Move>,
    /// Whether the indices follow at the end.
    settles: bool,
    refreshing: bool,
}

/// What one step takes out or puts in.
enum Move {
    Leave(Item, Place),
    Come(Item, Place),
    Rules(MergeRules),
}

#[derive(Clone, Copy)]
enum Item {
    Excerpt,
    Entity,
    Relationship,
    Keyword,
}

impl KnowledgeBase {
    /// Begins a change, which [`KnowledgeBase::step`] carries on: a large document takes long, and
    /// whoever has other things to do puts them between the steps. Until the last step nothing else may be
    /// asked or changed, since what is seen is neither the old state nor the new one.
    ///
    /// # Panics
    /// If the change was made for a knowledge base with other options.
    pub fn begin(&mut self, change: Change) -> Applying {
        self.begin_all([change])
    }

    /// Begins several changes, of which one after the other is made.
    pub fn begin_all(&mut self, changes: impl IntoIterator<Item = Change>) -> Applying {
        let mut moves = vec![];
        for change in changes {
            self.plan(change, &mut moves);
        }
        Applying { moves: moves.into_iter(), settles: true, refreshing: false }
    }

    /// Begins one of many changes, the last of which is begun with [`KnowledgeBase::begin_all`]: only then
    /// do the indices follow all of them, and may anything be asked.
    pub fn begin_one_of_many(&mut self, change: Change) -> Applying {
        Applying { settles: false, ..self.begin(change) }
    }

    fn plan(&mut self, change: Change, moves: &mut Vec<Move>) {
        match change {
            Change::Put(checked) => {
                let rank = self.take_out(&checked.source, moves).unwrap_or_else(|| {
                    let (before, after) = self.documents.around(&checked.source);
                    rank_between(before.map(|it| it.rank), after.map(|it| it.rank))
                });
                let slot = self.slots.insert(());
                let document = Rc::new(Document::new(slot, rank, checked));
                self.held += document.bytes;
                self.documents.insert(document.contribution.source.clone(), document.clone());
                moves.extend(items(&document).map(|(item, place)| Move::Come(item, place)));
            }
            Change::Remove(source) => _ = self.take_out(&source, moves),
            Change::Rules(rules) => self.exchange_rules(rules, moves),
        }
    }

    /// Carries a change on; whether there is more to do. What one step costs depends neither on the
    /// size of the document nor on that of the knowledge base, merge rules excepted.
    pub fn step(&mut self, change: &mut Applying) -> bool {
        if !change.moves.as_slice().is_empty() {
            change.moves.by_ref().take(MOVES).for_each(|next| self.make(next));
            return true;
        }
        if !change.settles {
            return false;
        }
        // Only now, so that what leaves with a document's old version and comes with the new one is
        // neither forgotten nor made again.
        if !mem::replace(&mut change.refreshing, true) {
            self.keywords.settle();
        }
        self.excerpts.refresh_next() || self.network.refresh_next()
    }

    fn make(&mut self, step: Move) {
        match step {
            Move::Come(Item::Excerpt, place) => self.excerpts.add(ExcerptPlace(place)),
            Move::Come(Item::Entity, place) => self.network.add_entity(place),
            Move::Come(Item::Relationship, place) => self.network.add_relationship(place),
            Move::Come(Item::Keyword, place) => self.keywords.insert(KeywordPlace(place)),
            Move::Leave(Item::Excerpt, place) => self.excerpts.remove(&ExcerptPlace(place)),
            Move::Leave(Item::Entity, place) => self.network.remove_entity(place),
            Move::Leave(Item::Relationship, place) => self.network.remove_relationship(place),
            Move::Leave(Item::Keyword, place) => self.keywords.remove(&KeywordPlace(place)),
            Move::Rules(rules) => {
                let old = mem::replace(&mut self.network.rules, rules);
                for key in self.network.rules.renamed(&old) {
                    self.network.touch(&key);
                }
            }
        }
    }

    /// Gives the rank of what was there.
    fn take_out(&mut self, source: &str, moves: &mut Vec<Move>) -> Option<u32> {
        let document = self.documents.remove(source)?;
        document.touch();
        self.slots.remove(document.slot);
        self.held -= document.bytes;
        moves.extend(items(&document).map(|(item, place)| Move::Leave(item, place)));
        Some(document.rank)
    }

    /// Takes out the mentions of every name that comes to belong to another entity, and puts them in
    /// again under the new rules.
    fn exchange_rules(&mut self, rules: MergeRules, moves: &mut Vec<Move>) {
        assert_eq!(rules.resolves(), self.rules().resolves(), "rules of another knowledge base");
        let is_moved = |name: &str| self.network.rules.key(name) != rules.key(name);
        let mut moved = vec![];
        for document in self.documents.values() {
            let Contribution { entities, relationships, .. } = &*document.contribution;
            let all = items(document).filter(|(item, place)| match item {
                Item::Entity => is_moved(&entities[place.index()].name),
                Item::Relationship => {
                    let mention = &relationships[place.index()];
                    is_moved(&mention.source) || is_moved(&mention.target)
                }
                Item::Excerpt | Item::Keyword => false,
            });
            moved.extend(all);
        }
        moves.extend(moved.iter().cloned().map(|(item, place)| Move::Leave(item, place)));
        moves.push(Move::Rules(rules));
        moves.extend(moved.into_iter().map(|(item, place)| Move::Come(item, place)));
    }
}

/// Everything in a document that is indexed.
fn items(document: &Rc<Document>) -> impl Iterator<Item = (Item, Place)> {
    let Contribution { excerpts, entities, relationships, keywords, .. } = &*document.contribution;
    let counts = [
        (Item::Excerpt, excerpts.len()),
        (Item::Entity, entities.len()),
        (Item::Relationship, relationships.len()),
        (Item::Keyword, keywords.len()),
    ];
    counts.into_iter().flat_map(move |(item, count)| {
        (0..count as u32).map(move |index| (item, Place::new(document.clone(), index)))
    })
}

//! What the mentions of one thing add up to.

use std::{cmp::Reverse, rc::Rc};

use smolrag_kernels::rows;

use super::first_seen::FirstSeen;
use crate::{
    order::{OrderedSet, sort_by_key},
    record::UnitVector,
};

/// One mention of a thing. Mentions are ordered as a reader of all documents meets them.
pub(super) trait Mention: Ord + Clone {
    /// What tells it from the other mentions of the thing, in their order.
    type Key: Ord + Clone;

    /// Of each of its texts, how many distinct ones may be asked for, in order; or [`EVERY`] one, and by how
    /// often they occur.
    const COLUMNS: &'static [usize];

    fn key(&self) -> &Self::Key;

    /// One of its texts; an empty one counts as none.
    fn column(&self, column: usize) -> &Rc<str>;

    /// What it adds to the vector of the thing.
    fn vector(&self) -> Option<&UnitVector> {
        None
    }

    /// What it adds to the weight of the thing, in thousandths.
    fn weight(&self) -> u64 {
        0
    }
}

/// The mentions of one thing, and what they add up to: a pure function of which mentions there are.
///
/// Most things are mentioned once or twice, so a few mentions are a plain list that is gone through
/// anew each time, and weigh nothing; many are kept added up, so that the thing which every document
/// mentions takes one more at the cost of a change of an [`OrderedSet`].
pub(super) enum Mentions<M: Mention> {
    Few(Vec<M>),
    Many(Box<Sum<M>>),
}

/// How many are few.
const FEW: usize = 8;

/// See [`Mention::COLUMNS`].
pub(super) const EVERY: usize = usize::MAX;

/// How many mentions are looked at for the next one that says something else. Where they say too much the
/// same for that, each text is known with all that say it.
const FAR: usize = if cfg!(test) { 4 } else { 128 };

pub(super) struct Sum<M: Mention> {
    all: OrderedSet<M>,
    columns: Vec<Column<M::Key>>,
    vector: Vec<i64>,
    weight: u64,
}

/// What the mentions of a thing say in one of their texts.
///
/// Most mentions change nothing of what may be asked for, and none of it is looked at for them: what one mention
/// among thousands costs is to wait for the memory that is looked at.
enum Column<K> {
    /// All the same, as names mostly are.
    Same(Rc<str>),
    /// The first distinct ones with where they occur first: as many as may be asked for, or all there are.
    First(Vec<(K, Rc<str>)>),
    /// Each of them.
    Every(FirstSeen<K>),
}

impl<M: Mention> Mentions<M> {
    pub(super) fn new() -> Self {
        Mentions::Few(vec![])
    }

    /// Adds a mention that is not there yet. Once all that comes at a time has come,
    /// [`Mentions::settle`] must follow.
    pub(super) fn insert(&mut self, mention: M) {
        match self {
            Mentions::Few(list) => {
                // Documents mostly come in their order.
                let is_last = list.last().is_none_or(|last| *last < mention);
                let place = match is_last {
                    true => list.len(),
                    false => list.partition_point(|other| *other < mention),
                };
                if list.len() < FEW {
                    // Most lists stay at one: do not reserve four.
                    list.reserve_exact(1);
                }
                list.insert(place, mention);
            }
            Mentions::Many(sum) => sum.insert(mention),
        }
    }

    /// Adds up what has become many: all that came since the last time at once, which takes a fraction
    /// of what taking in one after the other does.
    pub(super) fn settle(&mut self) {
        match self {
            Mentions::Few(list) if list.len() > FEW => {
                *self = Mentions::Many(Box::new(Sum::of(std::mem::take(list))));
            }
            Mentions::Few(_) | Mentions::Many(_) => {}
        }
    }

    /// Takes away a mention, if it is there.
    pub(super) fn remove(&mut self, mention: &M) {
        match self {
            Mentions::Few(list) => {
                if let Ok(place) = list.binary_search(mention) {
                    list.remove(place);
                    list.shrink_to_fit();
                }
            }
            Mentions::Many(sum) => {
                sum.remove(mention);
                if sum.all.len() <= FEW {
                    *self = Mentions::Few(std::mem::take(&mut sum.all).into_items().collect());
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Mentions::Few(list) => list.len(),
            Mentions::Many(sum) => sum.all.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &M> {
        match self {
            Mentions::Few(list) => Iter::Few(list.iter()),
            Mentions::Many(sum) => Iter::Many(sum.all.iter()),
        }
    }

    /// Those that are kept, as if there were no others.
    pub(super) fn only(&self, keep: impl Fn(&M) -> bool) -> Self {
        Mentions::Few(self.iter().filter(|mention| keep(mention)).cloned().collect())
    }

    pub(super) fn first(&self) -> Option<&M> {
        self.iter().next()
    }

    /// The first distinct texts of a column, in order.
    pub(super) fn distinct(&self, column: usize, limit: usize) -> Vec<&Rc<str>> {
        match self {
            Mentions::Few(list) => {
                let mut found: Vec<&Rc<str>> = vec![];
                for text in list.iter().map(|mention| mention.column(column)) {
                    let is_new = || !found.iter().any(|other| is_same(other, text));
                    if found.len() < limit && says(text) && is_new() {
                        found.push(text);
                    }
                }
                found
            }
            Mentions::Many(sum) => sum.columns[column].distinct(limit),
        }
    }

    /// The distinct texts of a column, the most frequent first, ties in order.
    pub(super) fn ranked(&self, column: usize) -> Vec<&Rc<str>> {
        match self {
            Mentions::Few(_) => {
                let mut found = self.counts(column);
                sort_by_key(&mut found, |(_, count)| Reverse(*count));
                found.into_iter().map(|(text, _)| text).collect()
            }
            Mentions::Many(sum) => sum.columns[column].ranked(),
        }
    }

    /// The first of [`Mentions::ranked`].
    pub(super) fn most_frequent(&self, column: usize) -> Option<&Rc<str>> {
        match self {
            Mentions::Few(list) => {
                let said = || list.iter().map(|mention| mention.column(column));
                let count = |text: &Rc<str>| said().filter(|other| is_same(other, text)).count();
                let mut most = None;
                for text in said().filter(|text| says(text)) {
                    let count = count(text);
                    if most.is_none_or(|(_, most)| count > most) {
                        most = Some((text, count));
                    }
                }
                most.map(|(text, _)| text)
            }
            Mentions::Many(sum) => sum.columns[column].most_frequent(),
        }
    }

    /// The sum of the weights.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Mentions::Few(list) => list.iter().map(M::weight).sum(),
            Mentions::Many(sum) => sum.weight,
        }
    }

    /// The unit vector along the sum of the vectors; a single one is taken as it is.
    pub(super) fn vector(&self, dimensions: usize) -> UnitVector {
        match self {
            Mentions::Many(sum) if !sum.vector.is_empty() => UnitVector::from_sum(&sum.vector),
            _ => {
                let mut vectors = self.iter().filter_map(M::vector);
                let Some(first) = vectors.next() else { return UnitVector::zero(dimensions) };
                let Some(second) = vectors.next() else { return first.clone() };
                let mut sum = vec![0; dimensions];
                for vector in [first, second].into_iter().chain(vectors) {
                    rows::add(&mut sum, vector.raw(), 1);
                }
                UnitVector::from_sum(&sum)
            }
        }
    }

    /// An estimate of the bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Mentions::Few(list) => list.capacity() * size_of::<M>(),
            Mentions::Many(sum) => {
                let columns: usize = sum.columns.iter().map(Column::bytes).sum();
                // A B-tree is on average two thirds full.
                sum.all.len() * size_of::<M>() * 3 / 2 + columns + 8 * sum.vector.len()
            }
        }
    }

    /// The distinct texts of a column in order, with how often each occurs.
    fn counts(&self, column: usize) -> Vec<(&Rc<str>, usize)> {
        let mut found: Vec<(&Rc<str>, usize)> = vec![];
        for text in self.iter().map(|mention| mention.column(column)).filter(|text| says(text)) {
            match found.iter_mut().find(|(other, _)| is_same(other, text)) {
                Some((_, count)) => *count += 1,
                None => found.push((text, 1)),
            }
        }
        found
    }
}

/// [`Mentions`] in order. Not a chain of both, one of which is empty: for each item, that asks both.
enum Iter<Few, Many> {
    Few(Few),
    Many(Many),
}

impl<Few: Iterator, Many: Iterator<Item = Few::Item>> Iterator for Iter<Few, Many> {
    type Item = Few::Item;

    fn next(&mut self) -> Option<Few::Item> {
        match self {
            Iter::Few(few) => few.next(),
            Iter::Many(many) => many.next(),
        }
    }
}

/// What mentions say in a column, and where, in order. Not generic, so that what goes through it is compiled once.
type Said<'s, 'a, K> = &'s mut (dyn Iterator<Item = (&'a K, &'a Rc<str>)> + 's);

impl<K: Ord + Clone> Column<K> {
    /// Of what is said first, and of all that is said.
    fn of<'a>(limit: usize, mut said: Said<'_, 'a, K>, all: Said<'_, 'a, K>) -> Self {
        if limit < EVERY {
            let mut texts = vec![];
            while texts.len() < limit
                && let Some((key, text)) = said.next()
            {
                note(&mut texts, limit, key, text);
            }
            return Column::First(texts);
        }
        match said.next() {
            Some((_, first)) if Iterator::all(&mut said, |(_, text)| is_same(text, first)) => {
                Column::Same(first.clone())
            }
            _ => Column::Every(FirstSeen::of(all)),
        }
    }

    fn distinct(&self, limit: usize) -> Vec<&Rc<str>> {
        match self {
            Column::Same(text) => Some(text).filter(|text| says(text)).into_iter().collect(),
            Column::First(texts) => texts.iter().map(|(_, text)| text).take(limit).collect(),
            Column::Every(texts) => texts.distinct().take(limit).collect(),
        }
    }

    fn ranked(&self) -> Vec<&Rc<str>> {
        match self {
            Column::Every(texts) => texts.ranked(),
            _ => self.distinct(1),
        }
    }

    fn most_frequent(&self) -> Option<&Rc<str>> {
        match self {
            Column::Every(texts) => texts.most_frequent(),
            _ => self.distinct(1).pop(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Column::Same(_) => 0,
            Column::First(texts) => texts.capacity() * size_of::<(K, Rc<str>)>(),
            Column::Every(texts) => texts.bytes(),
        }
    }
}

/// Takes what is said at a key in among the first distinct texts, if it belongs there.
fn note<K: Ord + Clone>(texts: &mut Vec<(K, Rc<str>)>, limit: usize, key: &K, text: &Rc<str>) {
    let is_full = texts.len() == limit;
    if (is_full && texts.last().is_some_and(|(last, _)| last < key)) || !says(text) {
        return;
    }
    if let Some(known) = texts.iter().position(|(_, known)| is_same(known, text)) {
        if texts[known].0 < *key {
            return;
        }
        texts.remove(known);
    }
    let place = texts.partition_point(|(other, _)| other < key);
    texts.insert(place, (key.clone(), text.clone()));
    texts.truncate(limit);
}

impl<M: Mention> Sum<M> {
    /// Of mentions in order.
    fn of(mentions: Vec<M>) -> Self {
        let mut vector = vec![];
        for mention in mentions.iter().filter_map(M::vector) {
            vector.resize(mention.dimensions(), 0);
            rows::add(&mut vector, mention.raw(), 1);
        }
        let weight = mentions.iter().map(M::weight).sum();
        let all: OrderedSet<M> = mentions.into_iter().collect();
        let columns = M::COLUMNS.iter().enumerate();
        let column = |(at, &limit)| Column::of(limit, &mut said(&all, at), &mut said(&all, at));
        Sum { columns: columns.map(column).collect(), weight, vector, all }
    }

    fn insert(&mut self, mention: M) {
        self.weight += mention.weight();
        if let Some(vector) = mention.vector() {
            self.vector.resize(vector.dimensions(), 0);
            rows::add(&mut self.vector, vector.raw(), 1);
        }
        self.all.insert(mention.clone());
        for (at, column) in self.columns.iter_mut().enumerate() {
            let (key, text) = (mention.key(), mention.column(at));
            match column {
                Column::Same(same) if is_same(same, text) => {}
                Column::Same(_) => *column = every(&self.all, at),
                Column::First(texts) => note(texts, M::COLUMNS[at], key, text),
                Column::Every(texts) => texts.insert(key, text),
            }
        }
    }

    /// The mention given may be a copy that only compares equal; what it added is what leaves.
    fn remove(&mut self, mention: &M) {
        let Some(mention) = self.all.take(mention) else { return };
        let key = mention.key();
        for (at, column) in self.columns.iter_mut().enumerate() {
            match column {
                Column::Same(_) => {}
                Column::First(texts) => {
                    if let Ok(place) = texts.binary_search_by(|(first, _)| first.cmp(key)) {
                        texts.remove(place);
                        if !refill(texts, M::COLUMNS[at], &mut said(&self.all, at)) {
                            *column = every(&self.all, at);
                        }
                    }
                }
                Column::Every(texts) => texts.remove(key, mention.column(at)),
            }
        }
        self.weight -= mention.weight();
        if let Some(vector) = mention.vector() {
            rows::add(&mut self.vector, vector.raw(), -1);
        }
    }
}

fn every<M: Mention>(all: &OrderedSet<M>, column: usize) -> Column<M::Key> {
    Column::Every(FirstSeen::of(&mut said(all, column)))
}

fn said<M: Mention>(
    all: &OrderedSet<M>,
    column: usize,
) -> impl Iterator<Item = (&M::Key, &Rc<str>)> {
    all.iter().map(move |mention| (mention.key(), mention.column(column)))
}

/// Finds the text that follows as one of the first distinct ones, now that one of them left with its
/// first mention; whether it was found, or known that there is none, without going far.
fn refill<K: Ord + Clone>(
    texts: &mut Vec<(K, Rc<str>)>,
    limit: usize,
    said: Said<'_, '_, K>,
) -> bool {
    let left = texts.len();
    for _ in 0..FAR {
        let Some((key, text)) = said.next() else { return true };
        if !texts.iter().any(|(_, known)| is_same(known, text)) {
            note(texts, limit, key, text);
        }
        if texts.len() > left {
            return true;
        }
    }
    false
}

/// Whether two texts are equal. Mostly they are one text, and then it is not read: it is far away, while
/// `==` reads it.
pub(super) fn is_same(one: &Rc<str>, other: &Rc<str>) -> bool {
    Rc::ptr_eq(one, other) || one == other
}

/// Whether there is more in a text than white space.
pub(super) fn says(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_graphic)
        || !text.chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Ordered by its key alone.
    #[derive(Clone, Debug)]
    struct Note {
        key: u8,
        text: Rc<str>,
        vector: UnitVector,
    }

    impl Ord for Note {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            self.key.cmp(&other.key)
        }
    }

    impl PartialOrd for Note {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Note {
        fn eq(&self, other: &Self) -> bool {
            self.key == other.key
        }
    }

    impl Eq for Note {}

    impl Mention for Note {
        type Key = u8;

        const COLUMNS: &'static [usize] = &[EVERY, 2];

        fn key(&self) -> &u8 {
            &self.key
        }

        fn column(&self, _: usize) -> &Rc<str> {
            &self.text
        }

        fn vector(&self) -> Option<&UnitVector> {
            Some(&self.vector)
        }

        fn weight(&self) -> u64 {
            u64::from(self.key)
        }
    }

    /// All mentions in a list, however many: what the few do is plain enough to be the oracle.
    fn listed(notes: &BTreeMap<u8, Note>) -> Mentions<Note> {
        Mentions::Few(notes.values().cloned().collect())
    }

    proptest! {
        #[test]
        fn many_add_up_as_few_do(steps in vec((0u8..30, "[a-c ]", -2i8..3, any::<bool>()), 0..crate::steps(100))) {
            let mut mentions = Mentions::new();
            let mut plain = BTreeMap::new();
            for (key, text, x, settles) in steps {
                let vector = UnitVector::from_f32(&[f32::from(x), 1.0]).unwrap();
                let note = Note { key, text: text.into(), vector };
                if plain.remove(&key).is_some() {
                    mentions.remove(&note);
                } else {
                    mentions.insert(note.clone());
                    plain.insert(key, note);
                }
                if !settles {
                    continue;
                }
                mentions.settle();
                let listed = listed(&plain);
                prop_assert_eq!(matches!(mentions, Mentions::Many(_)), plain.len() > FEW);
                prop_assert_eq!(mentions.iter().collect::<Vec<_>>(), listed.iter().collect::<Vec<_>>());
                prop_assert_eq!(mentions.distinct(0, 9), listed.distinct(0, 9));
                prop_assert_eq!(mentions.distinct(1, 2), listed.distinct(1, 2));
                prop_assert_eq!(mentions.ranked(0), listed.ranked(0));
                prop_assert_eq!(mentions.most_frequent(0), listed.most_frequent(0));
                prop_assert_eq!(mentions.weight(), listed.weight());
                prop_assert_eq!(mentions.vector(2), listed.vector(2));
            }
        }
    }
}

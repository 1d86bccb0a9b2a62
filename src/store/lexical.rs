use std::{ops::Range, rc::Rc};

use ecow::EcoString;
use serde::Serialize;
use slab::Slab;
use smolrag_kernels::by_number;

use super::{
    ids::Ids,
    postings::{List, Posting, Postings, Spot},
    top::{Admit, Match, TopK},
    variants::{Matching, likeness},
    word_ids::WordIds,
};
use crate::{
    order::{sort, sort_by_key},
    text::{self, Form, Stems, forms, is_stopword},
};

/// One part of an entry, for example its heading.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What is indexed.
    pub text: &'a str,
    /// How much a term counts here, in quarters: [`Field::WHOLE`] counts once.
    pub weight: u32,
}

impl<'a> Field<'a> {
    /// The weight at which a term counts once.
    pub const WHOLE: u32 = 4;

    /// A field at the ordinary weight.
    pub fn new(text: &'a str) -> Self {
        Field { text, weight: Self::WHOLE }
    }
}

/// Full-text search by BM25 over the caller's numbers ("slots").
///
/// S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with
/// its usual k1 and b and an inverse document frequency that stays positive,
/// ln(1 + (N − df + ½) / (df + ½)). Fields are combined as BM25F does: the frequency of a term and the
/// length of an entry are sums over its fields, each times the field's weight.
///
/// ```
/// use smolrag::store::{Field, LexicalIndex};
///
/// let mut index = LexicalIndex::new();
/// index.insert(0, &[Field::new("Excerpts are cut at paragraphs.")]);
/// index.insert(1, &[Field::new("A queue orders the calls.")]);
/// assert_eq!(index.search("paragraph", 5, Some)[0].slot, 0);
/// ```
///
/// All statistics are integers, so that removing an entry is the exact inverse of inserting it, at the
/// cost of that entry; a score depends on the entries present and not on how they came.
pub struct LexicalIndex {
    ids: Ids,
    terms: Slab<Term>,
    postings: Postings,
    /// By slot.
    entries: Vec<Option<Entry>>,
    /// By slot, in quarters of a term; apart from the entries because every posting visited reads it.
    lengths: Vec<u32>,
    count: usize,
    total_length: u64,
    word_ids: WordIds,
    stems: Rc<Stems>,
    /// In the place of its own.
    assumed: Option<Statistics>,
}

/// What BM25 needs to know of all entries. Those of several indices add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// How many entries there are.
    pub count: u64,
    /// The sum of their lengths, in quarters of a term.
    pub length: u64,
    /// Terms, ascending, with the number of entries that have them; of the terms that were asked for.
    pub frequencies: Vec<(Rc<str>, u64)>,
}

impl Statistics {
    fn frequency(&self, term: &str) -> Option<u64> {
        let at = self.frequencies.binary_search_by(|(text, _)| (**text).cmp(term)).ok()?;
        Some(self.frequencies[at].1)
    }
}

struct Term {
    text: EcoString,
    entries: List,
}

/// The ids of the distinct terms of an entry, ascending: what to take away when it goes.
type Entry = Box<[u32]>;

/// How soon repetition of a term stops to count.
const K1: f32 = 1.2;
/// How far an entry's length discounts its terms.
const B: f32 = 0.75;

impl Default for LexicalIndex {
    fn default() -> Self {
        LexicalIndex::new()
    }
}

impl LexicalIndex {
    /// An empty index.
    pub fn new() -> Self {
        LexicalIndex::with_stems(Rc::default())
    }

    /// An empty index that knows the stems that others know.
    pub(crate) fn with_stems(stems: Rc<Stems>) -> Self {
        LexicalIndex {
            ids: Ids::default(),
            terms: Slab::new(),
            postings: Postings::new(),
            entries: vec![],
            lengths: vec![],
            count: 0,
            total_length: 0,
            word_ids: WordIds::default(),
            stems,
            assumed: None,
        }
    }

    /// Indexes the fields under a slot, in place of what was there.
    pub fn insert(&mut self, slot: u32, fields: &[Field<'_>]) {
        self.remove(slot);
        self.revise(slot, &[], fields);
    }

    /// Exchanges some fields of an entry for others, at the cost of those alone. `gone` must be fields
    /// that the entry has; without them this adds to the entry, or makes it.
    pub fn revise(&mut self, slot: u32, gone: &[Field<'_>], come: &[Field<'_>]) {
        let changes = self.changes(gone, come);
        let place = slot as usize;
        if self.entries.len() <= place {
            self.entries.resize_with(place + 1, || None);
            self.lengths.resize(place + 1, 0);
        }
        let entry = self.entries[place].take();
        self.count += usize::from(entry.is_none());
        let mut ids = entry.unwrap_or_default().into_vec();
        let spots = self.spots(slot, &changes);
        let is_new = ids.is_empty();
        ids.reserve_exact(changes.len());
        for ((id, change), spot) in changes.into_iter().zip(spots) {
            self.lengths[place] = self.lengths[place].wrapping_add_signed(change);
            self.total_length = self.total_length.wrapping_add_signed(i64::from(change));
            let list = &mut self.terms[id as usize].entries;
            let frequency = self.postings.change(list, slot, spot, change);
            // They come in order, so what is new is filled from its beginning to its end.
            let at = if is_new { Err(ids.len()) } else { ids.binary_search(&id) };
            match at {
                Ok(at) if frequency == 0 => drop(ids.remove(at)),
                Err(at) if frequency > 0 => ids.insert(at, id),
                _ => {}
            }
            self.forget_if_unused(id);
        }
        self.entries[place] = Some(ids.into_boxed_slice());
    }

    /// Forgets what is indexed under a slot, if anything.
    pub fn remove(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        let changes: Vec<(u32, i32)> = entry.iter().map(|&term| (term, 0)).collect();
        for (spot, (term, _)) in self.spots(slot, &changes).into_iter().zip(changes) {
            self.postings.remove(&mut self.terms[term as usize].entries, spot);
            self.forget_if_unused(term);
        }
        let length = std::mem::take(&mut self.lengths[slot as usize]);
        self.total_length -= u64::from(length);
        self.count -= 1;
    }

    /// The `k` best entries that share a term with the query, best first, ties by the smaller id.
    /// `admit` gives the id of a slot, or `None` if it may not be found. A term that the query
    /// repeats counts as often. Stop words of the query count only if it has no other words.
    pub fn search<T: Ord>(
        &self,
        query: &str,
        k: usize,
        admit: impl Fn(u32) -> Option<T>,
    ) -> Vec<Match> {
        self.search_as(query, Matching::default(), k, admit)
    }

    /// A search whose words may stand for several terms. All that a word may stand for counts as one
    /// term, each variant as surely as it is meant.
    pub fn search_as<T: Ord>(
        &self,
        query: &str,
        matching: Matching,
        k: usize,
        admit: impl Fn(u32) -> Option<T>,
    ) -> Vec<Match> {
        self.search_among(query, matching, k, &admit)
    }

    /// [`LexicalIndex::search_as`] for whom asking after an id costs more than asking whether there is one.
    pub(crate) fn search_among(
        &self,
        query: &str,
        matching: Matching,
        k: usize,
        admit: &dyn Admit,
    ) -> Vec<Match> {
        if k == 0 || self.count == 0 {
            return vec![];
        }
        let scores = match matching == Matching::default() {
            true => self.scores(query),
            false => self.scores_as(query, matching),
        };
        let mut top = TopK::new(k, admit);
        for &slot in admit.only().unwrap_or(&scores.found) {
            let score = scores.by_slot.get(slot as usize).copied().unwrap_or(0.0);
            if score > 0.0 {
                // The bits of positive numbers are in the order of the numbers.
                top.offer(i64::from(score.to_bits()), slot);
            }
        }
        let score = |bits: i64| f32::from_bits(bits as u32);
        let best = top.into_best_first().into_iter();
        best.map(|(slot, bits)| Match { slot, score: score(bits) }).collect()
    }

    /// The statistics that a search for these texts goes by.
    pub fn statistics<S: AsRef<str>>(&self, queries: &[S]) -> Statistics {
        let mut terms: Vec<EcoString> = queries
            .iter()
            .flat_map(|query| self.wanted(query.as_ref()))
            .map(|term| term.text)
            .collect();
        sort(&mut terms);
        terms.dedup();
        let known = terms.iter().filter_map(|term| self.known(term));
        let frequency = |term: &Term| (term.text.as_str().into(), term.entries.len() as u64);
        Statistics {
            count: self.count as u64,
            length: self.total_length,
            frequencies: known.map(frequency).collect(),
        }
    }

    /// Lets searches go by other statistics than those of the entries that are here: where these are
    /// a part of a whole that stands elsewhere, by those of the whole.
    pub fn assume(&mut self, statistics: Statistics) {
        self.assumed = Some(statistics);
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// An estimate of the bytes of memory held.
    pub fn bytes(&self) -> usize {
        let text = |(_, term): (usize, &Term)| {
            // Short ones are in their place.
            if term.text.len() > 15 { term.text.len() + 16 } else { 0 }
        };
        let text: usize = self.terms.iter().map(text).sum();
        let lists: usize = self.terms.iter().map(|(_, term)| term.entries.bytes()).sum();
        let entries: usize = self.entries.iter().flatten().map(|entry| 4 * entry.len()).sum();
        self.terms.capacity() * size_of::<Term>()
            + self.ids.bytes()
            + text
            + lists
            + self.postings.bytes()
            + entries
            + self.entries.capacity() * size_of::<Option<Entry>>()
            + 4 * self.lengths.capacity()
            + self.word_ids.bytes()
            + self.stems.bytes() / Rc::strong_count(&self.stems)
    }

    /// Every term with the number of entries that have it, in the order of the terms.
    pub fn document_frequencies(&self) -> Vec<(&str, usize)> {
        let mut all: Vec<(&str, usize)> =
            self.terms.iter().map(|(_, term)| (&*term.text, term.entries.len())).collect();
        sort(&mut all);
        all
    }

    /// The sum of the entries' lengths, in quarters of a term.
    pub fn total_length(&self) -> u64 {
        self.total_length
    }

    /// The terms under a slot with their weighted frequencies in quarters, in the order of the terms.
    pub fn entry(&self, slot: u32) -> Vec<(&str, u32)> {
        let entry = self.entries.get(slot as usize).and_then(Option::as_ref);
        let mut terms: Vec<(&str, u32)> = entry
            .into_iter()
            .flatten()
            .map(|&id| &self.terms[id as usize])
            .filter_map(|term| Some((&*term.text, self.postings.frequency(&term.entries, slot)?)))
            .collect();
        sort(&mut terms);
        terms
    }

    /// By how much the frequency of each term changes, by ascending id; terms that stay as they are
    /// left out.
    fn changes(&mut self, gone: &[Field<'_>], come: &[Field<'_>]) -> Vec<(u32, i32)> {
        // Hardly a term is shorter than this, with what is between it and the next.
        let most = |fields: &[Field<'_>]| {
            fields.iter().map(|field| field.text.len() / 4 + 1).sum::<usize>()
        };
        let mut said = Vec::with_capacity(most(gone) + most(come));
        for (fields, sign) in [(gone, -1), (come, 1)] {
            for field in fields {
                let weight = sign * field.weight as i32;
                forms(field.text, &mut |_, form| said.push((self.id_of_form(form), weight)));
            }
        }
        let mut changes = by_number(said);
        changes.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        changes.retain(|&(id, change)| {
            if change == 0 {
                self.forget_if_unused(id);
            }
            change != 0
        });
        changes
    }

    /// Where the slot is among the postings of each term, or would be.
    fn spots(&self, slot: u32, changes: &[(u32, i32)]) -> Vec<Spot> {
        let list = |(id, _): &(u32, i32)| &self.terms[*id as usize].entries;
        self.postings.spots(slot, changes.iter().map(list))
    }

    fn forget_if_unused(&mut self, id: u32) {
        if self.terms[id as usize].entries.is_empty() {
            let term = self.terms.remove(id as usize);
            self.ids.remove(id, &term.text);
            self.word_ids.forget();
        }
    }

    /// The id of the term that a form gives.
    fn id_of_form(&mut self, form: Form<'_>) -> u32 {
        let Form::Word(word) = form else { return self.id_of(form.term(&self.stems)) };
        self.word_ids.get(word).unwrap_or_else(|| {
            let id = self.id_of(form.term(&self.stems));
            self.word_ids.put(word, id, self.terms.len());
            id
        })
    }

    fn id_of(&mut self, text: EcoString) -> u32 {
        let Self { ids, terms, .. } = self;
        ids.get(&text, &|id| &terms[id as usize].text).unwrap_or_else(|| {
            let id = terms.insert(Term { text, entries: List::default() }) as u32;
            ids.insert(id, &|id| &terms[id as usize].text);
            id
        })
    }

    /// The term with this text.
    fn known(&self, text: &str) -> Option<&Term> {
        let id = self.ids.get(text, &|id| &self.terms[id as usize].text)?;
        Some(&self.terms[id as usize])
    }

    /// The sum goes in the order of the terms' texts, so that it rounds the same whatever the query's order and
    /// the index's history.
    fn scores(&self, query: &str) -> Scores {
        let mut wanted: Vec<EcoString> =
            self.wanted(query).into_iter().map(|term| term.text).collect();
        sort(&mut wanted);
        let mut scores = Scores::new(self.entries.len());
        for same in wanted.chunk_by(|a, b| a == b) {
            if let Some(term) = self.known(&same[0]) {
                self.add_scores(term, same.len(), &mut scores);
            }
        }
        scores
    }

    /// As [`Self::scores`], with what the words may stand for.
    fn scores_as(&self, query: &str, matching: Matching) -> Scores {
        let mut scores = Scores::new(self.entries.len());
        let mut frequencies = vec![0.0; self.entries.len()];
        let wanted = self.wanted(query);
        let end = wanted.last().map_or(0, |term| term.at.end);
        let mut words: Vec<(EcoString, String, bool)> = wanted
            .into_iter()
            .map(|term| (term.text, text::normalise(&query[term.at.clone()]), term.at.end == end))
            .collect();
        sort(&mut words);
        for (stem, typed, last) in words {
            let matching = Matching { prefix: matching.prefix && last, ..matching };
            for (slot, score) in self.merged(&stem, &typed, matching, &mut frequencies) {
                scores.add(slot as u32, score);
            }
        }
        scores
    }

    /// What each entry scores by all terms that a word may stand for. Leaves `frequencies` zero.
    fn merged(
        &self,
        stem: &str,
        typed: &str,
        matching: Matching,
        frequencies: &mut [f32],
    ) -> Vec<(usize, f32)> {
        let meant = |term: &Term| likeness(typed, stem, &term.text, matching);
        let likely = self.terms.iter().map(|(_, term)| (term, meant(term)));
        let mut likely: Vec<_> = likely.filter(|(_, likeness)| *likeness > 0.0).collect();
        sort_by_key(&mut likely, |(term, _)| &term.text);
        let mut slots = vec![];
        for (term, likeness) in likely {
            for posting in self.postings.iter(&term.entries) {
                let frequency = &mut frequencies[posting.slot as usize];
                if *frequency == 0.0 {
                    slots.push(posting.slot as usize);
                }
                *frequency += likeness * posting.frequency as f32;
            }
        }
        let weight = self.weight(slots.len() as u64, 1);
        let score = |slot: usize| (slot, weight.of(frequencies[slot], self.lengths[slot]));
        let scored = slots.iter().map(|&slot| score(slot)).collect();
        slots.into_iter().for_each(|slot| frequencies[slot] = 0.0);
        scored
    }

    /// The terms to look for. Questions are full of words that stand in every text and add up to noise.
    fn wanted(&self, query: &str) -> Vec<text::Term> {
        let mut all = vec![];
        forms(query, &mut |at, form| all.push((at, form)));
        let telling = |(at, _): &(Range<usize>, Form<'_>)| !is_stopword(&query[at.clone()]);
        if all.iter().any(telling) {
            all.retain(telling);
        }
        all.into_iter().map(|(at, form)| text::Term { text: form.term(&self.stems), at }).collect()
    }

    fn add_scores(&self, term: &Term, times: usize, scores: &mut Scores) {
        let assumed = self.assumed.as_ref().and_then(|all| all.frequency(&term.text));
        let weight = self.weight(assumed.unwrap_or(term.entries.len() as u64), times);
        // Not a loop around it: that asks for each whether its block is at an end, and the next one's.
        self.postings.iter(&term.entries).for_each(|Posting { slot, frequency }| {
            scores.add(slot, weight.of(frequency as f32, self.lengths[slot as usize]));
        });
    }

    /// What a term counts that so many entries have and the query so many times.
    fn weight(&self, having: u64, times: usize) -> Weight {
        let own = (self.count as u64, self.total_length);
        let (count, length) = self.assumed.as_ref().map_or(own, |all| (all.count, all.length));
        let (n, df) = (count as f64, having as f64);
        let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln() as f32;
        let mean_length = (length as f64 / n) as f32;
        // Frequencies come in quarters, and so must what is added to them.
        Weight {
            numerator: times as f32 * idf * (K1 + 1.0),
            fixed: K1 * (1.0 - B) * Field::WHOLE as f32,
            per_length: K1 * B * Field::WHOLE as f32 / mean_length,
        }
    }
}

/// What entries score together.
struct Scores {
    by_slot: Vec<f32>,
    /// Those that score: of many entries, few have any term of a query.
    found: Vec<u32>,
}

impl Scores {
    fn new(slots: usize) -> Self {
        Scores { by_slot: vec![0.0; slots], found: vec![] }
    }

    #[inline(always)]
    fn add(&mut self, slot: u32, score: f32) {
        let sum = &mut self.by_slot[slot as usize];
        if *sum == 0.0 && score > 0.0 {
            self.found.push(slot);
        }
        *sum += score;
    }
}

/// BM25 of one term.
struct Weight {
    numerator: f32,
    fixed: f32,
    per_length: f32,
}

impl Weight {
    /// In an entry that has it so often and is so long, both in quarters.
    fn of(&self, frequency: f32, length: u32) -> f32 {
        let discount = self.fixed + self.per_length * length as f32;
        self.numerator * frequency / (frequency + discount)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::store::top::Only;

    fn slots(found: Vec<Match>) -> Vec<u32> {
        found.into_iter().map(|found| found.slot).collect()
    }

    fn index(texts: &[&str]) -> LexicalIndex {
        let mut index = LexicalIndex::new();
        for (slot, text) in texts.iter().enumerate() {
            index.insert(slot as u32, &[Field::new(text)]);
        }
        index
    }

    #[test]
    fn scores_equal_the_formula() {
        let index = index(&["apple apple pear", "apple plum", "cherry"]);
        let found = index.search("apple", 9, Some);
        // N = 3, df = 2, mean length 2.
        let idf = (1.0f64 + 1.5 / 2.5).ln();
        let expected = idf * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * 3.0 / 2.0));
        assert!((f64::from(found[0].score) - expected).abs() < 1e-6);
        assert_eq!(slots(found), [0, 1]);
    }

    #[test]
    fn parts_score_as_the_whole_by_its_statistics() {
        let texts = ["apple apple pear", "apple plum", "cherry", "pear", "plum cherry apple"];
        let whole = index(&texts);
        let query = "the apples, and pears";
        let found = whole.search(query, 9, Some);
        for cut in 0..=texts.len() {
            let mut parts = [index(&texts[..cut]), index(&texts[cut..])];
            let all = parts.iter().map(|part| part.statistics(&[query]));
            let all = all.fold(Statistics::default(), |mut sum, part| {
                sum.count += part.count;
                sum.length += part.length;
                for (term, frequency) in part.frequencies {
                    match sum.frequencies.binary_search_by(|(text, _)| text.cmp(&term)) {
                        Ok(at) => sum.frequencies[at].1 += frequency,
                        Err(at) => sum.frequencies.insert(at, (term, frequency)),
                    }
                }
                sum
            });
            assert_eq!(all, whole.statistics(&[query]));
            let mut together = vec![];
            for (part, first) in parts.iter_mut().zip([0, cut as u32]) {
                part.assume(all.clone());
                let found = part.search(query, 9, Some).into_iter();
                together.extend(found.map(|found| Match { slot: found.slot + first, ..found }));
            }
            together.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.slot.cmp(&b.slot)));
            assert_eq!(together, found);
        }
    }

    #[test]
    fn a_field_counts_by_its_weight() {
        let mut index = LexicalIndex::new();
        let heading = |text| Field { text, weight: 2 * Field::WHOLE };
        index.insert(0, &[heading("apple"), Field::new("pear")]);
        index.insert(1, &[heading("pear"), Field::new("apple")]);
        assert_eq!(slots(index.search("apple", 9, Some)), [0, 1]);
        assert_eq!(slots(index.search("pear", 9, Some)), [1, 0]);
        assert_eq!(index.entry(0), [("appl", 8), ("pear", 4)]);
    }

    #[test]
    fn ties_go_by_id_and_the_filter_holds() {
        let index = index(&["apple"; 6]);
        let found = index.search("apples", 2, |slot| (slot != 5).then_some(9 - slot));
        assert_eq!(slots(found), [4, 3]);
    }

    #[test]
    fn the_last_word_may_be_a_beginning_and_any_may_be_wrong_by_a_letter() {
        let index = index(&["apple tree", "apple pie", "apply paint", "東京タワー"]);
        let search = |query, prefix, typos| {
            let found = index.search_as(query, Matching { prefix, typos }, 9, Some);
            slots(found)
        };
        assert_eq!(search("apple tr", true, false), [0, 1]);
        assert_eq!(search("tre", false, false), [0; 0]);
        // Only the last word: "ap" is not one, "pie" is.
        assert_eq!(search("ap pie", true, false), [1]);
        assert_eq!(search("ap", true, false), [0, 1, 2]);
        assert_eq!(search("aplpe", false, true), [0, 1]);
        assert_eq!(search("aplpe", true, false), [0; 0]);
        assert_eq!(search("京", true, true), [3]);
    }

    #[test]
    fn nothing_is_found_by_nothing() {
        let index = index(&["apple", ""]);
        assert_eq!(index.len(), 2);
        assert!(index.search("", 9, Some).is_empty());
        assert!(index.search("quince", 9, Some).is_empty());
        assert!(index.search("apple", 0, Some).is_empty());
        assert!(LexicalIndex::new().search("apple", 9, Some).is_empty());
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn history_leaves_no_trace(
            steps in vec((0u32..8, "[ab ]{0,4}", "[a-d ]{0,8}", any::<bool>()), 0..40),
            query in "[a-e ]{0,8}",
        ) {
            let mut index = LexicalIndex::new();
            let mut plain = BTreeMap::new();
            let fields = |a, b| [Field { text: a, weight: 6 }, Field::new(b)];
            for (slot, heading, text, keep) in &steps {
                if *keep {
                    index.insert(*slot, &fields(heading, text));
                    plain.insert(*slot, (heading.as_str(), text.as_str()));
                } else {
                    index.remove(*slot);
                    plain.remove(slot);
                }
            }
            // Exchange every entry's text for its heading and back.
            for (slot, (heading, text)) in &plain {
                let [gone, come] = [text, heading].map(|text| [Field::new(text)]);
                index.revise(*slot, &gone, &come);
                index.revise(*slot, &come, &gone);
            }
            // The same entries, inserted once, in the other order and under other slots.
            let mut fresh = LexicalIndex::new();
            for (slot, (heading, text)) in plain.iter().rev() {
                fresh.insert(20 - slot, &fields(heading, text));
            }
            prop_assert_eq!(index.len(), plain.len());
            prop_assert_eq!(index.total_length(), fresh.total_length());
            prop_assert_eq!(index.document_frequencies(), fresh.document_frequencies());
            prop_assert_eq!(index.ids.len(), index.terms.len());
            for slot in plain.keys() {
                prop_assert_eq!(index.entry(*slot), fresh.entry(20 - slot));
            }
            let found = index.search(&query, 5, Some);
            let again = fresh.search(&query, 5, |slot| Some(20 - slot));
            let again: Vec<Match> = again.into_iter().map(|m| Match { slot: 20 - m.slot, ..m }).collect();
            prop_assert_eq!(found, again);

            // Where the only ones are known, they are what a filter leaves.
            let only = Only(vec![5, 1, 2, 99]);
            let admit = |slot: u32| only.admits(slot).then_some(slot);
            let among = index.search_among(&query, Matching::default(), 2, &only);
            prop_assert_eq!(among, index.search(&query, 2, admit));

            let matching = Matching { prefix: true, typos: true };
            let found = index.search_as(&query, matching, 5, Some);
            let again = fresh.search_as(&query, matching, 5, |slot| Some(20 - slot));
            let again: Vec<Match> = again.into_iter().map(|m| Match { slot: 20 - m.slot, ..m }).collect();
            prop_assert_eq!(found, again);
        }
    }
}

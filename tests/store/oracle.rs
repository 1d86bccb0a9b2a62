//! The knowledge base computed from scratch in the plainest way. It shares no code with the store but
//! the key of a name.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use smolrag::{
    record::{Contribution, EntityMention, Filter, RelationshipMention, UnitVector},
    store::entity_key,
    text::terms,
};

use crate::snapshot::{Entity, Place, Relationship, Snapshot};

#[derive(Clone)]
pub struct Oracle {
    resolve: bool,
    documents: BTreeMap<String, Rc<Contribution>>,
    /// What each merged key is merged into, and how its name was written.
    merged: BTreeMap<String, (String, String)>,
    /// How each target was written.
    targets: BTreeMap<String, String>,
}

type Described<'a> = Vec<(&'a Contribution, &'a EntityMention)>;
type Related<'a> = Vec<(&'a Contribution, &'a RelationshipMention)>;

/// Something that can be found: its id, vector, texts, and the documents it stands in.
pub struct Entry {
    pub id: String,
    pub vector: UnitVector,
    pub texts: Vec<String>,
    pub places: Vec<Place>,
}

impl Oracle {
    pub fn new(resolve: bool) -> Self {
        let (documents, merged) = (BTreeMap::new(), BTreeMap::new());
        Oracle { resolve, documents, merged, targets: BTreeMap::new() }
    }

    pub fn put(&mut self, document: &Rc<Contribution>) {
        self.documents.insert(document.source.to_string(), document.clone());
    }

    pub fn remove(&mut self, source: &str) {
        self.documents.remove(source);
    }

    /// Whether the merge is allowed; it then holds.
    pub fn merge(&mut self, names: &[&str], into: &str) -> bool {
        let before = self.clone();
        let target = self.form(into);
        for name in names {
            let key = self.form(name);
            if key == target {
                continue;
            }
            let other_target = self.merged.get(&key).is_some_and(|(other, _)| *other != target);
            if other_target || before.key(into) == key {
                *self = before;
                return false;
            }
            self.merged.entry(key).or_insert((target.clone(), name.to_string()));
        }
        if self.merged.values().any(|(into, _)| *into == target) {
            self.targets.insert(target, into.to_string());
        }
        true
    }

    pub fn unmerge(&mut self, into: &str) {
        let target = self.form(into);
        self.merged.retain(|_, (into, _)| *into != target);
        self.targets.remove(&target);
    }

    pub fn documents(&self) -> impl Iterator<Item = &Rc<Contribution>> {
        self.documents.values()
    }

    fn form(&self, name: &str) -> String {
        if self.resolve { entity_key(name) } else { name.trim().to_string() }
    }

    fn key(&self, name: &str) -> String {
        let mut key = self.form(name);
        while let Some((into, _)) = self.merged.get(&key) {
            key = into.clone();
        }
        key
    }

    fn described(&self) -> BTreeMap<String, Described<'_>> {
        let mut all: BTreeMap<String, Described<'_>> = BTreeMap::new();
        for document in self.documents.values() {
            for mention in &document.entities {
                all.entry(self.key(&mention.name)).or_default().push((document, mention));
            }
        }
        all
    }

    fn related(&self) -> BTreeMap<(String, String), Related<'_>> {
        let mut all: BTreeMap<(String, String), Related<'_>> = BTreeMap::new();
        for document in self.documents.values() {
            for mention in &document.relationships {
                let mut ends = [self.key(&mention.source), self.key(&mention.target)];
                ends.sort();
                let [first, second] = ends;
                if first != second {
                    all.entry((first, second)).or_default().push((document, mention));
                }
            }
        }
        all
    }

    /// Every name that relationships give an entity, in order, with where.
    fn ends(&self, key: &str) -> Vec<(Place, String)> {
        let mut all = vec![];
        for document in self.documents.values() {
            for mention in &document.relationships {
                let ends = [&mention.source, &mention.target];
                if self.key(ends[0]) != self.key(ends[1]) {
                    for name in ends.into_iter().filter(|name| self.key(name) == key) {
                        let place = (document.source.to_string(), mention.at.excerpt as usize);
                        all.push((place, name.to_string()));
                    }
                }
            }
        }
        all
    }

    fn entity_keys(&self) -> BTreeSet<String> {
        let related = self.related().into_keys().flat_map(|(first, second)| [first, second]);
        self.described().into_keys().chain(related).collect()
    }

    fn name(&self, key: &str, mentions: &Described<'_>) -> String {
        if let Some(name) = self.targets.get(key) {
            return name.clone();
        }
        let described = ranked(mentions.iter().map(|(_, mention)| &*mention.name));
        let named = self.ends(key);
        let named = ranked(named.iter().map(|(_, name)| name.as_str()));
        described.into_iter().chain(named).next().unwrap()
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            documents: self
                .documents
                .values()
                .map(|document| (document.source.to_string(), document.revision.to_string()))
                .collect(),
            keywords: distinct(
                self.documents.values().flat_map(|document| document.keywords.iter().map(|k| &**k)),
            ),
            excerpts: self.excerpts().into_iter().map(|entry| (entry.id, entry.places)).collect(),
            entities: self.entity_keys().iter().map(|key| self.entity(key)).collect(),
            relationships: self
                .related()
                .iter()
                .map(|(ends, all)| relationship(ends, all))
                .collect(),
        }
    }

    fn entity(&self, key: &str) -> Entity {
        let mentions = self.described().remove(key).unwrap_or_default();
        let categories = ranked(mentions.iter().map(|(_, mention)| &*mention.category));
        let described = mentions.iter().map(|(d, m)| (d.source.to_string(), m.at.excerpt as usize));
        let places: Vec<Place> = if mentions.is_empty() {
            self.ends(key).into_iter().map(|(place, _)| place).collect()
        } else {
            described.collect()
        };
        Entity {
            key: key.to_string(),
            name: self.name(key, &mentions),
            category: categories.first().cloned().unwrap_or("UNKNOWN".into()),
            categories,
            descriptions: first(10, mentions.iter().map(|(_, mention)| &*mention.description)),
            places,
            degree: self.related().keys().filter(|(a, b)| a == key || b == key).count(),
        }
    }

    pub fn excerpts(&self) -> Vec<Entry> {
        let mut all: BTreeMap<String, Entry> = BTreeMap::new();
        for document in self.documents.values() {
            for (index, excerpt) in document.excerpts.iter().enumerate() {
                let home = || {
                    let headings = excerpt.headings.iter().map(|heading| heading.to_string());
                    let texts = [excerpt.summary.to_string(), excerpt.text.to_string()];
                    Entry {
                        id: excerpt.id.to_string(),
                        vector: excerpt.vector.clone(),
                        texts: headings.chain(texts).collect(),
                        places: vec![],
                    }
                };
                let entry = all.entry(excerpt.id.to_string()).or_insert_with(home);
                entry.places.push((document.source.to_string(), index));
            }
        }
        all.into_values().collect()
    }

    pub fn entities(&self) -> Vec<Entry> {
        let described = self.described();
        let entry = |key: String| {
            let empty = vec![];
            let mentions = described.get(&key).unwrap_or(&empty);
            let mut texts = vec![self.name(&key, mentions)];
            let merged = self.merged.iter().filter(|(_, (_, name))| self.key(name) == key);
            texts.extend(merged.map(|(_, (_, name))| name.clone()));
            texts.extend(first(10, mentions.iter().map(|(_, mention)| &*mention.description)));
            let named = self.ends(&key).into_iter().map(|(place, _)| place);
            Entry {
                vector: mean(mentions.iter().map(|(_, mention)| &mention.vector)),
                texts,
                places: self.entity(&key).places.into_iter().chain(named).collect(),
                id: key,
            }
        };
        self.entity_keys().into_iter().map(entry).collect()
    }

    pub fn relationships(&self) -> Vec<Entry> {
        let entry = |((first, second), mentions): ((String, String), Related<'_>)| {
            let plain = relationship(&(first.clone(), second.clone()), &mentions);
            let mut texts: Vec<String> = [&first, &second]
                .into_iter()
                .map(|end| {
                    let names = mentions.iter().flat_map(|(_, m)| [&*m.source, &*m.target]);
                    let names = ranked(names.filter(|name| self.key(name) == *end));
                    self.targets.get(end).unwrap_or(&names[0]).clone()
                })
                .collect();
            texts.extend(plain.keywords);
            texts.extend(plain.descriptions);
            Entry {
                id: format!("{first} / {second}"),
                vector: mean(mentions.iter().map(|(_, mention)| &mention.vector)),
                texts,
                places: plain.places,
            }
        };
        self.related().into_iter().map(entry).collect()
    }

    /// The first place in a document that the filter admits.
    pub fn admitted(&self, entry: &Entry, filter: &Filter) -> Option<Place> {
        let matches = |place: &&Place| filter.matches(&self.documents[&place.0].metadata);
        entry.places.iter().find(matches).cloned()
    }
}

fn relationship(
    (first_key, second_key): &(String, String),
    mentions: &Related<'_>,
) -> Relationship {
    Relationship {
        ends: (first_key.clone(), second_key.clone()),
        weight: mentions.iter().map(|(_, m)| u64::from(m.weight.0)).sum::<u64>() as f64 / 1000.0,
        descriptions: first(10, mentions.iter().map(|(_, mention)| &*mention.description)),
        keywords: first(20, mentions.iter().map(|(_, mention)| &*mention.keywords)),
        places: mentions
            .iter()
            .map(|(document, mention)| (document.source.to_string(), mention.at.excerpt as usize))
            .collect(),
    }
}

fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    for text in texts {
        if !text.trim().is_empty() && !found.iter().any(|other| other == text) {
            found.push(text.to_string());
        }
    }
    found
}

fn first<'a>(limit: usize, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    distinct(texts).into_iter().take(limit).collect()
}

fn ranked<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let mut found = distinct(texts.clone());
    found.sort_by_key(|text| std::cmp::Reverse(texts.clone().filter(|t| t == text).count()));
    found
}

fn mean<'a>(vectors: impl Iterator<Item = &'a UnitVector>) -> UnitVector {
    let vectors: Vec<&UnitVector> = vectors.collect();
    if let [only] = vectors[..] {
        return only.clone();
    }
    let component = |at: usize| vectors.iter().map(|vector| i64::from(vector.raw()[at])).sum();
    UnitVector::from_sum(&[component(0), component(1), component(2)])
}

/// Every entry's cosine with the query; those that are or meet a zero vector left out.
pub fn cosines(entries: &[Entry], query: &UnitVector) -> BTreeMap<String, f64> {
    let one = f64::from(UnitVector::ONE).powi(2);
    let dot = |vector: &UnitVector| -> f64 {
        let products =
            vector.raw().iter().zip(query.raw()).map(|(&a, &b)| f64::from(a) * f64::from(b));
        products.sum::<f64>() / one
    };
    let entries = entries.iter().filter(|entry| !entry.vector.is_zero());
    entries.map(|entry| (entry.id.clone(), dot(&entry.vector))).collect()
}

/// Every entry's BM25 score; those without a term of the query left out.
pub fn bm25(entries: &[Entry], query: &str) -> BTreeMap<String, f64> {
    let words =
        |text: &str| -> Vec<String> { terms(text).into_iter().map(|t| t.text.into()).collect() };
    let all: Vec<Vec<String>> =
        entries.iter().map(|entry| entry.texts.iter().flat_map(|t| words(t)).collect()).collect();
    let n = all.len() as f64;
    let mean = all.iter().map(Vec::len).sum::<usize>() as f64 / n;
    let mut scores = BTreeMap::new();
    for (entry, own) in entries.iter().zip(&all) {
        let mut score = 0.0;
        for word in words(query) {
            let tf = own.iter().filter(|other| **other == word).count() as f64;
            let df = all.iter().filter(|other| other.contains(&word)).count() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            score += idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * own.len() as f64 / mean));
        }
        if score > 0.0 {
            scores.insert(entry.id.clone(), score);
        }
    }
    scores
}

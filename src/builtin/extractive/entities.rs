//! The entities of a document, and which of its sentences speak of them.

use ecow::EcoString;

use super::{
    names::{Candidate, Casing, Evidence, candidates, key, push_title},
    sentences::{Sentence, SentenceKind, sentences},
};
use crate::{
    order::{OrderedMap, sort},
    port::{DocumentText, Pacer},
    text::{self, is_stopword},
};

/// Entities of one excerpt beyond this many are left out, those with the weakest reasons first.
const MAX_ENTITIES: usize = 32;

/// Words that come together at least so often are a term.
const REPEATED: usize = 3;

/// A name of the document.
pub(super) struct Entity {
    /// Its most frequent spelling.
    pub(super) name: String,
    /// The strongest reason to take it for one.
    pub(super) evidence: Evidence,
    key: Vec<EcoString>,
}

/// A document, taken apart.
pub(super) struct Document {
    /// The sentences of each excerpt.
    sentences: Vec<Vec<Sentence>>,
    /// In the order of their keys.
    pub(super) entities: Vec<Entity>,
    /// For each excerpt and each sentence of it, the entities it speaks of, ascending.
    mentions: Vec<Vec<Vec<usize>>>,
}

impl Document {
    pub(super) async fn read(document: &DocumentText, pacer: &Pacer) -> Self {
        let mut found = Vec::with_capacity(document.excerpts.len());
        for excerpt in &document.excerpts {
            pacer.pause().await;
            found.push(sentences(&excerpt.text, excerpt.fence.as_deref()));
        }
        let entities = entities(document, &found, pacer).await;
        let mentions = mentions(&found, &entities, pacer).await;
        Document { sentences: found, entities, mentions }
    }

    /// The entities that an excerpt speaks of, ascending; of too many those with the best reasons.
    pub(super) fn mentioned(&self, excerpt: usize) -> Vec<usize> {
        self.strongest(self.mentions[excerpt].iter().flatten().copied().collect())
    }

    /// Those that its prose speaks of. Code names many things and relates few.
    pub(super) fn mentioned_in_prose(&self, excerpt: usize) -> Vec<usize> {
        self.strongest(
            self.prose(excerpt).flat_map(|(_, mentions)| mentions.iter().copied()).collect(),
        )
    }

    fn strongest(&self, mut entities: Vec<usize>) -> Vec<usize> {
        sort(&mut entities);
        entities.dedup();
        if entities.len() > MAX_ENTITIES {
            let of = |evidence| {
                entities.iter().copied().filter(move |&one| self.entities[one].evidence == evidence)
            };
            let mut kept: Vec<usize> =
                Evidence::ALL.into_iter().flat_map(of).take(MAX_ENTITIES).collect();
            sort(&mut kept);
            return kept;
        }
        entities
    }

    /// The sentences of an excerpt outside of code, each with the entities it speaks of.
    pub(super) fn prose(
        &self,
        excerpt: usize,
    ) -> impl Iterator<Item = (&Sentence, &[usize])> + Clone {
        self.statements(excerpt).filter(|(sentence, _)| sentence.kind != SentenceKind::Code)
    }

    /// Every sentence of an excerpt with the entities it speaks of.
    pub(super) fn statements(
        &self,
        excerpt: usize,
    ) -> impl Iterator<Item = (&Sentence, &[usize])> + Clone {
        self.sentences[excerpt].iter().zip(self.mentions[excerpt].iter().map(Vec::as_slice))
    }
}

async fn mentions(
    sentences: &[Vec<Sentence>],
    entities: &[Entity],
    pacer: &Pacer,
) -> Vec<Vec<Vec<usize>>> {
    let index = Index::new(entities);
    let mut mentions = Vec::with_capacity(sentences.len());
    for excerpt in sentences {
        pacer.pause().await;
        mentions.push(excerpt.iter().map(|one| index.mentioned(&one.text)).collect());
    }
    mentions
}

async fn entities(
    document: &DocumentText,
    sentences: &[Vec<Sentence>],
    pacer: &Pacer,
) -> Vec<Entity> {
    let mut casing = Casing::default();
    for excerpt in sentences {
        pacer.pause().await;
        excerpt.iter().for_each(|sentence| casing.learn(sentence));
    }
    let mut found: Vec<Candidate> = Vec::new();
    for (excerpt, sentences) in document.excerpts.iter().zip(sentences) {
        pacer.pause().await;
        if let Some(heading) = excerpt.headings.last() {
            push_title(heading, Evidence::Heading, &mut found);
        }
        found.extend(candidates(&excerpt.text, excerpt.fence.as_deref(), sentences, &casing));
    }
    found.extend(repeated(sentences, pacer).await);
    merge(found, pacer).await
}

/// One entity for all spellings of a name.
async fn merge(found: Vec<Candidate>, pacer: &Pacer) -> Vec<Entity> {
    let mut spellings: OrderedMap<Vec<EcoString>, OrderedMap<String, (usize, Evidence)>> =
        OrderedMap::new();
    for (at, Candidate { name, evidence }) in found.into_iter().enumerate() {
        if at % 64 == 0 {
            pacer.pause().await;
        }
        let key = key(&name);
        if key.is_empty() {
            continue;
        }
        let (count, strongest) =
            spellings.get_or_default(key).get_or_insert_with(name, || (0, evidence));
        *count += 1;
        *strongest = evidence.min(*strongest);
    }
    let entity = |(key, spellings): (Vec<EcoString>, OrderedMap<String, (usize, Evidence)>)| {
        let evidence = spellings.values().map(|&(_, evidence)| evidence).min()?;
        // The first in order wins a tie.
        let (name, _) = spellings.into_iter().rev().max_by_key(|&(_, (count, _))| count)?;
        Some(Entity { name, evidence, key })
    };
    spellings.into_iter().filter_map(entity).collect()
}

/// Pairs of words, neither a stopword, that come together repeatedly in prose.
async fn repeated(sentences: &[Vec<Sentence>], pacer: &Pacer) -> Vec<Candidate> {
    let mut counts: OrderedMap<Vec<EcoString>, (usize, String)> = OrderedMap::new();
    let prose = sentences.iter().flatten().filter(|sentence| sentence.kind == SentenceKind::Prose);
    for sentence in prose {
        pacer.pause().await;
        let words = text::words(&sentence.text);
        for pair in words.windows(2) {
            let [(from, first), (at, second)] = [pair[0], pair[1]];
            let together = &sentence.text[from..at + second.len()];
            let plain = |word: &str| {
                word.chars().count() > 2
                    && !is_stopword(word)
                    && word.chars().all(char::is_alphabetic)
            };
            if &sentence.text[from + first.len()..at] == " " && plain(first) && plain(second) {
                counts.get_or_insert_with(key(together), || (0, together.to_owned())).0 += 1;
            }
        }
    }
    let often = counts.into_values().filter(|&(count, _)| count >= REPEATED);
    often.map(|(_, name)| Candidate { name, evidence: Evidence::Repeated }).collect()
}

/// Finds names in sentences: the longest at each word.
struct Index<'e> {
    entities: &'e [Entity],
    /// By the first stem, the longest name first.
    by_first: OrderedMap<&'e str, Vec<usize>>,
    /// Names in scripts without spaces, which stand inside runs.
    unspaced: Vec<usize>,
}

impl<'e> Index<'e> {
    fn new(entities: &'e [Entity]) -> Self {
        let mut by_first: OrderedMap<&str, Vec<usize>> = OrderedMap::new();
        let mut unspaced = Vec::new();
        for (index, entity) in entities.iter().enumerate() {
            if entity.name.contains(text::is_unspaced) {
                unspaced.push(index);
            } else {
                let names = by_first.get_or_default(entity.key[0].as_str());
                let longer =
                    names.partition_point(|&other| entities[other].key.len() >= entity.key.len());
                names.insert(longer, index);
            }
        }
        Index { entities, by_first, unspaced }
    }

    fn mentioned(&self, sentence: &str) -> Vec<usize> {
        let stems = key(sentence);
        let mut found: Vec<usize> = self
            .unspaced
            .iter()
            .copied()
            .filter(|&index| sentence.contains(&self.entities[index].name))
            .collect();
        let mut at = 0;
        while let Some(first) = stems.get(at) {
            let names = self.by_first.get(first.as_str()).into_iter().flatten();
            let longest =
                names.copied().find(|&index| stems[at..].starts_with(&self.entities[index].key));
            at += longest.map_or(1, |index| self.entities[index].key.len());
            found.extend(longest);
        }
        sort(&mut found);
        found.dedup();
        found
    }
}

/// The sentence of these that says most about a name: one that defines it, else one that begins
/// with it, else the first.
pub(super) fn telling<'s>(
    name: &str,
    sentences: impl Iterator<Item = &'s Sentence>,
) -> Option<&'s Sentence> {
    let key = key(name);
    // The first of the best: `max_by_key` would give the last.
    sentences
        .map(|sentence| (how_telling(&key, sentence), sentence))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, sentence)| sentence)
}

fn how_telling(name: &[EcoString], sentence: &Sentence) -> u8 {
    const DEFINE: [&str; 14] = [
        "is",
        "are",
        "was",
        "were",
        "mean",
        "means",
        "refers",
        "denotes",
        "provides",
        "represents",
        "contains",
        "allows",
        "handles",
        "defines",
    ];
    if sentence.kind != SentenceKind::Prose {
        return 0;
    }
    let words = text::words(&sentence.text);
    let articles = words.iter().take_while(|(_, word)| is_stopword(word)).count();
    let behind = articles + name.len();
    let begins = words.len() > behind
        && words[articles..behind]
            .iter()
            .zip(name)
            .all(|((_, word), stem)| text::stem(&text::lower_case(word)) == *stem);
    if !begins {
        return 1;
    }
    let (last, word) = words[behind - 1];
    let rest = sentence.text[last + word.len()..].trim_start_matches(['`', '"', '*', ')']);
    let defines = rest.trim_start().starts_with([':', '：', '—', '–'])
        || DEFINE.contains(&words[behind].1)
        || words.get(behind + 1).is_some_and(|(_, word)| DEFINE.contains(word));
    if defines { 3 } else { 2 }
}

//! Records as bytes: versioned, compact, checksummed.
//!
//! A document is one record, so that it is read whole or not at all: what was read from it, its
//! source text, its vectors. Layout of every record: one byte of format version, the payload, the
//! CRC-32 of both in little endian.

use std::rc::Rc;

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Code, Contribution, EntityMention, Error, Excerpt, Metadata, MetadataValue, Position,
    RelationshipMention, Result, UnitVector, Weight, excerpt_id,
};
use crate::order::sort;

const FORMAT: u8 = 1;

static CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What comes first in a document's payload. The source text follows, then the vectors of excerpts,
/// entity mentions and relationship mentions, in this order, as 16-bit integers in little endian.
#[derive(Serialize, Deserialize)]
struct StoredDocument {
    revision: Rc<str>,
    metadata: Vec<(String, StoredValue)>,
    text_bytes: u32,
    dimensions: u32,
    excerpts: Vec<StoredExcerpt>,
    entities: Vec<StoredEntity>,
    relationships: Vec<StoredRelationship>,
    keywords: Vec<Rc<str>>,
}

#[derive(Serialize, Deserialize)]
enum StoredValue {
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<StoredValue>),
}

#[derive(Serialize, Deserialize)]
struct StoredExcerpt {
    /// Offset in bytes of the text.
    byte_start: u32,
    byte_length: u32,
    start: u32,
    length: u32,
    headings: Rc<[Rc<str>]>,
    fence: Option<Rc<str>>,
    summary: Rc<str>,
}

#[derive(Serialize, Deserialize)]
struct StoredEntity {
    at: (u32, u32),
    name: Rc<str>,
    category: Rc<str>,
    description: Rc<str>,
}

#[derive(Serialize, Deserialize)]
struct StoredRelationship {
    at: (u32, u32),
    source: Rc<str>,
    target: Rc<str>,
    description: Rc<str>,
    keywords: Rc<str>,
    weight: u32,
}

/// Any serialisable value as one record.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    // Writing plain data to memory has no way to fail.
    seal(postcard::to_extend(value, vec![FORMAT]).expect("plain data serialises"))
}

/// The value of a record; `name` is what the error calls it.
pub fn decode<T: DeserializeOwned>(name: &str, record: &[u8]) -> Result<T> {
    let payload = open(name, record)?;
    let (value, rest) = postcard::take_from_bytes(payload).map_err(|_| damaged(name))?;
    if rest.is_empty() { Ok(value) } else { Err(damaged(name)) }
}

/// Metadata as bytes: the same exactly when the metadata is.
pub fn encode_metadata(metadata: &Metadata) -> Vec<u8> {
    let stored: Vec<(&String, StoredValue)> =
        metadata.iter().map(|(name, value)| (name, value.into())).collect();
    encode(&stored)
}

fn seal(mut record: Vec<u8>) -> Vec<u8> {
    let checksum = CHECKSUM.checksum(&record);
    record.extend_from_slice(&checksum.to_le_bytes());
    record
}

fn open<'a>(name: &str, record: &'a [u8]) -> Result<&'a [u8]> {
    let (body, checksum) = record.split_last_chunk::<4>().ok_or_else(|| damaged(name))?;
    if CHECKSUM.checksum(body) != u32::from_le_bytes(*checksum) {
        return Err(damaged(name));
    }
    match body.split_first() {
        Some((&FORMAT, payload)) => Ok(payload),
        Some((newer, _)) => Err(Error::new(
            Code::StorageCorrupt,
            format!(
                "the record of {name} has format {newer}; this version of smolrag reads format {FORMAT}. Update the package."
            ),
        )),
        None => Err(damaged(name)),
    }
}

fn damaged(name: &str) -> Error {
    Error::new(Code::StorageCorrupt, format!("the record of {name} is damaged"))
}

/// Writes a contribution. `text` must be the text that its excerpts were cut from.
pub fn encode_document(contribution: &Contribution, text: &str) -> Vec<u8> {
    let offsets = ByteOffsets::of(text, contribution.excerpts.iter().map(|excerpt| excerpt.start));
    let stored = StoredDocument {
        revision: contribution.revision.clone(),
        metadata: contribution
            .metadata
            .iter()
            .map(|(name, value)| (name.clone(), value.into()))
            .collect(),
        text_bytes: text.len() as u32,
        dimensions: contribution
            .excerpts
            .first()
            .map_or(0, |excerpt| excerpt.vector.dimensions() as u32),
        excerpts: contribution
            .excerpts
            .iter()
            .map(|excerpt| StoredExcerpt {
                byte_start: offsets.byte(excerpt.start),
                byte_length: excerpt.text.len() as u32,
                start: excerpt.start,
                length: excerpt.end - excerpt.start,
                headings: excerpt.headings.clone(),
                fence: excerpt.fence.clone(),
                summary: excerpt.summary.clone(),
            })
            .collect(),
        entities: contribution
            .entities
            .iter()
            .map(|mention| StoredEntity {
                at: (mention.at.excerpt, mention.at.ordinal),
                name: mention.name.clone(),
                category: mention.category.clone(),
                description: mention.description.clone(),
            })
            .collect(),
        relationships: contribution
            .relationships
            .iter()
            .map(|mention| StoredRelationship {
                at: (mention.at.excerpt, mention.at.ordinal),
                source: mention.source.clone(),
                target: mention.target.clone(),
                description: mention.description.clone(),
                keywords: mention.keywords.clone(),
                weight: mention.weight.0,
            })
            .collect(),
        keywords: contribution.keywords.clone(),
    };
    let vectors = (contribution.excerpts.iter().map(|excerpt| &excerpt.vector))
        .chain(contribution.entities.iter().map(|mention| &mention.vector))
        .chain(contribution.relationships.iter().map(|mention| &mention.vector));
    let mut record = postcard::to_extend(&stored, vec![FORMAT]).expect("plain data serialises");
    record.extend_from_slice(text.as_bytes());
    record.extend(
        vectors.flat_map(|vector| vector.raw()).flat_map(|component| component.to_le_bytes()),
    );
    seal(record)
}

fn open_document<'a>(
    source: &'a str,
    record: &'a [u8],
) -> Result<(StoredDocument, &'a str, Vectors<'a>)> {
    let (stored, rest): (StoredDocument, _) =
        postcard::take_from_bytes(open(source, record)?).map_err(|_| damaged(source))?;
    let (text, vectors) =
        rest.split_at_checked(stored.text_bytes as usize).ok_or_else(|| damaged(source))?;
    let text = std::str::from_utf8(text).map_err(|_| damaged(source))?;
    let dimensions = stored.dimensions as usize;
    Ok((stored, text, Vectors { source, dimensions, rest: vectors }))
}

/// Reads a contribution back.
pub fn decode_document(source: &str, record: &[u8]) -> Result<Contribution> {
    let (stored, text, mut vectors) = open_document(source, record)?;
    let excerpts = (stored.excerpts.into_iter())
        .map(|excerpt| {
            let from = excerpt.byte_start as usize;
            let to =
                from.checked_add(excerpt.byte_length as usize).ok_or_else(|| damaged(source))?;
            let text = text.get(from..to).ok_or_else(|| damaged(source))?;
            Ok(Excerpt {
                id: excerpt_id(text).into(),
                text: text.into(),
                start: excerpt.start,
                end: excerpt.start.checked_add(excerpt.length).ok_or_else(|| damaged(source))?,
                headings: excerpt.headings,
                fence: excerpt.fence,
                summary: excerpt.summary,
                vector: vectors.next()?,
            })
        })
        .collect::<Result<_>>()?;
    let entities = (stored.entities.into_iter())
        .map(|mention| {
            Ok(EntityMention {
                at: Position { excerpt: mention.at.0, ordinal: mention.at.1 },
                name: mention.name,
                category: mention.category,
                description: mention.description,
                vector: vectors.next()?,
            })
        })
        .collect::<Result<_>>()?;
    let relationships = (stored.relationships.into_iter())
        .map(|mention| {
            Ok(RelationshipMention {
                at: Position { excerpt: mention.at.0, ordinal: mention.at.1 },
                source: mention.source,
                target: mention.target,
                description: mention.description,
                keywords: mention.keywords,
                weight: Weight(mention.weight),
                vector: vectors.next()?,
            })
        })
        .collect::<Result<_>>()?;
    vectors.finish()?;
    Ok(Contribution {
        source: source.into(),
        revision: stored.revision,
        metadata: stored
            .metadata
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect::<Metadata>(),
        bytes: text.len() as u64,
        excerpts,
        entities,
        relationships,
        keywords: stored.keywords,
    })
}

/// Reads the source text of a document back.
pub fn decode_text(source: &str, record: &[u8]) -> Result<String> {
    open_document(source, record).map(|(_, text, _)| text.to_owned())
}

impl From<&MetadataValue> for StoredValue {
    fn from(value: &MetadataValue) -> Self {
        match value {
            MetadataValue::Flag(flag) => StoredValue::Flag(*flag),
            MetadataValue::Number(number) => StoredValue::Number(*number),
            MetadataValue::Text(text) => StoredValue::Text(text.clone()),
            MetadataValue::List(list) => {
                StoredValue::List(list.iter().map(StoredValue::from).collect())
            }
        }
    }
}

impl From<StoredValue> for MetadataValue {
    fn from(value: StoredValue) -> Self {
        match value {
            StoredValue::Flag(flag) => MetadataValue::Flag(flag),
            StoredValue::Number(number) => MetadataValue::Number(number),
            StoredValue::Text(text) => MetadataValue::Text(text),
            StoredValue::List(list) => {
                MetadataValue::List(list.into_iter().map(MetadataValue::from).collect())
            }
        }
    }
}

/// Byte offsets of some UTF-16 offsets of a text, found in one pass.
struct ByteOffsets(Vec<(u32, u32)>);

impl ByteOffsets {
    fn of(text: &str, wanted: impl Iterator<Item = u32>) -> Self {
        let mut wanted: Vec<u32> = wanted.collect();
        sort(&mut wanted);
        wanted.dedup();
        let mut found = Vec::with_capacity(wanted.len());
        let mut next = wanted.into_iter().peekable();
        let mut units = 0;
        for (byte, c) in text.char_indices() {
            if next.next_if_eq(&units).is_some() {
                found.push((units, byte as u32));
            }
            units += c.len_utf16() as u32;
        }
        ByteOffsets(found)
    }

    fn byte(&self, units: u32) -> u32 {
        let at = self.0.binary_search_by_key(&units, |&(units, _)| units);
        at.map(|at| self.0[at].1).expect("excerpts start at characters of their text")
    }
}

/// Takes vectors off a record one by one.
struct Vectors<'a> {
    source: &'a str,
    dimensions: usize,
    rest: &'a [u8],
}

impl Vectors<'_> {
    fn next(&mut self) -> Result<UnitVector> {
        let (vector, rest) =
            self.rest.split_at_checked(self.dimensions * 2).ok_or_else(|| damaged(self.source))?;
        self.rest = rest;
        let (components, _) = vector.as_chunks::<2>();
        Ok(UnitVector::from_raw(
            &components.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect::<Vec<_>>(),
        ))
    }

    fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged(self.source)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> (Contribution, &'static str) {
        let text = "Grüße 👋 an alle.\n\nZweiter Absatz.";
        let excerpt = |part: &str, start: u32, vector: [f32; 2]| Excerpt {
            id: excerpt_id(part).into(),
            text: part.into(),
            start,
            end: start + part.encode_utf16().count() as u32,
            headings: ["Titel".into(), "Abschnitt".into()].into(),
            fence: Some("```rust".into()),
            summary: "Über Grüße".into(),
            vector: UnitVector::from_f32(&vector).unwrap(),
        };
        let contribution = Contribution {
            source: "a.md".into(),
            revision: "r1".into(),
            metadata: Metadata::from([
                ("n".into(), MetadataValue::Number(1.5)),
                (
                    "l".into(),
                    MetadataValue::List(vec![
                        MetadataValue::Flag(true),
                        MetadataValue::Text("x".into()),
                    ]),
                ),
            ]),
            bytes: text.len() as u64,
            excerpts: vec![
                excerpt("Grüße 👋 an alle.", 0, [1.0, 0.0]),
                excerpt("Zweiter Absatz.", 19, [0.6, 0.8]),
            ],
            entities: vec![EntityMention {
                at: Position { excerpt: 1, ordinal: 0 },
                name: "Absatz".into(),
                category: "term".into(),
                description: "".into(),
                vector: UnitVector::zero(2),
            }],
            relationships: vec![RelationshipMention {
                at: Position { excerpt: 0, ordinal: 3 },
                source: "A".into(),
                target: "B".into(),
                description: "d".into(),
                keywords: "k, l".into(),
                weight: Weight(2500),
                vector: UnitVector::from_f32(&[0.0, -1.0]).unwrap(),
            }],
            keywords: vec!["grüße".into()],
        };
        (contribution, text)
    }

    #[test]
    fn a_contribution_comes_back_as_it_was() {
        let (contribution, text) = sample();
        let record = encode_document(&contribution, text);
        assert_eq!(decode_document("a.md", &record).unwrap(), contribution);
        assert_eq!(decode_text("a.md", &record).unwrap(), text);
    }

    #[test]
    fn a_newer_format_is_named() {
        let record = seal(vec![9, 1, 2, 3]);
        let error = decode::<u8>("a.md", &record).unwrap_err();
        assert_eq!(error.code, Code::StorageCorrupt);
        assert!(error.message.contains("format 9"), "{error}");
    }

    proptest! {
        #[test]
        fn every_damage_is_noticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let (contribution, text) = sample();
            let mut record = encode_document(&contribution, text);
            let at = at.index(record.len());
            record[at] ^= flip;
            prop_assert_eq!(decode_document("a.md", &record).unwrap_err().code, Code::StorageCorrupt);
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), sealed in any::<bool>()) {
            // Sealed, version and checksum are right and the payload is what must be refused.
            let record = if sealed { seal([&[FORMAT][..], &bytes].concat()) } else { bytes };
            let _ = decode_document("a.md", &record);
        }
    }
}

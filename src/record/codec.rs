//! Records as bytes: versioned, compact, checksummed.
//!
//! Layout of most records: one byte of format version, the payload, the CRC-32 of both in little
//! endian. A document is one record too, so that it is read whole or not at all, but has a checksum
//! for each of its parts: where what was read from it or its vectors are damaged, its text is not.
//! After the byte of format version come three parts, each its length (32 bits, little endian), its
//! bytes and their CRC-32: what the user gave, what was read from it, the vectors.

use std::rc::Rc;

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Code, Contribution, EntityMention, Error, Excerpt, Metadata, MetadataValue, Position,
    RelationshipMention, Result, UnitVector, Weight, excerpt_id,
};
use crate::order::sort;

const FORMAT: u8 = 1;
/// Of documents. In format 1 they are as other records: heads of both parts, text, vectors.
const DOCUMENT_FORMAT: u8 = 2;

static CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// What the user gave, but for the text, which follows it.
#[derive(Serialize, Deserialize)]
struct StoredSource {
    revision: Rc<str>,
    metadata: Vec<(String, StoredValue)>,
    /// Of the whole text, also where only the excerpts are kept.
    text_bytes: u32,
}

/// What was read from a document. Excerpts stand in the text as bytes, vectors apart: those of
/// excerpts, entity mentions and relationship mentions, in this order, as 16-bit integers in little
/// endian.
#[derive(Serialize, Deserialize)]
struct StoredReading {
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
    encode_with(value, &[])
}

/// A value and, behind it, bytes that older versions did not write.
pub fn encode_with(value: &impl Serialize, rest: &[u8]) -> Vec<u8> {
    let mut record = vec![FORMAT];
    extend(&mut record, value);
    record.extend_from_slice(rest);
    seal(record)
}

/// The value of a record; `name` is what the error calls it.
pub fn decode<T: DeserializeOwned>(name: &str, record: &[u8]) -> Result<T> {
    let (value, rest) = decode_leading(name, record)?;
    if rest.is_empty() { Ok(value) } else { Err(damaged(name)) }
}

/// The value of a record, and what follows it.
pub fn decode_leading<'a, T: DeserializeOwned>(
    name: &str,
    record: &'a [u8],
) -> Result<(T, &'a [u8])> {
    let mut payload = open(name, record)?;
    Ok((take(name, &mut payload)?, payload))
}

/// Metadata as bytes: the same exactly when the metadata is.
pub fn encode_metadata(metadata: &Metadata) -> Vec<u8> {
    let stored: Vec<(&String, StoredValue)> =
        metadata.iter().map(|(name, value)| (name, value.into())).collect();
    encode(&stored)
}

/// Bytes as one record.
pub fn encode_bytes(bytes: &[u8]) -> Vec<u8> {
    seal([&[FORMAT], bytes].concat())
}

/// The bytes of a record; `name` is what the error calls it.
pub fn decode_bytes<'a>(name: &str, record: &'a [u8]) -> Result<&'a [u8]> {
    open(name, record)
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
        Some((&newer, _)) => Err(unknown(name, newer)),
        None => Err(damaged(name)),
    }
}

fn unknown(name: &str, format: u8) -> Error {
    Error::new(
        Code::StorageCorrupt,
        format!(
            "the record of {name} has format {format}, which this version of smolrag cannot read. Update the package."
        ),
    )
}

fn damaged(name: &str) -> Error {
    Error::new(Code::StorageCorrupt, format!("the record of {name} is damaged"))
}

/// Writes a contribution. `text` must be the text that its excerpts were cut from. Unless it is to be
/// `kept`, only the excerpts are in the record.
pub fn encode_document(contribution: &Contribution, text: &str, kept: bool) -> Vec<u8> {
    let offsets = ByteOffsets::of(text, contribution.excerpts.iter().map(|excerpt| excerpt.start));
    let mut cut = String::new();
    let mut byte_start = |excerpt: &Excerpt| {
        if kept {
            return offsets.byte(excerpt.start);
        }
        cut.push_str(&excerpt.text);
        (cut.len() - excerpt.text.len()) as u32
    };
    let reading = StoredReading {
        dimensions: contribution
            .excerpts
            .first()
            .map_or(0, |excerpt| excerpt.vector.dimensions() as u32),
        excerpts: contribution
            .excerpts
            .iter()
            .map(|excerpt| StoredExcerpt {
                byte_start: byte_start(excerpt),
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
    let source = StoredSource {
        revision: contribution.revision.clone(),
        metadata: contribution
            .metadata
            .iter()
            .map(|(name, value)| (name.clone(), value.into()))
            .collect(),
        text_bytes: contribution.bytes as u32,
    };
    let text = if kept { text } else { &cut };
    let mut record = vec![DOCUMENT_FORMAT];
    add_part(&mut record, |part| {
        extend(part, &kept);
        extend(part, &source);
        part.extend_from_slice(text.as_bytes());
    });
    add_part(&mut record, |part| extend(part, &reading));
    add_part(&mut record, |part| {
        for vector in contribution.vectors() {
            part.extend(vector.raw().iter().flat_map(|component| component.to_le_bytes()));
        }
    });
    record
}

/// Writes plain data behind what is there.
fn extend(bytes: &mut Vec<u8>, value: &impl Serialize) {
    // Writing plain data to memory has no way to fail.
    *bytes = postcard::to_extend(value, std::mem::take(bytes)).expect("plain data serialises");
}

/// Writes a part of a document's record, with its length and its checksum.
fn add_part(record: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut part = vec![];
    write(&mut part);
    record.extend_from_slice(&(part.len() as u32).to_le_bytes());
    record.extend_from_slice(&part);
    record.extend_from_slice(&CHECKSUM.checksum(&part).to_le_bytes());
}

/// Takes a part off a document's record.
fn take_part<'a>(source: &str, record: &mut &'a [u8]) -> Result<&'a [u8]> {
    let part = || {
        let (length, rest) = record.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let sound = CHECKSUM.checksum(part) == u32::from_le_bytes(*checksum);
        sound.then_some((part, rest))
    };
    let (part, rest) = part().ok_or_else(|| damaged(source))?;
    *record = rest;
    Ok(part)
}

fn take<T: DeserializeOwned>(source: &str, bytes: &mut &[u8]) -> Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|_| damaged(source))?;
    *bytes = rest;
    Ok(value)
}

/// What the user gave, as a record has it.
pub struct DocumentSource<'a> {
    /// Of the version that was read.
    pub revision: Rc<str>,
    /// What was attached.
    pub metadata: Metadata,
    /// Of the whole text.
    pub bytes: u64,
    /// The text, or only its excerpts, one after the other.
    pub text: &'a str,
    /// Whether it is the whole text.
    pub kept: bool,
}

/// What stands behind the source in a document's record.
enum Rest<'a> {
    /// Parts not yet looked at.
    Parts(&'a [u8]),
    /// Of format 1, whose one checksum held.
    Read(StoredReading, &'a [u8]),
}

fn open_document<'a>(name: &str, record: &'a [u8]) -> Result<(DocumentSource<'a>, Rest<'a>)> {
    let (stored, kept, text, rest) = match record.split_first() {
        Some((&DOCUMENT_FORMAT, mut parts)) => {
            let mut part = take_part(name, &mut parts)?;
            let kept = take(name, &mut part)?;
            let stored: StoredSource = take(name, &mut part)?;
            (stored, kept, part, Rest::Parts(parts))
        }
        Some((&newer, _)) if newer > DOCUMENT_FORMAT => return Err(unknown(name, newer)),
        _ => {
            let mut payload = open(name, record)?;
            let stored: StoredSource = take(name, &mut payload)?;
            let reading = take(name, &mut payload)?;
            let (text, vectors) = payload
                .split_at_checked(stored.text_bytes as usize)
                .ok_or_else(|| damaged(name))?;
            (stored, true, text, Rest::Read(reading, vectors))
        }
    };
    let StoredSource { revision, metadata, text_bytes } = stored;
    let metadata = metadata.into_iter().map(|(name, value)| (name, value.into())).collect();
    let text = std::str::from_utf8(text).map_err(|_| damaged(name))?;
    Ok((DocumentSource { revision, metadata, bytes: text_bytes.into(), text, kept }, rest))
}

/// Reads what the user gave back, also where what follows in the record is damaged.
pub fn decode_source<'a>(source: &str, record: &'a [u8]) -> Result<DocumentSource<'a>> {
    open_document(source, record).map(|(source, _)| source)
}

/// Reads a contribution back.
pub fn decode_document(source: &str, record: &[u8]) -> Result<Contribution> {
    let (given, rest) = open_document(source, record)?;
    let text = given.text;
    let (stored, vectors) = match rest {
        Rest::Read(stored, vectors) => (stored, vectors),
        Rest::Parts(mut parts) => {
            let stored: StoredReading = take(source, &mut take_part(source, &mut parts)?)?;
            let vectors = take_part(source, &mut parts)?;
            if !parts.is_empty() {
                return Err(damaged(source));
            }
            (stored, vectors)
        }
    };
    let mut vectors = Vectors { source, dimensions: stored.dimensions as usize, rest: vectors };
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
        revision: given.revision,
        metadata: given.metadata,
        bytes: given.bytes,
        excerpts,
        entities,
        relationships,
        keywords: stored.keywords,
    })
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
        for kept in [true, false] {
            let record = encode_document(&contribution, text, kept);
            assert_eq!(decode_document("a.md", &record).unwrap(), contribution);
            let source = decode_source("a.md", &record).unwrap();
            assert_eq!((source.kept, source.metadata), (kept, contribution.metadata.clone()));
            assert_eq!(source.text == text, kept);
        }
    }

    #[test]
    fn the_text_outlives_damage_of_what_was_made_from_it() {
        let (contribution, text) = sample();
        let mut record = encode_document(&contribution, text, true);
        let behind = 1 + 8 + u32::from_le_bytes(*record[1..].first_chunk().unwrap()) as usize;
        for at in behind..record.len() {
            record[at] ^= 1;
            assert_eq!(decode_document("a.md", &record).unwrap_err().code, Code::StorageCorrupt);
            assert_eq!(decode_source("a.md", &record).unwrap().text, text);
            record[at] ^= 1;
        }
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
            let mut record = encode_document(&contribution, text, true);
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

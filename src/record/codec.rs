//! Records as bytes: versioned, compact, checksummed.
//!
//! Layout of most records: one byte of format version, the payload, the CRC-32 of both in little
//! endian. A document is one record too, so that it is read whole or not at all, but has a checksum
//! for each of its parts: where what was read from it or its vectors are damaged, its text is not.
//! After the byte of format version come three parts, each its length (32 bits, little endian), its
//! bytes and their CRC-32: what the user gave, what was read from it, the vectors.

use std::{mem, rc::Rc};

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use smolrag_kernels::{checksum::Checksum, rows};

use super::{
    Code, Contribution, EntityMention, Error, Excerpt, Metadata, MetadataValue, Position,
    RelationshipMention, Result, UnitVector, Weight, excerpt_id,
};

const FORMAT: u8 = 1;
/// Of documents. In format 1 they are as other records: heads of both parts, text, vectors.
const DOCUMENT_FORMAT: u8 = 2;

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
#[derive(Deserialize)]
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

#[derive(Deserialize)]
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

#[derive(Deserialize)]
struct StoredEntity {
    at: (u32, u32),
    name: Rc<str>,
    category: Rc<str>,
    description: Rc<str>,
}

#[derive(Deserialize)]
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
    let checksum = Checksum::of(&record);
    record.extend_from_slice(&checksum.to_le_bytes());
    record
}

fn open<'a>(name: &str, record: &'a [u8]) -> Result<&'a [u8]> {
    let (body, checksum) = record.split_last_chunk::<4>().ok_or_else(|| damaged(name))?;
    if Checksum::of(body) != u32::from_le_bytes(*checksum) {
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
    let mut encoder = DocumentEncoder::new(contribution, text, kept);
    while encoder.step() {}
    encoder.record
}

/// [`encode_document`], a step at a time: a large document takes long.
pub struct DocumentEncoder<'a> {
    contribution: &'a Contribution,
    text: &'a str,
    kept: bool,
    record: Vec<u8>,
    section: Section,
    /// The item of the section that is written next.
    at: usize,
    /// Where the part begins that is being written, behind its length.
    part: usize,
    checksum: Checksum,
    offsets: ByteOffsets<'a>,
}

/// The sections of a record, in their order. The text is in the first part, the vectors are the last.
#[derive(Clone, Copy)]
enum Section {
    Start,
    Text,
    Excerpts,
    Entities,
    Relationships,
    Keywords,
    Vectors,
    End,
}

/// Bytes of text that one step copies.
const TEXT_STEP: usize = 1 << 16;

impl<'a> DocumentEncoder<'a> {
    /// Begins; see [`encode_document`].
    pub fn new(contribution: &'a Contribution, text: &'a str, kept: bool) -> Self {
        DocumentEncoder {
            contribution,
            text,
            kept,
            record: vec![DOCUMENT_FORMAT],
            section: Section::Start,
            at: 0,
            part: 0,
            checksum: Checksum::default(),
            offsets: ByteOffsets { text, units: 0, byte: 0, cut: (!kept).then_some(0) },
        }
    }

    /// Writes an item more, or goes on to the next section; whether there was either.
    pub fn step(&mut self) -> bool {
        let mut from = self.record.len();
        if self.item() {
            self.at += 1;
        } else {
            if let Section::Text | Section::Keywords | Section::Vectors = self.section {
                self.end_part();
            }
            self.section = match self.section {
                Section::Start => Section::Text,
                Section::Text => Section::Excerpts,
                Section::Excerpts => Section::Entities,
                Section::Entities => Section::Relationships,
                Section::Relationships => Section::Keywords,
                Section::Keywords => Section::Vectors,
                Section::Vectors => Section::End,
                Section::End => return false,
            };
            self.at = 0;
            if let Section::Text | Section::Excerpts | Section::Vectors = self.section {
                self.begin_part();
            }
            from = self.record.len();
            self.head();
        }
        self.checksum.update(&self.record[from..]);
        true
    }

    /// The record, once there is no step more.
    pub fn finish(self) -> Vec<u8> {
        self.record
    }

    fn begin_part(&mut self) {
        self.record.extend_from_slice(&[0; 4]);
        self.part = self.record.len();
    }

    fn end_part(&mut self) {
        let length = (self.record.len() - self.part) as u32;
        self.record[self.part - 4..self.part].copy_from_slice(&length.to_le_bytes());
        let checksum = mem::take(&mut self.checksum).finish();
        self.record.extend_from_slice(&checksum.to_le_bytes());
    }

    /// What stands before the items of a section.
    fn head(&mut self) {
        let (record, contribution) = (&mut self.record, self.contribution);
        let count = match self.section {
            Section::Text => {
                extend(record, &self.kept);
                let Contribution { revision, metadata, bytes, .. } = contribution;
                let metadata =
                    metadata.iter().map(|(name, value)| (name.clone(), value.into())).collect();
                let (revision, text_bytes) = (revision.clone(), *bytes as u32);
                return extend(record, &StoredSource { revision, metadata, text_bytes });
            }
            Section::Excerpts => {
                let first = contribution.excerpts.first();
                extend(record, &first.map_or(0, |excerpt| excerpt.vector.dimensions()));
                contribution.excerpts.len()
            }
            Section::Entities => contribution.entities.len(),
            Section::Relationships => contribution.relationships.len(),
            Section::Keywords => return extend(record, &contribution.keywords),
            Section::Vectors => {
                // Most of the record: growing step by step would copy it again and again.
                let bytes = contribution.vectors().map(|vector| 2 * vector.dimensions());
                return record.reserve_exact(bytes.sum::<usize>() + 4);
            }
            Section::Start | Section::End => return,
        };
        extend(record, &count);
    }

    /// Writes an item, if there is one: its fields one after the other, as those of a struct are.
    fn item(&mut self) -> bool {
        let (record, contribution, at) = (&mut self.record, self.contribution, self.at);
        match self.section {
            Section::Text => {
                let piece = match self.kept {
                    true => self.text.as_bytes().chunks(TEXT_STEP).nth(at),
                    false => contribution.excerpts.get(at).map(|excerpt| excerpt.text.as_bytes()),
                };
                piece.map(|piece| record.extend_from_slice(piece)).is_some()
            }
            Section::Excerpts => {
                let Some(excerpt) = contribution.excerpts.get(at) else { return false };
                let Excerpt { text, start, end, headings, fence, summary, .. } = excerpt;
                let bytes = (self.offsets.of(excerpt), text.len() as u32);
                extend(record, &(bytes, start, end - start, headings, fence, summary));
                true
            }
            Section::Entities => {
                let Some(mention) = contribution.entities.get(at) else { return false };
                let EntityMention { at, name, category, description, .. } = mention;
                extend(record, &(at.excerpt, at.ordinal, name, category, description));
                true
            }
            Section::Relationships => {
                let Some(mention) = contribution.relationships.get(at) else { return false };
                let RelationshipMention { at, source, target, .. } = mention;
                let RelationshipMention { description, keywords, weight, .. } = mention;
                let at = (at.excerpt, at.ordinal);
                extend(record, &(at, source, target, description, keywords, weight.0));
                true
            }
            Section::Vectors => {
                let Some(vector) = contribution.vector(at) else { return false };
                rows::push_bytes(vector.raw(), record);
                true
            }
            Section::Start | Section::Keywords | Section::End => false,
        }
    }
}

/// Writes plain data behind what is there.
fn extend(bytes: &mut Vec<u8>, value: &impl Serialize) {
    // Writing plain data to memory has no way to fail.
    postcard::serialize_with_flavor(value, Behind(bytes)).expect("plain data serialises");
}

/// Takes what is written whole, where postcard's own takes it byte by byte.
struct Behind<'a>(&'a mut Vec<u8>);

impl Flavor for Behind<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Takes a part off a document's record.
fn take_part<'a>(source: &str, record: &mut &'a [u8]) -> Result<&'a [u8]> {
    let part = || {
        let (length, rest) = record.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let sound = Checksum::of(part) == u32::from_le_bytes(*checksum);
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
    let dimensions = stored.dimensions as usize;
    // A vector that is longer than all of them is not made room for.
    if dimensions > vectors.len() {
        return Err(damaged(source));
    }
    let mut vectors = Vectors { source, rest: vectors, components: vec![0; dimensions] };
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

/// Where excerpts stand in what is stored of their text, in bytes: found in one pass, since they come in
/// the order of the text.
struct ByteOffsets<'a> {
    text: &'a str,
    /// How far the pass is.
    units: u32,
    byte: usize,
    /// Where only the excerpts are stored, how long those before are.
    cut: Option<usize>,
}

impl ByteOffsets<'_> {
    fn of(&mut self, excerpt: &Excerpt) -> u32 {
        if let Some(cut) = &mut self.cut {
            let start = *cut;
            *cut += excerpt.text.len();
            return start as u32;
        }
        if excerpt.start < self.units {
            (self.units, self.byte) = (0, 0);
        }
        let mut rest = self.text[self.byte..].chars();
        while self.units < excerpt.start {
            let next = rest.next().expect("excerpts start in their text");
            self.units += next.len_utf16() as u32;
        }
        self.byte = self.text.len() - rest.as_str().len();
        self.byte as u32
    }
}

/// Takes vectors off a record one by one.
struct Vectors<'a> {
    source: &'a str,
    rest: &'a [u8],
    /// The one that was taken last.
    components: Vec<i16>,
}

impl Vectors<'_> {
    fn next(&mut self) -> Result<UnitVector> {
        let (vector, rest) = (self.rest)
            .split_at_checked(self.components.len() * 2)
            .ok_or_else(|| damaged(self.source))?;
        self.rest = rest;
        rows::from_bytes(vector, &mut self.components);
        Ok(UnitVector::from_raw(&self.components))
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
        for at in (behind..record.len()).step_by(if cfg!(miri) { 7 } else { 1 }) {
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

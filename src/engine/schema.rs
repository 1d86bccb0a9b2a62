//! What is stored: the tables, their keys, and the small records beside the documents.
//!
//! | table | key | record |
//! |---|---|---|
//! | `documents`, `documents-2` | [`document_key`] | a document: its text, what was read from it, its vectors |
//! | `changes` | epoch, 20 digits | what the commit of that epoch changed |
//! | `meta` | `model` | the embedding model that all vectors are by, and which of the two tables holds the documents |
//! | `meta` | `rules` | which names the user has merged |
//! | `meta` | `reembedding` | what the other table of documents is for, while it is not empty |
//! | `meta` | `paid` | the documents that paid answers are kept for, the latest last |
//! | `paid` | [`document_key`], md5 of the request | an answer of a model to a document that is not committed yet |
//! | `damaged` | epoch, then table and key | a damaged record, as it was when something took its place |

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::instance::Embedder;
use crate::{
    order::OrderedMap,
    port::{Changes, Epoch, Row, Table},
    record::{
        Code, Error, Result,
        codec::{decode_leading, encode_with},
    },
};

pub(super) const DOCUMENTS: [Table; 2] = ["documents", "documents-2"];
pub(super) const CHANGES: Table = "changes";
pub(super) const META: Table = "meta";
pub(super) const PAID: Table = "paid";
pub(super) const DAMAGED: Table = "damaged";

pub(super) const MODEL: &str = "model";
pub(super) const RULES: &str = "rules";
pub(super) const REEMBEDDING: &str = "reembedding";
pub(super) const PAID_FOR: &str = "paid";

/// Epochs whose changes are kept. An instance further behind reads everything anew.
pub(super) const KEPT_CHANGES: Epoch = 1024;

/// The key of a document: behind its source itself and before any other key, since sources hold no
/// control character. So the one row of a source is the first one after it.
pub(super) fn document_key(source: &str) -> String {
    format!("{source}\u{1}")
}

pub(super) fn source_of(key: &str) -> &str {
    key.split_once('\u{1}').map_or(key, |(source, _)| source)
}

pub(super) fn epoch_key(epoch: Epoch) -> String {
    format!("{epoch:020}")
}

/// What a commit wrote or deleted. In the first schema the flags were one that said whether the rules
/// had changed, and nothing followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub documents: Vec<Rc<str>>,
    pub flags: u8,
    /// How many documents there are since then, if that is known.
    pub total: Option<u32>,
}

impl Changed {
    pub const RULES: u8 = 1;
    /// Other rows of `meta`.
    pub const META: u8 = 2;
    /// The embedding model, and with it the table of the documents.
    pub const MODEL: u8 = 4;

    pub fn encode(&self) -> Vec<u8> {
        let total = self.total.map_or([].into(), |total| total.to_le_bytes().to_vec());
        encode_with(&(&self.documents, self.flags), &total)
    }

    pub fn decode(key: &str, record: &[u8]) -> Result<Self> {
        let ((documents, flags), rest): ((_, u8), _) =
            decode_leading(&format!("the changes of epoch {key}"), record)?;
        let total = rest.first_chunk().map(|total| u32::from_le_bytes(*total));
        Ok(Changed { documents, flags, total })
    }
}

/// The embedding model of a knowledge base; the empty id stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Model {
    pub id: String,
    pub dimensions: usize,
}

impl Model {
    pub fn of(embedder: Option<&Embedder>) -> Self {
        embedder.map_or_else(Model::default, |embedder| Model {
            id: embedder.id().to_owned(),
            dimensions: embedder.dimensions(),
        })
    }

    /// Refuses to mix the vectors of two models.
    pub fn check(&self, own: &Model) -> Result<()> {
        if self == own {
            return Ok(());
        }
        let describe = |model: &Model| match model.id.as_str() {
            "" => "no embedding model".to_owned(),
            id => format!("the embedding model {id} ({} dimensions)", model.dimensions),
        };
        Err(Error::new(
            Code::ModelMismatch,
            format!(
                "this knowledge base was made with {}, but opened with {}; open it with the first, and to change \
                 to the other then call reembed() with it",
                describe(self),
                describe(own)
            ),
        ))
    }
}

/// Merge rules as they are stored: targets with the names merged into them.
pub(super) type StoredRules = Vec<(Rc<str>, Vec<Rc<str>>)>;

/// A document's vectors by a model that is to take the place of the present one, or the other way
/// round: what the other table of documents holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reembedding {
    pub model: Model,
    /// When it last went on.
    pub epoch: Epoch,
}

/// A record that cannot be read. It stays where it is; whatever is to take its place puts it into the
/// table `damaged` first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Damage {
    /// The source of the document, or what else it is the record of.
    pub name: Rc<str>,
    /// What is wrong with it.
    pub error: Error,
    #[serde(skip)]
    pub(super) place: (Table, String),
}

/// What is known of the storage beside the knowledge base itself.
#[derive(Clone, Default)]
pub(super) struct Stored {
    /// Of [`DOCUMENTS`].
    pub table: usize,
    /// By name.
    pub damaged: OrderedMap<Rc<str>, Damage>,
    /// The documents that paid answers are kept for.
    pub paid_for: Vec<Rc<str>>,
    pub reembedding: Option<Reembedding>,
}

impl Stored {
    pub fn documents(&self) -> Table {
        DOCUMENTS[self.table]
    }

    /// The one that a re-embedding fills.
    pub fn other_documents(&self) -> Table {
        DOCUMENTS[1 - self.table]
    }

    /// The value of a row of `meta` and what follows it, if it is there. A damaged one is set aside.
    pub fn meta<'a, T: serde::de::DeserializeOwned>(
        &mut self,
        rows: &'a [Row],
        key: &str,
        name: &str,
    ) -> Option<(T, &'a [u8])> {
        self.damaged.remove(name);
        let (_, record) = rows.iter().find(|(found, _)| found == key)?;
        let value = decode_leading(name, record);
        value.map_err(|error| self.set_aside(name.into(), (META, key.into()), error)).ok()
    }

    /// Refuses what takes everything along, but for records that cannot be read.
    pub fn refuse_damaged(&self, fate: &str) -> Result<()> {
        let Some(name) = self.damaged.keys().next() else { return Ok(()) };
        Err(Error::new(
            Code::StorageCorrupt,
            format!(
                "the record of {name} is damaged and would be {fate}; call repair(), or remove it, first"
            ),
        ))
    }

    pub fn set_aside(&mut self, name: Rc<str>, place: (Table, String), error: Error) {
        self.damaged.insert(name.clone(), Damage { name, error, place });
    }
}

/// A row to be written.
pub(super) fn put(rows: &mut Changes, table: Table, key: impl Into<String>, record: Vec<u8>) {
    rows.puts.push((table, key.into(), record));
}

//! The whole knowledge base as one file, and back.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `smolrag` and the version of this layout |
//! | 1 + 4 + 4 | of each row: its table, the lengths of key and record in little endian |
//! | … | its key, its record as it stands in the storage |
//! | 4 | CRC-32 of all before, in little endian |
//!
//! Rows are those of the documents, then those of `meta`, each in ascending order of their keys.

use std::rc::Rc;

use smolrag_kernels::checksum::Checksum;

use super::{
    ingest::check_name,
    instance::{Engine, Notice},
    load::{PAGE, checked, rules_change},
    persist::{ATTEMPTS, Prepared, outrun},
    schema::{
        Changed, DOCUMENTS, META, MODEL, Model, RULES, StoredRules, document_key, put, source_of,
    },
    signal::Signal,
};
use crate::{
    order::{OrderedMap, OrderedSet, sort_by},
    port::{Changes, Row, Table},
    record::{
        Code, Error, Result,
        codec::{decode, decode_leading},
    },
    store::{Change, KnowledgeBase},
};

const MAGIC: &[u8; 8] = b"smolrag\x01";
/// As the file names them; the documents may stand in the other of their tables.
const TABLES: [Table; 2] = [DOCUMENTS[0], META];

/// What a snapshot holds, read and checked.
struct Read<'a> {
    rows: Vec<(Table, &'a str, &'a [u8])>,
    sources: OrderedSet<Rc<str>>,
    knowledge: KnowledgeBase,
}

impl Engine {
    /// All documents with their texts and vectors, and the merged names, of one version.
    pub async fn export_snapshot(&self) -> Result<Vec<u8>> {
        let unit = self.0.queue.write_all(&Signal::default())?.only().await?;
        // While it is held, nobody here commits; whoever else did is noticed at the end.
        let _turn = unit.commit_turn().await?;
        for _ in 0..ATTEMPTS {
            let epoch = self.0.epoch.get();
            let file = self.write_snapshot().await?;
            self.follow().await?;
            if self.0.epoch.get() == epoch {
                return Ok(file);
            }
        }
        Err(outrun())
    }

    async fn write_snapshot(&self) -> Result<Vec<u8>> {
        let documents = {
            let stored = self.0.stored.borrow();
            stored.refuse_damaged("missing")?;
            stored.documents()
        };
        let mut file = MAGIC.to_vec();
        for (number, table) in [documents, META].into_iter().enumerate() {
            let mut rows: Vec<Row> = Vec::new();
            loop {
                let after = rows.last().map(|(key, _)| key.clone());
                let page = self.0.ports.storage.read(table, after, PAGE).await?;
                let last = page.len() < PAGE;
                rows.extend(page);
                if last {
                    break;
                }
            }
            if table == META {
                rows.retain(|(key, _)| key == MODEL || key == RULES);
            }
            // The order of keys is the storage's own.
            sort_by(&mut rows, |(one, _), (other, _)| one.cmp(other));
            for (key, record) in &rows {
                self.0.pacer.pause().await;
                file.push(number as u8);
                file.extend((key.len() as u32).to_le_bytes());
                file.extend((record.len() as u32).to_le_bytes());
                file.extend(key.as_bytes());
                file.extend(record);
            }
        }
        let checksum = Checksum::of(&file);
        file.extend(checksum.to_le_bytes());
        Ok(file)
    }

    /// Puts what a snapshot holds in the place of everything that is here, in one commit. A file
    /// that is damaged, or made with another embedding model, changes nothing.
    pub async fn import_snapshot(&self, file: &[u8]) -> Result<()> {
        let Read { rows, sources, knowledge } = self.read_snapshot(file).await?;
        let unit = self.0.queue.write_all(&Signal::default())?.only().await?;
        let _turn = unit.commit_turn().await?;
        self.commit(&|here| {
            let rows = Rc::new(self.replacing(&rows, &sources, here));
            // The others read everything anew.
            Ok(Some(Prepared::Rows { rows, flags: Changed::MODEL }))
        })
        .await?;
        self.0.stored.borrow_mut().damaged = OrderedMap::new();
        self.0.version.replace(knowledge).await;
        (self.0.ports.listener)(Notice::Commit { epoch: self.0.epoch.get(), source: None });
        Ok(())
    }

    /// Reads everything before anything is changed.
    async fn read_snapshot<'a>(&self, file: &'a [u8]) -> Result<Read<'a>> {
        let rows = parse(file).ok_or_else(corrupt)?;
        let mut sources = OrderedSet::new();
        let options = self.knowledge_options();
        let mut knowledge = KnowledgeBase::new(options);
        // The model first: with another one's vectors, documents would only seem damaged.
        for &(_, _, record) in rows.iter().filter(|&&(table, key, _)| (table, key) == (META, MODEL))
        {
            let (model, _) = decode_leading::<Model>("", record).map_err(|_| corrupt())?;
            model.check(&Model::of(self.embedder().as_deref()))?;
        }
        for &(table, key, record) in &rows {
            self.0.pacer.pause().await;
            match (table, key) {
                (table, key) if table == DOCUMENTS[0] => {
                    let source = source_of(key);
                    check_name("source", source).map_err(|_| corrupt())?;
                    let document = checked(source, record, options).map_err(|_| corrupt())?;
                    sources.insert(Rc::from(source));
                    knowledge.apply(Change::Put(document));
                }
                (META, RULES) => {
                    let merged: StoredRules = decode("", record).map_err(|_| corrupt())?;
                    let rules = rules_change(&merged, self.0.options.resolve_entities);
                    knowledge.apply(rules.map_err(|_| corrupt())?);
                }
                (META, MODEL) => {}
                _ => return Err(corrupt()),
            }
        }
        let models = rows.iter().filter(|&&(table, key, _)| (table, key) == (META, MODEL)).count();
        if models == 0 && !sources.is_empty() {
            return Err(corrupt());
        }
        self.check_memory(knowledge.bytes())?;
        Ok(Read { rows, sources, knowledge })
    }

    /// The rows to write so that these documents and merged names are there, and no others. Whose
    /// vectors they are stands there already, or comes with the first commit.
    fn replacing(
        &self,
        rows: &[(Table, &str, &[u8])],
        sources: &OrderedSet<Rc<str>>,
        here: &KnowledgeBase,
    ) -> Changes {
        let stored = self.0.stored.borrow();
        let documents = stored.documents();
        let mut changes = Changes::default();
        let known = here.documents().map(|document| document.contribution().source.clone());
        let gone = known.filter(|source| !sources.contains(source));
        changes.deletes.extend(gone.map(|source| (documents, document_key(&source))));
        let damaged = stored.damaged.values().map(|damage| &damage.place);
        let damaged = damaged.filter(|(table, key)| {
            *table == documents && !sources.contains(&Rc::from(source_of(key)))
        });
        changes.deletes.extend(damaged.cloned());
        if !rows.iter().any(|&(table, key, _)| (table, key) == (META, RULES)) {
            changes.deletes.push((META, RULES.into()));
        }
        for &(table, key, record) in rows.iter().filter(|&&(_, key, _)| key != MODEL) {
            let table = if table == META { META } else { documents };
            put(&mut changes, table, key, record.to_vec());
        }
        changes
    }
}

fn corrupt() -> Error {
    Error::new(
        Code::SnapshotCorrupt,
        "these bytes are no whole, undamaged snapshot of this version; nothing was changed, use another copy",
    )
}

/// The rows of a file whose form is right.
fn parse(file: &[u8]) -> Option<Vec<(Table, &str, &[u8])>> {
    let (body, checksum) = file.split_last_chunk::<4>()?;
    let mut rest = body.strip_prefix(MAGIC)?;
    if Checksum::of(body) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut rows: Vec<(usize, &str, &[u8])> = Vec::new();
    while let Some((&number, after)) = rest.split_first() {
        let (key_length, after) = after.split_first_chunk::<4>()?;
        let (record_length, after) = after.split_first_chunk::<4>()?;
        let (key, after) = after.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
        let (record, after) = after.split_at_checked(u32::from_le_bytes(*record_length) as usize)?;
        let row = (usize::from(number), std::str::from_utf8(key).ok()?, record);
        // Ascending, so each row is there once.
        if rows.last().is_some_and(|last| (last.0, last.1) >= (row.0, row.1)) {
            return None;
        }
        rows.push(row);
        rest = after;
    }
    rows.into_iter()
        .map(|(number, key, record)| Some((*TABLES.get(number)?, key, record)))
        .collect()
}

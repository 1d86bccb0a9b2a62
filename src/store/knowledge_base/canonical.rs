//! The whole derived state as bytes: equal for equal states, whatever led to them.

use std::rc::Rc;

use super::{
    EntityRef, KnowledgeBase, PlaceRef, RelationshipRef, document::Document, indices::Indices,
};
use crate::{record::MetadataValue, store::MergeRules};

impl KnowledgeBase {
    /// Everything that is derived from the documents and rules, in one fixed order: documents,
    /// excerpts, entities, relationships, the statistics of the lexical indices, and each vector as it
    /// is searched. Two knowledge bases are in the same state if and only if these are equal. For
    /// tests; it is no storage format.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Canonical::default();
        bytes.number(self.dimensions as u64);
        bytes.list(self.documents.values(), Canonical::document);
        bytes.texts(self.content_keywords());
        bytes.rules(self.rules());
        bytes.list(self.excerpts.sorted(), |bytes, slot| {
            let entry = self.excerpts.entry(slot);
            bytes.text(&entry.id);
            bytes.list(entry.places.iter(), |bytes, place| {
                bytes.text(&place.0.contribution().source);
                bytes.number(place.0.index() as u64);
            });
            bytes.indexed(&self.excerpts.indices, slot);
        });
        bytes.list(self.entities(), Canonical::entity);
        bytes.list(self.relationships(), Canonical::relationship);
        for indices in [&self.excerpts.indices, &self.network.entities, &self.network.relationships]
        {
            bytes.statistics(indices);
        }
        bytes.0
    }
}

/// Bytes to which everything is written with its length, so that nothing runs into the next.
#[derive(Default)]
struct Canonical(Vec<u8>);

impl Canonical {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        for item in items {
            self.0.push(1);
            write(self, item);
        }
        self.0.push(0);
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a Rc<str>>) {
        self.list(texts, |bytes, text| bytes.text(text));
    }

    fn document(&mut self, document: &Rc<Document>) {
        let contribution = &document.contribution;
        self.text(&contribution.source);
        self.text(&contribution.revision);
        self.number(contribution.bytes);
        self.list(&contribution.metadata, |bytes, (name, value)| {
            bytes.text(name);
            bytes.metadata(value);
        });
        self.number(document.entities as u64);
        self.number(document.relationships as u64);
    }

    fn metadata(&mut self, value: &MetadataValue) {
        match value {
            MetadataValue::Flag(flag) => self.0.extend([0, u8::from(*flag)]),
            MetadataValue::Number(number) => {
                self.0.push(1);
                self.number(number.to_bits());
            }
            MetadataValue::Text(text) => {
                self.0.push(2);
                self.text(text);
            }
            MetadataValue::List(values) => {
                self.0.push(3);
                self.list(values, Canonical::metadata);
            }
        }
    }

    fn rules(&mut self, rules: &MergeRules) {
        self.0.push(u8::from(rules.resolves()));
        self.list(rules.iter(), |bytes, (into, names)| {
            bytes.text(into);
            bytes.texts(names);
        });
    }

    fn entity(&mut self, entity: EntityRef<'_>) {
        self.text(entity.key());
        self.text(entity.name());
        self.text(entity.category());
        self.texts(entity.names());
        self.texts(entity.categories());
        self.texts(entity.descriptions());
        self.number(u64::from(entity.is_described()));
        self.list(entity.places(), Canonical::place);
        self.number(entity.degree() as u64);
        self.indexed(&entity.network.entities, entity.node.index() as u32);
    }

    fn relationship(&mut self, relationship: RelationshipRef<'_>) {
        let (first, second) = relationship.ends();
        self.text(first.key());
        self.text(second.key());
        self.number(relationship.weight().to_bits());
        self.texts(relationship.descriptions());
        self.texts(relationship.keywords());
        self.list(relationship.places(), Canonical::place);
        self.indexed(&relationship.network.relationships, relationship.edge.index() as u32);
    }

    fn place(&mut self, place: PlaceRef<'_>) {
        self.text(place.source());
        self.number(place.index() as u64);
    }

    /// What the indices hold under a slot, which itself says nothing.
    fn indexed(&mut self, indices: &Indices, slot: u32) {
        self.list(indices.vectors.get(slot), |bytes, vector| {
            bytes.list(vector, |bytes, component| bytes.0.extend(component.to_le_bytes()));
        });
        self.list(indices.lexical.entry(slot), |bytes, (term, frequency)| {
            bytes.text(term);
            bytes.number(u64::from(frequency));
        });
    }

    fn statistics(&mut self, indices: &Indices) {
        self.number(indices.vectors.len() as u64);
        self.number(indices.lexical.len() as u64);
        self.number(indices.lexical.total_length());
        self.list(indices.lexical.document_frequencies(), |bytes, (term, frequency)| {
            bytes.text(term);
            bytes.number(frequency as u64);
        });
    }
}

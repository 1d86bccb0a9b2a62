use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Small numbers by texts, which stand with whatever the numbers stand for: `text_of` gives the text
/// of one.
///
/// An entry takes four bytes and no text twice, so that what is looked for often stays at hand. It knows
/// no type, and so is compiled once.
#[derive(Default)]
pub(super) struct Ids {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Ids {
    /// The id of a text.
    pub(super) fn get<'a>(&self, text: &str, text_of: &dyn Fn(u32) -> &'a str) -> Option<u32> {
        let is_it = |&id: &u32| {
            let other = text_of(id);
            // What is asked for is often the very text.
            std::ptr::eq(other, text) || other == text
        };
        self.table.find(self.hasher.hash_one(text), is_it).copied()
    }

    /// Adds the id of a text that is not there yet.
    pub(super) fn insert<'a>(&mut self, id: u32, text_of: &dyn Fn(u32) -> &'a str) {
        let Self { table, hasher } = self;
        let hash = |&id: &u32| hasher.hash_one(text_of(id));
        table.insert_unique(hash(&id), id, hash);
    }

    /// Forgets the id of a text.
    pub(super) fn remove(&mut self, id: u32, text: &str) {
        let hash = self.hasher.hash_one(text);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.table.capacity() * (size_of::<u32>() + 1)
    }
}

//! Vectors that the knowledge base holds, by the texts that they are of: however little the caches keep, no text is
//! embedded again as long as its vector is there.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use hashbrown::HashMap;

use super::cache::Key;
use crate::record::{UnitVector, WeakUnitVector};

/// Finds vectors while somebody holds them, and holds none itself. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct KnownVectors(Rc<Inner>);

#[derive(Default)]
struct Inner {
    found: RefCell<HashMap<Key, WeakUnitVector>>,
    /// How many may have been let go since all were looked at.
    gone: Cell<usize>,
}

impl KnownVectors {
    pub fn find(&self, key: Key) -> Option<UnitVector> {
        self.0.found.borrow().get(&key)?.upgrade()
    }

    pub fn remember(&self, key: Key, vector: &UnitVector) {
        let Inner { found, gone } = &*self.0;
        let mut found = found.borrow_mut();
        // The memory of a vector comes back once nothing points to it, so an eighth at most are kept for nothing, and
        // each is looked at a few times.
        if found.len() == found.capacity() || 8 * gone.get() > found.len() {
            found.retain(|_, vector| vector.is_held());
            gone.set(0);
        }
        found.insert(key, vector.downgrade());
    }

    /// So many vectors leave the knowledge base.
    pub fn let_go(&self, count: usize) {
        self.0.gone.set(self.0.gone.get() + count);
    }

    /// All of them leave.
    pub fn clear(&self) {
        self.0.found.take();
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.0.found.borrow().allocation_size()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn vector(seed: i16) -> UnitVector {
        UnitVector::from_raw(&[seed])
    }

    fn key(number: u8) -> Key {
        Key::of(&[[number]])
    }

    proptest! {
        /// Against a list of all that is held; `None` lets one go.
        #[test]
        fn what_is_held_is_found_and_nothing_else(
            steps in vec((0u8..40, proptest::option::of(any::<i16>())), 0..crate::steps(300)),
        ) {
            let known = KnownVectors::default();
            let mut held: Vec<Option<UnitVector>> = vec![None; 40];
            for (number, comes) in steps {
                let place = &mut held[usize::from(number)];
                known.let_go(usize::from(place.is_some()));
                *place = comes.map(vector);
                if let Some(vector) = place {
                    known.remember(key(number), vector);
                }
                for (number, vector) in held.iter().enumerate() {
                    prop_assert_eq!(&known.find(key(number as u8)), vector);
                }
            }
        }
    }

    #[test]
    fn what_was_let_go_is_forgotten() {
        let known = KnownVectors::default();
        let held: Vec<UnitVector> = (0..100).map(vector).collect();
        let weak: Vec<WeakUnitVector> = held.iter().map(UnitVector::downgrade).collect();
        held.iter().zip(0..).for_each(|(vector, number)| known.remember(key(number), vector));
        drop(held);
        known.let_go(100);
        let last = vector(0);
        known.remember(key(200), &last);
        assert_eq!(known.0.found.borrow().len(), 1);
        assert!(weak.iter().all(|vector| !vector.is_held()));
        known.clear();
        assert_eq!(known.bytes(), 0);
        // What comes and goes untold leaves no more behind than there is room for.
        for number in 0..1000i16 {
            known.remember(Key::of(&[number.to_le_bytes()]), &vector(number));
        }
        assert!(known.0.found.borrow().len() < 250);
    }
}

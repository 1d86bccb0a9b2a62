use std::{borrow::Borrow, cmp::Ordering, fmt, ops::Index, slice, vec};

use serde::{Serialize, Serializer};

/// At most so many entries stand in one block.
const BLOCK: usize = 256;

/// A map that is sorted by its keys: entries in order, in blocks of at most 256.
///
/// To find an entry takes two binary searches, over the blocks and in one of them: O(log n). To insert
/// or remove one besides moves at most a block's worth of others, and once in a block's worth of times
/// the blocks themselves; up to a million entries that stays within microseconds. A map of few entries
/// is one sorted list.
#[derive(Clone)]
pub struct OrderedMap<K, V> {
    /// None is empty.
    blocks: Vec<Vec<(K, V)>>,
    len: usize,
}

/// Where an entry is, or would be.
struct Place {
    block: usize,
    index: usize,
    found: bool,
}

impl<K: Ord, V> OrderedMap<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        OrderedMap { blocks: Vec::new(), len: 0 }
    }

    /// Sets the value of a key; gives the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.place(&key);
        if place.found {
            return Some(std::mem::replace(&mut self.blocks[place.block][place.index].1, value));
        }
        self.insert_at(place, key, value);
        None
    }

    /// The value of a key, which is made if there is none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let mut place = self.place(&key);
        if !place.found {
            place = self.insert_at(place, key, make());
        }
        &mut self.blocks[place.block][place.index].1
    }

    /// The value of a key, which is the default one if there is none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// Takes an entry out; gives its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes an entry out.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        place.found.then(|| self.remove_at(place.block, place.index))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        place.found.then(|| &self.blocks[place.block][place.index].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        place.found.then(|| &mut self.blocks[place.block][place.index].1)
    }

    /// Whether there is an entry under the key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).found
    }

    /// The first entry whose key is not less.
    pub fn first_from<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        self.blocks.get(place.block)?.get(place.index).map(|(key, value)| (key, value))
    }

    /// The values before and after where a key is, or would be.
    pub fn around<Q: Ord + ?Sized>(&self, key: &Q) -> (Option<&V>, Option<&V>)
    where
        K: Borrow<Q>,
    {
        let Place { block, index, found } = self.place(key);
        let value = |block: usize, index| Some(&self.blocks.get(block)?.get::<usize>(index)?.1);
        let before = match index.checked_sub(1) {
            Some(before) => value(block, before),
            None => block.checked_sub(1).and_then(|last| Some(&self.blocks[last].last()?.1)),
        };
        let after = index + usize::from(found);
        (before, value(block, after).or_else(|| value(block + 1, 0)))
    }

    /// The entries whose keys are greater, in order.
    pub fn after<Q: Ord + ?Sized>(&self, key: &Q) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let Place { block, index, found } = self.place(key);
        let mut blocks = self.blocks[block..].iter();
        let entries = &blocks.next().map_or(&[][..], Vec::as_slice)[index + usize::from(found)..];
        let left = entries.len() + blocks.clone().map(Vec::len).sum::<usize>();
        Iter { blocks, entries: entries.iter(), left }
    }

    /// Takes the first entry out.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (self.len > 0).then(|| self.remove_at(0, 0))
    }

    /// Keeps only the entries that the function wants.
    pub fn retain(&mut self, mut wanted: impl FnMut(&K, &mut V) -> bool) {
        self.blocks
            .iter_mut()
            .for_each(|block| block.retain_mut(|(key, value)| wanted(key, value)));
        self.blocks.retain(|block| !block.is_empty());
        self.len = self.blocks.iter().map(Vec::len).sum();
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Place
    where
        K: Borrow<Q>,
    {
        place(self.blocks.len(), &|block| self.blocks[block].len(), &|block, index| {
            self.blocks[block][index].0.borrow().cmp(key)
        })
    }

    /// Inserts an entry where it would be; gives where it then is.
    fn insert_at(&mut self, place: Place, key: K, value: V) -> Place {
        let place = self.make_room(place);
        self.blocks[place.block].insert(place.index, (key, value));
        self.len += 1;
        place
    }

    /// Where the entry of a place may be inserted, in a block that has room. It moves no single
    /// entry, so that what is compiled for entries of one size serves all.
    fn make_room(&mut self, Place { mut block, mut index, .. }: Place) -> Place {
        if block == self.blocks.len() {
            // Behind all others: in the last block while there is room, so that a map which grows
            // at its end has full blocks.
            match self.blocks.last() {
                Some(last) if last.len() < BLOCK => (block, index) = (block - 1, last.len()),
                _ => self.blocks.push(Vec::new()),
            }
        } else if self.blocks[block].len() == BLOCK {
            let upper = self.blocks[block].split_off(BLOCK / 2);
            self.blocks.insert(block + 1, upper);
            if index > BLOCK / 2 {
                (block, index) = (block + 1, index - BLOCK / 2);
            }
        }
        Place { block, index, found: true }
    }

    fn remove_at(&mut self, block: usize, index: usize) -> (K, V) {
        let removed = self.blocks[block].remove(index);
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        }
        self.len -= 1;
        removed
    }
}

/// Finds the place of a key in so many blocks of these lengths, by how the entry at (block, index)
/// compares to it. It knows no type, and so is compiled once.
fn place(
    blocks: usize,
    length: &dyn Fn(usize) -> usize,
    compare: &dyn Fn(usize, usize) -> Ordering,
) -> Place {
    let is_before = |block: usize| compare(block, length(block) - 1).is_lt();
    // What comes in order is asked once.
    let Some(last) = blocks.checked_sub(1).filter(|&last| !is_before(last)) else {
        return Place { block: blocks, index: 0, found: false };
    };
    let block = partition(last, &is_before);
    let index = partition(length(block), &|index| compare(block, index).is_lt());
    Place { block, index, found: compare(block, index).is_eq() }
}

/// The first of so many positions that is not before what is looked for.
fn partition(count: usize, is_before: &dyn Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from.midpoint(to);
        if is_before(middle) { from = middle + 1 } else { to = middle }
    }
    from
}

impl<K, V> OrderedMap<K, V> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first entry.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.blocks.first()?.first().map(|(key, value)| (key, value))
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { blocks: self.blocks.iter(), entries: [].iter(), left: self.len }
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.blocks.iter_mut().flatten().map(|(_, value)| value)
    }

    /// The keys in their order, out of the map.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys, out of the map.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }
}

/// The entries of an [`OrderedMap`] in order.
pub struct Iter<'a, K, V> {
    blocks: slice::Iter<'a, Vec<(K, V)>>,
    /// What is left of the block at hand.
    entries: slice::Iter<'a, (K, V)>,
    left: usize,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { blocks: self.blocks.clone(), entries: self.entries.clone(), left: self.left }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        if self.entries.as_slice().is_empty() {
            self.entries = self.blocks.next()?.iter();
        }
        self.left -= 1;
        self.entries.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a OrderedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<K, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.blocks.into_iter().flatten()
    }
}

impl<K: Ord, V> Extend<(K, V)> for OrderedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(key, value)| _ = self.insert(key, value));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = OrderedMap::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        OrderedMap::new()
    }
}

impl<K: Ord + Borrow<Q>, V, Q: Ord + ?Sized> Index<&Q> for OrderedMap<K, V> {
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("the key is there")
    }
}

// Blocks are where history left them: equal are maps with equal entries.
impl<K: PartialEq, V: PartialEq> PartialEq for OrderedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for OrderedMap<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrderedMap<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self).finish()
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for OrderedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K: Serialize, V: Serialize> Serialize for OrderedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

/// A set that is sorted, at the costs of [`OrderedMap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedSet<T>(OrderedMap<T, ()>);

impl<T: Ord> OrderedSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        OrderedSet(OrderedMap::new())
    }

    /// Adds an item. Whether it is new.
    pub fn insert(&mut self, item: T) -> bool {
        self.0.insert(item, ()).is_none()
    }

    /// Takes an item out. Whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.take(item).is_some()
    }

    /// Takes an item out; gives the one that was there.
    pub fn take<Q: Ord + ?Sized>(&mut self, item: &Q) -> Option<T>
    where
        T: Borrow<Q>,
    {
        self.0.remove_entry(item).map(|(item, ())| item)
    }

    /// Takes the first item out.
    pub fn pop_first(&mut self) -> Option<T> {
        self.0.pop_first().map(|(item, ())| item)
    }

    /// Whether the item is there.
    pub fn contains<Q: Ord + ?Sized>(&self, item: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.0.contains_key(item)
    }

    /// The first item that is not less.
    pub fn first_from<Q: Ord + ?Sized>(&self, item: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
    {
        self.0.first_from(item).map(|(item, ())| item)
    }
}

impl<T> OrderedSet<T> {
    /// The first item.
    pub fn first(&self) -> Option<&T> {
        self.0.first_key_value().map(|(item, ())| item)
    }

    /// The items in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + Clone {
        self.0.keys()
    }

    /// The items in order, out of the set.
    pub fn into_items(self) -> impl DoubleEndedIterator<Item = T> {
        self.0.into_keys()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Ord> Default for OrderedSet<T> {
    fn default() -> Self {
        OrderedSet::new()
    }
}

impl<T: Ord> FromIterator<T> for OrderedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        OrderedSet(items.into_iter().map(|item| (item, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Enough for several blocks, which are filled and emptied. A step looks at all that there is, which Miri takes long for.
    const MOST: usize = if cfg!(miri) { 300 } else { 3000 };

    fn key() -> impl Strategy<Value = u16> {
        0u16..2000
    }

    proptest! {
        #![proptest_config(crate::cases(64))]
        #[test]
        fn equals_a_b_tree_under_any_history(
            grown in vec(key(), 0..MOST),
            steps in vec((0u8..6, key(), any::<u8>()), 0..MOST),
        ) {
            let mut map: OrderedMap<u16, u8> = grown.iter().map(|&key| (key, 0)).collect();
            let mut plain: BTreeMap<u16, u8> = grown.iter().map(|&key| (key, 0)).collect();
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(map.insert(key, value), plain.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(&key), plain.remove(&key)),
                    2 => prop_assert_eq!(map.pop_first(), plain.pop_first()),
                    3 => {
                        let expected = plain.entry(key).or_insert(value);
                        *expected ^= 1;
                        let found = map.get_or_insert_with(key, || value);
                        *found ^= 1;
                        prop_assert_eq!(found, expected);
                    }
                    4 => {
                        prop_assert_eq!(map.first_from(&key), plain.range(key..).next());
                        let before = plain.range(..key).next_back().map(|(_, value)| value);
                        let after = plain.range(key + 1..).next().map(|(_, value)| value);
                        prop_assert_eq!(map.around(&key), (before, after));
                    }
                    _ => {
                        let (found, expected) = (map.after(&key), plain.range(key + 1..));
                        prop_assert!(found.len() == expected.clone().count() && found.eq(expected));
                    }
                }
                prop_assert_eq!(map.get(&key), plain.get(&key));
                prop_assert_eq!(map.len(), plain.len());
                prop_assert_eq!(map.first_key_value(), plain.first_key_value());
            }
            prop_assert!(map.iter().eq(plain.iter()) && map.iter().len() == plain.len());
            map.retain(|key, _| key % 3 == 0);
            plain.retain(|key, _| key % 3 == 0);
            prop_assert!(map.blocks.iter().all(|block| (1..=BLOCK).contains(&block.len())));
            prop_assert_eq!(&map, &plain.iter().map(|(&key, &value)| (key, value)).collect());
            prop_assert!(map.into_iter().rev().eq(plain.into_iter().rev()));
        }
    }
}

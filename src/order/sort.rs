use std::cmp::Ordering;

/// Sorts; equal items stay in the order they are in.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts by a key that is made anew for each comparison; items with equal keys stay in the order they
/// are in.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by a comparison; equal items stay in the order they are in. O(n log n).
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let order = order(items.len(), &mut |a, b| compare(&items[a as usize], &items[b as usize]));
    rearrange(order, &mut |a, b| items.swap(a, b));
}

/// The positions of so many items in the order that a comparison of positions gives: a merge sort
/// from the bottom up. It knows no type, and so is compiled once.
fn order(count: usize, compare: &mut dyn FnMut(u32, u32) -> Ordering) -> Vec<u32> {
    let mut from: Vec<u32> = (0..count as u32).collect();
    let mut to = Vec::with_capacity(count);
    let mut run = 1;
    while run < count {
        for pair in from.chunks(2 * run) {
            let (mut left, mut right) = pair.split_at(run.min(pair.len()));
            while let (Some(&a), Some(&b)) = (left.first(), right.first()) {
                if compare(a, b).is_le() {
                    to.push(a);
                    left = &left[1..];
                } else {
                    to.push(b);
                    right = &right[1..];
                }
            }
            to.extend_from_slice(left);
            to.extend_from_slice(right);
        }
        std::mem::swap(&mut from, &mut to);
        to.clear();
        run *= 2;
    }
    from
}

/// Brings to each position the item whose position the order names there, cycle by cycle.
fn rearrange(mut order: Vec<u32>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        loop {
            let next = std::mem::replace(&mut order[at], at as u32) as usize;
            if next == start {
                break;
            }
            swap(at, next);
            at = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(items in vec((0u8..20, any::<u16>()), 0..200)) {
            let (mut found, mut expected) = (items.clone(), items.clone());
            sort_by_key(&mut found, |item| item.0);
            expected.sort_by_key(|item| item.0);
            prop_assert_eq!(&found, &expected);
            sort(&mut found);
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}

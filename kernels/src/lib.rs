//! The loops in which searches, embeddings, records and ingests spend their time, compiled for speed.

pub mod checksum;
pub mod codes;
pub mod lanes;
pub mod rotate;
pub mod rows;
pub mod text;
pub mod tokens;
pub mod top;

/// Adds `scale` times the bytes, taken as signed, to a sum of as many components.
#[inline(never)]
pub fn add_scaled(sum: &mut [f32], scale: f32, bytes: &[u8]) {
    for (sum, &byte) in sum.iter_mut().zip(bytes) {
        *sum += scale * f32::from(byte as i8);
    }
}

/// Sorts pairs by their keys, equal ones left as they stand.
#[inline(never)]
pub fn sort(mut pairs: Vec<(u64, u32)>) -> Vec<(u64, u32)> {
    pairs.sort_by_key(|pair| pair.0);
    pairs
}

/// [`sort`] for smaller keys.
#[inline(never)]
pub fn by_number(pairs: Vec<(u32, i32)>) -> Vec<(u32, i32)> {
    merge_sort(pairs)
}

/// From the bottom up: a tenth of the standard library's code.
#[inline(always)]
fn merge_sort<K: Copy + Ord, V: Copy>(mut pairs: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut sorted = pairs.clone();
    let mut run = 1;
    while run < pairs.len() {
        for (from, to) in pairs.chunks(2 * run).zip(sorted.chunks_mut(2 * run)) {
            let (mut left, mut right) = from.split_at(run.min(from.len()));
            for place in to {
                let from_left = match (left.first(), right.first()) {
                    (Some(left), Some(right)) => left.0 <= right.0,
                    (left, _) => left.is_some(),
                };
                let side = if from_left { &mut left } else { &mut right };
                if let Some((&first, rest)) = side.split_first() {
                    (*place, *side) = (first, rest);
                }
            }
        }
        std::mem::swap(&mut pairs, &mut sorted);
        run *= 2;
    }
    pairs
}

/// The same loops over the lanes that the target has.
pub mod native {
    use super::{codes, lanes::Native, rotate, rows, tokens};

    /// See [`rotate::rotate`].
    #[inline(never)]
    pub fn rotate(vector: &mut [[i16; 8]], signs: &[[[i16; 8]; 2]]) {
        rotate::rotate::<Native>(vector, signs);
    }

    /// See [`codes::write`].
    #[inline(never)]
    pub fn write(block: &mut [codes::Group], row: usize, vector: &[[i16; 8]]) {
        codes::write::<Native>(block, row, vector);
    }

    /// See [`rows::dot`].
    #[inline(never)]
    pub fn dot(a: &[i16], b: &[i16]) -> i32 {
        rows::dot::<Native>(a, b)
    }

    /// See [`rows::dots`].
    #[inline(never)]
    pub fn dots(rows: &[&[i16]], query: &[i16], to: &mut Vec<i32>) {
        rows::dots::<Native>(rows, query, to);
    }

    /// See [`rows::dot_upper`].
    #[inline(never)]
    pub fn dot_upper(upper: &[u8], query: &[i16]) -> i32 {
        rows::dot_upper::<Native>(upper, query)
    }

    /// See [`tokens::estimate`].
    #[inline(never)]
    pub fn tokens(text: &str, foreign: fn(char) -> tokens::Kind) -> usize {
        tokens::estimate::<Native>(text, foreign)
    }

    /// See [`rows::dot_lower`].
    #[inline(never)]
    pub fn dot_lower(lower: &[u8], query: &[i16]) -> i32 {
        rows::dot_lower::<Native>(lower, query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_give_what_is_written_on_them_at_any_length() {
        for length in 0..40i16 {
            let (a, b): (Vec<i16>, Vec<i16>) = (0..length).map(|i| (i - 9, 700 * (i - 4))).unzip();
            let expected: i32 = (0..i32::from(length)).map(|i| (i - 9) * 700 * (i - 4)).sum();
            assert_eq!(native::dot(&a, &b), expected);
            let rows = [&a, &b, &b, &a, &a, &b].map(Vec::as_slice);
            for count in 0..rows.len() {
                let mut found = vec![7];
                native::dots(&rows[..count], &b, &mut found);
                let plain = rows[..count].iter().map(|row| native::dot(row, &b));
                assert!(found.into_iter().eq([7].into_iter().chain(plain)));
            }
            let bytes: Vec<u8> = (0..length).map(|i| (i - 20) as u8).collect();
            let mut sum = vec![1.0; length as usize];
            add_scaled(&mut sum, 0.5, &bytes);
            assert!((0..length).zip(sum).all(|(i, sum)| sum == 1.0 + 0.5 * f32::from(i - 20)));
            let pairs: Vec<(u64, u32)> =
                (0..length as u32).map(|i| ((i * 7 % 11).into(), i)).collect();
            let mut expected = pairs.clone();
            expected.sort();
            assert_eq!(sort(pairs), expected);
            let small = |&(key, value): &(u64, u32)| (key as u32, value as i32);
            let (pairs, expected): (Vec<_>, Vec<_>) = (
                (0..length as u32).map(|i| (i * 7 % 11, i as i32)).collect(),
                expected.iter().map(small).collect(),
            );
            assert_eq!(by_number(pairs), expected);
            // Keys that differ in any byte.
            let pairs: Vec<(u64, u32)> = (0..20 * length as u32)
                .map(|i| (u64::from(i * 7 % 11) << (i % 8 * 8) | 1 << 63, i))
                .collect();
            let mut expected = pairs.clone();
            expected.sort();
            assert_eq!(sort(pairs), expected);
        }
    }
}

//! Vectors in numbers that the first, coarse stage of a search is for.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, test_runner::TestCaseError};
use smolrag::{
    record::UnitVector,
    store::{CompactIndex, Match, VectorIndex},
};
use smolrag_kernels::{
    codes::{self, Group, Table},
    lanes::{Native, Plain},
    rotate, rows,
};

use crate::runner::check_all;

/// xorshift: the same vectors in every run and host.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// About normal, with a deviation of 1.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.below(10_000) as f32 / 10_000.0).sum::<f32>() - 6.0
    }

    fn around(&mut self, centre: &[f32], deviation: f32) -> Vec<f32> {
        centre.iter().map(|value| value + deviation * self.normal()).collect()
    }
}

/// Vectors in clusters of about fifty.
fn clustered(seed: u64, count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let dice = &mut Dice(seed);
    let zero = vec![0.0; dimensions];
    let centres: Vec<_> = (0..count / 50).map(|_| dice.around(&zero, 1.0)).collect();
    (0..count)
        .map(|_| {
            let centre = &centres[dice.below(centres.len() as u64) as usize];
            dice.around(centre, 0.4)
        })
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The places of the nearest, nearest first.
fn nearest(vectors: &[Vec<f32>], query: &[f32], k: usize) -> Vec<u32> {
    let mut all: Vec<(f64, u32)> =
        (0u32..).zip(vectors).map(|(at, vector)| (-cosine(vector, query), at)).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all.into_iter().take(k).map(|(_, at)| at).collect()
}

fn share_found(found: &[Match], expected: &[u32]) -> f64 {
    let found: BTreeSet<u32> = found.iter().map(|found| found.slot).collect();
    expected.iter().filter(|at| found.contains(at)).count() as f64 / expected.len() as f64
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn both_indices_find_the_nearest_of_many_in_any_dimension() {
    for dimensions in [32, 33, 100, 384] {
        let vectors = clustered(1 + dimensions as u64, 8000, dimensions);
        let mut exact = VectorIndex::new(dimensions);
        let mut compact = CompactIndex::new(dimensions);
        for (slot, vector) in (0u32..).zip(&vectors) {
            exact.insert(slot, &UnitVector::from_f32(vector).unwrap());
            compact.put(None, vector).unwrap();
        }
        let (mut by_exact, mut by_compact, mut by_all) = (0.0, 0.0, 0.0);
        for query in vectors.iter().step_by(200) {
            let query = Dice(9).around(query, 0.2);
            let expected = nearest(&vectors, &query, 10);
            let found = exact.search(&UnitVector::from_f32(&query).unwrap(), 10, Some);
            by_exact += share_found(&found, &expected) / 40.0;
            let found = compact.search(&query, 10, false, Some).unwrap();
            by_compact += share_found(&found, &expected) / 40.0;
            for found in &found {
                let score = cosine(&vectors[found.slot as usize], &query);
                assert!((f64::from(found.score) - score).abs() < 5e-4, "{dimensions}: {score}");
            }
            let found = compact.search(&query, 10, true, Some).unwrap();
            by_all += share_found(&found, &expected) / 40.0;
        }
        // A tenth is one miss in the ten of a query.
        assert!(by_exact > 0.985 && by_compact > 0.985, "{dimensions}: {by_exact} {by_compact}");
        assert!(by_all > 0.99, "{dimensions}: {by_all}");
    }
}

/// As those of texts by the built-in table: a part that all share, and a few components that say more than the others.
fn alike(count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let dice = &mut Dice(11);
    let common = dice.around(&vec![0.0; dimensions], 0.1);
    let vector = |_| {
        let own = (1..=dimensions).map(|place| dice.normal() / (place as f32).powf(0.5));
        own.zip(&common).map(|(own, common)| own + common).collect()
    };
    (0..count).map(vector).collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn of_short_vectors_that_are_much_alike_the_nearest_are_found() {
    let vectors = alike(8000, 128);
    let (vectors, queries) = vectors.split_at(7900);
    let mut index = CompactIndex::new(128);
    vectors.iter().for_each(|vector| index.put(None, vector).unwrap());
    let found = queries.iter().map(|query| {
        let found = index.search(query, 10, false, Some).unwrap();
        share_found(&found, &nearest(vectors, query, 10))
    });
    let found = found.sum::<f64>() / queries.len() as f64;
    assert!(found > 0.99, "{found}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn a_filter_holds_inside_the_scan() {
    let vectors = clustered(5, 3000, 64);
    let mut exact = VectorIndex::new(64);
    let mut compact = CompactIndex::new(64);
    for (slot, vector) in (0u32..).zip(&vectors) {
        exact.insert(slot, &UnitVector::from_f32(vector).unwrap());
        compact.put(None, vector).unwrap();
    }
    // So few pass that all of them are looked at closely: what is found is exact.
    let passes = |slot: u32| slot.is_multiple_of(100).then_some(slot);
    let few: Vec<Vec<f32>> = vectors.iter().step_by(100).cloned().collect();
    let query = &vectors[7];
    let expected: Vec<u32> = nearest(&few, query, 5).into_iter().map(|at| 100 * at).collect();
    let slots = |found: Vec<Match>| found.into_iter().map(|found| found.slot).collect::<Vec<_>>();
    let unit = UnitVector::from_f32(query).unwrap();
    assert_eq!(slots(exact.search(&unit, 5, passes)), expected);
    assert_eq!(slots(compact.search(query, 5, false, passes).unwrap()), expected);
    assert!(compact.search(query, 5, false, |_| None::<u32>).unwrap().is_empty());
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn what_is_the_same_is_found_by_id_however_much_there_is_of_it() {
    let mut index = CompactIndex::new(96);
    let vector: Vec<f32> = (0..96).map(|i| i as f32 - 7.0).collect();
    (0..3000).for_each(|_| index.put(None, &vector).unwrap());
    let found = index.search(&vector, 3, false, |row| Some(9000 - row)).unwrap();
    assert_eq!(found.iter().map(|found| found.slot).collect::<Vec<_>>(), [2999, 2998, 2997]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn odd_vectors_are_taken_or_refused_whole() {
    let mut index = CompactIndex::new(3);
    for (row, vector) in
        [[0.0; 3], [1e-38, 0.0, 0.0], [0.0, 3e38, 3e38], [1.0, -1.0, 0.0]].iter().enumerate()
    {
        index.put(None, vector).unwrap();
        let found = index.search(vector, 1, false, Some).unwrap();
        match row {
            0 => assert!(found.is_empty()),
            _ => assert!(found[0].slot == row as u32 && (found[0].score - 1.0).abs() < 1e-4),
        }
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(index.put(None, &[0.0, bad, 1.0]).is_err());
        assert!(index.put(Some(0), &[0.0, bad, 1.0]).is_err());
        assert!(index.search(&[bad, 0.0, 0.0], 1, false, Some).is_err());
    }
    assert_eq!(index.len(), 4);
    index.put(Some(0), &[0.0, 0.0, -2.0]).unwrap();
    assert_eq!(index.search(&[0.0, 0.0, -1.0], 9, false, Some).unwrap()[0].slot, 0);
}

#[test]
fn memory_is_within_the_bound() {
    for dimensions in [64, 384, 1536, 4096] {
        let mut index = CompactIndex::new(dimensions);
        let vector = vec![1.0; dimensions];
        let count = 4_000_000 / dimensions;
        (0..count).for_each(|_| index.put(None, &vector).unwrap());
        let bound = 1.75 * (dimensions * count) as f64;
        assert!((index.bytes() as f64) < bound, "{dimensions}: {} of {bound}", index.bytes());
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn a_search_of_many_depends_on_no_history() {
    let histories = (1u64..1000, vec(0usize..2500, 200..600), 0usize..2500);
    check_all(6, file!(), histories, |(seed, removed, order)| {
        let vectors = clustered(seed, 2500, 128);
        let unit = |at: usize| UnitVector::from_f32(&vectors[at]).unwrap();
        let removed: BTreeSet<usize> = removed.into_iter().collect();
        let mut exact = VectorIndex::new(128);
        let (mut compact, mut rows) = (CompactIndex::new(128), vec![]);
        for at in 0..2500 {
            let at = (at + order) % 2500;
            exact.insert(at as u32, &unit((at + 1) % 2500));
            exact.insert(at as u32, &unit(at));
            compact.put(None, &vectors[at]).unwrap();
            rows.push(at);
        }
        for &at in &removed {
            exact.remove(at as u32);
            let row = rows.iter().position(|&other| other == at).unwrap();
            rows.swap_remove(row);
            compact.swap_remove(row);
        }
        let mut fresh_exact = VectorIndex::new(128);
        let (mut fresh_compact, mut fresh_rows) = (CompactIndex::new(128), vec![]);
        for at in (0..2500).filter(|at| !removed.contains(at)) {
            fresh_exact.insert(at as u32, &unit(at));
            fresh_compact.put(None, &vectors[at]).unwrap();
            fresh_rows.push(at);
        }
        for at in [0, 500, 1700] {
            prop_assert_eq!(
                exact.search(&unit(at), 10, Some),
                fresh_exact.search(&unit(at), 10, Some)
            );
            let found = |index: &CompactIndex, rows: &[usize]| -> Vec<(usize, f32)> {
                let id = |row: u32| Some(rows[row as usize]);
                let found = index.search(&vectors[at], 10, false, id).unwrap().into_iter();
                found.map(|found| (rows[found.slot as usize], found.score)).collect()
            };
            prop_assert_eq!(found(&compact, &rows), found(&fresh_compact, &fresh_rows));
        }
        Ok(())
    });
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
fn kernels_give_the_same_in_simd_and_in_plain_rust() {
    let numbers = (1usize..9).prop_flat_map(|n| vec(-2047i16..2048, 32 * n));
    check_all(200, file!(), (numbers, any::<u64>(), 0usize..32, 0usize..32), kernels_agree);
}

/// What the code in a block is worth, one component after the other.
fn worth(block: &[Group], row: usize, table: &[Group]) -> u16 {
    let code = |group: &Group| group[row % 16] >> (row / 16 * 4) & 15;
    let worths = block.iter().zip(table).map(|(group, table)| table[usize::from(code(group))]);
    worths.map(u16::from).sum()
}

#[test]
fn codes_are_hardly_ever_worth_less_than_a_cosine_lets_expect() {
    for dimensions in [64, 96, 384, 1536] {
        let dice = &mut Dice(3 + dimensions as u64);
        let signs: Vec<[[i16; 8]; 2]> = (0..dimensions / 8)
            .map(|_| [(); 2].map(|()| [(); 8].map(|()| -(dice.below(2) as i16))))
            .collect();
        let rotated = |vector: &[f32]| {
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            let mut eights = vec![[0; 8]; dimensions / 8];
            let scale = f32::from(rotate::LENGTH) / length;
            rows::round(vector, scale, eights.as_flattened_mut());
            rotate::rotate::<Plain>(&mut eights, &signs);
            eights
        };
        let (mut less, mut much_less, all) = (0, 0, 20 * 400);
        for query in clustered(dimensions as u64, 50, dimensions).into_iter().take(20) {
            let table = Table::new(&rotated(&query));
            for likeness in 0..400 {
                let share = likeness as f32 / 200.0 - 1.0;
                let vector: Vec<f32> =
                    query.iter().map(|value| share * value + dice.normal()).collect();
                let mut block = vec![[0; 16]; dimensions / 4];
                codes::write::<Plain>(&mut block, 0, &rotated(&vector));
                let worth = worth(&block, 0, &table.groups);
                let cosine = cosine(&query, &vector) as f32;
                let length = f32::from(rotate::LENGTH);
                less += usize::from(worth < table.least(cosine, length));
                // Eight deviations above four below.
                let above = cosine + 8.0 * 0.7555 / (dimensions as f32).sqrt();
                much_less += usize::from(worth < table.least(above, length));
            }
        }
        assert!(less <= 3 && much_less * 1000 > 999 * all, "{dimensions}: {less}, {much_less}");
    }
}

fn kernels_agree(
    (numbers, flips, row, tail): (Vec<i16>, u64, usize, usize),
) -> Result<(), TestCaseError> {
    let eights = |numbers: &[i16]| numbers.as_chunks::<8>().0.to_vec();
    let dice = &mut Dice(flips | 1);
    let signs: Vec<[[i16; 8]; 2]> = (0..numbers.len() / 8)
        .map(|_| [(); 2].map(|()| [(); 8].map(|()| -(dice.below(2) as i16))))
        .collect();
    // The length that the rotation takes.
    let length = rows::squares(&numbers).max(1) as f64;
    let scale = f64::from(rotate::LENGTH) / length.sqrt();
    let unit: Vec<i16> = numbers.iter().map(|&n| (f64::from(n) * scale) as i16).collect();
    let (mut simd, mut plain) = (eights(&unit), eights(&unit));
    rotate::rotate::<Native>(&mut simd, &signs);
    rotate::rotate::<Plain>(&mut plain, &signs);
    prop_assert_eq!(&simd, &plain);
    let after: f64 = plain.as_flattened().iter().map(|&n| f64::from(n).powi(2)).sum();
    let before: f64 = unit.iter().map(|&n| f64::from(n).powi(2)).sum();
    prop_assert!((after / before.max(1.0)).sqrt() - 1.0 < 0.01);

    let groups = numbers.len() / 4;
    let (mut block, mut other) = (vec![[0x5a; 16]; groups], vec![[0x5a; 16]; groups]);
    codes::write::<Native>(&mut block, row, &simd);
    codes::write::<Plain>(&mut other, row, &plain);
    prop_assert_eq!(&block, &other);
    let table = Table::new(&eights(&unit)).groups;
    let worth = |row: usize| worth(&block, row, &table);
    let least = worth(row);
    let (worths, found) = codes::scan::<Native>(&block, &table, least);
    prop_assert_eq!((worths, found), codes::scan::<Plain>(&block, &table, least));
    for (row, &worth_of_row) in worths.as_flattened().iter().enumerate() {
        prop_assert_eq!(worth_of_row as u16, worth(row));
        prop_assert_eq!(found >> row & 1 == 1, worth(row) >= least);
    }
    prop_assert_eq!(codes::scan::<Native>(&block, &table, u16::MAX).1, 0);

    let numbers = &numbers[tail..];
    let query = &unit[tail..];
    let (mut upper, mut lower) = (vec![0; numbers.len()], vec![0; numbers.len().div_ceil(2)]);
    rows::split(numbers, &mut upper, &mut lower);
    let by_upper = rows::dot_upper::<Native>(&upper, query);
    let by_lower = rows::dot_lower::<Native>(&lower, query);
    prop_assert_eq!(by_upper, rows::dot_upper::<Plain>(&upper, query));
    prop_assert_eq!(by_lower, rows::dot_lower::<Plain>(&lower, query));
    let whole = rows::dot::<Native>(numbers, query);
    prop_assert_eq!(whole, rows::dot::<Plain>(numbers, query));
    prop_assert_eq!(16 * by_upper + by_lower, whole);
    Ok(())
}

//! Vectors as numbers of 12 bits: eight in one place, which suffice to choose by, the other four in
//! another, for the last word.

use std::{hint::black_box, rc::Rc};

use crate::lanes::Lanes;

/// The largest number of 12 bits: what the largest component becomes.
pub const MOST: i16 = 2047;

/// Adding and taking it away rounds to a whole number, ties to even, in a way that compiles to SIMD.
const ROUND: f32 = 12_582_912.0;

/// Rounds components times `scale`, which must leave them below 2²² and fit 16 bits.
#[inline(never)]
pub fn round(values: &[f32], scale: f32, to: &mut [i16]) {
    for (to, &value) in to.iter_mut().zip(values) {
        *to = (value * scale + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i16;
    }
}

/// Added to a number below 2⁵¹, it leaves that in the last bits, rounded, in a way that compiles to SIMD.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// The nearest whole number, ties to even, of one that fits 16 bits.
#[inline]
fn whole(value: f64) -> i16 {
    (value + WHOLE).to_bits() as i16
}

/// The sum of the squares, in eight partial sums so that none waits for the one before.
#[inline]
fn sum_of_squares(values: &[f32]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    let add = |(sum, &value): (&mut f64, &f32)| *sum += f64::from(value) * f64::from(value);
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(add);
    }
    sums.iter_mut().zip(rest).for_each(add);
    sums.into_iter().sum()
}

/// Components at length `one`, which must fit 16 bits, rounded; zeros stay zeros. `None` if one of them is
/// not finite.
#[inline(never)]
pub fn unit(values: &[f32], one: f64) -> Option<Rc<[i16]>> {
    // In f64, so that large components neither overflow nor vanish.
    let squares = sum_of_squares(values);
    let scale = if squares > 0.0 { one / squares.sqrt() } else { 0.0 };
    let scaled = values.iter().map(|&value| whole(f64::from(value) * scale));
    squares.is_finite().then(|| scaled.collect())
}

/// [`unit`] for whole numbers.
#[inline(never)]
pub fn unit_of_sum(sum: &[i64], one: f64) -> Rc<[i16]> {
    let squares: f64 = sum.iter().map(|&value| value as f64 * value as f64).sum();
    let scale = if squares > 0.0 { one / squares.sqrt() } else { 0.0 };
    sum.iter().map(|&value| whole(value as f64 * scale)).collect()
}

/// Adds numbers to sums, fewer than 65,536 times; with −1 takes them away.
#[inline(never)]
pub fn add(sums: &mut [i64], numbers: &[i16], times: i32) {
    for (sum, &number) in sums.iter_mut().zip(numbers) {
        *sum += i64::from(times * i32::from(number));
    }
}

/// Numbers as parts of `of`, where 32,768 stands for one.
#[inline(never)]
pub fn parts(numbers: &[i16], of: i16, to: &mut [i16]) {
    for (to, &number) in to.iter_mut().zip(numbers) {
        *to = ((i32::from(number) * i32::from(of)) >> 15) as i16;
    }
}

/// The size of the largest component; infinite or NaN if one is.
#[inline(never)]
pub fn largest(values: &[f32]) -> f32 {
    // Sizes are in the order of their bits.
    let bits = values.iter().fold(0, |most, value| (value.to_bits() & 0x7fff_ffff).max(most));
    f32::from_bits(bits)
}

/// The sum of the squares of numbers of 12 bits.
#[inline(never)]
pub fn squares(numbers: &[i16]) -> i64 {
    // Of so many the sum fits 32 bits.
    numbers.chunks(256).map(|part| i64::from(crate::native::dot(part, part))).sum()
}

/// The sum of the squares of numbers of 16 bits.
#[inline(never)]
pub fn squares_of_16(numbers: &[i16]) -> i64 {
    numbers.iter().map(|&number| i64::from(i32::from(number) * i32::from(number))).sum()
}

/// Writes numbers as bytes, little-endian, behind what is there.
#[inline(never)]
pub fn push_bytes(numbers: &[i16], bytes: &mut Vec<u8>) {
    let from = bytes.len();
    bytes.resize(from + 2 * numbers.len(), 0);
    for (to, number) in bytes[from..].as_chunks_mut().0.iter_mut().zip(numbers) {
        *to = number.to_le_bytes();
    }
}

/// Reads numbers from twice as many bytes, little-endian.
#[inline(never)]
pub fn from_bytes(bytes: &[u8], numbers: &mut [i16]) {
    for (number, from) in numbers.iter_mut().zip(bytes.as_chunks().0) {
        *number = i16::from_le_bytes(*from);
    }
}

/// Splits numbers of 12 bits into their upper eight and their lower four bits.
#[inline(never)]
pub fn split(numbers: &[i16], upper: &mut [u8], lower: &mut [u8]) {
    for (upper, &number) in upper.iter_mut().zip(numbers) {
        *upper = (number >> 4) as u8;
    }
    let (chunks, rest) = numbers.as_chunks::<32>();
    let (whole, tail) = lower.split_at_mut(16 * chunks.len());
    for (lower, chunk) in whole.as_chunks_mut::<16>().0.iter_mut().zip(chunks) {
        for (i, lower) in lower.iter_mut().enumerate() {
            *lower = (chunk[i] & 15) as u8 | ((chunk[i + 16] & 15) as u8) << 4;
        }
    }
    for (lower, two) in tail.iter_mut().zip(rest.chunks(2)) {
        let second = two.get(1).map_or(0, |second| second & 15);
        *lower = (two[0] & 15) as u8 | (second as u8) << 4;
    }
}

/// The dot product of vectors of one length, wrapping at 32 bits. Left to itself the compiler widens all
/// numbers first, and multiplies half as many at once.
#[inline(always)]
pub fn dot<L: Lanes>(a: &[i16], b: &[i16]) -> i32 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let add =
        |sum: L, (a, b): (&[i16; 8], &[i16; 8])| sum.add_longs(L::words(a).dot_words(L::words(b)));
    let sum = a.iter().zip(b).fold(L::splat(0), add).sum_longs();
    let tail = a_tail.iter().zip(b_tail);
    tail.fold(sum, |sum, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

/// These rows of blocks that hold a power of two of rows each. Looks at each row, so that they are on their way from
/// memory together before each is waited for.
#[inline(never)]
pub fn pick<'a>(blocks: &'a [Vec<i16>], bits: u32, width: usize, rows: &[u32]) -> Vec<&'a [i16]> {
    let mut seen = 0;
    let picked = pick_each(blocks, bits, width, rows, |row| {
        seen ^= row.first().copied().unwrap_or(0);
    });
    black_box(seen);
    picked
}

/// [`pick`] for rows that are shorter than what memory gives in advance: looks at each line of them.
#[inline(never)]
pub fn pick_bytes<'a>(
    blocks: &'a [Vec<u8>],
    bits: u32,
    width: usize,
    rows: &[u32],
) -> Vec<&'a [u8]> {
    let mut seen = 0;
    let picked = pick_each(blocks, bits, width, rows, |row| {
        seen ^= row.iter().step_by(64).fold(0, |seen, byte| seen ^ byte);
    });
    black_box(seen);
    picked
}

#[inline(always)]
fn pick_each<'a, T>(
    blocks: &'a [Vec<T>],
    bits: u32,
    width: usize,
    rows: &[u32],
    mut look: impl FnMut(&[T]),
) -> Vec<&'a [T]> {
    let picked = rows.iter().map(|&row| {
        let (block, row) = (row as usize >> bits, row as usize & ((1 << bits) - 1));
        let row = &blocks[block][row * width..][..width];
        look(row);
        row
    });
    picked.collect()
}

/// The numbers at these places.
#[inline(never)]
pub fn gather(numbers: &[u32], places: &[u32]) -> Vec<u32> {
    places.iter().map(|&place| numbers[place as usize]).collect()
}

/// The dot products of rows with a query, each as [`dot`] gives it: of four rows side by side, so that they are
/// waited for together where memory is slow.
#[inline(always)]
pub fn dots<L: Lanes>(rows: &[&[i16]], query: &[i16], to: &mut Vec<i32>) {
    let (whole, tail) = query.as_chunks::<16>();
    let (fours, rest) = rows.as_chunks::<4>();
    for four in fours {
        let mut sums = [L::splat(0); 4];
        // An iterator for each, which asks for no bounds.
        let [a, b, c, d] = four.map(|row| row.as_chunks::<16>().0);
        for ((((query, a), b), c), d) in whole.iter().zip(a).zip(b).zip(c).zip(d) {
            for at in 0..2 {
                let eight = L::words(&query.as_chunks().0[at]);
                for (sum, row) in sums.iter_mut().zip([a, b, c, d]) {
                    *sum = sum.add_longs(L::words(&row.as_chunks().0[at]).dot_words(eight));
                }
            }
        }
        to.extend(sums.iter().zip(four).map(|(sum, row)| {
            let tail = row[16 * whole.len()..].iter().zip(tail);
            tail.fold(sum.sum_longs(), |sum, (&a, &b)| {
                sum.wrapping_add(i32::from(a) * i32::from(b))
            })
        }));
    }
    to.extend(rest.iter().map(|row| dot::<L>(row, query)));
}

/// The dot product of the upper bits with a query of length 32,767.
#[inline(always)]
pub fn dot_upper<L: Lanes>(upper: &[u8], query: &[i16]) -> i32 {
    let (sixteens, tail) = upper.as_chunks::<16>();
    let (words, _) = query.as_chunks::<8>();
    let mut sum = L::splat(0);
    for (bytes, two) in sixteens.iter().zip(words.as_chunks::<2>().0) {
        sum = sum.add_longs(L::bytes(bytes).dot_bytes(L::words(&two[0]), L::words(&two[1])));
    }
    let query = &query[16 * sixteens.len()..];
    let tail = tail.iter().zip(query).map(|(&byte, &q)| i32::from(byte as i8) * i32::from(q));
    sum.sum_longs().wrapping_add(tail.sum::<i32>())
}

/// The dot product of the lower bits with a query of length 32,767.
#[inline(always)]
pub fn dot_lower<L: Lanes>(lower: &[u8], query: &[i16]) -> i32 {
    let (chunks, rest) = query.as_chunks::<32>();
    let (whole, tail) = lower.split_at(16 * chunks.len());
    let nibble = L::splat(0x0f0f);
    let mut sum = L::splat(0);
    for (bytes, chunk) in whole.as_chunks::<16>().0.iter().zip(chunks) {
        let (bytes, words) = (L::bytes(bytes), chunk.as_chunks::<8>().0);
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| L::words(&words[i]));
        sum = sum.add_longs(bytes.and(nibble).dot_bytes(a, b));
        sum = sum.add_longs(bytes.shift_right(4).and(nibble).dot_bytes(c, d));
    }
    let tail = tail.iter().zip(rest.chunks(2)).map(|(&byte, two)| {
        let first = i32::from(byte & 15) * i32::from(two[0]);
        first + two.get(1).map_or(0, |&second| i32::from(byte >> 4) * i32::from(second))
    });
    sum.sum_longs().wrapping_add(tail.sum::<i32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_those_that_rounding_gives() {
        let halves = (-70_000..70_000).map(|i| f64::from(i) * 0.25);
        let beside =
            [0.5_f64, -0.5, 1.5, 2.5, 32_766.5].map(|half| [half.next_down(), half.next_up()]);
        for value in halves.chain(beside.into_iter().flatten()) {
            assert_eq!(whole(value), value.round_ties_even() as i16, "{value}");
        }
    }

    #[test]
    fn loops_over_numbers_give_what_is_written_on_them_at_any_length() {
        for length in 0..40i16 {
            let numbers: Vec<i16> = (0..length).map(|i| 1_700 * (i - 19)).collect();
            let mut sums: Vec<i64> = (0..length).map(|i| i64::from(i) << 40).collect();
            let before = sums.clone();
            add(&mut sums, &numbers, 1);
            let added = |i: usize| before[i] + i64::from(numbers[i]);
            assert!(sums.iter().enumerate().all(|(i, &sum)| sum == added(i)));
            add(&mut sums, &numbers, -1);
            assert_eq!(sums, before);

            let mut shorter = vec![0; numbers.len()];
            parts(&numbers, 16_000, &mut shorter);
            let part = |i: usize| (i32::from(numbers[i]) * 16_000).div_euclid(32_768);
            assert!(shorter.iter().enumerate().all(|(i, &it)| i32::from(it) == part(i)));

            let floats: Vec<f32> = numbers.iter().map(|&number| f32::from(number)).collect();
            let wide: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
            let units = unit(&floats, 32_767.0).unwrap();
            let length = wide.iter().map(|x| x * x).sum::<i64>() as f64;
            let expected = |x: i64| x as f64 / length.sqrt() * 32_767.0;
            let near = |(unit, &x): (&i16, &i64)| (f64::from(*unit) - expected(x)).abs() < 0.51;
            assert!(units.iter().zip(&wide).all(near));
            assert_eq!(unit_of_sum(&wide, 32_767.0), units);
        }
    }
}

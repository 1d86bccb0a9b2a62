//! One fixed rotation, in integers.

use crate::lanes::Lanes;

/// The length that vectors have when they are rotated: no intermediate sum of four components, each
/// partial, exceeds twice it, so nothing overflows 16 bits.
pub const LENGTH: i16 = 16_000;

/// Rotates in place a vector of length [`LENGTH`] or less, in eights of components, as many as the
/// signs, a multiple of four eights.
///
/// Signs, a Walsh–Hadamard transform of the first power of two of components, other signs, one of the
/// last as many; where the two windows are not the same, the halves are mixed at the end. It keeps
/// lengths and angles but for rounding.
///
/// N. Ailon and B. Chazelle, "The Fast Johnson–Lindenstrauss Transform and Approximate Nearest
/// Neighbors", 2009.
pub fn rotate<L: Lanes>(vector: &mut [[i16; 8]], signs: &[[[i16; 8]; 2]]) {
    let length = vector.len();
    let window = 1 << length.ilog2();
    for (round, from) in [0, length - window].into_iter().enumerate() {
        for (eight, signs) in vector.iter_mut().zip(signs) {
            let signs = L::words(&signs[round]);
            *eight = L::words(eight).xor(signs).sub(signs).to_words();
        }
        transform::<L>(&mut vector[from..from + window]);
    }
    if window < length {
        let (one, other) = vector.split_at_mut(length / 2);
        one.iter_mut().zip(other).for_each(|(a, b)| two::<L>(a, b));
    }
}

/// The square root of one half.
const ROOT: i16 = 23_170;

/// The sum and the difference of two, at the same length.
#[inline(always)]
fn two<L: Lanes>(one: &mut [i16; 8], other: &mut [i16; 8]) {
    let (a, b, root) = (L::words(one), L::words(other), L::splat(ROOT));
    *one = a.add(b).scale(root).to_words();
    *other = a.sub(b).scale(root).to_words();
}

/// A Walsh–Hadamard transform that keeps the length, of a power of two of eights.
fn transform<L: Lanes>(vector: &mut [[i16; 8]]) {
    let odd = |signs: [i16; 8]| L::words(&signs);
    let (one, two_, four) = (
        odd([0, -1, 0, -1, 0, -1, 0, -1]),
        odd([0, 0, -1, -1, 0, 0, -1, -1]),
        odd([0, 0, 0, 0, -1, -1, -1, -1]),
    );
    let root = L::splat(ROOT);
    for eight in vector.iter_mut() {
        let lanes = L::words(eight);
        let lanes = lanes.swap::<1>().add(lanes.xor(one).sub(one));
        let lanes = lanes.swap::<2>().add(lanes.xor(two_).sub(two_)).half();
        let lanes = lanes.swap::<4>().add(lanes.xor(four).sub(four)).scale(root);
        *eight = lanes.to_words();
    }
    let mut step = 1;
    while 2 * step < vector.len() {
        for group in vector.chunks_exact_mut(4 * step) {
            let (ab, cd) = group.split_at_mut(2 * step);
            let ((a, b), (c, d)) = (ab.split_at_mut(step), cd.split_at_mut(step));
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                let [wa, wb, wc, wd] = [&*a, &*b, &*c, &*d].map(L::words);
                let (sum_ab, sum_cd) = (wa.add(wb), wc.add(wd));
                let (dif_ab, dif_cd) = (wa.sub(wb), wc.sub(wd));
                *a = sum_ab.add(sum_cd).half().to_words();
                *b = dif_ab.add(dif_cd).half().to_words();
                *c = sum_ab.sub(sum_cd).half().to_words();
                *d = dif_ab.sub(dif_cd).half().to_words();
            }
        }
        step *= 4;
    }
    if step < vector.len() {
        let (one, other) = vector.split_at_mut(step);
        one.iter_mut().zip(other).for_each(|(a, b)| two::<L>(a, b));
    }
}

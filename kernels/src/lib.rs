//! The loops in which searches and embeddings spend their time, compiled to SIMD.

/// The dot product of integer vectors, wrapping at 32 bits: without a check for overflow this
/// compiles to SIMD that multiplies and adds several components at once.
#[inline(never)]
pub fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).fold(0, |sum: i32, (&a, &b)| sum.wrapping_add(i32::from(a) * i32::from(b)))
}

/// Adds `scale` times the bytes, taken as signed, to a sum of as many components.
#[inline(never)]
pub fn add_scaled(sum: &mut [f32], scale: f32, bytes: &[u8]) {
    for (sum, &byte) in sum.iter_mut().zip(bytes) {
        *sum += scale * f32::from(byte as i8);
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
            assert_eq!(dot(&a, &b), expected);
            let bytes: Vec<u8> = (0..length).map(|i| (i - 20) as u8).collect();
            let mut sum = vec![1.0; length as usize];
            add_scaled(&mut sum, 0.5, &bytes);
            assert!((0..length).zip(sum).all(|(i, sum)| sum == 1.0 + 0.5 * f32::from(i - 20)));
        }
    }
}

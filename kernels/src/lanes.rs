//! Sixteen bytes at once: the few operations that the kernels are written in, once as wasm SIMD and once
//! in plain Rust, which compiles everywhere and says what each means.

/// A register of 16 bytes, seen as 16 of 8 bits, 8 of 16 or 4 of 32.
pub trait Lanes: Copy {
    /// Sixteen bytes.
    fn bytes(bytes: &[u8; 16]) -> Self;
    /// Eight words.
    fn words(words: &[i16; 8]) -> Self;
    /// The words again.
    fn to_words(self) -> [i16; 8];
    /// The same word in all places.
    fn splat(word: i16) -> Self;

    /// A bit a byte: whether it is one of these, unsigned.
    fn between(self, low: u8, high: u8) -> u16;
    /// Bytewise sum, wrapping.
    fn add_bytes(self, other: Self) -> Self;
    /// In each byte what `self` holds at the place that `places` names there, which is below 16.
    fn pick(self, places: Self) -> Self;
    /// Four words: the first eight bytes, taken as signed, times `low`, and the others times `high`,
    /// summed by fours.
    fn dot_bytes(self, low: Self, high: Self) -> Self;
    /// Words times words, summed by twos.
    fn dot_words(self, other: Self) -> Self;

    /// Wordwise sum, wrapping.
    fn add(self, other: Self) -> Self;
    /// Wordwise difference, wrapping.
    fn sub(self, other: Self) -> Self;
    /// Each word shifted right, its sign kept.
    fn half(self) -> Self;
    /// Each word, unsigned, shifted right.
    fn shift_right(self, bits: u32) -> Self;
    /// Each word shifted left.
    fn shift_left(self, bits: u32) -> Self;
    /// Each word times another, in parts of 32,768, rounded.
    fn scale(self, by: Self) -> Self;
    /// Words exchanged with their neighbours, in groups of 1, 2 or 4.
    fn swap<const GROUP: usize>(self) -> Self;
    /// The words of both by turns: of the first halves, of the others.
    fn zip(self, other: Self) -> (Self, Self);
    /// A bit a word: whether it is negative.
    fn negative(self) -> u8;
    /// A bit a word: whether it is the other's or more, both unsigned.
    fn reaches(self, other: Self) -> u8;

    /// Bitwise.
    fn and(self, other: Self) -> Self;
    /// Bitwise.
    fn xor(self, other: Self) -> Self;

    /// Sum by fours of bytes, wrapping.
    fn add_longs(self, other: Self) -> Self;
    /// The sum of the four.
    fn sum_longs(self) -> i32;
}

/// The lanes that the target has.
#[cfg(target_arch = "wasm32")]
pub type Native = simd::Simd;
/// The lanes that the target has.
#[cfg(not(target_arch = "wasm32"))]
pub type Native = Plain;

/// Lanes in plain Rust.
#[derive(Clone, Copy)]
pub struct Plain([u8; 16]);

impl Plain {
    fn from_words(words: [i16; 8]) -> Self {
        let mut bytes = [0; 16];
        for (two, word) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            *two = word.to_le_bytes();
        }
        Plain(bytes)
    }

    fn longs(self) -> [i32; 4] {
        let (fours, _) = self.0.as_chunks::<4>();
        [0, 1, 2, 3].map(|i| i32::from_le_bytes(fours[i]))
    }

    fn from_longs(longs: [i32; 4]) -> Self {
        let mut bytes = [0; 16];
        for (four, long) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(longs) {
            *four = long.to_le_bytes();
        }
        Plain(bytes)
    }

    fn by_word(self, other: Self, f: impl Fn(i16, i16) -> i16) -> Self {
        let (a, b) = (self.to_words(), other.to_words());
        Plain::from_words(std::array::from_fn(|i| f(a[i], b[i])))
    }

    fn by_byte(self, other: Self, f: impl Fn(u8, u8) -> u8) -> Self {
        Plain(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Plain {
    fn bytes(bytes: &[u8; 16]) -> Self {
        Plain(*bytes)
    }
    fn words(words: &[i16; 8]) -> Self {
        Plain::from_words(*words)
    }
    fn to_words(self) -> [i16; 8] {
        let (twos, _) = self.0.as_chunks::<2>();
        std::array::from_fn(|i| i16::from_le_bytes(twos[i]))
    }
    fn splat(word: i16) -> Self {
        Plain::from_words([word; 8])
    }
    fn between(self, low: u8, high: u8) -> u16 {
        let is = |i: usize| u16::from((low..=high).contains(&self.0[i]));
        (0..16).fold(0, |bits, i| bits | is(i) << i)
    }
    fn add_bytes(self, other: Self) -> Self {
        self.by_byte(other, u8::wrapping_add)
    }
    fn pick(self, places: Self) -> Self {
        Plain(places.0.map(|place| self.0[usize::from(place & 15)]))
    }
    fn dot_bytes(self, low: Self, high: Self) -> Self {
        let (low, high) = (low.to_words(), high.to_words());
        let product = |i: usize| {
            let factor = if i < 8 { low[i] } else { high[i - 8] };
            i32::from(self.0[i] as i8) * i32::from(factor)
        };
        // As the pairs fall when each half is multiplied and added by itself.
        let four = |i: usize| {
            [2 * i, 2 * i + 1, 2 * i + 8, 2 * i + 9]
                .into_iter()
                .fold(0i32, |sum, i| sum.wrapping_add(product(i)))
        };
        Plain::from_longs([0, 1, 2, 3].map(four))
    }
    fn dot_words(self, other: Self) -> Self {
        let (a, b) = (self.to_words(), other.to_words());
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        Plain::from_longs([0, 2, 4, 6].map(|i| product(i).wrapping_add(product(i + 1))))
    }
    fn add(self, other: Self) -> Self {
        self.by_word(other, i16::wrapping_add)
    }
    fn sub(self, other: Self) -> Self {
        self.by_word(other, i16::wrapping_sub)
    }
    fn half(self) -> Self {
        self.by_word(self, |word, _| word >> 1)
    }
    fn shift_right(self, bits: u32) -> Self {
        self.by_word(self, |word, _| (word as u16 >> bits) as i16)
    }
    fn shift_left(self, bits: u32) -> Self {
        self.by_word(self, |word, _| word << bits)
    }
    fn scale(self, by: Self) -> Self {
        self.by_word(by, |word, by| {
            let product = (i32::from(word) * i32::from(by) + (1 << 14)) >> 15;
            product.min(i32::from(i16::MAX)) as i16
        })
    }
    fn swap<const GROUP: usize>(self) -> Self {
        let words = self.to_words();
        Plain::from_words(std::array::from_fn(|i| words[i ^ GROUP]))
    }
    fn zip(self, other: Self) -> (Self, Self) {
        let (a, b) = (self.to_words(), other.to_words());
        let from = |start: usize| {
            let at = |i: usize| start + i / 2;
            Plain::from_words(std::array::from_fn(|i| if i % 2 == 0 { a[at(i)] } else { b[at(i)] }))
        };
        (from(0), from(4))
    }
    fn negative(self) -> u8 {
        let words = self.to_words();
        (0..8).fold(0, |bits, i| bits | (u8::from(words[i] < 0) << i))
    }
    fn reaches(self, other: Self) -> u8 {
        let (a, b) = (self.to_words(), other.to_words());
        (0..8).fold(0, |bits, i| bits | (u8::from(a[i] as u16 >= b[i] as u16) << i))
    }
    fn and(self, other: Self) -> Self {
        self.by_byte(other, |a, b| a & b)
    }
    fn xor(self, other: Self) -> Self {
        self.by_byte(other, |a, b| a ^ b)
    }
    fn add_longs(self, other: Self) -> Self {
        let (a, b) = (self.longs(), other.longs());
        Plain::from_longs([0, 1, 2, 3].map(|i| a[i].wrapping_add(b[i])))
    }
    fn sum_longs(self) -> i32 {
        self.longs().into_iter().fold(0, i32::wrapping_add)
    }
}

#[cfg(target_arch = "wasm32")]
mod simd {
    use core::arch::wasm32::*;

    use super::Lanes;

    /// Lanes in one SIMD register.
    #[derive(Clone, Copy)]
    pub struct Simd(v128);

    impl Lanes for Simd {
        #[inline(always)]
        fn bytes(bytes: &[u8; 16]) -> Self {
            // SAFETY: the reference is to 16 readable bytes, and loads need no alignment.
            #[allow(unsafe_code)]
            Simd(unsafe { v128_load(bytes.as_ptr().cast()) })
        }
        #[inline(always)]
        fn words(words: &[i16; 8]) -> Self {
            // SAFETY: the reference is to 16 readable bytes, and loads need no alignment.
            #[allow(unsafe_code)]
            Simd(unsafe { v128_load(words.as_ptr().cast()) })
        }
        #[inline(always)]
        fn to_words(self) -> [i16; 8] {
            let mut words = [0; 8];
            // SAFETY: the array is 16 writable bytes, and stores need no alignment.
            #[allow(unsafe_code)]
            unsafe {
                v128_store(words.as_mut_ptr().cast(), self.0);
            }
            words
        }
        #[inline(always)]
        fn splat(word: i16) -> Self {
            Simd(i16x8_splat(word))
        }
        #[inline(always)]
        fn between(self, low: u8, high: u8) -> u16 {
            let above = u8x16_sub(self.0, u8x16_splat(low));
            i8x16_bitmask(u8x16_le(above, u8x16_splat(high - low)))
        }
        #[inline(always)]
        fn add_bytes(self, other: Self) -> Self {
            Simd(i8x16_add(self.0, other.0))
        }
        #[inline(always)]
        fn pick(self, places: Self) -> Self {
            Simd(i8x16_swizzle(self.0, places.0))
        }
        #[inline(always)]
        fn dot_bytes(self, low: Self, high: Self) -> Self {
            let first = i32x4_dot_i16x8(i16x8_extend_low_i8x16(self.0), low.0);
            let second = i32x4_dot_i16x8(i16x8_extend_high_i8x16(self.0), high.0);
            Simd(i32x4_add(first, second))
        }
        #[inline(always)]
        fn dot_words(self, other: Self) -> Self {
            Simd(i32x4_dot_i16x8(self.0, other.0))
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Simd(i16x8_add(self.0, other.0))
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            Simd(i16x8_sub(self.0, other.0))
        }
        #[inline(always)]
        fn half(self) -> Self {
            Simd(i16x8_shr(self.0, 1))
        }
        #[inline(always)]
        fn shift_right(self, bits: u32) -> Self {
            Simd(u16x8_shr(self.0, bits))
        }
        #[inline(always)]
        fn shift_left(self, bits: u32) -> Self {
            Simd(u16x8_shl(self.0, bits))
        }
        #[inline(always)]
        fn scale(self, by: Self) -> Self {
            Simd(i16x8_q15mulr_sat(self.0, by.0))
        }
        #[inline(always)]
        fn swap<const GROUP: usize>(self) -> Self {
            Simd(match GROUP {
                1 => i16x8_shuffle::<1, 0, 3, 2, 5, 4, 7, 6>(self.0, self.0),
                2 => i16x8_shuffle::<2, 3, 0, 1, 6, 7, 4, 5>(self.0, self.0),
                _ => i16x8_shuffle::<4, 5, 6, 7, 0, 1, 2, 3>(self.0, self.0),
            })
        }
        #[inline(always)]
        fn zip(self, other: Self) -> (Self, Self) {
            (
                Simd(i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0)),
                Simd(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0)),
            )
        }
        #[inline(always)]
        fn negative(self) -> u8 {
            i16x8_bitmask(self.0)
        }
        #[inline(always)]
        fn reaches(self, other: Self) -> u8 {
            i16x8_bitmask(u16x8_ge(self.0, other.0))
        }
        #[inline(always)]
        fn and(self, other: Self) -> Self {
            Simd(v128_and(self.0, other.0))
        }
        #[inline(always)]
        fn xor(self, other: Self) -> Self {
            Simd(v128_xor(self.0, other.0))
        }
        #[inline(always)]
        fn add_longs(self, other: Self) -> Self {
            Simd(i32x4_add(self.0, other.0))
        }
        #[inline(always)]
        fn sum_longs(self) -> i32 {
            let lanes = self.0;
            let one = i32x4_extract_lane::<0>(lanes).wrapping_add(i32x4_extract_lane::<1>(lanes));
            let two = i32x4_extract_lane::<2>(lanes).wrapping_add(i32x4_extract_lane::<3>(lanes));
            one.wrapping_add(two)
        }
    }
}

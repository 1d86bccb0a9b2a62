//! The few facts about scripts that segmentation needs.

/// Whether the character belongs to a script that is written without spaces between words, or whose
/// words carry their particles with them: Han, Kana, Hangul, Thai, Lao, Khmer, Burmese, Tibetan.
/// Such text is indexed by overlapping pairs of characters, which needs no dictionary.
pub fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF          // Thai, Lao
        | 0x0F00..=0x0FFF        // Tibetan
        | 0x1000..=0x109F        // Burmese
        | 0x1780..=0x17FF        // Khmer
        | 0x1100..=0x11FF        // Hangul Jamo
        | 0x3005..=0x3007        // ideographic iteration mark, zero
        | 0x3040..=0x30FF        // Hiragana, Katakana
        | 0x3130..=0x318F        // Hangul compatibility Jamo
        | 0x31F0..=0x31FF        // Katakana extensions
        | 0x3400..=0x4DBF        // Han extension A
        | 0x4E00..=0x9FFF        // Han
        | 0xA960..=0xA97F        // Hangul Jamo extended
        | 0xAC00..=0xD7FF        // Hangul
        | 0xF900..=0xFAFF        // Han compatibility
        | 0xFF66..=0xFFDC        // half-width Katakana, Hangul
        | 0x20000..=0x3FFFF      // Han extensions B and later
    )
}

/// Whether the character is of the Korean script.
pub fn is_hangul(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x11FF | 0x3130..=0x318F | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xFFA0..=0xFFDC)
}

/// Full-width ASCII and the ideographic space as their ordinary forms; anything else as it is.
pub fn fold_width(c: char) -> char {
    match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        0x3000 => ' ',
        _ => c,
    }
}

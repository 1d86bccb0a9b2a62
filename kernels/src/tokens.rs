//! The loop that estimates tokens.

/// What a character is to a tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A capital.
    Upper,
    /// A small letter, or one without a case.
    Lower,
    /// A figure.
    Digit,
    /// A letter of the Korean script.
    Hangul,
    /// Of another script without spaces.
    Unspaced,
    /// White space within a line.
    Blank,
    /// The end of a line.
    Break,
    /// All else.
    Mark,
}

/// Of each character of ASCII.
pub static ASCII: [Kind; 128] = {
    let mut kinds = [Kind::Mark; 128];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b' ' | 9 | 11 | 12 => Kind::Blank,
            b'\n' | b'\r' => Kind::Break,
            b'a'..=b'z' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'0'..=b'9' => Kind::Digit,
            _ => Kind::Mark,
        };
        byte += 1;
    }
    kinds
};

/// What stands right before a word and belongs to its first token.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Lead {
    #[default]
    Nothing,
    Blank,
    Mark,
}

/// The tokens of a text, by pieces that a tokenizer does not cut apart; of what kind a character past
/// ASCII is, `foreign` says.
#[inline(never)]
pub fn estimate(text: &str, foreign: fn(char) -> Kind) -> usize {
    let mut pieces = Pieces::default();
    let mut at = 0;
    let mut next = kind_at(text, at, foreign);
    while let Some(kind) = next {
        let mut piece = Piece { kind, length: 0, capitals: 0, foreign: 0 };
        at = piece.run(text, at, kind, foreign);
        if kind == Kind::Upper {
            // A word is capitals and the small letters behind them; all else is alike.
            piece.capitals = piece.length;
            at = piece.run(text, at, Kind::Lower, foreign);
        }
        next = kind_at(text, at, foreign);
        if !(pieces.takes_breaks && kind == Kind::Break) {
            pieces.take(piece, next);
        }
    }
    pieces.hundredths.div_ceil(100)
}

/// The kind of the character there, if there is one.
#[inline(always)]
fn kind_at(text: &str, at: usize, foreign: fn(char) -> Kind) -> Option<Kind> {
    let byte = *text.as_bytes().get(at)?;
    match ASCII.get(usize::from(byte)) {
        Some(&kind) => Some(kind),
        None => text[at..].chars().next().map(foreign),
    }
}

/// Characters that the tokenizer does not cut apart.
struct Piece {
    /// Of the first.
    kind: Kind,
    length: usize,
    capitals: usize,
    foreign: usize,
}

impl Piece {
    /// Takes all characters of a kind that stand there; where they end.
    #[inline(always)]
    fn run(&mut self, text: &str, from: usize, kind: Kind, foreign: fn(char) -> Kind) -> usize {
        let bytes = text.as_bytes();
        let mut at = from;
        loop {
            let begin = at;
            while kind == Kind::Lower
                && let Some(eight) = bytes[at..].first_chunk()
            {
                let small = small_letters(u64::from_le_bytes(*eight));
                at += small;
                if small < 8 {
                    break;
                }
            }
            while at < bytes.len() && ASCII.get(usize::from(bytes[at])) == Some(&kind) {
                at += 1;
            }
            self.length += at - begin;
            match bytes.get(at) {
                Some(byte) if !byte.is_ascii() => {}
                _ => return at,
            }
            let Some(c) = text[at..].chars().next().filter(|&c| foreign(c) == kind) else {
                return at;
            };
            self.length += 1;
            self.foreign += 1;
            at += c.len_utf8();
        }
    }
}

/// With how many small letters eight bytes begin, all looked at together: how long a word is, no processor
/// can guess.
#[inline(always)]
fn small_letters(eight: u64) -> usize {
    const EACH: u64 = u64::MAX / 255;
    // Each byte's first bit says whether the byte is past the first letter, or the last; there is no carry.
    let low = eight & (0x7f * EACH);
    let from_a = low + (0x80 - u64::from(b'a')) * EACH;
    let past_z = low + (0x7f - u64::from(b'z')) * EACH;
    let others = (!from_a | past_z | eight) & (0x80 * EACH);
    others.trailing_zeros() as usize / 8
}

/// What the pieces so far are worth.
#[derive(Default)]
struct Pieces {
    hundredths: usize,
    /// What stands before the next one.
    lead: Lead,
    /// Whether breaks belong to what came before them.
    takes_breaks: bool,
}

impl Pieces {
    /// Counts a piece by what comes after it.
    fn take(&mut self, piece: Piece, after: Option<Kind>) {
        let Piece { kind, length, capitals, foreign } = piece;
        let before = std::mem::take(&mut self.lead);
        self.hundredths += match kind {
            Kind::Upper | Kind::Lower => word(before, length, capitals) + 20 * foreign,
            Kind::Hangul => 25 + 65 * length,
            Kind::Unspaced => 80 * length,
            Kind::Digit => 100 * (length.div_ceil(3) + usize::from(before == Lead::Blank)),
            // Blanks at the end of a line are of one token with its break.
            Kind::Blank if after == Some(Kind::Break) => 0,
            Kind::Blank if after.is_none() => 100,
            Kind::Blank => {
                self.lead = Lead::Blank;
                if length > 1 { 100 } else { 0 }
            }
            Kind::Break => 100,
            Kind::Mark => {
                let letter = matches!(
                    after,
                    Some(Kind::Upper | Kind::Lower | Kind::Hangul | Kind::Unspaced)
                );
                if length == 1 && before == Lead::Nothing && letter {
                    self.lead = Lead::Mark;
                    0
                } else {
                    marks(length)
                }
            }
        };
        self.takes_breaks = kind == Kind::Mark && self.lead != Lead::Mark;
    }
}

/// Hundredths of tokens of a word.
fn word(lead: Lead, letters: usize, capitals: usize) -> usize {
    if capitals == letters && letters > 1 {
        return 100.max(45 + 30 * letters);
    }
    let (one, free, step) = match lead {
        Lead::Blank => (102, 7, 5),
        Lead::Mark => (108, 3, 14),
        Lead::Nothing => (102, 5, 12),
    };
    one + step * letters.saturating_sub(free)
}

/// Hundredths of tokens of marks in a row.
fn marks(length: usize) -> usize {
    match length {
        1 | 2 => 101,
        3 => 125,
        more => 44 + 28 * more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_are_counted_up_to_the_first_other_byte() {
        for other in 0..=255u8 {
            for at in 0..8 {
                let mut bytes = *b"azbycxdw";
                bytes[at] = other;
                let plain = bytes.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                assert_eq!(small_letters(u64::from_le_bytes(bytes)), plain, "{bytes:?}");
                // What stands behind makes no difference.
                bytes[at..].fill(other);
                let plain = bytes.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
                assert_eq!(small_letters(u64::from_le_bytes(bytes)), plain, "{bytes:?}");
            }
        }
    }
}

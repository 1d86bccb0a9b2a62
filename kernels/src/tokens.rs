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
    let next = |at: usize| match text.as_bytes().get(at) {
        Some(&byte) if byte.is_ascii() => Some((ASCII[usize::from(byte)], 1)),
        Some(_) => text[at..].chars().next().map(|c| (foreign(c), c.len_utf8())),
        None => None,
    };
    let (mut pieces, mut at) = (Pieces::default(), 0);
    while let Some((kind, width)) = next(at) {
        at += width;
        if pieces.takes_breaks && kind == Kind::Break {
            continue;
        }
        let capitals = usize::from(kind == Kind::Upper);
        let foreign = usize::from(width > 1);
        let mut piece = Piece { kind, length: 1, capitals, foreign };
        let (mut last, mut after) = (kind, None);
        while let Some((kind, width)) = next(at) {
            // A word is capitals and the small letters behind them; all else is alike.
            if kind != last && !(last == Kind::Upper && kind == Kind::Lower) {
                after = Some(kind);
                break;
            }
            last = kind;
            at += width;
            piece.length += 1;
            piece.capitals += usize::from(kind == Kind::Upper);
            piece.foreign += usize::from(width > 1);
        }
        pieces.take(piece, after);
    }
    pieces.hundredths.div_ceil(100)
}

/// Characters that the tokenizer does not cut apart.
struct Piece {
    /// Of the first.
    kind: Kind,
    length: usize,
    capitals: usize,
    foreign: usize,
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

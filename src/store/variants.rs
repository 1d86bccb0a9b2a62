//! What a word that is still being typed, or is typed wrongly, may stand for.

/// How a query's words are compared with those of the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// The last word may be the beginning of one.
    pub prefix: bool,
    /// A word may have one letter wrong, from eight letters on two, but not the first.
    pub typos: bool,
}

/// How surely a word that was typed stands for a term, 1 for its own stem; 0 if it does not.
pub(super) fn likeness(typed: &str, stem: &str, term: &str, matching: Matching) -> f32 {
    if term == stem {
        return 1.0;
    }
    if matching.prefix {
        if term.starts_with(typed) {
            return typed.len() as f32 / term.len() as f32;
        }
        // "retrieva" on its way to "retrieval", whose stem is "retriev".
        let beyond = typed.len().saturating_sub(term.len());
        if beyond <= 3 && term.len() > 3 && typed.starts_with(term) {
            return 0.5;
        }
    }
    let allowed = match stem.chars().count() {
        _ if !matching.typos => 0,
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    match allowed > 0 && stem.chars().next() == term.chars().next() {
        true => edits(stem, term, allowed).map_or(0.0, |edits| 0.6 / edits as f32),
        false => 0.0,
    }
}

/// How many letters to insert, drop, replace or exchange with their neighbours; `None` if more than
/// allowed.
///
/// The optimal string alignment distance: F. J. Damerau, "A technique for computer detection and
/// correction of spelling errors", 1964.
fn edits(one: &str, other: &str, allowed: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > 4 * allowed {
        return None;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > allowed {
        return None;
    }
    let mut before: Vec<usize> = vec![];
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let replaced = above[j] + usize::from(a != b);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        if row.iter().all(|&least| least > allowed) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|&edits| edits <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits_up_to_what_is_allowed() {
        for (one, other, expected) in [
            ("queue", "queue", Some(0)),
            ("queue", "qeueu", Some(2)),
            ("queue", "quue", Some(1)),
            ("queue", "queues", Some(1)),
            ("queue", "qeuue", Some(1)),
            ("queue", "quark", None),
            ("größe", "grösse", Some(2)),
        ] {
            assert_eq!(edits(one, other, 2), expected, "{one} {other}");
            assert_eq!(edits(other, one, 2), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_beginning_and_a_typo_stand_for_a_word_as_they_are_asked_to() {
        let plain = Matching::default();
        let prefix = Matching { prefix: true, ..plain };
        let typos = Matching { typos: true, ..plain };
        assert_eq!(likeness("queues", "queue", "queue", plain), 1.0);
        assert_eq!(likeness("que", "que", "queue", plain), 0.0);
        assert_eq!(likeness("que", "que", "queue", prefix), 0.6);
        assert_eq!(likeness("retrieva", "retrieva", "retriev", prefix), 0.5);
        assert_eq!(likeness("queeu", "queeu", "queue", plain), 0.0);
        assert_eq!(likeness("queeu", "queeu", "queue", typos), 0.6);
        assert_eq!(likeness("cue", "cue", "cub", typos), 0.0);
        assert_eq!(likeness("aueue", "aueue", "queue", typos), 0.0);
    }
}

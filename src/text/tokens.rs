//! How many tokens a text costs, where no tokenizer is at hand.

use super::script::is_unspaced;

/// An estimate of the tokens that a text costs a language model: a word of up to six letters makes
/// one, a longer one more; each mark of punctuation and each character of a script without spaces
/// a little under one.
///
/// Character by character, without the Unicode rules for words: every retrieval estimates everything
/// it shows.
pub fn estimate_tokens(text: &str) -> usize {
    let mut quarters = 0;
    let mut word = 0;
    let mut previous = ' ';
    for c in text.chars() {
        if c.is_alphanumeric() && !is_unspaced(c) {
            word += 1;
        } else {
            quarters += word_quarters(word) + other_quarters(c, previous);
            word = 0;
        }
        previous = c;
    }
    (quarters + word_quarters(word)).div_ceil(4)
}

fn word_quarters(letters: usize) -> usize {
    4 * letters.div_ceil(6)
}

fn other_quarters(c: char, previous: char) -> usize {
    match c {
        // One space rides on the word behind it, and more make one token together.
        ' ' => 0,
        c if c.is_whitespace() && previous.is_whitespace() => 0,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_costs_about_a_token_a_word() {
        let text = "The knowledge base is a pure function of its current documents.";
        let estimate = estimate_tokens(text);
        assert!((11..=16).contains(&estimate), "{estimate}");
        assert_eq!(estimate_tokens(""), 0);
    }

    #[test]
    fn characters_without_spaces_cost_a_little_under_one_each() {
        let estimate = estimate_tokens("知识图谱用于检索增强生成");
        assert!((7..=12).contains(&estimate), "{estimate}");
    }
}

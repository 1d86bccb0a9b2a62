//! How many tokens a text costs, where no tokenizer is at hand.

use unicode_segmentation::UnicodeSegmentation;

use super::script::is_unspaced;

/// An estimate of the tokens that a text costs a language model: about four letters of a word make
/// one, each mark of punctuation one, each character of a script without spaces a little under one.
pub fn estimate_tokens(text: &str) -> usize {
    let mut quarters = 0;
    for segment in text.split_word_bounds() {
        quarters += match segment.chars().next() {
            None => 0,
            Some(c) if is_unspaced(c) => 3 * segment.chars().count(),
            Some(c) if c.is_alphanumeric() => 4 * segment.chars().count().div_ceil(6),
            // One space rides on the word behind it; line breaks and indentation do not.
            Some(c) if c.is_whitespace() => {
                if segment == " " {
                    0
                } else {
                    3
                }
            }
            Some(_) => 3,
        };
    }
    quarters.div_ceil(4)
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
}

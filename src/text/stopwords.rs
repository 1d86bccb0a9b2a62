//! Words that carry no subject.

/// English function words, question words, and verbs that ask or instruct. In ascending order.
static STOPWORDS: &[&str] = &[
    "a", "about", "above", "across", "after", "again", "against", "all", "also", "although",
    "always", "am", "among", "an", "and", "another", "any", "are", "around", "as", "at", "be",
    "because", "become", "been", "before", "being", "below", "between", "both", "but", "by", "can",
    "cannot", "could", "describe", "did", "do", "does", "doing", "don", "done", "down", "during",
    "each", "either", "else", "even", "ever", "every", "explain", "few", "for", "from", "further",
    "get", "give", "given", "gives", "had", "has", "have", "having", "he", "her", "here", "hers",
    "him", "his", "how", "however", "i", "if", "in", "into", "is", "it", "its", "itself", "just",
    "least", "less", "let", "like", "made", "make", "makes", "many", "may", "me", "mean", "might",
    "more", "most", "much", "must", "my", "need", "needs", "neither", "never", "no", "nor", "not",
    "now", "of", "off", "often", "on", "once", "one", "only", "onto", "or", "other", "others",
    "our", "out", "over", "own", "per", "please", "rather", "same", "see", "several", "shall",
    "she", "should", "show", "since", "so", "some", "still", "such", "tell", "than", "that", "the",
    "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "though",
    "through", "thus", "to", "too", "under", "until", "up", "upon", "us", "use", "used", "uses",
    "using", "very", "via", "was", "we", "were", "what", "when", "where", "whether", "which",
    "while", "who", "whom", "whose", "why", "will", "with", "within", "without", "would", "yes",
    "yet", "you", "your", "yours",
];

/// Whether the word is one, in any case.
pub fn is_stopword(word: &str) -> bool {
    let lower = super::lower_case(word);
    STOPWORDS.binary_search(&lower.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_found() {
        assert!(STOPWORDS.is_sorted_by(|a, b| a < b));
        assert!(
            is_stopword("The") && is_stopword("a") && is_stopword("yours") && !is_stopword("graph")
        );
    }
}

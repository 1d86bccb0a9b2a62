use smolrag_kernels::text::{Bytes, is_plain, visible_but};

use crate::text::normalise;

/// Words that end in -is or -us and are plurals all the same; those endings are otherwise kept, for
/// "analysis" and "status" are none.
const PLURALS: [&str; 13] = [
    "apis", "clis", "cpus", "emojis", "gpus", "guis", "kpis", "menus", "npus", "skus", "tpus",
    "uris", "wikis",
];

/// Words that end in -s, are no plurals, and without it would be another name.
const SINGULARS: [&str; 6] = ["canvas", "cors", "https", "lens", "news", "windows"];

/// What all the names of one entity share: names that differ only in case, width, white space,
/// quotes or a trailing English plural have the same key.
///
/// It depends on the one name alone, so that which names are one never depends on which came first.
/// Keys are to be compared, not shown: "Caches" and "cache" both give "cach".
///
/// ```
/// use smolrag::store::entity_key;
///
/// assert_eq!(entity_key("“Request  Queues”"), entity_key("request queue"));
/// assert_ne!(entity_key("HTTPS"), entity_key("HTTP"));
/// ```
pub fn entity_key(name: &str) -> String {
    static UNQUOTED: Bytes = visible_but(b"'\"`");
    let folded = normalise(name);
    if is_plain(&folded, &UNQUOTED) {
        return singular(folded);
    }
    let key = unquoted(&folded);
    if key.is_empty() {
        // A name of nothing but quotes is still a name.
        return folded.split_whitespace().collect();
    }
    singular(key)
}

/// Drops quotation marks, and makes all white space between words one space. Between two letters or digits
/// quotation marks are apostrophes and stay, all alike.
fn unquoted(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let (mut previous, mut gap) = (' ', false);
    while let Some(c) = rest.next() {
        let keep = if c.is_whitespace() {
            gap = !kept.is_empty();
            None
        } else if !is_quote(c) {
            Some(c)
        } else {
            let next = rest.peek().is_some_and(|next| next.is_alphanumeric());
            (is_apostrophe(c) && previous.is_alphanumeric() && next).then_some('\'')
        };
        if let Some(c) = keep {
            if std::mem::take(&mut gap) {
                kept.push(' ');
            }
            kept.push(c);
        }
        previous = c;
    }
    kept
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '‘' | '’')
}

fn is_quote(c: char) -> bool {
    is_apostrophe(c)
        || matches!(c, '"' | '`' | '´' | '“'..='‟' | '«' | '»' | '‹' | '›' | '「'..='』')
}

/// Gives the last word, if it is English, one form for the singular and the plural. It need not be a
/// word, but it is the same for both: where the singular cannot be told from the plural (cache, match),
/// both lose the e.
fn singular(mut text: String) -> String {
    // Of the others none is a plural, nor has an e to lose.
    if !matches!(text.as_bytes().last(), Some(b's' | b'e')) {
        return text;
    }
    let letters = text.bytes().rev().take_while(u8::is_ascii_lowercase).count();
    let start = text.len() - letters;
    let word = &text[start..];
    let keep = word.len() <= 3
        || SINGULARS.contains(&word)
        || ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) && !PLURALS.contains(&word);
    if !keep && word.ends_with('s') {
        text.pop();
    }
    let stem = &text[start..];
    if stem.len() <= 3 {
        return text;
    }
    if stem.ends_with("ie") {
        // movies, movie; queries, query.
        text.truncate(text.len() - 2);
        text.push('y');
    } else if ["che", "she", "sse", "use", "xe", "zze"].iter().any(|end| stem.ends_with(end)) {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::fold_width;

    fn assert_one(names: &[&str]) {
        for name in names {
            assert_eq!(entity_key(name), entity_key(names[0]), "{name} and {}", names[0]);
        }
    }

    #[test]
    fn case_width_space_and_quotes_do_not_matter() {
        assert_one(&[
            "Request queue",
            "REQUEST QUEUE",
            "request\u{a0} queue\n",
            " ｒequest　queue",
        ]);
        assert_one(&[
            "SmolRAG",
            "\"SmolRAG\"",
            "`smolrag`",
            "«SmolRAG»",
            "「SmolRAG」",
            "'SmolRAG'",
        ]);
        assert_one(&["reader's guide", "Reader’s Guide", "“reader’s guide”"]);
        assert_one(&["知识图谱", "“知识图谱”"]);
    }

    #[test]
    fn a_trailing_plural_does_not_matter() {
        for [one, many] in [
            ["excerpt", "excerpts"],
            ["query", "queries"],
            ["movie", "movies"],
            ["cookie", "cookies"],
            ["box", "boxes"],
            ["index", "indexes"],
            ["class", "classes"],
            ["match", "matches"],
            ["cache", "caches"],
            ["hash", "hashes"],
            ["bus", "buses"],
            ["status", "statuses"],
            ["clause", "clauses"],
            ["database", "databases"],
            ["case", "cases"],
            ["schema", "schemas"],
            ["pie", "pies"],
            ["key", "keys"],
            ["API", "APIs"],
            ["GPU", "GPUs"],
            ["LLM", "LLMs"],
            ["URL", "URLs"],
            ["request_queue", "request_queues"],
            ["Vector index", "vector indexes"],
        ] {
            assert_one(&[one, many]);
        }
    }

    #[test]
    fn what_is_no_plural_stays_apart() {
        for [a, b] in [
            ["HTTP", "HTTPS"],
            ["new", "news"],
            ["Canva", "canvas"],
            ["A", "As"],
            ["Redi", "Redis"],
            ["Statu", "Status"],
            ["clas", "class"],
            ["do", "dos"],
            ["queues of calls", "queue of calls"],
            ["node 1", "nodes 1"],
            ["C", "C++"],
        ] {
            assert_ne!(entity_key(a), entity_key(b), "{a} and {b}");
        }
    }

    #[test]
    fn a_name_of_quotes_keeps_itself() {
        assert_eq!(entity_key("''"), "''");
        assert_eq!(entity_key("\""), "\"");
        assert_eq!(entity_key(" "), "");
    }

    /// [`entity_key`] in plain steps.
    fn plain_key(name: &str) -> String {
        let folded: Vec<char> = name.chars().map(fold_width).flat_map(char::to_lowercase).collect();
        let letter = |at: Option<usize>| {
            at.and_then(|at| folded.get(at)).is_some_and(|c: &char| c.is_alphanumeric())
        };
        let unquoted: String = (0..folded.len())
            .filter_map(|at| match folded[at] {
                c if is_apostrophe(c) && letter(at.checked_sub(1)) && letter(Some(at + 1)) => {
                    Some('\'')
                }
                c => (!is_quote(c)).then_some(c),
            })
            .collect();
        let key = unquoted.split_whitespace().collect::<Vec<_>>().join(" ");
        if key.is_empty() {
            return folded.into_iter().filter(|c| !c.is_whitespace()).collect();
        }
        singular(key)
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn equals_the_plain_way(name in "([a-cA-Ces'’\"“ \t]|\\PC){0,16}") {
            prop_assert_eq!(entity_key(&name), plain_key(&name));
        }

        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn a_visible_name_has_a_key(name in "\\PC{1,20}") {
            prop_assert_eq!(entity_key(&name).is_empty(), name.trim().is_empty());
        }

        #[test]
        fn upper_case_and_quotes_never_matter(name in "[a-zA-Z' ]{1,12}") {
            prop_assume!(name.chars().any(|c| c.is_alphabetic()));
            prop_assert_eq!(entity_key(&name.to_uppercase()), entity_key(&name));
            prop_assert_eq!(entity_key(&format!("\"{name}\"")), entity_key(&name));
        }
    }
}

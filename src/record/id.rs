//! Content-addressed ids, the same as SmolRAG's, so that its data can be read and written.

use md5::{Digest, Md5};

/// The md5 of parts one behind the other.
pub(crate) fn md5<T: AsRef<[u8]>>(parts: &[T]) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part);
    }
    digest.finalize().into()
}

fn md5_hex<T: AsRef<[u8]>>(parts: &[T]) -> String {
    format!("{:032x}", u128::from_be_bytes(md5(parts)))
}

/// `excerpt_id_` + md5 of the excerpt's text.
pub fn excerpt_id(text: &str) -> String {
    format!("excerpt_id_{}", md5_hex(&[text]))
}

/// `ent-` + md5 of the entity's name.
pub fn entity_id(name: &str) -> String {
    format!("ent-{}", md5_hex(&[name]))
}

/// `rel-` + md5 of the two names in order, joined by `_`. The same for both directions.
pub fn relationship_id(a: &str, b: &str) -> String {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    format!("rel-{}", md5_hex(&[first, "_", second]))
}

/// `doc_` + md5 of the document's text. Used where SmolRAG's own data is read or written;
/// here a document is known by its source.
pub fn document_id(text: &str) -> String {
    format!("doc_{}", md5_hex(&[text]))
}

/// The revision of a document: md5 over everything that its contribution depends on. Two ingests
/// with the same parts give the same revision, and the second one has nothing to do.
/// The parts are told apart by their lengths, so that moving text between them changes it.
pub fn revision(parts: &[&[u8]]) -> String {
    let lengths = parts.iter().map(|part| format!("{}:", part.len())).collect::<String>();
    let mut all = vec![lengths.as_bytes()];
    all.extend_from_slice(parts);
    md5_hex(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_equal_those_that_smolrag_wrote() {
        // From the data that SmolRAG made of its own documents.
        assert_eq!(
            excerpt_id("# Performance Optimizations in SmolRAG"),
            "excerpt_id_02e135321bb509830877f0f6a8d05a94"
        );
    }

    #[test]
    fn relationship_id_has_no_direction() {
        assert_eq!(relationship_id("A", "B"), relationship_id("B", "A"));
        assert_ne!(relationship_id("A", "B"), relationship_id("A", "C"));
    }

    #[test]
    fn revision_tells_its_parts_apart() {
        assert_ne!(revision(&[b"ab", b"c"]), revision(&[b"a", b"bc"]));
        assert_eq!(revision(&[b"ab", b"c"]), revision(&[b"ab", b"c"]));
    }
}

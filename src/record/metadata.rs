//! What the user attaches to a document, and the filter over it.

use serde::Serialize;

use crate::order::OrderedMap;

/// One value of a document's metadata.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MetadataValue {
    /// `true` or `false`.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// A string.
    Text(String),
    /// Several values; a filter matches if one of them does.
    List(Vec<MetadataValue>),
}

/// A document's metadata by name.
pub type Metadata = OrderedMap<String, MetadataValue>;

/// Which documents a query may use: every named value must match.
///
/// A value matches when it is equal, or when either side is a list and one of its members is
/// equal. `{ lang: ["en", "de"] }` reads: English or German.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(pub Metadata);

impl Filter {
    /// Whether a document with this metadata may be used.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        self.0.iter().all(|(name, wanted)| {
            metadata.get(name).is_some_and(|value| value_matches(wanted, value))
        })
    }

    /// Whether every document may be used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn value_matches(wanted: &MetadataValue, value: &MetadataValue) -> bool {
    match (wanted, value) {
        (MetadataValue::List(any), value) => any.iter().any(|one| value_matches(one, value)),
        (wanted, MetadataValue::List(any)) => any.iter().any(|one| value_matches(wanted, one)),
        (wanted, value) => wanted == value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> MetadataValue {
        MetadataValue::Text(value.into())
    }

    #[test]
    fn filter_needs_every_name_and_any_member() {
        let metadata = Metadata::from([
            ("lang".into(), text("en")),
            ("tags".into(), MetadataValue::List(vec![text("a"), text("b")])),
        ]);
        let filter = |pairs: &[(&str, MetadataValue)]| {
            Filter(pairs.iter().map(|(k, v)| (k.to_string(), v.clone())).collect())
        };
        assert!(filter(&[]).matches(&metadata));
        assert!(filter(&[("lang", text("en")), ("tags", text("b"))]).matches(&metadata));
        assert!(
            filter(&[("lang", MetadataValue::List(vec![text("de"), text("en")]))])
                .matches(&metadata)
        );
        assert!(!filter(&[("lang", text("de"))]).matches(&metadata));
        assert!(!filter(&[("missing", text("en"))]).matches(&metadata));
    }
}

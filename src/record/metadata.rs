//! What the user attaches to a document, and the filter over it.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

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

// By hand: derived, every value would first be read into serde's own model of data, 10 kB of code.
impl<'de> Deserialize<'de> for MetadataValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl<'de> Visitor<'de> for Value {
            type Value = MetadataValue;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a boolean, a number, a string or an array of these")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<MetadataValue, E> {
                Ok(MetadataValue::Flag(flag))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MetadataValue, E> {
                Ok(MetadataValue::Number(number as f64))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MetadataValue, E> {
                Ok(MetadataValue::Number(number as f64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<MetadataValue, E> {
                Ok(MetadataValue::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MetadataValue, E> {
                Ok(MetadataValue::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<MetadataValue, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(MetadataValue::List(list))
            }
        }

        deserializer.deserialize_any(Value)
    }
}

/// Which documents a query may use: every named value must match.
///
/// A value matches when it is equal, or when either side is a list and one of its members is
/// equal. `{ lang: ["en", "de"] }` reads: English or German.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
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
    fn values_of_json_are_read_and_written_and_others_refused() {
        let json = r#"{"a":true,"b":-2.0,"c":"x","d":[1.5,"y",[false]]}"#;
        let metadata: Metadata = serde_json::from_str(json).unwrap();
        assert_eq!(metadata["b"], MetadataValue::Number(-2.0));
        assert_eq!(serde_json::to_string(&metadata).unwrap(), json);
        assert_eq!(serde_json::from_str::<MetadataValue>("7").unwrap(), MetadataValue::Number(7.0));
        for other in ["null", "{}", "[null]"] {
            assert!(serde_json::from_str::<MetadataValue>(other).is_err());
        }
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

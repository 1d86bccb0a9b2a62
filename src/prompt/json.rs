//! JSON as language models write it: in prose or a code fence, with trailing commas, raw line
//! breaks inside strings, comments, and cut off at any point. A strict parser would refuse most of
//! what is worth saving, so this one never refuses: it gives what it could read.

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `null`, or a value that the end of the text cuts through.
    Null,
    Flag(bool),
    /// A string, a number as it is written, a word that should have been quoted.
    Text(String),
    List(Vec<Value>),
    /// In the order of the text.
    Object(Vec<(String, Value)>),
}

/// Deeper nesting than this is not read; it bounds the stack.
const MAX_DEPTH: usize = 24;

/// Every object and list in the text that is not inside another one, whatever stands between them.
pub(super) fn values(text: &str) -> Vec<Value> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let mut found = Vec::new();
    while let Some(start) = text[parser.at..].find(['{', '[']) {
        parser.at += start;
        found.push(parser.value());
    }
    found
}

impl Value {
    /// The first member that goes by one of the names, told apart from case and word separators.
    pub(super) fn get(&self, names: &[&str]) -> Option<&Value> {
        let Value::Object(members) = self else { return None };
        names.iter().find_map(|name| {
            members.iter().find(|(key, _)| same_name(key, name)).map(|(_, value)| value)
        })
    }

    /// A scalar as text; a list as its scalars, comma separated; nothing for the rest.
    pub(super) fn to_text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(items) => {
                let texts: Vec<String> = items.iter().map(Value::to_text).collect();
                texts.join(", ")
            }
            Value::Null | Value::Object(_) => String::new(),
        }
    }

    /// The texts of a list, or of a comma separated text.
    pub(super) fn to_texts(&self) -> Vec<String> {
        match self {
            Value::List(items) => items.iter().map(Value::to_text).collect(),
            other => other.to_text().split([',', ';', '、', '，']).map(str::to_owned).collect(),
        }
    }
}

fn same_name(key: &str, name: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(key) == letters(name)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Skips white space, commas and comments.
    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let gap =
                rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
            self.at += gap;
            let rest = &rest[gap..];
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else {
                return;
            }
        }
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            Some('{') if self.depth < MAX_DEPTH => self.nested(Self::object),
            Some('[') if self.depth < MAX_DEPTH => self.nested(Self::list),
            Some(quote @ ('"' | '\'' | '“')) => {
                self.string(quote).map_or(Value::Null, Value::Text)
            }
            Some(_) => self.bare(),
            None => Value::Null,
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Value) -> Value {
        self.next();
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Value {
        let mut items = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None => return Value::List(items),
                Some(']') => {
                    self.next();
                    return Value::List(items);
                }
                // Closes what is around a list that was never closed.
                Some('}') => return Value::List(items),
                Some(_) => {
                    let start = self.at;
                    let item = self.value();
                    self.skip();
                    if self.peek() == Some(':') {
                        // A name: it belongs to the object around a list that was never closed.
                        self.at = start;
                        return Value::List(items);
                    }
                    if item != Value::Null {
                        items.push(item);
                    }
                }
            }
        }
    }

    fn object(&mut self) -> Value {
        let mut members = Vec::new();
        loop {
            self.skip();
            let key = match self.peek() {
                None => return Value::Object(members),
                Some('}') => {
                    self.next();
                    return Value::Object(members);
                }
                Some(']') => return Value::Object(members),
                Some(_) => self.value().to_text(),
            };
            self.skip();
            if self.peek() == Some(':') {
                self.next();
                self.skip();
                let value = match self.peek() {
                    Some('}' | ']') | None => Value::Null,
                    Some(_) => self.value(),
                };
                members.push((key, value));
            }
        }
    }

    /// A string from its opening quote to its closing one; `None` if the text ends before.
    fn string(&mut self, quote: char) -> Option<String> {
        let close = if quote == '“' { '”' } else { quote };
        self.next();
        let mut content = String::new();
        loop {
            match self.next()? {
                c if c == close => return Some(content),
                '\\' => content.push(self.escape()?),
                c => content.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' | 'f' => ' ',
            'u' => {
                let high = self.hex()?;
                let code = if (0xD800..0xDC00).contains(&high)
                    && self.text[self.at..].starts_with("\\u")
                {
                    self.at += 2;
                    0x10000 + ((high - 0xD800) << 10) + (self.hex()?.wrapping_sub(0xDC00) & 0x3FF)
                } else {
                    high
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        Some(u32::from_str_radix(digits, 16).unwrap_or(0xFFFD))
    }

    /// A number, `true`, `false`, `null`, or a word that should have been quoted.
    fn bare(&mut self) -> Value {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ':', '}', ']', '\n', '"']);
        let word = rest[..end.unwrap_or(rest.len())].trim();
        // Never nothing at all, so that every loop moves on.
        self.at += end.unwrap_or(rest.len()).max(self.peek().map_or(0, char::len_utf8));
        match word {
            _ if end.is_none() => Value::Null,
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            "null" | "None" | "" => Value::Null,
            word => Value::Text(word.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn reads_what_is_in_order() {
        let found = values(r#"{"a": [1, -2.5e1, true, null, "x\n\"y\" é \ud83d\ude00"], "b": {}}"#);
        let list =
            Value::List(vec![text("1"), text("-2.5e1"), Value::Flag(true), text("x\n\"y\" é 😀")]);
        assert_eq!(
            found,
            [Value::Object(vec![("a".into(), list), ("b".into(), Value::Object(vec![]))])]
        );
    }

    #[test]
    fn reads_what_is_not() {
        let found = values("Sure:\n{name: 'A', // first\n \"b\": \"two\nlines\",}\nand [1,]");
        assert_eq!(
            found,
            [
                Value::Object(vec![("name".into(), text("A")), ("b".into(), text("two\nlines"))]),
                Value::List(vec![text("1")])
            ]
        );
    }

    #[test]
    fn what_the_end_cuts_through_is_left_out() {
        let found = values(r#"{"a": [{"name": "whole", "description": "ha"#);
        let member = Value::Object(vec![
            ("name".into(), text("whole")),
            ("description".into(), Value::Null),
        ]);
        assert_eq!(found, [Value::Object(vec![("a".into(), Value::List(vec![member]))])]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has a stack of its own")]
    fn deep_nesting_does_not_exhaust_the_stack() {
        assert!(!values(&"[".repeat(100_000)).is_empty());
        assert!(!values(&"{\"a\":".repeat(100_000)).is_empty());
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "Miri takes minutes to make texts of a pattern")]
        fn never_panics(text in r#"[\[\]{}:,"'“”\\/*unrtl0-9a.e\n é-]{0,80}"#) {
            values(&text);
        }
    }
}

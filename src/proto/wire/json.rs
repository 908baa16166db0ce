//! Writes objects as JSON texts, field by field. Knows no message.
//!
//! By hand rather than through serde, whose writers were 5 KB of the module that browsers download. Tests hold it against
//! serde's output.

use crate::proto::words::Say;

/// An object under way.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) -> &mut Self {
        push_text(self.key(key), value);
        self
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) -> &mut Self {
        value.say(self.key(key));
        self
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.json(key, if value { "true" } else { "false" })
    }

    pub(crate) fn texts<'a>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> &mut Self {
        let mut list = String::from("[");
        for value in values {
            if list.len() > 1 {
                list.push(',');
            }
            push_text(&mut list, value);
        }
        list.push(']');
        self.json(key, &list)
    }

    /// A field whose value is JSON already.
    pub(crate) fn json(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).push_str(value);
        self
    }

    /// The object as it stands, closed.
    pub(crate) fn end(&mut self) -> String {
        let mut text = std::mem::take(&mut self.0);
        text.push('}');
        text
    }

    fn key(&mut self, key: &str) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_text(&mut self.0, key);
        self.0.push(':');
        &mut self.0
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let code = letter as usize;
                out.push_str("\\u00");
                out.extend([code >> 4, code & 15].map(|digit| char::from(DIGITS[digit])));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_serde_writes_them() {
        let all_below_space: String = (0..=0x20_u8).map(char::from).collect();
        for text in ["", "plain", "\"\\/", "ü 😀 \u{7f}\u{2028}", &all_below_space] {
            let mut out = String::new();
            push_text(&mut out, text);
            assert_eq!(out, serde_json::to_string(text).expect("plain data"));
        }
    }

    #[test]
    fn every_kind_of_field_has_its_form() {
        let mut object = Object::new();
        object.text("a", "b").number("c", u64::MAX).flag("d", true).json("e", "[1]");
        object.texts("f", []).texts("g", ["x", "y"]);
        assert_eq!(
            object.end(),
            r#"{"a":"b","c":18446744073709551615,"d":true,"e":[1],"f":[],"g":["x","y"]}"#
        );
        assert_eq!(Object::new().end(), "{}");
    }
}

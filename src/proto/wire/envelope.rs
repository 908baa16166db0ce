//! Finds `op`, `s`, `t` and the borders of `d` in a text, in any order, without decoding `d`. Copies nothing.
//!
//! One pass, no recursion: strings are skipped whole, so look-alikes inside `d` fool nobody. What is inside `d` is checked
//! by whoever parses it; here only its brackets and quotes must close.

use std::borrow::Cow;

use super::Opcode;

/// The parts of a Gateway message.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope<'a> {
    /// What kind of message it is.
    pub opcode: Opcode,
    /// The sequence number; absent and `null` are the same.
    pub sequence: Option<u64>,
    /// The event name; absent and `null` are the same.
    pub name: Option<Cow<'a, str>>,
    /// The data as JSON text; `null` if absent.
    pub data: &'a str,
    /// Whether the data holds an integer that a JavaScript number cannot hold exactly.
    pub has_wide_integers: bool,
}

/// The text is not a Gateway message; says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeError(pub &'static str);

/// Largest integer that a JavaScript number holds exactly, 2^53 - 1: sixteen digits.
const WIDEST_NUMBER: &[u8] = b"9007199254740991";

impl<'a> Envelope<'a> {
    /// Reads the outermost object of `text`.
    pub fn parse(text: &'a str) -> Result<Self, EnvelopeError> {
        let mut scan = Scanner { text, bytes: text.as_bytes(), at: 0, has_wide_integers: false };
        let mut opcode = None;
        let mut sequence = None;
        let mut name = None;
        let mut data = "null";
        let mut has_wide_integers = false;

        scan.expect(b'{', "expected an object")?;
        if scan.peek() != Some(b'}') {
            loop {
                let key = scan.string()?;
                scan.expect(b':', "expected a colon after a key")?;
                scan.has_wide_integers = false;
                let value = scan.value()?;
                match key {
                    "op" => opcode = Some(number(value)?),
                    "s" => sequence = optional(value, number)?,
                    "t" => name = optional(value, event_name)?,
                    "d" => {
                        data = value;
                        has_wide_integers = scan.has_wide_integers;
                    }
                    _ => {}
                }
                if scan.peek() != Some(b',') {
                    break;
                }
                scan.at += 1;
            }
        }
        scan.expect(b'}', "expected the object to end")?;
        if scan.peek().is_some() {
            return Err(EnvelopeError("expected nothing after the object"));
        }

        let opcode = opcode.ok_or(EnvelopeError("expected an opcode"))?;
        let opcode = u16::try_from(opcode).map_err(|_| EnvelopeError("expected a small opcode"))?;
        Ok(Self { opcode: Opcode(opcode), sequence, name, data, has_wide_integers })
    }
}

fn optional<'a, T>(
    value: &'a str,
    read: impl FnOnce(&'a str) -> Result<T, EnvelopeError>,
) -> Result<Option<T>, EnvelopeError> {
    if value == "null" { Ok(None) } else { read(value).map(Some) }
}

fn number(value: &str) -> Result<u64, EnvelopeError> {
    value.parse().map_err(|_| EnvelopeError("expected a whole number as opcode and sequence"))
}

fn event_name(value: &str) -> Result<Cow<'_, str>, EnvelopeError> {
    let error = EnvelopeError("expected a text as event name");
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or(error)?;
    if inner.contains('\\') {
        return serde_json::from_str(value).map(Cow::Owned).map_err(|_| error);
    }
    Ok(Cow::Borrowed(inner))
}

/// Gives `text` with every integer that a JavaScript number cannot hold exactly turned into a string, so that JavaScript's
/// own JSON parser loses no digit. Everything else stays byte for byte.
pub fn quote_wide_integers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut scan = Scanner { text, bytes: text.as_bytes(), at: 0, has_wide_integers: false };
    let mut copied = 0;
    while let Some(&byte) = scan.bytes.get(scan.at) {
        match byte {
            b'"' => {
                if scan.skip_string().is_err() {
                    break;
                }
            }
            b'-' | b'0'..=b'9' => {
                let start = scan.at;
                scan.has_wide_integers = false;
                scan.skip_scalar();
                if scan.has_wide_integers {
                    out.push_str(&text[copied..start]);
                    out.push('"');
                    out.push_str(&text[start..scan.at]);
                    out.push('"');
                    copied = scan.at;
                }
            }
            _ => scan.at += 1,
        }
    }
    out.push_str(&text[copied..]);
    out
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    has_wide_integers: bool,
}

impl<'a> Scanner<'a> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), EnvelopeError> {
        if self.peek() != Some(byte) {
            return Err(EnvelopeError(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    /// A string without its quotes, escapes left alone.
    fn string(&mut self) -> Result<&'a str, EnvelopeError> {
        if self.peek() != Some(b'"') {
            return Err(EnvelopeError("expected a key"));
        }
        let start = self.at + 1;
        self.skip_string()?;
        Ok(&self.text[start..self.at - 1])
    }

    /// Any value, as its text.
    fn value(&mut self) -> Result<&'a str, EnvelopeError> {
        let first = self.peek().ok_or(EnvelopeError("expected a value"))?;
        let start = self.at;
        match first {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            _ => self.skip_scalar(),
        }
        if self.at == start {
            return Err(EnvelopeError("expected a value"));
        }
        Ok(&self.text[start..self.at])
    }

    /// From an opening quote to behind the closing one.
    fn skip_string(&mut self) -> Result<(), EnvelopeError> {
        let mut at = self.at + 1;
        loop {
            match self.bytes.get(at) {
                None => return Err(EnvelopeError("expected a text to end")),
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// From an opening bracket to behind the one that closes it.
    fn skip_nested(&mut self) -> Result<(), EnvelopeError> {
        let mut depth = 0_usize;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'-' | b'0'..=b'9' => {
                    self.skip_scalar();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(EnvelopeError("expected brackets to close"))
    }

    /// A number or a word; notes integers that JavaScript would round.
    fn skip_scalar(&mut self) {
        let start = self.at;
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.') {
                break;
            }
            self.at += 1;
        }
        let digits = &self.bytes[start..self.at];
        let digits = digits.strip_prefix(b"-").unwrap_or(digits);
        if digits.len() >= WIDEST_NUMBER.len()
            && digits.iter().all(u8::is_ascii_digit)
            && (digits.len() > WIDEST_NUMBER.len() || digits > WIDEST_NUMBER)
        {
            self.has_wide_integers = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Envelope<'_> {
        Envelope::parse(text).expect(text)
    }

    #[test]
    fn every_order_of_keys_gives_the_same_envelope() {
        let parts = [r#""t":"X""#, r#""s":7"#, r#""op":0"#, r#""d":{"op":9,"s":1,"t":"no"}"#];
        let expected = parse(&format!("{{{}}}", parts.join(","))).data.to_owned();
        for first in 0..4 {
            for second in 0..4 {
                for third in 0..4 {
                    let fourth = 6_usize.wrapping_sub(first + second + third);
                    let order = [first, second, third, fourth];
                    if (0..4).any(|part| !order.contains(&part)) {
                        continue;
                    }
                    let text = format!("{{ {} }}", order.map(|part| parts[part]).join(" , "));
                    let envelope = parse(&text);
                    assert_eq!(envelope.opcode, Opcode::DISPATCH);
                    assert_eq!(envelope.sequence, Some(7));
                    assert_eq!(envelope.name.as_deref(), Some("X"));
                    assert_eq!(envelope.data, expected);
                }
            }
        }
    }

    #[test]
    fn look_alikes_and_brackets_inside_strings_are_not_seen() {
        let data = r#"{"content":"}],\"op\":9,\"s\":1 \\","x":["\\\"]"]}"#;
        let text = format!(r#"{{"t":"M","d":{data},"op":0,"s":3}}"#);
        assert_eq!(parse(&text).data, data);
        assert_eq!(parse(&text).sequence, Some(3));
    }

    #[test]
    fn absent_and_null_are_the_same() {
        let bare = parse(r#"{"op":11}"#);
        assert_eq!(bare, parse(r#"{"t":null,"s":null,"op":11,"d":null}"#));
        assert_eq!(bare.data, "null");
    }

    #[test]
    fn data_may_be_of_any_kind() {
        for data in ["true", "[1,2]", "-1.5e3", r#""text""#, "{}", "[]"] {
            assert_eq!(parse(&format!(r#"{{"op":9,"d":{data}}}"#)).data, data);
        }
    }

    #[test]
    fn escaped_names_are_decoded() {
        let text = r#"{"op":0,"t":"A\u0042"}"#;
        assert_eq!(parse(text).name.as_deref(), Some("AB"));
    }

    #[test]
    fn what_is_not_an_envelope_is_refused_without_panic() {
        let bad = [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"op"}"#,
            r#"{"op":}"#,
            r#"{"op":"x"}"#,
            r#"{"op":-1}"#,
            r#"{"op":1.5}"#,
            r#"{"op":99999}"#,
            r#"{"op":1}x"#,
            r#"{"op":1,}"#,
            r#"{"op":1 "s":2}"#,
            r#"{"op":0,"t":5}"#,
            r#"{"op":0,"d":{"a":[1}"#,
            r#"{"op":0,"d":"open}"#,
            "{\"op\":0,\"d\":\"\\",
            r#"{"op":0,"d":}"#,
            r#"{"op":0,"s":"1"}"#,
            r#"{"op":184467440737095516160}"#,
            "\u{feff}{}",
        ];
        for text in bad {
            assert!(Envelope::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_prefix_of_an_envelope_is_refused_without_panic() {
        let whole = r#"{"t":"é\"","s":1,"op":0,"d":{"a":["ü\\",1e5,true]}}"#;
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            assert!(Envelope::parse(&whole[..end]).is_err(), "{end}");
        }
        parse(whole);
    }

    #[test]
    fn integers_that_javascript_would_round_are_noticed() {
        let wide = |number: &str| {
            parse(&format!(r#"{{"op":0,"d":{{"a":[{number}]}}}}"#)).has_wide_integers
        };
        assert!(wide("9007199254740992"));
        assert!(wide("-9007199254740993"));
        assert!(wide("1099511627776123456"));
        assert!(!wide("9007199254740991"));
        assert!(!wide("1770595006719"));
        assert!(!wide("1.23456789012345678"));
        assert!(!wide(r#""1099511627776123456""#));
    }

    #[test]
    fn wide_integers_are_quoted_and_nothing_else_changes() {
        assert_eq!(
            quote_wide_integers(
                r#"{"id":1099511627776123456,"a":[-9007199254740992,12,"x 9999999999999999"]}"#
            ),
            r#"{"id":"1099511627776123456","a":["-9007199254740992",12,"x 9999999999999999"]}"#
        );
    }
}

//! A Gateway message taken apart: `op`, `s`, `t` and the borders of `d`, in any order, without decoding `d`. Copies nothing.

use std::borrow::Cow;

use super::{Opcode, scan};

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

impl<'a> Envelope<'a> {
    /// Reads the outermost object of `text`.
    pub fn parse(text: &'a str) -> Result<Self, EnvelopeError> {
        let [mut opcode, mut sequence, mut name] = [None; 3];
        let mut data = None;
        scan::each_field(text, |key, value| match key {
            "d" => data = Some(value),
            "op" => opcode = Some(value.text),
            "s" => sequence = Some(value.text),
            "t" => name = Some(value.text),
            _ => {}
        })
        .map_err(|error| EnvelopeError(error.0))?;

        let opcode = opcode.ok_or(EnvelopeError("expected an opcode"))?;
        let is_given = |value: &&str| *value != "null";
        Ok(Self {
            opcode: Opcode(number(opcode)?.try_into().map_err(|_| NO_NUMBER)?),
            sequence: sequence.filter(is_given).map(number).transpose()?,
            name: name.filter(is_given).map(event_name).transpose()?,
            data: data.map_or("null", |data| data.text),
            has_wide_integers: data.is_some_and(|data| data.has_wide_integers),
        })
    }
}

const NO_NUMBER: EnvelopeError = EnvelopeError("expected a whole number as opcode and sequence");

fn number(value: &str) -> Result<u64, EnvelopeError> {
    value.parse().map_err(|_| NO_NUMBER)
}

fn event_name(value: &str) -> Result<Cow<'_, str>, EnvelopeError> {
    scan::to_text(value).ok_or(EnvelopeError("expected a text as event name"))
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
}

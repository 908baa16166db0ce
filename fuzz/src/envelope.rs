//! Envelopes: what is taken apart is what stands there, by the judgement of another JSON parser.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};
use shardwire::proto::{Envelope, quote_wide_integers};

/// The largest integer that a JavaScript number holds exactly.
const WIDEST: f64 = 9_007_199_254_740_991.0;

/// Any bytes as the text of a message.
pub fn envelope(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let parsed = Envelope::parse(&text);
    if let Ok(envelope) = &parsed {
        is_taken_from(&text, envelope);
        is_quoted_well(envelope.data, envelope.has_wide_integers);
    }
    is_quoted_well(&text, true);

    // Escaped keys are not decoded, so `"\u0064"` is not `d`; whoever sends that gets what it deserves.
    if text.contains("\\u00") {
        return;
    }
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) else { return };
    let Some(expected) = Expected::of(&fields) else { return };
    let envelope = parsed.expect("another parser reads it");
    assert_eq!(envelope.opcode.0, expected.opcode);
    assert_eq!(envelope.sequence, expected.sequence);
    assert_eq!(envelope.name.as_deref(), expected.name.as_deref());
    assert_eq!(envelope.data, expected.data);
}

/// An envelope as `serde_json` reads it.
struct Expected<'a> {
    opcode: u16,
    sequence: Option<u64>,
    name: Option<String>,
    data: &'a str,
}

impl<'a> Expected<'a> {
    /// `None` if something has another type than it must have.
    fn of(fields: &BTreeMap<String, &'a RawValue>) -> Option<Self> {
        let field = |key: &str| fields.get(key).map(|value| value.get());
        Some(Self {
            opcode: serde_json::from_str(field("op")?).ok()?,
            sequence: serde_json::from_str(field("s").unwrap_or("null")).ok()?,
            name: serde_json::from_str(field("t").unwrap_or("null")).ok()?,
            data: field("d").unwrap_or("null"),
        })
    }
}

/// The data is a part of the text, and the data of an envelope made around it.
fn is_taken_from(text: &str, envelope: &Envelope<'_>) {
    assert!(envelope.data == "null" || text.contains(envelope.data));
    let again = format!(r#"{{"d":{},"op":{}}}"#, envelope.data, envelope.opcode.0);
    let again = Envelope::parse(&again).expect("its own data");
    assert_eq!(again.data, envelope.data);
    assert_eq!(again.opcode, envelope.opcode);
}

/// Quoting keeps JSON what it is, but for the integers that JavaScript would round.
fn is_quoted_well(text: &str, has_wide_integers: bool) {
    let quoted = quote_wide_integers(text);
    assert!(has_wide_integers || quoted == text);
    match serde_json::from_str::<Value>(text) {
        Ok(value) => {
            let quoted = serde_json::from_str(&quoted).expect("quoted JSON is JSON");
            assert!(is_same(&value, &quoted), "{value} {quoted}");
        }
        Err(error) if error.is_syntax() && !error.to_string().contains("recursion limit") => {
            assert!(serde_json::from_str::<Value>(&quoted).is_err(), "{text} {quoted}");
        }
        Err(_) => {}
    }
}

fn is_same(value: &Value, quoted: &Value) -> bool {
    match (value, quoted) {
        (Value::Array(values), Value::Array(quoted)) => {
            values.len() == quoted.len() && values.iter().zip(quoted).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(values), Value::Object(quoted)) => {
            values.len() == quoted.len()
                && values.iter().zip(quoted).all(|(a, b)| a.0 == b.0 && is_same(a.1, b.1))
        }
        (Value::Number(number), Value::String(text)) => {
            let number = number.as_f64().unwrap_or_default();
            let quoted = text.parse::<f64>().unwrap_or_default();
            // `serde_json` reads large numbers only nearly as well as the standard library.
            number.abs() > WIDEST - 1.0 && (number / quoted - 1.0).abs() < 1e-14
        }
        (Value::Number(number), Value::Number(quoted)) => {
            let is_exact = !(number.is_i64() || number.is_u64())
                || number.as_f64().is_some_and(|number| number.abs() <= WIDEST);
            number == quoted && is_exact
        }
        (value, quoted) => value == quoted,
    }
}

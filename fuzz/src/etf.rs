//! ETF: any bytes are refused or become JSON within the limit; any JSON is sent so that it is read back as the same value.

use serde_json::{Value, value::RawValue};
use shardwire::proto::{CodecError, Compression, Decoder, Encoding, Frame};

/// Small, so that it is reached.
const LIMIT: usize = 1 << 16;
/// How many times as long a text may be when it is read back: `1e15` comes as `1000000000000000.0`.
const LONGER: usize = 8;
/// From here on parsers of JSON do not agree which numbers are too large for a float.
const LARGE: f64 = 1.797e308;
/// Below this, neighbouring floats lie far apart for their size.
const TINY: f64 = 1e-300;

/// Bytes as a message, which begins with 131, and as JSON, which does not.
pub fn etf(input: &[u8]) {
    if let Some(text) = read(input) {
        is_sent(&text);
    }
    if let Ok(text) = str::from_utf8(input) {
        is_sent(text);
    }
}

/// What a message says; `None` if it is refused.
fn read(message: &[u8]) -> Option<String> {
    let mut decoder = Decoder::new(Compression::None, Encoding::Etf, LIMIT);
    let frame = Frame::Binary(message.to_vec());
    match decoder.feed(&frame) {
        Ok(text) => {
            let text = text.expect("each message is whole");
            assert!(text.len() <= LIMIT);
            assert!(is_json(text), "{text}");
            Some(text.to_owned())
        }
        Err(CodecError::Oversized { limit }) => {
            assert_eq!(limit, LIMIT);
            None
        }
        Err(_) => None,
    }
}

/// JSON can be sent, whatever it is, and says then what it said before.
fn is_sent(text: &str) {
    let sent = match Encoding::Etf.encode(text.to_owned()) {
        Ok(Frame::Binary(message)) => message,
        Ok(Frame::Text(_)) => panic!("ETF is binary"),
        Err(_) => {
            let value: Option<Value> = serde_json::from_str(text).ok();
            assert!(value.is_none_or(|value| is_too_large(&value)), "{text}");
            return;
        }
    };
    assert!(is_json(text), "{text}");
    let Some(again) = read(&sent) else {
        assert!(text.len() > LIMIT / LONGER, "{text}");
        return;
    };
    // Half surrogates, and numbers that are large only to `serde_json`, are sent all the same.
    let Ok(value) = serde_json::from_str(text) else { return };
    let again = serde_json::from_str(&again).expect("its numbers are no larger than before");
    assert!(is_same(&value, &again), "{value} {again}");
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Whether a number in it is too large for a float by the judgement of some.
fn is_too_large(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| number.abs() > LARGE),
        Value::Array(values) => values.iter().any(is_too_large),
        Value::Object(values) => values.values().any(is_too_large),
        _ => false,
    }
}

fn is_same(sent: &Value, read: &Value) -> bool {
    match (sent, read) {
        (Value::Array(sent), Value::Array(read)) => {
            sent.len() == read.len() && sent.iter().zip(read).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(sent), Value::Object(read)) => {
            sent.len() == read.len()
                && sent.iter().zip(read).all(|(a, b)| a.0 == b.0 && is_same(a.1, b.1))
        }
        // Integers of more than 32 bits may be ids. Those of more than 64 are floats to `serde_json`.
        (Value::Number(sent), Value::String(digits)) => {
            if sent.is_i64() || sent.is_u64() {
                let is_small = sent.as_i64().is_some_and(|sent| i32::try_from(sent).is_ok());
                !is_small && sent.to_string() == *digits
            } else {
                let read: Option<f64> = digits.parse().ok();
                sent.as_f64().zip(read).is_some_and(|(sent, read)| is_near(sent, read))
            }
        }
        (Value::Number(sent), Value::Number(read)) => {
            sent == read
                || (sent.is_f64()
                    && sent.as_f64().zip(read.as_f64()).is_some_and(|(a, b)| is_near(a, b)))
        }
        (sent, read) => sent == read,
    }
}

/// `serde_json` reads large numbers only nearly as well as the standard library.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() < TINY || (a / b - 1.0).abs() < 1e-14
}

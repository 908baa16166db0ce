//! The server's half of ETF: Discord's form of what it says, and the reading of what clients send. Shares nothing with the
//! client's codec, so that the two check each other. Knows no session.

use serde_json::{Map, Number, Value};

const VERSION: u8 = 131;

/// Levels that a client's message may have; none of the documented ones has more than five.
const DEEPEST: u32 = 32;

/// The keys of other names than `id` and `…_id` whose texts are ids.
const IDS: [&str; 5] = ["ids", "mention_roles", "not_found", "roles", "user_ids"];
/// The keys whose texts Discord holds as atoms.
const NAMES: [&str; 3] = ["session_type", "status", "t"];

/// A message as Discord writes it: atoms as most keys and as some values, ids as integers, lists of small integers as
/// strings. What is no JSON stays as it is, for it is meant to be broken.
pub fn write(json: &str) -> Vec<u8> {
    let Ok(message) = serde_json::from_str::<Value>(json) else { return json.into() };
    // The inner keys of messages were seen as binaries, all others as atoms.
    let is_named = message["t"].as_str().is_none_or(|name| !name.starts_with("MESSAGE_"));
    let mut writer = Writer { out: vec![VERSION], has_atom_keys: is_named };
    match &message {
        Value::Object(fields) => {
            writer.tagged(116, fields.len());
            for (key, value) in fields {
                writer.atom(key);
                writer.value(key, value);
            }
        }
        other => writer.value("", other),
    }
    writer.out
}

struct Writer {
    out: Vec<u8>,
    has_atom_keys: bool,
}

impl Writer {
    /// Writes what is found under `key`.
    fn value(&mut self, key: &str, value: &Value) {
        match value {
            Value::Null => self.atom("nil"),
            Value::Bool(true) => self.atom("true"),
            Value::Bool(false) => self.atom("false"),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(key, text),
            Value::Array(items) if items.is_empty() => self.out.push(106),
            Value::Array(items) => self.list(key, items),
            Value::Object(fields) => {
                self.tagged(116, fields.len());
                for (key, value) in fields {
                    // Maps that are keyed by ids have texts as keys.
                    let is_id = key.bytes().all(|byte| byte.is_ascii_digit());
                    if self.has_atom_keys && !is_id && key.is_ascii() && key.len() < 256 {
                        self.atom(key);
                    } else {
                        self.binary(key);
                    }
                    self.value(key, value);
                }
            }
        }
    }

    fn list(&mut self, key: &str, items: &[Value]) {
        let byte = |item: &Value| item.as_u64().and_then(|item| u8::try_from(item).ok());
        let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
        if let (Some(bytes), Ok(length)) = (bytes, u16::try_from(items.len())) {
            self.out.push(107);
            self.out.extend(length.to_be_bytes());
            self.out.extend(bytes);
            return;
        }
        self.tagged(108, items.len());
        for item in items {
            self.value(key, item);
        }
        self.out.push(106);
    }

    fn text(&mut self, key: &str, text: &str) {
        let is_id = key == "id" || key.ends_with("_id") || IDS.contains(&key);
        let id = text.parse::<u64>().ok().filter(|id| is_id && id.to_string() == text);
        match id {
            Some(id) => self.integer(i128::from(id)),
            None if NAMES.contains(&key) && text.is_ascii() && text.len() < 256 => self.atom(text),
            None => self.binary(text),
        }
    }

    fn number(&mut self, number: &Number) {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        if let Some(whole) = whole {
            self.integer(whole);
        } else {
            self.out.push(70);
            self.out.extend(number.as_f64().unwrap_or_default().to_be_bytes());
        }
    }

    fn integer(&mut self, integer: i128) {
        if let Ok(small) = u8::try_from(integer) {
            self.out.extend([97, small]);
        } else if let Ok(medium) = i32::try_from(integer) {
            self.out.push(98);
            self.out.extend(medium.to_be_bytes());
        } else {
            // Eight bytes are enough for all integers of JSON texts as they are parsed here.
            self.out.extend([110, 8, u8::from(integer < 0)]);
            self.out.extend(&integer.unsigned_abs().to_le_bytes()[..8]);
        }
    }

    fn atom(&mut self, name: &str) {
        self.out.extend([100, 0, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
        self.out.extend(name.bytes().take(255));
    }

    fn binary(&mut self, text: &str) {
        self.tagged(109, text.len());
        self.out.extend(text.bytes());
    }

    fn tagged(&mut self, tag: u8, length: usize) {
        self.out.push(tag);
        self.out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// A client's message as JSON; else what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Value, &'static str> {
    let Some((&VERSION, term)) = bytes.split_first() else {
        return Err("expected 131 as first byte");
    };
    let mut reader = Reader(term);
    let value = reader.value(DEEPEST)?;
    if reader.0.is_empty() { Ok(value) } else { Err("expected nothing after the term") }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn value(&mut self, left: u32) -> Result<Value, &'static str> {
        let left = left.checked_sub(1).ok_or("nested too deep")?;
        match self.number(1)? {
            70 => {
                let bytes = self.take(8)?.try_into().map_err(|_| "expected a float")?;
                let number = Number::from_f64(f64::from_be_bytes(bytes));
                number.map(Value::Number).ok_or("expected a finite float")
            }
            97 => Ok(self.number(1)?.into()),
            98 => {
                let bytes = self.take(4)?.try_into().map_err(|_| "expected an integer")?;
                Ok(i32::from_be_bytes(bytes).into())
            }
            100 | 118 => self.number(2).and_then(|length| self.word(length)),
            115 | 119 => self.number(1).and_then(|length| self.word(length)),
            106 => Ok(Value::Array(Vec::new())),
            108 => {
                let count = self.number(4)?;
                let items = (0..count).map(|_| self.value(left)).collect::<Result<_, _>>()?;
                if self.number(1)? == 106 { Ok(items) } else { Err("expected a proper list") }
            }
            109 => self.text().map(Value::String),
            110 => self.big(),
            116 => {
                let count = self.number(4)?;
                let mut fields = Map::new();
                for _ in 0..count {
                    let key = self.key()?;
                    fields.insert(key, self.value(left)?);
                }
                Ok(Value::Object(fields))
            }
            _ => Err("unexpected tag"),
        }
    }

    fn key(&mut self) -> Result<String, &'static str> {
        match self.number(1)? {
            109 => self.text(),
            100 | 115 | 118 | 119 => Err("atom as key, expected a binary"),
            _ => Err("expected a binary as key"),
        }
    }

    fn word(&mut self, length: usize) -> Result<Value, &'static str> {
        match self.take(length)? {
            b"nil" | b"null" => Ok(Value::Null),
            b"true" => Ok(true.into()),
            b"false" => Ok(false.into()),
            _ => Err("expected no atoms but nil, true and false"),
        }
    }

    fn text(&mut self) -> Result<String, &'static str> {
        let length = self.number(4)?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(str::to_owned).map_err(|_| "expected UTF-8")
    }

    fn big(&mut self) -> Result<Value, &'static str> {
        let (length, sign) = (self.number(1)?, self.number(1)?);
        let bytes = self.take(length)?;
        if length > 8 {
            return Err("integer of more than 64 bits");
        }
        let magnitude = bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        match i64::try_from(-i128::from(magnitude)) {
            _ if sign == 0 => Ok(magnitude.into()),
            Ok(negative) => Ok(negative.into()),
            Err(_) => Err("integer of more than 64 bits"),
        }
    }

    /// A big-endian number of at most four bytes.
    fn number(&mut self, bytes: usize) -> Result<usize, &'static str> {
        Ok(self.take(bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("expected the term to go on")?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_discords() {
        let ready = r#"{"t":"READY","s":1,"op":0,"d":{"id":"1099511627776123456","shard":[0,1],"user":null,"x":[]}}"#;
        let expected: [&[u8]; 10] = [
            b"\x83\x74\0\0\0\x04",
            b"\x64\0\x01d\x74\0\0\0\x04",
            b"\x64\0\x02id\x6e\x08\0\x40\xe2\x01\0\0\x40\x42\x0f",
            b"\x64\0\x05shard\x6b\0\x02\0\x01",
            b"\x64\0\x04user\x64\0\x03nil",
            b"\x64\0\x01x\x6a",
            b"\x64\0\x02op\x61\0",
            b"\x64\0\x01s\x61\x01",
            b"\x64\0\x01t",
            b"\x64\0\x05READY",
        ];
        assert_eq!(write(ready), expected.concat());
    }

    #[test]
    fn inner_keys_of_messages_and_ids_as_keys_are_binaries() {
        let of_message = write(r#"{"t":"MESSAGE_CREATE","d":{"nonce":"1099511627776123456"}}"#);
        assert!(of_message.ends_with(b"\x64\0\x01t\x64\0\x0eMESSAGE_CREATE"));
        let nonce = b"\x6d\0\0\0\x05nonce\x6d\0\0\0\x131099511627776123456";
        assert!(of_message.windows(nonce.len()).any(|window| window == nonce));
        let by_id = write(r#"{"t":"X","d":{"12":1,"a":1}}"#);
        let mixed = b"\x6d\0\0\0\x0212\x61\x01\x64\0\x01a\x61\x01";
        assert!(by_id.windows(mixed.len()).any(|window| window == mixed));
    }

    #[test]
    fn atoms_as_keys_are_seen_on_the_bytes() {
        assert_eq!(
            read(b"\x83\x74\0\0\0\x01\x6d\0\0\0\x02op\x61\x01"),
            Ok(serde_json::json!({"op": 1}))
        );
        for key in [&b"\x64\0\x02op"[..], b"\x73\x02op", b"\x76\0\x02op", b"\x77\x02op"] {
            let message = [b"\x83\x74\0\0\0\x01", key, b"\x61\x01"].concat();
            assert_eq!(read(&message), Err("atom as key, expected a binary"));
        }
    }

    #[test]
    fn broken_terms_are_refused() {
        let whole = b"\x83\x74\0\0\0\x01\x6d\0\0\0\x02op\x6c\0\0\0\x01\x6e\x01\0\x05\x6a";
        assert_eq!(read(whole), Ok(serde_json::json!({"op": [5]})));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        assert!(read(&[whole.as_slice(), b"\0"].concat()).is_err());
        assert!(read(b"{\"op\":1}").is_err());
        let deep = [&[VERSION][..], &[108, 0, 0, 0, 1].repeat(10_000)].concat();
        assert_eq!(read(&deep), Err("nested too deep"));
    }
}

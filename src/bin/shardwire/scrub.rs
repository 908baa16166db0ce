//! Takes out of an event's data what belongs to people, and leaves its shape: keys, their order, lengths, kinds of values. Knows no
//! event by its name, so that nothing new gets through: what is not known to be harmless is replaced.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// Words of the protocol that say nothing about anybody.
const WORDS: [&str; 12] = [
    "article",
    "dnd",
    "gifv",
    "idle",
    "image",
    "invisible",
    "link",
    "normal",
    "offline",
    "online",
    "rich",
    "video",
];
/// Digits of the shortest id and of the longest, which fits 64 bits.
const ID_DIGITS: std::ops::RangeInclusive<usize> = 15..=19;
/// Hexadecimal digits of a picture's name.
const HASH_DIGITS: usize = 32;
/// The first second of 2020, which stands for every moment.
const MOMENT: &str = "2020-01-01T00:00:00";
const MOMENT_SECONDS: u64 = 1_577_836_800;
/// Whole numbers from here on may be moments in seconds, from there on in milliseconds.
const SECONDS: u64 = 1_000_000_000;
const MILLISECONDS: u64 = 1_000_000_000_000;
/// Nobody shall ask the server that was recorded for a session of it.
const NOWHERE: &str = "wss://127.0.0.1:9";

/// Replaces by a secret of its own, so that one thing is replaced by one other thing wherever it stands, and nobody can find out
/// which it was. Keeps no list of either.
#[derive(Default)]
pub struct Scrubber {
    secret: RandomState,
}

impl Scrubber {
    /// The same data without what belongs to people.
    pub fn scrub(&self, data: &str) -> serde_json::Result<String> {
        let mut out = String::with_capacity(data.len());
        let mut reader = serde_json::Deserializer::from_str(data);
        Copy { scrubber: self, out: &mut out }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(out)
    }

    fn text(&self, text: &str) -> String {
        if WORDS.contains(&text) {
            text.into()
        } else if is_id(text) {
            self.id(text)
        } else if is_moment(text) {
            let rest = text.chars().skip(MOMENT.len());
            let rest = rest.map(|letter| if letter.is_ascii_digit() { '0' } else { letter });
            MOMENT.chars().chain(rest).collect()
        } else {
            self.letters(text)
        }
    }

    /// As many digits.
    fn id(&self, id: &str) -> String {
        let mut digits = format!("{:020}", self.secret.hash_one(id)).into_bytes();
        digits.drain(id.len()..);
        digits[0] = b'1';
        digits.into_iter().map(char::from).collect()
    }

    /// Other letters and digits, each as long as the one before; what stands between them stays.
    fn letters(&self, text: &str) -> String {
        let hash = text.strip_prefix("a_").unwrap_or(text);
        let is_hash =
            hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut chance = self.secret.hash_one(text);
        let mut choose = |from: &[u8]| {
            // Knuth's generator: enough to look like text to a compressor.
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(chance >> 33).unwrap_or_default() % from.len();
            char::from(from[at])
        };
        let kept = text.len() - if is_hash { hash.len() } else { text.len() };
        let mut out = text[..kept].to_owned();
        for letter in text[kept..].chars() {
            out.push(match (letter, letter.len_utf8()) {
                _ if is_hash => choose(b"0123456789abcdef"),
                ('0'..='9', _) => choose(b"0123456789"),
                ('A'..='Z', _) => choose(b"ETAOINSHRDLU"),
                ('a'..='z', _) => choose(b"etaoinshrdlu"),
                (_, 1) => letter,
                (_, 2) => 'é',
                (_, 3) => '語',
                _ => '🙂',
            });
        }
        out
    }
}

fn is_id(text: &str) -> bool {
    ID_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// As Discord writes it: `2015-04-26T06:26:56.936000+00:00`.
fn is_moment(text: &str) -> bool {
    let shape = text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    shape.take(MOMENT.len()).eq(*b"0000-00-00T00:00:00")
        && text[MOMENT.len()..].bytes().all(|byte| byte.is_ascii_digit() || b".:+Z".contains(&byte))
}

/// Writes what is read, scrubbed.
struct Copy<'a> {
    scrubber: &'a Scrubber,
    out: &'a mut String,
}

impl Copy<'_> {
    fn again(&mut self) -> Copy<'_> {
        Copy { scrubber: self.scrubber, out: self.out }
    }

    fn put(&mut self, value: impl Into<Value>) {
        self.out.push_str(&value.into().to_string());
    }
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event's data")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.put(Value::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.put(match value {
            MILLISECONDS.. => MOMENT_SECONDS * 1000,
            SECONDS.. => MOMENT_SECONDS,
            value => value,
        });
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.put(Number::from_f64(value).map_or(Value::Null, Value::Number));
        Ok(())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        let text = self.scrubber.text(text);
        self.put(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<(), A::Error> {
        self.out.push('[');
        let mut separator = "";
        loop {
            let before = self.out.len();
            self.out.push_str(separator);
            if values.next_element_seed(self.again())?.is_none() {
                self.out.truncate(before);
                break;
            }
            separator = ",";
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        self.out.push('{');
        let mut separator = "";
        while let Some(key) = entries.next_key::<String>()? {
            self.out.push_str(separator);
            separator = ",";
            // Ids are keys too, where a message's mentions are told.
            let name = if is_id(&key) { self.scrubber.id(&key) } else { key };
            self.put(name.as_str());
            self.out.push(':');
            if name == "resume_gateway_url" {
                entries.next_value::<serde::de::IgnoredAny>()?;
                self.put(NOWHERE);
            } else {
                entries.next_value_seed(self.again())?;
            }
        }
        self.out.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).expect("it is JSON")
    }

    #[test]
    fn nothing_of_people_is_left_and_everything_is_as_long() {
        let data = r#"{"id":"175928847299117063","content":"Mötley, call 555-0199! 🙂","z":[1,-2.5,null,true,[],{}],
            "author":{"username":"nelly","avatar":"a_8342729096ea3675442027381ff50dfe","discriminator":"1337"},
            "token":"Mb.secret-9","a":{"80351110224678912":{"nick":"nelly"}}}"#;
        let scrubbed = Scrubber::default().scrub(data).expect("it is JSON");
        for word in ["175928847299117063", "tley", "nelly", "8342729096", "secret", "8035111"] {
            assert!(!scrubbed.contains(word), "{scrubbed}");
        }
        assert_eq!(scrubbed.len(), read(data).to_string().len());
        let value = read(&scrubbed);
        assert_eq!(value["z"], read(data)["z"]);
        // The same name is the same name again, and keys stand in their order.
        let members = value["a"].as_object().expect("an object");
        assert_eq!(members.values().next().expect("one")["nick"], value["author"]["username"]);
        assert!(scrubbed.find(r#""z":"#) < scrubbed.find(r#""author":"#), "{scrubbed}");
        let avatar = value["author"]["avatar"].as_str().expect("a text");
        assert!(avatar.starts_with("a_") && u128::from_str_radix(&avatar[2..], 16).is_ok());
    }

    #[test]
    fn an_id_is_the_same_id_throughout_one_recording_and_another_in_the_next() {
        let scrubber = Scrubber::default();
        let [one, again] = [(); 2].map(|()| scrubber.text("175928847299117063"));
        assert_eq!(one, again);
        assert!(is_id(&one) && one.len() == 18, "{one}");
        assert_ne!(one, scrubber.text("175928847299117064"));
        assert_ne!(one, Scrubber::default().text("175928847299117063"));
    }

    #[test]
    fn moments_stay_moments_and_words_of_the_protocol_stay() {
        let scrubber = Scrubber::default();
        assert_eq!(
            scrubber.text("2015-04-26T06:26:56.936000+00:00"),
            "2020-01-01T00:00:00.000000+00:00"
        );
        let data = r#"{"timestamp":1700000000,"start":1700000000123,"type":3,"status":"dnd"}"#;
        let expected = r#"{"timestamp":1577836800,"start":1577836800000,"type":3,"status":"dnd"}"#;
        assert_eq!(scrubber.scrub(data).expect("it is JSON"), expected);
    }

    #[test]
    fn the_address_of_the_session_and_what_is_no_json_are_not_passed_on() {
        let scrubber = Scrubber::default();
        let ready =
            scrubber.scrub(r#"{"resume_gateway_url":"wss://gateway-us-east1-b.discord.gg"}"#);
        assert_eq!(ready.expect("it is JSON"), r#"{"resume_gateway_url":"wss://127.0.0.1:9"}"#);
        assert!(scrubber.scrub(r#"{"content":"#).is_err());
        assert!(scrubber.scrub("{} nelly").is_err());
    }
}

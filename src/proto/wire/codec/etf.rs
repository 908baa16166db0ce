//! `encoding=etf`: Erlang's external term format, to and from the JSON text of the same message, so that every other room
//! knows JSON only. Knows terms; of messages it knows nothing but that their `s` counts.
//!
//! Discord writes atoms, binaries and integers as keys, and atoms as values. An integer does not tell whether JSON would
//! have a number or an id in its place, so integers of the big tags become strings of their digits, as in Discord's own
//! erlpack, and those of the small tags become numbers. Source: "Encoding and Compression"; Erlang's "External Term Format".

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, mem, str};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{super::scan, CodecError, zlib::Single};

pub(super) const IS_COMPILED_IN: bool = true;

/// What every message begins with.
const VERSION: u8 = 131;

const NEW_FLOAT: u8 = 70;
const COMPRESSED: u8 = 80;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const FLOAT: u8 = 99;
const ATOM: u8 = 100;
const SMALL_TUPLE: u8 = 104;
const LARGE_TUPLE: u8 = 105;
const NIL: u8 = 106;
const STRING: u8 = 107;
const LIST: u8 = 108;
const BINARY: u8 = 109;
const SMALL_BIG: u8 = 110;
const LARGE_BIG: u8 = 111;
const SMALL_ATOM: u8 = 115;
const MAP: u8 = 116;
const ATOM_UTF8: u8 = 118;
const SMALL_ATOM_UTF8: u8 = 119;

/// How many lists, tuples and maps may be in each other. Discord's messages need about ten, and readers of JSON give up
/// between 128 and some thousands; without a bound a message of nothing but brackets would take a stack of its own size.
const DEEPEST: usize = 512;
/// The same for what is sent, where each level takes a frame of the stack and reads the rest once more. As in most parsers.
const DEEPEST_SENT: usize = 128;
/// Bytes of the largest integer. Ids have eight, and from this on Erlang needs `LARGE_BIG`. Finding the digits takes time by
/// the square of the bytes, so that without a bound one message could keep us busy for ever.
const WIDEST: usize = 256;
/// JSON that one huge message blew up beyond this is given back before the next.
const KEPT: usize = 1024 * 1024;
/// Decimal digits that are split off an integer at a time: as many as fit 32 bits.
const GROUP: u64 = 1_000_000_000;

/// Writes the message `bytes` as JSON into `out`, whose content is replaced. `limit` bounds the JSON, and what a compressed
/// term inflates to.
///
/// Text that is not UTF-8 gets the sign for the unreadable in its place: a wrong byte in what some user wrote should not
/// cost the session, which would be resumed into the same event.
pub(super) fn decode(bytes: &[u8], limit: usize, out: &mut String) -> Result<(), CodecError> {
    out.clear();
    out.shrink_to(KEPT);
    match bytes {
        [VERSION, COMPRESSED, packed @ ..] => inflate(packed, limit, out),
        [VERSION, term @ ..] => Transcoder::new(term, limit, out).run(),
        _ => Err(CodecError::BadMessage("expected ETF messages to begin with 131")),
    }
}

/// The message `json` as Discord takes it from clients: keys and texts as binaries, for atoms as keys are punished.
///
/// Whole numbers of 127 bits and a sign stay exact; larger ones become floats, as in other readers of JSON. Of keys that
/// occur twice the last one counts.
pub(super) fn encode(json: &str) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::with_capacity(json.len() + 64);
    out.push(VERSION);
    write(parse(json)?, DEEPEST_SENT, &mut out)?;
    Ok(out)
}

const ENDED: CodecError = CodecError::BadMessage("expected an ETF term to go on");
const LYING_SIZE: CodecError =
    CodecError::BadMessage("expected a compressed ETF term of the size that it names");
const NOT_JSON: CodecError = CodecError::BadMessage("expected JSON to encode");
const TOO_DEEP: CodecError = CodecError::BadMessage("expected values that are less deeply nested");

/// The front of what has not been read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ENDED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], CodecError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ENDED)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        self.array().map(|[byte]| byte)
    }

    /// A length of one byte.
    fn short(&mut self) -> Result<usize, CodecError> {
        self.byte().map(usize::from)
    }

    /// A length of two bytes.
    fn medium(&mut self) -> Result<usize, CodecError> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    /// A length of four bytes.
    fn long(&mut self) -> Result<usize, CodecError> {
        self.array().map(|bytes| u32::from_be_bytes(bytes) as usize)
    }
}

/// Reads terms from the front and writes JSON to the end. Keeps its own stack, so that no nesting can overflow the caller's.
struct Transcoder<'a, 'o> {
    rest: Reader<'a>,
    out: &'o mut String,
    limit: usize,
    open: Vec<Level>,
    /// Whether the next value is the message's `s`. It passes 2^31 in a long session and becomes a big integer, yet is
    /// never an id.
    is_sequence: bool,
}

/// A list, tuple or map whose end has not come.
struct Level {
    kind: Kind,
    /// Elements or pairs that are still to come, the one under way included.
    left: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Tuple,
    Map,
}

impl<'a, 'o> Transcoder<'a, 'o> {
    const fn new(term: &'a [u8], limit: usize, out: &'o mut String) -> Self {
        Self { rest: Reader(term), out, limit, open: Vec::new(), is_sequence: false }
    }

    fn run(mut self) -> Result<(), CodecError> {
        loop {
            let is_whole = self.term()?;
            self.check_room(0)?;
            if is_whole && self.close()? {
                break;
            }
            if self.open.last().is_some_and(|level| level.kind == Kind::Map) {
                self.key()?;
            }
        }
        if !self.rest.0.is_empty() {
            return Err(CodecError::BadMessage("expected nothing after the ETF term"));
        }
        self.check_room(0)
    }

    /// Writes a term, or the beginning of one that has others in it; whether it is whole.
    fn term(&mut self) -> Result<bool, CodecError> {
        let is_sequence = mem::take(&mut self.is_sequence);
        let tag = self.rest.byte()?;
        match tag {
            SMALL_INTEGER | INTEGER => self.integer(tag, "")?,
            SMALL_BIG | LARGE_BIG => self.big(tag, if is_sequence { "" } else { "\"" })?,
            NEW_FLOAT => {
                let value = self.rest.array().map(f64::from_be_bytes)?;
                self.float(value)?;
            }
            FLOAT => {
                let digits = str::from_utf8(self.rest.take(31)?).unwrap_or_default();
                self.float(digits.trim_end_matches('\0').parse().unwrap_or(f64::NAN))?;
            }
            ATOM | SMALL_ATOM | ATOM_UTF8 | SMALL_ATOM_UTF8 => match &*self.atom(tag)? {
                b"nil" | b"null" => self.out.push_str("null"),
                b"true" => self.out.push_str("true"),
                b"false" => self.out.push_str("false"),
                name => self.text(name)?,
            },
            BINARY => {
                let text = self.rest.long().and_then(|length| self.rest.take(length))?;
                self.text(text)?;
            }
            NIL => self.out.push_str("[]"),
            STRING => self.small_integers()?,
            LIST => {
                let count = self.rest.long()?;
                return self.open(Kind::List, count);
            }
            SMALL_TUPLE => {
                let count = self.rest.short()?;
                return self.open(Kind::Tuple, count);
            }
            LARGE_TUPLE => {
                let count = self.rest.long()?;
                return self.open(Kind::Tuple, count);
            }
            MAP => {
                let count = self.rest.long()?;
                return self.open(Kind::Map, count);
            }
            other => return Err(CodecError::BadMessage(refusal(other))),
        }
        Ok(true)
    }

    /// Begins a list, tuple or map; whether it is whole already because nothing is in it.
    fn open(&mut self, kind: Kind, count: usize) -> Result<bool, CodecError> {
        // An element takes a byte at least, so a count beyond that is a lie that need not be followed to its end.
        let least = if kind == Kind::Map { count.saturating_mul(2) } else { count };
        if least > self.rest.0.len() {
            return Err(ENDED);
        }
        if self.open.len() == DEEPEST {
            return Err(TOO_DEEP);
        }
        self.out.push(if kind == Kind::Map { '{' } else { '[' });
        if count == 0 {
            self.end(kind)?;
            return Ok(true);
        }
        self.open.push(Level { kind, left: count });
        Ok(false)
    }

    /// Goes on after a whole term: ends what it was the last of; whether nothing is open any more.
    fn close(&mut self) -> Result<bool, CodecError> {
        while let Some(level) = self.open.last_mut() {
            level.left -= 1;
            if level.left > 0 {
                self.out.push(',');
                return Ok(false);
            }
            let kind = level.kind;
            self.open.pop();
            self.end(kind)?;
        }
        Ok(true)
    }

    fn end(&mut self, kind: Kind) -> Result<(), CodecError> {
        if kind == Kind::List && self.rest.byte()? != NIL {
            return Err(CodecError::BadMessage("expected ETF lists to end properly"));
        }
        self.out.push(if kind == Kind::Map { '}' } else { ']' });
        Ok(())
    }

    fn key(&mut self) -> Result<(), CodecError> {
        let start = self.out.len();
        let tag = self.rest.byte()?;
        match tag {
            ATOM | SMALL_ATOM | ATOM_UTF8 | SMALL_ATOM_UTF8 => {
                let name = self.atom(tag)?;
                self.text(&name)?;
            }
            BINARY => {
                let text = self.rest.long().and_then(|length| self.rest.take(length))?;
                self.text(text)?;
            }
            SMALL_INTEGER | INTEGER => self.integer(tag, "\"")?,
            SMALL_BIG | LARGE_BIG => self.big(tag, "\"")?,
            _ => {
                return Err(CodecError::BadMessage(
                    "expected atoms, binaries or integers as keys of ETF maps",
                ));
            }
        }
        self.is_sequence = self.open.len() == 1 && &self.out[start..] == "\"s\"";
        self.out.push(':');
        Ok(())
    }

    fn integer(&mut self, tag: u8, quote: &str) -> Result<(), CodecError> {
        let value = match tag {
            SMALL_INTEGER => i32::from(self.rest.byte()?),
            _ => i32::from_be_bytes(self.rest.array()?),
        };
        self.out.push_str(quote);
        // Writing to a `String` cannot fail, here and below.
        let _ = write!(self.out, "{value}");
        self.out.push_str(quote);
        Ok(())
    }

    fn big(&mut self, tag: u8, quote: &str) -> Result<(), CodecError> {
        let length = if tag == SMALL_BIG { self.rest.short()? } else { self.rest.long()? };
        let is_negative = self.rest.byte()? != 0;
        let magnitude = self.rest.take(length)?;
        if length > WIDEST {
            return Err(CodecError::BadMessage("expected integers of at most 256 bytes in ETF"));
        }
        self.out.push_str(quote);
        if is_negative && magnitude.iter().any(|byte| *byte != 0) {
            self.out.push('-');
        }
        write_digits(magnitude, self.out);
        self.out.push_str(quote);
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), CodecError> {
        if !value.is_finite() {
            return Err(CodecError::BadMessage("expected finite floats in ETF"));
        }
        // This form, unlike that without the question mark, writes 1e300 as such and not as 301 digits.
        let _ = write!(self.out, "{value:?}");
        Ok(())
    }

    /// `STRING_EXT`: not a text, but how Erlang shortens a list of bytes.
    fn small_integers(&mut self) -> Result<(), CodecError> {
        let items = self.rest.medium().and_then(|length| self.rest.take(length))?;
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.out, "{comma}{item}");
        }
        self.out.push(']');
        Ok(())
    }

    /// The name of an atom, in UTF-8 unless the server wrote something else.
    fn atom(&mut self, tag: u8) -> Result<Cow<'a, [u8]>, CodecError> {
        let length = match tag {
            SMALL_ATOM | SMALL_ATOM_UTF8 => self.rest.short()?,
            _ => self.rest.medium()?,
        };
        let name = self.rest.take(length)?;
        if matches!(tag, ATOM_UTF8 | SMALL_ATOM_UTF8) || name.is_ascii() {
            return Ok(Cow::Borrowed(name));
        }
        let latin: String = name.iter().copied().map(char::from).collect();
        Ok(Cow::Owned(latin.into_bytes()))
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        self.out.push('"');
        if let Ok(text) = str::from_utf8(bytes) {
            self.escape(text)?;
        } else {
            for chunk in bytes.utf8_chunks() {
                self.escape(chunk.valid())?;
                if !chunk.invalid().is_empty() {
                    self.out.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn escape(&mut self, text: &str) -> Result<(), CodecError> {
        let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        let mut rest = text;
        loop {
            self.check_room(rest.len())?;
            let Some(at) = rest.bytes().position(is_special) else { break };
            self.out.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                special @ (b'"' | b'\\') => self.out.extend(['\\', char::from(special)]),
                b'\n' => self.out.push_str("\\n"),
                b'\r' => self.out.push_str("\\r"),
                b'\t' => self.out.push_str("\\t"),
                control => {
                    let _ = write!(self.out, "\\u{control:04x}");
                }
            }
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
        Ok(())
    }

    fn check_room(&self, more: usize) -> Result<(), CodecError> {
        if self.out.len().saturating_add(more) > self.limit {
            return Err(CodecError::Oversized { limit: self.limit });
        }
        Ok(())
    }
}

/// Reads the term of a compressed message: its size, then one zlib stream that gives as much.
fn inflate(packed: &[u8], limit: usize, out: &mut String) -> Result<(), CodecError> {
    let mut packed = Reader(packed);
    let size = packed.long()?;
    if size > limit {
        return Err(CodecError::Oversized { limit });
    }
    // Made for this message alone, since Discord compresses none so.
    let mut zlib = <Single>::new(size);
    let term = match zlib.feed(packed.0) {
        Ok(term) if term.len() == size => term,
        // The term is larger than its size says, not than what is allowed.
        Ok(_) | Err(CodecError::Oversized { .. }) => return Err(LYING_SIZE),
        Err(error) => return Err(error),
    };
    Transcoder::new(term, limit, out).run()
}

/// Writes an integer whose bytes begin with the lowest.
fn write_digits(magnitude: &[u8], out: &mut String) {
    let low = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    if magnitude.len() <= 8 {
        let _ = write!(out, "{}", low(magnitude));
        return;
    }
    // Limbs of 32 bits in words of 64, so that what remains of the limb above fits on top.
    let mut limbs: Vec<u64> = magnitude.chunks(4).map(low).collect();
    let mut groups = Vec::new();
    while let Some(highest) = limbs.last() {
        if *highest == 0 {
            limbs.pop();
            continue;
        }
        let mut remainder = 0;
        for limb in limbs.iter_mut().rev() {
            let value = remainder << 32 | *limb;
            *limb = value / GROUP;
            remainder = value % GROUP;
        }
        groups.push(remainder);
    }
    let _ = write!(out, "{}", groups.pop().unwrap_or_default());
    for group in groups.iter().rev() {
        let _ = write!(out, "{group:09}");
    }
}

/// What is wrong with a term that has no place in JSON.
const fn refusal(tag: u8) -> &'static str {
    match tag {
        77 => "expected no bit string (BIT_BINARY_EXT) in ETF",
        80 => "expected no compressed term within an ETF term",
        82 => "expected no reference to an atom cache (ATOM_CACHE_REF) in ETF",
        88 => "expected no process (NEW_PID_EXT) in ETF",
        89 => "expected no port (NEW_PORT_EXT) in ETF",
        90 => "expected no reference (NEWER_REFERENCE_EXT) in ETF",
        101 => "expected no reference (REFERENCE_EXT) in ETF",
        102 => "expected no port (PORT_EXT) in ETF",
        103 => "expected no process (PID_EXT) in ETF",
        112 => "expected no function (NEW_FUN_EXT) in ETF",
        113 => "expected no function (EXPORT_EXT) in ETF",
        114 => "expected no reference (NEW_REFERENCE_EXT) in ETF",
        117 => "expected no function (FUN_EXT) in ETF",
        120 => "expected no port (V4_PORT_EXT) in ETF",
        121 => "expected no local term (LOCAL_EXT) in ETF",
        _ => "expected a tag of ETF",
    }
}

/// Writes a value into which at most `deeper` others may be nested.
fn write(json: &RawValue, deeper: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let json = json.get();
    match json.as_bytes().first() {
        Some(b'n') => write_atom("nil", out),
        Some(b't') => write_atom("true", out),
        Some(b'f') => write_atom("false", out),
        // Half a surrogate pair is no reason not to send, as it is none in JSON.
        Some(b'"') => write_binary(&scan::to_text(json).ok_or(NOT_JSON)?, out)?,
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(json)?;
            let deeper = deeper.checked_sub(1).ok_or(TOO_DEEP)?;
            if !items.is_empty() {
                out.push(LIST);
                write_length(items.len(), out)?;
                items.iter().try_for_each(|item| write(item, deeper, out))?;
            }
            out.push(NIL);
        }
        Some(b'{') => {
            let fields: BTreeMap<String, &RawValue> = parse(json)?;
            let deeper = deeper.checked_sub(1).ok_or(TOO_DEEP)?;
            out.push(MAP);
            write_length(fields.len(), out)?;
            for (key, value) in fields {
                write_binary(&key, out)?;
                write(value, deeper, out)?;
            }
        }
        _ => write_number(json, out)?,
    }
    Ok(())
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, CodecError> {
    serde_json::from_str(json).map_err(|_| NOT_JSON)
}

/// With the older tag, as erlpack has it.
fn write_atom(name: &'static str, out: &mut Vec<u8>) {
    let length = u8::try_from(name.len()).expect("only nil, true and false are written");
    out.extend([SMALL_ATOM, length]);
    out.extend(name.bytes());
}

fn write_number(digits: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let Ok(whole) = digits.parse::<i128>() else {
        let float = digits.parse().unwrap_or(f64::NAN);
        if !float.is_finite() {
            return Err(CodecError::BadMessage("expected numbers that a float can hold"));
        }
        out.push(NEW_FLOAT);
        out.extend(float.to_be_bytes());
        return Ok(());
    };
    if let Ok(small) = u8::try_from(whole) {
        out.extend([SMALL_INTEGER, small]);
    } else if let Ok(medium) = i32::try_from(whole) {
        out.push(INTEGER);
        out.extend(medium.to_be_bytes());
    } else {
        let magnitude = whole.unsigned_abs().to_le_bytes();
        let length = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let count = u8::try_from(length).expect("sixteen bytes at most");
        out.extend([SMALL_BIG, count, u8::from(whole < 0)]);
        out.extend(&magnitude[..length]);
    }
    Ok(())
}

fn write_binary(text: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.push(BINARY);
    write_length(text.len(), out)?;
    out.extend(text.bytes());
    Ok(())
}

fn write_length(length: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let length = u32::try_from(length)
        .map_err(|_| CodecError::BadMessage("expected texts and lists shorter than 4 GiB"))?;
    out.extend(length.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};
    use serde::de::IgnoredAny;

    use super::*;
    use crate::proto::Random;

    const LIMIT: usize = 1 << 20;

    fn decoded(bytes: &[u8]) -> Result<String, CodecError> {
        let mut out = "what was there before".to_owned();
        decode(bytes, LIMIT, &mut out).map(|()| out)
    }

    /// One of each tag, in the manner of a READY.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![VERSION, MAP, 0, 0, 0, 9];
        let pairs: [(&[u8], &[u8]); 9] = [
            (b"\x64\x00\x01t", b"\x64\x00\x05READY"),
            (b"\x73\x01s", b"\x61\x01"),
            (b"\x77\x05shard", b"\x6b\x00\x02\x00\x01"),
            (b"\x76\x00\x02id", b"\x6e\x08\x00\x40\xe2\x01\x00\x00\x40\x42\x0f"),
            (b"\x6d\x00\x00\x00\x01n", b"\x6d\x00\x00\x00\x04a\"\n\xff"),
            (b"\x62\xff\xff\xff\xfe", b"\x6c\x00\x00\x00\x01\x6a\x6a"),
            (
                b"\x6f\x00\x00\x00\x09\x01\x01\x02\x03\x04\x05\x06\x07\x08\x09",
                b"\x68\x01\x69\0\0\0\0",
            ),
            (b"\x61\x07", b"\x46\x3f\xf8\0\0\0\0\0\0"),
            (b"\x73\x01\xe9", b"\x631.50000000000000000000e+00\0\0\0\0\0"),
        ];
        for (key, value) in pairs {
            bytes.extend(key);
            bytes.extend(value);
        }
        bytes
    }

    fn compressed(term: &[u8], size: u32) -> Vec<u8> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(term).expect("in memory");
        let mut bytes = vec![VERSION, COMPRESSED];
        bytes.extend(size.to_be_bytes());
        bytes.extend(zlib.finish().expect("in memory"));
        bytes
    }

    fn is_json(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn discords_forms_become_the_json_of_the_same_message() {
        let expected = concat!(
            r#"{"t":"READY","s":1,"shard":[0,1],"id":"1099511627776123456","n":"a\"\n"#,
            "\u{fffd}",
            r#"","-2":[[]],"-166599134359138271745":[[]],"7":1.5,"é":1.5}"#
        );
        assert_eq!(decoded(&sample()).as_deref(), Ok(expected));
    }

    #[test]
    fn every_beginning_of_a_message_is_refused() {
        let whole = sample();
        for end in 0..whole.len() {
            assert!(matches!(decoded(&whole[..end]), Err(CodecError::BadMessage(_))), "{end}");
        }
    }

    #[test]
    fn corrupting_any_byte_gives_an_error_or_valid_json() {
        let whole = sample();
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut bad = whole.clone();
                bad[at] = byte;
                if let Ok(text) = decoded(&bad) {
                    assert!(is_json(&text), "{at} {byte}: {text}");
                }
            }
        }
    }

    #[test]
    fn bytes_by_chance_give_an_error_or_valid_json() {
        const TAGS: [u8; 20] = [
            0, 70, 80, 97, 98, 99, 100, 104, 105, 106, 107, 108, 109, 110, 111, 115, 116, 118, 119,
            255,
        ];
        let mut random = Random::new(131);
        let mut whole = 0;
        for _ in 0..50_000 {
            let mut bytes = vec![VERSION];
            for _ in 0..random.bits() % 40 {
                let tag = TAGS[usize::try_from(random.bits() % 20).expect("small")];
                bytes.push(if random.bits().is_multiple_of(3) {
                    tag
                } else {
                    random.bits().to_le_bytes()[0] % 4
                });
            }
            if let Ok(text) = decoded(&bytes) {
                assert!(is_json(&text), "{bytes:?}: {text}");
                whole += 1;
            }
        }
        assert!(whole > 0, "chance should make a term now and then");
    }

    #[test]
    fn deep_nesting_is_read_to_a_bound_and_never_overflows_the_stack() {
        let nested = |depth: usize| {
            let mut bytes = vec![VERSION];
            bytes.extend([SMALL_TUPLE, 1].repeat(depth));
            bytes.push(NIL);
            bytes
        };
        let text = decoded(&nested(DEEPEST)).expect("within the bound");
        assert_eq!(text.len(), 2 * DEEPEST + 2);
        assert_eq!(decoded(&nested(DEEPEST + 1)), Err(TOO_DEEP));
        assert_eq!(decoded(&nested(100_000)), Err(TOO_DEEP));
        let json = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(decoded(&encode(&json(DEEPEST_SENT)).expect("within")), Ok(json(DEEPEST_SENT)));
        assert_eq!(encode(&json(DEEPEST_SENT + 1)), Err(TOO_DEEP));
        assert!(encode(&json(100_000)).is_err());
    }

    #[test]
    fn a_text_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
        let mut out = String::new();
        decode(&sample(), LIMIT, &mut out).expect("valid");
        let size = out.len();
        for limit in 0..size {
            assert_eq!(decode(&sample(), limit, &mut out), Err(CodecError::Oversized { limit }));
            assert!(out.len() <= limit + 32, "only what one small term adds");
        }
        assert_eq!(decode(&sample(), size, &mut out), Ok(()));
    }

    #[test]
    fn what_grows_on_its_way_to_json_grows_to_the_limit_only() {
        let length = 60_000_u16;
        let mut escapes = vec![VERSION, BINARY];
        escapes.extend(u32::from(length).to_be_bytes());
        escapes.extend(vec![1; usize::from(length)]);
        let mut unreadable = escapes.clone();
        unreadable[6..].fill(255);
        let mut items = vec![VERSION, STRING];
        items.extend(length.to_be_bytes());
        items.extend(vec![200; usize::from(length)]);
        for bytes in [escapes, unreadable, items] {
            let mut out = String::new();
            let limit = 65_000;
            assert_eq!(decode(&bytes, limit, &mut out), Err(CodecError::Oversized { limit }));
            assert!(out.capacity() < 5 * limit, "{}", out.capacity());
        }
    }

    #[test]
    fn compressed_terms_must_be_what_their_size_says() {
        let term = &sample()[1..];
        let size = u32::try_from(term.len()).expect("small");
        assert_eq!(decoded(&compressed(term, size)), decoded(&sample()));
        for wrong in [0, size - 1, size + 1] {
            assert_eq!(decoded(&compressed(term, wrong)), Err(LYING_SIZE), "{wrong}");
        }
        let bomb = vec![0; 50 << 20];
        assert_eq!(
            decoded(&compressed(&bomb, 50 << 20)),
            Err(CodecError::Oversized { limit: LIMIT })
        );
        assert_eq!(decoded(&compressed(&bomb, 1000)), Err(LYING_SIZE));
    }

    #[test]
    fn a_huge_message_gives_its_memory_back() {
        let mut out = String::new();
        let mut huge = vec![VERSION, BINARY];
        huge.extend((3_u32 << 20).to_be_bytes());
        huge.resize(huge.len() + (3 << 20), b'x');
        decode(&huge, 8 << 20, &mut out).expect("valid");
        decode(&[VERSION, NIL], 8 << 20, &mut out).expect("valid");
        assert!(out == "[]" && out.capacity() <= KEPT);
    }

    #[test]
    fn the_digits_of_an_integer_are_those_of_the_slow_way() {
        /// One decimal digit for each place, lowest first; times 256 and plus the next byte.
        fn slow(magnitude: &[u8]) -> String {
            let mut places: Vec<u32> = vec![0];
            for byte in magnitude.iter().rev() {
                let mut carry = u32::from(*byte);
                for place in &mut places {
                    carry += *place * 256;
                    *place = carry % 10;
                    carry /= 10;
                }
                while carry > 0 {
                    places.push(carry % 10);
                    carry /= 10;
                }
            }
            while places.len() > 1 && places.last() == Some(&0) {
                places.pop();
            }
            places.iter().rev().filter_map(|place| char::from_digit(*place, 10)).collect()
        }

        let mut random = Random::new(110);
        for length in (0..100).chain([WIDEST - 1, WIDEST]) {
            let few = random.bits().is_multiple_of(3);
            let mut byte = || if few { 0 } else { random.bits().to_le_bytes()[0] };
            let magnitude: Vec<u8> = (0..length).map(|_| byte()).collect();
            let mut digits = String::new();
            write_digits(&magnitude, &mut digits);
            assert_eq!(digits, slow(&magnitude));
        }
    }

    #[test]
    fn what_is_sent_has_the_tags_that_erlpack_gives() {
        let json = r#"{"a":[null,true,7,-7,2147483648,-9007199254740993,0.5],"b":[],"ü":"\n"}"#;
        let expected: [&[u8]; 15] = [
            b"\x83\x74\0\0\0\x03",
            b"\x6d\0\0\0\x01a",
            b"\x6c\0\0\0\x07",
            b"\x73\x03nil",
            b"\x73\x04true",
            b"\x61\x07",
            b"\x62\xff\xff\xff\xf9",
            b"\x6e\x04\0\0\0\0\x80",
            b"\x6e\x07\x01\x01\0\0\0\0\0\x20",
            b"\x46\x3f\xe0\0\0\0\0\0\0",
            b"\x6a",
            b"\x6d\0\0\0\x01b",
            b"\x6a",
            b"\x6d\0\0\0\x02\xc3\xbc",
            b"\x6d\0\0\0\x01\n",
        ];
        assert_eq!(encode(json), Ok(expected.concat()));
    }

    #[test]
    fn half_a_surrogate_pair_is_sent_as_the_sign_for_the_unreadable() {
        assert_eq!(
            decoded(&encode(r#"["\ud83d\ude00 \ud83d"]"#).expect("JSON")).as_deref(),
            Ok("[\"\u{1f600} \u{fffd}\"]")
        );
    }

    #[test]
    fn what_is_no_json_is_not_sent() {
        for json in ["", "{", "[1,]", "nul", "{\"a\":}", "[1e999]", r#""\x""#, "1 2"] {
            assert!(encode(json).is_err(), "{json}");
        }
    }
}

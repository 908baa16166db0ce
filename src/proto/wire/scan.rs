//! Walks JSON texts without decoding them: where values begin and end. Copies nothing, knows no message.
//!
//! One pass, no recursion: strings are skipped whole, so look-alikes inside values fool nobody. What is inside a value is
//! checked by whoever parses it; here only its brackets and quotes must close.

use std::borrow::Cow;

/// Largest integer that a JavaScript number holds exactly, 2^53 - 1: sixteen digits.
const WIDEST_NUMBER: &[u8] = b"9007199254740991";

/// The text is not an object; says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAnObject(pub(super) &'static str);

/// A value as it stands in its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub text: &'a str,
    /// Whether it holds an integer that a JavaScript number cannot hold exactly.
    pub has_wide_integers: bool,
}

/// The values of the fields of the outermost object of `text` that are called `names`; the last one of a name wins.
pub(super) fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Result<[Option<Value<'a>>; N], NotAnObject> {
    let mut values = [None; N];
    collect(text, &names, &mut values)?;
    Ok(values)
}

/// Not generic, or the module that browsers download would hold the walk once for each payload.
fn collect<'a>(
    text: &'a str,
    names: &[&str],
    values: &mut [Option<Value<'a>>],
) -> Result<(), NotAnObject> {
    each_field(text, |key, value| {
        if let Some(at) = names.iter().position(|name| *name == key) {
            values[at] = Some(value);
        }
    })
}

/// Gives each key of the outermost object of `text`, escapes left alone, with its value. For the one place where speed counts:
/// [`fields`] reads better.
pub(super) fn each_field<'a>(
    text: &'a str,
    mut take: impl FnMut(&'a str, Value<'a>),
) -> Result<(), NotAnObject> {
    let mut scan = Scanner::new(text);
    scan.expect(b'{', "expected an object")?;
    if scan.peek() != Some(b'}') {
        loop {
            let key = scan.string()?;
            scan.expect(b':', "expected a colon after a key")?;
            scan.has_wide_integers = false;
            let text = scan.value()?;
            take(key, Value { text, has_wide_integers: scan.has_wide_integers });
            if scan.peek() != Some(b',') {
                break;
            }
            scan.at += 1;
        }
    }
    scan.expect(b'}', "expected the object to end")?;
    match scan.peek() {
        None => Ok(()),
        Some(_) => Err(NotAnObject("expected nothing after the object")),
    }
}

/// The content of a string value; `None` if it is none, or has escapes that JSON does not know.
pub(super) fn to_text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { unescape(inner).map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        out.push(match rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => unescape_unit(&mut rest)?,
            same @ ('"' | '\\' | '/') => same,
            _ => return None,
        });
    }
    Some(out)
}

/// What follows `\u`: one unit, or two that make a pair. Half a pair has no meaning of its own.
fn unescape_unit(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let first = unit(rest)?;
    if !(0xD800..0xDC00).contains(&first) {
        return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    let mut ahead = rest.clone();
    let is_pair = ahead.next() == Some('\\') && ahead.next() == Some('u');
    let second = if is_pair { unit(&mut ahead) } else { None };
    match second.filter(|second| (0xDC00..0xE000).contains(second)) {
        None => Some(char::REPLACEMENT_CHARACTER),
        Some(second) => {
            *rest = ahead;
            char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        }
    }
}

fn unit(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | rest.next()?.to_digit(16)?))
}

/// Gives `text` with every integer that a JavaScript number cannot hold exactly turned into a string, so that JavaScript's
/// own JSON parser loses no digit. Everything else stays byte for byte.
#[must_use]
pub fn quote_wide_integers(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut scan = Scanner::new(text);
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
                let end = scan.at;
                // A bare number as a key is no JSON, and must not be made some.
                if scan.has_wide_integers && scan.peek() != Some(b':') {
                    out.push_str(scan.between(copied, start));
                    out.push('"');
                    out.push_str(scan.between(start, end));
                    out.push('"');
                    copied = end;
                }
            }
            _ => scan.at += 1,
        }
    }
    out.push_str(scan.between(copied, text.len()));
    out
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    has_wide_integers: bool,
}

impl Value<'_> {
    /// The content of a string; see [`to_text`].
    pub(super) fn content(self) -> Option<String> {
        to_text(self.text).map(Cow::into_owned)
    }

    /// A whole number from 0 on.
    pub(super) fn number(self) -> Option<u64> {
        self.text.parse().ok()
    }
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, has_wide_integers: false }
    }

    /// The text between two places that lie on borders of ASCII characters.
    fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

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

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), NotAnObject> {
        if self.peek() != Some(byte) {
            return Err(NotAnObject(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    /// A string without its quotes, escapes left alone.
    fn string(&mut self) -> Result<&'a str, NotAnObject> {
        if self.peek() != Some(b'"') {
            return Err(NotAnObject("expected a key"));
        }
        let start = self.at + 1;
        self.skip_string()?;
        Ok(self.between(start, self.at - 1))
    }

    /// Any value, as its text.
    fn value(&mut self) -> Result<&'a str, NotAnObject> {
        let first = self.peek().ok_or(NotAnObject("expected a value"))?;
        let start = self.at;
        match first {
            b'"' => self.skip_string()?,
            b'{' | b'[' => self.skip_nested()?,
            _ => self.skip_scalar(),
        }
        if self.at == start {
            return Err(NotAnObject("expected a value"));
        }
        Ok(self.between(start, self.at))
    }

    /// From an opening quote to behind the closing one.
    fn skip_string(&mut self) -> Result<(), NotAnObject> {
        let mut at = self.at + 1;
        loop {
            at += plain(self.bytes.get(at..).unwrap_or_default());
            match self.bytes.get(at) {
                None => return Err(NotAnObject("expected a text to end")),
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(())
    }

    /// From an opening bracket to behind the one that closes it.
    fn skip_nested(&mut self) -> Result<(), NotAnObject> {
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
        Err(NotAnObject("expected brackets to close"))
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
        // With a zero in front it is no JSON, and must not be made some.
        if digits.len() >= WIDEST_NUMBER.len()
            && digits[0] != b'0'
            && digits.iter().all(u8::is_ascii_digit)
            && (digits.len() > WIDEST_NUMBER.len() || digits > WIDEST_NUMBER)
        {
            self.has_wide_integers = true;
        }
    }
}

/// How many of the first bytes are neither a quote nor a backslash, as far as whole steps of eight tell. Most of a message is
/// inside of strings.
fn plain(bytes: &[u8]) -> usize {
    let mut length = 0;
    for eight in bytes.chunks_exact(8) {
        let eight = eight.try_into().map_or(0, u64::from_le_bytes);
        let ends = zeros(eight ^ (EACH * 0x22)) | zeros(eight ^ (EACH * 0x5C));
        if ends != 0 {
            return length + ends.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length
}

const EACH: u64 = 0x0101_0101_0101_0101;

/// The highest bit of the first byte that is zero, and of none before it.
const fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(EACH) & !eight & (EACH * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_serde_reads_them() {
        for text in [
            r#""""#,
            r#""plain \u00fc""#,
            r#""ü 😀""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""\u00FC\u20ac""#,
            r#""\ud83d\ude00!""#,
            r#""wss:\/\/host""#,
        ] {
            let expected: String = serde_json::from_str(text).expect(text);
            assert_eq!(to_text(text).as_deref(), Some(expected.as_str()), "{text}");
        }
    }

    #[test]
    fn a_text_ends_at_its_first_quote_wherever_that_stands() {
        for length in 0..40 {
            for end in ["\"", "\\\"\"", "\\\\\""] {
                // Bytes whose lowest bits are those of a quote or a backslash, and one above ASCII.
                for filler in ["#", "]", "!", "\u{a2}"] {
                    let text = format!("\"{}{end}, \"more\"", filler.repeat(length));
                    let mut scan = Scanner::new(&text);
                    scan.skip_string().expect(&text);
                    assert_eq!(scan.at, text.len() - ", \"more\"".len(), "{text}");
                    let mut scan = Scanner::new(text[..scan.at - 1].trim_end_matches('\\'));
                    scan.skip_string().expect_err(&text);
                }
            }
        }
    }

    #[test]
    fn half_a_pair_becomes_the_sign_for_the_unreadable() {
        assert_eq!(to_text(r#""\ud83d.""#).as_deref(), Some("\u{fffd}."));
        assert_eq!(to_text(r#""\ude00""#).as_deref(), Some("\u{fffd}"));
        assert_eq!(to_text(r#""\ud83d\u0041""#).as_deref(), Some("\u{fffd}A"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for value in ["5", "null", "\"", r#""\x""#, r#""\u12""#, r#""\u12g4""#, "{}"] {
            assert_eq!(to_text(value), None, "{value}");
        }
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

    #[test]
    fn what_is_no_json_is_not_made_some_by_quoting() {
        for text in ["[09007199254740993]", "{9007199254740993 :1}", "-00000000000000000001"] {
            assert_eq!(quote_wide_integers(text), text);
        }
    }
}

//! The JSON form of what users see, as fields with their names: written once, for serde and for JavaScript.
//!
//! Apart from serde, as its way of writing made 8 KB of the module that browsers download.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::wire::ShardId;

/// Something that is an object in JSON.
pub trait Form {
    /// Gives each field to `put`, in order.
    fn fields(&self, put: &mut Put<'_>);
}

/// Takes a field.
pub type Put<'a> = dyn FnMut(&str, Value<'_>) + 'a;

/// What a field may hold.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// `true` or `false`.
    Flag(bool),
    /// A span as milliseconds, with decimals: a loopback round trip is far below one.
    Millis(Duration),
    /// An array of such.
    AllMillis(&'a [Duration]),
    /// `null`.
    None,
    /// A whole number.
    Number(u64),
    /// An object.
    Object(&'a dyn Form),
    /// An array of two numbers.
    Pair([u32; 2]),
    /// An array of such arrays.
    Pairs(&'a [(u32, u64)]),
    /// A text.
    Text(&'a str),
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Flag(flag) => serializer.serialize_bool(flag),
            Self::Millis(span) => serializer.serialize_f64(millis(span)),
            Self::AllMillis(spans) => serializer.collect_seq(spans.iter().copied().map(millis)),
            Self::None => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_u64(number),
            Self::Object(form) => serialize(form, serializer),
            Self::Pair(pair) => pair.serialize(serializer),
            Self::Pairs(pairs) => pairs.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// Writes `form` as serde wants it.
pub(crate) fn serialize<S: Serializer>(form: &dyn Form, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut outcome = Ok(());
    form.fields(&mut |key, value| {
        if outcome.is_ok() {
            outcome = map.serialize_entry(key, &value);
        }
    });
    outcome?;
    map.end()
}

/// The number that a span is in JSON.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
pub(crate) fn millis(span: Duration) -> f64 {
    let micros = span.as_secs().saturating_mul(1_000_000);
    micros.saturating_add(span.subsec_micros().into()) as f64 / 1000.0
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u16> for Value<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

impl From<Duration> for Value<'_> {
    fn from(span: Duration) -> Self {
        Self::Millis(span)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<&ShardId> for Value<'_> {
    fn from(shard: &ShardId) -> Self {
        Self::Pair([shard.number(), shard.total()])
    }
}

impl<'a, T: Form> From<&'a T> for Value<'a> {
    fn from(form: &'a T) -> Self {
        Self::Object(form)
    }
}

impl<'a, T: Form> From<&'a Option<T>> for Value<'a> {
    fn from(form: &'a Option<T>) -> Self {
        form.as_ref().into()
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

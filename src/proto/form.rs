//! The JSON form of what users see, as fields with their names: written once, for serde and for JavaScript.
//!
//! Apart from serde, as its way of writing made 8 KB of the module that browsers download; and with a method for each kind of
//! value, as values of one type for all kinds made another 3 KB.

use std::time::Duration;

use serde::{Serialize, Serializer, ser::SerializeMap};

/// Something that is an object in JSON.
pub trait Form {
    /// Gives each field to `put`, in order.
    fn fields(&self, put: &mut impl Put);
}

/// Takes fields, by what they may hold.
pub trait Put {
    /// `true` or `false`.
    fn flag(&mut self, key: &str, flag: bool);
    /// A span as milliseconds, with decimals, as a loopback round trip is far below one; or `null`.
    fn millis(&mut self, key: &str, span: Option<Duration>);
    /// An array of such.
    fn all_millis(&mut self, key: &str, spans: &[Duration]);
    /// A whole number.
    fn number(&mut self, key: &str, number: u64);
    /// An object, or `null`.
    fn object(&mut self, key: &str, form: Option<&impl Form>);
    /// An array of two numbers.
    fn pair(&mut self, key: &str, pair: [u32; 2]);
    /// An array of arrays of two numbers.
    fn pairs(&mut self, key: &str, pairs: &[(u32, u64)]);
    /// A text, or `null`.
    fn text(&mut self, key: &str, text: Option<&str>);
}

/// Writes `form` as serde wants it.
pub(crate) fn serialize<S: Serializer>(form: &impl Form, serializer: S) -> Result<S::Ok, S::Error> {
    let mut entries = Entries { map: serializer.serialize_map(None)?, outcome: Ok(()) };
    form.fields(&mut entries);
    entries.outcome?;
    entries.map.end()
}

/// A map that serde is writing, and whether that went well so far.
struct Entries<M: SerializeMap> {
    map: M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Entries<M> {
    fn entry(&mut self, key: &str, value: impl Serialize) {
        if self.outcome.is_ok() {
            self.outcome = self.map.serialize_entry(key, &value);
        }
    }
}

impl<M: SerializeMap> Put for Entries<M> {
    fn flag(&mut self, key: &str, flag: bool) {
        self.entry(key, flag);
    }

    fn millis(&mut self, key: &str, span: Option<Duration>) {
        self.entry(key, span.map(millis));
    }

    fn all_millis(&mut self, key: &str, spans: &[Duration]) {
        self.entry(key, spans.iter().copied().map(millis).collect::<Vec<_>>());
    }

    fn number(&mut self, key: &str, number: u64) {
        self.entry(key, number);
    }

    fn object(&mut self, key: &str, form: Option<&impl Form>) {
        self.entry(key, form.map(Formed));
    }

    fn pair(&mut self, key: &str, pair: [u32; 2]) {
        self.entry(key, pair);
    }

    fn pairs(&mut self, key: &str, pairs: &[(u32, u64)]) {
        self.entry(key, pairs);
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        self.entry(key, text);
    }
}

/// An object within another.
pub(crate) struct Formed<'a, F>(pub &'a F);

impl<F: Form> Serialize for Formed<'_, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0, serializer)
    }
}

/// The number that a span is in JSON.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
pub(crate) fn millis(span: Duration) -> f64 {
    let micros = span.as_secs().saturating_mul(1_000_000);
    micros.saturating_add(span.subsec_micros().into()) as f64 / 1000.0
}

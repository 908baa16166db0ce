//! Writes envelopes, in the key order of whichever server is being imitated. Never reads them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The order in which an envelope's keys are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOrder {
    /// Discord's own.
    #[default]
    #[serde(rename = "t,s,op,d")]
    TSOpD,
    /// Seen from other servers.
    #[serde(rename = "op,t,s,d")]
    OpTSD,
    /// Seen from other servers: the sequence number comes after a possibly large `d`.
    #[serde(rename = "op,t,d,s")]
    OpTDS,
    /// Seen from other servers.
    #[serde(rename = "op,d,t,s")]
    OpDTS,
}

/// What is written for `s` and `t` where there is nothing to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nothing {
    /// `null`, as Discord does.
    #[default]
    Null,
    /// The key is left out.
    Absent,
}

/// How envelopes look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) order: KeyOrder,
    pub(super) nothing: Nothing,
}

/// One envelope before it is written down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) op: u64,
    /// Name and sequence number of a dispatch.
    pub(super) dispatch: Option<(&'a str, u64)>,
    /// JSON text; `None` leaves the key out.
    pub(super) data: Option<&'a str>,
}

impl Envelope<'_> {
    pub(super) fn write(&self, shape: Shape) -> String {
        let mut text = String::with_capacity(self.data.map_or(0, str::len) + 80);
        text.push('{');
        let keys = match shape.order {
            KeyOrder::TSOpD => b"tsod",
            KeyOrder::OpTSD => b"otsd",
            KeyOrder::OpTDS => b"otds",
            KeyOrder::OpDTS => b"odts",
        };
        for key in keys {
            self.write_key(*key, shape.nothing, &mut text);
        }
        if text.ends_with(',') {
            text.pop();
        }
        text.push('}');
        text
    }

    fn write_key(&self, key: u8, nothing: Nothing, text: &mut String) {
        // Writing to a `String` cannot fail.
        let _ = match (key, self.dispatch, self.data) {
            (b'o', _, _) => write!(text, r#""op":{},"#, self.op),
            (b't', Some((name, _)), _) => write!(text, r#""t":{},"#, quoted(name)),
            (b's', Some((_, seq)), _) => write!(text, r#""s":{seq},"#),
            (b'd', _, Some(data)) => write!(text, r#""d":{data},"#),
            (b't', None, _) if nothing == Nothing::Null => write!(text, r#""t":null,"#),
            (b's', None, _) if nothing == Nothing::Null => write!(text, r#""s":null,"#),
            _ => Ok(()),
        };
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discords_form_is_the_default() {
        let ack = Envelope { op: 11, dispatch: None, data: Some("null") };
        assert_eq!(ack.write(Shape::default()), r#"{"t":null,"s":null,"op":11,"d":null}"#);
        let event = Envelope { op: 0, dispatch: Some(("A", 3)), data: Some("{}") };
        assert_eq!(event.write(Shape::default()), r#"{"t":"A","s":3,"op":0,"d":{}}"#);
    }

    #[test]
    fn other_orders_and_absent_keys_are_written_too() {
        let event = Envelope { op: 0, dispatch: Some(("A", 3)), data: Some("{}") };
        let with = |order, nothing| Shape { order, nothing };
        assert_eq!(
            event.write(with(KeyOrder::OpTDS, Nothing::Null)),
            r#"{"op":0,"t":"A","d":{},"s":3}"#
        );
        assert_eq!(
            event.write(with(KeyOrder::OpDTS, Nothing::Null)),
            r#"{"op":0,"d":{},"t":"A","s":3}"#
        );
        let bare = Envelope { op: 7, dispatch: None, data: None };
        assert_eq!(bare.write(with(KeyOrder::OpTSD, Nothing::Absent)), r#"{"op":7}"#);
        assert_eq!(
            bare.write(with(KeyOrder::OpTSD, Nothing::Null)),
            r#"{"op":7,"t":null,"s":null}"#
        );
    }
}

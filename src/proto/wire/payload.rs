//! The only payloads that the client itself reads and writes. The token is written here, in identify and resume, and
//! nowhere else.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Opcode, Presence, ShardId};

/// HELLO: source "Hello event".
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    /// Milliseconds between heartbeats.
    pub heartbeat_interval: u64,
}

/// The parts of READY that the client needs: source "Ready event".
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub session_id: String,
    #[serde(default)]
    pub resume_gateway_url: Option<String>,
}

/// What identify says about the client: source "Identify connection properties".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentifyProperties {
    /// The operating system.
    pub os: String,
    /// The library.
    pub browser: String,
    /// The library.
    pub device: String,
}

impl Default for IdentifyProperties {
    fn default() -> Self {
        Self {
            os: std::env::consts::OS.into(),
            browser: "shardwire".into(),
            device: "shardwire".into(),
        }
    }
}

/// Identify: source "Identify structure". Optional parts are left out, never null.
#[derive(Serialize)]
pub(crate) struct Identify<'a> {
    pub token: &'a str,
    pub properties: &'a IdentifyProperties,
    pub intents: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub large_threshold: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<&'a Presence>,
}

/// Resume: source "Resume structure".
#[derive(Serialize)]
pub(crate) struct Resume<'a> {
    pub token: &'a str,
    pub session_id: &'a str,
    pub seq: u64,
}

#[derive(Serialize)]
struct Outgoing<T> {
    op: u16,
    d: T,
}

/// The text of a message with opcode `opcode`. Sends carry only `op` and `d`.
pub(crate) fn encode<T: Serialize>(opcode: Opcode, data: T) -> String {
    // Plain structs with string keys always serialise; `expect` would bring the printing of errors that cannot be.
    serde_json::to_string(&Outgoing { op: opcode.0, d: data }).unwrap_or_default()
}

/// Like [`encode`], for data that is JSON already.
pub(crate) fn encode_raw(opcode: Opcode, data: &RawValue) -> String {
    encode(opcode, data)
}

/// Data of opcode 9: a bare boolean; anything but `true` counts as `false`.
pub(crate) fn is_resumable(data: &str) -> bool {
    data == "true"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identify_leaves_out_what_is_not_set() {
        let properties =
            IdentifyProperties { os: "o".into(), browser: "b".into(), device: "d".into() };
        let bare = Identify {
            token: "Bot x",
            properties: &properties,
            intents: 513,
            large_threshold: None,
            shard: None,
            presence: None,
        };
        assert_eq!(
            encode(Opcode::IDENTIFY, &bare),
            r#"{"op":2,"d":{"token":"Bot x","properties":{"os":"o","browser":"b","device":"d"},"intents":513}}"#
        );
        let presence = Presence::default();
        let full = Identify {
            large_threshold: Some(250),
            shard: ShardId::new(1, 4),
            presence: Some(&presence),
            ..bare
        };
        let text = encode(Opcode::IDENTIFY, &full);
        assert!(text.contains(r#""large_threshold":250,"shard":[1,4],"presence":{"#), "{text}");
    }

    #[test]
    fn resume_carries_exactly_its_three_fields() {
        let resume = Resume { token: "Bot x", session_id: "abc", seq: 9 };
        assert_eq!(
            encode(Opcode::RESUME, &resume),
            r#"{"op":6,"d":{"token":"Bot x","session_id":"abc","seq":9}}"#
        );
    }

    #[test]
    fn heartbeats_carry_the_sequence_or_null() {
        assert_eq!(encode(Opcode::HEARTBEAT, None::<u64>), r#"{"op":1,"d":null}"#);
        assert_eq!(encode(Opcode::HEARTBEAT, Some(251)), r#"{"op":1,"d":251}"#);
    }

    #[test]
    fn only_a_bare_true_makes_an_invalid_session_resumable() {
        assert!(is_resumable("true"));
        for data in ["false", "null", "1", "{}", r#""true""#] {
            assert!(!is_resumable(data), "{data}");
        }
    }
}

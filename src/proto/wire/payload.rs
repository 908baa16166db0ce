//! The only payloads that the client itself reads and writes. The token is written here, in identify and resume, and
//! nowhere else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Opcode, Presence, ShardId, scan};

/// HELLO: source "Hello event".
pub(crate) struct Hello {
    /// The time between heartbeats.
    pub heartbeat_interval: Duration,
}

impl Hello {
    /// `None` unless there is an interval above zero.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let mut millis = None;
        scan::each_field(data, |key, value| {
            if key == "heartbeat_interval" {
                millis = value.text.parse().ok();
            }
        })
        .ok()?;
        let heartbeat_interval = Duration::from_millis(millis.filter(|millis| *millis > 0)?);
        Some(Self { heartbeat_interval })
    }
}

/// The parts of READY that the client needs: source "Ready event".
pub(crate) struct Ready {
    pub session_id: String,
    pub resume_gateway_url: Option<String>,
}

impl Ready {
    /// `None` unless there is a session id. READY may be megabytes long, of which two texts are looked at.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let [mut session_id, mut resume_gateway_url] = [const { None }; 2];
        scan::each_field(data, |key, value| match key {
            "resume_gateway_url" => resume_gateway_url = scan::to_text(value.text),
            "session_id" => session_id = scan::to_text(value.text),
            _ => {}
        })
        .ok()?;
        Some(Self {
            session_id: session_id.filter(|id| !id.is_empty())?.into(),
            resume_gateway_url: resume_gateway_url.map(Into::into),
        })
    }
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
    /// Payload compression.
    #[serde(skip_serializing_if = "is_not")]
    pub compress: bool,
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
pub(crate) fn encode_json(opcode: Opcode, data: &str) -> String {
    format!(r#"{{"op":{},"d":{data}}}"#, opcode.0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_not(flag: &bool) -> bool {
    !flag
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
            compress: false,
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
            compress: true,
            ..bare
        };
        let text = encode(Opcode::IDENTIFY, &full);
        assert!(text.contains(r#""large_threshold":250,"shard":[1,4],"presence":{"#), "{text}");
        assert!(text.ends_with(r#","compress":true}}"#), "{text}");
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
    fn hello_needs_an_interval_above_zero() {
        let interval = |data| Hello::parse(data).map(|hello| hello.heartbeat_interval);
        let genuine = r#"{"_trace":["[{\"micros\":0.0}]"],"heartbeat_interval":41250}"#;
        assert_eq!(interval(genuine), Some(Duration::from_millis(41_250)));
        for data in [
            "null",
            "{}",
            r#"{"heartbeat_interval":0}"#,
            r#"{"heartbeat_interval":-1}"#,
            r#"{"heartbeat_interval":"5"}"#,
            r#"{"heartbeat_interval":1e3}"#,
            "[]",
        ] {
            assert_eq!(interval(data), None, "{data}");
        }
    }

    #[test]
    fn ready_needs_a_session_id_and_nothing_else() {
        let ready = Ready::parse(r#"{"v":10,"guilds":[{"session_id":"no"}],"session_id":"a"}"#);
        assert_eq!(
            ready.map(|ready| (ready.session_id, ready.resume_gateway_url)),
            Some(("a".into(), None))
        );
        let ready = Ready::parse(r#"{"session_id":"a","resume_gateway_url":"wss:\/\/x"}"#);
        assert_eq!(ready.and_then(|ready| ready.resume_gateway_url).as_deref(), Some("wss://x"));
        for data in
            ["null", "{}", r#"{"session_id":null}"#, r#"{"session_id":""}"#, r#"{"session_id":5}"#]
        {
            assert!(Ready::parse(data).is_none(), "{data}");
        }
    }

    #[test]
    fn only_a_bare_true_makes_an_invalid_session_resumable() {
        assert!(is_resumable("true"));
        for data in ["false", "null", "1", "{}", r#""true""#] {
            assert!(!is_resumable(data), "{data}");
        }
    }
}

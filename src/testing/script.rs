//! Faults and scripts: what can go wrong, when, and how both are written in JSON. Never does any of it.

use serde::{Deserialize, Serialize};

use super::{
    envelope::{KeyOrder, Nothing},
    exchange::Host,
};

/// Something that goes wrong on purpose.
///
/// In JSON an object whose key `fault` names the variant in snake case; the fields stand next to it. Fields shown with a
/// value of `null` or 1 below may be left out.
///
/// A fault acts on the connection that its [`When`] is about, or on all open ones if it was injected from outside; one that
/// finds none open waits for the next connection and acts there before HELLO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Close with a code. `{"fault":"close","code":4000,"reason":"deploy"}`
    Close {
        /// The close code.
        code: u16,
        /// The reason, at most 123 bytes.
        #[serde(default)]
        reason: String,
    },
    /// Close with an empty close frame; the client sees 1005. `{"fault":"close_without_code"}`
    CloseWithoutCode,
    /// Drop the connection without a close frame; the client sees 1006. `{"fault":"cut"}`
    Cut,
    /// Send op 7. `{"fault":"reconnect"}`
    Reconnect,
    /// Send op 9. The session ends unless `resumable` is true; `null` leaves out `d`.
    /// `{"fault":"invalid_session","resumable":false}`
    InvalidSession {
        /// The value of `d`.
        #[serde(default)]
        resumable: Option<bool>,
    },
    /// Send op 1, which asks for a heartbeat at once. `{"fault":"heartbeat_request"}`
    HeartbeatRequest,
    /// Send nothing more, not even a close frame, as if the path were dead; `null` milliseconds: for good. Afterwards the
    /// events held back are sent; answers to heartbeats are not. `{"fault":"silence","ms":30000}`
    Silence {
        /// How long.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// Leave the next heartbeats unanswered while events flow on. `{"fault":"no_acks","times":1}`
    NoAcks {
        /// How many heartbeats.
        #[serde(default = "once")]
        times: u32,
    },
    /// Send everything late from now on; 0 ends it. `{"fault":"delay","ms":500}`
    Delay {
        /// How late.
        ms: u64,
    },
    /// Spread each of the next messages over several WebSocket messages, the last cut inside the zlib suffix. Clients must
    /// put `zlib-stream` together again; in `zstd-stream` a message is never split, so there it is a violation. Nothing
    /// happens on connections without a stream. `{"fault":"split","parts":3,"times":1}`
    Split {
        /// WebSocket messages per gateway message.
        parts: u32,
        /// How many gateway messages.
        #[serde(default = "once")]
        times: u32,
    },
    /// Send the next messages as WebSocket fragments of so many bytes, the last one empty.
    /// `{"fault":"fragments","bytes":1024,"times":1}`
    Fragments {
        /// Size of a fragment.
        bytes: u32,
        /// How many messages.
        #[serde(default = "once")]
        times: u32,
    },
    /// Turn over bytes in the next messages: broken zlib or zstd, or broken JSON without compression.
    /// `{"fault":"corrupt","times":1}`
    Corrupt {
        /// How many messages.
        #[serde(default = "once")]
        times: u32,
    },
    /// Send a text message as it stands, past compression. `{"fault":"raw_text","text":"<html>"}`
    RawText {
        /// The message.
        text: String,
    },
    /// Send a binary message as it stands, past compression. `{"fault":"raw_bytes","hex":"00ff"}`
    RawBytes {
        /// The bytes in hexadecimal.
        #[serde(with = "hex")]
        hex: Vec<u8>,
    },
    /// Send a binary message of chance bytes. `{"fault":"garbage","bytes":64}`
    Garbage {
        /// How many, at most 16 MiB.
        bytes: u32,
    },
    /// Send a gateway message of this text through the connection's compression, for opcodes and envelopes of your own.
    /// `{"fault":"message","text":"{\"op\":99,\"d\":null}"}`
    Message {
        /// The whole envelope.
        text: String,
    },
    /// Send an event with the next sequence number to each session; with `guild_id` to those whose shard the guild belongs to.
    /// `{"fault":"dispatch","name":"TYPING_START","data":"{}","guild_id":null}`
    Dispatch {
        /// The event's name.
        name: String,
        /// The event's data as JSON text, sent byte for byte.
        data: String,
        /// Where it happens. On one connection alone it says nothing.
        #[serde(default)]
        guild_id: Option<u64>,
    },
    /// Send an event `MOCK_BIG_MESSAGE` whose data is about so many bytes that compress to half.
    /// `{"fault":"big_message","bytes":5000000}`
    BigMessage {
        /// How many, at most 64 MiB.
        bytes: u32,
    },
    /// Send a message that inflates to so many zero bytes. Nothing happens on connections without compression.
    /// `{"fault":"inflate_bomb","bytes":500000000}`
    InflateBomb {
        /// How many, at most 4 GiB.
        bytes: u32,
    },
    /// Answer the next WebSocket handshakes with an HTTP status.
    /// `{"fault":"refuse_handshake","status":503,"host":null,"times":1}`
    RefuseHandshake {
        /// The HTTP status.
        status: u16,
        /// `"base"`, `"resume"`, or `null` for both.
        #[serde(default)]
        host: Option<Host>,
        /// How many handshakes.
        #[serde(default = "once")]
        times: u32,
    },
    /// Nobody listens at the resume address any more; `null` milliseconds: for good. 0 brings it back.
    /// `{"fault":"dead_resume_host","ms":null}`
    DeadResumeHost {
        /// How long.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// Forget all sessions; their connections stay open until they are used for a resume. `{"fault":"forget_sessions"}`
    ForgetSessions,
    /// Send no HELLO on the next connections. `{"fault":"no_hello","times":1}`
    NoHello {
        /// How many connections.
        #[serde(default = "once")]
        times: u32,
    },
    /// Send op 7 right before HELLO on the next connections. `{"fault":"reconnect_before_hello","times":1}`
    ReconnectBeforeHello {
        /// How many connections.
        #[serde(default = "once")]
        times: u32,
    },
    /// Send op 7 and no HELLO on the next connections. `{"fault":"reconnect_instead_of_hello","times":1}`
    ReconnectInsteadOfHello {
        /// How many connections.
        #[serde(default = "once")]
        times: u32,
    },
    /// Never answer the next identifies. `{"fault":"never_ready","times":1}`
    NeverReady {
        /// How many identifies.
        #[serde(default = "once")]
        times: u32,
    },
    /// Never answer the next resumes. `{"fault":"never_resumed","times":1}`
    NeverResumed {
        /// How many resumes.
        #[serde(default = "once")]
        times: u32,
    },
    /// Answer the next identifies with op 9. `{"fault":"refuse_identify","resumable":null,"times":1}`
    RefuseIdentify {
        /// The value of `d`; `null` leaves it out.
        #[serde(default)]
        resumable: Option<bool>,
        /// How many identifies.
        #[serde(default = "once")]
        times: u32,
    },
    /// Answer the next resumes with op 9. The session ends unless `resumable` is true.
    /// `{"fault":"refuse_resume","resumable":true,"times":1}`
    RefuseResume {
        /// The value of `d`; `null` leaves it out.
        #[serde(default)]
        resumable: Option<bool>,
        /// How many resumes.
        #[serde(default = "once")]
        times: u32,
    },
    /// Begin the next replays with the last event that the client has already. `{"fault":"duplicate_last","times":1}`
    DuplicateLast {
        /// How many resumes.
        #[serde(default = "once")]
        times: u32,
    },
    /// Write envelopes in another key order, for so many messages; `null`: for good.
    /// `{"fault":"key_order","order":"op,t,d,s","nothing":"absent","times":null}`
    KeyOrder {
        /// One of `t,s,op,d`, `op,t,s,d`, `op,t,d,s` and `op,d,t,s`.
        order: KeyOrder,
        /// Whether an `s` or `t` without a value is `"null"` or `"absent"`.
        #[serde(default)]
        nothing: Nothing,
        /// How many messages.
        #[serde(default)]
        times: Option<u32>,
    },
    /// Send the next READY or RESUMED with `s` 0. `{"fault":"sequence_zero","of":"ready","times":1}`
    SequenceZero {
        /// `"ready"` or `"resumed"`.
        of: Answer,
        /// How many of them.
        #[serde(default = "once")]
        times: u32,
    },
}

/// The two events that answer a client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// READY.
    Ready,
    /// RESUMED.
    Resumed,
}

/// A list of faults with their moments. In JSON an array of [`Step`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Script(pub Vec<Step>);

impl Script {
    /// Reads a script from JSON.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// One fault with its moment: `{"at":{"dispatch":10},"do":{"fault":"cut"},"repeat":false}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The moment.
    pub at: When,
    /// The fault.
    #[serde(rename = "do")]
    pub fault: Fault,
    /// Whether it comes again at every multiple of the number in `at`.
    #[serde(default)]
    pub repeat: bool,
}

/// A moment in the life of a mock gateway. Counting starts at 1 and runs over all connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// So many milliseconds after the start: `{"ms":5000}`.
    Ms(u64),
    /// Right after the nth event was sent, READY and RESUMED included: `{"dispatch":10}`.
    Dispatch(u64),
    /// When the nth connection opens, before HELLO: `{"connection":2}`.
    Connection(u64),
    /// When the nth identify arrives, before its answer: `{"identify":1}`.
    Identify(u64),
    /// When the nth resume arrives, before its answer: `{"resume":1}`.
    Resume(u64),
    /// When the nth heartbeat arrives, before its answer: `{"heartbeat":3}`.
    Heartbeat(u64),
    /// When the nth command of a user arrives, before its answer: `{"command":1}`.
    Command(u64),
}

fn once() -> u32 {
    1
}

/// Bytes as hexadecimal text.
mod hex {
    use std::fmt::Write as _;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(bytes.len() * 2);
        for byte in bytes {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let expected = || D::Error::custom("expected pairs of hexadecimal digits in `hex`");
        let digit =
            |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let pairs = text.as_bytes().chunks(2);
        pairs
            .map(|pair| match pair {
                [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Fault {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn the_documented_forms_are_read() {
        let own_source = include_str!("script.rs");
        let examples: Vec<&str> = own_source
            .lines()
            .filter(|line| line.trim_start().starts_with("///"))
            .filter_map(|line| Some(&line[line.find("`{\"fault\"")? + 1..line.rfind('`')?]))
            .collect();
        assert!(examples.len() > 25, "{} examples", examples.len());
        for example in examples {
            read(example);
        }
    }

    #[test]
    fn counts_default_to_once_and_bytes_come_as_hex() {
        assert_eq!(read(r#"{"fault":"no_hello"}"#), Fault::NoHello { times: 1 });
        let raw = read(r#"{"fault":"raw_bytes","hex":"00fF7a"}"#);
        assert_eq!(raw, Fault::RawBytes { hex: vec![0, 255, 0x7a] });
        let again = serde_json::to_string(&raw).expect("faults can be written");
        assert_eq!(read(&again), raw);
    }

    #[test]
    fn mistakes_are_named() {
        let wrong = |text| serde_json::from_str::<Fault>(text).expect_err(text).to_string();
        assert!(wrong(r#"{"fault":"explode"}"#).contains("explode"));
        assert!(wrong(r#"{"fault":"close","cod":1}"#).contains("cod"));
        assert!(wrong(r#"{"fault":"raw_bytes","hex":"0"}"#).contains("hexadecimal"));
    }

    #[test]
    fn a_script_is_a_list_of_moments_and_faults() {
        let text = r#"[{"at":{"dispatch":10},"do":{"fault":"cut"}},
                       {"at":{"ms":500},"do":{"fault":"reconnect"},"repeat":true}]"#;
        let script = Script::from_json(text).expect("valid script");
        assert_eq!(script.0[0].at, When::Dispatch(10));
        assert!(script.0[1].repeat && !script.0[0].repeat);
    }
}

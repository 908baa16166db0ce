//! The only payloads that the client itself reads and writes. The token is written here, in identify and resume, and
//! nowhere else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Opcode, ShardId,
    json::Object,
    scan::{self, Value},
    url::cut,
};
use crate::proto::words::Say;

/// HELLO: source "Hello event".
pub(crate) struct Hello {
    /// The time between heartbeats.
    pub heartbeat_interval: Duration,
}

impl Hello {
    /// `None` unless there is an interval above zero.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let [interval] = scan::fields(data, ["heartbeat_interval"]).ok()?;
        let millis = interval?.number();
        let heartbeat_interval = Duration::from_millis(millis.filter(|millis| *millis > 0)?);
        Some(Self { heartbeat_interval })
    }
}

/// The parts of READY that the client needs: source "Ready event".
pub(crate) struct Ready {
    pub session_id: String,
    pub resume_gateway_url: Option<String>,
    /// The bot's own id.
    pub user_id: Option<String>,
}

impl Ready {
    /// `None` unless there is a session id. READY may be megabytes long, of which three texts are looked at.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let names = ["session_id", "resume_gateway_url", "user"];
        let [session_id, resume_gateway_url, user] = scan::fields(data, names).ok()?;
        // The bot's own id is only wanted, so a READY without it is no fault.
        let user = user.and_then(|user| scan::fields(user.text, ["id"]).ok());
        Some(Self {
            session_id: session_id?.content().filter(|id| !id.is_empty())?,
            resume_gateway_url: resume_gateway_url.and_then(Value::content),
            user_id: user.and_then(|[id]| to_id(id)),
        })
    }
}

/// The parts of a `GUILD_MEMBERS_CHUNK` that tell where it belongs: source "Guild Members Chunk".
pub(crate) struct MembersChunk {
    pub index: u32,
    pub count: u32,
    pub nonce: String,
}

impl MembersChunk {
    /// `None` unless it is numbered and carries a nonce.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let names = ["chunk_index", "chunk_count", "nonce"];
        let [index, count, nonce] = scan::fields(data, names).ok()?;
        let [index, count] = [index?.number()?, count?.number()?];
        let nonce = nonce?.content()?;
        Some(Self { index: index.try_into().ok()?, count: count.try_into().ok()?, nonce })
    }
}

/// An answer that belongs to a guild: `SOUNDBOARD_SOUNDS`, `CHANNEL_INFO`, `VOICE_SERVER_UPDATE`.
pub(crate) struct GuildAnswer {
    pub guild_id: String,
}

impl GuildAnswer {
    /// `None` unless it names a guild.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let [guild_id] = scan::fields(data, ["guild_id"]).ok()?;
        Some(Self { guild_id: to_id(guild_id)? })
    }
}

/// The parts of a `VOICE_STATE_UPDATE` that tell whose it is: source "Voice State Object".
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub(crate) struct VoiceAnswer {
    pub guild_id: String,
    pub user_id: String,
    pub session_id: String,
    /// `None`: in no channel.
    pub channel_id: Option<String>,
}

impl VoiceAnswer {
    /// `None` unless it names a guild, a user and a session.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let names = ["guild_id", "user_id", "session_id", "channel_id"];
        let [guild_id, user_id, session_id, channel_id] = scan::fields(data, names).ok()?;
        Some(Self {
            guild_id: to_id(guild_id)?,
            user_id: to_id(user_id)?,
            session_id: session_id?.content()?,
            channel_id: to_id(channel_id),
        })
    }
}

/// The dispatch that refuses a command for a while: source "Rate Limited".
pub(crate) struct RateLimited {
    pub opcode: u16,
    pub retry_after: Duration,
    pub guild_id: Option<String>,
    pub nonce: Option<String>,
}

impl RateLimited {
    /// `None` unless it names an opcode and a time.
    pub(crate) fn parse(data: &str) -> Option<Self> {
        let names = ["opcode", "retry_after", "meta"];
        let [opcode, retry_after, meta] = scan::fields(data, names).ok()?;
        // Only opcode 8 has a documented `meta`; what others carry is not looked into.
        let meta = meta.and_then(|meta| scan::fields(meta.text, ["guild_id", "nonce"]).ok());
        let [guild_id, nonce] = meta.unwrap_or_default();
        Some(Self {
            opcode: opcode?.number()?.try_into().ok()?,
            retry_after: seconds(retry_after?.text)?,
            guild_id: to_id(guild_id),
            nonce: nonce.and_then(Value::content),
        })
    }
}

/// An id, which some servers write as a number.
fn to_id(value: Option<Value<'_>>) -> Option<String> {
    let value = value.filter(|value| value.text != "null")?;
    value.content().or_else(|| Some(value.text.to_owned()))
}

/// Seconds with decimals, from a JSON number; rounded up to milliseconds. By hand, as reading floats would be the largest
/// function of the module that browsers download.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, decimals) = cut(value, b'.').unwrap_or((value, ""));
    let digit = |at: usize| decimals.as_bytes().get(at).map_or(0, |byte| byte.wrapping_sub(b'0'));
    let millis =
        [0, 1, 2].map(digit).iter().fold(0, |millis, digit| millis * 10 + u64::from(*digit));
    let is_number = decimals.bytes().all(|byte| byte.is_ascii_digit());
    let span = Duration::from_secs(whole.parse().ok()?) + Duration::from_millis(millis);
    is_number.then(|| span.saturating_add(Duration::from_millis(u64::from(decimals.len() > 3))))
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

impl IdentifyProperties {
    fn to_json(&self) -> String {
        let Self { os, browser, device } = self;
        Object::new().text("os", os).text("browser", browser).text("device", device).end()
    }
}

/// Identify: source "Identify structure". Optional parts are left out, never null.
pub(crate) struct Identify<'a> {
    pub token: &'a str,
    pub properties: &'a IdentifyProperties,
    pub intents: u64,
    pub large_threshold: Option<u16>,
    pub shard: Option<ShardId>,
    pub capabilities: Option<u64>,
    /// Payload compression.
    pub compress: bool,
    /// JSON already: it may be the data of an earlier opcode 3.
    pub presence: Option<&'a str>,
}

impl Identify<'_> {
    /// The text of the message.
    pub(crate) fn encode(&self) -> String {
        let mut data = Object::new();
        data.text("token", self.token)
            .json("properties", &self.properties.to_json())
            .number("intents", self.intents);
        if let Some(members) = self.large_threshold {
            data.number("large_threshold", members.into());
        }
        if let Some(shard) = self.shard {
            let [number, total] = [shard.number(), shard.total()].map(|part| part.said());
            data.json("shard", &["[", &number, ",", &total, "]"].concat());
        }
        if let Some(flags) = self.capabilities {
            data.number("capabilities", flags);
        }
        if self.compress {
            data.flag("compress", true);
        }
        if let Some(presence) = self.presence {
            data.json("presence", presence);
        }
        encode(Opcode::IDENTIFY, &data.end())
    }
}

/// Resume: source "Resume structure".
pub(crate) struct Resume<'a> {
    pub token: &'a str,
    pub session_id: &'a str,
    pub seq: u64,
}

impl Resume<'_> {
    /// The text of the message.
    pub(crate) fn encode(&self) -> String {
        let mut data = Object::new();
        data.text("token", self.token).text("session_id", self.session_id);
        encode(Opcode::RESUME, &data.number("seq", self.seq).end())
    }
}

/// The text of a heartbeat with the newest sequence number.
pub(crate) fn heartbeat(sequence: Option<u64>) -> String {
    encode(Opcode::HEARTBEAT, sequence.map_or("null".into(), |number| number.said()).as_str())
}

/// The text of a message with opcode `opcode` and data that is JSON. Sends carry only `op` and `d`.
pub(crate) fn encode(opcode: Opcode, data: &str) -> String {
    Object::new().number("op", opcode.0.into()).json("d", data).end()
}

/// The guild whose members are asked for all together by the data of an opcode 8; `None` if fewer are.
pub(crate) fn all_members_of(data: &str) -> Option<u64> {
    let [guild, query, limit] = scan::fields(data, ["guild_id", "query", "limit"]).ok()?;
    let is_all = query?.text == "\"\"" && limit?.text == "0";
    to_id(guild).filter(|_| is_all)?.parse().ok()
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
            capabilities: None,
            compress: false,
            presence: None,
        };
        assert_eq!(
            bare.encode(),
            r#"{"op":2,"d":{"token":"Bot x","properties":{"os":"o","browser":"b","device":"d"},"intents":513}}"#
        );
        let full = Identify {
            large_threshold: Some(250),
            shard: ShardId::new(1, 4),
            capabilities: Some(1 << 15),
            compress: true,
            presence: Some(r#"{"status":"dnd"}"#),
            ..bare
        };
        let text = full.encode();
        let end = r#""large_threshold":250,"shard":[1,4],"capabilities":32768,"compress":true,"presence":{"status":"dnd"}}}"#;
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn resume_carries_exactly_its_three_fields() {
        let resume = Resume { token: "Bot x", session_id: "abc", seq: 9 };
        assert_eq!(resume.encode(), r#"{"op":6,"d":{"token":"Bot x","session_id":"abc","seq":9}}"#);
    }

    #[test]
    fn heartbeats_carry_the_sequence_or_null() {
        assert_eq!(heartbeat(None), r#"{"op":1,"d":null}"#);
        assert_eq!(heartbeat(Some(251)), r#"{"op":1,"d":251}"#);
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
            ready.map(|ready| (ready.session_id, ready.resume_gateway_url, ready.user_id)),
            Some(("a".into(), None, None))
        );
        let ready = Ready::parse(r#"{"user":{"username":"x","id":"82"},"session_id":"a"}"#);
        assert_eq!(ready.and_then(|ready| ready.user_id).as_deref(), Some("82"));
        let ready = Ready::parse(r#"{"session_id":"a","resume_gateway_url":"wss:\/\/x"}"#);
        assert_eq!(ready.and_then(|ready| ready.resume_gateway_url).as_deref(), Some("wss://x"));
        for data in
            ["null", "{}", r#"{"session_id":null}"#, r#"{"session_id":""}"#, r#"{"session_id":5}"#]
        {
            assert!(Ready::parse(data).is_none(), "{data}");
        }
    }

    #[test]
    fn a_refusal_says_for_how_long_in_seconds() {
        let text = r#"{"opcode":8,"retry_after":29.4571,"meta":{"guild_id":"5","nonce":"n"}}"#;
        let refusal = RateLimited::parse(text).expect("documented form");
        assert_eq!((refusal.opcode, refusal.retry_after), (8, Duration::from_millis(29_458)));
        assert_eq!((refusal.guild_id.as_deref(), refusal.nonce.as_deref()), (Some("5"), Some("n")));
        for (number, millis) in [("2", 2000), ("0.5", 500), ("0.05", 50), ("1.0", 1000)] {
            assert_eq!(seconds(number), Some(Duration::from_millis(millis)), "{number}");
        }
        for number in ["-1", "null", "\"5\"", "1.x", "1e3", ""] {
            assert_eq!(seconds(number), None, "{number}");
        }
    }

    #[test]
    fn ids_are_read_as_texts_and_as_numbers() {
        let chunk = MembersChunk::parse(r#"{"chunk_index":1,"chunk_count":3,"nonce":"a.1"}"#);
        let chunk = chunk.expect("documented form");
        assert_eq!((chunk.index, chunk.count, chunk.nonce.as_str()), (1, 3, "a.1"));
        let voice = VoiceAnswer::parse(
            r#"{"guild_id":12,"user_id":"7","channel_id":null,"session_id":"s"}"#,
        );
        let voice = voice.expect("documented form");
        assert_eq!((voice.guild_id.as_str(), voice.user_id.as_str()), ("12", "7"));
        assert_eq!((voice.channel_id, voice.session_id.as_str()), (None, "s"));
        assert!(GuildAnswer::parse("{}").is_none());
    }

    #[test]
    fn only_a_bare_true_makes_an_invalid_session_resumable() {
        assert!(is_resumable("true"));
        for data in ["false", "null", "1", "{}", r#""true""#] {
            assert!(!is_resumable(data), "{data}");
        }
    }
}

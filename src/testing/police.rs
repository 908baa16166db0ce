//! What Discord punishes: reads a client's messages and names the breach, if there is one. Judges one message at a time;
//! knows no session and no connection.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{etf, events::ALL_INTENTS};
use crate::proto::{Encoding, Frame, Opcode};

/// Something a client did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Breach {
    /// The close code it is punished with; `None`: Discord lets it pass.
    pub(super) code: Option<u16>,
    pub(super) reason: String,
}

impl Breach {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code: Some(code), reason: reason.into() }
    }

    pub(super) fn unpunished(reason: impl Into<String>) -> Self {
        Self { code: None, reason: reason.into() }
    }
}

/// A message of a client, understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Heartbeat(Option<u64>),
    Identify(Identify),
    Presence(Presence),
    Voice { guild: u64, channel: Option<u64>, own: [bool; 2] },
    Resume { token: String, session: String, seq: u64 },
    Members(Members),
    Soundboard(Vec<u64>),
    ChannelInfo { guild: u64, fields: Vec<String> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Identify {
    pub(super) token: String,
    pub(super) intents: u64,
    pub(super) shard: [u32; 2],
    pub(super) compress: bool,
    pub(super) large_threshold: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Presence {
    pub(super) status: String,
    /// JSON text.
    pub(super) activities: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Members {
    pub(super) guild: u64,
    pub(super) wanted: Wanted,
    pub(super) presences: bool,
    pub(super) nonce: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    All,
    Prefix {
        query: String,
        limit: u32,
    },
    /// `None` for what is no snowflake.
    Ids(Vec<Option<u64>>),
}

/// The largest payload a client may send, in bytes.
const LARGEST: usize = 4096;

/// A message as JSON text.
pub(super) fn text(frame: &Frame, encoding: Encoding) -> Result<Cow<'_, str>, Breach> {
    if frame.len() > LARGEST {
        return Err(Breach::new(
            4002,
            format!("payload of {} bytes, at most {LARGEST} are allowed", frame.len()),
        ));
    }
    match (encoding, frame) {
        (Encoding::Etf, Frame::Binary(bytes)) => match etf::read(bytes) {
            Ok(value) => Ok(Cow::Owned(value.to_string())),
            Err(why) => Err(Breach::new(4002, format!("broken ETF: {why}"))),
        },
        (Encoding::Etf, Frame::Text(_)) => {
            Err(Breach::new(4002, "text message, expected binary with encoding=etf"))
        }
        (_, Frame::Text(text)) => Ok(Cow::Borrowed(text)),
        (_, Frame::Binary(_)) => {
            Err(Breach::new(4002, "binary message, expected text with encoding=json"))
        }
    }
}

/// The opcode and data of a message.
pub(super) fn read(text: &str) -> Result<(u64, Value), Breach> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Breach::new(4002, format!("broken JSON: {error}")))?;
    let Value::Object(mut envelope) = value else {
        return Err(Breach::new(4002, "expected an object with op and d"));
    };
    let op = envelope.get("op").and_then(Value::as_u64);
    let op = op.ok_or_else(|| Breach::new(4002, "expected an integer op"))?;
    let data = envelope.remove("d");
    let data = data.ok_or_else(|| Breach::new(4002, "expected the key d"))?;
    Fields::of(&envelope, "envelope", 4002).only(&["op", "s", "t"])?;
    Ok((op, data))
}

/// What a message asks for.
pub(super) fn understand(op: u64, data: &Value) -> Result<Request, Breach> {
    let opcode = u16::try_from(op).map(Opcode);
    let opcode = opcode.map_err(|_| Breach::new(4001, format!("unknown opcode {op}")))?;
    match opcode {
        Opcode::HEARTBEAT => heartbeat(data),
        Opcode::IDENTIFY => identify(data).map(Request::Identify),
        Opcode::PRESENCE_UPDATE => {
            presence(&object(data, "presence update", 4001)?).map(Request::Presence)
        }
        Opcode::VOICE_STATE_UPDATE => voice(&object(data, "voice state update", 4001)?),
        Opcode::RESUME => resume(&object(data, "resume", 4001)?),
        Opcode::REQUEST_GUILD_MEMBERS => members(&object(data, "request guild members", 4001)?),
        Opcode::REQUEST_SOUNDBOARD_SOUNDS => {
            soundboard(&object(data, "request soundboard sounds", 4001)?)
        }
        Opcode::REQUEST_CHANNEL_INFO => channel_info(&object(data, "request channel info", 4001)?),
        other => Err(Breach::new(4001, format!("no opcode for clients: {other}"))),
    }
}

/// Whether a client may send this opcode before it has identified.
pub(super) fn is_for_strangers(op: u64) -> bool {
    matches!(op, 1 | 2 | 6)
}

fn heartbeat(data: &Value) -> Result<Request, Breach> {
    match data {
        Value::Null => Ok(Request::Heartbeat(None)),
        seq => seq
            .as_u64()
            .map(|seq| Request::Heartbeat(Some(seq)))
            .ok_or_else(|| Breach::new(4001, "heartbeat: expected an integer or null")),
    }
}

fn identify(data: &Value) -> Result<Identify, Breach> {
    let fields = object(data, "identify", 4002)?;
    fields.only(&[
        "token",
        "properties",
        "intents",
        "compress",
        "large_threshold",
        "shard",
        "presence",
        "capabilities",
    ])?;
    properties(&fields)?;
    if let Some(value) = fields.map.get("presence") {
        presence(&object(value, "identify.presence", 4002)?)?;
    }
    fields.optional("capabilities", Value::as_u64, "an integer")?;
    let large_threshold =
        fields.optional("large_threshold", Value::as_u64, "an integer")?.unwrap_or(50);
    if !(50..=250).contains(&large_threshold) {
        return Err(Breach::new(
            4002,
            format!("large_threshold {large_threshold}, expected 50 to 250"),
        ));
    }
    let intents = fields.required("intents", Value::as_u64, "an integer")?;
    if intents & !ALL_INTENTS != 0 {
        return Err(Breach::new(
            4013,
            format!("unknown intent bits {:#x}", intents & !ALL_INTENTS),
        ));
    }
    Ok(Identify {
        token: fields.text("token")?,
        intents,
        shard: shard(&fields)?,
        compress: fields.optional("compress", Value::as_bool, "a boolean")?.unwrap_or(false),
        large_threshold: u32::try_from(large_threshold).unwrap_or(250),
    })
}

fn properties(identify: &Fields<'_>) -> Result<(), Breach> {
    let value = identify.required("properties", Some, "an object")?;
    let properties = object(value, "identify.properties", 4002)?;
    // The forms with a dollar sign are deprecated, yet accepted.
    properties.only(&["os", "browser", "device", "$os", "$browser", "$device"])?;
    for key in properties.map.keys() {
        properties.text(key)?;
    }
    Ok(())
}

fn shard(identify: &Fields<'_>) -> Result<[u32; 2], Breach> {
    let Some(value) = identify.map.get("shard") else { return Ok([0, 1]) };
    let numbers: Option<Vec<u32>> = value.as_array().and_then(|items| {
        items
            .iter()
            .map(|item| item.as_u64().and_then(|number| u32::try_from(number).ok()))
            .collect()
    });
    match numbers.as_deref() {
        Some(&[id, count]) if id < count => Ok([id, count]),
        Some(&[id, count]) => Err(Breach::new(4010, format!("shard {id} of {count}"))),
        _ => Err(Breach::new(4002, "identify.shard: expected two integers")),
    }
}

fn presence(fields: &Fields<'_>) -> Result<Presence, Breach> {
    let Fields { code, what, .. } = *fields;
    fields.only_or(4002, &["since", "activities", "status", "afk"])?;
    let whole_or_null = |value: &Value| (value.is_null() || value.is_u64()).then_some(());
    fields.required("since", whole_or_null, "an integer or null")?;
    fields.required("afk", Value::as_bool, "a boolean")?;
    let status = fields.text("status")?;
    if !matches!(status.as_str(), "online" | "dnd" | "idle" | "invisible" | "offline") {
        return Err(Breach::new(code, format!("{what}: unknown status")));
    }
    let activities = fields.required("activities", Value::as_array, "an array")?;
    for activity in activities {
        let activity = object(activity, "activity", code)?;
        activity.only_or(4002, &["name", "type", "state", "url"])?;
        activity.text("name")?;
        activity.required("type", Value::as_u64, "an integer")?;
        for key in ["state", "url"] {
            activity.optional(key, text_or_null, "a string or null")?;
        }
    }
    Ok(Presence { status, activities: Value::Array(activities.clone()).to_string() })
}

fn voice(fields: &Fields<'_>) -> Result<Request, Breach> {
    fields.only(&["guild_id", "channel_id", "self_mute", "self_deaf"])?;
    let flag = |key| fields.required(key, Value::as_bool, "a boolean");
    let channel_or_null = |value: &Value| match value {
        Value::Null => Some(None),
        id => snowflake(id).map(Some),
    };
    Ok(Request::Voice {
        guild: fields.id("guild_id")?,
        channel: fields.required("channel_id", channel_or_null, "a snowflake or null")?,
        own: [flag("self_mute")?, flag("self_deaf")?],
    })
}

fn resume(fields: &Fields<'_>) -> Result<Request, Breach> {
    fields.only_or(4002, &["token", "session_id", "seq"])?;
    Ok(Request::Resume {
        token: fields.text("token")?,
        session: fields.text("session_id")?,
        seq: fields.required("seq", Value::as_u64, "an integer")?,
    })
}

fn members(fields: &Fields<'_>) -> Result<Request, Breach> {
    fields.only(&["guild_id", "query", "limit", "presences", "user_ids", "nonce"])?;
    let query = fields.optional("query", |value| value.as_str().map(str::to_owned), "a string")?;
    let ids = fields.optional("user_ids", ids, "a snowflake or an array of them")?;
    let wanted = match (query, ids) {
        (Some(query), None) => {
            let limit = fields.required("limit", Value::as_u64, "an integer with query")?;
            match (query.as_str(), limit) {
                ("", 0) => Wanted::All,
                (_, 0) => {
                    return Err(Breach::new(4001, "limit 0 is only allowed with an empty query"));
                }
                (_, limit) => {
                    Wanted::Prefix { query, limit: u32::try_from(limit.min(100)).unwrap_or(100) }
                }
            }
        }
        (None, Some(ids)) => {
            fields.optional("limit", Value::as_u64, "an integer")?;
            Wanted::Ids(ids)
        }
        _ => return Err(Breach::new(4001, "expected either query or user_ids")),
    };
    Ok(Request::Members(Members {
        guild: fields.id("guild_id")?,
        wanted,
        presences: fields.optional("presences", Value::as_bool, "a boolean")?.unwrap_or(false),
        nonce: fields.optional("nonce", |value| value.as_str().map(str::to_owned), "a string")?,
    }))
}

fn soundboard(fields: &Fields<'_>) -> Result<Request, Breach> {
    fields.only(&["guild_ids"])?;
    let all = |value: &Value| value.as_array()?.iter().map(snowflake).collect();
    Ok(Request::Soundboard(fields.required("guild_ids", all, "an array of snowflakes")?))
}

fn channel_info(fields: &Fields<'_>) -> Result<Request, Breach> {
    fields.only(&["guild_id", "fields"])?;
    let known = |value: &Value| match value.as_str()? {
        name @ ("status" | "voice_start_time") => Some(name.to_owned()),
        _ => None,
    };
    let all = |value: &Value| value.as_array()?.iter().map(known).collect();
    Ok(Request::ChannelInfo {
        guild: fields.id("guild_id")?,
        fields: fields.required("fields", all, "an array of status and voice_start_time")?,
    })
}

/// One id or several; as Discord does, without a complaint about what is no id.
fn ids(value: &Value) -> Option<Vec<Option<u64>>> {
    match value {
        Value::Array(items) => Some(items.iter().map(snowflake).collect()),
        Value::String(_) | Value::Number(_) => Some(vec![snowflake(value)]),
        _ => None,
    }
}

fn snowflake(value: &Value) -> Option<u64> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    }
}

fn text_or_null(value: &Value) -> Option<()> {
    (value.is_null() || value.is_string()).then_some(())
}

/// An object whose fields are being checked, with the code for whoever got them wrong.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    what: &'static str,
    code: u16,
}

fn object<'a>(value: &'a Value, what: &'static str, code: u16) -> Result<Fields<'a>, Breach> {
    match value {
        Value::Object(map) => Ok(Fields::of(map, what, code)),
        _ => Err(Breach::new(code, format!("{what}: expected an object"))),
    }
}

impl<'a> Fields<'a> {
    fn of(map: &'a Map<String, Value>, what: &'static str, code: u16) -> Self {
        Self { map, what, code }
    }

    fn only(&self, known: &[&str]) -> Result<(), Breach> {
        self.only_or(self.code, known)
    }

    /// Like [`only`](Self::only), with a code of its own for keys that are not documented.
    fn only_or(&self, code: u16, known: &[&str]) -> Result<(), Breach> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(Breach::new(code, format!("{}: unknown key {key}", self.what))),
            None => Ok(()),
        }
    }

    fn required<T>(
        &self,
        key: &str,
        take: impl Fn(&'a Value) -> Option<T>,
        expected: &str,
    ) -> Result<T, Breach> {
        let value = self.map.get(key).and_then(take);
        value.ok_or_else(|| {
            Breach::new(self.code, format!("{}.{key}: expected {expected}", self.what))
        })
    }

    fn optional<T>(
        &self,
        key: &str,
        take: impl Fn(&'a Value) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, Breach> {
        if self.map.contains_key(key) {
            self.required(key, take, expected).map(Some)
        } else {
            Ok(None)
        }
    }

    fn text(&self, key: &str) -> Result<String, Breach> {
        self.required(key, |value| value.as_str().map(str::to_owned), "a string")
    }

    fn id(&self, key: &str) -> Result<u64, Breach> {
        self.required(key, snowflake, "a snowflake")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<Request, u16> {
        let frame = Frame::Text(text.into());
        judge_frame(&frame, Encoding::Json)
    }

    fn judge_frame(frame: &Frame, encoding: Encoding) -> Result<Request, u16> {
        let judged = super::text(frame, encoding)
            .and_then(|text| read(&text))
            .and_then(|(op, data)| understand(op, &data));
        judged.map_err(|breach| breach.code.expect("all of these are punished"))
    }

    fn identify_with(more: &str) -> Result<Request, u16> {
        let properties = r#""properties":{"os":"a","browser":"b","device":"c"}"#;
        judge(&format!(r#"{{"op":2,"d":{{"token":"t",{properties}{more}}}}}"#))
    }

    #[test]
    fn an_identify_with_all_documented_fields_passes() {
        let more = r#","intents":513,"compress":false,"large_threshold":250,"shard":[1,4],"capabilities":32768,
            "presence":{"since":null,"activities":[{"name":"x","type":0,"state":null}],"status":"dnd","afk":false}"#;
        let Ok(Request::Identify(identify)) = identify_with(more) else { panic!("refused") };
        assert_eq!((identify.shard, identify.intents), ([1, 4], 513));
    }

    #[test]
    fn undocumented_keys_and_wrong_types_in_an_identify_are_4002() {
        for more in [
            r#","intents":0,"guild_subscriptions":true"#,
            r#","intents":"0""#,
            r#","intents":0,"shard":{"id":0}"#,
            r#","intents":0,"large_threshold":10"#,
            r#","intents":0,"presence":{"since":null,"activities":[],"status":"dnd","afk":false,"x":1}"#,
            r#","intents":0,"presence":{"since":null,"activities":[{"name":"x","type":0,"emoji":1}],"status":"dnd","afk":false}"#,
            "",
        ] {
            assert_eq!(identify_with(more), Err(4002), "{more}");
        }
    }

    #[test]
    fn bad_shards_and_intents_have_their_own_codes() {
        assert_eq!(identify_with(r#","intents":0,"shard":[1,1]"#), Err(4010));
        assert_eq!(identify_with(r#","intents":131072"#), Err(4013));
    }

    #[test]
    fn broken_texts_are_4002() {
        let large = format!(r#"{{"op":1,"d":"{}"}}"#, "x".repeat(4096));
        for text in ["", "{", "[]", "{}", r#"{"op":"1","d":null}"#, r#"{"op":1}"#, &large] {
            assert_eq!(judge(text), Err(4002), "{text}");
        }
        let binary = Frame::Binary(br#"{"op":1,"d":null}"#.to_vec());
        assert_eq!(judge_frame(&binary, Encoding::Json), Err(4002));
    }

    #[test]
    fn with_etf_texts_and_atoms_as_keys_are_4002() {
        let good = b"\x83\x74\0\0\0\x02\x6d\0\0\0\x02op\x61\x01\x6d\0\0\0\x01d\x73\x03nil";
        let etf = |bytes: &[u8]| judge_frame(&Frame::Binary(bytes.to_vec()), Encoding::Etf);
        assert_eq!(etf(good), Ok(Request::Heartbeat(None)));
        let atom = b"\x83\x74\0\0\0\x02\x6d\0\0\0\x02op\x61\x01\x73\x01d\x73\x03nil";
        assert_eq!(etf(atom), Err(4002));
        assert_eq!(etf(&good[..good.len() - 1]), Err(4002));
        assert_eq!(etf(&[0x83; 5000]), Err(4002));
        let text = Frame::Text(r#"{"op":1,"d":null}"#.into());
        assert_eq!(judge_frame(&text, Encoding::Etf), Err(4002));
    }

    #[test]
    fn unknown_opcodes_and_bad_payloads_are_4001() {
        for text in [
            r#"{"op":99,"d":null}"#,
            r#"{"op":99999,"d":null}"#,
            r#"{"op":0,"d":null}"#,
            r#"{"op":10,"d":null}"#,
            r#"{"op":1,"d":"5"}"#,
            r#"{"op":3,"d":{"activities":[],"status":"online","afk":false}}"#,
            r#"{"op":4,"d":{"guild_id":"1","self_mute":false,"self_deaf":false}}"#,
            r#"{"op":8,"d":{"guild_id":"1","query":""}}"#,
            r#"{"op":8,"d":{"guild_id":"1"}}"#,
            r#"{"op":8,"d":{"guild_id":"1","query":"","limit":0,"user_ids":[]}}"#,
            r#"{"op":31,"d":{"guild_ids":"1"}}"#,
            r#"{"op":43,"d":{"guild_id":"1","fields":["name"]}}"#,
        ] {
            assert_eq!(judge(text), Err(4001), "{text}");
        }
    }

    #[test]
    fn well_formed_commands_are_understood() {
        assert_eq!(judge(r#"{"op":1,"d":7}"#), Ok(Request::Heartbeat(Some(7))));
        assert_eq!(
            judge(
                r#"{"op":4,"d":{"guild_id":"1","channel_id":null,"self_mute":true,"self_deaf":false}}"#
            ),
            Ok(Request::Voice { guild: 1, channel: None, own: [true, false] })
        );
        let Ok(Request::Members(members)) =
            judge(r#"{"op":8,"d":{"guild_id":"1","user_ids":["5","x"],"limit":0}}"#)
        else {
            panic!("refused")
        };
        assert_eq!(members.wanted, Wanted::Ids(vec![Some(5), None]));
    }
}

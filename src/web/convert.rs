//! Options and commands in, events out: the only file that knows the shape of what crosses into JavaScript.

use std::{sync::Arc, time::Duration};

use js_sys::{Array, Function, JsString};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    codec::OtherModule,
    fields::{Fields, to_texts, to_whole},
    refusal::Refusal,
    value::to_value,
};
use crate::proto::{
    Activity, Command, Compression, Config, Encoding, Event, Filter, IdentifyProperties, Intents,
    Limits, Members, OnlineStatus, Patience, Presence, Report, RequestGuildMembers, Session,
    ShardId, VoiceState,
};

const BAD_OPTIONS: &str = "bad-options";
const BAD_COMMAND: &str = "bad-command";

/// Default of `limits.waitingEvents`.
const WAITING_EVENTS: usize = 10_000;

/// What the constructor was given.
pub(super) struct Options {
    pub config: Config,
    pub session: Option<Session>,
    pub constructor: Option<Function>,
    pub waiting_events: usize,
}

impl Options {
    pub(super) fn read(options: JsValue) -> Result<Self, Refusal> {
        let known = [
            "token",
            "intents",
            "url",
            "allowInsecure",
            "shard",
            "session",
            "encoding",
            "compression",
            "filter",
            "presence",
            "largeThreshold",
            "properties",
            "limits",
            "patience",
            "lifecycle",
            "WebSocket",
        ];
        let fields = Fields::new(options, &known, BAD_OPTIONS)?;
        let constructor = fields.get("WebSocket").map(JsCast::dyn_into).transpose();
        // Heeded by `index.js`.
        fields.flag("lifecycle")?;
        let limits = fields.object("limits", &LIMITS)?;
        let waiting_events = match &limits {
            Some(limits) => size(limits, "waitingEvents", WAITING_EVENTS)?,
            None => WAITING_EVENTS,
        };
        Ok(Self {
            constructor: constructor.map_err(|_| fields.refuse("WebSocket", "to be a class"))?,
            session: fields.object("session", &SESSION)?.as_ref().map(read_session).transpose()?,
            waiting_events: waiting_events.max(1),
            config: read_config(&fields, limits.as_ref())?,
        })
    }
}

fn read_config(fields: &Fields, limits: Option<&Fields>) -> Result<Config, Refusal> {
    let token = fields.text("token").map_err(|_| bad_token())?.ok_or_else(bad_token)?;
    // Fields rather than the builder's methods, each of which would move the whole builder.
    let mut builder = Config::builder(token, read_intents(fields)?);
    builder.choices.allow_insecure = fields.flag("allowInsecure")?.unwrap_or_default();
    if let Some(url) = fields.text("url")? {
        builder.url = url;
    }
    if let Some(shard) = fields.pair("shard")? {
        builder.shard = shard;
    }
    builder.choices.codec = Some(Arc::new(OtherModule));
    if let Some(encoding) = read_encoding(fields)? {
        builder.choices.encoding = encoding;
    }
    if let Some(compression) = read_compression(fields)? {
        builder.choices.compression = compression;
    }
    if let Some(filter) = fields.object("filter", &["only", "except"])? {
        builder.choices.filter = read_filter(&filter)?;
    }
    if let Some(presence) = fields.object("presence", &PRESENCE)? {
        builder.choices.presence = Some(read_presence(&presence)?);
    }
    if let Some(members) = fields.number("largeThreshold", u16::MAX.into())? {
        builder.choices.large_threshold = Some(u16::try_from(members).unwrap_or(u16::MAX));
    }
    if let Some(properties) = fields.object("properties", &["os", "browser", "device"])? {
        builder.choices.properties = read_properties(&properties)?;
    }
    if let Some(limits) = limits {
        builder.choices.limits = read_limits(limits)?;
    }
    if let Some(patience) = fields.object("patience", &PATIENCE)? {
        builder.choices.patience = read_patience(&patience)?;
    }
    Ok(builder.build()?)
}

fn bad_token() -> Refusal {
    Refusal::new("bad-token", "expected a bot token as text")
}

fn read_intents(fields: &Fields) -> Result<Intents, Refusal> {
    let refusal = |message: &str| Refusal::new("bad-intents", message);
    let value = fields.get("intents").unwrap_or_default();
    if let Some(bits) = to_whole(&value) {
        return Ok(Intents::from_bits(bits));
    }
    let names = to_texts(&value)
        .ok_or_else(|| refusal("expected intents as a whole number or an array of names"))?;
    names.iter().try_fold(Intents::NONE, |intents, name| {
        let message = ["expected names of intents, got ", name].concat();
        Intents::from_name(name).map(|intent| intents | intent).ok_or_else(|| refusal(&message))
    })
}

fn read_encoding(fields: &Fields) -> Result<Option<Encoding>, Refusal> {
    let Some(name) = fields.text("encoding")? else { return Ok(None) };
    let encoding = Encoding::from_name(&name);
    encoding.map(Some).ok_or_else(|| fields.refuse("encoding", "to be json or etf"))
}

fn read_compression(fields: &Fields) -> Result<Option<Compression>, Refusal> {
    const EXPECTED: &str = "to be none, payload, zlib-stream or zstd-stream";
    let Some(name) = fields.text("compression")? else { return Ok(None) };
    let compression = Compression::from_name(&name);
    compression.map(Some).ok_or_else(|| fields.refuse("compression", EXPECTED))
}

fn read_filter(fields: &Fields) -> Result<Filter, Refusal> {
    let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    match (fields.texts("only")?, fields.texts("except")?) {
        (Some(names), None) => Ok(Filter::Only(texts(&names))),
        (None, Some(names)) => Ok(Filter::Except(texts(&names))),
        _ => Err(fields.refuse("only", "or except to be given, one of them")),
    }
}

fn read_properties(fields: &Fields) -> Result<IdentifyProperties, Refusal> {
    let default = IdentifyProperties::default();
    Ok(IdentifyProperties {
        os: fields.text("os")?.unwrap_or(default.os),
        browser: fields.text("browser")?.unwrap_or(default.browser),
        device: fields.text("device")?.unwrap_or(default.device),
    })
}

const LIMITS: [&str; 7] = [
    "waitingCommands",
    "commandBytes",
    "messageBytes",
    "inflatedBytes",
    "openRequests",
    "answerBytes",
    "waitingEvents",
];

fn read_limits(fields: &Fields) -> Result<Limits, Refusal> {
    let default = Limits::default();
    Ok(Limits {
        waiting_commands: size(fields, "waitingCommands", default.waiting_commands)?,
        command_bytes: size(fields, "commandBytes", default.command_bytes)?,
        message_bytes: size(fields, "messageBytes", default.message_bytes)?,
        inflated_bytes: size(fields, "inflatedBytes", default.inflated_bytes)?,
        open_requests: size(fields, "openRequests", default.open_requests)?,
        answer_bytes: size(fields, "answerBytes", default.answer_bytes)?,
    })
}

fn size(fields: &Fields, key: &str, default: usize) -> Result<usize, Refusal> {
    let given = fields.number(key, u32::MAX.into())?;
    Ok(given.map_or(default, |number| usize::try_from(number).unwrap_or(usize::MAX)))
}

const PATIENCE: [&str; 5] = ["connect", "hello", "ready", "resumed", "close"];

fn read_patience(fields: &Fields) -> Result<Patience, Refusal> {
    let default = Patience::default();
    let millis = |key, default| {
        fields
            .number(key, u32::MAX.into())
            .map(|given| given.map_or(default, Duration::from_millis))
    };
    Ok(Patience {
        connect: millis("connect", default.connect)?,
        hello: millis("hello", default.hello)?,
        ready: millis("ready", default.ready)?,
        resumed: millis("resumed", default.resumed)?,
        close: millis("close", default.close)?,
        ..default
    })
}

const SESSION: [&str; 5] = ["id", "sequence", "resumeUrl", "shard", "userId"];

fn read_session(fields: &Fields) -> Result<Session, Refusal> {
    let (number, total) = fields.required("shard", fields.pair("shard")?)?;
    Ok(Session {
        id: fields.required("id", fields.text("id")?)?,
        sequence: fields.required("sequence", fields.number("sequence", u64::MAX)?)?,
        resume_url: fields.text("resumeUrl")?,
        user_id: fields.text("userId")?,
        shard: ShardId::new(number, total)
            .ok_or_else(|| fields.refuse("shard", "to have a number below its total"))?,
    })
}

const PRESENCE: [&str; 4] = ["status", "activities", "since", "afk"];
const ACTIVITY: [&str; 4] = ["name", "type", "url", "state"];

fn read_presence(fields: &Fields) -> Result<Presence, Refusal> {
    let status = match fields.text("status")?.as_deref() {
        Some("online") => OnlineStatus::Online,
        Some("idle") => OnlineStatus::Idle,
        Some("dnd") => OnlineStatus::Dnd,
        Some("invisible") => OnlineStatus::Invisible,
        _ => return Err(fields.refuse("status", "to be online, idle, dnd or invisible")),
    };
    let activities = fields.objects("activities", &ACTIVITY)?;
    Ok(Presence {
        since: fields.number("since", u64::MAX)?,
        activities: activities.iter().map(read_activity).collect::<Result<_, _>>()?,
        status,
        afk: fields.flag("afk")?.unwrap_or_default(),
    })
}

fn read_activity(fields: &Fields) -> Result<Activity, Refusal> {
    let kind = fields.required("type", fields.number("type", 5)?)?;
    Ok(Activity {
        name: fields.required("name", fields.text("name")?)?,
        kind: u8::try_from(kind).unwrap_or_default(),
        state: fields.text("state")?,
        url: fields.text("url")?,
    })
}

/// Opcode 3.
pub(super) fn presence_command(presence: JsValue) -> Result<Command, Refusal> {
    let fields = Fields::new(presence, &PRESENCE, BAD_COMMAND)?;
    Ok(Command::UpdatePresence(read_presence(&fields)?))
}

/// Opcode 4.
pub(super) fn voice_state_command(state: JsValue) -> Result<Command, Refusal> {
    let known = ["guildId", "channelId", "selfMute", "selfDeaf"];
    let fields = Fields::new(state, &known, BAD_COMMAND)?;
    Ok(Command::UpdateVoiceState(VoiceState {
        guild_id: fields.required("guildId", fields.text("guildId")?)?,
        channel_id: fields.text("channelId")?,
        self_mute: fields.flag("selfMute")?.unwrap_or_default(),
        self_deaf: fields.flag("selfDeaf")?.unwrap_or_default(),
    }))
}

/// Opcode 8.
pub(super) fn members_command(request: JsValue) -> Result<Command, Refusal> {
    let known = ["guildId", "presences", "nonce", "query", "limit", "userIds"];
    let fields = Fields::new(request, &known, BAD_COMMAND)?;
    let limit = fields.number("limit", 100)?;
    let members = match (fields.text("query")?, fields.texts("userIds")?) {
        (Some(query), None) => {
            let limit = fields.required("limit", limit)?;
            Members::Named { query, limit: u32::try_from(limit).unwrap_or_default() }
        }
        (None, Some(user_ids)) if limit.is_none() => Members::WithIds { user_ids },
        _ => return Err(fields.refuse("query", "with limit, or userIds, to be given")),
    };
    Ok(Command::RequestGuildMembers(RequestGuildMembers {
        guild_id: fields.required("guildId", fields.text("guildId")?)?,
        members,
        presences: fields.flag("presences")?,
        nonce: fields.text("nonce")?,
    }))
}

/// Appends three values to `out`: for a dispatch its name, its sequence number and its data as text (or as a pair of texts:
/// the original, and one in which integers that JavaScript would round are strings); for any other event `null`, 0 and
/// the event as an object.
pub(super) fn push_event(out: &Array, event: &Event) {
    let Event::Dispatch(dispatch) = event else {
        push(out, &JsValue::NULL, 0, &to_value(&Report(event)));
        return;
    };
    let text = JsString::from(&*dispatch.data);
    let data = if dispatch.has_wide_integers {
        let quoted = JsString::from(&*dispatch.data_for_javascript());
        Array::of2(&text, &quoted).into()
    } else {
        JsValue::from(text)
    };
    push(out, &JsValue::from_str(&dispatch.name), dispatch.sequence, &data);
}

#[expect(clippy::cast_precision_loss, reason = "2^53 events are a lifetime's")]
fn push(out: &Array, name: &JsValue, sequence: u64, data: &JsValue) {
    out.push(name);
    out.push(&(sequence as f64).into());
    out.push(data);
}

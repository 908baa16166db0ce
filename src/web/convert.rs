//! Options in, events out, in the shape in which they cross into JavaScript. Commands are in `command.rs`.

use std::{sync::Arc, time::Duration};

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    codec::OtherModule,
    command::{PRESENCE, read_presence},
    fields::{Fields, to_texts, to_whole},
    hooks::{self, Asides, Debugging, PROPERTIES},
    line::{Bounds, Overflow},
    refusal::Refusal,
    value::to_value,
};
use crate::proto::{
    Compression, Config, ConfigBuilder, Dispatch, Encoding, Event, Filter, IdentifyProperties,
    Intents, Limits, Part, Patience, Reply, Report, Session, ShardId,
};

const BAD_OPTIONS: &str = "bad-options";

/// Defaults of `limits.waitingEvents` and `limits.waitingBytes`.
const WAITING_EVENTS: usize = 10_000;
const WAITING_BYTES: usize = 64 << 20;

/// What data of events is handed over as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Bytes,
    Text,
}

/// What the constructor was given.
pub(super) struct Options {
    pub config: Config,
    pub session: Option<Session>,
    pub constructor: Option<Function>,
    pub bounds: Bounds,
    pub raw: Raw,
    pub debugging: Debugging,
}

impl Options {
    pub(super) fn read(options: JsValue, asides: &Asides) -> Result<Self, Refusal> {
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
            "overflow",
            "patience",
            "raw",
            "lifecycle",
            "capabilities",
            "keepUrl",
            "version",
            "beforeConnect",
            "tap",
            "debug",
            "identifyStore",
            "WebSocket",
        ];
        let fields = Fields::new(options, &known, BAD_OPTIONS)?;
        // Heeded by `index.js`.
        fields.flag("lifecycle")?;
        if let Some(store) = fields.object("identifyStore", &["load", "save"])? {
            store.required("load", function(&store, "load")?)?;
            store.required("save", function(&store, "save")?)?;
        }
        let debugging = read_debugging(&fields)?;
        let limits = fields.object("limits", &LIMITS)?;
        Ok(Self {
            constructor: function(&fields, "WebSocket")?,
            session: fields.object("session", &SESSION)?.as_ref().map(read_session).transpose()?,
            bounds: read_bounds(&fields, limits.as_ref())?,
            raw: read_raw(&fields)?,
            config: read_config(&fields, limits.as_ref(), debugging, asides)?,
            debugging,
        })
    }
}

fn read_bounds(fields: &Fields, limits: Option<&Fields>) -> Result<Bounds, Refusal> {
    let (mut events, mut bytes) = (WAITING_EVENTS, WAITING_BYTES);
    if let Some(limits) = limits {
        events = size(limits, "waitingEvents", events)?.max(1);
        bytes = size(limits, "waitingBytes", bytes)?.max(1);
    }
    let overflow = match fields.text("overflow")?.as_deref() {
        None | Some("pause") => Overflow::Pause,
        Some("drop-oldest") => Overflow::DropOldest,
        Some("fail") => Overflow::Fail,
        _ => return Err(fields.refuse("overflow", "to be pause, drop-oldest or fail")),
    };
    Ok(Bounds { events, bytes, overflow })
}

fn read_raw(fields: &Fields) -> Result<Raw, Refusal> {
    match fields.text("raw")?.as_deref() {
        None | Some("text") => Ok(Raw::Text),
        Some("bytes") => Ok(Raw::Bytes),
        _ => Err(fields.refuse("raw", "to be text or bytes")),
    }
}

fn read_config(
    fields: &Fields,
    limits: Option<&Fields>,
    debugging: Debugging,
    asides: &Asides,
) -> Result<Config, Refusal> {
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
    if let Some(members) = fields.number("largeThreshold", u16::MAX.into())? {
        builder.choices.large_threshold = Some(u16::try_from(members).unwrap_or(u16::MAX));
    }
    if let Some(properties) = fields.object("properties", &PROPERTIES)? {
        builder.choices.properties = read_properties(&properties)?;
    }
    if let Some(limits) = limits {
        builder.choices.limits = read_limits(limits)?;
    }
    if let Some(patience) = fields.object("patience", &PATIENCE)? {
        builder.choices.patience = read_patience(&patience)?;
    }
    if let Some(flags) = fields.number("capabilities", u64::MAX)? {
        builder.choices.capabilities = flags;
    }
    if let Some(version) = fields.number("version", u8::MAX.into())? {
        builder.choices.version = u8::try_from(version).unwrap_or_default();
    }
    builder.choices.keeps_url = fields.flag("keepUrl")?.unwrap_or_default();
    Ok(read_hooks(fields, debugging, asides, builder)?.build()?)
}

fn read_hooks(
    fields: &Fields,
    debugging: Debugging,
    asides: &Asides,
    mut builder: ConfigBuilder,
) -> Result<ConfigBuilder, Refusal> {
    if let Ok(Some(presence)) = function(fields, "presence") {
        builder = builder.presence_with(hooks::presence(presence, asides.clone()));
    } else if let Some(presence) = fields.object("presence", &PRESENCE)? {
        builder.choices.presence = Some(read_presence(&presence)?);
    }
    if let Some(hook) = function(fields, "beforeConnect")? {
        builder = builder.before_connect(hooks::before_connect(hook, asides.clone()));
    }
    let tap = function(fields, "tap")?;
    if tap.is_some() || debugging == Debugging::Payloads {
        builder = builder.tap(hooks::tap(tap, debugging, asides.clone()));
    }
    Ok(builder)
}

fn function(fields: &Fields, key: &str) -> Result<Option<Function>, Refusal> {
    let function = fields.get(key).map(JsCast::dyn_into).transpose();
    function.map_err(|_| fields.refuse(key, "to be a function or a class"))
}

fn read_debugging(fields: &Fields) -> Result<Debugging, Refusal> {
    let value = fields.get("debug").unwrap_or(JsValue::FALSE);
    match (value.as_bool(), value.as_string().as_deref()) {
        (Some(false), _) => Ok(Debugging::Off),
        (Some(true), _) => Ok(Debugging::Steps),
        (_, Some("payloads")) => Ok(Debugging::Payloads),
        _ => Err(fields.refuse("debug", "to be true, false or \"payloads\"")),
    }
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

pub(super) fn read_properties(fields: &Fields) -> Result<IdentifyProperties, Refusal> {
    let default = IdentifyProperties::default();
    Ok(IdentifyProperties {
        os: fields.text("os")?.unwrap_or(default.os),
        browser: fields.text("browser")?.unwrap_or(default.browser),
        device: fields.text("device")?.unwrap_or(default.device),
    })
}

const LIMITS: [&str; 8] = [
    "waitingCommands",
    "commandBytes",
    "messageBytes",
    "inflatedBytes",
    "openRequests",
    "answerBytes",
    "waitingBytes",
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

const PATIENCE: [&str; 9] = [
    "connect",
    "hello",
    "ready",
    "resumed",
    "close",
    "backoffFirst",
    "backoffLongest",
    "resumeHostFailures",
    "resumeFailures",
];

fn read_patience(fields: &Fields) -> Result<Patience, Refusal> {
    let default = Patience::default();
    let millis = |key, default| {
        fields
            .number(key, u32::MAX.into())
            .map(|given| given.map_or(default, Duration::from_millis))
    };
    let count = |key, default| {
        fields
            .number(key, u32::MAX.into())
            .map(|given| given.and_then(|count| count.try_into().ok()).unwrap_or(default))
    };
    Ok(Patience {
        connect: millis("connect", default.connect)?,
        hello: millis("hello", default.hello)?,
        ready: millis("ready", default.ready)?,
        resumed: millis("resumed", default.resumed)?,
        close: millis("close", default.close)?,
        backoff_first: millis("backoffFirst", default.backoff_first)?,
        backoff_longest: millis("backoffLongest", default.backoff_longest)?,
        resume_host_failures: count("resumeHostFailures", default.resume_host_failures)?,
        resume_failures: count("resumeFailures", default.resume_failures)?,
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

/// Appends three values to `out`: for a dispatch its name, its sequence number and its data (see `data_of`); for any other
/// event `null`, 0 and the event as an object.
pub(super) fn push_event(out: &Array, event: &Event, raw: Raw) {
    let Event::Dispatch(dispatch) = event else {
        return push_object(out, &to_value(&Report(event)));
    };
    push(out, &JsValue::from_str(&dispatch.name), dispatch.sequence, &data_of(dispatch, raw));
}

/// Appends an event that is an object already.
pub(super) fn push_object(out: &Array, event: &JsValue) {
    push(out, &JsValue::NULL, 0, event);
}

/// Data as text or bytes, or as a pair: that, and a text in which integers that JavaScript would round are strings.
fn data_of(dispatch: &Dispatch, raw: Raw) -> JsValue {
    let data = match raw {
        Raw::Bytes => Uint8Array::from(dispatch.data.as_bytes()).into(),
        Raw::Text => JsValue::from_str(&dispatch.data),
    };
    if !dispatch.has_wide_integers {
        return data;
    }
    Array::of2(&data, &JsValue::from_str(&dispatch.data_for_javascript())).into()
}

/// News of a request as arguments of a call: of a part its name, its data as in `push_event`, and how many parts came of how
/// many; `null` if it is asked anew; nothing when it is done; `undefined` and `[code, message]` if it failed.
pub(super) fn reply_arguments(reply: Reply) -> Array {
    match reply {
        Reply::Done => Array::new(),
        Reply::Failed(error) => Array::of2(&JsValue::UNDEFINED, &Refusal::from(error).into()),
        Reply::Part(Part { name, data, has_wide_integers, received, expected }) => {
            let dispatch = Dispatch { name, sequence: 0, data, has_wide_integers };
            let name = JsValue::from_str(&dispatch.name);
            Array::of4(&name, &data_of(&dispatch, Raw::Text), &received.into(), &expected.into())
        }
        Reply::Restarted => Array::of1(&JsValue::NULL),
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 events are a lifetime's")]
fn push(out: &Array, name: &JsValue, sequence: u64, data: &JsValue) {
    out.push(name);
    out.push(&(sequence as f64).into());
    out.push(data);
}

//! Options in, events out, in the shape in which they cross into JavaScript. Commands are in `command.rs`; what may be given at
//! all is in `pkg-template/options.js`.

use std::{sync::Arc, time::Duration};

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    codec::OtherModule,
    command::read_presence,
    hooks::{self, Asides, Debugging},
    line::{Bounds, Overflow},
    refusal::Refusal,
    value::to_object,
    values::Values,
};
use crate::proto::{
    Compression, Config, ConfigBuilder, Dispatch, Encoding, Event, Filter, IdentifyProperties,
    Intents, Limits, Part, Patience, Reply, Report, Session, ShardId,
};

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
    pub constructor: Function,
    pub bounds: Bounds,
    pub raw: Raw,
    pub debugging: Debugging,
}

impl Options {
    /// From `values`, in the order in which `options.js` lays them out.
    pub(super) fn read(values: &Values, asides: &Asides) -> Result<Self, Refusal> {
        let token = values.given_text();
        let intents = Intents::from_bits(values.whole().unwrap_or_default());
        // Fields rather than the builder's methods, each of which would move the whole builder.
        let mut builder = Config::builder(token, intents);
        if let Some(url) = values.text() {
            builder.url = url;
        }
        if let Some(shard) = values.inner() {
            builder.shard = read_pair(&shard);
        }
        let choices = &mut builder.choices;
        choices.codec = Some(Arc::new(OtherModule));
        choices.allow_insecure = values.is_on();
        choices.keeps_url = values.is_on();
        if let Some(1) = values.whole() {
            choices.encoding = Encoding::Etf;
        }
        if let Some(place) = values.whole() {
            choices.compression = match place {
                0 => Compression::None,
                1 => Compression::Payload,
                2 => Compression::ZlibStream,
                _ => Compression::ZstdStream,
            };
        }
        if let Some(lists) = values.inner() {
            choices.filter = read_filter(&lists);
        }
        choices.large_threshold = values.whole().and_then(|members| members.try_into().ok());
        choices.capabilities = values.whole().unwrap_or_default();
        if let Some(version) = values.whole() {
            choices.version = u8::try_from(version).unwrap_or_default();
        }
        if let Some(properties) = values.inner() {
            choices.properties = read_properties(&properties);
        }
        let bounds = read_bounds(values, &mut choices.limits);
        let raw = if values.number_or_zero() == 0 { Raw::Text } else { Raw::Bytes };
        read_patience(values, &mut choices.patience);
        let (builder, debugging) = read_hooks(values, asides, builder);
        Ok(Self {
            config: builder.build()?,
            session: values.inner().as_ref().map(read_session).transpose()?,
            constructor: values.value().unchecked_into(),
            bounds,
            raw,
            debugging,
        })
    }
}

fn read_hooks(
    values: &Values,
    asides: &Asides,
    mut builder: ConfigBuilder,
) -> (ConfigBuilder, Debugging) {
    let presence = values.value();
    if let Some(hook) = presence.dyn_ref::<Function>() {
        builder = builder.presence_with(hooks::presence(hook.clone(), asides.clone()));
    } else if presence.is_object() {
        builder.choices.presence = Some(read_presence(&Values::new(presence)));
    }
    if let Some(hook) = values.function() {
        builder = builder.before_connect(hooks::before_connect(hook, asides.clone()));
    }
    let tap = values.function();
    let debugging = match values.number_or_zero() {
        0 => Debugging::Off,
        1 => Debugging::Steps,
        _ => Debugging::Payloads,
    };
    if tap.is_some() || debugging == Debugging::Payloads {
        builder = builder.tap(hooks::tap(tap, debugging, asides.clone()));
    }
    (builder, debugging)
}

fn read_pair(values: &Values) -> (u32, u32) {
    (values.number_or_zero(), values.number_or_zero())
}

/// One of the two lists is there.
fn read_filter(lists: &Values) -> Filter {
    let read = || {
        let names = lists.inner()?;
        Some(names.all(|names| names.given_text().into_boxed_str()))
    };
    match read() {
        Some(names) => Filter::Only(names),
        None => Filter::Except(read().unwrap_or_default()),
    }
}

pub(super) fn read_properties(values: &Values) -> IdentifyProperties {
    let mut properties = IdentifyProperties::default();
    for field in [&mut properties.os, &mut properties.browser, &mut properties.device] {
        if let Some(text) = values.text() {
            *field = text;
        }
    }
    properties
}

/// Reads the limits, those of the line among them.
fn read_bounds(values: &Values, limits: &mut Limits) -> Bounds {
    let (mut events, mut bytes) = (WAITING_EVENTS, WAITING_BYTES);
    if let Some(given) = values.inner() {
        read_limits(&given, limits, [&mut bytes, &mut events]);
    }
    let overflow = match values.number_or_zero() {
        0 => Overflow::Pause,
        1 => Overflow::DropOldest,
        _ => Overflow::Fail,
    };
    Bounds { events: events.max(1), bytes: bytes.max(1), overflow }
}

fn read_limits(values: &Values, limits: &mut Limits, [bytes, events]: [&mut usize; 2]) {
    for limit in [
        &mut limits.waiting_commands,
        &mut limits.command_bytes,
        &mut limits.message_bytes,
        &mut limits.inflated_bytes,
        &mut limits.open_requests,
        &mut limits.answer_bytes,
        bytes,
        events,
    ] {
        if let Some(given) = values.whole() {
            *limit = usize::try_from(given).unwrap_or(usize::MAX);
        }
    }
}

fn read_patience(values: &Values, patience: &mut Patience) {
    let Some(values) = values.inner() else { return };
    for span in [
        &mut patience.connect,
        &mut patience.hello,
        &mut patience.ready,
        &mut patience.resumed,
        &mut patience.close,
        &mut patience.backoff_first,
        &mut patience.backoff_longest,
    ] {
        if let Some(millis) = values.whole() {
            *span = Duration::from_millis(millis);
        }
    }
    for count in [&mut patience.resume_host_failures, &mut patience.resume_failures] {
        if let Some(given) = values.whole() {
            *count = u32::try_from(given).unwrap_or(u32::MAX);
        }
    }
}

fn read_session(values: &Values) -> Result<Session, Refusal> {
    let id = values.given_text();
    let sequence = values.whole().unwrap_or_default();
    let resume_url = values.text();
    let (number, total) = read_pair(&Values::new(values.value()));
    let shard = ShardId::new(number, total).ok_or_else(|| {
        Refusal::new("bad-options", "expected session.shard to have a number below its total")
    })?;
    Ok(Session { id, sequence, resume_url, shard, user_id: values.text() })
}

/// Appends three values to `out`: for a dispatch its name, its sequence number and its data (see `data_of`); for any other
/// event `null`, 0 and the event as an object.
pub(super) fn push_event(out: &Array, event: &Event, raw: Raw) {
    let Event::Dispatch(dispatch) = event else {
        return push_object(out, &to_object(&Report(event)));
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

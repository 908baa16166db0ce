//! JavaScript's functions as hooks of the core, and what they and the watcher have to say. They run while the shard is borrowed,
//! so they must never reach for it: what they say is laid aside for the pump.
//!
//! The core wants its hooks to be `Send` and `Sync`, since natively shards move between threads. Values of JavaScript are both as
//! long as a module has no threads; if it had some, this would not compile.
//!
//! A hook that throws is told of by a notice, and the shard goes on as without it: an exception would unwind through the core.

use std::sync::{Arc, Mutex, PoisonError};

use js_sys::{Array, Function};
use wasm_bindgen::JsValue;

use super::{
    command::read_presence,
    convert::read_properties,
    value::{of_texts, to_pair},
    values::Values,
};
use crate::{
    driver::Watched,
    proto::{ConnectPlan, Envelope, Frame, Input, Opcode, Output, Presence, Say, ShardId, Tap},
};

/// Events that the shard does not know of, until the pump takes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Asides(Arc<Mutex<Vec<JsValue>>>);

/// How much is told of what happens inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Debugging {
    Off,
    /// Steps in a few words.
    Steps,
    /// Steps, and the text of messages.
    Payloads,
}

impl Asides {
    pub(super) fn take(&self) -> Vec<JsValue> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, event: JsValue) {
        // Nothing in here panics half-way, so a poisoned lock still holds sound data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn debug(&self, message: &str) {
        self.push(of_texts(&[("type", "debug"), ("message", message)]).into());
    }

    /// A hook threw, or gave what cannot be used.
    fn bad_hook(&self, name: &str, error: &JsValue) {
        let message = ["the hook ", name, " failed; the shard goes on as without it"].concat();
        let notice = of_texts(&[("type", "notice"), ("code", "bad-hook"), ("message", &message)]);
        notice.set("error", error);
        self.push(notice.into());
    }

    /// What a hook gave, if it is some good.
    fn heed<T>(&self, name: &str, given: Result<T, Thrown>) -> Option<T> {
        given.map_err(|Thrown(error)| self.bad_hook(name, &error)).ok()
    }
}

/// What JavaScript threw.
struct Thrown(JsValue);

/// The presence of each identify. Without one that is some good, the bot is online and does nothing.
pub(super) fn presence(
    function: Function,
    asides: Asides,
) -> impl Fn(ShardId) -> Presence + Send + Sync {
    move |shard| {
        let given = function.call1(&JsValue::UNDEFINED, &to_pair(shard));
        let given = asides.heed("presence", given.map_err(Thrown));
        given.map(|given| read_presence(&Values::new(given))).unwrap_or_default()
    }
}

/// What may be changed before each connection.
pub(super) fn before_connect(
    function: Function,
    asides: Asides,
) -> impl Fn(&mut ConnectPlan) + Send + Sync {
    move |plan| {
        let properties = &plan.properties;
        let shown: [JsValue; 7] = [
            plan.url.as_str().into(),
            properties.os.as_str().into(),
            properties.browser.as_str().into(),
            properties.device.as_str().into(),
            plan.is_resume.into(),
            plan.attempt.into(),
            to_pair(plan.shard),
        ];
        let arguments = Array::new();
        for value in &shown {
            arguments.push(value);
        }
        let given = function.apply(&JsValue::UNDEFINED, &arguments);
        if let Some(given) = asides.heed("beforeConnect", given.map_err(Thrown)) {
            let values = Values::new(given);
            plan.url = values.given_text();
            plan.properties = values.inner().as_ref().map(read_properties).unwrap_or_default();
        }
    }
}

/// What becomes of each message. Shows it to whoever debugs, too.
pub(super) fn tap(
    function: Option<Function>,
    debugging: Debugging,
    asides: Asides,
) -> impl Fn(&str) -> Tap + Send + Sync {
    move |text| {
        if debugging == Debugging::Payloads {
            asides.debug(&["received ", text].concat());
        }
        let Some(function) = &function else { return Tap::Pass };
        let given = function.call1(&JsValue::UNDEFINED, &text.into()).map_err(Thrown);
        match asides.heed("tap", given).and_then(|answer| answer.as_string()).as_deref() {
            Some("drop") => Tap::Drop,
            Some("stop") => Tap::Stop,
            _ => Tap::Pass,
        }
    }
}

/// Tells each step, but those that come all the time and mean nothing.
pub(super) fn watcher(
    debugging: Debugging,
    asides: Asides,
) -> impl FnMut(ShardId, Watched<'_>) + Send {
    move |_, step| {
        if matches!(step, Watched::Input(Input::TimePassed) | Watched::Output(Output::Wait(_))) {
            return;
        }
        asides.debug(&step.said());
        if let Watched::Output(Output::Transmit(_, Frame::Text(text))) = step
            && debugging == Debugging::Payloads
            && !holds_token(text)
        {
            asides.debug(&["sent ", text].concat());
        }
    }
}

/// The two messages that carry the token. What cannot be read is taken for one.
fn holds_token(text: &str) -> bool {
    Envelope::parse(text)
        .map_or(true, |envelope| matches!(envelope.opcode, Opcode::IDENTIFY | Opcode::RESUME))
}

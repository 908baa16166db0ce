//! The functions that a plan hooks in, and with what they were called. Opens nothing.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use shardwire::proto::{ConfigBuilder, IdentifyProperties, Tap};

use crate::plan::{Change, Hooks, Tapped};

/// The calls of one hook, oldest first.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Value>>>);

impl Calls {
    /// Notes a call; gives how many there were before.
    fn note(&self, call: Value) -> usize {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
        calls.len() - 1
    }

    fn told(&self) -> Value {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().into()
    }
}

/// The calls of all hooks that were set.
#[derive(Default)]
pub struct Told {
    presence: Option<Calls>,
    before_connect: Option<Calls>,
}

impl Told {
    /// `{ presence, beforeConnect }`, as far as they were set.
    pub fn json(&self) -> Value {
        let mut all = json!({});
        if let Some(calls) = &self.presence {
            all["presence"] = calls.told();
        }
        if let Some(calls) = &self.before_connect {
            all["beforeConnect"] = calls.told();
        }
        all
    }
}

pub fn hook(mut builder: ConfigBuilder, hooks: &Hooks) -> (ConfigBuilder, Told) {
    let mut told = Told::default();
    if let Some(presences) = hooks.presence.clone().filter(|presences| !presences.is_empty()) {
        let calls = Calls::default();
        told.presence = Some(calls.clone());
        builder = builder.presence_with(move |shard| {
            let nth = calls.note(json!(shard));
            presences[nth.min(presences.len() - 1)].clone()
        });
    }
    if let Some(changes) = hooks.before_connect.clone() {
        let calls = Calls::default();
        told.before_connect = Some(calls.clone());
        builder = builder.before_connect(move |plan| {
            let IdentifyProperties { os, browser, device } = &plan.properties;
            let nth = calls.note(json!({
                "url": plan.url,
                "properties": {"os": os, "browser": browser, "device": device},
                "isResume": plan.is_resume,
                "attempt": plan.attempt,
            }));
            let Some(Some(Change { url, properties })) = changes.get(nth).cloned() else { return };
            if let Some(url) = url {
                plan.url = url;
            }
            if let Some(given) = properties {
                let (os, browser, device) = (given.os, given.browser, given.device);
                plan.properties = IdentifyProperties { os, browser, device };
            }
        });
    }
    if let Some(rules) = hooks.tap.clone() {
        builder = builder.tap(move |text| {
            let rule = rules.iter().find(|rule| text.contains(&rule.contains));
            match rule.map(|rule| rule.answer) {
                Some(Tapped::Drop) => Tap::Drop,
                Some(Tapped::Stop) => Tap::Stop,
                Some(Tapped::Pass) | None => Tap::Pass,
            }
        });
    }
    (builder, told)
}

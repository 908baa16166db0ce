//! A plan as it is written in a scenario. Plays nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use shardwire::proto::{Presence, Session};

/// What the matrix hands over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub plan: Plan,
    pub url: String,
    pub token: String,
    pub session: Option<Session>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Not looked into here: some are wrong on purpose.
    pub options: Box<RawValue>,
    pub hooks: Hooks,
    pub session: bool,
    pub data: bool,
    pub acts: Vec<Act>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hooks {
    pub presence: Option<Vec<Presence>>,
    pub before_connect: Option<Vec<Option<Change>>>,
    pub tap: Option<Vec<Rule>>,
}

/// What a hook changes before a connection.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub url: Option<String>,
    pub properties: Option<Properties>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Properties {
    pub os: String,
    pub browser: String,
    pub device: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub contains: String,
    pub answer: Tapped,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tapped {
    Drop,
    Pass,
    Stop,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    pub on: BTreeMap<String, u32>,
    pub r#do: Vec<Step>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub call: String,
    #[serde(default)]
    pub with: Vec<Box<RawValue>>,
    pub how: Option<Box<RawValue>>,
    pub r#as: Option<String>,
    pub times: Option<u32>,
}

impl Step {
    /// By what its outcomes are called.
    pub fn name(&self) -> &str {
        self.r#as.as_deref().unwrap_or(&self.call)
    }

    /// One of its arguments, as it is written.
    pub fn argument(&self, at: usize) -> &str {
        self.with.get(at).map_or("null", |argument| argument.get())
    }

    /// One of its arguments, if it is what it should be.
    pub fn read<T: for<'a> Deserialize<'a>>(&self, at: usize) -> Option<T> {
        serde_json::from_str(self.argument(at)).ok()
    }
}

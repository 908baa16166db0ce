//! Who is measured, as `bench/clients.json` says: one line for each client, in each contract and codec. Knows nothing of how they
//! are run.

use std::{fmt, fs};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::workspace::Workspace;

/// One row of the tables.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Where it runs: `native`, `node`, `chromium page`, …
    pub(crate) host: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// As the replay server calls it.
    pub(crate) codec: String,
    /// What it hands over: figures of different contracts are never compared without saying so.
    ///
    /// `full` is every event's data as a parsed object, or as a value of its own type; `on demand` is all events, of which only
    /// the data of `MESSAGE_CREATE` is parsed; `filtered` is `MESSAGE_CREATE` alone; `text` is every event's data as text.
    pub(crate) contract: String,
    /// The program, or the script of `bench/clients`.
    pub(crate) run: String,
    /// What it is told besides the usual.
    pub(crate) job: Value,
    /// In what it takes part besides the flood: `quick`, `paced`, `idle`, `start`, `growth`.
    also: Vec<String>,
}

/// Whose work a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Peer,
    /// A loop by hand, without heartbeats and sessions: no client, and no proof of a limit either.
    Bare,
}

/// Everybody.
pub(crate) fn all(workspace: &Workspace) -> Result<Vec<Client>> {
    let path = workspace.root().join("bench/clients.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Vec<Value> = serde_json::from_str(&text).context("clients.json is no list")?;
    rows.iter()
        .map(|row| Client::read(row).with_context(|| format!("clients.json has a line {row}")))
        .collect()
}

impl Client {
    fn read(row: &Value) -> Option<Self> {
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        let also = row["also"].as_array().into_iter().flatten();
        Some(Self {
            host: text("host")?,
            name: text("name")?,
            kind: match row["kind"].as_str()? {
                "ours" => Kind::Ours,
                "peer" => Kind::Peer,
                "bare" => Kind::Bare,
                _ => return None,
            },
            codec: text("codec")?,
            contract: text("contract")?,
            run: text("run")?,
            job: row["job"].clone(),
            also: also.filter_map(|part| part.as_str().map(str::to_owned)).collect(),
        })
    }

    /// Whether it takes part in `what` besides the flood.
    pub(crate) fn is_in(&self, what: &str) -> bool {
        self.also.iter().any(|part| part == what)
    }

    /// Encoding and compression by their names.
    pub(crate) fn codec_parts(&self) -> (&str, &str) {
        self.codec.split_once('/').unwrap_or((&self.codec, "none"))
    }

    /// The codec as people say it.
    pub(crate) fn codec_name(&self) -> String {
        match self.codec_parts() {
            ("json", compression) => compression.replace("-stream", ""),
            (encoding, compression) => format!("{encoding} {}", compression.replace("-stream", "")),
        }
    }

    /// Whether it is measured from outside, by a script that has it somewhere else.
    pub(crate) fn is_outside(&self) -> bool {
        self.job["client"].is_string()
    }
}

/// The name that `--only` searches.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}, {}", self.host, self.name, self.codec_name(), self.contract)
    }
}

//! The replay server as a child process. Knows what it tells, not what is done with it.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::tools;

/// How long it may encode, and how long a paced connection may take to tell when it sent what.
const PATIENCE: Duration = Duration::from_mins(5);

/// A server that listens until this value is dropped.
pub(crate) struct Replay {
    child: Child,
    /// It serves until this ends.
    _input: Option<ChildStdin>,
    lines: Receiver<Value>,
    told: Value,
}

/// How steady events follow the burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Flood,
    Held,
    Paced,
    Idle,
}

impl Replay {
    /// Starts it and waits until all is encoded.
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Result<Self> {
        let mut child = tools::command(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the replay server has no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the server is dropped.
                let _ = serde_json::from_str(&line).map(|line| sender.send(line));
            }
        });
        let mut replay = Self { child, _input: input, lines, told: Value::Null };
        replay.told = replay.line().context("the replay server did not start")?;
        Ok(replay)
    }

    /// Where it is served so.
    pub(crate) fn url(&self, mode: Mode) -> &str {
        let name = match mode {
            Mode::Flood => "flood",
            Mode::Held => "held",
            Mode::Paced => "paced",
            Mode::Idle => "idle",
        };
        self.told[name].as_str().unwrap_or_default()
    }

    /// Sequence number of the last event before the steady ones.
    pub(crate) fn burst(&self) -> u64 {
        self.number("burst")
    }

    /// Sequence number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.number("last")
    }

    /// How many events of `READY`, `GUILD_CREATE` and `MESSAGE_CREATE` there are.
    pub(crate) fn filtered(&self) -> u64 {
        self.number("filtered")
    }

    /// Bytes of a steady event with its frame, in each codec that was prepared.
    pub(crate) fn per_event(&self) -> BTreeMap<String, f64> {
        let sizes = self.told["bytes"].as_object().into_iter().flatten();
        let events = self.events();
        sizes.filter_map(|(codec, bytes)| Some((codec.clone(), bytes.as_f64()? / events))).collect()
    }

    /// How many steady events there are.
    pub(crate) fn events(&self) -> f64 {
        self.told["last"].as_f64().unwrap_or_default()
            - self.told["burst"].as_f64().unwrap_or_default()
    }

    /// When the newest paced connection that is through was sent its events, in microseconds since 1970.
    pub(crate) fn sent(&self) -> Result<Vec<u64>> {
        let line = self.line()?;
        Ok(line["sent"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect())
    }

    fn line(&self) -> Result<Value> {
        self.lines.recv_timeout(PATIENCE).context("the replay server said nothing")
    }

    fn number(&self, key: &str) -> u64 {
        self.told[key].as_u64().unwrap_or_default()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

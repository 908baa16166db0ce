//! Counts of what happened in many worlds, by name, and the table of them. Every name is there from the start, so that what
//! never happens shows as a zero.

use std::{collections::BTreeMap, fmt};

use crate::{acts::ACTS, faults::NAMES};

/// What there is to see besides acts and faults.
const SEEN: &[&str] = &[
    "worlds",
    "steps of a world",
    "connections",
    "connections to the resume host",
    "HELLO",
    "heartbeats",
    "heartbeats acknowledged",
    "identifies",
    "resumes",
    "READY",
    "RESUMED",
    "events delivered",
    "events replayed",
    "events emitted",
    "commands accepted",
    "commands expired",
    "commands refused at once",
    "commands sent",
    "commands sent at once",
    "commands taken back",
    "commands told as sent",
    "commands lost with their process",
    "commands dropped by a stop",
    "requests accepted",
    "requests done",
    "requests dropped by a stop",
    "requests lost with their process",
    "requests sent",
    "requests taken back",
    "requests timed out",
    "request refused for a while",
    "parts of answers",
    "part of an answer while the connection was lost",
    "answers begun anew",
    "notice of an identify held back",
    "notice of an oversized message",
    "notice of an unreadable message",
    "notice of a slow command",
    "line of commands full",
    "calm after a storm",
    "forgotten by the gateway, told by a cut",
    "events lost with their session",
    "stopped as asked",
    "stopped by a fatal code",
    "stopped with the budget spent",
    "notice of a gap",
    "notice of an unknown opcode",
    "punished: no heartbeat over a dead path",
    "punished: command to a session that the gateway forgot",
    "ended: bad-compression",
    "ended: bad-envelope",
    "ended: closed",
    "ended: invalid-session",
    "ended: no-answer",
    "ended: oversized",
    "ended: reconnect-requested",
    "ended: reconnect-wanted",
    "ended: suspended",
    "ended: transport",
    "ended: unexpected-message",
    "ended: zombie",
    "session lost: op 9",
    "session lost: op 9 once too often",
    "session lost: close code",
    "session lost: resumes in vain",
    "session lost: process that knows it not",
    "refused: resume of events no longer kept",
    "refused: resume of an unknown session",
];

/// Counts by name.
#[derive(Clone)]
pub struct Tally(BTreeMap<(usize, &'static str), u64>);

const HEADS: [&str; 3] = ["seen", "acts", "faults"];

impl Tally {
    pub fn new() -> Self {
        let seen = SEEN.iter().map(|name| (0, *name));
        let acts = ACTS.iter().map(|act| (1, act.name));
        let faults = NAMES.iter().map(|name| (2, *name));
        Self(seen.chain(acts).chain(faults).map(|name| (name, 0)).collect())
    }

    pub fn see(&mut self, name: &'static str) {
        self.add(0, name, 1);
    }

    pub fn see_many(&mut self, name: &'static str, count: u64) {
        self.add(0, name, count);
    }

    pub fn act(&mut self, name: &'static str) {
        self.add(1, name, 1);
    }

    pub fn fault(&mut self, name: &'static str) {
        self.add(2, name, 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.get_mut(key).expect("all tallies have the same names") += count;
        }
    }

    /// The names of what never happened.
    pub fn zeros(&self) -> Vec<&'static str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|((_, name), _)| *name).collect()
    }

    fn add(&mut self, kind: usize, name: &'static str, count: u64) {
        *self.0.get_mut(&(kind, name)).unwrap_or_else(|| panic!("no name of a tally: {name}")) +=
            count;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, head) in HEADS.iter().enumerate() {
            writeln!(f, "{head}")?;
            for ((_, name), count) in self.0.range((kind, "")..(kind + 1, "")) {
                writeln!(f, "  {count:>12}  {name}")?;
            }
        }
        Ok(())
    }
}

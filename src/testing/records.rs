//! What a mock gateway remembers for its tests and its operator: messages, breaches, counts and notices, all bounded.

use std::{collections::VecDeque, fmt};

use serde::Serialize;

use super::{
    exchange::{Host, Peer},
    visits::Visits,
};
use crate::proto::Instant;

/// A message that a client sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub peer: Peer,
    /// Its opcode; `None` if it could not be read.
    pub op: Option<u64>,
    /// The whole message. Holds the token in an identify or resume, and is therefore not printed by `Debug`.
    pub json: String,
    /// When it came.
    pub at: Instant,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, op, json, at } = self;
        let mut out = f.debug_struct("Received");
        out.field("peer", peer).field("op", op).field("at", at);
        out.field("bytes", &json.len()).finish()
    }
}

/// Something that a client did wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who did it.
    pub peer: Peer,
    /// The close code it was punished with. `None`: Discord lets it pass, but a good client does not do it.
    pub code: Option<u16>,
    /// What was wrong.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// A line for whoever watches the mock gateway. Never holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A connection opened.
    Connected(Peer, Host),
    /// A session began.
    Identified {
        /// On this connection.
        peer: Peer,
        /// Shard id and number of shards.
        shard: [u32; 2],
        /// The intents asked for.
        intents: u64,
    },
    /// A session went on.
    Resumed {
        /// On this connection.
        peer: Peer,
        /// How many events were replayed.
        replayed: u64,
    },
    /// An identify or a resume was answered with op 9.
    Refused(Peer, String),
    /// The gateway closed a connection, with this code if with any.
    Closed(Peer, Option<u16>, String),
    /// A client left, with this code if with any.
    Left(Peer, Option<u16>),
    /// A client did something wrong.
    Violated(Violation),
    /// A fault struck.
    Fault(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(peer, Host::Base) => write!(f, "#{} connected", peer.0),
            Self::Connected(peer, Host::Resume) => {
                write!(f, "#{} connected (resume address)", peer.0)
            }
            Self::Identified { peer, shard: [id, count], intents } => {
                write!(f, "#{} identified as shard {id} of {count}, intents {intents}", peer.0)
            }
            Self::Resumed { peer, replayed } => {
                write!(f, "#{} resumed, {replayed} events replayed", peer.0)
            }
            Self::Refused(peer, why) => write!(f, "#{} refused: {why}", peer.0),
            Self::Closed(peer, Some(code), reason) => {
                write!(f, "#{} closed with {code}: {reason}", peer.0)
            }
            Self::Closed(peer, None, reason) => write!(f, "#{} closed: {reason}", peer.0),
            Self::Left(peer, Some(code)) => write!(f, "#{} left with {code}", peer.0),
            Self::Left(peer, None) => write!(f, "#{} left without a close frame", peer.0),
            Self::Violated(Violation { peer, code: Some(code), reason, .. }) => {
                write!(f, "#{} violation ({code}): {reason}", peer.0)
            }
            Self::Violated(Violation { peer, code: None, reason, .. }) => {
                write!(f, "#{} violation (not punished): {reason}", peer.0)
            }
            Self::Fault(what) => write!(f, "fault: {what}"),
        }
    }
}

/// Where a mock gateway stands, as `GET /mock/state` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// Open connections.
    pub connections: usize,
    /// Connections opened since the start.
    pub connects: u64,
    /// Living sessions, those of absent clients included.
    pub sessions: usize,
    /// Identifies that arrived well-formed.
    pub identifies: u64,
    /// Resumes that arrived well-formed.
    pub resumes: u64,
    /// Resumes that were answered with RESUMED.
    pub resumed: u64,
    /// Heartbeats that arrived.
    pub heartbeats: u64,
    /// Events sent, replays included.
    pub events_sent: u64,
    /// Faults that have not struck yet, steps of the script included.
    pub faults_waiting: usize,
    /// What clients did wrong, the newest last.
    pub violations: Vec<String>,
}

/// A living session of a mock gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState<'a> {
    /// Its id.
    pub id: &'a str,
    /// Shard id and number of shards.
    pub shard: [u32; 2],
    /// The sequence number of its newest event.
    pub newest: u64,
    /// The sequence number of the oldest event that is kept for a resume.
    pub oldest: u64,
    /// Whether it is being served on a connection.
    pub is_attended: bool,
}

/// Everything that is remembered.
#[derive(Default)]
pub(super) struct Records {
    pub(super) received: VecDeque<Received>,
    pub(super) violations: VecDeque<Violation>,
    pub(super) notices: VecDeque<Notice>,
    pub(super) visits: Visits,
    pub(super) connects: u64,
    pub(super) identifies: u64,
    pub(super) resumes: u64,
    pub(super) resumed: u64,
    pub(super) heartbeats: u64,
    pub(super) events_sent: u64,
}

impl Records {
    pub(super) fn receive(&mut self, received: Received) {
        push(&mut self.received, received, 10_000);
    }

    pub(super) fn violate(&mut self, violation: Violation) {
        self.notice(Notice::Violated(violation.clone()));
        push(&mut self.violations, violation, 1000);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        push(&mut self.notices, notice, 1000);
    }
}

/// Appends, and forgets the oldest beyond `most`.
fn push<T>(to: &mut VecDeque<T>, item: T, most: usize) {
    if to.len() == most {
        to.pop_front();
    }
    to.push_back(item);
}

//! What a user sees: events, the status, and a picture of everything at one moment. Plain data.
//!
//! The JSON forms (by `Serialize`) are those of the npm package's types: camelCase keys, spans in milliseconds.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use serde_json::value::RawValue;

use super::{
    error::{Fault, StopReason},
    form::{self, Form, Put},
    session::Session,
    time::whole_millis,
    wire::{EnvelopeError, Opcode, ShardId, quote_wide_integers},
    words::{Say, displayed, say},
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A connection ended by something else than the user's `close`.
    Disconnected {
        /// Why.
        fault: Fault,
        /// What the shard does about it.
        next: Next,
    },
    /// An event from Discord.
    Dispatch(Dispatch),
    /// A heartbeat was acknowledged.
    HeartbeatAcked {
        /// From the heartbeat to its acknowledgement.
        round_trip: Duration,
    },
    /// Something odd that does not harm the connection.
    Notice(Notice),
    /// The replay after a resume is over.
    Resumed {
        /// How many missed dispatches the Gateway sent again.
        replayed: u64,
    },
    /// The status changed.
    StatusChanged {
        /// What it is now.
        status: Status,
        /// What it was.
        previous: Status,
    },
    /// The last event.
    Stopped {
        /// Why.
        reason: StopReason,
    },
}

impl Event {
    /// The word that its JSON form has as `type`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Disconnected { .. } => "disconnected",
            Self::Dispatch(_) => "dispatch",
            Self::HeartbeatAcked { .. } => "heartbeat",
            Self::Notice(_) => "notice",
            Self::Resumed { .. } => "resumed",
            Self::StatusChanged { .. } => "status",
            Self::Stopped { .. } => "stopped",
        }
    }
}

/// An event from Discord. Its data stays text until somebody wants it.
#[derive(Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Discord's event name, such as `MESSAGE_CREATE`. An open set: unknown names are delivered too.
    pub name: Box<str>,
    /// Its number within the session; 0 if the server gave none.
    pub sequence: u64,
    /// Its data as the JSON text that Discord sent.
    pub data: Box<str>,
    /// Whether the data holds an integer that a JavaScript number cannot hold exactly.
    pub has_wide_integers: bool,
}

impl Dispatch {
    /// The data as a `T`.
    pub fn deserialize<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(&self.data)
    }

    /// The data as text for JavaScript's own parser: integers that it would round are turned into strings.
    #[must_use]
    pub fn data_for_javascript(&self) -> std::borrow::Cow<'_, str> {
        if self.has_wide_integers {
            quote_wide_integers(&self.data).into()
        } else {
            (&*self.data).into()
        }
    }
}

/// Without the data, which may be anything and long.
impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("name", &self.name)
            .field("sequence", &self.sequence)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// `{ type, … }`.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Dispatch(dispatch) = self else {
            return Report(self).serialize(serializer);
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "dispatch")?;
        map.serialize_entry("name", &dispatch.name)?;
        map.serialize_entry("sequence", &dispatch.sequence)?;
        match serde_json::from_str::<&RawValue>(&dispatch.data) {
            Ok(data) => map.serialize_entry("data", data)?,
            // Data that is not JSON after all is shown all the same.
            Err(_) => map.serialize_entry("raw", &dispatch.data)?,
        }
        map.end()
    }
}

/// An event as `{ type, … }`, a dispatch without its data: for whoever hands that over by itself.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a>(pub &'a Event);

impl Form for Report<'_> {
    fn fields(&self, put: &mut impl Put) {
        put.text("type", Some(self.0.kind()));
        match self.0 {
            Event::Disconnected { fault, next } => {
                put.object("fault", Some(fault));
                next.fields(put);
            }
            Event::Dispatch(dispatch) => {
                put.text("name", Some(&dispatch.name));
                put.number("sequence", dispatch.sequence);
            }
            Event::HeartbeatAcked { round_trip } => put.millis("roundTripMs", Some(*round_trip)),
            Event::Notice(notice) => {
                put.text("code", Some(notice.code()));
                put.text("message", Some(&notice.said()));
            }
            Event::Resumed { replayed } => put.number("replayed", *replayed),
            Event::StatusChanged { status, previous } => {
                status.fields(put);
                put.text("previous", Some(previous.name()));
            }
            Event::Stopped { reason } => put.object("reason", Some(reason)),
        }
    }
}

/// What a shard does after a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A new session, on the base address.
    Identify {
        /// The pause before it.
        retry_in: Duration,
    },
    /// The same session.
    Resume {
        /// Where.
        host: Host,
        /// The pause before it.
        retry_in: Duration,
    },
    /// Nothing: it is over.
    Stop,
}

impl Form for Next {
    fn fields(&self, put: &mut impl Put) {
        let (next, host, retry_in) = match self {
            Self::Identify { retry_in } => ("identify", Host::Base, retry_in),
            Self::Resume { host, retry_in } => ("resume", *host, retry_in),
            Self::Stop => return put.text("next", Some("stop")),
        };
        put.text("next", Some(next));
        put.text("host", Some(host.name()));
        put.millis("retryInMs", Some(*retry_in));
    }
}

impl Session {
    /// The same session as it stood before `events`, which were taken from a shard and not handled: a resume brings them
    /// again.
    #[must_use]
    pub fn before<'a>(mut self, events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut first = None;
        let mut latest = 0;
        for event in events {
            let Event::Dispatch(dispatch) = event else { continue };
            // Numbers start anew with a new session.
            if first.is_none() || dispatch.sequence < latest {
                first = Some(dispatch.sequence);
            }
            latest = dispatch.sequence;
        }
        if let Some(first) = first {
            self.sequence = self.sequence.min(first.saturating_sub(1));
        }
        self
    }
}

/// Which address a connection goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The configured one.
    Base,
    /// The one that READY named.
    Resume,
}

impl Host {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Resume => "resume",
        }
    }
}

/// Something odd that does not harm the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What a hook gave may not be used; what stood there before serves instead. Says what was expected.
    BadHook(&'static str),
    /// READY named a resume address that may not be used; the base address serves instead.
    BadResumeUrl,
    /// The shard identified so often that it must wait before it does so again: the budget of a day is not to be burnt in
    /// an hour.
    IdentifyHeldBack {
        /// For how long.
        wait: Duration,
    },
    /// A message was too large on two connections: the session is resumed behind it, and it never comes.
    Oversized {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The identify queue cannot be asked.
    QueueUnavailable {
        /// How long until it is asked again.
        retry_in: Duration,
    },
    /// Sequence numbers are missing.
    SequenceGap {
        /// How many.
        missing: u64,
    },
    /// A command left late.
    SlowSend {
        /// How long it waited.
        waited: Duration,
    },
    /// A message had an opcode that nobody knows.
    UnknownOpcode(Opcode),
    /// A message could not be read, a fresh connection did not bring it right, and it was passed over. If it was an event,
    /// the next one's number tells of a gap.
    Unreadable(EnvelopeError),
}

impl Notice {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadHook(_) => "bad-hook",
            Self::BadResumeUrl => "bad-resume-url",
            Self::IdentifyHeldBack { .. } => "identify-held-back",
            Self::Oversized { .. } => "oversized-message",
            Self::QueueUnavailable { .. } => "queue-unavailable",
            Self::SequenceGap { .. } => "sequence-gap",
            Self::SlowSend { .. } => "slow-send",
            Self::UnknownOpcode(_) => "unknown-opcode",
            Self::Unreadable(_) => "unreadable-message",
        }
    }
}

impl Say for Notice {
    fn say(&self, out: &mut String) {
        match self {
            Self::BadHook(expected) => say!(out, "what a hook gave is not used: ", expected),
            Self::BadResumeUrl => out.push_str(
                "the gateway named a resume address that is not safe to use; the base address is used instead",
            ),
            Self::Oversized { limit } => say!(out, "passed over a message that is larger than the limit of ", limit, " bytes on every connection"),
            Self::QueueUnavailable { retry_in } => say!(out, "the identify queue gave no answer; it is asked again in ", whole_millis(*retry_in), " ms"),
            Self::SequenceGap { missing } => say!(out, missing, " sequence numbers never came"),
            Self::IdentifyHeldBack { wait } => say!(out, "the shard identified too often of late; the next identify waits ", wait.as_secs(), " seconds"),
            Self::SlowSend { waited } => {
                say!(out, "a command waited ", whole_millis(*waited), " ms before it was sent");
            }
            Self::UnknownOpcode(opcode) => say!(out, "ignored a message with opcode ", opcode),
            Self::Unreadable(error) => {
                say!(out, "passed over a message that is not a gateway message: ", error.0);
            }
        }
    }
}

displayed!(Notice);

/// What a shard is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Waits for HELLO.
    AwaitingHello,
    /// Waits for its turn to identify.
    AwaitingIdentify,
    /// Closes for good, or until it is started again.
    Closing,
    /// Opens a socket.
    Connecting,
    /// Between two connections.
    Disconnected {
        /// How many connections have failed in a row.
        attempt: u32,
        /// How long until the next one, from the moment that this value was made.
        retry_in: Duration,
    },
    /// Waits for READY.
    Identifying,
    /// Not started.
    Idle,
    /// Receives events.
    Ready,
    /// Receives what it missed.
    Resuming,
    /// Over.
    Stopped,
}

impl Status {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AwaitingHello => "awaiting-hello",
            Self::AwaitingIdentify => "awaiting-identify",
            Self::Closing => "closing",
            Self::Connecting => "connecting",
            Self::Disconnected { .. } => "disconnected",
            Self::Identifying => "identifying",
            Self::Idle => "idle",
            Self::Ready => "ready",
            Self::Resuming => "resuming",
            Self::Stopped => "stopped",
        }
    }
}

impl Form for Status {
    fn fields(&self, put: &mut impl Put) {
        put.text("status", Some(self.name()));
        if let Self::Disconnected { attempt, retry_in } = *self {
            put.number("attempt", attempt.into());
            put.millis("retryInMs", Some(retry_in));
        }
    }
}

/// A picture of a shard at one moment: all of its state that means something outside.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// What it is doing; in JSON its name.
    pub status: Status,
    /// Which shard it is.
    pub shard: ShardId,
    /// The session, if there is one.
    pub session: Option<Session>,
    /// The Gateway version.
    pub version: u8,
    /// The bits of the intents.
    pub intents: u64,
    /// The encoding, as the Gateway calls it.
    pub encoding: &'static str,
    /// The compression, as the Gateway calls it; `none` and `payload` have no name there.
    pub compression: &'static str,
    /// The base address with its query.
    pub gateway_url: String,
    /// The address of the current or last connection.
    pub connected_url: Option<String>,
    /// Counts connections; 0 before the first.
    pub connection_id: u32,
    /// The address of the other end of the socket, where the platform tells it.
    pub peer: Option<String>,
    /// Since the shard was first started.
    pub uptime: Duration,
    /// Heartbeats.
    pub heartbeat: Latency,
    /// The send limits.
    pub commands: SendBudget,
    /// What was counted since the start, or since the counters were reset.
    pub counters: Counters,
    /// Dispatches received by name, filtered ones included.
    pub events: EventCounts,
}

/// How many dispatches of each name came, most frequent first.
///
/// Names beyond [`EventCounts::MOST_NAMES`] are counted together as `OTHER`: what a server calls its events has no say over
/// our memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCounts(Vec<(Box<str>, u64)>);

impl EventCounts {
    /// Names that are counted apart; Discord has about 80.
    pub const MOST_NAMES: usize = 256;

    /// The count of a name.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| count)
    }

    /// All names with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (&**name, *count))
    }

    /// A name that comes often moves to the front, where it is found at once.
    pub(crate) fn count(&mut self, name: &str) {
        let place = self.0.iter().position(|(known, _)| **known == *name);
        let is_full = place.is_none() && self.0.len() >= Self::MOST_NAMES;
        if is_full && name != "OTHER" {
            return self.count("OTHER");
        }
        let at = place.unwrap_or_else(|| {
            self.0.push((name.into(), 0));
            self.0.len() - 1
        });
        self.0[at].1 += 1;
        if at > 0 && self.0[at].1 > self.0[at - 1].1 {
            self.0.swap(at, at - 1);
        }
    }
}

/// Round trips of heartbeats on the current connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// The interval from HELLO; `None` before.
    pub interval: Option<Duration>,
    /// The newest round trip.
    pub last: Option<Duration>,
    /// The mean of all.
    pub average: Option<Duration>,
    /// The newest up to five, newest first.
    pub history: Vec<Duration>,
    /// How long ago the newest heartbeat was sent; `None` before the first.
    pub sent_ago: Option<Duration>,
    /// How long ago the newest acknowledgement came; `None` before the first.
    pub acked_ago: Option<Duration>,
    /// Whether every heartbeat so far was acknowledged.
    pub is_acked: bool,
    /// Whether heartbeats are being sent: HELLO came and the connection stands.
    pub is_running: bool,
}

/// What the send limit leaves to users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendBudget {
    /// Commands per 60 seconds: 120 less the heartbeats' reserve.
    pub limit: usize,
    /// How many could be sent now.
    pub available: usize,
    /// How long until one more can be sent; zero if some can.
    pub next_in: Duration,
    /// Commands that wait.
    pub waiting: usize,
    /// How many presences could be sent now, of five in 20 seconds.
    pub presences: usize,
    /// How long until one more presence can be sent; zero if some can.
    pub next_presence_in: Duration,
    /// Requests whose answers are being collected.
    pub open_requests: usize,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Socket messages received.
    pub messages: u64,
    /// Bytes received, as they came.
    pub wire_bytes: u64,
    /// Bytes received, after inflating.
    pub inflated_bytes: u64,
    /// Socket messages sent.
    pub sent_messages: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Dispatches delivered.
    pub dispatches: u64,
    /// Dispatches that the filter held back.
    pub filtered: u64,
    /// Dispatches dropped because a replay repeated them.
    pub duplicates: u64,
    /// Dispatches that a resume brought again from the Gateway's buffer.
    pub replayed: u64,
    /// Sequence numbers that never came.
    pub gaps: u64,
    /// Messages that the tap dropped.
    pub tapped: u64,
    /// Sockets opened, or tried to.
    pub connects: u64,
    /// Those of them that came after another.
    pub reconnects: u64,
    /// Connections that ended by something else than the user's wish.
    pub faults: u64,
    /// Identifies sent.
    pub identifies: u64,
    /// Resumes sent.
    pub resumes: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
}

impl Form for ShardInfo {
    fn fields(&self, put: &mut impl Put) {
        put.text("status", Some(self.status.name()));
        put.pair("shard", [self.shard.number(), self.shard.total()]);
        put.object("session", self.session.as_ref());
        put.number("version", self.version.into());
        put.number("intents", self.intents);
        put.text("encoding", Some(self.encoding));
        put.text("compression", Some(self.compression));
        put.text("gatewayUrl", Some(&self.gateway_url));
        put.text("connectedUrl", self.connected_url.as_deref());
        put.number("connectionId", self.connection_id.into());
        put.text("peer", self.peer.as_deref());
        put.millis("uptimeMs", Some(self.uptime));
        put.object("heartbeat", Some(&self.heartbeat));
        put.object("commands", Some(&self.commands));
        put.object("counters", Some(&self.counters));
        put.object("events", Some(&self.events));
    }
}

impl Form for Latency {
    fn fields(&self, put: &mut impl Put) {
        put.millis("intervalMs", self.interval);
        put.millis("lastMs", self.last);
        put.millis("averageMs", self.average);
        put.all_millis("historyMs", &self.history);
        put.millis("sentAgoMs", self.sent_ago);
        put.millis("ackedAgoMs", self.acked_ago);
        put.flag("isAcked", self.is_acked);
        put.flag("isRunning", self.is_running);
    }
}

impl Form for SendBudget {
    fn fields(&self, put: &mut impl Put) {
        put.number("limit", self.limit as u64);
        put.number("available", self.available as u64);
        put.millis("nextInMs", Some(self.next_in));
        put.number("waiting", self.waiting as u64);
        put.number("presences", self.presences as u64);
        put.millis("nextPresenceInMs", Some(self.next_presence_in));
        put.number("openRequests", self.open_requests as u64);
    }
}

impl Form for Counters {
    fn fields(&self, put: &mut impl Put) {
        let counts = [
            ("messages", self.messages),
            ("wireBytes", self.wire_bytes),
            ("inflatedBytes", self.inflated_bytes),
            ("sentMessages", self.sent_messages),
            ("sentBytes", self.sent_bytes),
            ("dispatches", self.dispatches),
            ("filtered", self.filtered),
            ("duplicates", self.duplicates),
            ("replayed", self.replayed),
            ("gaps", self.gaps),
            ("tapped", self.tapped),
            ("connects", self.connects),
            ("reconnects", self.reconnects),
            ("faults", self.faults),
            ("identifies", self.identifies),
            ("resumes", self.resumes),
            ("heartbeats", self.heartbeats),
        ];
        for (name, count) in counts {
            put.number(name, count);
        }
    }
}

impl Form for EventCounts {
    fn fields(&self, put: &mut impl Put) {
        self.iter().for_each(|(name, count)| put.number(name, count));
    }
}

impl Form for Session {
    fn fields(&self, put: &mut impl Put) {
        put.text("id", Some(&self.id));
        put.number("sequence", self.sequence);
        put.text("resumeUrl", self.resume_url.as_deref());
        put.pair("shard", [self.shard.number(), self.shard.total()]);
        put.text("userId", self.user_id.as_deref());
    }
}

/// serde writes what [`Form`] says.
macro_rules! serialized {
    ($($kind:ty),*) => {
        $(
            impl Serialize for $kind {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    form::serialize(self, serializer)
                }
            }
        )*
    };
}

serialized!(Report<'_>, ShardInfo, Latency, SendBudget, Counters);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Close;

    fn json(event: &Event) -> String {
        serde_json::to_string(event).expect("plain data")
    }

    #[test]
    fn events_have_the_shape_of_the_package_types() {
        let dispatch = Dispatch {
            name: "X".into(),
            sequence: 3,
            data: r#"{"a":1}"#.into(),
            has_wide_integers: false,
        };
        assert_eq!(
            json(&Event::Dispatch(dispatch)),
            r#"{"type":"dispatch","name":"X","sequence":3,"data":{"a":1}}"#
        );
        assert_eq!(
            json(&Event::StatusChanged {
                status: Status::Disconnected { attempt: 2, retry_in: Duration::from_millis(1500) },
                previous: Status::Ready,
            }),
            r#"{"type":"status","status":"disconnected","attempt":2,"retryInMs":1500.0,"previous":"ready"}"#
        );
        assert_eq!(
            json(&Event::HeartbeatAcked { round_trip: Duration::from_micros(250) }),
            r#"{"type":"heartbeat","roundTripMs":0.25}"#
        );
        assert_eq!(
            json(&Event::Disconnected {
                fault: Fault::Closed(Close::new(4009, "late")),
                next: Next::Identify { retry_in: Duration::from_secs(1) },
            }),
            concat!(
                r#"{"type":"disconnected","fault":{"code":"closed","message":"the gateway closed with 4009 "#,
                r#"(session timed out): the session expired","closeCode":4009,"closeReason":"late"},"#,
                r#""next":"identify","host":"base","retryInMs":1000.0}"#
            )
        );
        assert_eq!(
            json(&Event::Stopped { reason: StopReason::Requested }),
            r#"{"type":"stopped","reason":{"code":"requested","message":"the shard was closed as asked"}}"#
        );
        assert_eq!(
            json(&Event::Notice(Notice::UnknownOpcode(Opcode(99)))),
            r#"{"type":"notice","code":"unknown-opcode","message":"ignored a message with opcode 99 (unknown opcode)"}"#
        );
    }

    #[test]
    fn names_are_counted_and_frequent_ones_come_first() {
        let mut counts = EventCounts::default();
        for name in ["A", "B", "B", "C", "B"] {
            counts.count(name);
        }
        assert_eq!(counts.of("B"), 3);
        assert_eq!(counts.of("D"), 0);
        assert_eq!(counts.iter().next(), Some(("B", 3)));
        for number in 0..1000 {
            counts.count(&format!("N{number}"));
        }
        assert_eq!(counts.iter().count(), EventCounts::MOST_NAMES + 1);
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 1005);
    }

    #[test]
    fn a_session_has_the_same_form_for_serde_and_for_javascript() {
        for resume_url in [None, Some("wss://a".to_owned())] {
            let user_id = resume_url.as_ref().map(|_| "7".into());
            let session =
                Session { id: "a".into(), sequence: 3, resume_url, shard: ShardId::ONE, user_id };
            assert_eq!(
                serde_json::to_string(&form::Formed(&session)).expect("plain data"),
                serde_json::to_string(&session).expect("plain data")
            );
        }
    }

    #[test]
    fn data_that_is_not_json_is_still_shown() {
        let dispatch = Dispatch {
            name: "X".into(),
            sequence: 1,
            data: "{]}".into(),
            has_wide_integers: false,
        };
        assert!(json(&Event::Dispatch(dispatch)).contains(r#""raw":"{]}""#));
    }
}

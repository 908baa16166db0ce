//! A shard in a world, and what it did. Decides nothing.

use std::fmt;

use crate::{
    proto::{
        Close, CommandError, Config, ConnectionId, Dispatch, Envelope, Event, Instant, Opcode,
        Reply, RequestId, ShardMachine, Status, Ticket,
    },
    testing::exchange::Host,
};

/// A shard in a [`World`](super::World), and all that it did.
pub struct Client {
    pub(super) machine: ShardMachine,
    /// What each process of it begins with: the machine of one that has ended has let go of its hooks.
    pub(super) config: Config,
    pub(super) wakes_at: Option<Instant>,
    pub(super) events: Vec<(Instant, Event)>,
    pub(super) taken: usize,
    sends: Vec<Sent>,
    opened: Vec<Opened>,
    closed: Vec<Closed>,
    replies: Vec<(RequestId, Reply)>,
    settled: Vec<(Ticket, Result<(), CommandError>)>,
    /// Connections so far, those that are no longer kept included.
    connects: usize,
    /// Whether it said its last word.
    pub(super) is_over: bool,
    /// `Some`: what it does is kept here until it is taken, and nowhere else.
    pub(super) deeds: Option<Vec<Deed>>,
}

/// Something that a shard did, told to whoever looks at each step of a world.
#[derive(Debug)]
pub enum Deed {
    /// It closed a connection.
    Closed(Closed),
    /// It gave out an event.
    Event(Event),
    /// It opened a connection.
    Opened(Opened),
    /// It told what became of a request.
    Reply(RequestId, Reply),
    /// It sent a message.
    Sent(Sent),
    /// It told what became of a command.
    Settled(Ticket, Result<(), CommandError>),
}

/// A message that a shard sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// On which connection of the shard.
    pub connection: ConnectionId,
    /// The same as a place in [`Client::opened`], as each process counts its connections anew.
    pub nth: usize,
    /// Its opcode.
    pub op: Opcode,
    /// The whole text. Holds the token in an identify or resume, and is therefore not printed by `Debug`.
    pub text: String,
}

/// An address that a shard opened, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// When.
    pub at: Instant,
    /// The number that the shard gave it.
    pub connection: ConnectionId,
    /// Whether it is the configured address or another.
    pub host: Host,
    /// The address with its query.
    pub url: String,
}

/// A close that a shard asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Instant,
    /// Of which connection.
    pub connection: ConnectionId,
    /// Code and reason.
    pub close: Close,
}

/// What a shard may do before somebody takes its deeds: far more than one step brings, yet not without bound.
const MOST_DEEDS: usize = 1_000_000;

impl Client {
    pub(super) fn new(machine: ShardMachine) -> Self {
        Self {
            config: machine.config().clone(),
            machine,
            wakes_at: None,
            events: Vec::new(),
            taken: 0,
            sends: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            replies: Vec::new(),
            settled: Vec::new(),
            connects: 0,
            is_over: false,
            deeds: None,
        }
    }

    pub(super) fn note_event(&mut self, event: Event, now: Instant) {
        self.is_over = matches!(event, Event::Stopped { .. });
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Event(event)),
            None => self.events.push((now, event)),
        }
    }

    pub(super) fn note_opened(&mut self, opened: Opened) {
        self.connects += 1;
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Opened(opened)),
            None => self.opened.push(opened),
        }
    }

    pub(super) fn note_closed(&mut self, closed: Closed) {
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Closed(closed)),
            None => self.closed.push(closed),
        }
    }

    pub(super) fn note_reply(&mut self, id: RequestId, reply: Reply) {
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Reply(id, reply)),
            None => self.replies.push((id, reply)),
        }
    }

    pub(super) fn note_settled(&mut self, ticket: Ticket, outcome: Result<(), CommandError>) {
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Settled(ticket, outcome)),
            None => self.settled.push((ticket, outcome)),
        }
    }

    /// Keeps a message that was sent on the newest connection.
    pub(super) fn note_sent(
        &mut self,
        connection: ConnectionId,
        op: Opcode,
        text: String,
        at: Instant,
    ) {
        let nth = self.connects.saturating_sub(1);
        let sent = Sent { at, connection, nth, op, text };
        match &mut self.deeds {
            Some(deeds) => push(deeds, Deed::Sent(sent)),
            None => self.sends.push(sent),
        }
    }

    /// The shard itself.
    #[must_use]
    pub fn machine(&self) -> &ShardMachine {
        &self.machine
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.machine.status()
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<&Event> {
        self.events.iter().map(|(_, event)| event).collect()
    }

    /// All events so far, each with its time.
    #[must_use]
    pub fn timed_events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// All dispatches so far.
    #[must_use]
    pub fn dispatches(&self) -> Vec<&Dispatch> {
        let dispatch = |event| match event {
            &(_, Event::Dispatch(ref dispatch)) => Some(dispatch),
            _ => None,
        };
        self.events.iter().filter_map(dispatch).collect()
    }

    /// Everything that it sent.
    #[must_use]
    pub fn sends(&self) -> &[Sent] {
        &self.sends
    }

    /// The addresses that it opened, or tried to.
    #[must_use]
    pub fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// The closes that it asked for.
    #[must_use]
    pub fn closed(&self) -> &[Closed] {
        &self.closed
    }

    /// What became of its requests.
    #[must_use]
    pub fn replies(&self) -> &[(RequestId, Reply)] {
        &self.replies
    }

    /// What became of its commands.
    pub fn settled(&self) -> &[(Ticket, Result<(), CommandError>)] {
        &self.settled
    }

    /// When it wants to be woken at the latest.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        self.wakes_at
    }
}

impl Sent {
    /// The data as JSON text.
    #[must_use]
    pub fn data(&self) -> &str {
        Envelope::parse(&self.text).map_or("", |envelope| envelope.data)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, connection, nth, op, text } = self;
        let mut out = f.debug_struct("Sent");
        out.field("at", at).field("connection", connection).field("nth", nth).field("op", op);
        out.field("bytes", &text.len()).finish()
    }
}

fn push(deeds: &mut Vec<Deed>, deed: Deed) {
    assert!(deeds.len() < MOST_DEEDS, "expected the deeds of a shard to be taken in time");
    deeds.push(deed);
}

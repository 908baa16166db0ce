//! The whole vocabulary of the wall: what goes into the machine and what comes out.

use std::time::Duration;

use super::{
    error::{CommandError, QueueError, TransportError},
    event::Event,
    pace::Turn,
    request::{Reply, RequestId},
    time::Wake,
    turn::Ticket,
    wire::{Close, ConnectionId, Frame},
    words::{Say, displayed, say},
};

/// What goes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The user ends the shard.
    Close {
        /// Whether Discord shall keep the session for a later resume.
        keep_session: bool,
    },
    /// The socket closed. May be told twice.
    Closed(ConnectionId, Option<Close>),
    /// The socket could not be opened, or broke without a close frame. May be told twice.
    Failed(ConnectionId, TransportError),
    /// The answer to [`Output::ReserveIdentify`].
    IdentifyAt(Result<Turn, QueueError>),
    /// The socket is open.
    Opened(ConnectionId),
    /// The socket was ended because a message came that is above the limit, and was not kept.
    Oversized(ConnectionId),
    /// The user, or a driver whose reader is too slow, leaves off for now: closes, keeping the session.
    Pause,
    /// A message came.
    Received(ConnectionId, Frame),
    /// The user wants a new connection with the same session, at once.
    Reconnect,
    /// The user starts, or goes on after a pause.
    Start,
    /// The computer slept so long, as the clock on the wall tells: connections are not worth a wait.
    Suspended(Duration),
    /// Nothing happened but time.
    TimePassed,
}

/// What comes out. Exhaustive on purpose: a new kind of output must break every driver at compile time.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Close the socket with this code. Its end is told by [`Input::Closed`], or given up on.
    Close(ConnectionId, Close),
    /// For the user.
    Event(Event),
    /// An identify was sent just now: the ledger counts from here.
    Identified,
    /// News of a request.
    Reply(RequestId, Reply),
    /// What became of a command: sent, or refused after all. Told once for each.
    Settled(Ticket, Result<(), CommandError>),
    /// Open a socket to this address, dropping any older one.
    Open(ConnectionId, String),
    /// Ask when this shard may identify; answer with [`Input::IdentifyAt`].
    ReserveIdentify,
    /// Send this message.
    Transmit(ConnectionId, Frame),
    /// "I am empty; come back then at the latest, for this reason."
    Wait(Wake),
}

/// In a few words, without anything that a message holds.
impl Say for Input {
    fn say(&self, out: &mut String) {
        match self {
            Self::Close { keep_session: true } => out.push_str("close, keeping the session"),
            Self::Close { keep_session: false } => out.push_str("close"),
            Self::Closed(id, None) => say!(out, id, " ended"),
            Self::Closed(id, Some(close)) => say!(out, id, " closed with ", close.code),
            Self::Failed(id, error) => say!(out, id, " failed: ", error),
            Self::IdentifyAt(Ok(_)) => out.push_str("a turn to identify"),
            Self::IdentifyAt(Err(error)) => error.say(out),
            Self::Opened(id) => say!(out, id, " is open"),
            Self::Oversized(id) => say!(out, id, " ended by a message above the limit"),
            Self::Pause => out.push_str("pause"),
            Self::Received(id, frame) => say!(out, id, " received ", frame.len(), " bytes"),
            Self::Reconnect => out.push_str("reconnect"),
            Self::Start => out.push_str("start"),
            Self::Suspended(span) => say!(out, "slept for ", span.as_secs(), " s"),
            Self::TimePassed => out.push_str("time passed"),
        }
    }
}

displayed!(Input);

/// In a few words, without anything that a message holds.
impl Say for Output {
    fn say(&self, out: &mut String) {
        match self {
            Self::Close(id, close) => say!(out, id, " close with ", close.code),
            Self::Event(event) => say!(out, "event ", event.kind()),
            Self::Identified => out.push_str("identified"),
            Self::Open(id, url) => say!(out, id, " open ", url.as_str()),
            Self::Reply(_, reply) => say!(out, "a request ", reply),
            Self::ReserveIdentify => out.push_str("ask for a turn to identify"),
            Self::Settled(_, Ok(())) => out.push_str("a command was sent"),
            Self::Settled(_, Err(error)) => say!(out, "a command was not sent: ", error),
            Self::Transmit(id, frame) => say!(out, id, " send ", frame.len(), " bytes"),
            Self::Wait(Wake { at: Some(_), why }) => say!(out, "wait: ", why.name()),
            Self::Wait(Wake { at: None, .. }) => out.push_str("wait"),
        }
    }
}

displayed!(Output);

//! The whole vocabulary of the wall: what goes into the machine and what comes out.

use std::{fmt, time::Duration};

use super::{
    error::{CommandError, QueueError, TransportError},
    event::Event,
    pace::Turn,
    request::{Reply, RequestId},
    time::Wake,
    turn::Ticket,
    wire::{Close, ConnectionId, Frame},
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
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close { keep_session: true } => f.write_str("close, keeping the session"),
            Self::Close { keep_session: false } => f.write_str("close"),
            Self::Closed(id, None) => write!(f, "{id} ended"),
            Self::Closed(id, Some(close)) => write!(f, "{id} closed with {}", close.code),
            Self::Failed(id, error) => write!(f, "{id} failed: {error}"),
            Self::IdentifyAt(Ok(_)) => f.write_str("a turn to identify"),
            Self::IdentifyAt(Err(error)) => error.fmt(f),
            Self::Opened(id) => write!(f, "{id} is open"),
            Self::Pause => f.write_str("pause"),
            Self::Received(id, frame) => write!(f, "{id} received {} bytes", frame.len()),
            Self::Reconnect => f.write_str("reconnect"),
            Self::Start => f.write_str("start"),
            Self::Suspended(span) => write!(f, "slept for {} s", span.as_secs()),
            Self::TimePassed => f.write_str("time passed"),
        }
    }
}

/// In a few words, without anything that a message holds.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(id, close) => write!(f, "{id} close with {}", close.code),
            Self::Event(event) => write!(f, "event {}", event.kind()),
            Self::Identified => f.write_str("identified"),
            Self::Open(id, url) => write!(f, "{id} open {url}"),
            Self::Reply(_, reply) => write!(f, "a request {reply}"),
            Self::ReserveIdentify => f.write_str("ask for a turn to identify"),
            Self::Settled(_, Ok(())) => f.write_str("a command was sent"),
            Self::Settled(_, Err(error)) => write!(f, "a command was not sent: {error}"),
            Self::Transmit(id, frame) => write!(f, "{id} send {} bytes", frame.len()),
            Self::Wait(Wake { at: Some(_), why }) => write!(f, "wait: {why:?}"),
            Self::Wait(Wake { at: None, .. }) => f.write_str("wait"),
        }
    }
}

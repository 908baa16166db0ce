//! The whole vocabulary of the wall: what goes into the machine and what comes out.

use super::{
    error::{BudgetSpent, TransportError},
    event::Event,
    time::{Instant, Wake},
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
    /// The ledger's answer to [`Output::ReserveIdentify`].
    IdentifyAt(Result<Instant, BudgetSpent>),
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
    /// Open a socket to this address, dropping any older one.
    Open(ConnectionId, String),
    /// Ask the ledger when this shard may identify; answer with [`Input::IdentifyAt`].
    ReserveIdentify,
    /// Send this message.
    Transmit(ConnectionId, Frame),
    /// "I am empty; come back then at the latest, for this reason."
    Wait(Wake),
}

//! What crosses the wall of the mock gateway: its inputs, its outputs and the names in them.
//! Never decides anything.

use serde::{Deserialize, Serialize};

use super::script::Fault;
use crate::proto::{Close, Frame, Instant};

/// One client connection. Whoever owns the sockets (or plays the network) numbers them and never uses a number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u64);

/// The address by which a client came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// The address that `GET /gateway` names.
    Base,
    /// The address that READY names in `resume_gateway_url`.
    Resume,
}

/// Everything that can happen to the mock gateway.
#[derive(Clone, Debug)]
pub enum ServerInput {
    /// A WebSocket connection is open.
    Connected {
        /// Its number.
        peer: Peer,
        /// The address it came in by.
        host: Host,
        /// The query of the request, without the question mark: `v=10&encoding=json`.
        query: String,
    },
    /// A whole message of the client.
    Received(Peer, Frame),
    /// The client is gone, with its close frame if it sent one. Closing with 1000 or 1001 ends its session.
    Disconnected(Peer, Option<Close>),
    /// So much is waiting to be written to this client that no steady events should be made for it.
    Congested(Peer),
    /// The opposite of [`Congested`](Self::Congested).
    Relieved(Peer),
    /// A fault, now, for every open connection. One that finds none open waits for the next.
    Inject(Fault),
    /// A fault, now, for this connection alone.
    InjectInto(Peer, Fault),
    /// Nothing, but time has passed.
    TimePassed,
}

/// Everything the mock gateway can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutput {
    /// Send a message.
    Send(Peer, Frame),
    /// Send one message in these WebSocket fragments.
    SendFragments(Peer, Fragments),
    /// Send a close frame and end the connection.
    Close(Peer, Close),
    /// Send a close frame without a code (the client sees 1005) and end the connection.
    CloseWithoutCode(Peer),
    /// Drop the connection without a close frame (the client sees 1006).
    Cut(Peer),
    /// Nothing more for now: come back with an input, or at this instant. `None`: only input can change anything.
    Wait(Option<Instant>),
}

impl ServerOutput {
    /// The connection it is for; `None` for [`Wait`](Self::Wait).
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        match self {
            Self::Send(peer, _)
            | Self::SendFragments(peer, _)
            | Self::Close(peer, _)
            | Self::CloseWithoutCode(peer)
            | Self::Cut(peer) => Some(*peer),
            Self::Wait(_) => None,
        }
    }
}

/// One WebSocket message in pieces below the message level (RFC 6455 fragmentation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragments {
    /// Whether it is a text message.
    pub text: bool,
    /// The pieces in order. The last one may be empty.
    pub parts: Vec<Vec<u8>>,
}

/// Why a connection may not even be upgraded; see [`Gateway::admits`](super::Gateway::admits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Answer the upgrade request with this HTTP status.
    Status(u16),
    /// Nobody listens there.
    Unreachable,
}

//! The socket, as four verbs: open, send, close, and "what happened?".

use std::task::{Context, Poll};

use crate::proto::{Close, ConnectionId, Frame, Input, TransportError};

/// A WebSocket client that can be opened again and again.
///
/// Poll style, so that neither `Send` nor its absence is forced on anybody. Rules for implementations:
///
/// - Nothing fails on the spot: what goes wrong is told by [`poll`](Self::poll).
/// - An event carries the id given to the `open` that it belongs to.
/// - After the end of a connection was told (`Closed`, `Failed` or `Oversized`) nothing more is told of it; telling twice is
///   harmless.
/// - Messages above the configured size should be refused as early as the platform allows.
pub trait Transport {
    /// Opens a socket to `url` and drops any older one without waiting for it.
    fn open(&mut self, connection: ConnectionId, url: &str);

    /// Sends a message on the open socket; ignored if there is none.
    fn send(&mut self, frame: Frame);

    /// Closes the socket; its end is told later. While the socket is still opening, it is dropped.
    ///
    /// Only codes that a browser may send are ever given: 1000, and 3000 to 4999.
    fn close(&mut self, close: Close);

    /// The address of the other end of the open socket, where the platform tells it.
    fn peer(&self) -> Option<String> {
        None
    }

    /// What happened next on the socket. Must arrange for a wake-up if it is pending.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent>;
}

/// What happened on a socket.
#[derive(Clone, Debug, PartialEq)]
pub enum TransportEvent {
    /// It closed: with a close frame, or `None` if it just ended.
    Closed(ConnectionId, Option<Close>),
    /// It could not be opened, or broke.
    Failed(ConnectionId, TransportError),
    /// It is open.
    Opened(ConnectionId),
    /// It was ended because a message above the configured size came.
    Oversized(ConnectionId),
    /// A message came.
    Received(ConnectionId, Frame),
}

impl From<TransportEvent> for Input {
    fn from(event: TransportEvent) -> Self {
        match event {
            TransportEvent::Closed(id, close) => Self::Closed(id, close),
            TransportEvent::Failed(id, error) => Self::Failed(id, error),
            TransportEvent::Opened(id) => Self::Opened(id),
            TransportEvent::Oversized(id) => Self::Oversized(id),
            TransportEvent::Received(id, frame) => Self::Received(id, frame),
        }
    }
}

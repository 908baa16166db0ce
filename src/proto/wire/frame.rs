//! What crosses the outer wall: whole WebSocket messages, close frames, and the number of the connection they belong to.

use std::{borrow::Cow, fmt};

use crate::proto::words::{Say, displayed, say};

/// One WebSocket message. The host does the framing below it.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Frame {
    /// Size of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Without what it holds: identify and resume carry the token, and a shard prints what it has not sent yet.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Self::Text(_)) { "Text" } else { "Binary" };
        write!(f, "{kind}({} bytes)", self.len())
    }
}

/// A close frame: code and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close code. `1005` and `1006` stand for "none given", as in the WebSocket interface of browsers.
    pub code: u16,
    /// The reason as the sender wrote it; shown, never parsed.
    pub reason: Cow<'static, str>,
}

impl Close {
    /// A close with a fixed reason.
    #[must_use]
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }
}

/// Counts the sockets of one shard, so that late messages of an old one are told from those of the new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u32);

impl ConnectionId {
    /// The id of the next connection.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The bare number; the first connection is 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Say for ConnectionId {
    fn say(&self, out: &mut String) {
        say!(out, "#", self.0);
    }
}

displayed!(ConnectionId);

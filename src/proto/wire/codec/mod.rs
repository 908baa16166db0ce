//! Socket messages to JSON texts, by the compression chosen at run time. The only file besides `lib.rs` with conditions
//! about features: a codec that is not compiled in is replaced by a stand-in with the same items.

#[cfg(not(feature = "zlib"))]
#[path = "off.rs"]
mod zlib;
#[cfg(feature = "zlib")]
mod zlib;

use std::str;

use super::Frame;

/// Transport compression, from the server to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Plain JSON texts.
    None,
    /// One zlib stream per connection, flushed after each message. About a fifth of the bytes.
    ZlibStream,
}

impl Compression {
    /// `zlib-stream` where it is compiled in, else none.
    pub const fn best() -> Self {
        if zlib::IS_COMPILED_IN { Self::ZlibStream } else { Self::None }
    }

    /// Whether this build can inflate it.
    pub const fn is_compiled_in(self) -> bool {
        match self {
            Self::None => true,
            Self::ZlibStream => zlib::IS_COMPILED_IN,
        }
    }

    /// Its name, as in the options of the npm package.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ZlibStream => "zlib-stream",
        }
    }

    /// The value of the query parameter `compress`, if one is to be sent.
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::ZlibStream => Some("zlib-stream"),
        }
    }
}

/// Why a message could not be turned into text. The connection is lost with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The compressed stream, or the text in it, is broken; says what was expected.
    Broken(&'static str),
    /// A message grew beyond the limit.
    Oversized {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The decoder of one connection.
#[derive(Debug)]
pub enum Inflater {
    /// No compression.
    None,
    /// `zlib-stream`; boxed because its state is large.
    Zlib(Box<zlib::Zlib>),
}

impl Inflater {
    /// A fresh decoder; messages may inflate to `limit` bytes.
    pub fn new(compression: Compression, limit: usize) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::ZlibStream => Self::Zlib(Box::new(zlib::Zlib::new(limit))),
        }
    }

    /// The text that `frame` completes; `None` if more must come.
    pub fn feed<'a>(&'a mut self, frame: &'a Frame) -> Result<Option<&'a str>, CodecError> {
        match (self, frame) {
            (Self::None, Frame::Text(text)) => Ok(Some(text)),
            (Self::None, Frame::Binary(_)) => {
                Err(CodecError::Broken("expected text messages, as no compression was asked for"))
            }
            (Self::Zlib(_), Frame::Text(_)) => {
                Err(CodecError::Broken("expected binary messages, as compression was asked for"))
            }
            (Self::Zlib(zlib), Frame::Binary(bytes)) => match zlib.feed(bytes)? {
                None => Ok(None),
                Some(bytes) => str::from_utf8(bytes)
                    .map(Some)
                    .map_err(|_| CodecError::Broken("expected inflated messages to be UTF-8")),
            },
        }
    }
}

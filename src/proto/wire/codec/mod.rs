//! Socket messages to JSON texts and back, by the compression and the encoding chosen at run time. The only file besides
//! `lib.rs` with conditions about features: a codec that is not compiled in is replaced by a stand-in with the same items.

#[cfg(any(feature = "zlib", feature = "zlib-rs", feature = "zstd"))]
mod buffer;
#[cfg(feature = "etf")]
mod etf;
#[cfg(any(feature = "zlib", feature = "zlib-rs"))]
mod inflate;
// Its tests are run where both are compiled in.
#[cfg(all(feature = "zlib", any(test, not(feature = "zlib-rs"))))]
mod miniz;
mod off;
#[cfg(any(feature = "zlib", feature = "zlib-rs"))]
mod zlib;
#[cfg(feature = "zlib-rs")]
mod zlib_rs;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(all(feature = "zlib", not(feature = "zlib-rs")))]
use self::miniz::Miniz as Inflater;
#[cfg(not(any(feature = "zlib", feature = "zlib-rs")))]
use self::off as zlib;
#[cfg(not(feature = "etf"))]
use self::off as etf;
#[cfg(not(feature = "zstd"))]
use self::off as zstd;
#[cfg(feature = "zlib-rs")]
use self::zlib_rs::ZlibRs as Inflater;

use std::{fmt, str};

use super::Frame;

/// How the server makes its messages smaller. What the client sends is never compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Nothing is compressed.
    None,
    /// `compress: true` in identify: the server sends large messages as zlib streams of their own, the others as they
    /// are. For [`Encoding::Json`] only.
    Payload,
    /// One zlib stream per connection, flushed after each message. About a fifth of the bytes.
    ZlibStream,
    /// One zstd frame per connection, flushed after each message. As small as `zlib-stream`, and faster to read.
    ZstdStream,
}

impl Compression {
    const ALL: [Self; 4] = [Self::None, Self::Payload, Self::ZlibStream, Self::ZstdStream];

    /// The compression with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// `zlib-stream` where it is compiled in, else none.
    #[must_use]
    pub const fn best() -> Self {
        if zlib::IS_COMPILED_IN { Self::ZlibStream } else { Self::None }
    }

    /// Whether this build can read it.
    #[must_use]
    pub const fn is_compiled_in(self) -> bool {
        self.missing_feature().is_none()
    }

    /// The feature that would have to be on.
    pub(crate) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Payload | Self::ZlibStream if !zlib::IS_COMPILED_IN => Some("zlib"),
            Self::ZstdStream if !zstd::IS_COMPILED_IN => Some("zstd"),
            _ => None,
        }
    }

    /// Its name, as in the options of the npm package.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Payload => "payload",
            Self::ZlibStream => "zlib-stream",
            Self::ZstdStream => "zstd-stream",
        }
    }

    /// The value of the query parameter `compress`, if one is to be sent.
    #[must_use]
    pub const fn parameter(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Payload => None,
            Self::ZlibStream | Self::ZstdStream => Some(self.name()),
        }
    }
}

/// How messages are written, in both directions. Whatever it is, the client's own texts are JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// JSON texts.
    #[default]
    Json,
    /// Erlang's External Term Format. It does not tell ids from numbers: integers that do not fit 32 bits arrive as strings
    /// of their digits, so that no id loses one, and smaller ones as numbers.
    Etf,
}

impl Encoding {
    /// The encoding with this name, which is that of the query parameter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Json, Self::Etf].into_iter().find(|encoding| encoding.parameter() == name)
    }

    /// Whether this build can read and write it.
    #[must_use]
    pub const fn is_compiled_in(self) -> bool {
        self.missing_feature().is_none()
    }

    /// The feature that would have to be on.
    pub(crate) const fn missing_feature(self) -> Option<&'static str> {
        match self {
            Self::Etf if !etf::IS_COMPILED_IN => Some("etf"),
            _ => None,
        }
    }

    /// The value of the query parameter `encoding`.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Etf => "etf",
        }
    }

    /// The message that says what `json` says. Fails for JSON that the encoding cannot express.
    pub fn encode(self, json: String) -> Result<Frame, CodecError> {
        match self {
            Self::Json => Ok(Frame::Text(json)),
            Self::Etf => etf::encode(&json).map(Frame::Binary),
        }
    }
}

/// Why a message could not be turned into text, or a text into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// A message by itself is broken; says what was expected. The next one can be read.
    BadMessage(&'static str),
    /// What all messages of the connection share is broken: the compressed stream, or the agreement to have one. Says what
    /// was expected.
    Broken(&'static str),
    /// A message grew beyond the limit.
    Oversized {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Codecs from outside, for what is not compiled in: so that a program can load them when they are asked for.
///
/// A shard that needs one uses it for all its messages, so it must also have [`Encoding::Json`] if it is for a compression,
/// and [`Compression::None`] if it is for an encoding.
pub trait Codec: fmt::Debug + Send + Sync {
    /// Whether it has `compression` and `encoding` together.
    fn has(&self, compression: Compression, encoding: Encoding) -> bool;

    /// The decoder of one connection; messages may grow to `limit` bytes.
    fn decoder(
        &self,
        compression: Compression,
        encoding: Encoding,
        limit: usize,
    ) -> Box<dyn Decode + Send>;

    /// The message that says in `encoding` what `json` says.
    fn encode(&self, encoding: Encoding, json: String) -> Result<Frame, CodecError>;
}

/// A decoder from outside.
pub trait Decode: fmt::Debug {
    /// The text of the message that `frame` completes; `None` if more must come.
    fn feed<'a>(&'a mut self, frame: &'a Frame) -> Result<Option<&'a str>, CodecError>;
}

/// The decoder of one connection.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Own(Own),
    Foreign(Box<dyn Decode + Send>),
}

/// A decoder of codecs that are compiled in.
#[derive(Debug)]
struct Own {
    unpacker: Unpacker,
    encoding: Encoding,
    /// The message that was made of another encoding's.
    text: String,
    limit: usize,
}

/// Undoes the compression. Boxed because the states are large.
#[derive(Debug)]
enum Unpacker {
    None,
    Payload(Box<zlib::Single>),
    Zlib(Box<zlib::Stream>),
    Zstd(Box<zstd::Stream>),
}

impl Decoder {
    /// A fresh decoder by what is compiled in; messages may grow to `limit` bytes.
    #[must_use]
    pub fn new(compression: Compression, encoding: Encoding, limit: usize) -> Self {
        let unpacker = match compression {
            Compression::None => Unpacker::None,
            Compression::Payload => Unpacker::Payload(Box::new(zlib::Single::new(limit))),
            Compression::ZlibStream => Unpacker::Zlib(Box::new(zlib::Stream::new(limit))),
            Compression::ZstdStream => Unpacker::Zstd(Box::new(zstd::Stream::new(limit))),
        };
        Self(Kind::Own(Own { unpacker, encoding, text: String::new(), limit }))
    }

    /// A decoder from outside.
    #[must_use]
    pub fn foreign(decoder: Box<dyn Decode + Send>) -> Self {
        Self(Kind::Foreign(decoder))
    }

    /// The JSON text of the message that `frame` completes; `None` if more must come.
    pub fn feed<'a>(&'a mut self, frame: &'a Frame) -> Result<Option<&'a str>, CodecError> {
        match &mut self.0 {
            Kind::Own(own) => own.feed(frame),
            Kind::Foreign(decoder) => decoder.feed(frame),
        }
    }

    /// Between two messages: gives back the memory that messages needed. The next one asks for it anew, so this is for quiet
    /// moments.
    pub fn rest(&mut self) {
        if let Kind::Own(own) = &mut self.0 {
            own.text = String::new();
            match &mut own.unpacker {
                Unpacker::None => {}
                Unpacker::Payload(zlib) => zlib.rest(),
                Unpacker::Zlib(zlib) => zlib.rest(),
                Unpacker::Zstd(zstd) => zstd.rest(),
            }
        }
    }
}

impl Own {
    fn feed<'a>(&'a mut self, frame: &'a Frame) -> Result<Option<&'a str>, CodecError> {
        let bytes = match (&mut self.unpacker, self.encoding, frame) {
            // The host has checked that it is UTF-8.
            (Unpacker::None | Unpacker::Payload(_), Encoding::Json, Frame::Text(text)) => {
                return Ok(Some(text));
            }
            (Unpacker::None, Encoding::Json, Frame::Binary(_)) => {
                return Err(CodecError::Broken(
                    "expected text messages, as no compression was asked for",
                ));
            }
            (_, _, Frame::Text(_)) => {
                return Err(CodecError::Broken(
                    "expected binary messages, as compression or ETF was asked for",
                ));
            }
            (unpacker, _, Frame::Binary(bytes)) => unpacker.unpack(bytes)?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        match self.encoding {
            Encoding::Json => str::from_utf8(bytes)
                .map(Some)
                .map_err(|_| CodecError::BadMessage("expected inflated messages to be UTF-8")),
            Encoding::Etf => {
                etf::decode(bytes, self.limit, &mut self.text)?;
                Ok(Some(&self.text))
            }
        }
    }
}

impl Unpacker {
    fn unpack<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, CodecError> {
        match self {
            Self::None => Ok(Some(bytes)),
            Self::Payload(zlib) => zlib.feed(bytes).map(Some),
            Self::Zlib(zlib) => zlib.feed(bytes),
            Self::Zstd(zstd) => zstd.feed(bytes),
        }
    }
}

/// Vectors made by the reference C libraries: see `tests/vectors`.
#[cfg(test)]
mod vectors {
    /// The texts that each vector decodes to.
    pub(super) fn messages() -> Vec<&'static [u8]> {
        let all = read(include_bytes!("../../../../tests/vectors/messages.bin"));
        all.into_iter().next().expect("one vector").1
    }

    /// Names and messages of the vectors in `file`.
    pub(super) fn read(mut file: &'static [u8]) -> Vec<(&'static str, Vec<&'static [u8]>)> {
        let mut vectors = Vec::new();
        while !file.is_empty() {
            let name = str::from_utf8(take_piece(&mut file)).expect("a name");
            let count = take_number(&mut file);
            vectors.push((name, (0..count).map(|_| take_piece(&mut file)).collect()));
        }
        vectors
    }

    fn take_piece(file: &mut &'static [u8]) -> &'static [u8] {
        let size = take_number(file);
        let (piece, rest) = file.split_at(size);
        *file = rest;
        piece
    }

    fn take_number(file: &mut &'static [u8]) -> usize {
        let (number, rest) = file.split_first_chunk().expect("a number");
        *file = rest;
        u32::from_le_bytes(*number).try_into().expect("a size")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::ZlibEncoder;

    use super::*;

    #[test]
    fn parameters_are_sent_for_streams_only() {
        let all = [
            Compression::None,
            Compression::Payload,
            Compression::ZlibStream,
            Compression::ZstdStream,
        ];
        assert_eq!(all.map(Compression::name), ["none", "payload", "zlib-stream", "zstd-stream"]);
        let parameters = all.map(Compression::parameter);
        assert_eq!(parameters, [None, None, Some("zlib-stream"), Some("zstd-stream")]);
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for compression in Compression::ALL {
            assert_eq!(Compression::from_name(compression.name()), Some(compression));
        }
        for encoding in [Encoding::Json, Encoding::Etf] {
            assert_eq!(Encoding::from_name(encoding.parameter()), Some(encoding));
        }
        assert_eq!((Compression::from_name("zstd"), Encoding::from_name("")), (None, None));
    }

    #[test]
    fn with_payload_compression_each_frame_says_by_its_kind_whether_it_is_compressed() {
        let mut decoder = Decoder::new(Compression::Payload, Encoding::Json, 100);
        let mut zlib = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(b"[2]").expect("in memory");
        let packed = Frame::Binary(zlib.finish().expect("in memory"));
        for _ in 0..2 {
            assert_eq!(decoder.feed(&Frame::Text("[1]".into())), Ok(Some("[1]")));
            assert_eq!(decoder.feed(&packed), Ok(Some("[2]")));
        }
        assert!(decoder.feed(&Frame::Binary(b"[3]".to_vec())).is_err());
        assert_eq!(decoder.feed(&packed), Ok(Some("[2]")), "one bad message spoils no other");
    }
}

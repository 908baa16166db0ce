//! Messages as the bytes that a server writes: encoded, compressed as one endless stream, framed. Knows no socket.

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Error, Result};
use shardwire::{
    proto::{Compression, Encoding},
    testing::write_etf,
};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Data, OpCode},
};
use zlib_rs::{Deflate, DeflateFlush};
use zstd::stream::raw::{Encoder as ZstdEncoder, InBuffer, Operation as _, OutBuffer};

/// As Discord's zlib streams are, which start `78 9c`.
const ZLIB_LEVEL: i32 = 6;
const ZLIB_WINDOW_BITS: u8 = 15;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;
/// What a compressor is given to write into at a time.
const PIECE: usize = 64 << 10;

/// What a client asks for in the address that it connects to. Written `json/zlib-stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Codec {
    /// How messages are written.
    pub encoding: Encoding,
    /// How they are made smaller.
    pub compression: Compression,
}

impl Codec {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        [Encoding::Json, Encoding::Etf].into_iter().flat_map(|encoding| {
            [Compression::None, Compression::ZlibStream, Compression::ZstdStream]
                .map(|compression| Self { encoding, compression })
        })
    }

    /// What the query of an address asks for; `None` if that is not known here.
    pub fn asked_for(query: &str) -> Option<Self> {
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Self {
            encoding: Encoding::from_name(value("encoding").unwrap_or("json"))?,
            compression: Compression::from_name(value("compress").unwrap_or("none"))?,
        })
    }

    /// Whether messages are text; else they are binary.
    pub fn is_text(self) -> bool {
        self.encoding == Encoding::Json && self.compression == Compression::None
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.parameter(), self.compression.name())
    }
}

impl FromStr for Codec {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::all().find(|codec| codec.to_string() == name);
        found.with_context(|| {
            let names: Vec<String> = Self::all().map(|codec| codec.to_string()).collect();
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// Makes the payloads of one connection's messages, one after the other.
pub struct Packer {
    codec: Codec,
    compressor: Compressor,
}

enum Compressor {
    None,
    Zlib(Box<Deflate>),
    Zstd(ZstdEncoder<'static>),
}

impl Packer {
    /// At the beginning of a connection.
    ///
    /// # Errors
    ///
    /// If there is no such compressor.
    pub fn new(codec: Codec) -> Result<Self> {
        let compressor = match codec.compression {
            Compression::ZlibStream => {
                Compressor::Zlib(Box::new(Deflate::new(ZLIB_LEVEL, true, ZLIB_WINDOW_BITS)))
            }
            Compression::ZstdStream => Compressor::Zstd(ZstdEncoder::new(ZSTD_LEVEL)?),
            _ => Compressor::None,
        };
        Ok(Self { codec, compressor })
    }

    /// The payload of the next message, given as JSON.
    ///
    /// # Errors
    ///
    /// If the compressor fails.
    pub fn pack(&mut self, json: &str) -> Result<Vec<u8>> {
        let message = match self.codec.encoding {
            Encoding::Etf => write_etf(json),
            _ => json.into(),
        };
        match &mut self.compressor {
            Compressor::None => Ok(message),
            Compressor::Zlib(deflate) => zlib(deflate, &message),
            Compressor::Zstd(encoder) => zstd(encoder, &message),
        }
    }
}

/// Messages of one connection, one after the other, with their frames.
pub struct Stream {
    packer: Packer,
    bytes: Vec<u8>,
    /// Where each message ends.
    ends: Vec<usize>,
}

impl Stream {
    /// Nothing yet.
    ///
    /// # Errors
    ///
    /// See [`Packer::new`].
    pub fn new(codec: Codec) -> Result<Self> {
        Ok(Self { packer: Packer::new(codec)?, bytes: Vec::new(), ends: Vec::new() })
    }

    /// Adds a message, given as JSON.
    ///
    /// # Errors
    ///
    /// See [`Packer::pack`].
    pub fn push(&mut self, json: &str) -> Result<()> {
        let payload = self.packer.pack(json)?;
        let kind = if self.packer.codec.is_text() { Data::Text } else { Data::Binary };
        let header = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
        header.format(payload.len() as u64, &mut self.bytes)?;
        self.bytes.extend(payload);
        self.ends.push(self.bytes.len());
        Ok(())
    }

    /// How many messages there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of the messages with these numbers.
    pub fn messages(&self, from: usize, to: usize) -> &[u8] {
        let end = |count: usize| count.checked_sub(1).map_or(0, |last| self.ends[last]);
        &self.bytes[end(from)..end(to)]
    }
}

/// The message's part of the stream, up to where all of it can be read.
fn zlib(deflate: &mut Deflate, mut message: &[u8]) -> Result<Vec<u8>> {
    let (mut packed, mut piece) = (Vec::new(), vec![0; PIECE]);
    loop {
        let (taken, written) = (deflate.total_in(), deflate.total_out());
        deflate
            .compress(message, &mut piece, DeflateFlush::SyncFlush)
            .map_err(|error| Error::msg(error.as_str()))?;
        let taken = usize::try_from(deflate.total_in() - taken)?;
        let written = usize::try_from(deflate.total_out() - written)?;
        message = &message[taken..];
        packed.extend(&piece[..written]);
        if message.is_empty() && written < piece.len() {
            return Ok(packed);
        }
    }
}

fn zstd(encoder: &mut ZstdEncoder<'static>, message: &[u8]) -> Result<Vec<u8>> {
    let (mut packed, mut piece) = (Vec::new(), vec![0; PIECE]);
    let mut input = InBuffer::around(message);
    loop {
        let mut output = OutBuffer::around(&mut piece[..]);
        let is_taken = input.pos() == message.len();
        let left = if is_taken {
            encoder.flush(&mut output)?
        } else {
            encoder.run(&mut input, &mut output)?
        };
        packed.extend(output.as_slice());
        if is_taken && left == 0 {
            return Ok(packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use serde_json::Value;
    use shardwire::proto::{Decoder, Frame};
    use tungstenite::{Message, WebSocket, protocol::Role};

    use super::*;
    use crate::trace::{Plan, Steady, hello};

    /// Reads a stream back, with a WebSocket that knows nothing of ours and the client's decoder.
    fn read(codec: Codec, bytes: &[u8]) -> Vec<Value> {
        let mut decoder = Decoder::new(codec.compression, codec.encoding, 16 << 20);
        let mut socket =
            WebSocket::from_raw_socket(Cursor::new(bytes.to_vec()), Role::Client, None);
        let mut messages = Vec::new();
        while let Ok(message) = socket.read() {
            let frame = match message {
                Message::Text(text) => Frame::Text(text.to_string()),
                other => Frame::Binary(other.into_data().to_vec()),
            };
            let text = decoder.feed(&frame).expect("it can be read").expect("it is whole");
            messages.push(serde_json::from_str(text).expect("it is JSON"));
        }
        messages
    }

    #[test]
    fn what_is_written_is_read_back_in_every_codec() {
        let plan = Plan { seed: 1, guilds: 3, events: 200, steady: Steady::Mixed };
        let texts: Vec<String> = std::iter::once(hello()).chain(plan.dispatches()).collect();
        for codec in Codec::all() {
            let mut stream = Stream::new(codec).expect("there is a compressor");
            for text in &texts {
                stream.push(text).expect("it is packed");
            }
            assert_eq!(stream.count(), texts.len());
            let read = read(codec, stream.messages(0, stream.count()));
            assert_eq!(read.len(), texts.len(), "{codec}");
            for (text, read) in texts.iter().zip(&read) {
                let written: Value = serde_json::from_str(text).expect("it is JSON");
                let keys = ["t", "s", "op"].map(|key| written[key] == read[key]);
                assert_eq!(keys, [true; 3], "{codec} {text}");
                assert!(codec.encoding == Encoding::Etf || written == *read, "{codec} {text}");
            }
        }
    }

    #[test]
    fn a_codec_is_found_by_its_name_and_by_the_query_that_asks_for_it() {
        for codec in Codec::all() {
            assert_eq!(codec.to_string().parse::<Codec>().expect("a name"), codec);
        }
        let name = |query| Codec::asked_for(query).map(|codec| codec.to_string());
        assert_eq!(name("v=10").as_deref(), Some("json/none"));
        assert_eq!(
            name("v=10&encoding=etf&compress=zstd-stream").as_deref(),
            Some("etf/zstd-stream")
        );
        assert_eq!(name("compress=lz4"), None);
    }
}

//! `zlib-stream`: one deflate stream per connection, each Gateway message ended by a sync flush.
//!
//! Inflates straight into one linear buffer, so that a message is contiguous and never copied; the last 32 KiB before it
//! stay as the stream's history. Source: Discord's "Transport compression".

use std::fmt;

use miniz_oxide::inflate::{
    TINFLStatus,
    core::{
        DecompressorOxide, decompress,
        inflate_flags::{
            TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_IGNORE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER,
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        },
    },
};

use super::CodecError;

pub(super) const IS_COMPILED_IN: bool = true;

/// What a sync flush leaves at the end of a message.
const FLUSHED: u32 = 0x0000_FFFF;
/// How far back deflate may refer.
const HISTORY: usize = 32 * 1024;
/// Room for a message of usual size; the buffer grows in such steps at first and doubles later.
const ROOM: usize = 16 * 1024;
/// A buffer that one huge message blew up beyond this is given back after it.
const KEPT: usize = 1024 * 1024;

/// The checksum at a stream's end is never reached on a stream that does not end, so it is not computed.
const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT
    | TINFL_FLAG_IGNORE_ADLER32
    | TINFL_FLAG_PARSE_ZLIB_HEADER
    | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// A stream of its own has all its input at once, and its checksum is computed.
const WHOLE_FLAGS: u32 = TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// The inflate state of one connection.
pub struct Stream {
    state: DecompressorOxide,
    /// History, then the message under way, then room.
    buffer: Vec<u8>,
    /// Where the message under way begins.
    start: usize,
    /// Where it ends so far.
    end: usize,
    /// The last four bytes received, to find the suffix even when it is split.
    tail: u32,
    /// Whether the message under way was handed out and can go.
    is_complete: bool,
    limit: usize,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("inflated", &(self.end - self.start)).finish_non_exhaustive()
    }
}

impl Stream {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: DecompressorOxide::new(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            tail: u32::MAX,
            is_complete: false,
            limit,
        }
    }

    /// Takes in one socket message; gives the Gateway message that it completes, if any.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Option<&[u8]>, CodecError> {
        if self.is_complete {
            self.forget_message();
        }
        self.inflate(input)?;
        for &byte in &input[input.len().saturating_sub(4)..] {
            self.tail = self.tail << 8 | u32::from(byte);
        }
        // A flush of nothing completes nothing.
        if self.tail != FLUSHED || self.start == self.end {
            return Ok(None);
        }
        self.is_complete = true;
        Ok(Some(&self.buffer[self.start..self.end]))
    }

    /// Takes in one message that is a zlib stream of its own.
    pub(super) fn whole(&mut self, input: &[u8]) -> Result<&[u8], CodecError> {
        self.state.init();
        self.forget_message();
        self.start = 0;
        self.end = 0;
        let mut rest = input;
        loop {
            self.make_room()?;
            let (status, used, written) =
                decompress(&mut self.state, rest, &mut self.buffer, self.end, WHOLE_FLAGS);
            rest = &rest[used..];
            self.end += written;
            match status {
                TINFLStatus::Done if rest.is_empty() => break,
                TINFLStatus::HasMoreOutput => {}
                _ => return Err(CodecError::Broken("expected a whole zlib stream in a message")),
            }
        }
        if self.end > self.limit {
            return Err(CodecError::Oversized { limit: self.limit });
        }
        Ok(&self.buffer[..self.end])
    }

    fn inflate(&mut self, mut input: &[u8]) -> Result<(), CodecError> {
        while !input.is_empty() {
            self.make_room()?;
            let (status, used, written) =
                decompress(&mut self.state, input, &mut self.buffer, self.end, FLAGS);
            input = &input[used..];
            self.end += written;
            match status {
                TINFLStatus::NeedsMoreInput if input.is_empty() => break,
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => {}
                TINFLStatus::Done => {
                    return Err(CodecError::Broken("expected the zlib stream to go on"));
                }
                _ => return Err(CodecError::Broken("expected a valid zlib stream")),
            }
        }
        self.drain()
    }

    /// Input may be used up while output still waits for room.
    fn drain(&mut self) -> Result<(), CodecError> {
        while self.end == self.buffer.len() && self.end > self.start {
            self.make_room()?;
            let (status, _, written) =
                decompress(&mut self.state, &[], &mut self.buffer, self.end, FLAGS);
            self.end += written;
            match status {
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => {}
                _ => return Err(CodecError::Broken("expected a valid zlib stream")),
            }
        }
        Ok(())
    }

    /// Makes sure that at least one byte can be written, within the limit.
    fn make_room(&mut self) -> Result<(), CodecError> {
        let size = self.end - self.start;
        if size > self.limit {
            return Err(CodecError::Oversized { limit: self.limit });
        }
        if self.end < self.buffer.len() {
            return Ok(());
        }
        // One byte above the limit is allowed in, so that a message of exactly the limit is told from a larger one.
        let step = size.max(ROOM).min(self.limit - size + 1);
        self.buffer.resize(self.end + step, 0);
        Ok(())
    }

    /// Drops the message that was handed out, keeping the history behind it.
    fn forget_message(&mut self) {
        self.is_complete = false;
        self.start = self.end;
        // Moving only when the room is nearly used up keeps the copy rare.
        if self.buffer.len() - self.end >= ROOM / 2 && self.buffer.len() <= KEPT {
            return;
        }
        let history = self.end.min(HISTORY);
        self.buffer.copy_within(self.end - history..self.end, 0);
        self.start = history;
        self.end = history;
        if self.buffer.len() > KEPT {
            self.buffer.truncate(HISTORY + ROOM);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compress, Compression, FlushCompress, write::ZlibEncoder};

    use super::*;

    const LIMIT: usize = 1 << 20;

    /// One stream, each message flushed: by another implementation than the one under test.
    fn stream(messages: &[Vec<u8>], level: u32) -> Vec<Vec<u8>> {
        let mut compress = Compress::new(Compression::new(level), true);
        messages
            .iter()
            .map(|message| {
                let mut out = Vec::with_capacity(message.len() + 4096);
                let before = compress.total_in();
                compress.compress_vec(message, &mut out, FlushCompress::Sync).expect("compresses");
                assert_eq!(compress.total_in() - before, message.len() as u64);
                assert!(out.ends_with(&[0, 0, 0xFF, 0xFF]));
                out
            })
            .collect()
    }

    fn messages() -> Vec<Vec<u8>> {
        let mut random = crate::proto::Random::new(3);
        (0..200)
            .map(|index| {
                let size = [10, 300, 900, 5_000, 70_000, 400_000][index % 6] + index;
                (0..size)
                    .map(|_| {
                        b"abcdefgh {}\":,"[usize::try_from(random.bits() % 14).expect("small")]
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        for level in [1, 6, 9] {
            let plain = messages();
            let mut zlib = Stream::new(LIMIT);
            for (wire, plain) in stream(&plain, level).iter().zip(&plain) {
                assert_eq!(zlib.feed(wire).expect("valid"), Some(plain.as_slice()));
            }
        }
    }

    #[test]
    fn every_cut_of_a_message_gives_the_same_message() {
        let plain = vec![b"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}".to_vec()];
        let wire = &stream(&plain, 6)[0];
        for cut in 0..wire.len() {
            let mut zlib = Stream::new(LIMIT);
            assert_eq!(zlib.feed(&wire[..cut]), Ok(None), "{cut}");
            assert_eq!(zlib.feed(&wire[cut..]), Ok(Some(plain[0].as_slice())), "{cut}");
        }
        let mut zlib = Stream::new(LIMIT);
        for byte in &wire[..wire.len() - 1] {
            assert_eq!(zlib.feed(&[*byte]), Ok(None));
        }
        assert_eq!(zlib.feed(&wire[wire.len() - 1..]), Ok(Some(plain[0].as_slice())));
    }

    #[test]
    fn an_empty_frame_and_an_empty_flush_are_not_a_message() {
        let plain = vec![b"{}".to_vec(), b"[1]".to_vec()];
        let wire = stream(&plain, 6);
        let mut zlib = Stream::new(LIMIT);
        assert_eq!(zlib.feed(&[]), Ok(None));
        assert_eq!(zlib.feed(&wire[0]), Ok(Some(plain[0].as_slice())));
        assert_eq!(zlib.feed(&[]), Ok(None));
        assert_eq!(zlib.feed(&[0, 0, 0, 0xFF, 0xFF]), Ok(None), "an empty stored block");
        assert_eq!(zlib.feed(&wire[1]), Ok(Some(plain[1].as_slice())));
    }

    #[test]
    fn a_message_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
        for (size, passes) in [(9_999, true), (10_000, true), (10_001, false), (40_000, false)] {
            let plain = vec![vec![b'x'; size]];
            let mut zlib = Stream::new(10_000);
            let result = zlib.feed(&stream(&plain, 9)[0]);
            assert_eq!(result.is_ok(), passes, "{size}");
            if !passes {
                assert_eq!(result, Err(CodecError::Oversized { limit: 10_000 }));
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_memory_than_the_limit() {
        let bomb = stream(&[vec![0; 50 << 20]], 9).remove(0);
        let mut zlib = Stream::new(LIMIT);
        assert!(zlib.feed(&bomb).is_err());
        assert!(zlib.buffer.capacity() <= 2 * LIMIT + HISTORY + ROOM);
    }

    #[test]
    fn a_huge_message_gives_its_memory_back() {
        let plain = vec![vec![b' '; 3 << 20], b"small".to_vec()];
        let wire = stream(&plain, 6);
        let mut zlib = Stream::new(8 << 20);
        assert_eq!(zlib.feed(&wire[0]).expect("valid").map(<[u8]>::len), Some(3 << 20));
        assert_eq!(zlib.feed(&wire[1]), Ok(Some(&b"small"[..])));
        assert!(zlib.buffer.capacity() < 2 * KEPT);
    }

    #[test]
    fn broken_and_ended_streams_are_errors() {
        let mut zlib = Stream::new(LIMIT);
        assert!(zlib.feed(b"not zlib at all").is_err());
        let mut whole = ZlibEncoder::new(Vec::new(), Compression::default());
        whole.write_all(b"{}").expect("in memory");
        let ended = whole.finish().expect("in memory");
        assert!(Stream::new(LIMIT).feed(&ended).is_err());
    }

    #[test]
    fn corrupting_any_byte_never_panics() {
        let plain = messages().into_iter().take(4).collect::<Vec<_>>();
        let wire = stream(&plain, 6);
        for at in 0..wire[1].len() {
            let mut zlib = Stream::new(LIMIT);
            zlib.feed(&wire[0]).expect("valid");
            let mut bad = wire[1].clone();
            bad[at] ^= 0x55;
            // An error or other text: either is fine, as long as it is not a panic.
            let _ = zlib.feed(&bad);
        }
    }
}

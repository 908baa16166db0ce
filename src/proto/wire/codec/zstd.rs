//! zstd: one frame that never ends, flushed after each Gateway message, as Discord sends it; also complete frames, as
//! other servers do. Each socket message is one Gateway message.
//!
//! Source: Discord's "zstd-stream".

use std::fmt;

use structured_zstd::decoding::FrameDecoder;

use super::{CodecError, buffer::Buffer};

pub(super) const IS_COMPILED_IN: bool = true;

/// The window that the format recommends every decoder to accept. Discord's is 256 KiB.
const WINDOW: u64 = 8 << 20;
/// A decoder that a frame with a large window blew up beyond this is given back when the frame has ended.
const KEPT: usize = 1024 * 1024;

const INVALID: CodecError = CodecError::Broken("expected valid zstd frames");

/// The messages of one connection.
pub struct Stream {
    decoder: FrameDecoder,
    /// Whether a frame has begun and not ended.
    is_inside: bool,
    /// Whether a message could not be read. The decoder may panic if it is used after an error.
    is_broken: bool,
    buffer: Buffer,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zstd::Stream")
    }
}

impl Stream {
    pub(super) fn new(limit: usize) -> Self {
        // The decoder keeps the window itself.
        let buffer = Buffer::new(limit, 0);
        Self { decoder: fresh_decoder(), is_inside: false, is_broken: false, buffer }
    }

    /// The Gateway message that `input` is; `None` if there is nothing in it. After an error there are only errors.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Option<&[u8]>, CodecError> {
        if self.is_broken {
            return Err(INVALID);
        }
        self.is_broken = true;
        self.buffer.next_message();
        self.decode(input)?;
        self.is_broken = false;
        let message = self.buffer.message();
        Ok((!message.is_empty()).then_some(message))
    }

    /// Gives back what the last message needed.
    pub(super) fn rest(&mut self) {
        self.buffer.rest();
    }

    fn decode(&mut self, mut input: &[u8]) -> Result<(), CodecError> {
        while !input.is_empty() {
            if !self.is_inside {
                self.decoder.reset(&mut input).map_err(|_| INVALID)?;
                self.is_inside = true;
            }
            let used = self.step(input)?;
            input = &input[used..];
        }
        if self.is_inside && self.decoder.awaits_checksum() {
            return Err(CodecError::Broken("expected a zstd frame to end with its checksum"));
        }
        Ok(())
    }

    /// Decodes what of `input` belongs to the frame under way and hands out everything that it gave; the bytes used.
    fn step(&mut self, input: &[u8]) -> Result<usize, CodecError> {
        let mut used = 0;
        loop {
            let (room, at) = self.buffer.room()?;
            let (read, written) = self
                .decoder
                .decode_from_to(&input[used..], &mut room[at..])
                .map_err(|_| INVALID)?;
            used += read;
            self.buffer.advance(written);
            let is_drained = self.decoder.can_collect() == 0;
            if is_drained && self.decoder.is_finished() {
                self.end_frame();
                break;
            }
            if is_drained && used == input.len() {
                break;
            }
            if read == 0 && written == 0 {
                return Err(CodecError::Broken("expected whole zstd blocks in each message"));
            }
        }
        // The last call may have written the one byte that is allowed in above the limit.
        self.buffer.room()?;
        Ok(used)
    }

    fn end_frame(&mut self) {
        self.is_inside = false;
        if self.decoder.workspace_size() > KEPT {
            self.decoder = fresh_decoder();
        }
    }
}

fn fresh_decoder() -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    // Not by `expect`, which would print the error: to be able to, a wasm module grows by 40 KB.
    let is_set = decoder.set_max_window_size(WINDOW).is_ok();
    assert!(is_set, "a window between 1 KiB and the crate's maximum");
    decoder
}

#[cfg(test)]
mod tests {
    use structured_zstd::encoding::{CompressionContext, CompressionLevel};

    use super::{
        super::{buffer, vectors},
        *,
    };
    use crate::proto::Random;

    const LIMIT: usize = 1 << 20;

    /// One frame without end, each message flushed.
    fn stream(messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut zstd = CompressionContext::new(CompressionLevel::Default);
        let flush = |message: &&[u8]| {
            let mut out = Vec::new();
            zstd.write(&mut out, message).expect("in memory");
            zstd.flush(&mut out).expect("in memory");
            out
        };
        messages.iter().map(flush).collect()
    }

    /// A whole frame.
    fn frame(message: &[u8]) -> Vec<u8> {
        structured_zstd::encoding::compress_to_vec(message, CompressionLevel::Default)
    }

    fn streams() -> Vec<(&'static str, Vec<&'static [u8]>)> {
        vectors::read(include_bytes!("../../../../tests/vectors/zstd_stream.bin"))
    }

    fn frames() -> Vec<(&'static str, Vec<&'static [u8]>)> {
        vectors::read(include_bytes!("../../../../tests/vectors/zstd_frames.bin"))
    }

    #[test]
    fn messages_of_the_reference_library_are_read_in_both_forms() {
        let plain = vectors::messages();
        for (name, wire) in streams().into_iter().chain(frames()) {
            let mut zstd = Stream::new(LIMIT);
            for (wire, plain) in wire.iter().zip(&plain) {
                assert_eq!(zstd.feed(wire), Ok(Some(*plain)), "{name}");
                zstd.rest();
                assert_eq!(zstd.buffer.capacity(), 0);
            }
        }
    }

    #[test]
    fn a_message_that_is_cut_inside_a_block_or_a_header_is_an_error() {
        let wire = &stream(&[b"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}"])[0];
        for cut in 1..wire.len() {
            let mut zstd = Stream::new(LIMIT);
            // Behind the header nothing of a block is there.
            let is_between = zstd.feed(&wire[..cut]) == Ok(None);
            assert_eq!(is_between, zstd.is_inside && zstd.feed(&wire[cut..]).is_ok(), "{cut}");
        }
    }

    #[test]
    fn no_cut_of_a_message_panics() {
        let mut random = Random::new(9);
        for (_, wire) in streams().into_iter().chain(frames()) {
            let all = wire.concat();
            for most in [1, 7, 200, 4_000] {
                let mut zstd = Stream::new(LIMIT);
                let mut rest = &all[..];
                while !rest.is_empty() {
                    let size = usize::try_from(1 + random.bits() % most).expect("small");
                    let (piece, behind) = rest.split_at(size.min(rest.len()));
                    rest = behind;
                    let _ = zstd.feed(piece);
                }
            }
        }
    }

    #[test]
    fn an_empty_frame_and_an_empty_message_are_nothing() {
        let mut zstd = Stream::new(LIMIT);
        assert_eq!(zstd.feed(&[]), Ok(None));
        assert_eq!(zstd.feed(&frame(b"")), Ok(None));
        assert_eq!(
            zstd.feed(&[frame(b""), frame(b"[1]"), frame(b"")].concat()),
            Ok(Some(&b"[1]"[..]))
        );
        assert_eq!(zstd.feed(&[]), Ok(None));
    }

    #[test]
    fn a_second_frame_inside_the_first_is_an_error() {
        let wire = stream(&[b"[1]", b"[2]"]);
        let mut zstd = Stream::new(LIMIT);
        assert_eq!(zstd.feed(&wire[0]), Ok(Some(&b"[1]"[..])));
        assert!(zstd.feed(&wire[0]).is_err(), "a restarted stream");
    }

    #[test]
    fn a_message_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
        for (size, passes) in [(9_999, true), (10_000, true), (10_001, false), (400_000, false)] {
            let plain = vec![b'x'; size];
            for wire in [stream(&[&plain]).remove(0), frame(&plain)] {
                let mut zstd = Stream::new(10_000);
                let result = zstd.feed(&wire);
                let oversized = Err(CodecError::Oversized { limit: 10_000 });
                assert_eq!(result, if passes { Ok(Some(&plain[..])) } else { oversized }, "{size}");
            }
        }
    }

    #[test]
    fn a_bomb_takes_no_more_memory_than_the_limit() {
        let mut bomb = stream(&[b"{}"]).remove(0);
        // Blocks of one byte repeated 128 KiB times.
        for _ in 0..1_000 {
            bomb.extend([0x02, 0x00, 0x10, b'x']);
        }
        let mut zstd = Stream::new(LIMIT);
        assert_eq!(zstd.feed(&bomb), Err(CodecError::Oversized { limit: LIMIT }));
        assert!(zstd.buffer.capacity() <= 2 * LIMIT + buffer::ROOM);
        assert!(zstd.decoder.workspace_size() < 4 << 20);
    }

    #[test]
    fn a_window_above_the_cap_is_refused_before_it_is_made() {
        // Magic number, no content size, and a window of 16 MiB.
        let header = [0x28, 0xB5, 0x2F, 0xFD, 0x00, (24 - 10) << 3];
        let mut zstd = Stream::new(LIMIT);
        assert!(zstd.feed(&[&header[..], &[0x02, 0x00, 0x10, b'x']].concat()).is_err());
        assert!(zstd.decoder.workspace_size() < 1 << 20);
        let discords = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x40, 0x18, 0, 0, b'{', b'}', b' '];
        assert_eq!(Stream::new(LIMIT).feed(&discords), Ok(Some(&b"{} "[..])), "256 KiB");
    }

    #[test]
    fn a_huge_message_gives_its_memory_back() {
        let plain = vec![b' '; 6 << 20];
        let mut zstd = Stream::new(8 << 20);
        assert_eq!(zstd.feed(&frame(&plain)), Ok(Some(&plain[..])));
        assert_eq!(zstd.feed(&frame(b"small")), Ok(Some(&b"small"[..])));
        assert!(zstd.buffer.capacity() < 2 * buffer::KEPT);
        assert!(zstd.decoder.workspace_size() <= KEPT);
    }

    #[test]
    fn what_is_no_zstd_is_an_error() {
        for garbage in
            [&b"{\"op\":10}"[..], &[0x28, 0xB5, 0x2F], &[0x78, 0x9C, 0, 0, 0xFF, 0xFF], &[0; 64]]
        {
            assert!(Stream::new(LIMIT).feed(garbage).is_err(), "{garbage:?}");
        }
        let whole = frame(b"[1]");
        assert!(Stream::new(LIMIT).feed(&[&whole[..], b"{}"].concat()).is_err());
    }

    #[test]
    fn corrupting_any_byte_never_panics() {
        let plain = vectors::messages();
        let wire = stream(&plain);
        for changed in [1, 2, 6] {
            for at in 0..wire[changed].len() {
                let mut zstd = Stream::new(LIMIT);
                for whole in &wire[..changed] {
                    zstd.feed(whole).expect("valid");
                }
                let mut bad = wire[changed].clone();
                bad[at] ^= 0x55;
                // An error or other text: either is fine, as long as it is not a panic.
                let is_broken = zstd.feed(&bad).is_err();
                assert!(zstd.feed(&wire[changed + 1]).is_err() || !is_broken);
            }
        }
    }
}

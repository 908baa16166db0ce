//! The server's half of `zstd-stream`. Knows bytes only, never what they mean.

use structured_zstd::encoding::{CompressionContext, CompressionLevel};

use super::repeats::Repeats;

/// Writes messages as one endless frame, flushed after each, or as one complete frame each.
pub(super) struct Zstd {
    context: CompressionContext<Repeats>,
    is_endless: bool,
}

impl Zstd {
    /// One frame without end, as Discord sends it.
    pub(super) fn endless() -> Self {
        Self::new(true)
    }

    /// One complete frame for each message, as some other servers do.
    pub(super) fn frames() -> Self {
        Self::new(false)
    }

    fn new(is_endless: bool) -> Self {
        let mut context =
            CompressionContext::new_with_matcher(Repeats::new(), CompressionLevel::Default);
        context.set_content_checksum(false).expect("nothing is written yet");
        Self { context, is_endless }
    }

    /// The compressed form of one message.
    pub(super) fn message(&mut self, text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(text.len() / 3 + 32);
        self.push(text, &mut packed);
        self.end_message(&mut packed);
        packed
    }

    /// `size` zero bytes as one message, without ever holding them.
    pub(super) fn zeros(&mut self, size: u64) -> Vec<u8> {
        const PIECE: [u8; 16_384] = [0; 16_384];
        let mut packed = Vec::new();
        let mut left = size;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(PIECE.len()).min(PIECE.len());
            self.push(&PIECE[..now], &mut packed);
            left = left.saturating_sub(now as u64);
        }
        self.end_message(&mut packed);
        packed
    }

    fn push(&mut self, bytes: &[u8], packed: &mut Vec<u8>) {
        self.context.write(packed, bytes).expect("a vector takes everything");
    }

    fn end_message(&mut self, packed: &mut Vec<u8>) {
        let ended = if self.is_endless {
            self.context.flush(packed)
        } else {
            self.context.finish_frame(packed)
        };
        ended.expect("a vector takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Compression, Decoder, Encoding, Frame};

    #[test]
    fn the_stream_starts_as_discords_does() {
        let packed = Zstd::endless().message(b"hello");
        assert_eq!(packed[..6], [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x40]);
        assert_eq!(packed[6] & 1, 0, "the block is not the last");
    }

    #[test]
    fn what_repeats_is_made_small_within_the_window_and_across_messages() {
        let text = (0..2_000_u32).map(|it| it.wrapping_mul(0x9E37_79B1).to_string());
        let text = text.collect::<Vec<_>>().join(",");
        for (mut zstd, is_endless) in [(Zstd::endless(), true), (Zstd::frames(), false)] {
            let [first, second] = [(); 2].map(|()| zstd.message(text.as_bytes()).len());
            assert!(first < text.len(), "{first} of {}", text.len());
            assert_eq!(second < first / 10, is_endless, "{second} after {first}");
            let twice = zstd.message(text.repeat(2).as_bytes()).len();
            assert!(twice < first + first / 10, "{twice} for twice, {first} for once");
        }
    }

    #[test]
    fn both_forms_are_read_back() {
        let long = "grüße 🦀 ".repeat(50_000);
        for mut zstd in [Zstd::endless(), Zstd::frames()] {
            let mut decoder = Decoder::new(Compression::ZstdStream, Encoding::Json, 1 << 20);
            for text in ["{\"op\":10}", long.as_str(), "x", long.as_str()] {
                let packed = Frame::Binary(zstd.message(text.as_bytes()));
                assert_eq!(decoder.feed(&packed), Ok(Some(text)));
            }
            let bomb = Frame::Binary(zstd.zeros(1 << 20));
            assert!(bomb.len() < 2_000, "{} bytes", bomb.len());
            let zeros = decoder.feed(&bomb).expect("within the limit");
            assert_eq!(zeros.map(str::len), Some(1 << 20));
            let next = Frame::Binary(zstd.message(b"still here"));
            assert_eq!(decoder.feed(&next), Ok(Some("still here")));
        }
    }
}

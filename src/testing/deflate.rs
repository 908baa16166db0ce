//! The server's half of transport compression. Knows bytes only, never what they mean.

use miniz_oxide::{
    DataFormat,
    deflate::{
        compress_to_vec_zlib,
        core::{CompressorOxide, TDEFLFlush, compress_to_output},
    },
};

/// Discord's streams start `78 9c`: zlib with its default level.
const LEVEL: u8 = 6;

/// One endless zlib stream with a sync flush after each message.
pub(super) struct Deflater(Box<CompressorOxide>);

impl Deflater {
    pub(super) fn new() -> Self {
        let mut core = Box::<CompressorOxide>::default();
        core.set_format_and_level(DataFormat::Zlib, LEVEL);
        Self(core)
    }

    /// The compressed form of one message, up to and including its `00 00 ff ff`.
    pub(super) fn message(&mut self, text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(text.len() / 3 + 16);
        self.push(text, TDEFLFlush::Sync, &mut packed);
        packed
    }

    /// `size` zero bytes as one message, without ever holding them.
    pub(super) fn zeros(&mut self, size: u64) -> Vec<u8> {
        self.push_zeros(size, TDEFLFlush::Sync)
    }

    fn push_zeros(&mut self, size: u64, flush: TDEFLFlush) -> Vec<u8> {
        const PIECE: [u8; 16_384] = [0; 16_384];
        let mut packed = Vec::new();
        let mut left = size;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(PIECE.len()).min(PIECE.len());
            self.push(&PIECE[..now], TDEFLFlush::None, &mut packed);
            left = left.saturating_sub(now as u64);
        }
        self.push(&[], flush, &mut packed);
        packed
    }

    fn push(&mut self, bytes: &[u8], flush: TDEFLFlush, packed: &mut Vec<u8>) {
        compress_to_output(&mut self.0, bytes, flush, |piece| {
            packed.extend_from_slice(piece);
            true
        });
    }
}

/// One message as a complete zlib stream of its own, as `compress: true` in an identify asks for.
pub(super) fn standalone(text: &[u8]) -> Vec<u8> {
    compress_to_vec_zlib(text, LEVEL)
}

/// `size` zero bytes as a complete zlib stream of its own.
pub(super) fn standalone_zeros(size: u64) -> Vec<u8> {
    Deflater::new().push_zeros(size, TDEFLFlush::Finish)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::{Decompress, FlushDecompress, read::ZlibDecoder};

    use super::*;

    #[test]
    fn a_stream_of_messages_is_read_back_by_another_implementation() {
        let mut deflater = Deflater::new();
        let mut reader = Decompress::new(true);
        let long = "grüße 🦀 ".repeat(50_000);
        for (turn, text) in
            ["{\"op\":10}", long.as_str(), "", "x", long.as_str()].iter().enumerate()
        {
            let packed = deflater.message(text.as_bytes());
            assert_eq!(packed[packed.len() - 4..], [0, 0, 0xff, 0xff], "message {turn}");
            let mut plain = Vec::with_capacity(text.len() + 64);
            reader.decompress_vec(&packed, &mut plain, FlushDecompress::Sync).expect("valid zlib");
            assert_eq!(plain, text.as_bytes(), "message {turn}");
        }
    }

    #[test]
    fn the_stream_starts_as_discords_does() {
        assert_eq!(Deflater::new().message(b"hello")[..2], [0x78, 0x9c]);
    }

    #[test]
    fn a_bomb_is_small_on_the_wire_and_leaves_the_stream_usable() {
        let mut deflater = Deflater::new();
        let size = 4 << 20;
        let packed = deflater.zeros(size);
        assert!(packed.len() < 20_000, "{} bytes", packed.len());
        let mut reader = Decompress::new(true);
        let mut plain = Vec::with_capacity(5 << 20);
        reader.decompress_vec(&packed, &mut plain, FlushDecompress::Sync).expect("valid zlib");
        assert_eq!(plain.len() as u64, size);
        plain.clear();
        let next = deflater.message(b"still here");
        reader.decompress_vec(&next, &mut plain, FlushDecompress::Sync).expect("valid zlib");
        assert_eq!(plain, b"still here");
    }

    #[test]
    fn a_standalone_message_is_a_whole_stream() {
        let mut plain = String::new();
        ZlibDecoder::new(&standalone(b"whole")[..])
            .read_to_string(&mut plain)
            .expect("whole stream");
        assert_eq!(plain, "whole");
        plain.clear();
        ZlibDecoder::new(&standalone_zeros(100_000)[..])
            .read_to_string(&mut plain)
            .expect("whole stream");
        assert_eq!(plain, "\0".repeat(100_000));
    }
}

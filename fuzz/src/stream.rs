//! The server's half of a compressed stream, and ways to cut it into socket messages.

use std::io::Write as _;

use flate2::{Compress, Compression, FlushCompress, write::ZlibEncoder};
use shardwire::proto::Random;

/// One zlib stream with a flush after each message.
pub struct Deflater(Compress);

impl Deflater {
    pub fn new(level: u32) -> Self {
        Self(Compress::new(Compression::new(level.min(9)), true))
    }

    pub fn message(&mut self, text: &[u8]) -> Vec<u8> {
        // Stored blocks are the worst case: five bytes for each 16 KiB at most, and the suffix.
        let mut out = Vec::with_capacity(text.len() + text.len() / 1000 + 1024);
        self.0.compress_vec(text, &mut out, FlushCompress::Sync).expect("it is in memory");
        out
    }
}

/// A message that is a zlib stream of its own.
pub fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("it is in memory");
    encoder.finish().expect("it is in memory")
}

/// `bytes` in pieces whose lengths `chance` chooses.
pub fn cut(bytes: &[u8], chance: &mut Random) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        // Mostly small pieces, as the interesting cuts are at the end.
        let longest = 1 << (chance.bits() % 12);
        let length = usize::try_from(1 + chance.bits() % longest).expect("small").min(rest.len());
        let (piece, after) = rest.split_at(length);
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

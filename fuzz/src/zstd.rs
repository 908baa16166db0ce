//! `zstd-stream`: whatever comes is refused or read, within the limit.

use arbitrary::{Result, Unstructured};
use shardwire::proto::{Compression, Decoder, Encoding, Frame};

/// Small, so that it is reached.
const LIMIT: usize = 1 << 16;

/// Bytes as socket messages, each with two bytes before it that say how long it is.
pub fn zstd(input: &[u8]) {
    let mut decoder = Decoder::new(Compression::ZstdStream, Encoding::Json, LIMIT);
    let mut u = Unstructured::new(input);
    while !u.is_empty() {
        let Ok(message) = message(&mut u) else { return };
        let frame = Frame::Binary(message.to_vec());
        match decoder.feed(&frame) {
            Ok(text) => assert!(text.is_none_or(|text| text.len() <= LIMIT)),
            // A shard takes another decoder after an error; this one must stand what comes all the same.
            Err(error) => assert!(!format!("{error:?}").is_empty()),
        }
    }
}

fn message<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let length = usize::from(u.arbitrary::<u16>()?).min(u.len());
    u.bytes(length)
}

//! `zlib-stream`: broken streams are refused within the limit, sound ones give the same texts however they are cut.

use arbitrary::{Result, Unstructured};
use shardwire::proto::{CodecError, Compression, Decoder, Encoding, Frame, Random};

use super::stream::{Deflater, cut};

/// Small, so that it is reached.
const LIMIT: usize = 1 << 16;
/// What ends a message.
const SUFFIX: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Bytes as a stream that may be broken, or as texts that go through a sound one; the first byte says which.
pub fn zlib(input: &[u8]) {
    let mut u = Unstructured::new(input);
    let kind: u8 = u.arbitrary().unwrap_or_default();
    let mut chance = Random::new(u.arbitrary().unwrap_or_default());
    if kind.is_multiple_of(2) {
        let rest = u.take_rest();
        let whole = inflated(&[rest.to_vec()]);
        let bytewise = inflated(&rest.iter().map(|byte| vec![*byte]).collect::<Vec<_>>());
        let pieces = inflated(&cut(rest, &mut chance));
        // The suffix may stand inside the stream too, where only small pieces end with it, so texts are compared as a whole.
        if let (Some(whole), Some(bytewise), Some(pieces)) = (whole, bytewise, pieces) {
            let shortest = whole.len().min(bytewise.len()).min(pieces.len());
            assert_eq!(whole[..shortest], bytewise[..shortest]);
            assert_eq!(whole[..shortest], pieces[..shortest]);
        }
    } else {
        sound(u32::from(kind) / 2 % 10, &mut u, &mut chance);
    }
}

/// All that comes out of a stream; `None` if it is broken, too large, or holds what is no text.
fn inflated(frames: &[Vec<u8>]) -> Option<String> {
    let mut decoder = Decoder::new(Compression::ZlibStream, Encoding::Json, LIMIT);
    let mut all = String::new();
    for frame in frames {
        let frame = Frame::Binary(frame.clone());
        let text = decoder.feed(&frame).ok()?;
        assert!(text.is_none_or(|text| !text.is_empty() && text.len() <= LIMIT));
        all.push_str(text.unwrap_or_default());
    }
    Some(all)
}

fn sound(level: u32, u: &mut Unstructured<'_>, chance: &mut Random) {
    let mut deflater = Deflater::new(level);
    let mut decoder = Decoder::new(Compression::ZlibStream, Encoding::Json, LIMIT);
    while !u.is_empty() {
        let message = message(u).unwrap_or_default();
        let wire = deflater.message(&message);
        let is_ambiguous = wire.windows(4).filter(|window| *window == SUFFIX).count() > 1;
        if is_ambiguous {
            return;
        }
        let mut result = Ok(None);
        for frame in cut(&wire, chance) {
            let frame = Frame::Binary(frame);
            assert_eq!(result, Ok(None), "a message ended before its end");
            result = decoder.feed(&frame).map(|text| text.map(str::to_owned));
            if result.is_err() {
                break;
            }
        }
        match (result, std::str::from_utf8(&message)) {
            (Ok(Some(text)), Ok(expected)) => assert_eq!(text, expected),
            // After what is no text, the stream is intact and goes on.
            (Ok(None), Ok("")) | (Err(CodecError::BadMessage(_)), Err(_)) => {}
            (Err(CodecError::Oversized { limit: LIMIT }), _) if message.len() > LIMIT => return,
            (result, _) => panic!("{} bytes became {result:?}", message.len()),
        }
    }
}

/// A few bytes, repeated often enough to be too large at times.
fn message(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let length = usize::from(u.arbitrary::<u8>()?);
    let times = usize::from(u.arbitrary::<u8>()?);
    let piece = u.bytes(length.min(u.len()))?;
    Ok(piece.repeat(1 + times * 8))
}

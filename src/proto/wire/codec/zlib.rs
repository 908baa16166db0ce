//! The two forms of zlib: one stream per connection, each Gateway message ended by a sync flush, and one stream per
//! message. Which crate inflates is not its business.
//!
//! Source: Discord's "Transport compression" and "Payload compression".

use std::fmt;

use super::{
    CodecError, Inflater,
    buffer::Buffer,
    inflate::{Inflate, Step, Then},
};

pub(super) const IS_COMPILED_IN: bool = true;

/// What a sync flush leaves at the end of a message.
const FLUSHED: u32 = 0x0000_FFFF;

const INVALID: CodecError = CodecError::Broken("expected a valid zlib stream");

/// `zlib-stream`: the messages of one connection.
pub struct Stream<I = Inflater> {
    state: I,
    buffer: Buffer,
    /// The last four bytes received, to find the suffix even when it is split.
    tail: u32,
    /// Whether the message under way was handed out and can go.
    is_complete: bool,
}

impl<I: Inflate> Stream<I> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: I::default(),
            buffer: Buffer::new(limit, I::HISTORY),
            tail: u32::MAX,
            is_complete: false,
        }
    }

    /// Takes in one socket message; gives the Gateway message that it completes, if any.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Option<&[u8]>, CodecError> {
        if self.is_complete {
            self.is_complete = false;
            self.buffer.next_message();
        }
        if inflate(&mut self.state, input, &mut self.buffer)? == Then::End {
            return Err(CodecError::Broken("expected the zlib stream to go on"));
        }
        for &byte in &input[input.len().saturating_sub(4)..] {
            self.tail = self.tail << 8 | u32::from(byte);
        }
        // A flush of nothing completes nothing.
        if self.tail != FLUSHED || self.buffer.message().is_empty() {
            return Ok(None);
        }
        self.is_complete = true;
        Ok(Some(self.buffer.message()))
    }

    /// Gives back what the last message needed, if that was handed out.
    pub(super) fn rest(&mut self) {
        if std::mem::take(&mut self.is_complete) {
            self.buffer.rest();
        }
    }
}

/// Payload compression: messages that are a zlib stream each.
pub struct Single<I = Inflater> {
    state: I,
    buffer: Buffer,
}

impl<I: Inflate> Single<I> {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: I::default(), buffer: Buffer::new(limit, 0) }
    }

    /// The message that `input` is the whole stream of.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<&[u8], CodecError> {
        self.state.reset();
        self.buffer.next_message();
        match inflate(&mut self.state, input, &mut self.buffer) {
            Ok(Then::End) => Ok(self.buffer.message()),
            Ok(_) => {
                Err(CodecError::BadMessage("expected a whole zlib stream in each binary message"))
            }
            // Nothing of this stream is left to the next message.
            Err(CodecError::Broken(expected)) => Err(CodecError::BadMessage(expected)),
            Err(error) => Err(error),
        }
    }

    /// Gives back what the last message needed.
    pub(super) fn rest(&mut self) {
        self.buffer.rest();
    }
}

impl<I> fmt::Debug for Stream<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zlib::Stream")
    }
}

impl<I> fmt::Debug for Single<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zlib::Single")
    }
}

/// Inflates all of `input`; says whether the stream has ended with it.
///
/// In the wasm module this crate is made small, and the one that inflates fast. Were that called from a single place, it
/// would be inlined there and made small too, a quarter slower: so this is inlined into its two callers.
#[expect(clippy::inline_always, reason = "inlining decides how fast the callee is")]
#[inline(always)]
fn inflate(
    state: &mut impl Inflate,
    mut input: &[u8],
    buffer: &mut Buffer,
) -> Result<Then, CodecError> {
    loop {
        let (room, at) = buffer.room()?;
        let Step { used, written, then } = state.inflate(input, room, at);
        input = &input[used..];
        buffer.advance(written);
        match then {
            Then::Fail => return Err(INVALID),
            Then::End if input.is_empty() => break,
            Then::End => return Err(CodecError::Broken("expected nothing behind a zlib stream")),
            // Input may be used up while output still waits for room.
            Then::GoOn if input.is_empty() && !buffer.is_full() => return Ok(Then::GoOn),
            Then::GoOn if used == 0 && written == 0 => return Err(INVALID),
            Then::GoOn => {}
        }
    }
    // The last call may have written the one byte that is allowed in above the limit.
    buffer.room()?;
    Ok(Then::End)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compress, Compression, FlushCompress, write::ZlibEncoder};

    use super::{
        super::{
            buffer::{KEPT, ROOM},
            vectors,
        },
        *,
    };
    use crate::proto::Random;

    const LIMIT: usize = 1 << 20;

    /// Runs each test once for each crate that inflates.
    macro_rules! run {
        ($($test:ident)*) => {
            #[cfg(feature = "zlib")]
            mod by_miniz {
                use super::super::super::miniz::Miniz;

                $(#[test] fn $test() { super::$test::<Miniz>(); })*
            }

            #[cfg(feature = "zlib-rs")]
            mod by_zlib_rs {
                use super::super::super::zlib_rs::ZlibRs;

                $(#[test] fn $test() { super::$test::<ZlibRs>(); })*
            }
        };
    }

    run! {
        a_bomb_takes_no_more_memory_than_the_limit
        a_huge_message_gives_its_memory_back
        a_stream_at_rest_keeps_its_history_alone_and_goes_on
        a_message_of_exactly_the_limit_passes_and_one_more_byte_does_not
        an_empty_frame_and_an_empty_flush_are_not_a_message
        broken_and_ended_streams_are_errors
        corrupting_any_byte_never_panics
        every_cut_of_a_message_gives_the_same_message
        messages_come_out_as_they_went_in
        single_messages_are_whole_streams_and_nothing_else
        single_messages_have_the_same_limit
        single_messages_of_the_reference_library_are_read
        streams_of_the_reference_library_are_read_however_they_are_cut
    }

    /// One stream, each message flushed: by another implementation than those under test.
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

    fn single(message: &[u8]) -> Vec<u8> {
        let mut whole = ZlibEncoder::new(Vec::new(), Compression::default());
        whole.write_all(message).expect("in memory");
        whole.finish().expect("in memory")
    }

    fn messages() -> Vec<Vec<u8>> {
        let mut random = Random::new(3);
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

    fn messages_come_out_as_they_went_in<I: Inflate>() {
        for level in [1, 6, 9] {
            let plain = messages();
            let mut zlib = Stream::<I>::new(LIMIT);
            for (wire, plain) in stream(&plain, level).iter().zip(&plain) {
                assert_eq!(zlib.feed(wire).expect("valid"), Some(plain.as_slice()));
            }
        }
    }

    fn streams_of_the_reference_library_are_read_however_they_are_cut<I: Inflate>() {
        let plain = vectors::messages();
        let mut random = Random::new(5);
        let file = include_bytes!("../../../../tests/vectors/zlib_stream.bin");
        for (name, wire) in vectors::read(file) {
            // Whole, byte by byte, and in pieces of up to 99 bytes.
            for most in [u64::MAX, 1, 99] {
                let mut zlib = Stream::<I>::new(LIMIT);
                let mut found = Vec::new();
                for mut message in wire.iter().copied() {
                    while !message.is_empty() {
                        let size = usize::try_from(1 + random.bits() % most).unwrap_or(usize::MAX);
                        let size = if most == u64::MAX { message.len() } else { size };
                        let (piece, rest) = message.split_at(size.min(message.len()));
                        message = rest;
                        let text = zlib.feed(piece).expect(name).map(<[u8]>::to_vec);
                        assert!(text.is_none() || rest.is_empty(), "{name}: too early");
                        found.extend(text);
                    }
                }
                assert_eq!(found, plain, "{name}, pieces of up to {most}");
            }
        }
    }

    fn single_messages_of_the_reference_library_are_read<I: Inflate>() {
        let plain = vectors::messages();
        let file = include_bytes!("../../../../tests/vectors/zlib_single.bin");
        for (name, wire) in vectors::read(file) {
            let mut zlib = Single::<I>::new(LIMIT);
            for (wire, plain) in wire.iter().zip(&plain) {
                assert_eq!(zlib.feed(wire), Ok(*plain), "{name}");
            }
        }
    }

    fn single_messages_are_whole_streams_and_nothing_else<I: Inflate>() {
        let wire = single(b"[1,2,3]");
        let mut zlib = Single::<I>::new(LIMIT);
        // The four bytes of the checksum included.
        for cut in 0..wire.len() {
            assert!(matches!(zlib.feed(&wire[..cut]), Err(CodecError::BadMessage(_))), "{cut}");
            assert_eq!(zlib.feed(&wire), Ok(&b"[1,2,3]"[..]), "{cut}");
        }
        for bad in [&[&wire[..], b"x"].concat()[..], b"[1,2,3]"] {
            assert!(matches!(zlib.feed(bad), Err(CodecError::BadMessage(_))));
        }
        for at in 0..wire.len() {
            let mut bad = wire.clone();
            bad[at] ^= 0x55;
            // An error or other text: either is fine, as long as it is not a panic.
            let _ = zlib.feed(&bad);
        }
        assert_eq!(zlib.feed(&single(b"")), Ok(&b""[..]));
    }

    fn single_messages_have_the_same_limit<I: Inflate>() {
        let mut zlib = Single::<I>::new(10_000);
        for (size, passes) in [(10_000, true), (10_001, false), (5 << 20, false), (9_999, true)] {
            let plain = vec![b'x'; size];
            let expected =
                if passes { Ok(&plain[..]) } else { Err(CodecError::Oversized { limit: 10_000 }) };
            assert_eq!(zlib.feed(&single(&plain)), expected, "{size}");
        }
        assert!(zlib.buffer.capacity() <= 2 * (10_000 + ROOM));
        zlib.rest();
        assert_eq!(zlib.buffer.capacity(), 0);
    }

    fn every_cut_of_a_message_gives_the_same_message<I: Inflate>() {
        let plain = vec![b"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}".to_vec()];
        let wire = &stream(&plain, 6)[0];
        for cut in 0..wire.len() {
            let mut zlib = Stream::<I>::new(LIMIT);
            assert_eq!(zlib.feed(&wire[..cut]), Ok(None), "{cut}");
            assert_eq!(zlib.feed(&wire[cut..]), Ok(Some(plain[0].as_slice())), "{cut}");
        }
    }

    fn an_empty_frame_and_an_empty_flush_are_not_a_message<I: Inflate>() {
        let plain = vec![b"{}".to_vec(), b"[1]".to_vec()];
        let wire = stream(&plain, 6);
        let mut zlib = Stream::<I>::new(LIMIT);
        assert_eq!(zlib.feed(&[]), Ok(None));
        assert_eq!(zlib.feed(&wire[0]), Ok(Some(plain[0].as_slice())));
        assert_eq!(zlib.feed(&[]), Ok(None));
        assert_eq!(zlib.feed(&[0, 0, 0, 0xFF, 0xFF]), Ok(None), "an empty stored block");
        assert_eq!(zlib.feed(&wire[1]), Ok(Some(plain[1].as_slice())));
    }

    fn a_message_of_exactly_the_limit_passes_and_one_more_byte_does_not<I: Inflate>() {
        for (size, passes) in [(9_999, true), (10_000, true), (10_001, false), (40_000, false)] {
            let plain = vec![vec![b'x'; size]];
            let mut zlib = Stream::<I>::new(10_000);
            let result = zlib.feed(&stream(&plain, 9)[0]);
            assert_eq!(result.is_ok(), passes, "{size}");
            if !passes {
                assert_eq!(result, Err(CodecError::Oversized { limit: 10_000 }));
            }
        }
    }

    fn a_bomb_takes_no_more_memory_than_the_limit<I: Inflate>() {
        let bomb = stream(&[vec![0; 50 << 20]], 9).remove(0);
        let mut zlib = Stream::<I>::new(LIMIT);
        assert!(zlib.feed(&bomb).is_err());
        assert!(zlib.buffer.capacity() <= 2 * LIMIT + I::HISTORY + ROOM);
    }

    fn a_huge_message_gives_its_memory_back<I: Inflate>() {
        let plain = vec![vec![b' '; 3 << 20], b"small".to_vec()];
        let wire = stream(&plain, 6);
        let mut zlib = Stream::<I>::new(8 << 20);
        assert_eq!(zlib.feed(&wire[0]).expect("valid").map(<[u8]>::len), Some(3 << 20));
        assert_eq!(zlib.feed(&wire[1]), Ok(Some(&b"small"[..])));
        assert!(zlib.buffer.capacity() < 2 * KEPT);
    }

    fn a_stream_at_rest_keeps_its_history_alone_and_goes_on<I: Inflate>() {
        let plain = messages();
        let mut zlib = Stream::<I>::new(LIMIT);
        for (wire, plain) in stream(&plain, 6).iter().zip(&plain) {
            let (first, last) = wire.split_at(wire.len() / 2);
            zlib.rest();
            assert!(zlib.buffer.capacity() <= I::HISTORY);
            assert_eq!(zlib.feed(first), Ok(None));
            // Half a message is not let go of.
            zlib.rest();
            assert_eq!(zlib.feed(last).expect("valid"), Some(plain.as_slice()));
        }
    }

    fn broken_and_ended_streams_are_errors<I: Inflate>() {
        for bad in [&b"not zlib at all"[..], &single(b"{}")] {
            let mut zlib = Stream::<I>::new(LIMIT);
            assert!(matches!(zlib.feed(bad), Err(CodecError::Broken(_))));
        }
    }

    fn corrupting_any_byte_never_panics<I: Inflate>() {
        let plain = messages().into_iter().take(4).collect::<Vec<_>>();
        let wire = stream(&plain, 6);
        for at in 0..wire[1].len() {
            let mut zlib = Stream::<I>::new(LIMIT);
            zlib.feed(&wire[0]).expect("valid");
            let mut bad = wire[1].clone();
            bad[at] ^= 0x55;
            // An error or other text: either is fine, as long as it is not a panic.
            let _ = zlib.feed(&bad);
            let _ = zlib.feed(&wire[2]);
        }
    }
}

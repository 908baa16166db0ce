//! The way out to one client: compression, and everything a fault can do to messages under way. Knows texts and bytes,
//! never sessions or opcodes.

use std::{collections::VecDeque, time::Duration};

use super::{
    deflate::{Deflater, standalone, standalone_zeros},
    envelope::{Envelope, Shape},
    etf,
    exchange::{Fragments, Peer, ServerOutput},
    zstd::Zstd,
};
use crate::proto::{Encoding, Frame, Instant};

/// How messages to one client are written and what is done to them.
pub(super) struct Outlet {
    peer: Peer,
    encoding: Encoding,
    packing: Packing,
    /// Broken by these faults, as long as their counts last.
    pub(super) mischief: Mischief,
    silence: Silence,
    delayed: VecDeque<(Instant, ServerOutput)>,
}

/// Transport or payload compression.
pub(super) enum Packing {
    None,
    /// `compress: true` in the identify: each large message is a zlib stream of its own.
    Standalone,
    /// `compress=zlib-stream` in the URL.
    Zlib(Deflater),
    /// `compress=zstd-stream` in the URL; boxed because its state is large.
    Zstd(Box<Zstd>),
}

/// Faults that change messages, each with how many messages it lasts.
#[derive(Default)]
pub(super) struct Mischief {
    pub(super) shape: Shape,
    /// `None`: for good.
    pub(super) shape_times: Option<u32>,
    pub(super) split: (u32, u32),
    pub(super) fragments: (u32, u32),
    pub(super) corrupt: u32,
    pub(super) delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    None,
    Until(Instant),
    ForGood,
}

/// Messages from this size on are compressed with [`Packing::Standalone`].
const LARGE: usize = 1024;

impl Outlet {
    pub(super) fn new(peer: Peer, encoding: Encoding, packing: Packing) -> Self {
        Self {
            peer,
            encoding,
            packing,
            mischief: Mischief::default(),
            silence: Silence::None,
            delayed: VecDeque::new(),
        }
    }

    /// How messages are written, in both directions.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Payload compression, which transport compression switches off; there is none with ETF.
    pub(super) fn pack_payloads(&mut self) {
        if matches!(self.packing, Packing::None) && self.encoding == Encoding::Json {
            self.packing = Packing::Standalone;
        }
    }

    pub(super) fn keep_silent(&mut self, until: Option<Instant>) {
        self.silence = until.map_or(Silence::ForGood, Silence::Until);
    }

    pub(super) fn break_silence(&mut self) {
        self.silence = Silence::None;
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silence != Silence::None
    }

    /// Whether a silence has ended by `now`; true once.
    pub(super) fn try_end_silence(&mut self, now: Instant) -> bool {
        let over = matches!(self.silence, Silence::Until(end) if end <= now);
        if over {
            self.silence = Silence::None;
        }
        over
    }

    /// Writes an envelope.
    pub(super) fn envelope(
        &mut self,
        envelope: Envelope<'_>,
        now: Instant,
        out: &mut VecDeque<ServerOutput>,
    ) {
        let text = envelope.write(self.shape());
        self.message(text, now, out);
    }

    /// Writes one gateway message.
    pub(super) fn message(&mut self, text: String, now: Instant, out: &mut VecDeque<ServerOutput>) {
        if self.is_silent() {
            return;
        }
        let mut frame = self.packing.pack(match self.encoding {
            Encoding::Etf => Frame::Binary(etf::write(&text)),
            _ => Frame::Text(text),
        });
        if take(&mut self.mischief.corrupt) {
            frame = corrupted(frame);
        }
        let is_stream = matches!(self.packing, Packing::Zlib(_) | Packing::Zstd(_));
        match frame {
            Frame::Binary(bytes) if is_stream && take(&mut self.mischief.split.1) => {
                for piece in split(&bytes, self.mischief.split.0) {
                    self.push(ServerOutput::Send(self.peer, Frame::Binary(piece)), now, out);
                }
            }
            frame if take(&mut self.mischief.fragments.1) => {
                let fragments = fragments(frame, self.mischief.fragments.0);
                self.push(ServerOutput::SendFragments(self.peer, fragments), now, out);
            }
            frame => self.push(ServerOutput::Send(self.peer, frame), now, out),
        }
    }

    /// Writes a message past compression.
    pub(super) fn raw(&mut self, frame: Frame, now: Instant, out: &mut VecDeque<ServerOutput>) {
        if !self.is_silent() {
            self.push(ServerOutput::Send(self.peer, frame), now, out);
        }
    }

    /// Writes a message that inflates to `size` zeros, if there is compression.
    pub(super) fn bomb(&mut self, size: u64, now: Instant, out: &mut VecDeque<ServerOutput>) {
        if self.is_silent() {
            return;
        }
        let packed = match &mut self.packing {
            Packing::None => None,
            Packing::Standalone => Some(standalone_zeros(size)),
            Packing::Zlib(deflater) => Some(deflater.zeros(size)),
            Packing::Zstd(zstd) => Some(zstd.zeros(size)),
        };
        if let Some(packed) = packed {
            self.push(ServerOutput::Send(self.peer, Frame::Binary(packed)), now, out);
        }
    }

    /// Lets an output leave at its time, behind those before it.
    pub(super) fn push(
        &mut self,
        output: ServerOutput,
        now: Instant,
        out: &mut VecDeque<ServerOutput>,
    ) {
        if self.mischief.delay.is_zero() && self.delayed.is_empty() {
            out.push_back(output);
            return;
        }
        let due = now + self.mischief.delay;
        let after = self.delayed.back().map_or(due, |(last, _)| due.max(*last));
        self.delayed.push_back((after, output));
    }

    /// Lets go of what was delayed until `now`.
    pub(super) fn release(&mut self, now: Instant, out: &mut VecDeque<ServerOutput>) {
        while self.delayed.front().is_some_and(|(due, _)| *due <= now) {
            out.extend(self.delayed.pop_front().map(|(_, output)| output));
        }
    }

    /// How many messages are held back by a delay.
    pub(super) fn held_back(&self) -> usize {
        self.delayed.len()
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        let delayed = self.delayed.front().map(|(due, _)| *due);
        let silence = match self.silence {
            Silence::Until(end) => Some(end),
            Silence::None | Silence::ForGood => None,
        };
        delayed.into_iter().chain(silence).min()
    }

    fn shape(&mut self) -> Shape {
        if let Some(times) = &mut self.mischief.shape_times
            && !take(times)
        {
            self.mischief.shape = Shape::default();
            self.mischief.shape_times = None;
        }
        self.mischief.shape
    }
}

impl Packing {
    fn pack(&mut self, message: Frame) -> Frame {
        let bytes = match &message {
            Frame::Text(text) => text.as_bytes(),
            Frame::Binary(bytes) => bytes,
        };
        match self {
            Self::Zlib(deflater) => Frame::Binary(deflater.message(bytes)),
            Self::Zstd(zstd) => Frame::Binary(zstd.message(bytes)),
            Self::Standalone if bytes.len() >= LARGE => Frame::Binary(standalone(bytes)),
            Self::None | Self::Standalone => message,
        }
    }
}

/// Counts down; whether there was something left.
pub(super) fn take(count: &mut u32) -> bool {
    let left = *count > 0;
    *count = count.saturating_sub(1);
    left
}

/// Cuts a message into at most `parts` pieces, the last cut in the middle of the suffix.
fn split(bytes: &[u8], parts: u32) -> Vec<Vec<u8>> {
    let parts = (parts as usize).clamp(1, bytes.len().max(1));
    let tail = if parts > 1 { bytes.len().saturating_sub(2).max(1) } else { bytes.len() };
    let (body, rest) = bytes.split_at(tail.min(bytes.len()));
    let pieces = body.chunks(body.len().div_ceil(parts.saturating_sub(1).max(1)).max(1));
    pieces.chain((!rest.is_empty()).then_some(rest)).map(<[u8]>::to_vec).collect()
}

fn fragments(frame: Frame, size: u32) -> Fragments {
    let (text, bytes) = match frame {
        Frame::Text(text) => (true, text.into_bytes()),
        Frame::Binary(bytes) => (false, bytes),
    };
    let mut parts: Vec<_> = bytes.chunks(size.max(1) as usize).map(<[u8]>::to_vec).collect();
    parts.push(Vec::new());
    Fragments { text, parts }
}

fn corrupted(frame: Frame) -> Frame {
    match frame {
        // Cutting off the end breaks JSON for certain and leaves valid UTF-8.
        Frame::Text(mut text) => {
            text.pop();
            Frame::Text(text)
        }
        Frame::Binary(mut bytes) => {
            let suffix = bytes.len().saturating_sub(4);
            for byte in bytes.iter_mut().take(suffix) {
                *byte = !*byte;
            }
            Frame::Binary(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_cuts_the_suffix_and_loses_nothing() {
        let bytes: Vec<u8> = (0..50).chain([0, 0, 0xff, 0xff]).collect();
        for parts in [1, 2, 3, 7, 54, 1000] {
            let pieces = split(&bytes, parts);
            assert_eq!(pieces.concat(), bytes, "{parts} parts");
            assert!(pieces.iter().all(|piece| !piece.is_empty()), "{parts} parts");
            if parts > 1 {
                assert!(pieces.len() > 1, "{parts} parts");
                assert_eq!(pieces.last().map(Vec::len), Some(2), "{parts} parts");
            }
        }
        assert_eq!(split(&[], 3).concat(), Vec::<u8>::new());
    }

    #[test]
    fn fragments_end_with_an_empty_one() {
        let Fragments { text, parts } = fragments(Frame::Text("abcde".into()), 2);
        assert!(text);
        assert_eq!(parts, [b"ab".to_vec(), b"cd".to_vec(), b"e".to_vec(), vec![]]);
    }

    #[test]
    fn a_delay_keeps_the_order_even_when_it_shrinks() {
        let at = |ms| Instant::from_epoch(Duration::from_millis(ms));
        let mut outlet = Outlet::new(Peer(1), Encoding::Json, Packing::None);
        let mut out = VecDeque::new();
        outlet.mischief.delay = Duration::from_millis(100);
        outlet.message("a".into(), at(0), &mut out);
        outlet.mischief.delay = Duration::ZERO;
        outlet.message("b".into(), at(10), &mut out);
        assert!(out.is_empty());
        assert_eq!(outlet.wake(), Some(at(100)));
        outlet.release(at(100), &mut out);
        let sent: Vec<_> = out
            .iter()
            .map(|output| match output {
                ServerOutput::Send(_, Frame::Text(text)) => text.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sent, ["a", "b"]);
    }

    #[test]
    fn counted_shapes_run_out() {
        let mut outlet = Outlet::new(Peer(1), Encoding::Json, Packing::None);
        outlet.mischief.shape.order = super::super::envelope::KeyOrder::OpDTS;
        outlet.mischief.shape_times = Some(1);
        let mut out = VecDeque::new();
        for _ in 0..2 {
            let ack = Envelope { op: 11, dispatch: None, data: Some("null") };
            outlet.envelope(ack, Instant::ZERO, &mut out);
        }
        let ServerOutput::Send(_, Frame::Text(first)) = &out[0] else { panic!("a text") };
        let ServerOutput::Send(_, Frame::Text(second)) = &out[1] else { panic!("a text") };
        assert!(first.starts_with(r#"{"op":11"#) && second.starts_with(r#"{"t":null"#));
    }
}

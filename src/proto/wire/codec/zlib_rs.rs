//! Inflate by zlib-rs: fast, for where size does not matter.

use ::zlib_rs::{Inflate as State, InflateFlush, Status};

use super::inflate::{Inflate, Step, Then};

/// The largest window of the format: 32 KiB.
const WINDOW_BITS: u8 = 15;

/// Its state.
pub struct ZlibRs(State);

impl Default for ZlibRs {
    fn default() -> Self {
        Self(State::new(true, WINDOW_BITS))
    }
}

impl Inflate for ZlibRs {
    /// It keeps a window of its own.
    const HISTORY: usize = 0;

    fn reset(&mut self) {
        self.0.reset(true);
    }

    fn inflate(&mut self, input: &[u8], buffer: &mut [u8], at: usize) -> Step {
        let before = (self.0.total_in(), self.0.total_out());
        let then = match self.0.decompress(input, &mut buffer[at..], InflateFlush::NoFlush) {
            Ok(Status::Ok | Status::BufError) => Then::GoOn,
            Ok(Status::StreamEnd) => Then::End,
            Err(_) => Then::Fail,
        };
        let [used, written] = [self.0.total_in() - before.0, self.0.total_out() - before.1]
            .map(|count| usize::try_from(count).expect("at most the length of a slice"));
        Step { used, written, then }
    }
}

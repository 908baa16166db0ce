//! Inflate by `miniz_oxide`: small, for what is downloaded.

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

use super::inflate::{Inflate, Step, Then};

/// The checksum at a stream's end is not computed: `zlib-stream` never gets there, and TLS guards the bytes.
const FLAGS: u32 = TINFL_FLAG_HAS_MORE_INPUT
    | TINFL_FLAG_IGNORE_ADLER32
    | TINFL_FLAG_PARSE_ZLIB_HEADER
    | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;

/// Its state.
#[derive(Default)]
pub struct Miniz(DecompressorOxide);

impl Inflate for Miniz {
    /// It looks back into the buffer.
    const HISTORY: usize = 32 * 1024;

    fn reset(&mut self) {
        self.0.init();
    }

    #[expect(clippy::inline_always, reason = "see `zlib::inflate`")]
    #[inline(always)]
    fn inflate(&mut self, input: &[u8], buffer: &mut [u8], at: usize) -> Step {
        let (status, used, written) = decompress(&mut self.0, input, buffer, at, FLAGS);
        let then = match status {
            TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => Then::GoOn,
            TINFLStatus::Done => Then::End,
            _ => Then::Fail,
        };
        Step { used, written, then }
    }
}

//! Stand-in for a codec that is not compiled in: the same items, so that callers never ask.

use super::CodecError;

pub(super) const IS_COMPILED_IN: bool = false;

/// Never made: a configuration that asks for it is refused.
#[derive(Debug)]
pub struct Zlib;

impl Zlib {
    pub(super) const fn new(_limit: usize) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) const fn feed(&mut self, _bytes: &[u8]) -> Result<Option<&[u8]>, CodecError> {
        Err(CodecError::Broken("expected a build with the codec's feature"))
    }
}

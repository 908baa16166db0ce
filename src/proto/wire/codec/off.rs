//! Stand-in for every codec that is not compiled in: the same items, so that callers never ask.

#![allow(dead_code, reason = "which items are in use depends on which codec is missing")]

use super::CodecError;

pub(super) const IS_COMPILED_IN: bool = false;

const MISSING: CodecError = CodecError::Broken("expected a build with the codec's feature");

/// Never fed: a configuration that asks for it is refused.
#[derive(Debug)]
pub struct Stream;

impl Stream {
    pub(super) const fn new(_limit: usize) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) const fn feed(&mut self, _input: &[u8]) -> Result<Option<&[u8]>, CodecError> {
        Err(MISSING)
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) const fn rest(&mut self) {}
}

/// Never fed, like [`Stream`].
#[derive(Debug)]
pub struct Single;

impl Single {
    pub(super) const fn new(_limit: usize) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) const fn feed(&mut self, _input: &[u8]) -> Result<&[u8], CodecError> {
        Err(MISSING)
    }

    #[expect(clippy::unused_self, reason = "the signature of the real one")]
    pub(super) const fn rest(&mut self) {}
}

pub(super) const fn decode(
    _bytes: &[u8],
    _limit: usize,
    _out: &mut String,
) -> Result<(), CodecError> {
    Err(MISSING)
}

pub(super) const fn encode(_json: &str) -> Result<Vec<u8>, CodecError> {
    Err(MISSING)
}

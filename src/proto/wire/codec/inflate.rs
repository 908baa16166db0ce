//! What a crate that inflates must be able to do. Knows none of them.

/// The state of one zlib stream.
pub trait Inflate: Default {
    /// How far it looks back into the buffer.
    const HISTORY: usize;

    /// Begins a new stream.
    fn reset(&mut self);

    /// Inflates `input` into `buffer` from `at` on, as far as there is room.
    fn inflate(&mut self, input: &[u8], buffer: &mut [u8], at: usize) -> Step;
}

/// How far a call of [`Inflate::inflate`] came.
pub struct Step {
    pub used: usize,
    pub written: usize,
    pub then: Then,
}

/// What a call of [`Inflate::inflate`] met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The end of the stream.
    End,
    /// Something that is not zlib.
    Fail,
    /// The end of the input or of the room.
    GoOn,
}

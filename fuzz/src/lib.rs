//! What each fuzz target does with its input. `tests/fuzz_corpus.rs` includes this file, so that the seeds, and all that
//! was ever found, are replayed by `cargo test` through the same functions.
//!
//! A target says what it expects by panicking. None skips work by the clock or by chance: an input always does the same.

mod envelope;
mod etf;
mod machine;
mod payloads;
mod shard;
pub mod stream;
mod zlib;
mod zstd;

pub use self::{
    envelope::envelope, etf::etf, machine::machine, payloads::payloads, zlib::zlib, zstd::zstd,
};

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets; each has a folder of its name in `seeds`.
pub const TARGETS: &[Target] = &[
    ("envelope", envelope),
    ("etf", etf),
    ("machine", machine),
    ("payloads", payloads),
    ("zlib", zlib),
    ("zstd", zstd),
];

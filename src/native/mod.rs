//! tokio: socket and clock for native programs.

#[cfg(feature = "mock")]
pub mod mock;
mod timer;
mod transport;

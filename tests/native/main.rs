//! The native client on real sockets, on loopback only: against the mock gateway, and against peers that behave badly.
#![cfg(feature = "mock")]

#[cfg(feature = "cli")]
mod cli;
mod commands;
mod handshake;
mod hostile;
mod lifecycle;
mod raw;
mod support;
mod transport;

//! The native client on real sockets, on loopback only: against the mock gateway, and against peers that behave badly.
#![cfg(feature = "mock")]

#[cfg(feature = "cli")]
mod cli;
mod commands;
mod discovery;
mod examples;
mod fleet;
mod handshake;
mod hostile;
mod lifecycle;
#[path = "../common/program.rs"]
mod program;
mod proxies;
mod queue;
mod raw;
mod support;
#[cfg(feature = "system-roots")]
mod system_roots;
mod tls;
mod transport;

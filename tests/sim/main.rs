//! Scenarios in virtual time: the client against a mock gateway, or a server by hand, over an imperfect wire.
//!
//! One file per subject, one function per sentence. `docs/conformance.md` says which sentence of the protocol is shown where.
#![cfg(feature = "testing")]

mod closing;
mod commands;
mod compression;
mod cursor;
mod etf;
mod handshake;
mod heartbeat;
mod hooks;
mod hostile;
mod json_corners;
mod limits;
mod metrics;
mod peers;
mod receiving;
mod requests;
mod seeing;
mod support;
mod transport;
mod unreadable;
#[path = "../common/wide_integers.rs"]
mod wide_integers;
mod wild_servers;

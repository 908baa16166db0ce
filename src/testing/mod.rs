//! A Gateway to test against, for this crate and for its users: pure like the core, so that years pass in a test without
//! waiting.
//!
//! [`Gateway`] is Discord's half of the protocol. It serves a believable [world](GatewayOptions::guilds), punishes what
//! Discord punishes, and does what a [`Script`] of [`Fault`]s says. Nothing in here knows a socket, a clock or a task:
//! whoever drives it passes [`ServerInput`]s with their time in and carries the [`ServerOutput`]s out.

mod connection;
mod deflate;
mod envelope;
mod etf;
mod events;
mod exchange;
mod faults;
mod gateway;
mod guilds;
mod lifecycle;
mod mischief;
mod options;
mod outlet;
mod police;
mod records;
mod repeats;
mod replay;
mod requests;
#[cfg(test)]
mod rig;
mod script;
mod session;
mod visits;
mod world;
mod zstd;

pub use self::{
    envelope::{KeyOrder, Nothing},
    etf::write as write_etf,
    events::{ALL_INTENTS, PRIVILEGED_INTENTS},
    exchange::{Fragments, Host, Peer, Refusal, ServerInput, ServerOutput},
    gateway::Gateway,
    options::{GatewayOptions, ZstdForm},
    records::{Notice, Received, SessionState, State, Violation},
    replay::Recording,
    script::{Answer, Fault, Script, Step, When},
    visits::{End, Visit},
    world::{ByHand, Client, Closed, Deed, Heard, Line, Opened, Sent, Server, World, in_words},
};

//! The same core over the host's own WebSocket and timers, for JavaScript: browser pages and workers, Deno, Node, Bun,
//! Cloudflare. What users of the npm package see is made in `pkg-template/index.js`; this is the raw class below it.
//!
//! Rules of the glue:
//!
//! - A pump task owns the shard and pushes events into a line; JavaScript pulls. Nothing of ours is borrowed while foreign
//!   JavaScript runs, but for hooks, which find the shard busy.
//! - Every listener and timer is removed by `Drop`.
//! - Conditions about hosts are none: what differs between them is absorbed in `transport.rs`.

mod codec;
mod command;
mod convert;
mod hooks;
mod inbox;
mod ledger;
mod line;
mod refusal;
mod shard;
mod task;
mod timer;
mod transport;
mod value;
mod values;

pub use self::{
    codec::provide_codecs, ledger::RawLedger, shard::RawShard, timer::WebTimer,
    transport::WebTransport,
};

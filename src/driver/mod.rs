//! Async glue without a runtime: joins the machine, a socket, a clock and commands. Knows `futures` and nothing of tokio or
//! JavaScript.

mod answer;
mod handle;
mod ledger;
mod sending;
mod shard;
mod timer;
mod transport;

pub use self::{
    answer::{Answer, Collecting},
    handle::{CloseMode, ShardHandle},
    ledger::SharedSlots,
    sending::Sending,
    shard::{Shard, Watched},
    timer::Timer,
    transport::{Transport, TransportEvent},
};

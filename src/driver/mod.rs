//! Async glue without a runtime: joins the machine, a socket, a clock and commands. Knows `futures` and nothing of tokio or
//! JavaScript.

mod handle;
mod shard;
mod timer;
mod transport;

pub use self::{
    handle::{CloseMode, ShardHandle},
    shard::{Shard, SharedSlots, shared_slots},
    timer::Timer,
    transport::{Transport, TransportEvent},
};

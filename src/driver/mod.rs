//! Async glue without a runtime: joins the machine, a socket, a clock and commands. Knows `futures` and nothing of tokio or
//! JavaScript.

mod answer;
mod discovery;
mod handle;
mod ledger;
mod news;
mod sending;
mod shard;
mod timer;
mod transport;

pub use self::{
    answer::{Answer, Collecting},
    discovery::{
        BotGateway, DEFAULT_API_URL, DiscoverError, Discovery, GatewayInfo, HttpRequest,
        HttpResponse, LARGEST_ANSWER, USER_AGENT, discover_gateway,
    },
    handle::{CloseMode, ShardHandle},
    ledger::SharedSlots,
    sending::Sending,
    shard::{Shard, Watched},
    timer::Timer,
    transport::{Transport, TransportEvent},
};

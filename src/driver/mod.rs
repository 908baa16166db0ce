//! Async glue without a runtime: joins the machine, a socket, a clock and commands. Knows `futures` and nothing of tokio or
//! JavaScript.

mod answer;
mod discovery;
mod dispatch;
mod fleet;
mod handle;
mod ledger;
mod manager;
mod news;
mod queue;
mod reshard;
mod seat;
mod sending;
mod shard;
mod store;
mod timer;
mod transport;

pub use self::{
    answer::{Answer, Collecting},
    discovery::{
        BotGateway, DEFAULT_API_URL, DiscoverError, Discovery, GatewayInfo, HttpRequest,
        HttpResponse, LARGEST_ANSWER, USER_AGENT, discover_gateway,
    },
    dispatch::{
        Broadcast, Demand, Dispatcher, Lagged, LineOptions, Overflow, Partition, Subscription,
    },
    fleet::{ManagerHandle, RouteError},
    handle::{CloseMode, ShardHandle},
    ledger::SharedSlots,
    manager::{Health, ShardEvent, ShardManager},
    queue::{Grant, IdentifyQueue},
    reshard::Reshard,
    sending::Sending,
    shard::{Shard, Watched},
    store::{MemoryStore, SessionStore, StoreError},
    timer::Timer,
    transport::{Transport, TransportEvent},
};

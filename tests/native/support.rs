//! A client that remembers what it saw, and waits for things with a deadline.

use std::{net::SocketAddr, time::Duration};

use futures::FutureExt as _;
use shardwire::{
    driver::{CloseMode, ShardHandle, SharedSlots},
    native::{
        self, ConnectOptions, NativeShard,
        mock::{MockOptions, MockServer},
    },
    proto::{
        Compression, Config, ConfigBuilder, Dispatch, Event, Fault, Intents, Next, Patience,
        Session, SessionStartLimit, Status, StopReason,
    },
    testing::GatewayOptions,
};
use tokio::time::timeout;

/// The token of all tests. Nothing that a user can see may hold its middle part.
pub const TOKEN: &str = "Zm9yIHRlc3Rz.hush-hush.bm90aGluZyBlbHNl";
pub const SECRET: &str = "hush-hush";

/// How long anything may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(30);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(LONG, what).await.expect("it happens in time")
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub async fn serve(gateway: GatewayOptions) -> MockServer {
    let gateway = GatewayOptions { token: Some(TOKEN.into()), ..gateway };
    MockServer::bind(MockOptions { gateway, ..MockOptions::default() }).await.expect("a free port")
}

pub fn address(server: &MockServer) -> SocketAddr {
    let url = server.url();
    url.trim_start_matches("ws://").parse().expect("the mock listens on an address")
}

/// Everything quick, so that failures cost no time.
pub fn patience() -> Patience {
    Patience {
        backoff_first: millis(20),
        backoff_longest: millis(200),
        close: millis(500),
        ..Patience::default()
    }
}

pub fn config(url: &str) -> ConfigBuilder {
    Config::builder(TOKEN, Intents::ALL).url(url).patience(patience())
}

/// A shard with everything that it said.
pub struct Client {
    pub shard: NativeShard,
    pub handle: ShardHandle,
    pub seen: Vec<Event>,
}

impl Client {
    pub fn new(config: ConfigBuilder) -> Self {
        Self::of(native::connect(config.build().expect("a valid configuration")))
    }

    pub fn using(config: ConfigBuilder, options: ConnectOptions) -> Self {
        let slots = native::slots(SessionStartLimit::default());
        let config = config.build().expect("a valid configuration");
        Self::of(native::connect_using(config, slots, options))
    }

    /// One of several that identify by the same ledger.
    pub fn sharing(config: ConfigBuilder, slots: &SharedSlots) -> Self {
        let config = config.build().expect("a valid configuration");
        Self::of(native::connect_with(config, slots.clone()))
    }

    pub fn to(server: &MockServer) -> Self {
        Self::new(config(&server.url()))
    }

    pub async fn ready(server: &MockServer) -> Self {
        let mut client = Self::to(server);
        client.until_ready().await;
        client
    }

    pub fn resuming(config: ConfigBuilder, session: Session) -> Self {
        let config = config.build().expect("a valid configuration");
        Self::of(native::resume(config, session).expect("a session of this shard"))
    }

    pub fn of((shard, handle): (NativeShard, ShardHandle)) -> Self {
        Self { shard, handle, seen: Vec::new() }
    }

    /// The next event; `None` after the end. No event shows the token in any form.
    pub async fn next(&mut self) -> Option<Event> {
        let event = soon(self.shard.next_event()).await?;
        let json = serde_json::to_string(&event).expect("events can be written");
        assert!(!json.contains(SECRET), "{json}");
        assert!(!format!("{event:?} {:?}", self.handle).contains(SECRET));
        assert!(!format!("{:?}", self.shard.info()).contains(SECRET));
        self.seen.push(event.clone());
        Some(event)
    }

    /// The first event from now on that `pick` takes.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.next().await.expect("it happens before the end");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    pub async fn until_ready(&mut self) {
        self.until_status(Status::Ready).await;
    }

    pub async fn until_status(&mut self, wanted: Status) {
        self.until(|event| match event {
            Event::StatusChanged { status, .. } if status == wanted => Some(()),
            _ => None,
        })
        .await;
    }

    /// Until HELLO was answered: the connection is up.
    pub async fn until_identifying(&mut self) {
        self.until_status(Status::Identifying).await;
    }

    pub async fn until_dispatch(&mut self, name: &str) -> Dispatch {
        self.until(|event| match event {
            Event::Dispatch(dispatch) if &*dispatch.name == name => Some(dispatch),
            _ => None,
        })
        .await
    }

    pub async fn until_disconnected(&mut self) -> (Fault, Next) {
        self.until(|event| match event {
            Event::Disconnected { fault, next } => Some((fault, next)),
            _ => None,
        })
        .await
    }

    pub async fn until_resumed(&mut self) -> u64 {
        self.until(|event| match event {
            Event::Resumed { replayed } => Some(replayed),
            _ => None,
        })
        .await
    }

    pub async fn until_stopped(&mut self) -> StopReason {
        let reason = self
            .until(|event| match event {
                Event::Stopped { reason } => Some(reason),
                _ => None,
            })
            .await;
        assert_eq!(self.next().await, None, "nothing comes after the end");
        reason
    }

    pub async fn close(&mut self, mode: CloseMode) {
        self.handle.close(mode);
        assert_eq!(self.until_stopped().await, StopReason::Requested);
    }

    /// Polls the shard, so that it does its work, until `what` is done.
    pub async fn while_running<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = std::pin::pin!(what.fuse());
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                event = self.next() => assert!(event.is_some(), "it ended too early"),
            }
        }
    }

    /// The sequence numbers of all dispatches.
    pub fn sequences(&self) -> Vec<u64> {
        self.dispatches().map(|dispatch| dispatch.sequence).collect()
    }

    pub fn dispatches(&self) -> impl Iterator<Item = &Dispatch> {
        self.seen.iter().filter_map(|event| match event {
            Event::Dispatch(dispatch) => Some(dispatch),
            _ => None,
        })
    }
}

/// Every compression, for tests that hold for each.
pub const COMPRESSIONS: [Compression; 4] =
    [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];

//! Shards on tokio: a socket over rustls, a clock, and the functions that put a shard together.
//!
//! [`connect`] makes a shard, which is a stream of events, and a [`ShardHandle`] to speak to it from elsewhere. Both belong
//! into a tokio runtime with I/O and time. A shard does its work when it is polled; poll it steadily, or let a task do so.
//!
//! ```no_run
//! use shardwire::{
//!     native,
//!     proto::{Config, Event, Intents},
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = std::env::var("DISCORD_TOKEN")?;
//! let config = Config::builder(token, Intents::NON_PRIVILEGED).build()?;
//! let (mut shard, handle) = native::connect(config);
//! while let Some(event) = shard.next_event().await {
//!     match event {
//!         Event::Dispatch(dispatch) if dispatch.name.as_ref() == "MESSAGE_CREATE" => {
//!             println!("{}", dispatch.data);
//!             handle.close(Default::default());
//!         }
//!         Event::Stopped { reason } => println!("{reason}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Fleets
//!
//! [`FleetBuilder`] starts all shards of a bot, or some of them, as one stream of events, in one task or in a task each;
//! [`SessionFile`] keeps their sessions between processes. Shards on several processes or machines share one identify queue: a [`QueueServer`], asked by an
//! [`HttpQueue`] each.
//!
//! # Proxies, certificates, headers
//!
//! [`ConnectOptions`] say how connections are made, the WebSocket's and those of [`discover_gateway`] alike: through an HTTP
//! or SOCKS5 [`Proxy`], trusting whom ([`Tls`]), with which headers. [`connect_using`] makes a shard that obeys them.
//!
//! # Discovery
//!
//! [`discover_gateway`] asks Discord how many shards a bot should have and how often it may identify. Bots with one shard need
//! not ask.
//!
//! ```no_run
//! use shardwire::{
//!     driver::Discovery,
//!     native::{self, ConnectOptions, Proxy},
//!     proto::{Config, Intents, Token},
//! };
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let token = std::env::var("DISCORD_TOKEN")?;
//! let options = ConnectOptions::new().proxy(Proxy::parse("http://127.0.0.1:3128")?);
//! let bot = Discovery::bot(Token::new(&token)?);
//! let gateway = native::discover_gateway(&bot, &options).await?;
//! let limit = gateway.bot.map(|bot| bot.session_start_limit).unwrap_or_default();
//! let config = Config::builder(token, Intents::GUILDS).url(gateway.url).build()?;
//! let (shard, handle) = native::connect_using(config, native::slots(limit), options);
//! # Ok(())
//! # }
//! ```

mod dial;
mod fetch;
mod http_queue;
mod kept_file;
mod ledger;
mod manager;
#[cfg(feature = "mock")]
pub mod mock;
mod options;
mod proxy;
mod queue_server;
mod session_file;
#[cfg(feature = "system-roots")]
mod system_roots;
mod timer;
mod tls;
mod transport;

/// The TLS library, in the version whose configurations [`Tls::custom`] takes.
pub use tokio_rustls::rustls;

pub use self::{
    http_queue::HttpQueue,
    ledger::slots_in_file,
    manager::{FleetBuilder, FleetError, NativeManager},
    options::{ConnectOptions, OptionError},
    proxy::Proxy,
    queue_server::QueueServer,
    session_file::SessionFile,
    timer::TokioTimer,
    tls::Tls,
    transport::NativeTransport,
};
use crate::{
    driver::{
        self, DiscoverError, Discovery, GatewayInfo, IdentifyQueue, Shard, ShardHandle,
        SharedSlots, Timer as _,
    },
    proto::{Config, ConfigError, Session, SessionStartLimit},
};

/// A shard on tokio.
pub type NativeShard = Shard<NativeTransport, TokioTimer>;

/// A shard of its own. It connects when it is first polled.
///
/// Its identify ledger assumes the limits of a small bot. Several shards of one bot share one: see [`connect_with`].
pub fn connect(config: Config) -> (NativeShard, ShardHandle) {
    connect_with(config, slots(SessionStartLimit::default()))
}

/// Like [`connect`], but takes up `session` in place of identifying.
///
/// # Errors
///
/// [`ConfigError::BadSession`] if the session belongs to another shard.
pub fn resume(config: Config, session: Session) -> Result<(NativeShard, ShardHandle), ConfigError> {
    let (shard, handle) = connect(config);
    Ok((shard.resume_from(session)?, handle))
}

/// A shard that identifies when `queue` lets it: [`slots`], or one of your own.
pub fn connect_with(
    config: Config,
    queue: impl IdentifyQueue + 'static,
) -> (NativeShard, ShardHandle) {
    connect_using(config, queue, ConnectOptions::new())
}

/// Like [`connect_with`], but connects as `options` say.
pub fn connect_using(
    config: Config,
    queue: impl IdentifyQueue + 'static,
    options: ConnectOptions,
) -> (NativeShard, ShardHandle) {
    let transport = NativeTransport::with_options(config.limits().message_bytes, options);
    Shard::new(config, fastrand::u64(..), queue, transport, TokioTimer::new())
}

/// Asks Discord where the Gateway is, over a connection that `options` say how to make. It is given up after 15 seconds.
///
/// [`driver::discover_gateway`] does the same with another fetch.
///
/// # Errors
///
/// See [`DiscoverError`].
pub async fn discover_gateway(
    discovery: &Discovery,
    options: &ConnectOptions,
) -> Result<GatewayInfo, DiscoverError> {
    let fetch = |request| fetch::fetch(request, options, fetch::PATIENCE);
    driver::discover_gateway(discovery, fetch).await
}

/// An identify ledger for shards of this process. `limit` is what `/gateway/bot` said just now: its `reset_after` counts from
/// this call.
#[must_use]
pub fn slots(limit: SessionStartLimit) -> SharedSlots {
    SharedSlots::new(limit, TokioTimer::new().now())
}

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

mod ledger;
#[cfg(feature = "mock")]
pub mod mock;
mod timer;
mod tls;
mod transport;

pub use self::{ledger::slots_in_file, timer::TokioTimer, transport::NativeTransport};
use crate::{
    driver::{Shard, ShardHandle, SharedSlots, Timer as _},
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

/// A shard that identifies when `slots` lets it.
pub fn connect_with(config: Config, slots: SharedSlots) -> (NativeShard, ShardHandle) {
    let transport = NativeTransport::new(config.limits().message_bytes);
    Shard::new(config, fastrand::u64(..), slots, transport, TokioTimer::new())
}

/// An identify ledger for shards of this process. `limit` is what `/gateway/bot` said just now: its `reset_after` counts from
/// this call.
pub fn slots(limit: SessionStartLimit) -> SharedSlots {
    SharedSlots::new(limit, TokioTimer::new().now())
}

//! One Discord Gateway client for every runtime.
//!
//! The protocol is a pure value, [`proto::ShardMachine`]: messages, time and chance go in, messages and events come out. A
//! [`driver`] joins it to a socket and a clock; with the feature `native` those are tokio's, with `web` the JavaScript host's.
//!
//! # On tokio
//!
//! ```no_run
//! # #[cfg(feature = "native")]
//! # mod example {
//! use shardwire::{
//!     native,
//!     proto::{Config, Event, Intents},
//! };
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let token = std::env::var("DISCORD_TOKEN")?;
//!     let config = Config::builder(token, Intents::NON_PRIVILEGED).build()?;
//!     let (mut shard, _handle) = native::connect(config);
//!     while let Some(event) = shard.next_event().await {
//!         match event {
//!             Event::Dispatch(dispatch) => println!("{} {}", dispatch.name, dispatch.data),
//!             Event::Stopped { reason } => println!("{reason}"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! # Without a runtime
//!
//! This is the whole contract of the machine; every driver is this loop with a socket in it. Here time is invented and nothing
//! answers, so the connection is given up after fifteen seconds.
//!
//! ```
//! use std::time::Duration;
//!
//! use shardwire::proto::{Config, Event, Input, Instant, Intents, Output, ShardMachine};
//!
//! # fn main() -> Result<(), shardwire::proto::ConfigError> {
//! let config = Config::builder("token", Intents::GUILDS).build()?;
//! let mut machine = ShardMachine::new(config, 42);
//! let mut now = Instant::ZERO;
//! let mut input = Input::Start;
//! let fault = 'lost: loop {
//!     // One mutation, then drain to `Wait`.
//!     machine.handle(input, now);
//!     now = loop {
//!         match machine.poll_output() {
//!             Output::Open(_connection, url) => println!("open a socket to {url}"),
//!             Output::Transmit(_connection, frame) => println!("send {} bytes", frame.len()),
//!             Output::Close(_connection, close) => println!("close with {}", close.code),
//!             Output::ReserveIdentify => println!("ask the ledger when to identify"),
//!             Output::Identified => println!("tell the ledger"),
//!             Output::Event(Event::Disconnected { fault, .. }) => break 'lost fault,
//!             Output::Event(event) => println!("{event:?}"),
//!             Output::Settled(_ticket, outcome) => println!("a command: {outcome:?}"),
//!             Output::Reply(_request, reply) => println!("an answer: {reply:?}"),
//!             // Sleep until then, or until the socket has something to tell.
//!             Output::Wait(wake) => break wake.at.unwrap_or(now + Duration::from_secs(1)),
//!         }
//!     };
//!     input = Input::TimePassed;
//! };
//! assert_eq!(fault.to_string(), "waited too long for the socket to open");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | Feature | Default | Brings |
//! | --- | --- | --- |
//! | `zlib` | yes | `zlib-stream` and payload compression, by a small inflate |
//! | `zlib-rs` | no | the same by a faster inflate, which `native` brings |
//! | `zstd` | no | transport compression `zstd-stream` |
//! | `etf` | no | the encoding `etf` |
//! | `native` | no | `native`: tokio, rustls |
//! | `web` | no | `web`: the class behind the npm package |
//! | `testing` | no | `testing`: a Gateway to test against, and a simulated network in virtual time; pure |
//! | `mock` | no | that Gateway on real sockets: `native::mock` |
//! | `cli` | no | the `shardwire` command |
//! | `system-roots` | no | `native::Tls::system_roots`: the certificates that the operating system trusts |
//! | `twilight-model` | no | `twilight`: events as the types of the crate `twilight-model` |

pub mod driver;
#[cfg(feature = "native")]
pub mod native;
pub mod proto;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tracing")]
pub mod trace;
#[cfg(feature = "twilight-model")]
pub mod twilight;
#[cfg(feature = "web")]
pub mod web;

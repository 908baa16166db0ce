//! The core: a Gateway client as a pure value.
//!
//! House rules of this floor:
//!
//! - It reads no clock and no randomness, opens no socket, and holds no `async`: messages, time and chance come in as
//!   arguments.
//! - The network cannot make it panic or fail; it makes outputs.
//! - Everything is bounded, and each bound is a field of [`Limits`] or a constant with its reason.
//! - A part that waits for something has a wake-up with a reason.
//!
//! Reading order: [`exchange`](Input) is the whole vocabulary, [`ShardMachine`] the contract, `machine/state.rs` the life
//! cycle; `pace` holds the timed parts, `wire` the messages.

mod command;
mod config;
mod error;
mod event;
mod exchange;
mod filter;
mod form;
mod hooks;
mod intents;
mod machine;
mod metrics;
mod pace;
mod random;
mod request;
mod session;
mod shards;
mod time;
mod turn;
pub(crate) mod wire;
pub(crate) mod words;

pub use self::{
    command::{
        ChannelField, Command, Json, Members, Payload, RequestChannelInfo, RequestGuildMembers,
        RequestSoundboardSounds, VoiceState,
    },
    config::{API_VERSION, Config, ConfigBuilder, DEFAULT_GATEWAY_URL, Limits, Patience, Token},
    error::{
        Awaited, BudgetSpent, CommandError, ConfigError, Fault, QueueError, StopReason,
        TransportError,
    },
    event::{
        Counters, Dispatch, Event, EventCounts, Host, Latency, Next, Notice, Report, SendBudget,
        ShardInfo, Status,
    },
    exchange::{Input, Output},
    filter::Filter,
    hooks::{ConnectPlan, Tap},
    intents::Intents,
    machine::ShardMachine,
    metrics::prometheus,
    pace::{LedgerRecord, SessionStartLimit, Slots, Turn},
    random::Random,
    request::{Part, Reply, Request, RequestError, RequestId, RequestOptions},
    session::Session,
    shards::{ShardSet, Shards, ShardsError},
    time::{Instant, Wake, Why},
    turn::{Priority, SendOptions, Ticket, When},
    wire::{
        Activity, Close, CloseCode, Codec, CodecError, Compression, ConnectionId, Decode, Decoder,
        Encoding, Envelope, EnvelopeError, Frame, GatewayUrl, IdentifyProperties, OnlineStatus,
        Opcode, Presence, ShardId, UrlError, Verdict, quote_wide_integers,
    },
};
#[allow(unused_imports, reason = "only `web` hands values over by itself")]
pub(crate) use self::{
    form::{Form, Put, millis},
    words::{Say, displayed},
};

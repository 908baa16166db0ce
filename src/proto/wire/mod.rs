//! Messages to values and back. Knows no state and no time.

pub(crate) mod close;
pub(crate) mod codec;
pub(crate) mod envelope;
mod frame;
pub(crate) mod json;
mod opcode;
pub(crate) mod payload;
mod presence;
mod scan;
mod shard_id;
mod url;

pub use self::{
    close::{CloseCode, Verdict},
    codec::{Codec, CodecError, Compression, Decode, Decoder, Encoding},
    envelope::{Envelope, EnvelopeError},
    frame::{Close, ConnectionId, Frame},
    opcode::Opcode,
    payload::IdentifyProperties,
    presence::{Activity, OnlineStatus, Presence},
    scan::quote_wide_integers,
    shard_id::ShardId,
    url::{GatewayUrl, UrlError},
};

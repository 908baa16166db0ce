//! The timed parts. Each answers one question about time and acts on nothing.

mod backoff;
mod heartbeat;
mod limiter;
mod line;
mod requests;
mod slots;

pub use self::slots::{LedgerRecord, SessionStartLimit, Slots, Turn};
pub(crate) use self::{
    backoff::Backoff,
    heartbeat::{Beat, Heartbeat},
    limiter::Limiter,
    line::Line,
    requests::{Me, Requests},
};

//! The timed parts. Each answers one question about time and acts on nothing.

mod backoff;
mod heartbeat;
mod limiter;
mod slots;

pub use self::slots::{SessionStartLimit, Slots};
pub(crate) use self::{
    backoff::Backoff,
    heartbeat::{Beat, Heartbeat},
    limiter::Limiter,
};

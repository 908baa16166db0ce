//! The core.

mod random;
mod time;
pub(crate) mod wire;

pub use self::{
    random::Random,
    time::{Instant, Wake, Why},
    wire::{Close, ConnectionId, Frame, Opcode},
};

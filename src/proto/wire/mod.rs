//! Messages to values and back. Knows no state and no time.

mod frame;
mod opcode;

pub use self::{
    frame::{Close, ConnectionId, Frame},
    opcode::Opcode,
};

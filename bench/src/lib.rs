//! What `cargo xtask bench` measures with: a [`trace`] by seed, its messages as the bytes of a connection ([`stream`]), and a
//! [`server`] that replays them to many clients at less cost than any of them has.

pub mod server;
pub mod stream;
pub mod trace;

//! The faults that change or forge what goes out on one connection. Knows no session.

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use super::{connection::Connection, exchange::ServerOutput, outlet::Mischief, script::Fault};
use crate::proto::{Frame, Instant, Random};

/// Lets a fault happen on one connection; faults of other kinds do nothing.
pub(super) fn apply(
    connection: &mut Connection,
    fault: &Fault,
    chance: &mut Random,
    now: Instant,
    out: &mut VecDeque<ServerOutput>,
) {
    let Connection { outlet, no_acks, .. } = connection;
    let Mischief { shape, shape_times, split, fragments, corrupt, delay } = &mut outlet.mischief;
    match *fault {
        Fault::NoAcks { times } => *no_acks = times,
        Fault::Silence { ms } => outlet.keep_silent(ms.map(|ms| now + Duration::from_millis(ms))),
        Fault::Delay { ms } => *delay = Duration::from_millis(ms),
        Fault::Split { parts, times } => *split = (parts, times),
        Fault::Fragments { bytes, times } => *fragments = (bytes, times),
        Fault::Corrupt { times } => *corrupt = times,
        Fault::KeyOrder { order, nothing, times } => {
            shape.order = order;
            shape.nothing = nothing;
            *shape_times = times;
        }
        Fault::RawText { ref text } => outlet.raw(Frame::Text(text.clone()), now, out),
        Fault::RawBytes { ref hex } => outlet.raw(Frame::Binary(hex.clone()), now, out),
        Fault::Message { ref text } => outlet.message(text.clone(), now, out),
        Fault::Garbage { bytes } => {
            let size = bytes.min(16 << 20) as usize;
            let rows = std::iter::repeat_with(|| chance.bits().to_le_bytes());
            outlet.raw(Frame::Binary(rows.flatten().take(size).collect()), now, out);
        }
        Fault::InflateBomb { bytes } => outlet.bomb(u64::from(bytes), now, out),
        _ => {}
    }
}

/// Event data of about `bytes` bytes: hexadecimal digits, which compress to half.
pub(super) fn big(chance: &mut Random, bytes: u32) -> String {
    let size = bytes.min(64 << 20) as usize;
    let mut data = String::with_capacity(size + 64);
    data.push_str(r#"{"filler":""#);
    while data.len() < size {
        // Writing to a `String` cannot fail.
        let _ = write!(data, "{:016x}", chance.bits());
    }
    data.push_str(r#""}"#);
    data
}

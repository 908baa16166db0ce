//! One connection as the server sees it: heartbeats, the send limit, and the way out. Knows no session but by number.

use std::{collections::VecDeque, time::Duration};

use super::{
    deflate::Deflater,
    exchange::Host,
    outlet::{Outlet, Packing},
    zstd::Zstd,
};
use crate::proto::{Close, Encoding, Instant};

/// A client's connection.
pub(super) struct Connection {
    pub(super) host: Host,
    pub(super) outlet: Outlet,
    /// The session that is being served on it.
    pub(super) session: Option<u64>,
    /// The newest event that was sent on it.
    pub(super) delivered: u64,
    /// How many heartbeats will not be answered.
    pub(super) no_acks: u32,
    /// Whether too much is waiting to be written to it.
    pub(super) is_congested: bool,
    /// Whether it has been closed and only waits for what is delayed.
    pub(super) has_ended: bool,
    heard_at: Instant,
    patience: Duration,
    sends: VecDeque<Instant>,
    presences: VecDeque<Instant>,
}

/// Messages that a client may send in a minute.
const SENDS: usize = 120;
/// Presence updates that a client may send in 20 seconds.
const PRESENCES: usize = 5;

impl Connection {
    pub(super) fn new(host: Host, outlet: Outlet, interval: Duration, now: Instant) -> Self {
        Self {
            host,
            outlet,
            session: None,
            delivered: 0,
            no_acks: 0,
            is_congested: false,
            has_ended: false,
            heard_at: now,
            patience: interval.saturating_mul(3) / 2,
            sends: VecDeque::new(),
            presences: VecDeque::new(),
        }
    }

    /// Counts a message; whether there was room for it.
    pub(super) fn try_send(&mut self, now: Instant) -> bool {
        is_within(&mut self.sends, SENDS, Duration::from_secs(60), now)
    }

    /// Counts a presence update; whether there was room for it.
    pub(super) fn try_presence(&mut self, now: Instant) -> bool {
        is_within(&mut self.presences, PRESENCES, Duration::from_secs(20), now)
    }

    pub(super) fn on_heartbeat(&mut self, now: Instant) {
        self.heard_at = now;
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        !self.has_ended && !self.outlet.is_silent() && self.overdue_at() <= now
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        let heartbeat = (!self.has_ended && !self.outlet.is_silent()).then(|| self.overdue_at());
        heartbeat.into_iter().chain(self.outlet.wake()).min()
    }

    fn overdue_at(&self) -> Instant {
        self.heard_at + self.patience
    }
}

/// The encoding and the compression that a query asks for, or the close that it is answered with.
pub(super) fn form(query: &str, is_zstd_endless: bool) -> Result<(Encoding, Packing), Close> {
    let value = |key: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key)
    };
    // Without `v` Discord serves version 6, which is gone.
    let version = value("v").map_or("6", |(_, version)| version);
    if !matches!(version, "9" | "10") {
        return Err(Close::new(4012, "expected v=10 or v=9 in the query"));
    }
    let encoding = match value("encoding") {
        None | Some((_, "json")) => Encoding::Json,
        Some((_, "etf")) => Encoding::Etf,
        Some(_) => return Err(Close::new(4012, "expected encoding=json or encoding=etf")),
    };
    let packing = match value("compress") {
        None => Packing::None,
        Some((_, "zlib-stream")) => Packing::Zlib(Deflater::new()),
        Some((_, "zstd-stream")) => {
            let zstd = if is_zstd_endless { Zstd::endless() } else { Zstd::frames() };
            Packing::Zstd(Box::new(zstd))
        }
        Some(_) => {
            return Err(Close::new(4012, "expected compress=zlib-stream or compress=zstd-stream"));
        }
    };
    Ok((encoding, packing))
}

/// Notes `now` unless `most` have been noted within `span` before.
fn is_within(noted: &mut VecDeque<Instant>, most: usize, span: Duration, now: Instant) -> bool {
    while noted.front().is_some_and(|at| now.saturating_since(*at) >= span) {
        noted.pop_front();
    }
    let has_room = noted.len() < most;
    if has_room {
        noted.push_back(now);
    }
    has_room
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(secs))
    }

    #[test]
    fn queries_are_taken_at_their_word() {
        let packing = |query| form(query, true).map(|(_, packing)| packing);
        let encoding = |query| form(query, true).map(|(encoding, _)| encoding);
        assert!(matches!(packing("v=10&encoding=json"), Ok(Packing::None)));
        assert!(matches!(packing("v=9&compress=zlib-stream"), Ok(Packing::Zlib(_))));
        assert!(matches!(packing("v=9&compress=zstd-stream"), Ok(Packing::Zstd(_))));
        assert_eq!(encoding("v=10"), Ok(Encoding::Json));
        assert_eq!(encoding("v=10&encoding=etf&compress=zlib-stream"), Ok(Encoding::Etf));
        for wrong in ["", "v=8", "encoding=json", "v=10&encoding=xml", "v=10&compress=lz4-stream"] {
            assert_eq!(packing(wrong).err().map(|close| close.code), Some(4012), "{wrong}");
        }
    }

    #[test]
    fn the_limit_slides() {
        let mut noted = VecDeque::new();
        let mut note = |secs| is_within(&mut noted, 2, Duration::from_secs(60), at(secs));
        assert!(note(0) && note(30) && !note(59));
        assert!(note(60) && !note(61) && note(90));
    }
}

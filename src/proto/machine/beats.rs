//! What is told of the heartbeats of one connection. Decides nothing, and sends nothing.

use std::time::Duration;

use crate::proto::{event::Latency, time::Instant};

/// Round trips kept for the history.
const HISTORY: usize = 5;

/// Heartbeats of the current connection, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Beats {
    latency: Latency,
    sent_at: Option<Instant>,
    acked_at: Option<Instant>,
    /// Sum and number of round trips, for the average.
    round_trips: (Duration, u32),
}

impl Beats {
    pub fn new(interval: Option<Duration>) -> Self {
        Self {
            latency: Latency { interval, is_acked: true, ..Latency::default() },
            ..Self::default()
        }
    }

    pub fn sent(&mut self, now: Instant) {
        self.latency.is_acked = false;
        self.sent_at = Some(now);
    }

    pub fn acked(&mut self, round_trip: Option<Duration>, is_acked: bool, now: Instant) {
        self.latency.is_acked = is_acked;
        self.acked_at = Some(now);
        let Some(round_trip) = round_trip else { return };
        self.round_trips.0 = self.round_trips.0.saturating_add(round_trip);
        self.round_trips.1 = self.round_trips.1.saturating_add(1);
        self.latency.last = Some(round_trip);
        self.latency.average = self.round_trips.0.checked_div(self.round_trips.1);
        self.latency.history.insert(0, round_trip);
        self.latency.history.truncate(HISTORY);
    }

    /// All of it, at `now`.
    pub fn latency(&self, is_running: bool, now: Instant) -> Latency {
        let ago = |at: Option<Instant>| at.map(|at| now.saturating_since(at));
        Latency {
            sent_ago: ago(self.sent_at),
            acked_ago: ago(self.acked_at),
            is_running,
            ..self.latency.clone()
        }
    }
}

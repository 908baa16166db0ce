//! How many messages may be sent now: 120 in any 60 seconds, some kept back for heartbeats. Holds no message.
//!
//! Source: Discord's "Rate limiting" of the Gateway. Whether the server's window is fixed or slides is not documented; a log
//! of send times keeps within either.

use std::time::Duration;

use crate::proto::time::{Instant, whole_millis};

/// Messages per window.
const LIMIT: usize = 120;
/// The window.
const WINDOW: Duration = Duration::from_millis(WINDOW_MS);
const WINDOW_MS: u64 = 60_000;
/// What is added to it: the server counts arrivals, and two messages may travel for different times.
const MARGIN: Duration = Duration::from_millis(500);

/// The send log of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    /// When messages of users were sent, oldest first.
    users: Vec<Instant>,
    /// When all messages were sent, oldest first.
    all: Vec<Instant>,
    /// How many a user may send per window.
    limit: usize,
}

impl Limiter {
    /// A fresh connection whose heartbeats come every `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { users: Vec::new(), all: Vec::new(), limit: user_limit(interval) }
    }

    /// What users may send per window.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// When a user's message may leave; not later than `now` if at once.
    pub(crate) fn user_free_at(&self, now: Instant) -> Instant {
        free_at(&self.users, self.limit, now).max(self.free_at(now))
    }

    /// When a message of the life cycle may leave.
    pub(crate) fn free_at(&self, now: Instant) -> Instant {
        free_at(&self.all, LIMIT, now)
    }

    /// Whether a message that the server provoked may leave now, with `kept` places left free for what must not wait.
    pub(crate) fn has_room(&self, kept: usize, now: Instant) -> bool {
        left(&self.all, LIMIT, now) > kept
    }

    /// How many messages a user could send now.
    pub(crate) fn available(&self, now: Instant) -> usize {
        left(&self.users, self.limit, now).min(left(&self.all, LIMIT, now))
    }

    pub(crate) fn sent_by_user(&mut self, now: Instant) {
        note(&mut self.users, self.limit, now);
        self.sent(now);
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        note(&mut self.all, LIMIT, now);
    }
}

/// How many more fit into the window that ends `now`.
fn left(log: &[Instant], limit: usize, now: Instant) -> usize {
    limit.saturating_sub(log.iter().filter(|sent| **sent + WINDOW + MARGIN > now).count())
}

/// Keeps the newest `limit` entries: no question needs more.
fn note(log: &mut Vec<Instant>, limit: usize, now: Instant) {
    if log.len() >= limit {
        log.remove(0);
    }
    log.push(now);
}

fn free_at(log: &[Instant], limit: usize, now: Instant) -> Instant {
    match log.first() {
        Some(oldest) if log.len() >= limit => now.max(*oldest + WINDOW + MARGIN),
        _ => now,
    }
}

/// 120 less the heartbeats that may fall into a window, and one that the server may ask for.
fn user_limit(interval: Duration) -> usize {
    if interval.is_zero() {
        return LIMIT - 10;
    }
    let interval = whole_millis(interval).max(1);
    let beats = WINDOW_MS.div_ceil(interval) + 1;
    // A server with a silly interval still leaves the user a trickle.
    LIMIT - usize::try_from(beats).unwrap_or(LIMIT).min(LIMIT - 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::random::Random;

    fn at(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    #[test]
    fn the_reserve_follows_from_the_interval() {
        for (millis, limit) in [
            (120_000, 118),
            (60_000, 118),
            (42_500, 117),
            (30_000, 117),
            (29_999, 116),
            (0, 110),
            (1, 10),
        ] {
            assert_eq!(user_limit(Duration::from_millis(millis)), limit, "{millis} ms");
        }
    }

    #[test]
    fn all_used_up_means_nothing_for_a_whole_window() {
        let mut limiter = Limiter::new(Duration::from_secs(45));
        for _ in 0..limiter.limit() {
            assert_eq!(limiter.user_free_at(at(0)), at(0));
            limiter.sent_by_user(at(0));
        }
        assert_eq!(limiter.available(at(59_999)), 0);
        let free = limiter.user_free_at(at(1));
        assert!(free >= at(60_000) && free <= at(61_000));
        assert_eq!(limiter.available(free), limiter.limit());
        assert_eq!(limiter.free_at(at(1)), at(1), "heartbeats have their reserve");
    }

    #[test]
    fn halves_come_back_as_halves_and_idling_lends_nothing() {
        let mut limiter = Limiter::new(Duration::from_secs(45));
        let half = limiter.limit() / 2;
        (0..half).for_each(|_| limiter.sent_by_user(at(0)));
        (half..limiter.limit()).for_each(|_| limiter.sent_by_user(at(30_000)));
        assert_eq!(limiter.available(at(61_000)), half);
        assert_eq!(limiter.available(at(1_000_000)), limiter.limit());
    }

    #[test]
    fn no_window_ever_holds_more_than_120() {
        let mut random = Random::new(9);
        let mut limiter = Limiter::new(Duration::from_secs(41));
        let mut now = at(0);
        let mut sent = Vec::new();
        for step in 0..5_000 {
            now = now
                + random.below(Duration::from_millis(if step % 500 < 250 { 50 } else { 2_000 }));
            if random.bits().is_multiple_of(20) {
                now = now.max(limiter.free_at(now));
                limiter.sent(now);
            } else {
                now = now.max(limiter.user_free_at(now));
                limiter.sent_by_user(now);
            }
            sent.push(now);
        }
        for window in sent.windows(LIMIT + 1) {
            assert!(window[LIMIT].saturating_since(window[0]) >= WINDOW);
        }
    }
}

//! When a heartbeat is due, and whether the connection is dead. Sends nothing.
//!
//! Source: Discord's "Sending heartbeats". The zombie rule is milder than the text, as acknowledgements queue behind data:
//! a connection is dead when a whole interval brought neither an acknowledgement nor any message, or when several
//! intervals in a row brought no acknowledgement.

use std::time::Duration;

use crate::proto::time::{Instant, Wake, Why};

/// Intervals without acknowledgement that other messages can excuse.
const EXCUSED: u32 = 3;

/// A tick that comes later than this was held up (a hidden page, a busy or sleeping computer), and the answer may wait right
/// behind it.
const LATE: Duration = Duration::from_secs(1);
/// How long the answer is waited for then.
const GRACE: Duration = Duration::from_secs(5);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The connection is dead.
    Dead,
    /// Send one.
    Due,
    /// Nothing.
    NotDue,
}

/// The heartbeats of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    due_at: Instant,
    /// Beats sent and not acknowledged, requested ones included.
    unacked: u32,
    /// Ticks in a row at which the beat before was not acknowledged.
    missed: u32,
    /// Whether no acknowledgement of a periodic beat is owed.
    is_acked: bool,
    /// Whether any message came since the last periodic beat.
    has_heard: bool,
    /// Whether the connection looked dead at a late tick and has until the next to show that it lives.
    is_on_probation: bool,
    sent_at: Instant,
}

impl Heartbeat {
    /// A new connection owes nothing: the first beat comes after `first`, a random part of the interval.
    pub(crate) fn new(interval: Duration, first: Duration, now: Instant) -> Self {
        Self {
            interval,
            due_at: now + first,
            unacked: 0,
            missed: 0,
            is_acked: true,
            has_heard: true,
            is_on_probation: false,
            sent_at: now,
        }
    }

    pub(crate) fn check(&mut self, now: Instant) -> Beat {
        if now < self.due_at {
            return Beat::NotDue;
        }
        if self.is_acked {
            self.missed = 0;
            return Beat::Due;
        }
        if self.has_heard && self.missed < EXCUSED {
            return Beat::Due;
        }
        if self.is_on_probation || now.saturating_since(self.due_at) <= LATE {
            return Beat::Dead;
        }
        self.is_on_probation = true;
        Beat::Due
    }

    /// A periodic beat was sent.
    pub(crate) fn beaten(&mut self, now: Instant) {
        if !self.is_acked {
            self.missed += 1;
        }
        self.is_acked = false;
        self.has_heard = false;
        // Counted from the plan, so that late timers do not add up, unless the next beat would be due already.
        let planned = self.due_at + self.interval;
        self.due_at = if self.is_on_probation {
            now + self.interval.min(GRACE)
        } else if planned > now {
            planned
        } else {
            now + self.interval
        };
        self.sent(now);
    }

    /// A beat that the server asked for was sent. It owes nothing: the periodic check goes on as it was.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.sent(now);
    }

    fn sent(&mut self, now: Instant) {
        self.unacked = self.unacked.saturating_add(1);
        self.sent_at = now;
    }

    /// Any message is proof of life.
    pub(crate) fn heard(&mut self) {
        self.has_heard = true;
        if self.is_on_probation {
            self.is_on_probation = false;
            self.due_at = self.sent_at + self.interval;
        }
    }

    /// An acknowledgement came; gives the round trip if it is clear which beat it answers.
    pub(crate) fn acked(&mut self, now: Instant) -> Option<Duration> {
        let outstanding = self.unacked;
        self.unacked = self.unacked.saturating_sub(1);
        self.is_acked = true;
        self.missed = 0;
        (outstanding == 1).then(|| now.saturating_since(self.sent_at))
    }

    pub(crate) const fn is_acked(&self) -> bool {
        self.unacked == 0
    }

    pub(crate) const fn wake(&self) -> Wake {
        Wake::at(self.due_at, Why::Heartbeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn at(secs: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(secs))
    }

    fn beating() -> Heartbeat {
        let mut heartbeat = Heartbeat::new(INTERVAL, Duration::from_secs(4), at(0));
        assert_eq!(heartbeat.check(at(3)), Beat::NotDue);
        assert_eq!(heartbeat.check(at(4)), Beat::Due);
        heartbeat.beaten(at(4));
        heartbeat
    }

    #[test]
    fn beats_keep_their_interval_after_the_first() {
        let mut heartbeat = beating();
        assert_eq!(heartbeat.acked(at(5)), Some(Duration::from_secs(1)));
        assert_eq!(heartbeat.check(at(13)), Beat::NotDue);
        assert_eq!(heartbeat.check(at(15)), Beat::Due, "late");
        heartbeat.beaten(at(15));
        assert_eq!(heartbeat.wake().at, Some(at(24)), "lateness does not add up");
    }

    #[test]
    fn silence_for_an_interval_is_death() {
        let mut heartbeat = beating();
        assert_eq!(heartbeat.check(at(14)), Beat::Dead);
    }

    #[test]
    fn a_tick_that_was_held_up_gives_the_answer_a_moment() {
        let mut alive = beating();
        assert_eq!(alive.check(at(70)), Beat::Due);
        alive.beaten(at(70));
        assert_eq!(alive.wake().at, Some(at(75)));
        alive.heard();
        assert_eq!(alive.wake().at, Some(at(80)), "back to the interval");

        let mut dead = beating();
        assert_eq!(dead.check(at(70)), Beat::Due);
        dead.beaten(at(70));
        assert_eq!(dead.check(at(75)), Beat::Dead);
    }

    #[test]
    fn a_beat_sent_late_is_not_followed_by_another_at_once() {
        let mut heartbeat = beating();
        heartbeat.acked(at(5));
        assert_eq!(heartbeat.check(at(100)), Beat::Due);
        heartbeat.beaten(at(100));
        assert_eq!(heartbeat.wake().at, Some(at(110)));
    }

    #[test]
    fn other_messages_excuse_a_few_missing_acknowledgements_but_not_for_ever() {
        let mut heartbeat = beating();
        let mut now = 4;
        for _ in 0..EXCUSED {
            heartbeat.heard();
            now += 10;
            assert_eq!(heartbeat.check(at(now)), Beat::Due);
            heartbeat.beaten(at(now));
        }
        heartbeat.heard();
        assert_eq!(heartbeat.check(at(now + 10)), Beat::Dead);
    }

    #[test]
    fn a_requested_beat_neither_arms_the_check_nor_gives_a_wrong_round_trip() {
        let mut heartbeat = Heartbeat::new(INTERVAL, Duration::from_secs(4), at(0));
        heartbeat.answered(at(1));
        assert_eq!(heartbeat.check(at(4)), Beat::Due, "no acknowledgement is owed yet");
        heartbeat.beaten(at(4));
        assert_eq!(heartbeat.acked(at(5)), None, "which of the two?");
        assert_eq!(heartbeat.acked(at(6)), Some(Duration::from_secs(2)));
        assert!(heartbeat.is_acked());
    }

    #[test]
    fn an_acknowledgement_that_nobody_asked_for_is_harmless() {
        let mut heartbeat = Heartbeat::new(INTERVAL, Duration::ZERO, at(0));
        assert_eq!(heartbeat.acked(at(1)), None);
        assert_eq!(heartbeat.check(at(1)), Beat::Due);
    }
}

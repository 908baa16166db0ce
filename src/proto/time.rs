//! Time as the core sees it: a point on a line that the caller draws. Never reads a clock.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// A point in time, measured from an epoch that whoever passes `now` chose once.
///
/// The core never asks what time it is; it compares and adds. Drivers must pass instants that do not run backwards (one
/// that does is treated as "no time has passed").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The point `since_epoch` after the epoch.
    #[must_use]
    pub const fn from_epoch(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// How far this is from the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The whole milliseconds of a span. In 64 bits, as printing more would be the largest part of printing in the module that
/// browsers download.
pub(crate) fn whole_millis(span: Duration) -> u64 {
    span.as_secs().saturating_mul(1000).saturating_add(span.subsec_millis().into())
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time, which a foreign number (a heartbeat interval, say) could otherwise overflow.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

/// Why a wake-up was asked for. For logs and tests: a busy loop is read off one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The pause between two connections is over.
    Backoff,
    /// A heartbeat falls due.
    Heartbeat,
    /// The reserved moment to identify has come.
    IdentifySlot,
    /// Nothing is planned; only input can wake the machine.
    Nothing,
    /// An answer that was waited for is overdue.
    Patience,
    /// The send limit lets the next waiting command through.
    SendLimit,
}

impl Why {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Backoff => "Backoff",
            Self::Heartbeat => "Heartbeat",
            Self::IdentifySlot => "IdentifySlot",
            Self::Nothing => "Nothing",
            Self::Patience => "Patience",
            Self::SendLimit => "SendLimit",
        }
    }
}

/// When the machine wants to be called again at the latest, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// `None`: only input can change anything.
    pub at: Option<Instant>,
    /// The reason behind `at`.
    pub why: Why,
}

impl Wake {
    /// No wake-up needed.
    pub const NEVER: Self = Self { at: None, why: Why::Nothing };

    /// A wake-up at `at`.
    #[must_use]
    pub const fn at(at: Instant, why: Why) -> Self {
        Self { at: Some(at), why }
    }

    /// The sooner of two wake-ups.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self.at, other.at) {
            (None, _) => other,
            (Some(mine), Some(theirs)) if theirs < mine => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Instant {
        Instant::from_epoch(Duration::from_secs(n))
    }

    #[test]
    fn the_sooner_wake_up_wins_and_never_loses_to_any() {
        let early = Wake::at(secs(1), Why::Heartbeat);
        let late = Wake::at(secs(2), Why::Patience);
        assert_eq!(late.sooner(early), early);
        assert_eq!(early.sooner(late), early);
        assert_eq!(Wake::NEVER.sooner(late), late);
        assert_eq!(late.sooner(Wake::NEVER), late);
    }

    #[test]
    fn adding_a_foreign_span_cannot_overflow() {
        assert!(secs(5) + Duration::MAX > secs(5));
        assert_eq!(secs(5).saturating_since(secs(9)), Duration::ZERO);
    }
}

//! How long to wait before the next connection: growing, capped, jittered. Knows no reason.

use std::time::Duration;

use crate::proto::random::Random;

/// Counts failures in a row.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// The next pause: half of it fixed, half of it chance, so that many shards that fail together do not return together.
    pub(crate) fn next(&mut self, random: &mut Random) -> Duration {
        let full = self
            .first
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        random.between(full / 2, full)
    }

    /// Connections that failed in a row.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Only READY and RESUMED prove that things work again.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread_by_half() {
        let mut random = Random::new(1);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for full in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let pause = backoff.next(&mut random);
            let full = Duration::from_secs(full);
            assert!(pause >= full / 2 && pause < full, "{pause:?} of {full:?}");
        }
        assert_eq!(backoff.failures(), 9);
        backoff.reset();
        assert!(backoff.next(&mut random) < Duration::from_secs(1));
    }

    #[test]
    fn a_thousand_failures_stay_at_the_cap() {
        let mut random = Random::new(1);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let longest = (0..1000).map(|_| backoff.next(&mut random)).max();
        assert!(longest < Some(Duration::from_secs(60)));
    }
}

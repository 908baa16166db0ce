//! Chance for jitter, from a seed that the caller gives. Not for secrets.

use std::time::Duration;

/// A small seeded generator (SplitMix64): good enough to spread reconnects, and replayable in tests.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that gives the same numbers for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A span in `[0, below)`, in whole microseconds; zero if `below` is zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "53 bits of chance are exact in a float, so the factor stays below one; casts saturate"
    )]
    pub fn below(&mut self, below: Duration) -> Duration {
        let factor = (self.bits() >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_micros((below.as_micros() as f64 * factor) as u64)
    }

    /// A span in `[low, high)`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low.saturating_add(self.below(high.saturating_sub(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_stay_within_their_bounds_and_spread() {
        let mut random = Random::new(7);
        let second = Duration::from_secs(1);
        let spans: Vec<_> = (0..1000).map(|_| random.below(second)).collect();
        assert!(spans.iter().all(|span| *span < second));
        assert!(spans.iter().any(|span| *span < second / 10));
        assert!(spans.iter().any(|span| *span > second * 9 / 10));
        assert_eq!(random.below(Duration::ZERO), Duration::ZERO);
        let wide = random.between(second, second * 5);
        assert!(wide >= second && wide < second * 5);
    }
}

//! The identify ledger: when a shard may identify. One for all shards of a bot; waits for nothing, answers with instants.
//!
//! Source: Discord's "Session start limit" and "Max concurrency".

use std::time::Duration;

use serde::Deserialize;

use crate::proto::{error::BudgetSpent, time::Instant, wire::ShardId};

/// Between two identifies of one bucket.
const SPACING: Duration = Duration::from_secs(5);
/// What is added to it: the server counts arrivals.
const MARGIN: Duration = Duration::from_millis(250);

/// What `GET /gateway/bot` says about identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SessionStartLimit {
    /// Identifies per window.
    pub total: u32,
    /// Identifies left in this window.
    pub remaining: u32,
    /// Milliseconds until the window is over.
    #[serde(rename = "reset_after")]
    pub reset_after_ms: u64,
    /// Identifies per 5 seconds: the number of buckets.
    pub max_concurrency: u32,
}

/// What holds for a small bot that has not asked.
impl Default for SessionStartLimit {
    fn default() -> Self {
        Self {
            total: 1000,
            remaining: 1000,
            reset_after_ms: 24 * 60 * 60 * 1000,
            max_concurrency: 1,
        }
    }
}

/// A turn that was given out is forgotten when nobody came for so long after it.
const STALE: Duration = Duration::from_secs(60);

/// The ledger. Pure, so that a lock or a remote service can wrap it.
#[derive(Clone, Debug)]
pub struct Slots {
    limit: SessionStartLimit,
    remaining: u32,
    resets_at: Instant,
    /// Turns that were given out and not used yet: at most one a shard.
    held: Vec<Turn>,
    /// The newest identify of each bucket that was used. There are few.
    used: Vec<Turn>,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    shard: ShardId,
    at: Instant,
}

impl Slots {
    /// A ledger for what `/gateway/bot` said at `now`.
    pub fn new(limit: SessionStartLimit, now: Instant) -> Self {
        Self {
            limit,
            remaining: limit.remaining,
            resets_at: now + Duration::from_millis(limit.reset_after_ms),
            held: Vec::new(),
            used: Vec::new(),
        }
    }

    /// When `shard` may identify. The turn is kept for it; asking again gives the old turn back and takes another.
    pub fn reserve(&mut self, shard: ShardId, now: Instant) -> Result<Instant, BudgetSpent> {
        self.refill(now);
        self.held.retain(|turn| turn.shard != shard && now <= turn.at + STALE);
        if self.held.len() >= usize::try_from(self.remaining).unwrap_or(usize::MAX) {
            return Err(BudgetSpent { retry_in: self.resets_at.saturating_since(now) });
        }
        let others = self.held.iter().chain(&self.used);
        let newest = others.filter(|turn| self.bucket(turn.shard) == self.bucket(shard));
        let newest = newest.map(|turn| turn.at).max();
        let at = newest.map_or(now, |newest| now.max(newest + SPACING + MARGIN));
        self.held.push(Turn { shard, at });
        Ok(at)
    }

    /// `shard` identified at `now`: the spacing counts from here, and so does the budget.
    pub fn sent(&mut self, shard: ShardId, now: Instant) {
        self.refill(now);
        self.remaining = self.remaining.saturating_sub(1);
        self.held.retain(|turn| turn.shard != shard);
        let bucket = self.bucket(shard);
        let limit = self.limit;
        self.used.retain(|turn| bucket_of(limit, turn.shard) != bucket);
        self.used.push(Turn { shard, at: now });
    }

    /// Identifies left in this window.
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    fn bucket(&self, shard: ShardId) -> u32 {
        bucket_of(self.limit, shard)
    }

    fn refill(&mut self, now: Instant) {
        if now >= self.resets_at {
            self.remaining = self.limit.total;
            self.resets_at = now + Duration::from_secs(24 * 60 * 60);
        }
    }
}

fn bucket_of(limit: SessionStartLimit, shard: ShardId) -> u32 {
    shard.number() % limit.max_concurrency.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    fn shard(number: u32) -> ShardId {
        ShardId::new(number, 16).expect("below the total")
    }

    fn slots(remaining: u32, max_concurrency: u32) -> Slots {
        let limit = SessionStartLimit {
            remaining,
            max_concurrency,
            reset_after_ms: 60_000,
            ..SessionStartLimit::default()
        };
        Slots::new(limit, at(0))
    }

    #[test]
    fn one_bucket_spaces_five_seconds_apart_and_buckets_are_independent() {
        let mut slots = slots(1000, 2);
        let first = slots.reserve(shard(0), at(0)).expect("budget");
        assert_eq!(first, at(0));
        assert_eq!(slots.reserve(shard(1), at(0)), Ok(at(0)), "another bucket");
        let third = slots.reserve(shard(2), at(0)).expect("budget");
        assert!(third >= at(5_000) && third <= at(5_500), "the same bucket");
    }

    #[test]
    fn spacing_counts_from_the_real_send_and_never_waits_negative_time() {
        let mut slots = slots(1000, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        slots.sent(shard(0), at(2_000));
        assert!(slots.reserve(shard(1), at(2_000)).expect("budget") >= at(7_000));
        assert_eq!(slots.reserve(shard(2), at(100_000)), Ok(at(100_000)));
    }

    #[test]
    fn a_turn_that_was_not_used_is_given_back_when_its_shard_asks_again() {
        let mut slots = slots(1000, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        let turn = slots.reserve(shard(1), at(0)).expect("budget");
        assert_eq!(slots.reserve(shard(1), at(1)), Ok(turn));
        assert!(slots.reserve(shard(2), at(1)).expect("budget") >= turn + SPACING);
    }

    #[test]
    fn turns_that_wait_count_against_the_budget() {
        let mut slots = slots(2, 1);
        assert!(slots.reserve(shard(0), at(0)).is_ok());
        assert!(slots.reserve(shard(1), at(0)).is_ok());
        assert!(slots.reserve(shard(2), at(0)).is_err());
        // The first never comes for its turn; the second uses its own.
        slots.sent(shard(1), at(5_250));
        assert!(slots.reserve(shard(2), at(59_999)).is_err());
    }

    #[test]
    fn a_spent_budget_says_when_it_is_filled_up() {
        let mut slots = slots(1, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        slots.sent(shard(0), at(0));
        assert_eq!(
            slots.reserve(shard(1), at(10_000)),
            Err(BudgetSpent { retry_in: Duration::from_secs(50) })
        );
        assert!(slots.reserve(shard(1), at(60_000)).is_ok());
        assert_eq!(slots.remaining(), 1000);
    }
}

//! The identify ledger: when a shard may identify. One for all shards of a bot; waits for nothing, answers with instants.
//!
//! It also breaks storms: a bot that identifies again and again (a session that is refused each time, a program that is
//! started anew each minute) would burn the budget of a day in hours, and then lose its token. [`Slots::record`] carries the
//! count over restarts.
//!
//! Source: Discord's "Session start limit" and "Max concurrency".

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::proto::{
    error::BudgetSpent,
    form::{Form, Put},
    time::{Instant, whole_millis},
    wire::ShardId,
};

/// Between two identifies of one bucket.
const SPACING: Duration = Duration::from_secs(5);
/// What is added to it: the server counts arrivals.
const MARGIN: Duration = Duration::from_millis(250);

/// Identifies of one shard that are no storm: deploys and lost sessions of a bad hour.
const CALM: u32 = 20;
/// Beyond them one each time this has passed: 720 a day, so that the token is safe, and never a long wait once things work
/// again.
const PACE: Duration = Duration::from_secs(120);

/// How long a window of the budget lasts.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
            reset_after_ms: DAY.as_secs() * 1000,
            max_concurrency: 1,
        }
    }
}

/// A turn that was given out is forgotten when nobody came for so long after it.
const STALE: Duration = Duration::from_secs(60);

/// When a shard may identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Then, and not much later: its place in the order is kept for it for a moment only.
    pub at: Instant,
    /// Whether it is no turn yet: the shard identified so often of late that it must ask again, at that instant.
    pub is_held_back: bool,
}

/// What a ledger knows, in a form that outlives the process. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerRecord {
    /// Identifies left in the window.
    pub remaining: u32,
    /// When the window is over.
    pub resets_at: u64,
    /// Shards that identified of late: number, and when that will be forgotten.
    pub busy: Vec<(u32, u64)>,
}

impl Form for LedgerRecord {
    fn fields(&self, put: &mut impl Put) {
        put.number("remaining", self.remaining.into());
        put.number("resetsAt", self.resets_at);
        put.pairs("busy", &self.busy);
    }
}

/// The ledger. Pure, so that a lock or a remote service can wrap it.
#[derive(Clone, Debug)]
pub struct Slots {
    limit: SessionStartLimit,
    remaining: u32,
    resets_at: Instant,
    /// Turns that were given out and not used yet: at most one a shard.
    held: Vec<Use>,
    /// The newest identify of each bucket that was used. There are few.
    used: Vec<Use>,
    /// Shards that identified of late, each with the time at which that is forgotten: every identify adds [`PACE`] to it.
    busy: Vec<Use>,
}

/// A shard and a time.
#[derive(Clone, Copy, Debug)]
struct Use {
    shard: u32,
    at: Instant,
}

impl Slots {
    /// A ledger for what `/gateway/bot` said at `now`.
    #[must_use]
    pub fn new(limit: SessionStartLimit, now: Instant) -> Self {
        Self {
            limit,
            remaining: limit.remaining,
            resets_at: now + Duration::from_millis(limit.reset_after_ms),
            held: Vec::new(),
            used: Vec::new(),
            busy: Vec::new(),
        }
    }

    /// When `shard` may identify. The turn is kept for it; asking again gives the old turn back and takes another.
    pub fn reserve(&mut self, shard: ShardId, now: Instant) -> Result<Turn, BudgetSpent> {
        let shard = shard.number();
        self.refill(now);
        self.held.retain(|held| held.shard != shard && now <= held.at + STALE);
        if self.held.len() >= usize::try_from(self.remaining).unwrap_or(usize::MAX) {
            return Err(BudgetSpent { retry_in: self.resets_at.saturating_since(now) });
        }
        let others = self.held.iter().chain(&self.used);
        let newest = others.filter(|other| self.bucket(other.shard) == self.bucket(shard));
        let newest = newest.map(|other| other.at).max();
        let next = newest.map_or(now, |newest| now.max(newest + SPACING + MARGIN));
        let calm = self.calm_at(shard);
        if calm > next {
            // No place is kept: the others of its bucket need not wait for it.
            return Ok(Turn { at: calm, is_held_back: true });
        }
        self.held.push(Use { shard, at: next });
        Ok(Turn { at: next, is_held_back: false })
    }

    /// `shard` gives up its turn, if it has one: nobody need wait for it.
    pub fn give_back(&mut self, shard: ShardId) {
        self.held.retain(|held| held.shard != shard.number());
    }

    /// `shard` identified at `now`: the spacing counts from here, and so does the budget.
    pub fn sent(&mut self, shard: ShardId, now: Instant) {
        let shard = shard.number();
        self.refill(now);
        self.remaining = self.remaining.saturating_sub(1);
        self.held.retain(|held| held.shard != shard);
        let bucket = self.bucket(shard);
        let limit = self.limit;
        self.used.retain(|used| bucket_of(limit, used.shard) != bucket);
        self.used.push(Use { shard, at: now });
        self.note_busy(shard, self.busy_until(shard).max(now) + PACE, now);
    }

    /// What is known at `now`, which is `unix` since 1970, for a store.
    #[must_use]
    pub fn record(&self, now: Instant, unix: Duration) -> LedgerRecord {
        let at = |at: Instant| whole_millis(unix + at.saturating_since(now));
        let busy = self.busy.iter().filter(|busy| busy.at > now);
        LedgerRecord {
            remaining: self.remaining,
            resets_at: at(self.resets_at),
            busy: busy.map(|busy| (busy.shard, at(busy.at))).collect(),
        }
    }

    /// Takes up what an earlier process knew. The budget is the smaller of both, as long as the kept window lasts. It ends with
    /// that window if nothing was used of ours, which is then one that was assumed or has only just begun.
    pub fn restore(&mut self, record: &LedgerRecord, now: Instant, unix: Duration) {
        let unix = whole_millis(unix);
        // Of a clock that was set back, or a store that was tampered with, no more is believed than can be true.
        let longest = whole_millis(PACE).saturating_mul(u64::from(self.limit.total));
        let at = |until: u64, longest: u64| {
            now + Duration::from_millis(until.saturating_sub(unix).min(longest))
        };
        if record.resets_at > unix {
            if self.remaining == self.limit.total {
                self.resets_at = at(record.resets_at, whole_millis(DAY));
            }
            self.remaining = self.remaining.min(record.remaining);
        }
        for (shard, until) in record.busy.iter().take(self.limit.total as usize).copied() {
            self.note_busy(shard, self.busy_until(shard).max(at(until, longest)), now);
        }
    }

    /// Identifies left in this window.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// When another identify of `shard` is no storm; may be long past.
    fn calm_at(&self, shard: u32) -> Instant {
        self.busy_until(shard) - PACE * (CALM - 1)
    }

    fn note_busy(&mut self, shard: u32, at: Instant, now: Instant) {
        self.busy.retain(|busy| busy.at > now && busy.shard != shard);
        self.busy.push(Use { shard, at });
    }

    fn busy_until(&self, shard: u32) -> Instant {
        self.busy.iter().find(|busy| busy.shard == shard).map_or(Instant::ZERO, |busy| busy.at)
    }

    fn bucket(&self, shard: u32) -> u32 {
        bucket_of(self.limit, shard)
    }

    fn refill(&mut self, now: Instant) {
        if now >= self.resets_at {
            self.remaining = self.limit.total;
            self.resets_at = now + DAY;
        }
    }
}

fn bucket_of(limit: SessionStartLimit, shard: u32) -> u32 {
    shard % limit.max_concurrency.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    fn turn(millis: u64) -> Turn {
        Turn { at: at(millis), is_held_back: false }
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
        assert_eq!(first, turn(0));
        assert_eq!(slots.reserve(shard(1), at(0)), Ok(turn(0)), "another bucket");
        let third = slots.reserve(shard(2), at(0)).expect("budget").at;
        assert!(third >= at(5_000) && third <= at(5_500), "the same bucket");
    }

    #[test]
    fn spacing_counts_from_the_real_send_and_never_waits_negative_time() {
        let mut slots = slots(1000, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        slots.sent(shard(0), at(2_000));
        assert!(slots.reserve(shard(1), at(2_000)).expect("budget").at >= at(7_000));
        assert_eq!(slots.reserve(shard(2), at(100_000)), Ok(turn(100_000)));
    }

    #[test]
    fn a_turn_that_was_not_used_is_given_back_when_its_shard_asks_again() {
        let mut slots = slots(1000, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        let turn = slots.reserve(shard(1), at(0)).expect("budget");
        assert_eq!(slots.reserve(shard(1), at(1)), Ok(turn));
        assert!(slots.reserve(shard(2), at(1)).expect("budget").at >= turn.at + SPACING);
    }

    #[test]
    fn a_turn_that_is_given_back_holds_nobody_up() {
        let mut slots = slots(1000, 1);
        slots.reserve(shard(0), at(0)).expect("budget");
        slots.give_back(shard(0));
        assert_eq!(slots.reserve(shard(1), at(0)), Ok(turn(0)));
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

    #[test]
    fn a_storm_is_held_back_without_holding_up_the_others() {
        let mut slots = slots(1000, 1);
        let mut now = at(0);
        for _ in 0..CALM {
            let turn = slots.reserve(shard(0), now).expect("budget");
            assert!(!turn.is_held_back);
            now = turn.at;
            slots.sent(shard(0), now);
        }
        let turn = slots.reserve(shard(0), now).expect("budget");
        assert!(turn.is_held_back && turn.at <= now + PACE);
        assert!(!slots.reserve(shard(1), now).expect("budget").is_held_back);
        assert!(!slots.reserve(shard(0), turn.at).expect("budget").is_held_back);
    }

    #[test]
    fn a_day_of_storm_leaves_some_of_the_budget() {
        let mut slots = Slots::new(SessionStartLimit::default(), at(0));
        let (mut now, mut sent) = (at(0), 0);
        while now < at(24 * 60 * 60 * 1000) {
            let turn = slots.reserve(shard(0), now).expect("budget");
            now = turn.at;
            if !turn.is_held_back {
                slots.sent(shard(0), now);
                sent += 1;
            }
        }
        assert!((700..800).contains(&sent), "{sent}");
    }

    #[test]
    fn the_count_outlives_the_process() {
        let unix = Duration::from_secs(1_000_000);
        let mut old = Slots::new(SessionStartLimit::default(), at(0));
        (0..CALM).for_each(|_| old.sent(shard(0), at(0)));
        let record = old.record(at(0), unix);

        // A minute later, with a clock that begins anew.
        let later = unix + Duration::from_secs(60);
        let mut new = Slots::new(SessionStartLimit::default(), at(5));
        new.restore(&record, at(5), later);
        assert_eq!(new.remaining(), 1000 - CALM);
        let turn = new.reserve(shard(0), at(5)).expect("budget");
        assert_eq!(turn, Turn { at: at(5 + 60_000), is_held_back: true });

        let text = serde_json::to_string(&record).expect("plain data");
        assert_eq!(
            text,
            serde_json::to_string(&crate::proto::form::Formed(&record)).expect("plain data")
        );
        assert!(text.contains(r#""busy":[[0,1002400000]]"#), "{text}");
        assert_eq!(serde_json::from_str::<LedgerRecord>(&text).expect("its own form"), record);
    }

    #[test]
    fn the_smaller_budget_counts_while_the_window_lasts() {
        let unix = Duration::from_secs(1_000_000);
        let record = LedgerRecord { remaining: 3, resets_at: whole_millis(unix) + 1, busy: vec![] };
        let mut slots = slots(1000, 1);
        slots.restore(&record, at(0), unix);
        assert_eq!(slots.remaining(), 3);
    }

    #[test]
    fn a_budget_that_was_spent_before_is_filled_up_when_its_own_window_ends() {
        let unix = Duration::from_secs(1_000_000);
        let limit =
            SessionStartLimit { remaining: 1, reset_after_ms: 60_000, ..Default::default() };
        let mut old = Slots::new(limit, at(0));
        old.sent(shard(0), at(0));
        let record = old.record(at(0), unix);

        // Ten seconds later somebody who has not asked, and assumes a whole day.
        let mut new = Slots::new(SessionStartLimit::default(), at(5));
        new.restore(&record, at(5), unix + Duration::from_secs(10));
        let spent = BudgetSpent { retry_in: Duration::from_secs(50) };
        assert_eq!(new.reserve(shard(1), at(5)), Err(spent));
        assert_eq!(new.reserve(shard(1), at(50_005)), Ok(turn(50_005)));
        assert_eq!(new.remaining(), 1000);
    }

    #[test]
    fn a_window_of_which_something_is_known_to_be_used_ends_when_it_was_said_to() {
        let unix = Duration::from_secs(1_000_000);
        for kept_ms in [1_000, 3_600_000] {
            let record =
                LedgerRecord { resets_at: whole_millis(unix) + kept_ms, ..Default::default() };
            let mut slots = slots(7, 1);
            slots.restore(&record, at(0), unix);
            let spent = BudgetSpent { retry_in: Duration::from_secs(60) };
            assert_eq!(slots.reserve(shard(0), at(0)), Err(spent));
        }
    }

    #[test]
    fn no_kept_window_is_longer_than_a_day_and_a_past_one_says_nothing() {
        let unix = Duration::from_secs(1_000_000);
        let record = |resets_at| LedgerRecord { resets_at, ..Default::default() };
        let mut slots = Slots::new(SessionStartLimit::default(), at(0));
        slots.restore(&record(whole_millis(unix)), at(0), unix);
        assert_eq!(slots.remaining(), 1000);
        slots.restore(&record(u64::MAX), at(0), unix);
        assert_eq!(slots.reserve(shard(0), at(0)), Err(BudgetSpent { retry_in: DAY }));
    }
}

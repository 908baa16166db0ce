//! What a shard owes the Gateway whatever happens: heartbeats in time, no more than 120 messages a minute, identifies apart and
//! within the budget, and a status that follows the diagram of `machine/state.rs`. Knows no session.

use std::{collections::BTreeMap, time::Duration};

use shardwire::proto::{Instant, Opcode, Status};

/// Messages that may be sent in a window of a connection.
const LIMIT: usize = 120;
const WINDOW: Duration = Duration::from_secs(60);
/// The client waits so much longer, as messages may travel for different times.
const MARGIN: Duration = Duration::from_millis(500);
/// So many commands a shard lets through in a window, whatever it keeps back for heartbeats.
const SURE: usize = 100;
/// Between two identifies of a bucket.
const SPACING: Duration = Duration::from_secs(5);

/// Identifies of a shard that are no storm.
const CALM: u32 = 20;
/// Beyond them one each time this has passed.
const PACE: Duration = Duration::from_secs(120);

/// The manners on one shard's newest connection.
pub struct Manners {
    interval: Duration,
    status: Status,
    /// When the next heartbeat must have left. `None` before HELLO and after the end.
    beat_by: Option<Instant>,
    /// Since when commands may leave, but for limits.
    ready_since: Option<Instant>,
    /// When the newest messages of the connection were sent: a ring.
    sends: Box<[Instant; LIMIT]>,
    count: usize,
}

impl Manners {
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            status: Status::Idle,
            beat_by: None,
            ready_since: None,
            sends: Box::new([Instant::ZERO; LIMIT]),
            count: 0,
        }
    }

    /// The same for another process.
    pub fn restarted(&self) -> Self {
        Self::new(self.interval)
    }

    /// Whether a connection is on its way, or open.
    pub fn is_connected(&self) -> bool {
        use Status as S;
        matches!(
            self.status,
            S::AwaitingHello
                | S::AwaitingIdentify
                | S::Connecting
                | S::Identifying
                | S::Ready
                | S::Resuming
        )
    }

    pub fn on_opened(&mut self) {
        self.count = 0;
        self.beat_by = None;
    }

    pub fn on_sent(&mut self, op: Opcode, now: Instant, number: usize) {
        if self.count >= LIMIT {
            let took = now.saturating_since(self.sends[self.count % LIMIT]);
            assert!(took >= WINDOW, "shard {number}: {} messages in {took:?}", LIMIT + 1);
        }
        self.sends[self.count % LIMIT] = now;
        self.count += 1;
        if op == Opcode::HEARTBEAT && self.beat_by.is_some() {
            self.beat_by = Some(now + self.interval);
        }
    }

    /// The status changed. Says whether that was because of HELLO. At the moment of a wish a late timer may have had its say
    /// first, and both are told as one change.
    pub fn on_status(
        &mut self,
        from: Status,
        to: Status,
        now: Instant,
        is_wished: bool,
        number: usize,
    ) -> bool {
        let (known, told) = (self.status.name(), from.name());
        assert_eq!(known, told, "shard {number}: the status before {}", to.name());
        let lost = Status::Disconnected { attempt: 1, retry_in: Duration::ZERO };
        let is_both = is_wished && may_follow(from, lost) && may_follow(lost, to);
        assert!(may_follow(from, to) || is_both, "shard {number}: {} after {told}", to.name());
        self.status = to;
        self.ready_since = (to == Status::Ready).then_some(now);
        let is_hello = from == Status::AwaitingHello
            && matches!(to, Status::AwaitingIdentify | Status::Identifying | Status::Resuming);
        if is_hello {
            self.beat_by = Some(now + self.interval);
        } else if !self.is_connected() {
            self.beat_by = None;
        }
        is_hello
    }

    /// Since when commands may leave; `None` while the connection or the limit for all keeps them.
    pub fn may_send_since(&self, now: Instant) -> Option<Instant> {
        let since = self.ready_since?;
        if self.count < SURE {
            return Some(since);
        }
        let free_at = self.sends[(self.count - SURE) % LIMIT] + WINDOW + MARGIN;
        (free_at < now).then(|| since.max(free_at))
    }

    pub fn wake_up(&mut self, now: Instant) {
        self.beat_by = self.beat_by.map(|by| by.max(now));
    }

    pub fn check(&self, status: Status, now: Instant, number: usize) {
        let (told, is) = (self.status.name(), status.name());
        assert_eq!(told, is, "shard {number}: the status that was announced");
        if let Some(by) = self.beat_by.filter(|by| now > *by) {
            // A minute that is full holds heartbeats back as well.
            let free_at = self.sends[self.count % LIMIT] + WINDOW + MARGIN;
            let is_full = self.count >= LIMIT && now <= free_at;
            assert!(is_full, "shard {number}: no heartbeat by {by:?}, it is {now:?}");
        }
    }
}

/// The diagram of `machine/state.rs`.
fn may_follow(from: Status, to: Status) -> bool {
    use Status as S;
    match (from, to) {
        // The user may close whatever happens.
        (S::Stopped, _) => false,
        (_, S::Stopped) => true,
        (S::Idle, to) => to == S::Connecting,
        // The user may pause whatever happens.
        (_, S::Idle | S::Closing) => true,
        (S::Connecting, to) => matches!(to, S::AwaitingHello | S::Disconnected { .. }),
        (S::AwaitingHello, to) => {
            matches!(to, S::AwaitingIdentify | S::Resuming | S::Disconnected { .. })
        }
        (S::AwaitingIdentify, to) => matches!(to, S::Identifying | S::Disconnected { .. }),
        (S::Identifying | S::Resuming, to) => matches!(to, S::Ready | S::Disconnected { .. }),
        (S::Ready, to) => matches!(to, S::Disconnected { .. }),
        (S::Disconnected { .. }, to) => matches!(to, S::Connecting | S::Disconnected { .. }),
        (S::Closing, to) => matches!(to, S::Disconnected { .. } | S::Connecting),
        _ => false,
    }
}

/// When the gateway forgets the identifies of a day. The calm after the last storm may reach into the next.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The identifies of all shards of a bot in one day.
pub struct Budget {
    is_new_day: bool,
    total: u32,
    shards: u32,
    buckets: usize,
    used: u32,
    newest: BTreeMap<usize, Instant>,
    /// When the identifies of a shard are forgotten: each adds [`PACE`].
    busy_until: BTreeMap<usize, Instant>,
}

impl Budget {
    pub fn new(total: u32, shards: u32, buckets: usize) -> Self {
        Self {
            is_new_day: false,
            total,
            shards,
            buckets,
            used: 0,
            newest: BTreeMap::new(),
            busy_until: BTreeMap::new(),
        }
    }

    pub fn spend(&mut self, shard: usize, now: Instant) {
        if now.since_epoch() >= DAY && !self.is_new_day {
            self.is_new_day = true;
            self.used = 0;
        }
        self.used += 1;
        assert!(!self.is_busy(shard, now), "shard {shard}: a storm of identifies");
        let busy_until = self.busy_until.entry(shard).or_default();
        *busy_until = now.max(*busy_until) + PACE;
        assert!(self.used <= self.total, "{} identifies, {} a day", self.used, self.total);
        if let Some(last) = self.newest.insert(shard % self.buckets, now) {
            let gap = now.saturating_since(last);
            assert!(gap >= SPACING, "shard {shard}: identifies {gap:?} apart");
        }
    }

    /// A shard may give up when nothing is left, turns of others included.
    pub fn assert_spent(&self) {
        let Self { total, shards, used, .. } = *self;
        assert!(used + shards > total, "gave up with {used} of {total} identifies");
    }

    /// Only a shard that identified so often that it looks like a storm is held back.
    pub fn assert_busy(&self, shard: usize, now: Instant) {
        assert!(self.is_busy(shard, now), "shard {shard}: held back without a storm");
    }

    fn is_busy(&self, shard: usize, now: Instant) -> bool {
        let busy_until = self.busy_until.get(&shard).copied().unwrap_or_default();
        busy_until.saturating_since(now) > PACE * (CALM - 1)
    }
}

//! The identify ledger as all shards of a bot share it, with a store behind it. Decides nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::proto::{BudgetSpent, Instant, LedgerRecord, SessionStartLimit, ShardId, Slots, Turn};

/// The identify ledger that all shards of a bot share; clones are the same ledger. Their timers must count from the same
/// epoch.
#[derive(Clone)]
pub struct SharedSlots(Arc<Mutex<Ledger>>);

struct Ledger {
    slots: Slots,
    /// `None` if nobody keeps it.
    store: Option<Store>,
}

type Store = Box<dyn FnMut(&LedgerRecord) + Send>;

impl SharedSlots {
    /// A ledger for what `/gateway/bot` said at `now`, or for a small bot that has not asked.
    #[must_use]
    pub fn new(limit: SessionStartLimit, now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Ledger { slots: Slots::new(limit, now), store: None })))
    }

    /// Takes up what an earlier process kept; `unix` is the time since 1970 that belongs to `now`.
    pub fn restore(&self, record: &LedgerRecord, now: Instant, unix: Duration) {
        self.with(|ledger| ledger.slots.restore(record, now, unix));
    }

    /// Calls `store` with what is to be kept after each identify. It must return at once.
    ///
    /// Identifies are rare (at most 1000 a day), so every one is told.
    pub fn keep_by(&self, store: impl FnMut(&LedgerRecord) + Send + 'static) {
        self.with(|ledger| ledger.store = Some(Box::new(store)));
    }

    /// Identifies left in this window.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.with(|ledger| ledger.slots.remaining())
    }

    /// When `shard` may identify; see [`Slots::reserve`]. Shards ask by themselves: this is for whoever serves others.
    ///
    /// # Errors
    ///
    /// If no identify is left in this window.
    pub fn reserve(&self, shard: ShardId, now: Instant) -> Result<Turn, BudgetSpent> {
        self.with(|ledger| ledger.slots.reserve(shard, now))
    }

    /// `shard` gives up the turn that it had reserved.
    pub fn give_back(&self, shard: ShardId) {
        self.with(|ledger| ledger.slots.give_back(shard));
    }

    /// Counts an identify at `now`, which is `unix` since 1970. Without a clock on the wall there is nothing to keep.
    pub fn sent(&self, shard: ShardId, now: Instant, unix: Option<Duration>) {
        self.with(|ledger| {
            ledger.slots.sent(shard, now);
            if let (Some(store), Some(unix)) = (&mut ledger.store, unix) {
                store(&ledger.slots.record(now, unix));
            }
        });
    }

    fn with<R>(&self, act: impl FnOnce(&mut Ledger) -> R) -> R {
        // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for SharedSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSlots").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

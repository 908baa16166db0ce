//! Where the sessions of a fleet are kept between processes, and when they are written. Knows no place but
//! memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, ready};

use super::timer::Timer;
use crate::proto::{Instant, Session, ShardId};

/// How often the sessions that moved on are written.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// Why a store could not be read.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// Keeps the sessions of a fleet, so that a program that is started again resumes them and misses nothing.
///
/// What is written is never ahead of what the user has taken from the fleet's stream and come back from: after a crash the
/// events of the last second may come again, and none is lost.
pub trait SessionStore: Send {
    /// All sessions that were kept. Asked once, at the start.
    fn load(&mut self) -> BoxFuture<'_, Result<Vec<Session>, StoreError>>;

    /// Keeps `session` in place of what was kept of its shard. Must return at once.
    fn save(&mut self, session: &Session);

    /// Forgets the session of `shard`, which is over. Must return at once.
    fn remove(&mut self, shard: ShardId);

    /// What was told since the last call belongs together: a good moment to write it down. Must return at once.
    fn flush(&mut self) {}
}

/// Keeps the sessions of a fleet in memory: for a fleet that ends and is started anew in the same process, and for tests.
/// Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<BTreeMap<ShardId, Session>>>);

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is kept, in the order of the shards.
    pub fn sessions(&self) -> Vec<Session> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardId, Session>> {
        // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemoryStore {
    fn load(&mut self) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        ready(Ok(self.sessions())).boxed()
    }

    fn save(&mut self, session: &Session) {
        self.lock().insert(session.shard, session.clone());
    }

    fn remove(&mut self, shard: ShardId) {
        self.lock().remove(&shard);
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("sessions", &self.lock().len()).finish()
    }
}

/// A store, and what it has not been told yet.
pub(super) struct Keeper<C> {
    pub(super) store: Box<dyn SessionStore>,
    timer: C,
    /// Shards whose sessions moved on.
    moved: BTreeSet<u32>,
    /// When they are to be written; `None` if there are none.
    due: Option<Instant>,
}

impl<C: Timer> Keeper<C> {
    pub(super) fn new(store: Box<dyn SessionStore>, timer: C) -> Self {
        Self { store, timer, moved: BTreeSet::new(), due: None }
    }

    /// The session of this shard moved on; one that has only just begun, or ended, is written without delay.
    pub(super) fn moved(&mut self, number: u32, is_urgent: bool) {
        self.moved.insert(number);
        if is_urgent {
            self.due = Some(Instant::ZERO);
        } else if self.due.is_none() {
            self.due = Some(self.timer.now() + KEEP_EVERY);
        }
    }

    /// The shards whose sessions are to be written now; else arranges to be asked again.
    pub(super) fn poll_due(&mut self, cx: &mut std::task::Context<'_>) -> Option<BTreeSet<u32>> {
        let due = self.due?;
        if self.timer.now() < due {
            self.timer.set(Some(due));
            if self.timer.poll(cx).is_pending() {
                return None;
            }
        }
        self.timer.set(None);
        self.due = None;
        Some(std::mem::take(&mut self.moved))
    }
}

impl<C> fmt::Debug for Keeper<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("moved", &self.moved).finish_non_exhaustive()
    }
}

impl<S: SessionStore + ?Sized> SessionStore for Box<S> {
    fn load(&mut self) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        (**self).load()
    }

    fn save(&mut self, session: &Session) {
        (**self).save(session);
    }

    fn remove(&mut self, shard: ShardId) {
        (**self).remove(shard);
    }

    fn flush(&mut self) {
        (**self).flush();
    }
}

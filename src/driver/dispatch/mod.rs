//! Who gets which event of a fleet: all of them, whoever is ready, or the one whose part it is. Knows shards by their events.
//!
//! The three ways are those of `GenStage`'s dispatchers: [`Broadcast`], [`Demand`], [`Partition`].

mod line;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use futures::{Stream, task::AtomicWaker};

use self::line::{Delivery, Line};
pub use self::line::{Lagged, LineOptions, Overflow};
use super::ShardEvent;

/// Deals the events of a fleet out; see [`ShardManager::run`](super::ShardManager::run).
pub trait Dispatcher: Send + Sync {
    /// Takes an event in; it never waits.
    fn dispatch(&self, event: &Arc<ShardEvent>);

    /// Whether a subscriber is so slow that shards have to wait.
    fn is_full(&self) -> bool;

    /// Wakes `waker`, the one that was registered last, when that may be over.
    fn register(&self, waker: &Waker);

    /// No event comes any more.
    fn end(&self);
}

/// Lines, and who waits for room in them.
#[derive(Default)]
struct Hub<L> {
    lines: Mutex<L>,
    room: Arc<AtomicWaker>,
}

impl<L> Hub<L> {
    fn with<R>(&self, act: impl FnOnce(&mut L) -> R) -> R {
        // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Each subscriber gets every event that it wants. Clones are the same dispatcher.
#[derive(Clone, Default)]
pub struct Broadcast(Arc<Hub<Vec<Listener>>>);

struct Listener {
    line: Weak<Line>,
    wants: Box<dyn Fn(&ShardEvent) -> bool + Send>,
}

impl Broadcast {
    /// Without subscribers yet: what comes before the first is lost.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes to every event that `wants` accepts, from now on.
    pub fn subscribe(
        &self,
        options: LineOptions,
        wants: impl Fn(&ShardEvent) -> bool + Send + 'static,
    ) -> Subscription {
        let line = Arc::new(Line::new(options, Arc::clone(&self.0.room)));
        let listener = Listener { line: Arc::downgrade(&line), wants: Box::new(wants) };
        self.0.with(|listeners| listeners.push(listener));
        Subscription { line, owner: Owner::Own }
    }
}

impl Dispatcher for Broadcast {
    fn dispatch(&self, event: &Arc<ShardEvent>) {
        self.0.with(|listeners| {
            listeners.retain(|listener| {
                let Some(line) = listener.line.upgrade() else { return false };
                if (listener.wants)(event) {
                    line.push(Arc::clone(event));
                }
                true
            });
        });
    }

    fn register(&self, waker: &Waker) {
        self.0.room.register(waker);
    }

    fn is_full(&self) -> bool {
        self.0.with(|listeners| {
            listeners.iter().filter_map(|it| it.line.upgrade()).any(|line| line.is_full())
        })
    }

    fn end(&self) {
        self.0.with(|listeners| {
            listeners.drain(..).filter_map(|it| it.line.upgrade()).for_each(|line| line.close());
        });
    }
}

/// Each event goes to one of the subscribers: the first that asks. Clones are the same dispatcher.
///
/// What nobody asked for yet waits, also for subscribers to come. Events that are under way in different subscribers are
/// handled at the same time: use [`Partition`] where the order matters.
#[derive(Clone)]
pub struct Demand(Arc<Hub<Arc<Line>>>);

impl Demand {
    /// One line for all subscribers.
    pub fn new(options: LineOptions) -> Self {
        let room = Arc::new(AtomicWaker::new());
        let line = Arc::new(Line::new(options, Arc::clone(&room)));
        Self(Arc::new(Hub { lines: Mutex::new(line), room }))
    }

    /// Takes part.
    pub fn subscribe(&self) -> Subscription {
        Subscription { line: self.0.with(|line| Arc::clone(line)), owner: Owner::Shared }
    }
}

impl Dispatcher for Demand {
    fn dispatch(&self, event: &Arc<ShardEvent>) {
        self.0.with(|line| line.push(Arc::clone(event)));
    }

    fn register(&self, waker: &Waker) {
        self.0.room.register(waker);
    }

    fn is_full(&self) -> bool {
        self.0.with(|line| line.is_full())
    }

    fn end(&self) {
        self.0.with(|line| line.close());
    }
}

/// Each event goes to the one subscriber of its part, in order. Events with the same key are in the same part. Clones are the
/// same dispatcher.
///
/// What comes for a part without a subscriber waits for one: who leaves can be replaced, and the order holds.
#[derive(Clone)]
pub struct Partition(Arc<Hub<Parts>>);

struct Parts {
    parts: Vec<Part>,
    key: Box<dyn Fn(&ShardEvent) -> u64 + Send>,
}

struct Part {
    line: Arc<Line>,
    is_taken: Arc<Mutex<bool>>,
}

impl Partition {
    /// So many parts, at least one; `key` says which events belong together.
    pub fn new(
        parts: usize,
        options: LineOptions,
        key: impl Fn(&ShardEvent) -> u64 + Send + 'static,
    ) -> Self {
        let room = Arc::new(AtomicWaker::new());
        let part = || Part {
            line: Arc::new(Line::new(options, Arc::clone(&room))),
            is_taken: Arc::default(),
        };
        let parts = (0..parts.max(1)).map(|_| part()).collect();
        Self(Arc::new(Hub { lines: Mutex::new(Parts { parts, key: Box::new(key) }), room }))
    }

    /// Subscribes to one part; `None` if there is no such part, or somebody has it.
    pub fn subscribe(&self, part: usize) -> Option<Subscription> {
        self.0.with(|parts| {
            let Part { line, is_taken } = parts.parts.get(part)?;
            let was_taken = std::mem::replace(&mut *locked(is_taken), true);
            let owner = Owner::Part(Arc::clone(is_taken));
            (!was_taken).then(|| Subscription { line: Arc::clone(line), owner })
        })
    }
}

impl Dispatcher for Partition {
    fn dispatch(&self, event: &Arc<ShardEvent>) {
        self.0.with(|Parts { parts, key }| {
            // Neighbouring keys, as those of guilds that were made at the same time, are spread.
            let spread = key(event).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let at = spread % u64::try_from(parts.len()).unwrap_or(1);
            if let Some(part) = usize::try_from(at).ok().and_then(|at| parts.get(at)) {
                part.line.push(Arc::clone(event));
            }
        });
    }

    fn register(&self, waker: &Waker) {
        self.0.room.register(waker);
    }

    fn is_full(&self) -> bool {
        self.0.with(|parts| parts.parts.iter().any(|part| part.line.is_full()))
    }

    fn end(&self) {
        self.0.with(|parts| parts.parts.iter().for_each(|part| part.line.close()));
    }
}

/// A subscriber's end: a stream of events, and of [`Lagged`] where some are missing. Dropping it leaves.
#[must_use = "events wait until they are read"]
pub struct Subscription {
    line: Arc<Line>,
    owner: Owner,
}

/// Whose line it is.
enum Owner {
    /// The subscriber's alone: it goes with it.
    Own,
    /// Everybody's.
    Shared,
    /// The subscriber's as long as it stays.
    Part(Arc<Mutex<bool>>),
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.line.poll_pop(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        match &self.owner {
            // Nobody reads it any more, so nobody may wait for it.
            Owner::Own => self.line.close(),
            Owner::Shared => {}
            Owner::Part(is_taken) => *locked(is_taken) = false,
        }
    }
}

fn locked(flag: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    flag.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").finish_non_exhaustive()
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").finish_non_exhaustive()
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").finish_non_exhaustive()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

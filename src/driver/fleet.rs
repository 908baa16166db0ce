//! What a user holds to speak to a fleet from elsewhere: the handles of its shards, and a line of orders. Starts nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
};

use futures::{channel::oneshot, task::AtomicWaker};

use super::handle::{CloseMode, ShardHandle};
use crate::proto::{Command, CommandError, Presence, Session, ShardId};

/// Speaks to the shards of a [`ShardManager`](super::ShardManager). Clones speak to the same ones.
///
/// Orders are carried out while the manager is polled.
#[derive(Clone)]
pub struct ManagerHandle {
    fleet: Arc<Fleet>,
}

/// What the manager and its handles share.
pub(super) struct Fleet {
    total: u32,
    inner: Mutex<Inner>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct Inner {
    handles: BTreeMap<u32, ShardHandle>,
    orders: VecDeque<Order>,
    is_over: bool,
}

/// Something to be done by the manager.
pub(super) enum Order {
    Close(CloseMode),
    Restart(u32),
    Stop(u32, CloseMode, oneshot::Sender<Option<Session>>),
}

/// A shard that cannot be spoken to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// It runs elsewhere, or has stopped.
    NotHere {
        /// The shard.
        shard: ShardId,
    },
    /// A guild id that is no number.
    BadGuildId,
}

impl ManagerHandle {
    pub(super) const fn new(fleet: Arc<Fleet>) -> Self {
        Self { fleet }
    }

    /// How many shards the bot has, here and elsewhere.
    pub fn total(&self) -> u32 {
        self.fleet.total
    }

    /// The numbers of the shards that run here, in order.
    pub fn numbers(&self) -> Vec<u32> {
        self.fleet.with(|inner| inner.handles.keys().copied().collect())
    }

    /// The shard of this number, if it runs here.
    pub fn shard(&self, number: u32) -> Option<ShardHandle> {
        self.fleet.handle(number)
    }

    /// The shard that a guild belongs to, as Discord deals them out.
    ///
    /// # Errors
    ///
    /// If that shard does not run here: what is sent by another would come to nothing.
    pub fn for_guild(&self, guild_id: &str) -> Result<ShardHandle, RouteError> {
        let guild = guild_id.parse().map_err(|_| RouteError::BadGuildId)?;
        let shard = ShardId::of_guild(guild, self.fleet.total).ok_or(RouteError::BadGuildId)?;
        self.shard(shard.number()).ok_or(RouteError::NotHere { shard })
    }

    /// Shows another presence on every shard that runs here. Gives those that did not take it.
    pub fn update_presence(&self, presence: &Presence) -> Vec<(u32, CommandError)> {
        let command = Command::UpdatePresence(presence.clone());
        let handles = self.fleet.with(|inner| inner.handles.clone());
        let sent = handles.iter().map(|(number, handle)| (*number, handle.send(&command)));
        sent.filter_map(|(number, sent)| Some((number, sent.err()?))).collect()
    }

    /// Stops one shard, and gives the session that it leaves: `None` if it leaves none, or does not run here.
    ///
    /// Events of the shard go on coming until then, so somebody must read them meanwhile.
    pub async fn stop(&self, number: u32, mode: CloseMode) -> Option<Session> {
        let (teller, outcome) = oneshot::channel();
        self.fleet.give(Order::Stop(number, mode, teller));
        outcome.await.ok().flatten()
    }

    /// Stops one shard, keeping its session, and starts it anew with that session.
    pub fn restart(&self, number: u32) {
        self.fleet.give(Order::Restart(number));
    }

    /// Ends all shards; the manager's stream ends with the last one.
    pub fn close(&self, mode: CloseMode) {
        self.fleet.give(Order::Close(mode));
    }
}

impl fmt::Debug for ManagerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagerHandle").field("total", &self.fleet.total).finish_non_exhaustive()
    }
}

impl Fleet {
    pub(super) fn new(total: u32) -> Self {
        Self { total, inner: Mutex::default(), waker: AtomicWaker::new() }
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn add(&self, number: u32, handle: ShardHandle) {
        self.with(|inner| inner.handles.insert(number, handle));
    }

    pub(super) fn remove(&self, number: u32) {
        self.with(|inner| inner.handles.remove(&number));
    }

    pub(super) fn handle(&self, number: u32) -> Option<ShardHandle> {
        self.with(|inner| inner.handles.get(&number).cloned())
    }

    /// Of all shards that run here, in order.
    pub(super) fn handles(&self) -> impl Iterator<Item = ShardHandle> {
        self.with(|inner| inner.handles.clone()).into_values()
    }

    pub(super) fn next_order(&self) -> Option<Order> {
        self.with(|inner| inner.orders.pop_front())
    }

    /// Nothing is carried out any more. Whoever waits learns it, as the tellers are dropped.
    pub(super) fn end(&self) {
        self.with(|inner| *inner = Inner { is_over: true, ..Inner::default() });
    }

    fn give(&self, order: Order) {
        self.with(|inner| {
            if !inner.is_over {
                inner.orders.push_back(order);
            }
        });
        self.waker.wake();
    }

    fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere { shard } => write!(f, "expected a shard that runs here, not {shard}"),
            Self::BadGuildId => f.write_str("expected the id of a guild"),
        }
    }
}

impl Error for RouteError {}

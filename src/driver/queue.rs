//! Where identifies wait for their turn, whoever keeps the order: this process, another, or a service. Decides nothing.

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt, ready};

use super::ledger::SharedSlots;
use crate::proto::{Instant, QueueError, ShardId, Turn};

/// Spaces the identifies of a bot. All its shards must ask one queue, however many processes and machines they are on.
///
/// [`SharedSlots`] is the one for a single process. An own one needs a single method:
///
/// ```
/// use futures::{FutureExt, future::BoxFuture};
/// use shardwire::{
///     driver::{Grant, IdentifyQueue},
///     proto::{Instant, QueueError, ShardId},
/// };
///
/// struct Elsewhere;
///
/// impl IdentifyQueue for Elsewhere {
///     fn turn(&self, shard: ShardId, _: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
///         // Ask a service here, and wait for its answer.
///         async move { Ok(Grant::Now) }.boxed()
///     }
/// }
/// ```
pub trait IdentifyQueue: Send + Sync {
    /// Waits until `shard` may identify. Dropping the future gives the place up: the shard does so when its connection ends
    /// before. `now` is the time of the shard's timer.
    fn turn(&self, shard: ShardId, now: Instant) -> BoxFuture<'static, Result<Grant, QueueError>>;

    /// `shard` identified at `now`, which is `unix` since 1970 if that is known. For queues that count from then.
    fn identified(&self, shard: ShardId, now: Instant, unix: Option<Duration>) {
        let _ = (shard, now, unix);
    }
}

/// A shard may identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// At once.
    Now,
    /// Then: the shard waits by itself.
    At(Turn),
}

/// One ledger in this process: it knows at once.
impl IdentifyQueue for SharedSlots {
    fn turn(&self, shard: ShardId, now: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
        let turn = self.reserve(shard, now);
        ready(turn.map(Grant::At).map_err(QueueError::from)).boxed()
    }

    fn identified(&self, shard: ShardId, now: Instant, unix: Option<Duration>) {
        self.sent(shard, now, unix);
    }
}

impl<Q: IdentifyQueue + ?Sized> IdentifyQueue for Arc<Q> {
    fn turn(&self, shard: ShardId, now: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
        (**self).turn(shard, now)
    }

    fn identified(&self, shard: ShardId, now: Instant, unix: Option<Duration>) {
        (**self).identified(shard, now, unix);
    }
}

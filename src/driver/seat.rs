//! Where a shard of a fleet does its work: in the task that polls its manager, or in one of its own. Knows no runtime; whoever
//! wants tasks says how one is started.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use futures::{
    FutureExt, SinkExt, Stream, StreamExt,
    channel::mpsc,
    future::{AbortHandle, BoxFuture, abortable, poll_fn},
};

use super::{shard::Shard, timer::Timer, transport::Transport};
use crate::proto::{Event, Session, ShardInfo, Status};

/// A shard, polled here or elsewhere: a stream of its events, the last one with the session that is left.
pub(super) enum Seat<T, C> {
    Here(Box<Shard<T, C>>),
    Away(Away<T, C>),
}

/// A shard in a task of its own, which ends when this is dropped.
pub(super) struct Away<T, C> {
    shard: Arc<Mutex<Shard<T, C>>>,
    line: mpsc::Receiver<Result<Step, Panic>>,
    /// As it stood with the newest event that was taken from the line.
    session: Option<Session>,
    task: AbortHandle,
}

/// An event, and the session as it stands with it.
type Step = (Event, Option<Session>);

/// What a hook of the user's panicked with.
type Panic = Box<dyn Any + Send>;

impl<T: Transport + Unpin, C: Timer + Unpin> Seat<T, C> {
    pub(super) fn new(shard: Shard<T, C>) -> Self {
        Self::Here(Box::new(shard))
    }

    /// The same shard in a task, which `spawn` starts.
    pub(super) fn away(self, spawn: &mut impl FnMut(BoxFuture<'static, ()>)) -> Self
    where
        T: Send + 'static,
        C: Send + 'static,
    {
        let Self::Here(shard) = self else { return self };
        let session = shard.session();
        let shard = Arc::new(Mutex::new(*shard));
        // No more than one event waits: the shard is no further ahead of its reader than one that is polled by it, and a
        // slow reader slows the socket all the same.
        let (to_reader, line) = mpsc::channel(0);
        let (task, handle) = abortable(run(Arc::clone(&shard), to_reader));
        spawn(task.map(drop).boxed());
        Self::Away(Away { shard, line, session, task: handle })
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Self::Here(shard) => shard.status(),
            Self::Away(away) => lock(&away.shard).status(),
        }
    }

    pub(super) fn info(&mut self) -> ShardInfo {
        match self {
            Self::Here(shard) => shard.info(),
            Self::Away(away) => lock(&away.shard).info(),
        }
    }

    /// The session as it stood with the newest event that was taken.
    pub(super) fn session(&self) -> Option<Session> {
        match self {
            Self::Here(shard) => shard.session(),
            Self::Away(away) => away.session.clone(),
        }
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for Seat<T, C> {
    type Item = Event;

    /// Where the shard runs makes no difference to where a hook's panic arrives.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match self.get_mut() {
            Self::Here(shard) => shard.poll_next_unpin(cx),
            Self::Away(away) => match ready!(away.line.poll_next_unpin(cx)) {
                Some(Ok((event, session))) => {
                    away.session = session;
                    Poll::Ready(Some(event))
                }
                Some(Err(panic)) => resume_unwind(panic),
                None => Poll::Ready(None),
            },
        }
    }
}

impl<T, C> Drop for Away<T, C> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Polls a shard to its end, for as long as somebody reads.
async fn run<T: Transport + Unpin, C: Timer + Unpin>(
    shard: Arc<Mutex<Shard<T, C>>>,
    mut to_reader: mpsc::Sender<Result<Step, Panic>>,
) {
    loop {
        let next = poll_fn(|cx| {
            let mut shard = lock(&shard);
            shard.poll_next_unpin(cx).map(|event| Some((event?, shard.session())))
        });
        let step = AssertUnwindSafe(next).catch_unwind().await.transpose();
        let Some(step) = step else { return };
        let is_over = step.is_err();
        if to_reader.send(step).await.is_err() || is_over {
            return;
        }
    }
}

fn lock<T, C>(shard: &Mutex<Shard<T, C>>) -> MutexGuard<'_, Shard<T, C>> {
    // After a panic nobody polls it any more, and to be looked at it is sound enough.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A bounded line of events with readers at one end. Knows nothing of shards but that events are shared.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures::task::AtomicWaker;

use crate::driver::ShardEvent;

/// How many events may wait for a subscriber, and what happens when there are more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineOptions {
    /// How many.
    pub capacity: usize,
    /// What happens then.
    pub overflow: Overflow,
}

/// 10 000 events, and shards that wait for who is slow.
impl Default for LineOptions {
    fn default() -> Self {
        Self { capacity: 10_000, overflow: Overflow::Pause }
    }
}

/// What happens when a subscriber is too slow. Heartbeats go on in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The shard whose event was one too many closes its connection, keeping its session; once half of the line is read, it
    /// resumes, which brings what it missed. Nothing is lost, as long as that is while Discord keeps the session. A few more
    /// events than the capacity may wait: those that were under way.
    #[default]
    Pause,
    /// The oldest events go, and the subscriber is told how many.
    DropOldest,
    /// The subscription ends, after what waits was read and the subscriber was told.
    Fail,
}

/// Events that a subscriber will not see, as it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// How many were dropped. With [`Overflow::Fail`] there may be any number more.
    pub dropped: u64,
}

impl std::fmt::Display for Lagged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events were dropped, as the subscriber is too slow", self.dropped)
    }
}

impl std::error::Error for Lagged {}

/// What a subscriber gets.
pub(super) type Delivery = Result<Arc<ShardEvent>, Lagged>;

pub(super) struct Line {
    inner: Mutex<Inner>,
    options: LineOptions,
    /// Who waits until there is room again.
    room: Arc<AtomicWaker>,
}

#[derive(Default)]
struct Inner {
    events: VecDeque<Arc<ShardEvent>>,
    /// Events that were dropped before the oldest that waits.
    dropped: u64,
    readers: Vec<Waker>,
    /// The shards wait until half of it is read.
    is_full: bool,
    /// Nothing is taken in any more.
    is_closed: bool,
}

impl Line {
    pub(super) fn new(options: LineOptions, room: Arc<AtomicWaker>) -> Self {
        let options = LineOptions { capacity: options.capacity.max(1), ..options };
        Self { inner: Mutex::default(), options, room }
    }

    /// Takes in an event.
    pub(super) fn push(&self, event: Arc<ShardEvent>) {
        let readers = self.with(|inner| {
            if inner.is_closed {
                return Vec::new();
            }
            let is_full = inner.events.len() >= self.options.capacity;
            match self.options.overflow {
                Overflow::Fail if is_full => {
                    inner.is_closed = true;
                    // Told behind what waits.
                    inner.dropped = 1;
                    return std::mem::take(&mut inner.readers);
                }
                Overflow::DropOldest if is_full => {
                    inner.events.pop_front();
                    inner.dropped += 1;
                }
                Overflow::Pause => inner.is_full |= inner.events.len() + 1 >= self.options.capacity,
                Overflow::Fail | Overflow::DropOldest => {}
            }
            inner.events.push_back(event);
            std::mem::take(&mut inner.readers)
        });
        readers.into_iter().for_each(Waker::wake);
    }

    /// The oldest event; `None` after the end.
    pub(super) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let (polled, has_room) = self.with(|inner| {
            // With `Fail` the drop lies behind what waits, else before it.
            let is_told_first = self.options.overflow == Overflow::DropOldest;
            if inner.dropped > 0 && (is_told_first || inner.events.is_empty()) {
                let dropped = std::mem::take(&mut inner.dropped);
                return (Poll::Ready(Some(Err(Lagged { dropped }))), false);
            }
            if let Some(event) = inner.events.pop_front() {
                let has_room = inner.is_full && inner.events.len() <= self.options.capacity / 2;
                inner.is_full &= !has_room;
                return (Poll::Ready(Some(Ok(event))), has_room);
            }
            if inner.is_closed {
                return (Poll::Ready(None), false);
            }
            if !inner.readers.iter().any(|reader| reader.will_wake(cx.waker())) {
                inner.readers.push(cx.waker().clone());
            }
            (Poll::Pending, false)
        });
        if has_room {
            self.room.wake();
        }
        polled
    }

    /// Whether shards have to wait for a reader.
    pub(super) fn is_full(&self) -> bool {
        self.with(|inner| inner.is_full && !inner.is_closed)
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        let readers = self.with(|inner| {
            inner.is_closed = true;
            std::mem::take(&mut inner.readers)
        });
        readers.into_iter().for_each(Waker::wake);
        self.room.wake();
    }

    fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        // Nothing in here panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

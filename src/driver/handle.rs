//! What a user holds to speak to a running shard from elsewhere: a bounded line and one waker.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures::task::AtomicWaker;

use crate::proto::{Command, CommandError, Input, Payload};

/// How a shard is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CloseMode {
    /// The session ends and the bot goes offline at once (close code 1000).
    #[default]
    EndSession,
    /// Discord keeps the session for a while, so that it can be resumed; the bot looks online until then.
    KeepSession,
}

/// Speaks to a shard. Clones speak to the same one.
#[derive(Clone)]
pub struct ShardHandle {
    line: Arc<Line>,
    /// Size of an encoded command.
    command_bytes: usize,
}

/// What waits on its way to the shard.
pub(super) struct Line {
    inner: Mutex<Waiting>,
    waker: AtomicWaker,
    /// Commands that may wait here and in the machine together.
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    payloads: VecDeque<Payload>,
    /// The newest wish about the life cycle; closing is never replaced by another.
    wish: Option<Input>,
    /// Commands that wait in the machine.
    in_machine: usize,
    is_stopped: bool,
}

impl ShardHandle {
    pub(super) fn new(line: Arc<Line>, command_bytes: usize) -> Self {
        Self { line, command_bytes }
    }

    /// Queues a command. It is sent once the session is ready and the send limit allows it, also after a reconnect.
    pub fn send(&self, command: &Command) -> Result<(), CommandError> {
        let payload = command.encode(self.command_bytes)?;
        self.line.push(payload)
    }

    /// Ends the shard; its stream ends with `Stopped`.
    pub fn close(&self, mode: CloseMode) {
        self.line.wish(Input::Close { keep_session: mode == CloseMode::KeepSession });
    }

    /// Closes the connection, keeping the session, and connects anew at once.
    pub fn reconnect(&self) {
        self.line.wish(Input::Reconnect);
    }

    /// Leaves off for now: closes the connection, keeping the session, until [`start`](Self::start).
    pub fn pause(&self) {
        self.line.wish(Input::Pause);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn start(&self) {
        self.line.wish(Input::Start);
    }
}

impl fmt::Debug for ShardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardHandle").finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), waker: AtomicWaker::new(), limit }
    }

    pub(super) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// The next wish about the life cycle.
    pub(super) fn next_wish(&self) -> Option<Input> {
        self.lock(|waiting| waiting.wish.take())
    }

    /// The next command, with what the machine holds already told.
    pub(super) fn next_payload(&self, in_machine: usize) -> Option<Payload> {
        self.lock(|waiting| {
            let payload = waiting.payloads.pop_front();
            waiting.in_machine = in_machine + usize::from(payload.is_some());
            payload
        })
    }

    /// Commands that wait here.
    pub(super) fn len(&self) -> usize {
        self.lock(|waiting| waiting.payloads.len())
    }

    /// Nothing is taken any more.
    pub(super) fn stop(&self) {
        self.lock(|waiting| *waiting = Waiting { is_stopped: true, ..Waiting::default() });
    }

    fn push(&self, payload: Payload) -> Result<(), CommandError> {
        self.lock(|waiting| {
            if waiting.is_stopped {
                return Err(CommandError::Stopped);
            }
            if waiting.payloads.len() + waiting.in_machine >= self.limit {
                return Err(CommandError::QueueFull { limit: self.limit });
            }
            waiting.payloads.push_back(payload);
            Ok(())
        })?;
        self.waker.wake();
        Ok(())
    }

    fn wish(&self, wish: Input) {
        self.lock(|waiting| {
            if !matches!(waiting.wish, Some(Input::Close { .. })) {
                waiting.wish = Some(wish);
            }
        });
        self.waker.wake();
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        // Nothing in here panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

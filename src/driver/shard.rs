//! One loop that joins machine, socket, clock and commands. Decides nothing about the protocol.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt};

use super::{
    handle::{Line, ShardHandle},
    timer::Timer,
    transport::Transport,
};
use crate::proto::{
    Config, ConfigError, Event, Input, Instant, Output, Session, SessionStartLimit, ShardMachine,
    Slots, Snapshot, Status,
};

/// The identify ledger that all shards of a bot share. Their timers must count from the same epoch.
pub type SharedSlots = Arc<Mutex<Slots>>;

/// A ledger for what `/gateway/bot` said at `now`, or for a small bot that has not asked.
pub fn shared_slots(limit: SessionStartLimit, now: Instant) -> SharedSlots {
    Arc::new(Mutex::new(Slots::new(limit, now)))
}

/// Rounds of one poll without an event for the user, after which others get a turn.
const PATIENT_ROUNDS: u32 = 256;

/// A shard with its socket: a stream of events.
///
/// It does nothing unless polled, so no event is lost before somebody listens, and a slow reader slows the socket. It must be
/// polled steadily all the same, as heartbeats leave when it is polled. The stream ends after [`Event::Stopped`].
#[derive(Debug)]
#[must_use = "a shard does nothing unless polled"]
pub struct Shard<T, C> {
    machine: ShardMachine,
    transport: T,
    timer: C,
    slots: SharedSlots,
    line: HandleEnd,
    is_started: bool,
}

/// The shard's end of the line: whoever holds the other end learns when it is gone.
struct HandleEnd(Arc<Line>);

impl Drop for HandleEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl std::fmt::Debug for HandleEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandleEnd")
    }
}

impl<T: Transport, C: Timer> Shard<T, C> {
    /// A shard that connects when it is first polled. `seed` feeds its jitter.
    pub fn new(
        config: Config,
        seed: u64,
        slots: SharedSlots,
        transport: T,
        timer: C,
    ) -> (Self, ShardHandle) {
        let limits = config.limits();
        let line = Arc::new(Line::new(limits.waiting_commands));
        let handle = ShardHandle::new(Arc::clone(&line), limits.command_bytes);
        let machine = ShardMachine::new(config, seed);
        let line = HandleEnd(line);
        (Self { machine, transport, timer, slots, line, is_started: false }, handle)
    }

    /// Makes it resume `session` instead of identifying.
    pub fn resume_from(mut self, session: Session) -> Result<Self, ConfigError> {
        self.machine = self.machine.resume_from(session)?;
        Ok(self)
    }

    /// What it is doing.
    pub fn status(&self) -> Status {
        self.machine.status()
    }

    /// The session as it stands: everything up to its sequence number was handed over by the stream.
    pub fn session(&self) -> Option<Session> {
        self.machine.session()
    }

    /// Everything there is to see.
    pub fn snapshot(&mut self) -> Snapshot {
        let now = self.timer.now();
        let mut snapshot = self.machine.snapshot(now);
        // Those that the machine has not been told of yet wait as well.
        snapshot.commands.waiting += self.line.0.len();
        snapshot
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if !self.is_started {
            self.is_started = true;
            // A shard that was closed before its first poll opens nothing.
            let wish = self.line.0.next_wish().unwrap_or(Input::Start);
            self.tell(wish);
        }
        self.line.0.register(cx.waker());
        for _ in 0..PATIENT_ROUNDS {
            match self.machine.poll_output() {
                Output::Close(_, close) => self.transport.close(close),
                Output::Event(event) => {
                    if matches!(event, Event::Stopped { .. }) {
                        self.line.0.stop();
                        // An alarm that is left would keep a JavaScript process alive.
                        self.timer.set(None);
                    }
                    return Poll::Ready(Some(event));
                }
                Output::Identified => self.identified(),
                Output::Open(connection, url) => self.transport.open(connection, &url),
                Output::ReserveIdentify => self.reserve(),
                Output::Transmit(_, frame) => self.transport.send(frame),
                Output::Wait(_) if matches!(self.machine.status(), Status::Stopped) => {
                    return Poll::Ready(None);
                }
                Output::Wait(wake) => {
                    self.timer.set(wake.at);
                    ready!(self.poll_news(cx));
                }
            }
        }
        // Much came in and nothing of it was for the user: let others have a turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the machine whatever happens first: a wish of the user, a command, a message, or time.
    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wish) = self.line.0.next_wish() {
            self.tell(wish);
        } else if let Some(payload) = self.line.0.next_payload(self.machine.waiting()) {
            let now = self.timer.now();
            // The line is no longer than the machine's own, so this is refused only once the shard has stopped.
            let _ = self.machine.send(payload, now);
        } else if let Poll::Ready(event) = self.transport.poll(cx) {
            self.tell(event.into());
        } else {
            ready!(self.timer.poll(cx));
            self.tell(Input::TimePassed);
        }
        Poll::Ready(())
    }

    fn tell(&mut self, input: Input) {
        let now = self.timer.now();
        self.machine.handle(input, now);
    }

    fn reserve(&mut self) {
        let now = self.timer.now();
        let shard = self.machine.config().shard();
        let answer = self.with_slots(|slots| slots.reserve(shard, now));
        self.machine.handle(Input::IdentifyAt(answer), now);
    }

    fn identified(&mut self) {
        let now = self.timer.now();
        let shard = self.machine.config().shard();
        self.with_slots(|slots| slots.sent(shard, now));
    }

    fn with_slots<R>(&self, act: impl FnOnce(&mut Slots) -> R) -> R {
        // Nothing in here panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Shard<T, C> {
    /// The next event; `None` after the end.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.next().await
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for Shard<T, C> {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx)
    }
}

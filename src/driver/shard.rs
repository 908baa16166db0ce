//! One loop that joins machine, socket, clock and commands. Decides nothing about the protocol.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt, future::BoxFuture};

use super::{
    handle::{Errand, Line, Load, ShardHandle, Task},
    news::Teller,
    queue::{Grant, IdentifyQueue},
    timer::Timer,
    transport::Transport,
};
use crate::proto::{
    CommandError, Config, ConfigError, Event, Input, Instant, Output, QueueError, Reply, RequestId,
    Say, Session, ShardId, ShardInfo, ShardMachine, Status, Ticket, Turn, displayed,
};

/// Rounds of one poll without an event for the user, after which others get a turn.
const PATIENT_ROUNDS: u32 = 256;

/// A shard with its socket: a stream of events.
///
/// It does nothing unless polled, so no event is lost before somebody listens, and a slow reader slows the socket. It must be
/// polled steadily all the same, as heartbeats leave when it is polled. The stream ends after [`Event::Stopped`].
#[must_use = "a shard does nothing unless polled"]
pub struct Shard<T, C> {
    machine: ShardMachine,
    transport: T,
    timer: C,
    queue: Box<dyn IdentifyQueue>,
    /// The turn to identify that is waited for.
    turn: Option<BoxFuture<'static, Result<Grant, QueueError>>>,
    line: HandleEnd,
    tellers: Tellers,
    watcher: Option<Watcher>,
    clocks: Clocks,
    is_started: bool,
}

type Watcher = Box<dyn FnMut(ShardId, Watched<'_>) + Send>;

/// A step of a shard, for whoever watches. Printed in a few words, without anything that a message holds.
#[derive(Clone, Copy, Debug)]
pub enum Watched<'a> {
    /// What the machine was told.
    Input(&'a Input),
    /// What the machine wants.
    Output(&'a Output),
}

impl Say for Watched<'_> {
    fn say(&self, out: &mut String) {
        match self {
            Self::Input(input) => input.say(out),
            Self::Output(output) => output.say(out),
        }
    }
}

displayed!(Watched<'_>);

/// Who wants to know what becomes of the commands and requests that the machine holds. As many as the machine bounds.
#[derive(Default)]
struct Tellers {
    commands: Vec<Waiting<Ticket, Result<(), CommandError>>>,
    requests: Vec<Waiting<RequestId, Reply>>,
}

struct Waiting<Id, T> {
    /// The machine's number.
    id: Id,
    /// The errand's number.
    number: u64,
    teller: Teller<T>,
}

/// The two clocks when they were last compared: the timer's, and the one on the wall.
#[derive(Clone, Copy, Debug, Default)]
struct Clocks {
    compared_at: Instant,
    /// `None` before the first comparison, or if there is none.
    wall: Option<Duration>,
}

/// A sleep shorter than this is not told from a clock that is being set right.
const SLEEP: Duration = Duration::from_secs(5);
/// Between two comparisons of the clocks, as reading the one on the wall costs.
const COMPARE_EVERY: Duration = Duration::from_secs(1);

impl Clocks {
    /// How long the computer slept since the last comparison, if it did.
    fn compare(&mut self, now: Instant, wall: Option<Duration>) -> Option<Duration> {
        let passed = now.saturating_since(self.compared_at);
        let on_wall = wall?.saturating_sub(self.wall.unwrap_or(wall?));
        let slept = on_wall.saturating_sub(passed);
        *self = Self { compared_at: now, wall };
        (slept >= SLEEP).then_some(slept)
    }
}

/// The shard's end of the line: whoever holds the other end learns when it is gone.
struct HandleEnd(Arc<Line>);

impl Drop for HandleEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<T: fmt::Debug, C: fmt::Debug> fmt::Debug for Shard<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("machine", &self.machine)
            .field("transport", &self.transport)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}

impl<T: Transport, C: Timer> Shard<T, C> {
    /// A shard that connects when it is first polled. `seed` feeds its jitter.
    #[inline(never)]
    pub fn new(
        config: Config,
        seed: u64,
        queue: impl IdentifyQueue + 'static,
        transport: T,
        timer: C,
    ) -> (Self, ShardHandle) {
        let line = Arc::new(Line::new(config.clone()));
        let handle = ShardHandle::new(Arc::clone(&line));
        let shard = Self {
            machine: ShardMachine::new(config, seed),
            transport,
            timer,
            queue: Box::new(queue),
            turn: None,
            line: HandleEnd(line),
            tellers: Tellers::default(),
            watcher: None,
            clocks: Clocks::default(),
            is_started: false,
        };
        (shard, handle)
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
    pub fn info(&mut self) -> ShardInfo {
        let now = self.timer.now();
        let mut info = self.machine.info(now);
        let load = self.line.0.load();
        // Those that the machine has not been told of yet wait as well.
        info.commands.waiting += load.commands + load.requests;
        info.commands.open_requests += load.requests;
        info.peer = self.transport.peer();
        info
    }

    /// Counts from zero again.
    pub fn reset_counters(&mut self) {
        self.machine.reset_counters();
    }

    /// Shows every step to `watcher`: for logs. It must return at once.
    pub fn watch(&mut self, watcher: impl FnMut(ShardId, Watched<'_>) + Send + 'static) {
        self.watcher = Some(Box::new(watcher));
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
            let output = self.machine.poll_output();
            self.show(|| Watched::Output(&output));
            match output {
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
                Output::Reply(id, reply) => self.tellers.reply(id, reply),
                Output::ReserveIdentify => self.reserve(),
                Output::Settled(ticket, outcome) => self.tellers.settle(ticket, outcome),
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
        // Read once for each message: in a browser every reading crosses into JavaScript.
        let now = self.timer.now();
        if let Some(wish) = self.line.0.next_wish() {
            self.tell_at(wish, now);
        } else if let Some(number) = self.line.0.next_unwanted() {
            self.take_back(number);
        } else if let Some(errand) = self.line.0.next_errand(self.load()) {
            self.run(errand, now);
        } else if let Some(slept) = self.slept(now) {
            self.tell_at(Input::Suspended(slept), now);
        } else if let Some(answer) = self.poll_turn(cx) {
            self.tell_at(answer, now);
        } else if let Poll::Ready(event) = self.transport.poll(cx) {
            self.tell_at(event.into(), now);
        } else {
            ready!(self.timer.poll(cx));
            self.tell(Input::TimePassed);
        }
        Poll::Ready(())
    }

    fn tell(&mut self, input: Input) {
        let now = self.timer.now();
        self.tell_at(input, now);
    }

    fn tell_at(&mut self, input: Input, now: Instant) {
        self.show(|| Watched::Input(&input));
        self.machine.handle(input, now);
    }

    fn show<'a>(&mut self, step: impl FnOnce() -> Watched<'a>) {
        if let Some(watcher) = &mut self.watcher {
            watcher(self.machine.config().shard(), step());
        }
    }

    /// What waits in the machine. Requests that wait to be sent are in its line too.
    fn load(&self) -> Load {
        Load { commands: self.machine.waiting(), requests: self.machine.open_requests() }
    }

    fn run(&mut self, Errand { number, task }: Errand, now: Instant) {
        match task {
            Task::Command { payload, options, teller } => {
                match (self.machine.send(payload, options, now), teller) {
                    (Ok(ticket), Some(teller)) => {
                        self.tellers.commands.push(Waiting { id: ticket, number, teller });
                    }
                    (Err(error), Some(teller)) => teller.tell(Err(error)),
                    (_, None) => {}
                }
            }
            Task::Request { request, options, teller } => {
                match self.machine.request(request, options, now) {
                    Ok(id) => self.tellers.requests.push(Waiting { id, number, teller }),
                    Err(error) => teller.tell(Reply::Failed(error.into())),
                }
            }
        }
    }

    fn take_back(&mut self, number: u64) {
        let Tellers { commands, requests } = &self.tellers;
        if let Some(teller) = commands.iter().find(|teller| teller.number == number) {
            self.machine.cancel(teller.id);
        } else if let Some(teller) = requests.iter().find(|teller| teller.number == number) {
            self.machine.cancel_request(teller.id);
        }
    }

    /// How long the computer slept, if it did so since this was last asked.
    fn slept(&mut self, now: Instant) -> Option<Duration> {
        if now < self.clocks.compared_at + COMPARE_EVERY {
            return None;
        }
        let wall = self.timer.wall();
        self.clocks.compare(now, wall)
    }

    /// Asks for a turn to identify. What was asked before is void.
    fn reserve(&mut self) {
        let now = self.timer.now();
        self.turn = Some(self.queue.turn(self.machine.config().shard(), now));
    }

    /// The queue's answer, if one is waited for and has come.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let turn = self.turn.as_mut()?;
        if self.machine.status() != Status::AwaitingIdentify {
            // The connection ended before: whoever stands behind in the queue moves up.
            self.turn = None;
            return None;
        }
        let Poll::Ready(answer) = turn.poll_unpin(cx) else { return None };
        self.turn = None;
        let now = self.timer.now();
        Some(Input::IdentifyAt(answer.map(|grant| match grant {
            Grant::Now => Turn { at: now, is_held_back: false },
            Grant::At(turn) => turn,
        })))
    }

    fn identified(&mut self) {
        let (now, wall) = (self.timer.now(), self.timer.wall());
        self.queue.identified(self.machine.config().shard(), now, wall);
    }
}

impl Tellers {
    fn settle(&mut self, ticket: Ticket, outcome: Result<(), CommandError>) {
        if let Some(at) = self.commands.iter().position(|teller| teller.id == ticket) {
            self.commands.swap_remove(at).teller.tell(outcome);
        }
    }

    fn reply(&mut self, id: RequestId, reply: Reply) {
        let Some(at) = self.requests.iter().position(|teller| teller.id == id) else { return };
        let is_last = matches!(reply, Reply::Done | Reply::Failed(_));
        self.requests[at].teller.tell(reply);
        if is_last {
            self.requests.swap_remove(at);
        }
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Shard<T, C> {
    /// The next event; `None` after the end.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.next().await
    }

    /// What `pick` makes of the first event that it takes; `None` after the end. Events before that one go no further.
    pub async fn wait_for<R>(&mut self, mut pick: impl FnMut(&Event) -> Option<R>) -> Option<R> {
        while let Some(event) = self.next().await {
            if let Some(picked) = pick(&event) {
                return Some(picked);
            }
        }
        None
    }

    /// Closes with the session kept, and gives the session: for going on in another process. Events that come meanwhile
    /// are not lost, as the session stands before them and a resume brings them again.
    pub async fn disconnect(mut self) -> Option<Session> {
        self.line.0.wish(Input::Close { keep_session: true });
        let mut unread = Vec::new();
        while let Some(event) = self.next().await {
            unread.push(event);
        }
        Some(self.session()?.before(&unread))
    }
}

impl<T: Transport + Unpin, C: Timer + Unpin> Stream for Shard<T, C> {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx)
    }
}

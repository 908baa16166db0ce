//! The conductor: a shard's whole life as a pure value. Knows no socket and no clock.

mod beats;
mod context;
mod cursor;
mod link;
mod state;

use std::{mem, time::Duration};

use self::{context::Context, cursor::Cursor, link::Phase, state::State};
use super::{
    command::Payload,
    config::Config,
    error::{CommandError, ConfigError},
    event::{Counters, Event, EventCounts, SendBudget, ShardInfo, Status},
    exchange::{Input, Output},
    request::{Request, RequestError, RequestId, RequestOptions},
    session::Session,
    time::{Instant, Wake, Why},
    turn::{SendOptions, Ticket, When},
};

/// One shard without its socket.
///
/// Its contract is one mutation, then drain to [`Output::Wait`]:
///
/// 1. Tell what happened by [`handle`](Self::handle), with the time at which it is told. Time must not run backwards.
/// 2. Call [`poll_output`](Self::poll_output) and do what it says until it says `Wait`.
/// 3. Sleep until the instant in `Wait`, or until something happens; then go on with 1 (`Input::TimePassed` if it was
///    only time).
///
/// Nothing that comes from the network makes it panic or fail: faults become outputs.
#[derive(Debug)]
pub struct ShardMachine {
    state: State,
    cx: Context,
    announced: Status,
    now: Instant,
}

impl ShardMachine {
    /// A shard that has not started. `seed` feeds its jitter.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            state: State::Idle,
            cx: Context::new(config, seed),
            announced: Status::Idle,
            now: Instant::ZERO,
        }
    }

    /// Makes it resume `session` instead of identifying.
    #[inline(never)]
    pub fn resume_from(mut self, session: Session) -> Result<Self, ConfigError> {
        if session.shard != self.cx.config.shard {
            return Err(ConfigError::BadSession("it belongs to another shard"));
        }
        if session.id.is_empty() {
            return Err(ConfigError::BadSession("its id is empty"));
        }
        self.cx.cursor = Cursor::take_up(session);
        Ok(self)
    }

    /// Tells what happened. Cannot fail: what the network does wrong becomes outputs.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        if matches!(&input, Input::Received(id, _) if *id == self.cx.connection) {
            self.state.hear();
        }
        let mut state = mem::replace(&mut self.state, State::Idle);
        self.cx.elapse(self.now);
        state = state.elapse(self.now, &mut self.cx);
        state = state.advance(input, self.now, &mut self.cx);
        // What the input made due at once (a slot that is free now, commands that waited for READY) happens now.
        self.cx.elapse(self.now);
        self.state = state.elapse(self.now, &mut self.cx);
        self.announce();
    }

    /// Takes a command. It leaves once the session is ready and the send limits allow it, in order, across reconnects.
    ///
    /// What becomes of it is told once by [`Output::Settled`], unless it is refused here. With [`When::Now`] it is sent or
    /// refused before this returns.
    pub fn send(
        &mut self,
        payload: Payload,
        options: SendOptions,
        now: Instant,
    ) -> Result<Ticket, CommandError> {
        if matches!(self.state, State::Stopped) {
            return Err(CommandError::Stopped);
        }
        let limit = self.cx.config.choices.limits.waiting_commands;
        if self.cx.line.len() >= limit {
            return Err(CommandError::QueueFull { limit });
        }
        let ticket = self.cx.line.push(payload, options, now);
        self.handle(Input::TimePassed, now);
        if options.when == When::Now
            && let Some(held) = self.cx.line.remove(ticket)
        {
            let free_at = self.cx.line.free_at(&held, self.now);
            return Err(CommandError::NotNow { retry_in: self.room_in(free_at) });
        }
        Ok(ticket)
    }

    /// Takes a command back that was not sent yet; gives whether there was one.
    pub fn cancel(&mut self, ticket: Ticket) -> bool {
        let is_waiting = self.cx.line.remove(ticket).is_some();
        if is_waiting {
            self.cx.settle(ticket, Err(CommandError::Cancelled));
        }
        is_waiting
    }

    /// Takes a request, whose answer comes by [`Output::Reply`]. It is sent as a command is, and again after `RATE_LIMITED`,
    /// in a new session, or if a resume does not bring the rest.
    pub fn request(
        &mut self,
        request: Request,
        options: RequestOptions,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        if matches!(self.state, State::Stopped) {
            return Err(CommandError::Stopped);
        }
        let limit = self.cx.config.choices.limits.open_requests;
        if self.cx.requests.len() >= limit {
            return Err(CommandError::QueueFull { limit });
        }
        request.check(&self.cx.config)?;
        let id = self.cx.requests.push(request, options, self.now.max(now));
        self.handle(Input::TimePassed, now);
        Ok(id)
    }

    /// Gives a request up: the rest of its answer is not collected.
    pub fn cancel_request(&mut self, id: RequestId) {
        self.cx.fail_request(id, RequestError::Cancelled);
        self.cx.tell_replies();
    }

    /// What to do next. `Wait` means "nothing more".
    pub fn poll_output(&mut self) -> Output {
        self.cx.outputs.pop_front().unwrap_or_else(|| Output::Wait(self.wake()))
    }

    fn wake(&self) -> Wake {
        let deadline =
            |at: Option<Instant>| at.map_or(Wake::NEVER, |at| Wake::at(at, Why::Patience));
        self.state
            .wake(self.now, &self.cx)
            .sooner(deadline(self.cx.line.expires_at()))
            .sooner(deadline(self.cx.requests.wake()))
    }

    /// What the shard is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status(self.now, &self.cx)
    }

    /// The session as it stands: everything up to its sequence number was given out by [`poll_output`](Self::poll_output)
    /// or waits there.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        self.cx.session()
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.cx.config
    }

    /// Commands that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.cx.line.len()
    }

    /// Requests whose answers are being collected.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.cx.requests.len()
    }

    /// Everything there is to see, at `now`.
    #[must_use]
    pub fn info(&self, now: Instant) -> ShardInfo {
        let now = self.now.max(now);
        let config = &self.cx.config;
        let is_up = matches!(self.state, State::Up(_));
        ShardInfo {
            status: self.state.status(now, &self.cx),
            shard: config.shard,
            session: self.cx.session(),
            version: config.choices.version,
            intents: config.choices.intents.bits(),
            encoding: config.choices.encoding.parameter(),
            compression: config.choices.compression.name(),
            gateway_url: config.with_query(&config.url),
            connected_url: self.cx.connected_url.clone(),
            connection_id: self.cx.connection.get(),
            peer: None,
            uptime: self.cx.started_at.map(|at| now.saturating_since(at)).unwrap_or_default(),
            heartbeat: self.cx.beats.latency(is_up, now),
            commands: self.send_budget(now),
            counters: self.cx.counters,
            events: self.cx.events.clone(),
        }
    }

    /// Counts from zero again. What a limit rests on is not touched.
    pub fn reset_counters(&mut self) {
        self.cx.counters = Counters::default();
        self.cx.events = EventCounts::default();
    }

    fn send_budget(&self, now: Instant) -> SendBudget {
        let (limit, available, free_at) = match &self.state {
            State::Up(link) => {
                let limiter = &link.limiter;
                (limiter.limit(), limiter.available(now), limiter.user_free_at(now))
            }
            _ => (0, 0, now),
        };
        SendBudget {
            limit,
            available,
            next_in: free_at.saturating_since(now),
            waiting: self.cx.line.len(),
            presences: self.cx.line.presences(now),
            next_presence_in: self.cx.line.presence_at(now).saturating_since(now),
            open_requests: self.cx.requests.len(),
        }
    }

    /// How long until the limit for all lets a command through that its own limits free at `free_at`; `None` if it is no
    /// limit that holds it back.
    fn room_in(&self, free_at: Instant) -> Option<Duration> {
        let State::Up(link) = &self.state else { return None };
        matches!(link.phase, Phase::Ready)
            .then(|| free_at.max(link.limiter.user_free_at(self.now)).saturating_since(self.now))
    }

    /// Says that the status changed, if it did. The time left to the next connection is no change.
    fn announce(&mut self) {
        let status = self.status();
        let is_same = match (status, self.announced) {
            (
                Status::Disconnected { attempt, .. },
                Status::Disconnected { attempt: announced, .. },
            ) => attempt == announced,
            (status, announced) => status == announced,
        };
        if !is_same {
            let previous = mem::replace(&mut self.announced, status);
            let event = Event::StatusChanged { status, previous };
            // `Stopped` is the last event, so the status goes before it.
            let stopped = match self.cx.outputs.back() {
                Some(Output::Event(Event::Stopped { .. })) => self.cx.outputs.pop_back(),
                _ => None,
            };
            self.cx.emit(event);
            self.cx.outputs.extend(stopped);
        }
    }
}

//! The conductor: a shard's whole life as a pure value. Knows no socket and no clock.

mod context;
mod link;
mod state;

use std::mem;

use self::{context::Context, state::State};
use super::{
    command::Payload,
    config::Config,
    error::{CommandError, ConfigError},
    event::{Event, SendBudget, Snapshot, Status},
    exchange::{Input, Output},
    session::Session,
    time::Instant,
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
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            state: State::Idle,
            cx: Context::new(config, seed),
            announced: Status::Idle,
            now: Instant::ZERO,
        }
    }

    /// Makes it resume `session` instead of identifying.
    pub fn resume_from(mut self, session: Session) -> Result<Self, ConfigError> {
        if session.shard != self.cx.config.shard {
            return Err(ConfigError::BadSession("it belongs to another shard"));
        }
        if session.id.is_empty() {
            return Err(ConfigError::BadSession("its id is empty"));
        }
        self.cx.take_up(session);
        Ok(self)
    }

    /// Tells what happened. Cannot fail: what the network does wrong becomes outputs.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.now = self.now.max(now);
        if matches!(&input, Input::Received(id, _) if *id == self.cx.connection) {
            self.state.hear();
        }
        let mut state = mem::replace(&mut self.state, State::Idle);
        state = state.elapse(self.now, &mut self.cx);
        state = state.advance(input, self.now, &mut self.cx);
        // What the input made due at once (a slot that is free now, commands that waited for READY) happens now.
        self.state = state.elapse(self.now, &mut self.cx);
        self.announce();
    }

    /// Queues a command. It leaves once the session is ready and the send limit allows it, in order, across reconnects.
    pub fn send(&mut self, payload: Payload, now: Instant) -> Result<(), CommandError> {
        if matches!(self.state, State::Stopped) {
            return Err(CommandError::Stopped);
        }
        let limit = self.cx.config.choices.limits.waiting_commands;
        if self.cx.line.len() >= limit {
            return Err(CommandError::QueueFull { limit });
        }
        self.cx.line.push_back(payload);
        self.handle(Input::TimePassed, now);
        Ok(())
    }

    /// What to do next. `Wait` means "nothing more".
    pub fn poll_output(&mut self) -> Output {
        self.cx
            .outputs
            .pop_front()
            .unwrap_or_else(|| Output::Wait(self.state.wake(self.now, &self.cx)))
    }

    /// What the shard is doing.
    pub fn status(&self) -> Status {
        self.state.status(self.now, &self.cx)
    }

    /// The session as it stands: everything up to its sequence number was given out by [`poll_output`](Self::poll_output)
    /// or waits there.
    pub fn session(&self) -> Option<Session> {
        self.cx.session()
    }

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.cx.config
    }

    /// Commands that wait.
    pub fn waiting(&self) -> usize {
        self.cx.line.len()
    }

    /// Everything there is to see, at `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let now = self.now.max(now);
        let config = &self.cx.config;
        Snapshot {
            status: self.state.status(now, &self.cx),
            shard: config.shard,
            session: self.cx.session(),
            gateway_url: config.with_query(&config.url),
            connected_url: self.cx.connected_url.clone(),
            connection_id: self.cx.connection.get(),
            heartbeat: self.cx.latency.clone(),
            commands: self.send_budget(now),
            counters: self.cx.counters,
        }
    }

    fn send_budget(&self, now: Instant) -> SendBudget {
        let waiting = self.cx.line.len();
        match &self.state {
            State::Up(link) => SendBudget {
                limit: link.limiter.limit(),
                available: link.limiter.available(now),
                next_in: link.limiter.user_free_at(now).saturating_since(now),
                waiting,
            },
            _ => SendBudget { waiting, ..SendBudget::default() },
        }
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
            let at = match self.cx.outputs.back() {
                Some(Output::Event(Event::Stopped { .. })) => self.cx.outputs.len() - 1,
                _ => self.cx.outputs.len(),
            };
            self.cx.outputs.insert(at, Output::Event(event));
        }
    }
}

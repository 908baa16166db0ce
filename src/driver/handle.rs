//! What a user holds to speak to a running shard from elsewhere: a bounded line and one waker.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
};

use super::{
    answer::Collecting,
    news::{self, Teller},
    sending::Sending,
};
use crate::proto::{
    Command, CommandError, Config, Input, Payload, Reply, Request, RequestChannelInfo,
    RequestError, RequestGuildMembers, RequestOptions, RequestSoundboardSounds, SendOptions,
    VoiceState,
};

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
}

/// What waits on its way to the shard.
pub(super) struct Line {
    inner: Mutex<Waiting>,
    config: Config,
}

#[derive(Default)]
struct Waiting {
    /// The shard's task, if it waits.
    waker: Option<Waker>,
    errands: Vec<Errand>,
    /// Errands that the shard has taken and that nobody wants any more.
    unwanted: Vec<u64>,
    /// The number of the newest errand.
    newest: u64,
    /// The newest wish about the life cycle; closing is never replaced by another.
    wish: Option<Input>,
    /// What waits in the machine.
    in_machine: Load,
    is_stopped: bool,
}

/// How much waits, by what bounds it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    pub commands: usize,
    pub requests: usize,
}

/// Something to be done by the shard.
pub(super) struct Errand {
    pub number: u64,
    pub task: Task,
}

/// What is to be done, and who wants to know.
pub(super) enum Task {
    Command {
        payload: Payload,
        options: SendOptions,
        /// `None`: nobody.
        teller: Option<Teller<Result<(), CommandError>>>,
    },
    Request {
        request: Request,
        options: RequestOptions,
        teller: Teller<Reply>,
    },
}

impl Task {
    /// Tells whoever wants to know that it was taken back. Nobody may be left.
    fn cancel(self) {
        match self {
            Self::Command { teller: Some(teller), .. } => {
                teller.tell(Err(CommandError::Cancelled));
            }
            Self::Command { teller: None, .. } => {}
            Self::Request { teller, .. } => {
                teller.tell(Reply::Failed(RequestError::Cancelled));
            }
        }
    }
}

impl ShardHandle {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line }
    }

    /// Queues a command. It is sent once the session is ready and the send limits allow it, also after a reconnect.
    pub fn send(&self, command: &Command) -> Result<(), CommandError> {
        self.send_payload(command, SendOptions::default(), None).map(|_| ())
    }

    /// Queues a command with a choice of how it waits, and tells what became of it.
    pub fn send_with(
        &self,
        command: &Command,
        options: SendOptions,
    ) -> Result<Sending, CommandError> {
        let (teller, outcome) = news::line();
        let number = self.send_payload(command, options, Some(teller))?;
        Ok(Sending::new(outcome, Arc::clone(&self.line), number))
    }

    /// Asks the Gateway something and collects the answer.
    pub fn request(
        &self,
        request: Request,
        options: RequestOptions,
    ) -> Result<Collecting, CommandError> {
        // Told now rather than by the answer, as it is the caller's fault.
        request.check(&self.line.config)?;
        let (teller, replies) = news::line();
        let number = self.line.push(Task::Request { request, options, teller })?;
        Ok(Collecting::new(replies, Arc::clone(&self.line), number))
    }

    /// Collects members of a guild.
    pub fn request_members(
        &self,
        request: RequestGuildMembers,
    ) -> Result<Collecting, CommandError> {
        self.request(Request::Members(request), RequestOptions::default())
    }

    /// Collects the soundboard sounds of guilds.
    pub fn request_soundboard_sounds(
        &self,
        guild_ids: Vec<String>,
    ) -> Result<Collecting, CommandError> {
        let request = RequestSoundboardSounds { guild_ids };
        self.request(Request::Soundboard(request), RequestOptions::default())
    }

    /// Collects what is set on the channels of a guild.
    pub fn request_channel_info(
        &self,
        request: RequestChannelInfo,
    ) -> Result<Collecting, CommandError> {
        self.request(Request::ChannelInfo(request), RequestOptions::default())
    }

    /// Joins a voice channel, moves to it, or leaves; the answer holds what a voice connection needs.
    pub fn update_voice_state(&self, state: VoiceState) -> Result<Collecting, CommandError> {
        self.request(Request::Voice(state), RequestOptions::default())
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

    /// Takes a command or request back by the number that its [`Sending`] or [`Collecting`] has; whoever awaits it learns that
    /// it was cancelled. Does nothing if it was sent already, or answered.
    pub fn take_back(&self, number: u64) {
        self.line.take_back(number);
    }

    fn send_payload(
        &self,
        command: &Command,
        options: SendOptions,
        teller: Option<Teller<Result<(), CommandError>>>,
    ) -> Result<u64, CommandError> {
        let payload = command.encode(&self.line.config)?;
        self.line.push(Task::Command { payload, options, teller })
    }
}

impl fmt::Debug for ShardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardHandle").finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(config: Config) -> Self {
        Self { inner: Mutex::default(), config: config.without_hooks() }
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.lock(|waiting| {
            if !waiting.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                waiting.waker = Some(waker.clone());
            }
        });
    }

    /// The next wish about the life cycle.
    pub(super) fn next_wish(&self) -> Option<Input> {
        self.lock(|waiting| waiting.wish.take())
    }

    /// The next errand, with what the machine holds already told.
    pub(super) fn next_errand(&self, in_machine: Load) -> Option<Errand> {
        self.lock(|waiting| {
            waiting.in_machine = in_machine;
            if waiting.errands.is_empty() {
                return None;
            }
            let errand = waiting.errands.remove(0);
            waiting.in_machine.add(&errand.task);
            Some(errand)
        })
    }

    /// An errand that the shard has taken and that nobody wants any more.
    pub(super) fn next_unwanted(&self) -> Option<u64> {
        self.lock(|waiting| waiting.unwanted.pop())
    }

    /// What waits here.
    pub(super) fn load(&self) -> Load {
        self.lock(|waiting| waiting.load())
    }

    /// Nothing is taken any more. Whoever waits for an outcome learns that there will be none, as its teller is dropped.
    pub(super) fn stop(&self) {
        self.lock(|waiting| *waiting = Waiting { is_stopped: true, ..Waiting::default() });
    }

    /// Nobody wants the outcome of an errand any more.
    pub(super) fn take_back(&self, number: u64) {
        let errand = self.lock(|waiting| {
            let place = waiting.errands.iter().position(|errand| errand.number == number);
            if let Some(place) = place {
                return Some(waiting.errands.remove(place).task);
            }
            let is_known = number <= waiting.newest && !waiting.unwanted.contains(&number);
            waiting.unwanted.extend((is_known && !waiting.is_stopped).then_some(number));
            None
        });
        if let Some(task) = errand {
            task.cancel();
        }
        self.wake();
    }

    fn push(&self, task: Task) -> Result<u64, CommandError> {
        let number = self.lock(|waiting| {
            if waiting.is_stopped {
                return Err(CommandError::Stopped);
            }
            let limits = self.config.limits();
            let load = waiting.load();
            let (held, limit) = match &task {
                Task::Command { .. } => {
                    (load.commands + waiting.in_machine.commands, limits.waiting_commands)
                }
                Task::Request { .. } => {
                    (load.requests + waiting.in_machine.requests, limits.open_requests)
                }
            };
            if held >= limit {
                return Err(CommandError::QueueFull { limit });
            }
            waiting.newest += 1;
            waiting.errands.push(Errand { number: waiting.newest, task });
            Ok(waiting.newest)
        })?;
        self.wake();
        Ok(number)
    }

    pub(super) fn wish(&self, wish: Input) {
        self.lock(|waiting| {
            if !matches!(waiting.wish, Some(Input::Close { .. })) {
                waiting.wish = Some(wish);
            }
        });
        self.wake();
    }

    /// Lets the shard look at what waits.
    fn wake(&self) {
        // Out of the lock, as it is foreign code.
        if let Some(waker) = self.lock(|waiting| waiting.waker.take()) {
            waker.wake();
        }
    }

    fn lock<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        // Nothing in here panics half-way, so a poisoned lock still holds sound data.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Waiting {
    fn load(&self) -> Load {
        let mut load = Load::default();
        self.errands.iter().for_each(|errand| load.add(&errand.task));
        load
    }
}

impl Load {
    fn add(&mut self, task: &Task) {
        match task {
            Task::Command { .. } => self.commands += 1,
            Task::Request { .. } => self.requests += 1,
        }
    }
}

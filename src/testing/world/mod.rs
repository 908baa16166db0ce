//! A world in virtual time: shards, a server, and an imperfect wire between them. Reads no clock; years pass in no time.
//!
//! It plays the driver by the core's contract (one input, then outputs until `Wait`) and watches over it: a shard that
//! sends on a closed socket, waits for nothing, speaks after its end or never comes to rest makes the world panic with the
//! last steps told.

mod client;
mod server;
mod wire;
mod words;

use std::{collections::VecDeque, time::Duration};

pub use self::{
    client::{Client, Closed, Deed, Opened, Sent},
    server::{ByHand, Heard, Line, Server},
    words::in_words,
};
use self::{
    wire::{End, Parcel, Socket, Wire},
    words::{json, what, what_out},
};
use super::{
    exchange::{Host, Peer, Refusal, ServerInput, ServerOutput},
    gateway::Gateway,
    options::GatewayOptions,
    script::Fault,
};
use crate::proto::{
    Close, Command, CommandError, Config, ConfigBuilder, ConnectionId, Dispatch, Envelope, Event,
    Frame, Input, Instant, Opcode, Output, Random, Request, RequestId, RequestOptions, SendOptions,
    Session, SessionStartLimit, ShardInfo, ShardMachine, Slots, Status, Ticket,
};

/// Shards, a server and the wire between them.
///
/// ```
/// use shardwire::{
///     proto::{Config, Intents},
///     testing::{GatewayOptions, Host, World},
/// };
///
/// let config = Config::builder("token", Intents::GUILDS);
/// let mut world = World::new(GatewayOptions::default(), config);
/// world.start();
/// world.until_ready();
/// world.pass(10);
/// world.cut();
/// world.until_ready();
/// assert_eq!(world.hosts(), [Host::Base, Host::Resume]);
/// ```
pub struct World<S = Gateway> {
    server: S,
    clients: Vec<Client>,
    slots: Slots,
    now: Instant,
    wire: Wire,
    server_wakes_at: Option<Instant>,
    /// `None`: nothing is told, which is cheaper.
    story: Option<VecDeque<String>>,
    rest: Restlessness,
}

/// Counts steps at one moment: a world that never comes to rest has a fault.
#[derive(Default)]
struct Restlessness {
    at: Instant,
    steps: u32,
    idle_steps: u32,
}

/// Steps at one moment that no honest world needs.
const MOST_STEPS: u32 = 1_000_000;
/// Wake-ups at one moment, of shards that had nothing to do.
const MOST_IDLE_STEPS: u32 = 1000;
/// Steps that are told when something is wrong.
const STORY: usize = 60;

impl World<Gateway> {
    /// A mock gateway and one shard that connects to it. The address of `config` is replaced by the gateway's, and the
    /// identify ledger is what the gateway says it is.
    ///
    /// # Panics
    ///
    /// If `config` is not valid.
    #[must_use]
    pub fn new(options: GatewayOptions, config: ConfigBuilder) -> Self {
        let url = options.url.clone();
        let gateway = Gateway::new(options, Instant::ZERO);
        let config = config.url(url).allow_insecure(true).build().expect("a valid configuration");
        let mut world = Self::against(gateway, config);
        world.ask_for_limit();
        world
    }

    /// Asks the gateway once more how many identifies are left, as a program does at its start.
    ///
    /// # Panics
    ///
    /// If the gateway's answer cannot be read, which would be its fault.
    pub fn ask_for_limit(&mut self) {
        #[derive(serde::Deserialize)]
        struct Body {
            session_start_limit: SessionStartLimit,
        }
        let body = self.server.gateway_bot_body(self.now);
        let Body { session_start_limit } =
            serde_json::from_str(&body).expect("the gateway's own answer");
        self.slots = Slots::new(session_start_limit, self.now);
    }

    /// Lets a fault happen now.
    pub fn inject(&mut self, fault: Fault) {
        self.tell(|| format!("fault: {fault:?}"));
        self.server.handle(ServerInput::Inject(fault), self.now);
    }

    /// Lets the gateway send an event to every session, those of absent clients included.
    pub fn emit(&mut self, name: &str, data: &str) {
        // Time that passed unseen must have happened first.
        self.server.handle(ServerInput::TimePassed, self.now);
        self.server.emit(name, data);
    }
}

impl<S: Server> World<S> {
    /// A server of any kind and one shard, with the identify limits of a small bot.
    pub fn against(server: S, config: Config) -> Self {
        Self {
            server,
            clients: vec![Client::new(ShardMachine::new(config, 1))],
            slots: Slots::new(SessionStartLimit::default(), Instant::ZERO),
            now: Instant::ZERO,
            wire: Wire::new(),
            server_wakes_at: None,
            story: Some(VecDeque::new()),
            rest: Restlessness::default(),
        }
    }

    // Before the story.

    /// Another seed for the shards' and the wire's chance. For worlds that have not started.
    pub fn seed(mut self, seed: u64) -> Self {
        self.wire.chance = Random::new(seed);
        for (client, seed) in self.clients.iter_mut().zip(seed..) {
            client.machine = ShardMachine::new(client.machine.config().clone(), seed);
        }
        self
    }

    /// One more shard, which shares the identify ledger. Its number in the world is one more than the last's.
    pub fn and_shard(mut self, config: Config) -> Self {
        let seed = self.clients.len() as u64 + 1;
        self.clients.push(Client::new(ShardMachine::new(config, seed)));
        self
    }

    /// Makes the first shard resume `session`.
    ///
    /// # Panics
    ///
    /// If it belongs to another shard.
    pub fn resume_from(mut self, session: Session) -> Self {
        let client = &mut self.clients[0];
        let machine = ShardMachine::new(client.machine.config().clone(), 1);
        client.machine = machine.resume_from(session).expect("a session of this shard");
        self
    }

    /// Another identify ledger.
    pub fn limit(mut self, limit: SessionStartLimit) -> Self {
        self.slots = Slots::new(limit, self.now);
        self
    }

    /// Keeps nothing of what shards do: [`take_deeds`](Self::take_deeds) hands it over, and the lists of each [`Client`] stay
    /// empty. For worlds that live long.
    pub fn handing_over(mut self) -> Self {
        self.clients.iter_mut().for_each(|client| client.deeds = Some(Vec::new()));
        self
    }

    /// Tells no [`story`](Self::story). For worlds in such numbers that it would cost too much; the seed of one that fails
    /// tells it again.
    pub fn silent(mut self) -> Self {
        self.story = None;
        self
    }

    // The story.

    /// Starts all shards.
    pub fn start(&mut self) {
        (0..self.clients.len()).for_each(|client| self.input_to(client, Input::Start));
    }

    /// Lets seconds pass.
    pub fn pass(&mut self, secs: u64) {
        self.pass_ms(secs * 1000);
    }

    /// Lets milliseconds pass.
    pub fn pass_ms(&mut self, millis: u64) {
        self.pass_watched(Duration::from_millis(millis), |_| {});
    }

    /// Lets time pass, and lets `watch` look after each step.
    pub fn pass_watched(&mut self, span: Duration, mut watch: impl FnMut(&mut Self)) {
        let end = self.now + span;
        while self.step(end) {
            watch(self);
        }
        self.now = end;
    }

    /// Lets the shards sleep as a computer does: the clock, the wire and the server go on, and the shards are told afterwards.
    pub fn suspend(&mut self, secs: u64) {
        let end = self.now + Duration::from_secs(secs);
        while self.step_without_clients(end) {}
        self.now = end;
        self.tell(|| format!("woke up after {secs} s"));
    }

    /// Lets time pass until `is_so`, which is looked at after each step.
    ///
    /// # Panics
    ///
    /// If that takes more than `secs` seconds; with the last steps told.
    #[track_caller]
    pub fn until(&mut self, secs: u64, is_so: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(secs);
        while !is_so(self) {
            let goes_on = self.step(end);
            assert!(goes_on, "expected it within {secs} seconds\n{}", self.story());
        }
    }

    /// Lets time pass until all shards receive events, and what is under way has arrived.
    ///
    /// # Panics
    ///
    /// If that takes more than ten minutes.
    #[track_caller]
    pub fn until_ready(&mut self) {
        self.settle();
        self.until(600, |world| {
            world.clients.iter().all(|client| client.status() == Status::Ready)
        });
        self.settle();
    }

    /// Lets time pass until the first shard has stopped.
    ///
    /// # Panics
    ///
    /// If that takes more than ten minutes.
    #[track_caller]
    pub fn until_stopped(&mut self) {
        self.until(600, |world| world.status() == Status::Stopped);
    }

    /// Lets time pass until nothing is under way on the wire.
    fn settle(&mut self) {
        self.drain_server();
        while let Some(at) = self.wire.next_at() {
            self.step(at);
        }
    }

    /// Tells the first shard something, as a user or a driver would.
    pub fn input(&mut self, input: Input) {
        self.input_to(0, input);
    }

    /// Tells a shard something.
    pub fn input_to_shard(&mut self, number: usize, input: Input) {
        self.input_to(number, input);
    }

    /// Ends the first shard.
    pub fn close(&mut self, keep_session: bool) {
        self.input(Input::Close { keep_session });
    }

    /// Queues a command on the first shard.
    pub fn send(&mut self, command: &Command) -> Result<(), CommandError> {
        self.send_with(command, SendOptions::default()).map(|_| ())
    }

    /// Queues a command on the first shard, with a choice of how it waits.
    pub fn send_with(
        &mut self,
        command: &Command,
        options: SendOptions,
    ) -> Result<Ticket, CommandError> {
        self.send_by_shard(0, command, options)
    }

    /// Queues a command on a shard.
    pub fn send_by_shard(
        &mut self,
        number: usize,
        command: &Command,
        options: SendOptions,
    ) -> Result<Ticket, CommandError> {
        let machine = &mut self.clients[number].machine;
        let payload = command.encode(machine.config())?;
        let result = machine.send(payload, options, self.now);
        self.drain_client(number);
        result
    }

    /// Asks something through the first shard.
    pub fn request(
        &mut self,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, CommandError> {
        self.request_by_shard(0, request, options)
    }

    /// Asks something through a shard.
    pub fn request_by_shard(
        &mut self,
        number: usize,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, CommandError> {
        let result = self.clients[number].machine.request(request, options, self.now);
        self.drain_client(number);
        result
    }

    /// Does something with the machine of the first shard, as a driver would.
    pub fn with_machine<R>(&mut self, act: impl FnOnce(&mut ShardMachine) -> R) -> R {
        self.with_machine_of(0, act)
    }

    /// Does something with the machine of a shard, as a driver would.
    pub fn with_machine_of<R>(
        &mut self,
        number: usize,
        act: impl FnOnce(&mut ShardMachine) -> R,
    ) -> R {
        let result = act(&mut self.clients[number].machine);
        self.drain_client(number);
        result
    }

    /// Ends the process that a shard runs in, and starts another that takes up what was saved: the session as it stands.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    pub fn restart(&mut self, client: usize, seed: u64) {
        let session = self.clients[client].machine.session();
        self.restart_from(client, seed, session);
    }

    /// Ends the process that a shard runs in, and starts another that takes up `session`, or nothing.
    ///
    /// # Panics
    ///
    /// If there is no such shard, or the session belongs to another.
    pub fn restart_from(&mut self, client: usize, seed: u64, session: Option<Session>) {
        self.tell(|| format!("shard {client}: another process takes over"));
        self.wire.abandon_all_of(client, self.now);
        let old = &mut self.clients[client];
        let mut machine = ShardMachine::new(old.config.clone(), seed);
        if let Some(session) = session {
            machine = machine.resume_from(session).expect("a session of this shard");
        }
        old.machine = machine;
        old.is_over = false;
        self.input_to(client, Input::Start);
    }

    // The wire.

    /// How long a message takes from now on. A handshake takes two such times.
    pub fn delay(&mut self, millis: u64) {
        self.wire.delay = Duration::from_millis(millis);
    }

    /// How much longer, by chance, a message may take from now on. The order of messages is kept.
    pub fn jitter(&mut self, millis: u64) {
        self.wire.jitter = Duration::from_millis(millis);
    }

    /// Breaks all connections. What is under way is lost, and both ends notice.
    pub fn cut(&mut self) {
        self.drain_server();
        self.tell(|| "the wire is cut".into());
        self.wire.cut(self.now);
    }

    /// Makes all connections dead without anybody noticing: nothing passes any more, not even a close.
    pub fn half_open(&mut self) {
        self.tell(|| "the wire is dead".into());
        self.wire.half_open();
    }

    /// Takes the network away: connections are dead, and new ones fail at once.
    pub fn unplug(&mut self) {
        self.half_open();
        self.wire.is_unplugged = true;
    }

    /// Gives the network back.
    pub fn plug_in(&mut self) {
        self.wire.is_unplugged = false;
    }

    /// Lets the next connections fail, to one address or to any.
    pub fn refuse(&mut self, host: impl Into<Option<Host>>, times: u32) {
        self.wire.expect_trouble(host.into(), times, true);
    }

    /// Leaves the next connections without any answer, to one address or to any.
    pub fn ignore(&mut self, host: impl Into<Option<Host>>, times: u32) {
        self.wire.expect_trouble(host.into(), times, false);
    }

    // What there is to see.

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Whether what a shard sends on this connection can still reach the server.
    pub fn is_path_alive(&self, peer: Peer) -> bool {
        let is_alive = |socket: &Socket| !socket.is_dead && socket.client_end == End::Open;
        self.wire.socket(peer).is_some_and(is_alive)
    }

    /// The server.
    pub fn server(&self) -> &S {
        &self.server
    }

    /// The server, to do something with.
    pub fn server_mut(&mut self) -> &mut S {
        &mut self.server
    }

    /// The identify ledger.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// A shard by its number in the world.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn shard(&self, number: usize) -> &Client {
        &self.clients[number]
    }

    /// What the first shard is doing.
    pub fn status(&self) -> Status {
        self.shard(0).status()
    }

    /// The session of the first shard.
    pub fn session(&self) -> Option<Session> {
        self.shard(0).machine.session()
    }

    /// Everything there is to see of the first shard.
    pub fn info(&self) -> ShardInfo {
        self.shard(0).machine.info(self.now)
    }

    /// All events of the first shard so far.
    pub fn events(&self) -> Vec<&Event> {
        self.shard(0).events()
    }

    /// The events of the first shard since this was last called.
    pub fn take_events(&mut self) -> Vec<Event> {
        let client = &mut self.clients[0];
        let new = client.events[client.taken..].iter().map(|(_, event)| event.clone()).collect();
        client.taken = client.events.len();
        new
    }

    /// The events of the first shard since [`take_events`](Self::take_events) or this was last called, each in a few words
    /// and without its times; see [`in_words`].
    pub fn names(&mut self) -> Vec<String> {
        self.take_events().iter().map(in_words).collect()
    }

    /// The dispatches of the first shard so far.
    pub fn dispatches(&self) -> Vec<&Dispatch> {
        self.shard(0).dispatches()
    }

    /// The addresses that the first shard opened, or tried to.
    pub fn opened_urls(&self) -> Vec<&str> {
        self.shard(0).opened().iter().map(|opened| opened.url.as_str()).collect()
    }

    /// The addresses that the first shard opened, or tried to, by their kind.
    pub fn hosts(&self) -> Vec<Host> {
        self.shard(0).opened().iter().map(|opened| opened.host).collect()
    }

    /// The messages of one kind that the first shard sent.
    pub fn sent(&self, op: Opcode) -> Vec<&Sent> {
        self.shard(0).sends().iter().filter(|sent| sent.op == op).collect()
    }

    /// The codes with which the first shard closed.
    pub fn close_codes(&self) -> Vec<u16> {
        self.shard(0).closed().iter().map(|closed| closed.close.code).collect()
    }

    /// What a shard did since this was last called, in order, in a world that is [`handing_over`](Self::handing_over). What
    /// `deeds` held is forgotten, its room is used again.
    pub fn take_deeds(&mut self, number: usize, deeds: &mut Vec<Deed>) {
        deeds.clear();
        if let Some(new) = &mut self.clients[number].deeds {
            std::mem::swap(new, deeds);
        }
    }

    /// The last steps, one in a line.
    pub fn story(&self) -> String {
        self.story.iter().flatten().flat_map(|line| [line, "\n"]).collect()
    }

    // The clockwork.

    /// Does the next thing that is due by `end`; `false` if there is none.
    fn step(&mut self, end: Instant) -> bool {
        self.drain_server();
        let parcel = self.wire.next_at();
        let server = self.server_wakes_at;
        let client = (0..self.clients.len())
            .filter_map(|client| Some((self.clients[client].wakes_at?, client)))
            .min();
        let next = parcel.into_iter().chain(server).chain(client.map(|(at, _)| at)).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        let is_idle = parcel != Some(next) && server != Some(next);
        self.count_step(is_idle);
        if parcel == Some(next) {
            if let Some(parcel) = self.wire.take_first() {
                self.deliver(parcel);
            }
        } else if server == Some(next) {
            self.server_wakes_at = None;
            self.server.handle(ServerInput::TimePassed, self.now);
        } else if let Some((_, client)) = client {
            self.input_to(client, Input::TimePassed);
        }
        self.drain_server();
        true
    }

    /// Like [`step`](Self::step), for the server's end alone.
    fn step_without_clients(&mut self, end: Instant) -> bool {
        self.drain_server();
        let parcel = self.wire.next_for_server();
        let server = self.server_wakes_at;
        let next = parcel.map(|(at, _)| at).into_iter().chain(server).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        self.count_step(false);
        match parcel {
            Some(key) if key.0 == next => {
                if let Some(parcel) = self.wire.take(key) {
                    self.deliver(parcel);
                }
            }
            _ => {
                self.server_wakes_at = None;
                self.server.handle(ServerInput::TimePassed, self.now);
            }
        }
        self.drain_server();
        true
    }

    fn count_step(&mut self, is_idle: bool) {
        if self.rest.at != self.now {
            self.rest = Restlessness { at: self.now, ..Restlessness::default() };
        }
        self.rest.steps += 1;
        self.rest.idle_steps += u32::from(is_idle);
        assert!(
            self.rest.steps < MOST_STEPS && self.rest.idle_steps < MOST_IDLE_STEPS,
            "expected time to pass, but the world never comes to rest\n{}",
            self.story()
        );
    }

    fn deliver(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Knock(peer) => self.knock(peer),
            Parcel::ToClient(peer, input) => self.arrive_at_client(peer, input),
            Parcel::ToServer(peer, input) => self.arrive_at_server(peer, input),
        }
    }

    /// A handshake reaches the server.
    fn knock(&mut self, peer: Peer) {
        let Some(socket) = self.wire.socket(peer) else { return };
        if socket.client_end == End::Gone {
            // Its farewell may have overtaken it.
            return self.wire.forget_if_over(peer);
        }
        let (host, connection) = (socket.host, socket.connection);
        let query = socket.query.clone();
        if let Some(is_told) = self.wire.trouble(host) {
            if is_told {
                self.wire.fail(peer, "connection refused", self.now);
            }
            return;
        }
        match self.server.admits(host, self.now) {
            Ok(()) => {
                if let Some(socket) = self.wire.socket_mut(peer) {
                    socket.is_served = true;
                }
                self.wire.post_to_client(peer, Input::Opened(connection), self.now);
                let connected = ServerInput::Connected { peer, host, query };
                self.server.handle(connected, self.now);
            }
            Err(Refusal::Status(status)) => {
                let text = format!("the server answered the handshake with HTTP status {status}");
                self.wire.fail(peer, text, self.now);
            }
            Err(Refusal::Unreachable) => self.wire.fail(peer, "connection refused", self.now),
        }
    }

    fn arrive_at_client(&mut self, peer: Peer, input: Input) {
        let Some(socket) = self.wire.socket_mut(peer) else { return };
        if socket.is_dead || socket.client_end == End::Gone {
            return;
        }
        match input {
            Input::Opened(_) if socket.client_end == End::Opening => socket.client_end = End::Open,
            Input::Closed(..) | Input::Failed(..) | Input::Oversized(_) => {
                socket.client_end = End::Gone;
            }
            _ => {}
        }
        let client = socket.client;
        self.wire.forget_if_over(peer);
        self.input_to(client, input);
    }

    fn arrive_at_server(&mut self, peer: Peer, input: ServerInput) {
        let Some(socket) = self.wire.socket_mut(peer) else { return };
        if socket.is_dead || !socket.is_served {
            self.wire.forget_if_over(peer);
            return;
        }
        if let ServerInput::Disconnected(_, close) = &input {
            socket.is_served = false;
            // A WebSocket answers a close frame by itself, behind everything that it sent before.
            if let (Some(close), End::Closing) = (close.clone(), socket.client_end) {
                let connection = socket.connection;
                self.drain_server();
                self.wire.post_to_client(peer, Input::Closed(connection, Some(close)), self.now);
            }
        }
        self.server.handle(input, self.now);
        self.wire.forget_if_over(peer);
    }

    /// Carries out what the server wants.
    fn drain_server(&mut self) {
        loop {
            match self.server.poll_output() {
                ServerOutput::Send(peer, frame) => self.post_frame(peer, frame),
                ServerOutput::SendFragments(peer, fragments) => {
                    let bytes = fragments.parts.concat();
                    let frame = if fragments.text {
                        Frame::Text(String::from_utf8_lossy(&bytes).into_owned())
                    } else {
                        Frame::Binary(bytes)
                    };
                    self.post_frame(peer, frame);
                }
                ServerOutput::Close(peer, close) => self.end_by_server(peer, Some(close)),
                ServerOutput::CloseWithoutCode(peer) => {
                    self.end_by_server(peer, Some(Close::new(1005, "")));
                }
                ServerOutput::Cut(peer) => self.end_by_server(peer, None),
                ServerOutput::Wait(at) => {
                    // A wake-up in the past has had its chance.
                    self.server_wakes_at = at;
                    return;
                }
            }
        }
    }

    fn post_frame(&mut self, peer: Peer, frame: Frame) {
        let Some(socket) = self.wire.socket(peer) else { return };
        let input = Input::Received(socket.connection, frame);
        self.wire.post_to_client(peer, input, self.now);
    }

    fn end_by_server(&mut self, peer: Peer, close: Option<Close>) {
        let Some(socket) = self.wire.socket_mut(peer) else { return };
        socket.is_served = false;
        let connection = socket.connection;
        self.wire.post_to_client(peer, Input::Closed(connection, close), self.now);
        self.wire.forget_if_over(peer);
    }

    fn input_to(&mut self, client: usize, input: Input) {
        self.tell(|| format!("shard {client} <- {}", what(&input)));
        self.clients[client].machine.handle(input, self.now);
        self.drain_client(client);
    }

    /// Carries out what a shard wants.
    fn drain_client(&mut self, client: usize) {
        for _ in 0..MOST_STEPS {
            let output = self.clients[client].machine.poll_output();
            self.tell(|| format!("shard {client} -> {}", what_out(&output)));
            match output {
                Output::Close(connection, close) => self.on_close(client, connection, close),
                Output::Event(event) => self.on_event(client, event),
                Output::Identified => {
                    let shard = self.clients[client].machine.config().shard();
                    self.slots.sent(shard, self.now);
                }
                Output::Open(connection, url) => self.on_open(client, connection, url),
                Output::Reply(id, reply) => self.clients[client].note_reply(id, reply),
                Output::Settled(ticket, outcome) => {
                    self.clients[client].note_settled(ticket, outcome);
                }
                Output::ReserveIdentify => {
                    let shard = self.clients[client].machine.config().shard();
                    let answer = self.slots.reserve(shard, self.now);
                    self.clients[client]
                        .machine
                        .handle(Input::IdentifyAt(answer.map_err(Into::into)), self.now);
                }
                Output::Transmit(connection, frame) => self.on_transmit(client, connection, frame),
                Output::Wait(wake) => {
                    let status = self.clients[client].status();
                    let may_wait_for_ever = matches!(status, Status::Idle | Status::Stopped);
                    assert!(
                        wake.at.is_some() || may_wait_for_ever,
                        "expected a wake-up while {}\n{}",
                        status.name(),
                        self.story()
                    );
                    self.clients[client].wakes_at = wake.at;
                    return;
                }
            }
        }
        panic!("expected the outputs to end\n{}", self.story());
    }

    fn on_open(&mut self, client: usize, connection: ConnectionId, url: String) {
        self.wire.abandon_all_of(client, self.now);
        let gateway_url = self.clients[client].machine.info(self.now).gateway_url;
        let is_base = origin(&url) == origin(&gateway_url);
        let host = if is_base { Host::Base } else { Host::Resume };
        let query = url.split_once('?').map_or("", |(_, query)| query).to_owned();
        self.clients[client].note_opened(Opened { at: self.now, connection, host, url });
        self.wire.open(client, connection, host, query, self.now);
    }

    fn on_close(&mut self, client: usize, connection: ConnectionId, close: Close) {
        let closed = Closed { at: self.now, connection, close: close.clone() };
        self.clients[client].note_closed(closed);
        let Some(peer) = self.wire.peer_of(client, connection) else { return };
        let is_first = self.wire.close(peer, close, self.now);
        assert!(is_first, "expected one close\n{}", self.story());
    }

    fn on_transmit(&mut self, client: usize, connection: ConnectionId, frame: Frame) {
        let peer = self.wire.peer_of(client, connection);
        let end = peer.and_then(|peer| self.wire.socket(peer)).map(|socket| socket.client_end);
        assert!(
            !matches!(end, Some(End::Opening | End::Closing)),
            "expected nothing to be sent on a socket that is not open\n{}",
            self.story()
        );
        let Some(text) = json(&frame) else {
            panic!("expected JSON or ETF\n{}", self.story());
        };
        let op = Envelope::parse(&text).expect("the shard's own message").opcode;
        self.clients[client].note_sent(connection, op, text.into_owned(), self.now);
        // Transports ignore what is sent on a socket that just ended.
        if let Some(peer) = peer {
            self.wire.post_to_server(peer, ServerInput::Received(peer, frame), self.now);
        }
    }

    fn on_event(&mut self, client: usize, event: Event) {
        let is_over = self.clients[client].is_over;
        assert!(!is_over, "expected nothing after the end, got {event:?}\n{}", self.story());
        self.clients[client].note_event(event, self.now);
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        let Some(story) = &mut self.story else { return };
        if story.len() == STORY {
            story.pop_front();
        }
        let secs = self.now.since_epoch().as_secs_f64();
        story.push_back(format!("{secs:>10.3} s  {}", line()));
    }
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    &url[..end]
}

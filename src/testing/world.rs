//! A world in virtual time: shards, a server, and an imperfect wire between them. Reads no clock; years pass in no time.
//!
//! It plays the driver by the core's contract (one input, then outputs until `Wait`) and watches over it: a shard that
//! sends on a closed socket, waits for nothing, speaks after its end or never comes to rest makes the world panic with the
//! last steps told.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use super::{
    etf,
    exchange::{Host, Peer, Refusal, ServerInput, ServerOutput},
    gateway::Gateway,
    options::GatewayOptions,
    script::Fault,
};
use crate::proto::{
    Close, Command, CommandError, Config, ConfigBuilder, ConnectionId, Dispatch, Envelope, Event,
    Fault as ClientFault, Frame, Host as NextHost, Input, Instant, Next, Opcode, Output, Random,
    Reply, Request, RequestId, RequestOptions, SendOptions, Session, SessionStartLimit, ShardInfo,
    ShardMachine, Slots, Status, StopReason, Ticket, TransportError,
};

/// The half of the protocol that is not the client's: a [`Gateway`], or a server [`ByHand`].
pub trait Server {
    /// Takes one input. `now` does not run backwards.
    fn handle(&mut self, input: ServerInput, now: Instant);

    /// The next thing to do, until [`ServerOutput::Wait`].
    fn poll_output(&mut self) -> ServerOutput;

    /// Whether a handshake at this address may go on.
    fn admits(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        let (_, _) = (host, now);
        Ok(())
    }
}

impl Server for Gateway {
    fn handle(&mut self, input: ServerInput, now: Instant) {
        Self::handle(self, input, now);
    }

    fn poll_output(&mut self) -> ServerOutput {
        Self::poll_output(self)
    }

    fn admits(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        Self::admits(self, host, now)
    }
}

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
    chance: Random,
    delay: Duration,
    jitter: Duration,
    is_unplugged: bool,
    troubles: Vec<Trouble>,
    sockets: BTreeMap<Peer, Socket>,
    peers: u64,
    /// What is under way, by its time of arrival and its order of departure.
    parcels: BTreeMap<(Instant, u64), Parcel>,
    departures: u64,
    server_wakes_at: Option<Instant>,
    story: VecDeque<String>,
    rest: Restlessness,
}

/// A shard in a [`World`], and all that it did.
pub struct Client {
    machine: ShardMachine,
    wakes_at: Option<Instant>,
    events: Vec<(Instant, Event)>,
    taken: usize,
    sends: Vec<Sent>,
    opened: Vec<Opened>,
    closed: Vec<Closed>,
    replies: Vec<(RequestId, Reply)>,
    settled: Vec<(Ticket, Result<(), CommandError>)>,
    /// Whether it said its last word.
    is_over: bool,
}

/// A message that a shard sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// On which connection of the shard.
    pub connection: ConnectionId,
    /// The same as a place in [`Client::opened`], as each process counts its connections anew.
    pub nth: usize,
    /// Its opcode.
    pub op: Opcode,
    /// The whole text. Holds the token in an identify or resume, and is therefore not printed by `Debug`.
    pub text: String,
}

/// An address that a shard opened, or tried to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// When.
    pub at: Instant,
    /// The number that the shard gave it.
    pub connection: ConnectionId,
    /// Whether it is the configured address or another.
    pub host: Host,
    /// The address with its query.
    pub url: String,
}

/// A close that a shard asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Instant,
    /// Of which connection.
    pub connection: ConnectionId,
    /// Code and reason.
    pub close: Close,
}

/// A connection and what each end knows of it.
struct Socket {
    client: usize,
    connection: ConnectionId,
    host: Host,
    query: String,
    client_end: End,
    is_served: bool,
    /// Half open: nothing passes, and neither end is told.
    is_dead: bool,
    /// Nothing may overtake what left before it.
    to_client_at: Instant,
    to_server_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Opening,
    Open,
    Closing,
    Gone,
}

/// Something on its way.
enum Parcel {
    Knock(Peer),
    ToClient(Peer, Input),
    ToServer(Peer, ServerInput),
}

/// Connections that will come to nothing.
struct Trouble {
    host: Option<Host>,
    times: u32,
    /// Whether the attempt fails, or is never answered.
    is_told: bool,
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
            chance: Random::new(1),
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
            is_unplugged: false,
            troubles: Vec::new(),
            sockets: BTreeMap::new(),
            peers: 0,
            parcels: BTreeMap::new(),
            departures: 0,
            server_wakes_at: None,
            story: VecDeque::new(),
            rest: Restlessness::default(),
        }
    }

    // Before the story.

    /// Another seed for the shards' and the wire's chance. For worlds that have not started.
    pub fn seed(mut self, seed: u64) -> Self {
        self.chance = Random::new(seed);
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
        let end = self.now + Duration::from_millis(millis);
        while self.step(end) {}
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
        while let Some((at, _)) = self.parcels.keys().next().copied() {
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
        let machine = &mut self.clients[0].machine;
        let payload = command.encode(machine.config())?;
        let result = machine.send(payload, options, self.now);
        self.drain_client(0);
        result
    }

    /// Asks something through the first shard.
    pub fn request(
        &mut self,
        request: Request,
        options: RequestOptions,
    ) -> Result<RequestId, CommandError> {
        let result = self.clients[0].machine.request(request, options, self.now);
        self.drain_client(0);
        result
    }

    /// Does something with the machine of the first shard, as a driver would.
    pub fn with_machine<R>(&mut self, act: impl FnOnce(&mut ShardMachine) -> R) -> R {
        let result = act(&mut self.clients[0].machine);
        self.drain_client(0);
        result
    }

    /// Ends the process that a shard runs in, and starts another that takes up what was saved: the session as it stands.
    ///
    /// # Panics
    ///
    /// If there is no such shard.
    pub fn restart(&mut self, client: usize, seed: u64) {
        self.tell(|| format!("shard {client}: another process takes over"));
        for peer in self.open_sockets_of(client) {
            self.abandon(peer);
        }
        let old = &mut self.clients[client];
        let session = old.machine.session();
        let mut machine = ShardMachine::new(old.machine.config().clone(), seed);
        if let Some(session) = session {
            machine = machine.resume_from(session).expect("it was this shard's own");
        }
        old.machine = machine;
        old.is_over = false;
        self.input_to(client, Input::Start);
    }

    // The wire.

    /// How long a message takes from now on. A handshake takes two such times.
    pub fn delay(&mut self, millis: u64) {
        self.delay = Duration::from_millis(millis);
    }

    /// How much longer, by chance, a message may take from now on. The order of messages is kept.
    pub fn jitter(&mut self, millis: u64) {
        self.jitter = Duration::from_millis(millis);
    }

    /// Breaks all connections. What is under way is lost, and both ends notice.
    pub fn cut(&mut self) {
        self.drain_server();
        self.tell(|| "the wire is cut".into());
        for peer in self.live_sockets() {
            self.parcels.retain(|_, parcel| parcel.peer() != peer);
            let connection = self.sockets[&peer].connection;
            self.post_to_client(peer, Input::Closed(connection, None));
            self.post_to_server(peer, ServerInput::Disconnected(peer, None));
        }
    }

    /// Makes all connections dead without anybody noticing: nothing passes any more, not even a close.
    pub fn half_open(&mut self) {
        self.tell(|| "the wire is dead".into());
        for peer in self.live_sockets() {
            if let Some(socket) = self.sockets.get_mut(&peer) {
                socket.is_dead = true;
            }
        }
    }

    /// Takes the network away: connections are dead, and new ones fail at once.
    pub fn unplug(&mut self) {
        self.half_open();
        self.is_unplugged = true;
    }

    /// Gives the network back.
    pub fn plug_in(&mut self) {
        self.is_unplugged = false;
    }

    /// Lets the next connections fail, to one address or to any.
    pub fn refuse(&mut self, host: impl Into<Option<Host>>, times: u32) {
        self.troubles.push(Trouble { host: host.into(), times, is_told: true });
    }

    /// Leaves the next connections without any answer, to one address or to any.
    pub fn ignore(&mut self, host: impl Into<Option<Host>>, times: u32) {
        self.troubles.push(Trouble { host: host.into(), times, is_told: false });
    }

    // What there is to see.

    /// The time.
    pub fn now(&self) -> Instant {
        self.now
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
        self.shard(0).opened.iter().map(|opened| opened.url.as_str()).collect()
    }

    /// The addresses that the first shard opened, or tried to, by their kind.
    pub fn hosts(&self) -> Vec<Host> {
        self.shard(0).opened.iter().map(|opened| opened.host).collect()
    }

    /// The messages of one kind that the first shard sent.
    pub fn sent(&self, op: Opcode) -> Vec<&Sent> {
        self.shard(0).sends.iter().filter(|sent| sent.op == op).collect()
    }

    /// The codes with which the first shard closed.
    pub fn close_codes(&self) -> Vec<u16> {
        self.shard(0).closed.iter().map(|closed| closed.close.code).collect()
    }

    /// The last steps, one in a line.
    pub fn story(&self) -> String {
        self.story.iter().flat_map(|line| [line, "\n"]).collect()
    }

    // The clockwork.

    /// Does the next thing that is due by `end`; `false` if there is none.
    fn step(&mut self, end: Instant) -> bool {
        self.drain_server();
        let parcel = self.parcels.keys().next().map(|(at, _)| *at);
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
            if let Some((_, parcel)) = self.parcels.pop_first() {
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
        let is_theirs = |parcel: &Parcel| !matches!(parcel, Parcel::ToClient(..));
        let parcel = self.parcels.iter().find(|(_, parcel)| is_theirs(parcel)).map(|(key, _)| *key);
        let server = self.server_wakes_at;
        let next = parcel.map(|(at, _)| at).into_iter().chain(server).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        self.count_step(false);
        match parcel {
            Some(key) if key.0 == next => {
                if let Some(parcel) = self.parcels.remove(&key) {
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
        let Some(socket) = self.sockets.get(&peer) else { return };
        let (host, connection) = (socket.host, socket.connection);
        let query = socket.query.clone();
        let trouble = self
            .troubles
            .iter_mut()
            .find(|trouble| trouble.times > 0 && trouble.host.is_none_or(|meant| meant == host));
        if let Some(trouble) = trouble {
            trouble.times -= 1;
            if trouble.is_told {
                self.fail(peer, connection, "connection refused");
            }
            return;
        }
        match self.server.admits(host, self.now) {
            Ok(()) => {
                if let Some(socket) = self.sockets.get_mut(&peer) {
                    socket.is_served = true;
                }
                self.post_to_client(peer, Input::Opened(connection));
                let connected = ServerInput::Connected { peer, host, query };
                self.server.handle(connected, self.now);
            }
            Err(Refusal::Status(status)) => {
                let text = format!("the server answered the handshake with HTTP status {status}");
                self.fail(peer, connection, text);
            }
            Err(Refusal::Unreachable) => self.fail(peer, connection, "connection refused"),
        }
    }

    fn fail(&mut self, peer: Peer, connection: ConnectionId, text: impl Into<String>) {
        let error = TransportError::new(text.into());
        self.post_to_client(peer, Input::Failed(connection, error));
    }

    fn arrive_at_client(&mut self, peer: Peer, input: Input) {
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        if socket.is_dead || socket.client_end == End::Gone {
            return;
        }
        match input {
            Input::Opened(_) if socket.client_end == End::Opening => socket.client_end = End::Open,
            Input::Closed(..) | Input::Failed(..) => socket.client_end = End::Gone,
            _ => {}
        }
        let client = socket.client;
        self.forget_if_over(peer);
        self.input_to(client, input);
    }

    fn arrive_at_server(&mut self, peer: Peer, input: ServerInput) {
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        if socket.is_dead || !socket.is_served {
            return;
        }
        if let ServerInput::Disconnected(_, close) = &input {
            socket.is_served = false;
            // A WebSocket answers a close frame by itself, behind everything that it sent before.
            if let (Some(close), End::Closing) = (close.clone(), socket.client_end) {
                let connection = socket.connection;
                self.drain_server();
                self.post_to_client(peer, Input::Closed(connection, Some(close)));
            }
        }
        self.server.handle(input, self.now);
        self.forget_if_over(peer);
    }

    fn forget_if_over(&mut self, peer: Peer) {
        let is_over = |socket: &Socket| socket.client_end == End::Gone && !socket.is_served;
        if self.sockets.get(&peer).is_some_and(is_over) {
            self.sockets.remove(&peer);
        }
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
        let Some(socket) = self.sockets.get(&peer) else { return };
        let input = Input::Received(socket.connection, frame);
        self.post_to_client(peer, input);
    }

    fn end_by_server(&mut self, peer: Peer, close: Option<Close>) {
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        socket.is_served = false;
        let connection = socket.connection;
        self.post_to_client(peer, Input::Closed(connection, close));
        self.forget_if_over(peer);
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
                Output::Reply(id, reply) => self.clients[client].replies.push((id, reply)),
                Output::Settled(ticket, outcome) => {
                    self.clients[client].settled.push((ticket, outcome));
                }
                Output::ReserveIdentify => {
                    let shard = self.clients[client].machine.config().shard();
                    let answer = self.slots.reserve(shard, self.now);
                    self.clients[client].machine.handle(Input::IdentifyAt(answer), self.now);
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
        for peer in self.open_sockets_of(client) {
            self.abandon(peer);
        }
        let gateway_url = self.clients[client].machine.info(self.now).gateway_url;
        let is_base = origin(&url) == origin(&gateway_url);
        let host = if is_base { Host::Base } else { Host::Resume };
        let query = url.split_once('?').map_or("", |(_, query)| query).to_owned();
        self.clients[client].opened.push(Opened { at: self.now, connection, host, url });
        self.peers += 1;
        let peer = Peer(self.peers);
        let socket = Socket {
            client,
            connection,
            host,
            query,
            client_end: End::Opening,
            is_served: false,
            is_dead: false,
            to_client_at: self.now,
            to_server_at: self.now,
        };
        self.sockets.insert(peer, socket);
        if self.is_unplugged {
            self.fail(peer, connection, "network unreachable");
        } else {
            let at = self.arrival(self.now);
            self.post(at, Parcel::Knock(peer));
        }
    }

    fn on_close(&mut self, client: usize, connection: ConnectionId, close: Close) {
        let closed = Closed { at: self.now, connection, close: close.clone() };
        self.clients[client].closed.push(closed);
        let Some(peer) = self.socket_of(client, connection) else { return };
        let Some(socket) = self.sockets.get_mut(&peer) else { return };
        match socket.client_end {
            End::Opening => self.abandon(peer),
            End::Open => {
                socket.client_end = End::Closing;
                self.post_to_server(peer, ServerInput::Disconnected(peer, Some(close)));
            }
            End::Closing => panic!("expected one close\n{}", self.story()),
            End::Gone => {}
        }
    }

    fn on_transmit(&mut self, client: usize, connection: ConnectionId, frame: Frame) {
        let peer = self.socket_of(client, connection);
        let end = peer.and_then(|peer| self.sockets.get(&peer)).map(|socket| socket.client_end);
        assert!(
            !matches!(end, Some(End::Opening | End::Closing)),
            "expected nothing to be sent on a socket that is not open\n{}",
            self.story()
        );
        let Some(text) = json(&frame) else {
            panic!("expected JSON or ETF\n{}", self.story());
        };
        let op = Envelope::parse(&text).expect("the shard's own message").opcode;
        let nth = self.clients[client].opened.len() - 1;
        let sent = Sent { at: self.now, connection, nth, op, text: text.into_owned() };
        self.clients[client].sends.push(sent);
        // Transports ignore what is sent on a socket that just ended.
        if let Some(peer) = peer {
            self.post_to_server(peer, ServerInput::Received(peer, frame));
        }
    }

    fn on_event(&mut self, client: usize, event: Event) {
        let is_over = self.clients[client].is_over;
        assert!(!is_over, "expected nothing after the end, got {event:?}\n{}", self.story());
        self.clients[client].is_over = matches!(event, Event::Stopped { .. });
        self.clients[client].events.push((self.now, event));
    }

    /// The client lets go of a socket without a word.
    fn abandon(&mut self, peer: Peer) {
        if let Some(socket) = self.sockets.get_mut(&peer) {
            let was_told = socket.client_end == End::Closing;
            socket.client_end = End::Gone;
            if !was_told {
                self.post_to_server(peer, ServerInput::Disconnected(peer, None));
            }
        }
    }

    fn socket_of(&self, client: usize, connection: ConnectionId) -> Option<Peer> {
        let is_it = |socket: &Socket| {
            socket.client == client
                && socket.connection == connection
                && socket.client_end != End::Gone
        };
        self.sockets.iter().find(|(_, socket)| is_it(socket)).map(|(peer, _)| *peer)
    }

    fn open_sockets_of(&self, client: usize) -> Vec<Peer> {
        let is_it = |socket: &Socket| socket.client == client && socket.client_end != End::Gone;
        self.sockets.iter().filter(|(_, socket)| is_it(socket)).map(|(peer, _)| *peer).collect()
    }

    fn live_sockets(&self) -> Vec<Peer> {
        let is_live = |socket: &Socket| !socket.is_dead && socket.client_end != End::Gone;
        self.sockets.iter().filter(|(_, socket)| is_live(socket)).map(|(peer, _)| *peer).collect()
    }

    fn post_to_client(&mut self, peer: Peer, input: Input) {
        let Some(after) = self.sockets.get(&peer).map(|socket| socket.to_client_at) else { return };
        let at = self.arrival(after);
        if let Some(socket) = self.sockets.get_mut(&peer) {
            socket.to_client_at = at;
        }
        self.post(at, Parcel::ToClient(peer, input));
    }

    fn post_to_server(&mut self, peer: Peer, input: ServerInput) {
        let Some(after) = self.sockets.get(&peer).map(|socket| socket.to_server_at) else { return };
        let at = self.arrival(after);
        if let Some(socket) = self.sockets.get_mut(&peer) {
            socket.to_server_at = at;
        }
        self.post(at, Parcel::ToServer(peer, input));
    }

    fn arrival(&mut self, not_before: Instant) -> Instant {
        let jitter = self.chance.below(self.jitter);
        (self.now + self.delay + jitter).max(not_before)
    }

    fn post(&mut self, at: Instant, parcel: Parcel) {
        self.departures += 1;
        self.parcels.insert((at, self.departures), parcel);
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.story.len() == STORY {
            self.story.pop_front();
        }
        let secs = self.now.since_epoch().as_secs_f64();
        self.story.push_back(format!("{secs:>10.3} s  {}", line()));
    }
}

impl Parcel {
    fn peer(&self) -> Peer {
        match self {
            Self::Knock(peer) | Self::ToClient(peer, _) | Self::ToServer(peer, _) => *peer,
        }
    }
}

impl Client {
    fn new(machine: ShardMachine) -> Self {
        Self {
            machine,
            wakes_at: None,
            events: Vec::new(),
            taken: 0,
            sends: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            replies: Vec::new(),
            settled: Vec::new(),
            is_over: false,
        }
    }

    /// The shard itself.
    pub fn machine(&self) -> &ShardMachine {
        &self.machine
    }

    /// What it is doing.
    pub fn status(&self) -> Status {
        self.machine.status()
    }

    /// All events so far.
    pub fn events(&self) -> Vec<&Event> {
        self.events.iter().map(|(_, event)| event).collect()
    }

    /// All events so far, each with its time.
    pub fn timed_events(&self) -> &[(Instant, Event)] {
        &self.events
    }

    /// All dispatches so far.
    pub fn dispatches(&self) -> Vec<&Dispatch> {
        let dispatch = |event| match event {
            &(_, Event::Dispatch(ref dispatch)) => Some(dispatch),
            _ => None,
        };
        self.events.iter().filter_map(dispatch).collect()
    }

    /// Everything that it sent.
    pub fn sends(&self) -> &[Sent] {
        &self.sends
    }

    /// The addresses that it opened, or tried to.
    pub fn opened(&self) -> &[Opened] {
        &self.opened
    }

    /// The closes that it asked for.
    pub fn closed(&self) -> &[Closed] {
        &self.closed
    }

    /// What became of its requests.
    pub fn replies(&self) -> &[(RequestId, Reply)] {
        &self.replies
    }

    /// What became of its commands.
    pub fn settled(&self) -> &[(Ticket, Result<(), CommandError>)] {
        &self.settled
    }

    /// When it wants to be woken at the latest.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.wakes_at
    }
}

impl Sent {
    /// The data as JSON text.
    pub fn data(&self) -> &str {
        Envelope::parse(&self.text).map_or("", |envelope| envelope.data)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, connection, nth, op, text } = self;
        let mut out = f.debug_struct("Sent");
        out.field("at", at).field("connection", connection).field("nth", nth).field("op", op);
        out.field("bytes", &text.len()).finish()
    }
}

/// A server whose every word a test chooses.
pub struct ByHand {
    line: Line,
    react: Box<React>,
}

/// What a server by hand does with what it hears.
type React = dyn FnMut(&Heard, &mut Line);

/// What a server [`ByHand`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A client connected at this address.
    Connected(Host),
    /// A client left, with its close frame if it sent one.
    Left(Option<Close>),
    /// A client sent a message with this opcode and this data as JSON text.
    Message(Opcode, String),
}

/// What a server [`ByHand`] says, on the newest connection.
#[derive(Debug, Default)]
pub struct Line {
    peer: Option<Peer>,
    outputs: VecDeque<ServerOutput>,
}

impl ByHand {
    /// A server that does what `react` does, and what is said by [`line`](Self::line).
    pub fn new(react: impl FnMut(&Heard, &mut Line) + 'static) -> Self {
        Self { line: Line::default(), react: Box::new(react) }
    }

    /// Says something now.
    pub fn line(&mut self) -> &mut Line {
        &mut self.line
    }
}

impl Line {
    /// Sends a text message as it stands.
    pub fn text(&mut self, text: impl Into<String>) {
        self.frame(Frame::Text(text.into()));
    }

    /// Sends a binary message as it stands.
    pub fn binary(&mut self, bytes: impl Into<Vec<u8>>) {
        self.frame(Frame::Binary(bytes.into()));
    }

    /// Sends a message.
    pub fn frame(&mut self, frame: Frame) {
        self.say(|peer| ServerOutput::Send(peer, frame));
    }

    /// Closes.
    pub fn close(&mut self, code: u16, reason: &'static str) {
        self.say(|peer| ServerOutput::Close(peer, Close::new(code, reason)));
    }

    /// Closes without a code; the client sees 1005.
    pub fn close_without_code(&mut self) {
        self.say(ServerOutput::CloseWithoutCode);
    }

    /// Breaks the connection off; the client sees 1006.
    pub fn cut(&mut self) {
        self.say(ServerOutput::Cut);
    }

    fn say(&mut self, output: impl FnOnce(Peer) -> ServerOutput) {
        self.outputs.extend(self.peer.map(output));
    }
}

impl Server for ByHand {
    fn handle(&mut self, input: ServerInput, _now: Instant) {
        let heard = match input {
            ServerInput::Connected { peer, host, .. } => {
                self.line.peer = Some(peer);
                Heard::Connected(host)
            }
            // The message of an old connection would be answered on the new one.
            ServerInput::Received(peer, frame) if self.line.peer == Some(peer) => {
                let Some(text) = json(&frame) else { return };
                let Ok(envelope) = Envelope::parse(&text) else { return };
                Heard::Message(envelope.opcode, envelope.data.to_owned())
            }
            ServerInput::Disconnected(peer, close) if self.line.peer == Some(peer) => {
                Heard::Left(close)
            }
            _ => return,
        };
        (self.react)(&heard, &mut self.line);
    }

    fn poll_output(&mut self) -> ServerOutput {
        self.line.outputs.pop_front().unwrap_or(ServerOutput::Wait(None))
    }
}

/// An event in a few words, without its times: `status ready`, `READY 1`, `disconnected closed-4000 resume/resume`,
/// `heartbeat`, `notice sequence-gap`, `resumed 3`, `stopped fatal-4004`.
pub fn in_words(event: &Event) -> String {
    match event {
        Event::Disconnected { fault, next } => {
            let fault = match fault {
                ClientFault::Closed(close) => format!("closed-{}", close.code),
                fault => fault.code().into(),
            };
            let next = match next {
                Next::Identify { .. } => "identify",
                Next::Resume { host: NextHost::Base, .. } => "resume/base",
                Next::Resume { host: NextHost::Resume, .. } => "resume/resume",
                Next::Stop => "stop",
            };
            format!("disconnected {fault} {next}")
        }
        Event::Dispatch(Dispatch { name, sequence, .. }) => format!("{name} {sequence}"),
        Event::HeartbeatAcked { .. } => "heartbeat".into(),
        Event::Notice(notice) => format!("notice {}", notice.code()),
        Event::Resumed { replayed } => format!("resumed {replayed}"),
        Event::StatusChanged { status, .. } => format!("status {}", status.name()),
        Event::Stopped { reason: StopReason::Fatal(close) } => {
            format!("stopped fatal-{}", close.code)
        }
        Event::Stopped { reason } => format!("stopped {}", reason.code()),
    }
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    &url[..end]
}

/// A client's message as JSON, whichever encoding it is in.
fn json(frame: &Frame) -> Option<Cow<'_, str>> {
    match frame {
        Frame::Text(text) => Some(text.into()),
        Frame::Binary(bytes) => etf::read(bytes).ok().map(|value| value.to_string().into()),
    }
}

/// An input in a few words; never holds a token.
fn what(input: &Input) -> String {
    match input {
        Input::Received(_, Frame::Text(text)) => match Envelope::parse(text) {
            Ok(envelope) => {
                format!("op {} {}", envelope.opcode.0, envelope.name.unwrap_or_default())
            }
            Err(error) => format!("a text of {} bytes: {}", text.len(), error.0),
        },
        Input::Received(_, Frame::Binary(bytes)) => format!("{} bytes", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// An output in a few words; never holds a token.
fn what_out(output: &Output) -> String {
    match output {
        Output::Transmit(_, frame) => {
            let text = json(frame).unwrap_or_default();
            let op = Envelope::parse(&text).map_or(u16::MAX, |envelope| envelope.opcode.0);
            format!("op {op}")
        }
        Output::Event(event) => format!("event {}", in_words(event)),
        other => format!("{other:?}"),
    }
}

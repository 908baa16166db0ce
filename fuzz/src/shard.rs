//! A shard driven by its contract, and what must hold after every input. Knows no story.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use shardwire::proto::{
    Command, Compression, Config, ConnectionId, Decoder, Encoding, Envelope, Event, Frame, Input,
    Instant, Intents, Limits, Opcode, Output, Reply, Request, RequestId, RequestOptions,
    SendOptions, ShardMachine, Status, Ticket, Turn, Wake,
};

/// Must be seen in identify and resume only.
pub const TOKEN: &str = "abc.def.secret";
/// Where the shard may identify.
const BASE: &str = "wss://gateway.test";
/// Small, so that they are reached.
const LIMITS: Limits = Limits {
    waiting_commands: 8,
    command_bytes: 4096,
    message_bytes: 1 << 16,
    inflated_bytes: 1 << 16,
    open_requests: 4,
    answer_bytes: 1 << 12,
};
/// Discord's limit of messages in a minute of one connection.
const MOST_SENDS: usize = 120;
/// Outputs of one input: a whole line of commands, each sent and settled, the ends of all requests, and a handful.
const MOST_OUTPUTS: usize = 2 * LIMITS.waiting_commands + 4 * LIMITS.open_requests + 16;
/// Wake-ups at one moment that follow from each other.
const MOST_WAKES: usize = 8;

/// A shard, and what it did.
pub struct Shard {
    pub machine: ShardMachine,
    pub encoding: Encoding,
    pub now: Instant,
    pub wake: Wake,
    /// The address that was opened last.
    pub url: String,
    /// Of the newest socket; as before the first one until there is one.
    pub connection: ConnectionId,
    pub is_slot_awaited: bool,
    /// When messages left on the newest connection.
    sends: VecDeque<Instant>,
    cursor: Option<(String, u64)>,
    /// Commands and requests whose end was not told.
    tickets: BTreeSet<Ticket>,
    settled: BTreeSet<Ticket>,
    requests: BTreeSet<RequestId>,
    ended: BTreeSet<RequestId>,
    wakes: (Instant, usize),
}

impl Shard {
    pub fn new(compression: Compression, encoding: Encoding, seed: u64) -> Self {
        let config = Config::builder(TOKEN, Intents::NON_PRIVILEGED)
            .url(BASE)
            .compression(compression)
            .encoding(encoding)
            .limits(LIMITS)
            .build()
            .expect("a valid configuration");
        Self {
            machine: ShardMachine::new(config, seed),
            encoding,
            now: Instant::ZERO,
            wake: Wake::NEVER,
            url: String::new(),
            connection: ConnectionId::default(),
            is_slot_awaited: false,
            sends: VecDeque::new(),
            cursor: None,
            tickets: BTreeSet::new(),
            settled: BTreeSet::new(),
            requests: BTreeSet::new(),
            ended: BTreeSet::new(),
            wakes: (Instant::ZERO, 0),
        }
    }

    /// Tells the shard something, and does what it says until it waits.
    pub fn input(&mut self, input: Input) {
        self.machine.handle(input, self.now);
        self.drain();
    }

    /// Sends a command; that it is refused is an answer too.
    pub fn send(&mut self, command: &Command, options: SendOptions) {
        let payload = command.encode(self.machine.config()).expect("a valid command");
        let ticket = self.machine.send(payload, options, self.now);
        self.tickets.extend(ticket);
        self.drain();
    }

    /// Asks something.
    pub fn ask(&mut self, request: Request) {
        let id = self.machine.request(request, RequestOptions::default(), self.now);
        self.requests.extend(id);
        self.drain();
    }

    /// The ledger's answer.
    pub fn turn(&mut self, wait: Duration, is_held_back: bool) {
        let turn = Turn { at: self.now + wait, is_held_back };
        self.input(Input::IdentifyAt(Ok(turn)));
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        self.input(Input::TimePassed);
    }

    /// Sleeps until the shard wants to be woken, if it does.
    pub fn sleep(&mut self) {
        let Some(at) = self.wake.at else { return };
        self.now = self.now.max(at);
        if self.wakes.0 == self.now {
            self.wakes.1 += 1;
            assert!(self.wakes.1 < MOST_WAKES, "it is woken and does nothing: {:?}", self.wake);
        } else {
            self.wakes = (self.now, 0);
        }
        self.input(Input::TimePassed);
    }

    fn drain(&mut self) {
        let mut count = 0;
        loop {
            match self.machine.poll_output() {
                Output::Wait(wake) => {
                    self.wake = wake;
                    break;
                }
                output => self.obey(output),
            }
            count += 1;
            assert!(count <= MOST_OUTPUTS, "it never comes to rest");
        }
        self.check();
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Open(connection, url) => {
                assert!(url.starts_with("wss://"), "{url}");
                self.url = url;
                self.connection = connection;
                self.is_slot_awaited = false;
                self.sends.clear();
            }
            Output::Transmit(connection, frame) => {
                assert_eq!(connection, self.connection);
                self.sent(&frame);
            }
            Output::ReserveIdentify => self.is_slot_awaited = true,
            Output::Settled(ticket, _) => assert!(self.settled.insert(ticket), "settled once"),
            Output::Reply(id, Reply::Done | Reply::Failed(_)) => {
                assert!(self.ended.insert(id), "a request ends once");
            }
            Output::Reply(id, Reply::Part(_) | Reply::Restarted) => {
                assert!(!self.ended.contains(&id), "nothing comes after the end");
            }
            Output::Event(event) => {
                // READY begins a session, even if a server gives it the name of the last one.
                if matches!(&event, Event::Dispatch(dispatch) if &*dispatch.name == "READY") {
                    self.cursor = None;
                }
                assert_secret(&event);
            }
            Output::Close(..) | Output::Identified | Output::Wait(_) => {}
        }
    }

    fn sent(&mut self, frame: &Frame) {
        let mut decoder = Decoder::new(Compression::None, self.encoding, LIMITS.inflated_bytes);
        let text = decoder.feed(frame).expect("it is in our encoding").expect("it is whole");
        let envelope = Envelope::parse(text).expect("what we send is an envelope");
        let is_secret = matches!(envelope.opcode, Opcode::IDENTIFY | Opcode::RESUME);
        assert_eq!(text.contains(TOKEN), is_secret);
        if envelope.opcode == Opcode::IDENTIFY {
            let rest = self.url.strip_prefix(BASE).expect("identify goes to the base address");
            assert!(rest.starts_with("/?"), "{}", self.url);
        }
        let minute = self.now - Duration::from_secs(60);
        // At the beginning of time there is no minute before.
        while self.sends.front().is_some_and(|at| *at <= minute && minute > Instant::ZERO) {
            self.sends.pop_front();
        }
        self.sends.push_back(self.now);
        assert!(self.sends.len() <= MOST_SENDS, "more than Discord allows");
    }

    /// What holds whenever the shard waits.
    fn check(&mut self) {
        let status = self.machine.status();
        // A shard that rests may have deadlines of commands to keep.
        let is_idle = matches!(status, Status::Idle | Status::Stopped);
        assert!(self.wake.at.is_some() || is_idle, "{status:?} {:?}", self.wake);
        assert!(self.machine.waiting() <= LIMITS.waiting_commands + LIMITS.open_requests);
        assert!(self.machine.open_requests() <= LIMITS.open_requests);
        assert_eq!(self.requests.difference(&self.ended).count(), self.machine.open_requests());
        if status == Status::Stopped {
            assert!(self.tickets.is_subset(&self.settled), "nothing hangs after the end");
        }
        let session = self.machine.session();
        if let (Some(session), Some((id, sequence))) = (&session, &self.cursor) {
            assert!(session.id != *id || session.sequence >= *sequence, "the cursor went back");
        }
        self.cursor = session.map(|session| (session.id, session.sequence));
    }
}

/// No event shows the token, neither to people nor to programs.
fn assert_secret(event: &Event) {
    assert!(!format!("{event:?}").contains(TOKEN));
    let json = serde_json::to_string(event).expect("events are JSON");
    assert!(!json.contains(TOKEN));
}

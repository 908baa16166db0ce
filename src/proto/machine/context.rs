//! What outlives a socket, and the acts that states use on it. Names no state and never decides what comes next but for one
//! question: what a lost connection means for the session ([`Context::plan`]).

use std::{collections::VecDeque, time::Duration};

use super::{beats::Beats, cursor::Cursor};
use crate::proto::{
    command::Kind,
    config::Config,
    error::{CommandError, Fault},
    event::{Counters, Dispatch, Event, EventCounts, Host, Next, Notice},
    exchange::Output,
    hooks::{ConnectPlan, Tap},
    pace::{Backoff, Line, Requests},
    random::Random,
    request::{RequestError, RequestId},
    session::Session,
    time::Instant,
    turn::Ticket,
    wire::{
        Close, CloseCode, Compression, ConnectionId, Decoder, Envelope, Frame, GatewayUrl,
        IdentifyProperties, Presence, Verdict,
        payload::{self, Identify, Ready, Resume},
    },
    words::Say,
};

/// The wait after opcode 9 that Discord's staff asks for: chance within these.
const INVALID_SESSION_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Opcode 9 with `true` this often in a row counts as `false`: hope without end was seen in the wild.
const MOST_HOPES: u32 = 3;

/// A command that waited longer than this is told of: whoever sent it may have stopped waiting.
const SLOW: Duration = Duration::from_secs(10);

/// How far a connection came before it was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Neither resume nor identify was sent.
    Before,
    /// Identify was to be sent, or sent.
    Identifying,
    /// READY or RESUMED came.
    Ready,
    /// Resume was sent.
    Resuming,
}

#[derive(Debug)]
pub(super) struct Context {
    pub config: Config,
    pub connection: ConnectionId,
    /// `None` before the first connection.
    pub connected_url: Option<String>,
    pub counters: Counters,
    pub events: EventCounts,
    /// When the shard was first started; `None` before.
    pub started_at: Option<Instant>,
    pub beats: Beats,
    pub line: Line,
    pub requests: Requests,
    pub outputs: VecDeque<Output>,
    pub random: Random,
    pub cursor: Cursor,
    backoff: Backoff,
    host: Host,
    /// What identify says about the client; a hook may change it.
    properties: IdentifyProperties,
    /// The presence that was sent last, as JSON: what users expect to see after a new identify. `None` if none was sent.
    presence: Option<Box<str>>,
    /// Connections to the resume host in a row that came to nothing.
    resume_host_failures: u32,
    /// Resumes in a row that came to nothing.
    resume_failures: u32,
    /// Opcode 9 with `true` in a row.
    hopes: u32,
}

impl Context {
    pub fn new(config: Config, seed: u64) -> Self {
        let patience = &config.choices.patience;
        let mut random = Random::new(seed);
        // Half of the chance is enough to tell this process's nonces from those of another.
        let salt = (random.bits() >> 32) as u32;
        Self {
            backoff: Backoff::new(patience.backoff_first, patience.backoff_longest),
            properties: config.choices.properties.clone(),
            requests: Requests::new(salt, config.choices.limits.answer_bytes),
            config,
            connection: ConnectionId::default(),
            connected_url: None,
            counters: Counters::default(),
            events: EventCounts::default(),
            started_at: None,
            beats: Beats::new(None),
            line: Line::default(),
            outputs: VecDeque::new(),
            random,
            cursor: Cursor::default(),
            host: Host::Base,
            resume_host_failures: 0,
            resume_failures: 0,
            hopes: 0,
            presence: None,
        }
    }

    pub fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    // The socket.

    /// Opens the next connection: to the resume host if there is a session and hope for that host, else to the base address.
    pub fn open(&mut self, now: Instant) {
        let resume_url = self.resume_host();
        self.host = if resume_url.is_some() { Host::Resume } else { Host::Base };
        let url = resume_url.unwrap_or_else(|| self.config.url.clone());
        let url = self.planned(&url).unwrap_or(url);
        let url = self.config.with_query(&url);
        self.connection = self.connection.next();
        self.started_at.get_or_insert(now);
        self.counters.reconnects += u64::from(self.counters.connects > 0);
        self.counters.connects += 1;
        self.connected_url = Some(url.clone());
        self.outputs.push_back(Output::Open(self.connection, url));
    }

    /// Asks the hook about a connection to `url`; gives another address if the hook wants one that may be used.
    fn planned(&mut self, url: &GatewayUrl) -> Option<GatewayUrl> {
        let hook = self.config.hooks.as_ref()?.before_connect.clone()?;
        let mut plan = ConnectPlan {
            url: url.said(),
            properties: self.properties.clone(),
            is_resume: self.has_session(),
            attempt: self.failures(),
            shard: self.config.shard,
        };
        let before = plan.url.clone();
        hook(&mut plan);
        self.properties = plan.properties;
        if plan.url == before {
            return None;
        }
        let planned = self.config.safe_url(&plan.url);
        if planned.is_none() {
            self.emit(Event::Notice(Notice::BadHook("expected an address that is safe to use")));
        }
        planned
    }

    /// The address to resume at, while it has not failed too often. A stored session may name one that is not safe to use.
    fn resume_host(&self) -> Option<GatewayUrl> {
        let has_hope =
            self.resume_host_failures < self.config.choices.patience.resume_host_failures;
        let text = self.cursor.resume_url().filter(|_| has_hope && self.has_session())?;
        self.config.resume_url(text)
    }

    pub fn close(&mut self, close: Close) {
        self.outputs.push_back(Output::Close(self.connection, close));
    }

    /// Sends a message of the life cycle.
    fn say(&mut self, text: String) {
        // All of it was written or checked here, so every encoding can express it. Should a codec from outside fail
        // nevertheless, the Gateway answers an empty message with 4002.
        let frame = self.config.encode(text).unwrap_or_else(|_| Frame::Binary(Vec::new()));
        self.transmit(frame);
    }

    fn transmit(&mut self, frame: Frame) {
        self.counters.sent_messages += 1;
        self.counters.sent_bytes += frame.len() as u64;
        self.outputs.push_back(Output::Transmit(self.connection, frame));
    }

    pub fn identify(&mut self) {
        let presence = self.presence.clone().or_else(|| self.chosen_presence());
        let config = &self.config;
        let identify = Identify {
            token: config.token.reveal(),
            properties: &self.properties,
            intents: config.choices.intents.bits(),
            large_threshold: config.choices.large_threshold,
            shard: (config.shard.total() > 1).then_some(config.shard),
            capabilities: Some(config.choices.capabilities).filter(|flags| *flags != 0),
            compress: config.choices.compression == Compression::Payload,
            presence: presence.as_deref(),
        };
        let text = identify.encode();
        self.counters.identifies += 1;
        self.say(text);
        self.outputs.push_back(Output::Identified);
    }

    /// The presence that the configuration has for this moment, as JSON.
    fn chosen_presence(&mut self) -> Option<Box<str>> {
        let hook = self.config.hooks.as_ref().and_then(|hooks| hooks.presence.clone());
        let mut given = hook.map(|hook| hook(self.config.shard));
        if let Some(Err(expected)) = given.as_ref().map(Presence::check) {
            self.emit(Event::Notice(Notice::BadHook(expected)));
            given = None;
        }
        let presence = given.as_ref().or(self.config.choices.presence.as_ref())?;
        Some(presence.to_json().into())
    }

    pub fn resume(&mut self) {
        let resume = Resume {
            token: self.config.token.reveal(),
            session_id: self.cursor.session_id().unwrap_or_default(),
            seq: self.cursor.sequence().unwrap_or_default(),
        };
        let text = resume.encode();
        self.counters.resumes += 1;
        self.say(text);
    }

    pub fn heartbeat(&mut self, now: Instant) {
        self.counters.heartbeats += 1;
        self.beats.sent(now);
        self.say(payload::heartbeat(self.cursor.sequence()));
    }

    pub fn expect_heartbeats_every(&mut self, interval: Duration) {
        self.beats = Beats::new(Some(interval));
    }

    pub fn acknowledged(&mut self, round_trip: Option<Duration>, is_acked: bool, now: Instant) {
        self.beats.acked(round_trip, is_acked, now);
        if let Some(round_trip) = round_trip {
            self.emit(Event::HeartbeatAcked { round_trip });
        }
    }

    // Commands and requests.

    /// Sends the first waiting command that its own limits let through; gives whether there was one.
    pub fn send_waiting(&mut self, now: Instant) -> bool {
        let Some(waiting) = self.line.take(now) else { return false };
        let (frame, kind) = waiting.payload.into_parts();
        if let Kind::Presence(presence) = kind {
            self.presence = Some(presence);
        }
        self.transmit(frame);
        if !self.requests.sent(waiting.ticket, now) {
            self.settle(waiting.ticket, Ok(()));
        }
        let waited = now.saturating_since(waiting.since);
        if waited > SLOW {
            self.emit(Event::Notice(Notice::SlowSend { waited }));
        }
        true
    }

    /// What fell due among commands and requests, whatever the state.
    pub fn elapse(&mut self, now: Instant) {
        while let Some(waiting) = self.line.take_expired(now) {
            self.settle(waiting.ticket, Err(CommandError::Expired));
        }
        for ticket in self.requests.elapse(now) {
            self.line.remove(ticket);
        }
        while let Some((id, command, options)) = self.requests.next_due() {
            match command.encode(&self.config) {
                Ok(payload) => {
                    let ticket = self.line.push(payload, options, now);
                    self.requests.queued(id, ticket);
                }
                Err(error) => self.fail_request(id, error.into()),
            }
        }
        self.tell_replies();
    }

    pub fn fail_request(&mut self, id: RequestId, error: RequestError) {
        if let Some(ticket) = self.requests.fail(id, error) {
            self.line.remove(ticket);
        }
    }

    pub fn tell_replies(&mut self) {
        while let Some((id, reply)) = self.requests.next_reply() {
            self.outputs.push_back(Output::Reply(id, reply));
        }
    }

    pub fn settle(&mut self, ticket: Ticket, outcome: Result<(), CommandError>) {
        self.outputs.push_back(Output::Settled(ticket, outcome));
    }

    /// The shard has stopped: nothing that waits will ever leave, and no hook will be called.
    pub fn abandon(&mut self) {
        self.config.hooks = None;
        for ticket in self.line.drain() {
            if !self.requests.has_queued(ticket) {
                self.outputs.push_back(Output::Settled(ticket, Err(CommandError::Stopped)));
            }
        }
        self.requests.stop();
        self.tell_replies();
    }

    // Messages.

    /// Counts `frame` and gives the envelope that it completes, if any.
    pub fn decode<'a>(
        &mut self,
        decoder: &'a mut Decoder,
        frame: &'a Frame,
    ) -> Result<Option<Envelope<'a>>, Fault> {
        self.counters.wire_bytes += frame.len() as u64;
        if frame.len() > self.config.choices.limits.message_bytes {
            return Err(self.oversized());
        }
        self.counters.messages += 1;
        let Some(text) = decoder.feed(frame)? else { return Ok(None) };
        self.counters.inflated_bytes += text.len() as u64;
        if let Some(tap) = self.config.hooks.as_ref().and_then(|hooks| hooks.tap.as_ref()) {
            match tap(text) {
                Tap::Drop => {
                    self.counters.tapped += 1;
                    // It counts as received, or a resume would bring it again.
                    let sequence =
                        Envelope::parse(text).ok().and_then(|envelope| envelope.sequence);
                    self.advance(sequence);
                    return Ok(None);
                }
                Tap::Pass => {}
                Tap::Stop => return Err(Fault::Tapped),
            }
        }
        Ok(Some(Envelope::parse(text)?))
    }

    /// Counts a message that is above the limit, whoever noticed it.
    pub fn oversized(&mut self) -> Fault {
        self.counters.messages += 1;
        Fault::Oversized { limit: self.config.choices.limits.message_bytes }
    }

    /// What a message means that could not be taken in: a lost connection, or nothing more if losing this one would not help.
    ///
    /// A replay would bring the same message again and again, and the session would be lost to it. So the first time costs
    /// the connection, as a fresh one may bring it right. On a connection that did not, `is_no_better` from then on, messages
    /// without sense are passed over. One that is too large cannot be passed over, as a stream has to be inflated to be
    /// followed: the resume after it asks for what stands behind it.
    pub fn stumble(
        &mut self,
        fault: Fault,
        is_replay: bool,
        is_no_better: &mut bool,
    ) -> Result<(), Fault> {
        let is_again = self.cursor.is_stumbling_again();
        match fault {
            Fault::BadEnvelope(_) | Fault::Oversized { .. } if !self.has_session() => {}
            Fault::BadEnvelope(error) if is_again || *is_no_better => {
                *is_no_better = true;
                self.emit(Event::Notice(Notice::Unreadable(error)));
                return Ok(());
            }
            Fault::BadEnvelope(_) => {
                self.cursor.stumble();
                // It came further than the last one, so resumes are not in vain.
                self.resume_failures = 0;
            }
            Fault::Oversized { limit } if is_again && is_replay => {
                self.cursor.pass_over();
                self.emit(Event::Notice(Notice::Oversized { limit }));
            }
            Fault::Oversized { .. } => self.cursor.stumble(),
            _ => {}
        }
        Err(fault)
    }

    /// Hands a dispatch on, if it is wanted, and moves the cursor.
    pub fn deliver(&mut self, envelope: &Envelope<'_>, now: Instant) {
        self.advance(envelope.sequence);
        let name = envelope.name.as_deref().unwrap_or_default();
        self.events.count(name);
        self.requests.on_dispatch(envelope, self.cursor.me(), now);
        if name == "RESUMED" {
            self.cursor.resumed(envelope.sequence);
        }
        if !self.config.choices.filter.wants(name) {
            self.counters.filtered += 1;
            return;
        }
        self.counters.dispatches += 1;
        self.emit(Event::Dispatch(Dispatch {
            name: name.into(),
            sequence: envelope.sequence.unwrap_or_default(),
            data: envelope.data.into(),
            has_wide_integers: envelope.has_wide_integers,
        }));
    }

    fn advance(&mut self, sequence: Option<u64>) {
        if let Some(missing) = self.cursor.advance(sequence) {
            self.counters.gaps = self.counters.gaps.saturating_add(missing);
            self.emit(Event::Notice(Notice::SequenceGap { missing }));
        }
    }

    // The session.

    pub fn has_session(&self) -> bool {
        self.cursor.is_set()
    }

    pub fn session(&self) -> Option<Session> {
        self.cursor.session(self.config.shard)
    }

    /// READY began a new session.
    pub fn begin(&mut self, ready: Ready) {
        let named = ready.resume_gateway_url.clone();
        let is_named = named.is_some();
        let resume_url = named.filter(|url| self.config.safe_url(url).is_some());
        if is_named && resume_url.is_none() {
            self.emit(Event::Notice(Notice::BadResumeUrl));
        }
        self.cursor = Cursor::begin(ready, resume_url);
        self.requests.on_new_session();
        self.prove();
    }

    /// READY or RESUMED: things work again.
    pub fn prove(&mut self) {
        self.backoff.reset();
        self.resume_host_failures = 0;
        self.resume_failures = 0;
        self.hopes = 0;
    }

    pub fn drop_session(&mut self) {
        self.cursor = Cursor::default();
        self.resume_host_failures = 0;
        self.resume_failures = 0;
        self.hopes = 0;
    }

    /// What a connection that was lost at `stage` by `fault` means: is the session kept, where and when to go on.
    pub fn plan(&mut self, fault: &Fault, stage: Stage) -> Next {
        self.counters.faults += 1;
        if Self::is_fatal(fault) {
            return Next::Stop;
        }
        if matches!(fault, Fault::Suspended { .. }) {
            // Nobody failed: there is nothing to wait for.
            return self.next(Duration::ZERO);
        }
        if self.host == Host::Resume && stage != Stage::Ready {
            self.resume_host_failures += 1;
        }
        if stage == Stage::Resuming {
            self.resume_failures += 1;
        }
        self.hopes += u32::from(matches!(fault, Fault::InvalidSession { resumable: true }));
        if self.is_lost(fault) {
            self.drop_session();
        }

        let mut retry_in = self.backoff.next(&mut self.random);
        if matches!(fault, Fault::InvalidSession { .. }) {
            let (low, high) = INVALID_SESSION_WAIT;
            retry_in = retry_in.max(self.random.between(low, high));
        }
        self.next(retry_in)
    }

    /// Where the next connection goes, `retry_in` from now.
    pub fn next(&self, retry_in: Duration) -> Next {
        if !self.has_session() {
            return Next::Identify { retry_in };
        }
        let host = if self.resume_host().is_some() { Host::Resume } else { Host::Base };
        Next::Resume { host, retry_in }
    }

    /// Whether nothing may follow.
    pub fn is_fatal(fault: &Fault) -> bool {
        match fault {
            Fault::Closed(close) => CloseCode::of(close.code).verdict == Verdict::Stop,
            Fault::Tapped => true,
            _ => false,
        }
    }

    fn is_lost(&self, fault: &Fault) -> bool {
        let is_refused = match fault {
            Fault::Closed(close) => CloseCode::of(close.code).verdict == Verdict::Identify,
            Fault::InvalidSession { resumable } => !resumable || self.hopes >= MOST_HOPES,
            _ => false,
        };
        is_refused || self.resume_failures >= self.config.choices.patience.resume_failures
    }

    /// Connections that failed in a row.
    pub fn failures(&self) -> u32 {
        self.backoff.failures()
    }
}

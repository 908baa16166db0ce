//! What outlives a socket, and the acts that states use on it. Names no state and never decides what comes next but for one
//! question: what a lost connection means for the session ([`Context::plan`]).

use std::{collections::VecDeque, time::Duration};

use crate::proto::{
    command::Payload,
    config::Config,
    error::Fault,
    event::{Counters, Dispatch, Event, Host, Latency, Next, Notice},
    exchange::Output,
    pace::Backoff,
    random::Random,
    session::Session,
    wire::{
        Close, CloseCode, Compression, ConnectionId, Decoder, Envelope, Frame, GatewayUrl, Opcode,
        Verdict,
        payload::{self, Identify, Ready, Resume},
    },
};

/// The wait after opcode 9 that Discord's staff asks for: chance within these.
const INVALID_SESSION_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Opcode 9 with `true` this often in a row counts as `false`: hope without end was seen in the wild.
const MOST_HOPES: u32 = 3;

/// Round trips kept for the history.
const HISTORY: usize = 5;

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

/// The place in a session: id, sequence, resume address.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// `None` before READY: an outside fact, not a state of ours.
    session_id: Option<String>,
    /// As READY named it; checked each time before it is used.
    resume_url: Option<String>,
    /// The newest sequence number; never goes back. `None` before the first dispatch.
    sequence: Option<u64>,
    /// The sequence number that came last, which may have gone back; for noticing gaps.
    latest: Option<u64>,
    /// The number of the newest RESUMED, which a replay may repeat.
    resumed_at: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Context {
    pub config: Config,
    pub connection: ConnectionId,
    /// `None` before the first connection.
    pub connected_url: Option<String>,
    pub counters: Counters,
    pub latency: Latency,
    pub line: VecDeque<Payload>,
    pub outputs: VecDeque<Output>,
    pub random: Random,
    backoff: Backoff,
    cursor: Cursor,
    host: Host,
    /// Connections to the resume host in a row that came to nothing.
    resume_host_failures: u32,
    /// Resumes in a row that came to nothing.
    resume_failures: u32,
    /// Opcode 9 with `true` in a row.
    hopes: u32,
    /// Sum and number of round trips, for the average.
    round_trips: (Duration, u32),
}

impl Context {
    pub fn new(config: Config, seed: u64) -> Self {
        let patience = &config.choices.patience;
        Self {
            backoff: Backoff::new(patience.backoff_first, patience.backoff_longest),
            config,
            connection: ConnectionId::default(),
            connected_url: None,
            counters: Counters::default(),
            latency: Latency { is_acked: true, ..Latency::default() },
            line: VecDeque::new(),
            outputs: VecDeque::new(),
            random: Random::new(seed),
            cursor: Cursor::default(),
            host: Host::Base,
            resume_host_failures: 0,
            resume_failures: 0,
            hopes: 0,
            round_trips: (Duration::ZERO, 0),
        }
    }

    pub fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    // The socket.

    /// Opens the next connection: to the resume host if there is a session and hope for that host, else to the base address.
    pub fn open(&mut self) {
        let resume_url = self.resume_host();
        self.host = if resume_url.is_some() { Host::Resume } else { Host::Base };
        let url = self.config.with_query(resume_url.as_ref().unwrap_or(&self.config.url));
        self.connection = self.connection.next();
        self.counters.connects += 1;
        self.connected_url = Some(url.clone());
        self.outputs.push_back(Output::Open(self.connection, url));
    }

    /// The address to resume at, while it has not failed too often. A stored session may name one that is not safe to use.
    fn resume_host(&self) -> Option<GatewayUrl> {
        let has_hope =
            self.resume_host_failures < self.config.choices.patience.resume_host_failures;
        let text = self.cursor.resume_url.as_deref().filter(|_| has_hope && self.has_session())?;
        self.config.resume_url(text)
    }

    pub fn close(&mut self, close: Close) {
        self.outputs.push_back(Output::Close(self.connection, close));
    }

    pub fn transmit(&mut self, text: String) {
        let frame = self.config.encode(text);
        self.counters.sent_messages += 1;
        self.counters.sent_bytes += frame.len() as u64;
        self.outputs.push_back(Output::Transmit(self.connection, frame));
    }

    pub fn identify(&mut self) {
        let config = &self.config;
        let text = payload::encode(
            Opcode::IDENTIFY,
            Identify {
                token: config.token.reveal(),
                properties: &config.choices.properties,
                intents: config.choices.intents.bits(),
                large_threshold: config.choices.large_threshold,
                shard: (config.shard.total() > 1).then_some(config.shard),
                presence: config.choices.presence.as_ref(),
                compress: config.choices.compression == Compression::Payload,
            },
        );
        self.counters.identifies += 1;
        self.transmit(text);
        self.outputs.push_back(Output::Identified);
    }

    pub fn resume(&mut self) {
        let text = payload::encode(
            Opcode::RESUME,
            Resume {
                token: self.config.token.reveal(),
                session_id: self.cursor.session_id.as_deref().unwrap_or_default(),
                seq: self.cursor.sequence.unwrap_or_default(),
            },
        );
        self.counters.resumes += 1;
        self.transmit(text);
    }

    pub fn heartbeat(&mut self) {
        self.counters.heartbeats += 1;
        self.latency.is_acked = false;
        self.transmit(payload::encode(Opcode::HEARTBEAT, self.cursor.sequence));
    }

    pub fn expect_heartbeats_every(&mut self, interval: Duration) {
        self.latency = Latency { interval: Some(interval), is_acked: true, ..Latency::default() };
        self.round_trips = (Duration::ZERO, 0);
    }

    pub fn acknowledged(&mut self, round_trip: Option<Duration>, is_acked: bool) {
        self.latency.is_acked = is_acked;
        let Some(round_trip) = round_trip else { return };
        self.round_trips.0 = self.round_trips.0.saturating_add(round_trip);
        self.round_trips.1 = self.round_trips.1.saturating_add(1);
        self.latency.last = Some(round_trip);
        self.latency.average = self.round_trips.0.checked_div(self.round_trips.1);
        self.latency.history.insert(0, round_trip);
        self.latency.history.truncate(HISTORY);
        self.emit(Event::HeartbeatAcked { round_trip });
    }

    // Messages.

    /// Counts `frame` and gives the envelope that it completes, if any.
    pub fn decode<'a>(
        &mut self,
        inflater: &'a mut Decoder,
        frame: &'a Frame,
    ) -> Result<Option<Envelope<'a>>, Fault> {
        self.counters.messages += 1;
        self.counters.wire_bytes += frame.len() as u64;
        let limit = self.config.choices.limits.message_bytes;
        if frame.len() > limit {
            return Err(Fault::Oversized { limit });
        }
        let Some(text) = inflater.feed(frame)? else { return Ok(None) };
        self.counters.inflated_bytes += text.len() as u64;
        Ok(Some(Envelope::parse(text)?))
    }

    /// Hands a dispatch on, if it is wanted, and moves the cursor.
    pub fn deliver(&mut self, envelope: &Envelope<'_>) {
        self.advance(envelope.sequence);
        let name = envelope.name.as_deref().unwrap_or_default();
        if name == "RESUMED" {
            self.cursor.resumed_at = envelope.sequence.filter(|sequence| *sequence > 0);
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

    /// Whether a replay repeats what was delivered before.
    pub fn is_repeated(&self, sequence: Option<u64>) -> bool {
        sequence.is_some_and(|sequence| sequence > 0 && Some(sequence) <= self.cursor.sequence)
    }

    /// Whether a RESUMED is that of an earlier resume, come again in the replay.
    pub fn is_old_resumed(&self, sequence: Option<u64>) -> bool {
        sequence.is_some() && sequence == self.cursor.resumed_at
    }

    fn advance(&mut self, sequence: Option<u64>) {
        let Some(sequence) = sequence else { return };
        self.cursor.sequence = self.cursor.sequence.max(Some(sequence));
        if sequence == 0 {
            // Some servers number everything 0, which says nothing.
            return;
        }
        if let Some(missing) = self.cursor.latest.and_then(|latest| sequence.checked_sub(latest))
            && missing > 1
        {
            let missing = missing - 1;
            self.counters.gaps = self.counters.gaps.saturating_add(missing);
            self.emit(Event::Notice(Notice::SequenceGap { missing }));
        }
        self.cursor.latest = Some(sequence);
    }

    // The session.

    pub fn has_session(&self) -> bool {
        self.cursor.session_id.is_some() && self.cursor.sequence.is_some()
    }

    pub fn session(&self) -> Option<Session> {
        Some(Session {
            id: self.cursor.session_id.clone()?,
            sequence: self.cursor.sequence?,
            resume_url: self.cursor.resume_url.clone(),
            shard: self.config.shard,
        })
    }

    pub fn take_up(&mut self, session: Session) {
        self.cursor = Cursor {
            session_id: Some(session.id),
            resume_url: session.resume_url,
            sequence: Some(session.sequence),
            latest: Some(session.sequence),
            resumed_at: None,
        };
    }

    /// READY began a new session.
    pub fn begin(&mut self, ready: Ready) {
        let named = ready.resume_gateway_url;
        let is_named = named.is_some();
        let resume_url = named.filter(|url| self.config.resume_url(url).is_some());
        if is_named && resume_url.is_none() {
            self.emit(Event::Notice(Notice::BadResumeUrl));
        }
        self.cursor =
            Cursor { session_id: Some(ready.session_id), resume_url, ..Cursor::default() };
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
        if Self::is_fatal(fault) {
            return Next::Stop;
        }
        if self.host == Host::Resume && stage != Stage::Ready {
            self.resume_host_failures += 1;
        }
        if stage == Stage::Resuming {
            self.resume_failures += 1;
        }
        self.hopes += u32::from(*fault == Fault::InvalidSession { resumable: true });
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

    fn is_fatal(fault: &Fault) -> bool {
        matches!(fault, Fault::Closed(close) if CloseCode::of(close.code).verdict == Verdict::Stop)
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

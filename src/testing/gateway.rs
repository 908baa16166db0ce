//! The mock gateway's public face and its clockwork: takes inputs, lets what is due happen, hands out outputs. What the
//! messages mean is decided next door in `lifecycle` and `requests`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use super::{
    connection::Connection,
    envelope::{Envelope, quoted},
    exchange::{Host, Peer, Refusal, ServerInput, ServerOutput},
    faults::{Armed, Moment, Schedule},
    guilds::World,
    lifecycle::Starts,
    options::{GatewayOptions, bare},
    police::Breach,
    records::{Notice, Received, Records, SessionState, State, Violation},
    script::Fault,
    session::{Presence, Session},
    visits::{End, Visit},
};
use crate::proto::{Close, Instant, ShardId};

/// Discord's Gateway as a pure value: no socket, no clock, no task.
///
/// Feed it with [`handle`](Self::handle), then take outputs with [`poll_output`](Self::poll_output) until it says
/// [`Wait`](ServerOutput::Wait).
///
/// ```
/// use shardwire::{
///     proto::{Frame, Instant},
///     testing::{Gateway, GatewayOptions, Host, Peer, ServerInput, ServerOutput},
/// };
///
/// let mut gateway = Gateway::new(GatewayOptions::default(), Instant::ZERO);
/// let (peer, query) = (Peer(1), "v=10&encoding=json".to_owned());
/// gateway.handle(ServerInput::Connected { peer, host: Host::Base, query }, Instant::ZERO);
/// let ServerOutput::Send(_, Frame::Text(hello)) = gateway.poll_output() else { panic!("a hello") };
/// assert!(hello.contains("heartbeat_interval"));
/// ```
pub struct Gateway {
    pub(super) options: GatewayOptions,
    pub(super) world: World,
    pub(super) now: Instant,
    pub(super) connections: BTreeMap<Peer, Connection>,
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) starts: Starts,
    /// When all members of a guild were asked for last.
    pub(super) members_asked: BTreeMap<u64, Instant>,
    pub(super) armed: Armed,
    pub(super) records: Records,
    /// Faults for the next connection.
    waiting: Vec<Fault>,
    schedule: Schedule,
    due: Due,
    /// Whether a step of the script is being carried out: what it sends triggers no further step.
    is_striking: bool,
    outputs: VecDeque<ServerOutput>,
}

/// Until when nothing happens by itself. With thousands of clients, nobody may look at all of them for each message of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing before this instant; it may be earlier than it must be. `None`: never.
    NotBefore(Option<Instant>),
    /// All have to be looked at.
    Unknown,
}

/// Steady events of one session in one go, so that no call takes long.
const BATCH: usize = 1000;
/// Faults that may wait for a connection.
const MOST_WAITING: usize = 1000;

impl Gateway {
    /// A gateway that opens at `now`.
    #[must_use]
    pub fn new(mut options: GatewayOptions, now: Instant) -> Self {
        let schedule = Schedule::new(std::mem::take(&mut options.script), now);
        Self {
            world: World::new(options.seed, options.guilds, options.members),
            options,
            now,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            starts: Starts::new(now),
            members_asked: BTreeMap::new(),
            armed: Armed::default(),
            records: Records::default(),
            waiting: Vec::new(),
            schedule,
            due: Due::Unknown,
            is_striking: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input. `now` must not run backwards.
    pub fn handle(&mut self, input: ServerInput, now: Instant) {
        self.elapse(now);
        let touched = match &input {
            ServerInput::Connected { peer, .. }
            | ServerInput::Received(peer, _)
            | ServerInput::Disconnected(peer, _)
            | ServerInput::Congested(peer)
            | ServerInput::Relieved(peer)
            | ServerInput::InjectInto(peer, _) => Some(*peer),
            ServerInput::Inject(_) | ServerInput::TimePassed => None,
        };
        match input {
            ServerInput::Connected { peer, host, query } => self.on_connected(peer, host, &query),
            ServerInput::Received(peer, frame) => self.on_received(peer, &frame),
            ServerInput::Disconnected(peer, close) => self.on_disconnected(peer, close.as_ref()),
            ServerInput::Congested(peer) => self.on_congestion(peer, true),
            ServerInput::Relieved(peer) => self.on_congestion(peer, false),
            ServerInput::Inject(fault) => self.apply(fault, None),
            ServerInput::InjectInto(peer, fault) => self.apply(fault, Some(peer)),
            ServerInput::TimePassed => {}
        }
        if let Some(peer) = touched {
            self.touch(peer);
        }
        if self.due == Due::Unknown {
            self.produce();
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> ServerOutput {
        self.outputs.pop_front().unwrap_or_else(|| ServerOutput::Wait(self.wake()))
    }

    /// Sends an event to every session, those of absent clients included, whatever their intents. `data` is JSON text
    /// and goes out byte for byte.
    pub fn emit(&mut self, name: &str, data: &str) {
        for key in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.dispatch(key, name.to_owned().into(), data.to_owned());
        }
        self.due = Due::Unknown;
    }

    /// Sends an event of a guild to every session whose shard the guild belongs to; see [`emit`](Self::emit).
    pub fn emit_in_guild(&mut self, guild_id: u64, name: &str, data: &str) {
        let is_its = |session: &Session| {
            ShardId::of_guild(guild_id, session.shard[1]).map(ShardId::number)
                == Some(session.shard[0])
        };
        let sessions = self.sessions.iter().filter(|(_, session)| is_its(session));
        for key in sessions.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.dispatch(key, name.to_owned().into(), data.to_owned());
        }
        self.due = Due::Unknown;
    }

    /// Whether a handshake at this address may go on. Whoever owns the sockets asks before each upgrade.
    pub fn admits(&mut self, host: Host, now: Instant) -> Result<(), Refusal> {
        self.elapse(now);
        let answer = self.armed.admit(host, self.now);
        if let Err(Refusal::Status(status)) = answer {
            self.records.visits.refuse(host, status);
        }
        answer
    }

    /// Whether nobody listens at the resume address at the moment.
    #[must_use]
    pub fn is_resume_host_dead(&self) -> bool {
        self.armed.is_resume_host_dead(self.now)
    }

    /// Whether this token, with or without `Bot ` before it, may come in.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        self.options.accepts(bare(token))
    }

    /// The body of `GET /api/v10/gateway`.
    #[must_use]
    pub fn gateway_body(&self) -> String {
        format!(r#"{{"url":{}}}"#, quoted(&self.options.url))
    }

    /// The body of `GET /api/v10/gateway/bot`.
    pub fn gateway_bot_body(&mut self, now: Instant) -> String {
        self.elapse(now);
        let total = self.options.session_starts;
        let (remaining, reset_after) = self.starts.left(total, self.now);
        format!(
            r#"{{"url":{url},"shards":{shards},"session_start_limit":{{"total":{total},"remaining":{remaining},"reset_after":{reset},"max_concurrency":{concurrency}}}}}"#,
            url = quoted(&self.options.url),
            shards = self.options.shards,
            reset = reset_after.as_millis(),
            concurrency = self.options.max_concurrency,
        )
    }

    /// The next line for whoever watches, oldest first.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.records.notices.pop_front()
    }

    /// What clients sent, the newest 10 000 messages.
    #[must_use]
    pub fn received(&self) -> impl DoubleEndedIterator<Item = &Received> {
        self.records.received.iter()
    }

    /// What each connection brought, the newest 1000 of them, with as much of it as [`received`](Self::received) has.
    pub fn visits(&self) -> Vec<Visit> {
        self.records.visits.told(self.received())
    }

    /// What clients did wrong, the newest 1000 breaches.
    #[must_use]
    pub fn violations(&self) -> impl DoubleEndedIterator<Item = &Violation> {
        self.records.violations.iter()
    }

    /// How many identifies arrived.
    #[must_use]
    pub fn identifies(&self) -> u64 {
        self.records.identifies
    }

    /// How many resumes arrived.
    #[must_use]
    pub fn resumes(&self) -> u64 {
        self.records.resumes
    }

    /// The sequence number of the newest event of a connection's session.
    #[must_use]
    pub fn last_seq(&self, peer: Peer) -> Option<u64> {
        let session = self.connections.get(&peer)?.session?;
        self.sessions.get(&session).map(|session| session.last_seq)
    }

    /// The sessions that live, those of absent clients included, oldest first.
    pub fn sessions(&self) -> impl Iterator<Item = SessionState<'_>> {
        self.sessions.values().map(Session::state)
    }

    /// The connections that are open.
    pub fn peers(&self) -> impl Iterator<Item = Peer> {
        self.connections.iter().filter(|(_, it)| !it.has_ended).map(|(peer, _)| *peer)
    }

    /// Where everything stands.
    #[must_use]
    pub fn state(&self) -> State {
        let records = &self.records;
        let line = |violation: &Violation| {
            let punished = violation.code.map_or_else(|| "-".into(), |code| code.to_string());
            format!("{punished} {}", violation.reason)
        };
        State {
            connections: self.peers().count(),
            connects: records.connects,
            sessions: self.sessions.len(),
            identifies: records.identifies,
            resumes: records.resumes,
            resumed: records.resumed,
            heartbeats: records.heartbeats,
            events_sent: records.events_sent,
            faults_waiting: self.waiting.len() + self.armed.waiting() + self.schedule.waiting(),
            violations: records.violations.iter().map(line).collect(),
        }
    }

    /// Lets everything happen that is due by `now`.
    fn elapse(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if matches!(self.due, Due::NotBefore(at) if at.is_none_or(|at| self.now < at)) {
            return;
        }
        self.due = Due::Unknown;
        for fault in self.schedule.elapse(self.now) {
            self.apply(fault, None);
        }
        for peer in self.connections.keys().copied().collect::<Vec<_>>() {
            self.elapse_connection(peer);
        }
        let (now, lifetime) = (self.now, self.options.session_lifetime);
        self.sessions.retain(|_, session| match session.presence {
            Presence::On(_) => true,
            Presence::AwaySince(since) => now.saturating_since(since) < lifetime,
        });
        self.produce();
    }

    fn elapse_connection(&mut self, peer: Peer) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.outlet.release(now, &mut self.outputs);
        if connection.has_ended && connection.outlet.held_back() == 0 {
            self.connections.remove(&peer);
        } else if connection.outlet.try_end_silence(now) {
            self.catch_up(peer);
        } else if connection.is_overdue(now) {
            self.breach(peer, Breach::new(4009, "no heartbeat in time"));
        }
    }

    /// Brings forth the steady events that are due.
    fn produce(&mut self) {
        for key in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.produce_for(key);
        }
    }

    fn produce_for(&mut self, key: u64) {
        for _ in 0..BATCH {
            let Some(session) = self.sessions.get_mut(&key) else { break };
            let connection = session.peer().and_then(|peer| self.connections.get(&peer));
            if connection.is_some_and(|connection| connection.is_congested) {
                break;
            }
            let recording = self.options.recording.as_ref();
            let event = session.try_next(&self.world, recording, self.now);
            let Some((name, data)) = event else { break };
            self.dispatch(key, name, data);
        }
    }

    /// Something happened on one connection: lets its session go on, and keeps in mind when it wants to be looked at again.
    fn touch(&mut self, peer: Peer) {
        let key = self.connections.get(&peer).and_then(|connection| connection.session);
        if let Some(key) = key {
            self.produce_for(key);
        }
        let connection = self.connections.get(&peer).and_then(Connection::wake);
        let session = key.and_then(|key| self.sessions.get(&key));
        let session = session.and_then(|session| self.session_wake(session));
        self.not_later_than(connection);
        self.not_later_than(session);
    }

    fn not_later_than(&mut self, at: Option<Instant>) {
        if let (Due::NotBefore(due), Some(at)) = (&mut self.due, at) {
            *due = Some(due.map_or(at, |due| due.min(at)));
        }
    }

    fn wake(&mut self) -> Option<Instant> {
        if let Due::NotBefore(at) = self.due {
            return at;
        }
        let connections = self.connections.values().filter_map(Connection::wake);
        let sessions = self.sessions.values().filter_map(|session| self.session_wake(session));
        let others = self.schedule.wake().into_iter().chain(self.armed.wake(self.now));
        let at = connections.chain(sessions).chain(others).min();
        self.due = Due::NotBefore(at);
        at
    }

    /// When a session brings forth its next event, or ends.
    fn session_wake(&self, session: &Session) -> Option<Instant> {
        let connection = session.peer().and_then(|peer| self.connections.get(&peer));
        let is_stalled = connection.is_some_and(|connection| connection.is_congested);
        let next = session.next_at().filter(|_| !is_stalled);
        let end = match session.presence {
            Presence::On(_) => None,
            Presence::AwaySince(since) => Some(since + self.options.session_lifetime),
        };
        next.into_iter().chain(end).min()
    }

    fn on_congestion(&mut self, peer: Peer, is_congested: bool) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.is_congested = is_congested;
        }
    }

    /// Numbers an event, keeps it for a resume, and sends it if the client is there.
    pub(super) fn dispatch(&mut self, key: u64, name: Cow<'static, str>, data: String) {
        self.dispatch_as(key, name, data, None);
    }

    /// Like [`dispatch`](Self::dispatch), with another sequence number on the wire.
    pub(super) fn dispatch_as(
        &mut self,
        key: u64,
        name: Cow<'static, str>,
        data: String,
        shown_seq: Option<u64>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let peer = session.peer();
        let sent = session.number(name, data, &self.options);
        let Some(peer) = peer else { return };
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if connection.outlet.is_silent() {
            return;
        }
        connection.delivered = sent.seq;
        let envelope = Envelope {
            op: 0,
            dispatch: Some((&sent.name, shown_seq.unwrap_or(sent.seq))),
            data: Some(&sent.data),
        };
        connection.outlet.envelope(envelope, self.now, &mut self.outputs);
        self.records.events_sent += 1;
        self.strike(Moment::Dispatch, peer);
    }

    /// Sends what a connection's session has from `after` on, and says how much that was.
    pub(super) fn send_since(&mut self, peer: Peer, after: u64) -> u64 {
        let Some(connection) = self.connections.get_mut(&peer) else { return 0 };
        if connection.outlet.is_silent() {
            // Told when the silence ends.
            connection.delivered = after;
            return 0;
        }
        let session = connection.session.and_then(|key| self.sessions.get(&key));
        let mut count = 0;
        for sent in session.and_then(|session| session.since(after)).into_iter().flatten() {
            let envelope =
                Envelope { op: 0, dispatch: Some((&sent.name, sent.seq)), data: Some(&sent.data) };
            connection.outlet.envelope(envelope, self.now, &mut self.outputs);
            connection.delivered = sent.seq;
            count += 1;
        }
        self.records.events_sent += count;
        count
    }

    /// Sends something that is no event; `None` leaves out `d`.
    pub(super) fn send(&mut self, peer: Peer, op: u64, data: Option<&str>) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            let envelope = Envelope { op, dispatch: None, data };
            connection.outlet.envelope(envelope, self.now, &mut self.outputs);
        }
    }

    /// Closes a connection. Its session waits for a resume.
    pub(super) fn close(&mut self, peer: Peer, close: Close) {
        let notice = Notice::Closed(peer, Some(close.code), close.reason.to_string());
        self.end(peer, ServerOutput::Close(peer, close), notice);
    }

    fn end(&mut self, peer: Peer, output: ServerOutput, notice: Notice) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        // A dead path carries no close frame either; the connection stays half open.
        if connection.has_ended || connection.outlet.is_silent() {
            return;
        }
        connection.outlet.push(output, self.now, &mut self.outputs);
        connection.has_ended = true;
        let is_done = connection.outlet.held_back() == 0;
        let code = match &notice {
            Notice::Closed(_, code, _) => *code,
            _ => None,
        };
        self.records.visits.end(peer, End::Server { code });
        self.detach(peer);
        if is_done {
            self.connections.remove(&peer);
        }
        self.records.notice(notice);
    }

    /// Parts a connection from its session, which then waits for a resume.
    pub(super) fn detach(&mut self, peer: Peer) -> Option<u64> {
        let key = self.connections.get_mut(&peer)?.session.take()?;
        let session = self.sessions.get_mut(&key)?;
        session.presence = Presence::AwaySince(self.now);
        self.not_later_than(Some(self.now + self.options.session_lifetime));
        Some(key)
    }

    /// Notes what a client did wrong, and closes the connection if Discord would.
    pub(super) fn breach(&mut self, peer: Peer, breach: Breach) {
        let Breach { code, reason } = breach;
        let violation = Violation { peer, code, reason: reason.clone(), at: self.now };
        self.records.violate(violation);
        if let Some(code) = code {
            self.close(
                peer,
                Close { code, reason: clipped(&reason, LONGEST_REASON).to_owned().into() },
            );
        }
    }

    /// Whether a connection can still be sent to.
    pub(super) fn is_open(&self, peer: Peer) -> bool {
        self.connections.get(&peer).is_some_and(|connection| !connection.has_ended)
    }

    /// Carries out the steps of the script that are due at this moment.
    pub(super) fn strike(&mut self, moment: Moment, peer: Peer) {
        if self.is_striking {
            return;
        }
        self.is_striking = true;
        for fault in self.schedule.strike(moment) {
            self.apply(fault, Some(peer));
        }
        self.is_striking = false;
    }

    /// Lets the faults strike that waited for a connection.
    pub(super) fn strike_waiting(&mut self, peer: Peer) {
        for fault in std::mem::take(&mut self.waiting) {
            self.apply(fault, Some(peer));
        }
    }

    /// Lets a fault happen on one connection or on all.
    fn apply(&mut self, fault: Fault, target: Option<Peer>) {
        // It may concern anybody.
        self.due = Due::Unknown;
        let line = serde_json::to_string(&fault).unwrap_or_default();
        self.records.notice(Notice::Fault(clipped(&line, LONGEST_REASON).to_owned()));
        let Some(fault) = self.armed.arm(fault, self.now) else { return };
        match (fault, target) {
            (Fault::ForgetSessions, _) => self.forget_sessions(),
            (Fault::Dispatch { name, data, guild_id: None }, None) => self.emit(&name, &data),
            (Fault::Dispatch { name, data, guild_id: Some(guild_id) }, None) => {
                self.emit_in_guild(guild_id, &name, &data);
            }
            (fault, Some(peer)) => self.apply_to(peer, &fault),
            (fault, None) => {
                let peers: Vec<_> = self.peers().collect();
                for peer in &peers {
                    self.apply_to(*peer, &fault);
                }
                if peers.is_empty() && self.waiting.len() < MOST_WAITING {
                    self.waiting.push(fault);
                }
            }
        }
    }

    fn apply_to(&mut self, peer: Peer, fault: &Fault) {
        match fault {
            Fault::Close { code, reason } => {
                self.lift_silence(peer);
                self.close(
                    peer,
                    Close {
                        code: *code,
                        reason: clipped(reason, LONGEST_REASON).to_owned().into(),
                    },
                );
            }
            Fault::CloseWithoutCode => {
                self.lift_silence(peer);
                let notice = Notice::Closed(peer, None, "without a code".into());
                self.end(peer, ServerOutput::CloseWithoutCode(peer), notice);
            }
            Fault::Cut => {
                self.lift_silence(peer);
                let notice = Notice::Closed(peer, None, "cut".into());
                self.end(peer, ServerOutput::Cut(peer), notice);
            }
            Fault::Reconnect => self.send(peer, 7, Some("null")),
            Fault::HeartbeatRequest => self.send(peer, 1, Some("null")),
            Fault::InvalidSession { resumable } => self.invalidate(peer, *resumable),
            Fault::Dispatch { name, data, .. } => {
                if let Some(key) = self.connections.get(&peer).and_then(|it| it.session) {
                    self.dispatch(key, name.clone().into(), data.clone());
                }
            }
            Fault::BigMessage { bytes } => {
                if let Some(key) = self.connections.get(&peer).and_then(|it| it.session) {
                    let data = super::mischief::big(&mut self.world.chance(5, 0), *bytes);
                    self.dispatch(key, "MOCK_BIG_MESSAGE".into(), data);
                }
            }
            other => {
                if let Some(connection) = self.connections.get_mut(&peer) {
                    let mut chance = self.world.chance(6, self.records.events_sent);
                    let now = self.now;
                    super::mischief::apply(connection, other, &mut chance, now, &mut self.outputs);
                }
            }
        }
    }

    fn lift_silence(&mut self, peer: Peer) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.outlet.break_silence();
        }
    }

    /// Sends the events that a silence held back.
    fn catch_up(&mut self, peer: Peer) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.on_heartbeat(self.now);
            let (delivered, key) = (connection.delivered, connection.session);
            let session = key.and_then(|key| self.sessions.get(&key));
            if session.is_some_and(|session| session.since(delivered).is_none()) {
                return self.close(peer, Close::new(4000, "too far behind"));
            }
            self.send_since(peer, delivered);
        }
    }

    fn forget_sessions(&mut self) {
        self.sessions.clear();
        for connection in self.connections.values_mut() {
            connection.session = None;
        }
    }

    /// Op 9. The session ends unless it is said to be resumable.
    fn invalidate(&mut self, peer: Peer, resumable: Option<bool>) {
        let key = self.detach(peer);
        if let Some(key) = key.filter(|_| resumable != Some(true)) {
            self.sessions.remove(&key);
        }
        self.send_invalid(peer, resumable);
    }

    pub(super) fn send_invalid(&mut self, peer: Peer, resumable: Option<bool>) {
        let data = resumable.map(|flag| if flag { "true" } else { "false" });
        self.send(peer, 9, data);
    }
}

/// As much of the start of a text as fits into so many bytes.
pub(super) fn clipped(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// What fits into a close frame besides the code, in bytes.
const LONGEST_REASON: usize = 123;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{
        proto::Frame,
        testing::{
            ALL_INTENTS, Script,
            rig::{Heard, Rig, identify, secs},
        },
    };

    fn steady() -> GatewayOptions {
        GatewayOptions { rate: 20.0, guilds: 4, seed: 7, ..GatewayOptions::default() }
    }

    fn quiet() -> GatewayOptions {
        GatewayOptions { guilds: 0, ..GatewayOptions::default() }
    }

    #[test]
    fn steady_events_come_at_their_rate_and_the_same_whatever_the_timing() {
        let run = |step: Duration| {
            let mut rig = Rig::new(steady());
            let peer = rig.connect(Host::Base);
            rig.send(peer, &identify(ALL_INTENTS));
            let end = rig.now + secs(30);
            while rig.now < end {
                rig.now = rig.now + step;
                rig.input(ServerInput::TimePassed);
            }
            rig.heard(peer)
        };
        let smooth = run(Duration::from_millis(10));
        assert_eq!(smooth.len(), 1 + 1 + 4 + 600);
        assert_eq!(smooth, run(secs(5)));
    }

    #[test]
    fn a_session_goes_on_while_its_client_is_away() {
        let mut rig = Rig::new(steady());
        let (first, session) = rig.identified(ALL_INTENTS);
        rig.leave(first, None);
        rig.pass(secs(10));
        let second = rig.resume(&session, 5);
        let told = rig.told(second);
        assert_eq!(told.len(), 201);
        assert_eq!(told[200], "RESUMED 206");
    }

    #[test]
    fn a_congested_client_gets_its_events_later_and_all_of_them() {
        let mut rig = Rig::new(steady());
        let (peer, _) = rig.identified(ALL_INTENTS);
        rig.input(ServerInput::Congested(peer));
        rig.pass(secs(10));
        assert!(rig.told(peer).is_empty());
        rig.input(ServerInput::Relieved(peer));
        assert_eq!(rig.told(peer).len(), 200);
    }

    #[test]
    fn a_silence_holds_events_back_and_answers_no_heartbeat() {
        let mut rig = Rig::new(quiet());
        let (peer, _) = rig.identified(0);
        rig.input(ServerInput::Inject(Fault::Silence { ms: Some(1000) }));
        rig.gateway.emit("A", "{}");
        rig.send(peer, &json!({"op": 1, "d": 1}));
        assert!(rig.told(peer).is_empty());
        rig.pass(secs(1));
        assert_eq!(rig.told(peer), ["A 2"]);
        rig.input(ServerInput::Inject(Fault::Silence { ms: None }));
        rig.pass(secs(600));
        assert!(rig.told(peer).is_empty());
    }

    #[test]
    fn a_fault_that_finds_no_connection_waits_for_one() {
        let mut rig = Rig::new(quiet());
        rig.input(ServerInput::Inject(Fault::Corrupt { times: 1 }));
        let peer = rig.connect(Host::Base);
        assert!(matches!(rig.heard(peer)[0], Heard::Other(ServerOutput::Send(..))));
        assert_eq!(rig.gateway.state().faults_waiting, 0);
    }

    #[test]
    fn a_script_strikes_at_its_moments() {
        let script = r#"[
            {"at":{"connection":1},"do":{"fault":"key_order","order":"op,t,d,s","nothing":"absent"}},
            {"at":{"identify":1},"do":{"fault":"close","code":4000}},
            {"at":{"dispatch":2},"do":{"fault":"reconnect"}},
            {"at":{"heartbeat":1},"do":{"fault":"no_acks"}},
            {"at":{"command":2},"do":{"fault":"dispatch","name":"B","data":"{}"}},
            {"at":{"ms":7000},"do":{"fault":"invalid_session","resumable":true}}]"#;
        let script = Script::from_json(script).expect("valid script");
        let mut rig = Rig::new(GatewayOptions { script, ..quiet() });
        let peer = rig.connect(Host::Base);
        let Heard::Message(hello) = &rig.heard(peer)[0] else { panic!("a hello") };
        assert_eq!(hello.get("s"), None);
        rig.send(peer, &identify(0));
        assert_eq!(rig.told(peer), ["closed Some(4000)"]);
        let (peer, session) = rig.identified(0);
        rig.gateway.emit("A", "{}");
        rig.send(peer, &json!({"op": 1, "d": 1}));
        rig.send(peer, &json!({"op": 1, "d": 1}));
        assert_eq!(rig.told(peer), ["A 2", "op 7 null", "op 11 null"]);
        rig.send(peer, &json!({"op": 31, "d": {"guild_ids": []}}));
        assert!(rig.told(peer).is_empty());
        rig.send(peer, &json!({"op": 31, "d": {"guild_ids": []}}));
        assert_eq!(rig.told(peer), ["B 3"]);
        rig.pass(secs(7));
        assert_eq!(rig.told(peer), ["op 9 true"]);
        rig.send(peer, &json!({"op": 6, "d": {"token": "t", "session_id": session, "seq": 1}}));
        assert_eq!(rig.told(peer), ["A 2", "B 3", "RESUMED 4"]);
    }

    #[test]
    fn identifies_keep_the_distance_that_was_chosen() {
        let refused = |spacing: Duration| {
            let options = GatewayOptions { identify_spacing: spacing, ..quiet() };
            let mut rig = Rig::new(options);
            let (peer, _) = rig.identified(0);
            rig.leave(peer, None);
            rig.pass(Duration::from_millis(999));
            let peer = rig.connect(Host::Base);
            rig.heard(peer);
            rig.send(peer, &identify(0));
            rig.told(peer) == ["op 9 false"]
        };
        assert!(refused(secs(1)));
        assert!(!refused(Duration::ZERO));
    }

    #[test]
    fn an_invalid_session_leaves_the_connection_open_for_an_identify() {
        let mut rig = Rig::new(quiet());
        let (peer, session) = rig.identified(0);
        rig.input(ServerInput::InjectInto(peer, Fault::InvalidSession { resumable: Some(false) }));
        assert_eq!(rig.told(peer), ["op 9 false"]);
        rig.send(peer, &json!({"op": 6, "d": {"token": "t", "session_id": session, "seq": 1}}));
        assert_eq!(rig.told(peer), ["op 9 false"]);
        rig.pass(secs(5));
        rig.send(peer, &identify(0));
        assert_eq!(rig.told(peer), ["READY 1"]);
    }

    #[test]
    fn closing_faults_close_as_they_say() {
        for (fault, seen) in [
            (Fault::Close { code: 4900, reason: "ü".repeat(100) }, "closed Some(4900)"),
            (Fault::CloseWithoutCode, "closed Some(1005)"),
            (Fault::Cut, "closed None"),
        ] {
            let mut rig = Rig::new(quiet());
            let (peer, _) = rig.identified(0);
            rig.input(ServerInput::Inject(fault));
            assert_eq!(rig.told(peer), [seen]);
            assert_eq!((rig.gateway.peers().count(), rig.gateway.state().sessions), (0, 1));
        }
    }

    #[test]
    fn a_delayed_close_leaves_after_what_came_before_it() {
        let mut rig = Rig::new(quiet());
        let (peer, _) = rig.identified(0);
        rig.input(ServerInput::Inject(Fault::Delay { ms: 100 }));
        rig.input(ServerInput::Inject(Fault::Reconnect));
        rig.input(ServerInput::Inject(Fault::Close { code: 4000, reason: String::new() }));
        assert!(rig.told(peer).is_empty());
        rig.pass(secs(1));
        assert_eq!(rig.told(peer), ["op 7 null", "closed Some(4000)"]);
    }

    #[test]
    fn a_silence_longer_than_the_replay_buffer_ends_the_connection() {
        let mut rig = Rig::new(GatewayOptions { replay_buffer: 2, ..quiet() });
        let (peer, _) = rig.identified(0);
        rig.input(ServerInput::Inject(Fault::Silence { ms: Some(1000) }));
        for _ in 0..3 {
            rig.gateway.emit("A", "{}");
        }
        rig.pass(secs(2));
        assert_eq!(rig.told(peer), ["closed Some(4000)"]);
    }

    #[test]
    fn hostile_bytes_never_panic() {
        let mut rig = Rig::new(GatewayOptions::default());
        let mut chance = crate::proto::Random::new(3);
        let seeds = [
            identify(1).to_string(),
            r#"{"op":8,"d":{"guild_id":"1","query":"","limit":0}}"#.into(),
        ];
        for turn in 0..3000_u64 {
            let peer = rig.connect(Host::Base);
            let mut bytes = seeds[usize::from(turn % 2 == 0)].clone().into_bytes();
            for _ in 0..3 {
                let at = chance.bits() % bytes.len() as u64;
                let at = usize::try_from(at).expect("an index");
                bytes[at] = chance.bits().to_le_bytes()[0];
            }
            let frame = match String::from_utf8(bytes) {
                Ok(text) => Frame::Text(text),
                Err(error) => Frame::Binary(error.into_bytes()),
            };
            rig.input(ServerInput::Received(peer, frame));
            rig.leave(peer, None);
        }
        assert_eq!(rig.gateway.peers().count(), 0);
    }
}

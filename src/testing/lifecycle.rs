//! The life cycle of connections and sessions: hello, heartbeats, identify, resume, and leaving.

use std::{collections::BTreeMap, time::Duration};

use super::{
    connection::{Connection, form},
    envelope::quoted,
    events::{self, GUILD_PRESENCES, GUILDS, PRIVILEGED_INTENTS},
    exchange::{Host, Peer},
    faults::Moment,
    gateway::{Gateway, clipped},
    guilds::BOT_ID,
    options::{ZstdForm, bare},
    outlet::{Outlet, Packing, take},
    police::{self, Breach, Identify, Request},
    records::{Notice, Received},
    session::{Presence, Session},
    visits::End,
};
use crate::proto::{Close, Encoding, Frame, Instant};

/// The ledger of session starts: the daily budget and the time between identifies of one bucket.
pub(super) struct Starts {
    day_from: Instant,
    used: u32,
    /// Also names sessions.
    ever: u64,
    buckets: BTreeMap<u32, Instant>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Starts {
    pub(super) fn new(now: Instant) -> Self {
        Self { day_from: now, used: 0, ever: 0, buckets: BTreeMap::new() }
    }

    /// How many of `total` starts are left, and for how long that holds.
    pub(super) fn left(&mut self, total: u32, now: Instant) -> (u32, Duration) {
        if now.saturating_since(self.day_from) >= DAY {
            self.day_from = now;
            self.used = 0;
        }
        let end = self.day_from + DAY;
        (total.saturating_sub(self.used), end.saturating_since(now))
    }

    /// Counts a start unless the last one of this bucket is too young.
    fn try_start(&mut self, bucket: u32, spacing: Duration, now: Instant) -> bool {
        let last = self.buckets.get(&bucket);
        if last.is_some_and(|last| now.saturating_since(*last) < spacing) {
            return false;
        }
        self.buckets.insert(bucket, now);
        self.used += 1;
        self.ever += 1;
        true
    }
}

impl Gateway {
    pub(super) fn on_connected(&mut self, peer: Peer, host: Host, query: &str) {
        self.records.connects += 1;
        self.records.notice(Notice::Connected(peer, host));
        self.records.visits.begin(peer, host, query);
        let form = form(query, self.options.zstd == ZstdForm::Endless);
        let ((encoding, packing), refused) = match form {
            Ok(form) => (form, None),
            Err(close) => ((Encoding::Json, Packing::None), Some(close)),
        };
        let outlet = Outlet::new(peer, encoding, packing);
        let connection = Connection::new(host, outlet, self.heartbeat_interval(), self.now);
        self.connections.insert(peer, connection);
        if let Some(Close { code, reason }) = refused {
            return self.breach(peer, Breach::new(code, reason));
        }
        self.strike_waiting(peer);
        self.strike(Moment::Connection, peer);
        if self.is_open(peer) {
            self.greet(peer);
        }
    }

    pub(super) fn on_received(&mut self, peer: Peer, frame: &Frame) {
        if !self.is_open(peer) {
            return;
        }
        let Some(connection) = self.connections.get(&peer) else { return };
        let text = police::text(frame, connection.outlet.encoding());
        let json = match (frame, &text) {
            (Frame::Text(text), _) => clipped(text, LONGEST_RECORD).to_owned(),
            (_, Ok(text)) => clipped(text, LONGEST_RECORD).to_owned(),
            (_, Err(_)) => format!("{} bytes", frame.len()),
        };
        let judged = text.and_then(|text| police::read(&text));
        let op = judged.as_ref().ok().map(|(op, _)| *op);
        self.records.receive(Received { peer, op, json, at: self.now });
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if !connection.try_send(self.now) {
            return self.breach(peer, Breach::new(4008, "more than 120 messages in a minute"));
        }
        let is_stranger = connection.session.is_none();
        let understood = judged.and_then(|(op, data)| {
            let request = police::understand(op, &data);
            // An unknown opcode is worse than a known one that comes too early.
            let is_known = request.as_ref().is_ok() || op <= 43;
            if is_stranger && is_known && !police::is_for_strangers(op) {
                return Err(Breach::new(4003, format!("op {op} before identify")));
            }
            request
        });
        match understood {
            Ok(request) => self.serve(peer, request),
            Err(breach) => self.breach(peer, breach),
        }
    }

    pub(super) fn on_disconnected(&mut self, peer: Peer, close: Option<&Close>) {
        let key = self.detach(peer);
        let Some(connection) = self.connections.remove(&peer) else { return };
        if connection.has_ended {
            return;
        }
        let code = close.map(|close| close.code);
        self.records.notice(Notice::Left(peer, code));
        self.records.visits.end(peer, End::Client { code });
        if let Some(key) = key.filter(|_| matches!(code, Some(1000 | 1001))) {
            self.sessions.remove(&key);
        }
    }

    fn serve(&mut self, peer: Peer, request: Request) {
        match request {
            Request::Heartbeat(seq) => self.on_heartbeat(peer, seq),
            Request::Identify(identify) => self.on_identify(peer, &identify),
            Request::Resume { token, session, seq } => self.on_resume(peer, &token, &session, seq),
            command => {
                self.strike(Moment::Command, peer);
                let key = self.connections.get(&peer).and_then(|connection| connection.session);
                if let Some(key) = key {
                    self.on_command(peer, key, command);
                }
            }
        }
    }

    fn heartbeat_interval(&self) -> Duration {
        let recorded = self.options.recording.as_ref().and_then(|recording| recording.hello());
        recorded.map_or(self.options.heartbeat_interval, |(_, ms)| Duration::from_millis(ms))
    }

    fn greet(&mut self, peer: Peer) {
        if take(&mut self.armed.no_hello) {
            return;
        }
        if take(&mut self.armed.reconnect_instead_of_hello) {
            return self.send(peer, 7, Some("null"));
        }
        if take(&mut self.armed.reconnect_before_hello) {
            self.send(peer, 7, Some("null"));
        }
        let recorded = self.options.recording.as_ref().and_then(|recording| recording.hello());
        let hello = recorded.map_or_else(
            || {
                format!(
                    r#"{{"heartbeat_interval":{},"_trace":["[\"gateway-mock\",{{\"micros\":0.0}}]"]}}"#,
                    self.options.heartbeat_interval.as_millis()
                )
            },
            |(text, _)| text.to_owned(),
        );
        self.send(peer, 10, Some(&hello));
    }

    fn on_heartbeat(&mut self, peer: Peer, seq: Option<u64>) {
        self.records.heartbeats += 1;
        let newest = self.last_seq(peer);
        if let (Some(seq), Some(newest)) = (seq, newest)
            && seq > newest
        {
            let reason = format!("heartbeat with sequence number {seq}, the newest is {newest}");
            self.breach(peer, Breach::unpunished(reason));
        }
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.on_heartbeat(self.now);
        self.strike(Moment::Heartbeat, peer);
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if !connection.has_ended && !take(&mut connection.no_acks) {
            self.send(peer, 11, Some("null"));
        }
    }

    fn on_identify(&mut self, peer: Peer, identify: &Identify) {
        self.records.identifies += 1;
        self.strike(Moment::Identify, peer);
        if !self.is_open(peer) {
            return;
        }
        if let Err(breach) = self.check_identify(peer, identify) {
            return self.breach(peer, breach);
        }
        if self.starts.left(self.options.session_starts, self.now).0 == 0 {
            return self.reset_token();
        }
        if take(&mut self.armed.never_ready) {
            return;
        }
        if take(&mut self.armed.refuse_identify.0) {
            let resumable = self.armed.refuse_identify.1;
            return self.refuse(peer, resumable, "identify, by a fault");
        }
        let bucket = identify.shard[0] % self.options.max_concurrency.max(1);
        let spacing = self.options.identify_spacing;
        if !self.starts.try_start(bucket, spacing, self.now) {
            let span = spacing.as_secs_f64();
            let reason = format!("identify of bucket {bucket} within {span} s of the last");
            self.breach(peer, Breach::unpunished(reason));
            return self.refuse(peer, Some(false), "identify, too soon");
        }
        self.start_session(peer, identify);
    }

    fn check_identify(&mut self, peer: Peer, identify: &Identify) -> Result<(), Breach> {
        let connection = self.connections.get(&peer);
        if connection.is_some_and(|connection| connection.session.is_some()) {
            return Err(Breach::new(4005, "identify on a connection that has a session"));
        }
        if !self.accepts(&identify.token) {
            return Err(Breach::new(4004, "token not accepted"));
        }
        let denied = identify.intents & PRIVILEGED_INTENTS & !self.options.privileged_intents;
        if denied != 0 {
            return Err(Breach::new(4014, format!("privileged intents not granted: {denied}")));
        }
        let guilds = self.world.guilds_of(identify.shard).len();
        if guilds > self.options.guilds_per_shard as usize {
            return Err(Breach::new(4011, format!("{guilds} guilds are too many for one shard")));
        }
        if connection.is_some_and(|connection| connection.host == Host::Resume) {
            let reason = "identify at the resume address";
            self.breach(peer, Breach::unpunished(reason));
        }
        Ok(())
    }

    /// What Discord does to a bot that has used up its identifies: every session ends, the token no longer holds.
    fn reset_token(&mut self) {
        self.sessions.clear();
        for peer in self.peers().collect::<Vec<_>>() {
            self.breach(peer, Breach::new(4004, "all identifies of the day are used up"));
        }
    }

    fn start_session(&mut self, peer: Peer, identify: &Identify) {
        let key = self.starts.ever;
        let guilds = self.world.guilds_of(identify.shard);
        let (id, ready) = self.ready(key, identify, &guilds);
        let session = Session::new(id, identify, guilds, peer);
        self.make_room_for_a_session();
        self.sessions.insert(key, session);
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.session = Some(key);
            if identify.compress {
                connection.outlet.pack_payloads();
            }
        }
        let Identify { shard, intents, .. } = *identify;
        self.records.notice(Notice::Identified { peer, shard, intents });
        let shown_seq = take(&mut self.armed.zero_ready).then_some(0);
        self.dispatch_as(key, "READY".into(), ready, shown_seq);
        self.send_guilds(key);
        if let Some(session) = self.sessions.get_mut(&key) {
            session.start_feed(&self.options, self.now);
        }
    }

    fn send_guilds(&mut self, key: u64) {
        let Some(session) = self.sessions.get(&key) else { return };
        if session.intents & GUILDS == 0 || self.options.recording.is_some() {
            return;
        }
        let (presences, large) = (session.intents & GUILD_PRESENCES != 0, session.large_threshold);
        for guild in session.guilds.clone() {
            let data = self.world.guild_create(guild, presences, large);
            self.dispatch(key, "GUILD_CREATE".into(), data);
        }
    }

    /// Session id and READY.
    fn ready(&self, key: u64, identify: &Identify, guilds: &[u32]) -> (String, String) {
        let mut chance = self.world.chance(7, key);
        let id = format!("{:016x}{:016x}", chance.bits(), chance.bits());
        let url = &self.options.resume_gateway_url;
        if let Some(recording) = &self.options.recording {
            let is_taken = |id: &str| self.sessions.values().any(|session| session.id == id);
            let as_recorded = recording.ready(url, None).filter(|(_, id)| !is_taken(id));
            if let Some((data, id)) = as_recorded.or_else(|| recording.ready(url, Some(&id))) {
                return (id, data);
            }
        }
        let data = format!(
            r#"{{"v":10,"user_settings":{{}},"user":{{"verified":true,"username":"shardwire-mock","primary_guild":null,"mfa_enabled":true,"id":"{BOT_ID}","global_name":null,"flags":0,"email":null,"discriminator":"7281","clan":null,"bot":true,"avatar":null}},"shard":[{shard_id},{shard_count}],"session_type":"normal","session_id":"{id}","resume_gateway_url":{url},"relationships":[],"private_channels":[],"presences":[],"guilds":[{guilds}],"guild_join_requests":[],"geo_ordered_rtc_regions":["frankfurt","milan","paris"],"game_relationships":[],"auth":{{}},"application":{{"id":"{BOT_ID}","flags":11051008}},"_trace":["[\"gateway-mock\",{{\"micros\":115715,\"calls\":[\"id_created\",{{\"micros\":557,\"calls\":[]}}]}}]"]}}"#,
            shard_id = identify.shard[0],
            shard_count = identify.shard[1],
            url = quoted(url),
            guilds = events::unavailable(guilds),
        );
        (id, data)
    }

    /// Sessions are bounded: the oldest one whose client is away makes room, or the oldest of all.
    fn make_room_for_a_session(&mut self) {
        if self.sessions.len() < MOST_SESSIONS {
            return;
        }
        let is_away = |session: &Session| session.peer().is_none();
        let away = self.sessions.iter().find(|(_, session)| is_away(session));
        let oldest = away.or_else(|| self.sessions.iter().next()).map(|(key, _)| *key);
        if let Some(session) = oldest.and_then(|key| self.sessions.remove(&key)) {
            let connection = session.peer().and_then(|peer| self.connections.get_mut(&peer));
            if let Some(connection) = connection {
                connection.session = None;
            }
        }
    }

    fn on_resume(&mut self, peer: Peer, token: &str, id: &str, seq: u64) {
        self.records.resumes += 1;
        self.strike(Moment::Resume, peer);
        let Some(connection) = self.connections.get(&peer) else { return };
        if connection.has_ended {
            return;
        }
        if connection.session.is_some() {
            return self
                .breach(peer, Breach::new(4005, "resume on a connection that has a session"));
        }
        if !self.accepts(token) {
            return self.breach(peer, Breach::new(4004, "token not accepted"));
        }
        if take(&mut self.armed.never_resumed) {
            return;
        }
        let known = self.sessions.iter().find(|(_, session)| session.id == id);
        let known = known.filter(|(_, session)| session.token == bare(token));
        let known =
            known.map(|(key, session)| (*key, session.last_seq, session.since(seq).is_some()));
        if take(&mut self.armed.refuse_resume.0) {
            let resumable = self.armed.refuse_resume.1;
            if let Some((key, ..)) = known.filter(|_| resumable != Some(true)) {
                self.drop_session(key);
            }
            return self.refuse(peer, resumable, "resume, by a fault");
        }
        match known {
            None => self.refuse(peer, Some(false), "resume of an unknown session"),
            Some((key, last_seq, _)) if seq > last_seq => {
                self.drop_session(key);
                let reason = format!("resume after {seq}, the newest is {last_seq}");
                self.breach(peer, Breach::new(4007, reason));
            }
            Some((key, _, false)) => {
                self.drop_session(key);
                self.refuse(peer, Some(false), "resume of events no longer kept");
            }
            Some((key, ..)) => self.resume(peer, key, seq),
        }
    }

    fn resume(&mut self, peer: Peer, key: u64, seq: u64) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let old = session.peer();
        let compress = session.compress;
        // What is no longer kept cannot be repeated.
        let is_kept = session.since(seq.saturating_sub(1)).is_some();
        session.presence = Presence::On(peer);
        if let Some(old) = old {
            if let Some(connection) = self.connections.get_mut(&old) {
                connection.session = None;
            }
            self.close(old, Close::new(4000, "session resumed on another connection"));
        }
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.session = Some(key);
            if compress {
                connection.outlet.pack_payloads();
            }
        }
        let mut after = seq;
        if is_kept && take(&mut self.armed.duplicate_last) {
            after = after.saturating_sub(1);
        }
        let replayed = self.send_since(peer, after);
        self.records.resumed += 1;
        self.records.notice(Notice::Resumed { peer, replayed });
        let shown_seq = take(&mut self.armed.zero_resumed).then_some(0);
        let data = r#"{"_trace":["[\"gateway-mock\",{\"micros\":204}]"]}"#;
        self.dispatch_as(key, "RESUMED".into(), data.into(), shown_seq);
    }

    /// Ends a session, whether its client is there or not.
    fn drop_session(&mut self, key: u64) {
        let session = self.sessions.remove(&key);
        let peer = session.and_then(|session| session.peer());
        if let Some(connection) = peer.and_then(|peer| self.connections.get_mut(&peer)) {
            connection.session = None;
        }
    }

    fn refuse(&mut self, peer: Peer, resumable: Option<bool>, why: &str) {
        self.records.notice(Notice::Refused(peer, why.to_owned()));
        self.send_invalid(peer, resumable);
    }
}

/// The limit for messages; of longer ones only the start is remembered.
const LONGEST_RECORD: usize = 4096;
/// A bound that no test comes near.
const MOST_SESSIONS: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{
        ALL_INTENTS, Answer, Fault, GatewayOptions, Recording, ServerInput,
        rig::{Heard, Rig, identify, secs},
    };

    fn quiet() -> GatewayOptions {
        GatewayOptions { guilds: 0, ..GatewayOptions::default() }
    }

    #[test]
    fn hello_ready_and_the_guilds_come_in_order_from_sequence_number_one() {
        let mut rig = Rig::new(GatewayOptions { guilds: 2, ..GatewayOptions::default() });
        let peer = rig.connect(Host::Base);
        assert!(rig.told(peer)[0].starts_with("op 10 {"));
        rig.send(peer, &identify(ALL_INTENTS));
        assert_eq!(rig.told(peer), ["READY 1", "GUILD_CREATE 2", "GUILD_CREATE 3"]);
        rig.send(peer, &json!({"op": 1, "d": 3}));
        assert_eq!(rig.told(peer), ["op 11 null"]);
        assert_eq!(rig.gateway.violations().count(), 0);
    }

    #[test]
    fn without_the_guilds_intent_no_guild_comes() {
        let mut rig = Rig::new(GatewayOptions::default());
        let peer = rig.connect(Host::Base);
        rig.send(peer, &identify(0));
        assert_eq!(rig.told(peer)[1..], ["READY 1"]);
    }

    #[test]
    fn a_resume_replays_what_was_missed_and_ends_with_resumed() {
        let mut rig = Rig::new(quiet());
        let (first, session) = rig.identified(0);
        rig.gateway.emit("A", "{}");
        rig.leave(first, None);
        rig.gateway.emit("B", "{}");
        rig.pass(secs(60));
        let second = rig.resume(&session, 1);
        assert_eq!(rig.told(second), ["A 2", "B 3", "RESUMED 4"]);
        rig.gateway.emit("C", "{}");
        rig.pass(secs(0));
        assert_eq!(rig.told(second), ["C 5"]);
    }

    #[test]
    fn an_older_connection_of_a_resumed_session_is_closed() {
        let mut rig = Rig::new(quiet());
        let (first, session) = rig.identified(0);
        let second = rig.resume(&session, 1);
        assert_eq!(rig.told(first), ["closed Some(4000)"]);
        assert_eq!(rig.told(second), ["RESUMED 2"]);
    }

    #[test]
    fn a_session_ends_with_1000_or_1001_or_after_its_time() {
        for (code, wait, survives) in [
            (Some(1000), 0, false),
            (Some(1001), 0, false),
            (Some(4000), 119, true),
            (None, 121, false),
        ] {
            let mut rig = Rig::new(quiet());
            let (first, session) = rig.identified(0);
            rig.leave(first, code);
            rig.pass(secs(wait));
            let second = rig.resume(&session, 1);
            let expected = if survives { "RESUMED 2" } else { "op 9 false" };
            assert_eq!(rig.told(second), [expected], "{code:?} after {wait} s");
        }
    }

    #[test]
    fn a_resume_beyond_what_was_sent_is_4007_and_before_what_is_kept_op_9() {
        let mut rig = Rig::new(GatewayOptions { replay_buffer: 2, ..quiet() });
        let (first, session) = rig.identified(0);
        rig.leave(first, None);
        let second = rig.resume(&session, 2);
        assert_eq!(rig.told(second), ["closed Some(4007)"]);
        rig.pass(secs(5));
        let (first, session) = rig.identified(0);
        rig.leave(first, None);
        for _ in 0..3 {
            rig.gateway.emit("A", "{}");
        }
        let second = rig.resume(&session, 1);
        assert_eq!(rig.told(second), ["op 9 false"]);
    }

    #[test]
    fn a_wrong_token_does_not_resume() {
        let mut rig = Rig::new(quiet());
        let (_, session) = rig.identified(0);
        let peer = rig.connect(Host::Resume);
        rig.heard(peer);
        rig.send(peer, &json!({"op": 6, "d": {"token": "u", "session_id": session, "seq": 1}}));
        assert_eq!(rig.told(peer), ["op 9 false"]);
    }

    #[test]
    fn identifies_of_one_bucket_need_five_seconds_between_them() {
        let mut rig = Rig::new(GatewayOptions { max_concurrency: 2, ..quiet() });
        let with_shard = |id: u32| {
            let mut message = identify(0);
            message["d"]["shard"] = json!([id, 4]);
            message
        };
        for (shard, answer) in [(0, "READY 1"), (1, "READY 1"), (2, "op 9 false")] {
            let peer = rig.connect(Host::Base);
            rig.heard(peer);
            rig.send(peer, &with_shard(shard));
            assert_eq!(rig.told(peer), [answer], "shard {shard}");
        }
        rig.pass(secs(5));
        let peer = rig.connect(Host::Base);
        rig.heard(peer);
        rig.send(peer, &with_shard(2));
        assert_eq!(rig.told(peer), ["READY 1"]);
        assert_eq!(rig.gateway.violations().count(), 1);
    }

    #[test]
    fn the_daily_budget_ends_every_session_and_comes_back() {
        let mut rig = Rig::new(GatewayOptions { session_starts: 1, ..quiet() });
        let (first, _) = rig.identified(0);
        let body = rig.gateway.gateway_bot_body(rig.now);
        assert!(body.contains(r#""remaining":0,"reset_after":86400000"#), "{body}");
        rig.pass(secs(5));
        let second = rig.connect(Host::Base);
        rig.heard(second);
        rig.send(second, &identify(0));
        assert_eq!(rig.told(first), ["closed Some(4004)"]);
        assert_eq!(rig.told(second), ["closed Some(4004)"]);
        rig.pass(DAY);
        rig.identified(0);
    }

    #[test]
    fn breaches_of_the_life_cycle_have_their_codes() {
        let options = GatewayOptions {
            privileged_intents: 0,
            guilds_per_shard: 5,
            guilds: 6,
            ..GatewayOptions::default()
        };
        let mut sharded = identify(0);
        sharded["d"]["shard"] = json!([0, 3]);
        let mut rig = Rig::new(options);
        for (message, code) in [
            (json!({"op": 3, "d": {}}), 4003),
            (identify(1 << 8), 4014),
            (identify(0), 4011),
            (identify(1 << 17), 4013),
        ] {
            let peer = rig.connect(Host::Base);
            rig.heard(peer);
            rig.send(peer, &message);
            assert_eq!(rig.told(peer), [format!("closed Some({code})")]);
        }
        let peer = rig.connect(Host::Base);
        rig.send(peer, &sharded);
        rig.heard(peer);
        rig.send(peer, &sharded);
        assert_eq!(rig.told(peer), ["closed Some(4005)"]);
    }

    #[test]
    fn too_many_messages_are_4008_and_too_few_heartbeats_4009() {
        let mut rig = Rig::new(quiet());
        let (peer, _) = rig.identified(0);
        for _ in 0..119 {
            rig.send(peer, &json!({"op": 1, "d": null}));
        }
        assert_eq!(rig.told(peer).len(), 119);
        rig.send(peer, &json!({"op": 1, "d": null}));
        assert_eq!(rig.told(peer), ["closed Some(4008)"]);
        let silent = rig.connect(Host::Base);
        rig.heard(silent);
        rig.pass(secs(61));
        assert!(rig.told(silent).is_empty());
        rig.pass(secs(1));
        assert_eq!(rig.told(silent), ["closed Some(4009)"]);
    }

    #[test]
    fn a_heartbeat_ahead_of_the_session_is_noted_but_not_punished() {
        let mut rig = Rig::new(quiet());
        let (peer, _) = rig.identified(0);
        rig.send(peer, &json!({"op": 1, "d": 17}));
        assert_eq!(rig.told(peer), ["op 11 null"]);
        assert_eq!(rig.gateway.violations().next().map(|violation| violation.code), Some(None));
    }

    #[test]
    fn armed_faults_strike_on_their_occasion_and_run_out() {
        let mut rig = Rig::new(quiet());
        rig.input(ServerInput::Inject(Fault::NoHello { times: 1 }));
        rig.input(ServerInput::Inject(Fault::ReconnectBeforeHello { times: 1 }));
        rig.input(ServerInput::Inject(Fault::RefuseIdentify { resumable: None, times: 1 }));
        let zero = |of| Fault::SequenceZero { of, times: 1 };
        rig.input(ServerInput::Inject(zero(Answer::Ready)));
        assert_eq!(rig.gateway.state().faults_waiting, 4);
        let peer = rig.connect(Host::Base);
        assert!(rig.told(peer).is_empty());
        let peer = rig.connect(Host::Base);
        assert_eq!(rig.told(peer)[0], "op 7 null");
        rig.send(peer, &identify(0));
        let Heard::Message(refused) = &rig.heard(peer)[0] else { panic!("a message") };
        assert_eq!((&refused["op"], refused.get("d")), (&json!(9), None));
        rig.send(peer, &identify(0));
        assert_eq!(rig.told(peer), ["READY 0"]);
        assert_eq!(rig.gateway.state().faults_waiting, 0);
    }

    #[test]
    fn a_replay_can_repeat_the_last_event_and_start_counting_anew() {
        let mut rig = Rig::new(quiet());
        let (first, session) = rig.identified(0);
        rig.gateway.emit("A", "{}");
        rig.leave(first, None);
        rig.input(ServerInput::Inject(Fault::DuplicateLast { times: 1 }));
        rig.input(ServerInput::Inject(Fault::SequenceZero { of: Answer::Resumed, times: 1 }));
        let second = rig.resume(&session, 2);
        assert_eq!(rig.told(second), ["A 2", "RESUMED 0"]);
    }

    #[test]
    fn a_replay_cannot_repeat_what_is_no_longer_kept() {
        let mut rig = Rig::new(GatewayOptions { replay_buffer: 2, ..quiet() });
        let (first, session) = rig.identified(0);
        rig.gateway.emit("A", "{}");
        rig.gateway.emit("B", "{}");
        rig.leave(first, None);
        rig.input(ServerInput::Inject(Fault::DuplicateLast { times: 1 }));
        let second = rig.resume(&session, 1);
        assert_eq!(rig.told(second), ["A 2", "B 3", "RESUMED 4"]);
    }

    #[test]
    fn recorded_events_come_once_with_fresh_numbers() {
        let mut recording = Recording::new();
        let text = r#"[{"op":10,"d":{"heartbeat_interval":30000,"x":1}},
            {"op":0,"t":"READY","s":9,"d":{"session_id":"rec","resume_gateway_url":"wss://x","y":1.0}},
            {"op":0,"t":"B","s":44,"d":[]},{"op":11,"d":null},{"op":0,"t":"A","s":3,"d":{"a":1}}]"#;
        recording.add(text).expect("valid recording");
        let mut rig = Rig::new(GatewayOptions { recording: Some(recording), ..quiet() });
        let peer = rig.connect(Host::Base);
        assert_eq!(rig.told(peer), [r#"op 10 {"heartbeat_interval":30000,"x":1}"#]);
        rig.send(peer, &identify(0));
        assert_eq!(rig.told(peer), ["READY 1", "B 2", "A 3"]);
        rig.pass(secs(20));
        assert!(rig.told(peer).is_empty());
        let second = rig.resume("rec", 2);
        assert_eq!(rig.told(second), ["A 3", "RESUMED 4"]);
    }
}

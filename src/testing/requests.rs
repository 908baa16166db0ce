//! Answers to commands: members, presence, voice, soundboard and channel information.

use std::time::Duration;

use super::{
    envelope::quoted,
    events::{GUILD_MEMBERS, GUILD_PRESENCES, GUILD_VOICE_STATES, voice_state},
    exchange::Peer,
    gateway::Gateway,
    guilds::{
        BOT_ID, VOICE_CHANNEL, VOICE_CHANNELS, channel_id, guild_id, list, member_of, presence,
    },
    police::{Breach, Members, Presence, Request, Wanted},
};

/// How long all members of one guild may not be asked for again.
const MEMBERS_SPACING: Duration = Duration::from_secs(30);
/// Members in one chunk.
const CHUNK: usize = 1000;
/// User ids that are answered in one request.
const MOST_IDS: usize = 100;
/// Bytes of a nonce; longer ones are ignored.
const LONGEST_NONCE: usize = 32;

impl Gateway {
    pub(super) fn on_command(&mut self, peer: Peer, key: u64, command: Request) {
        match command {
            Request::Members(wanted) => self.on_members(peer, key, &wanted),
            Request::Presence(presence) => self.on_presence(peer, key, &presence),
            Request::Voice { guild, channel, own } => self.on_voice(key, guild, channel, own),
            Request::Soundboard(guilds) => self.on_soundboard(key, &guilds),
            Request::ChannelInfo { guild, fields } => self.on_channel_info(key, guild, &fields),
            // The life cycle's own messages do not come here.
            Request::Heartbeat(_) | Request::Identify(_) | Request::Resume { .. } => {}
        }
    }

    /// A guild of the session's shard by its id.
    fn guild_of(&self, key: u64, id: u64) -> Option<u32> {
        let guild = self.world.guild(id)?;
        self.sessions.get(&key)?.guilds.contains(&guild).then_some(guild)
    }

    fn intends(&self, key: u64, intent: u64) -> bool {
        self.sessions.get(&key).is_some_and(|session| session.intents & intent != 0)
    }

    fn on_members(&mut self, peer: Peer, key: u64, request: &Members) {
        // Discord does not answer for guilds it does not see the bot in.
        let Some(guild) = self.guild_of(key, request.guild) else { return };
        let nonce = request.nonce.as_deref().filter(|nonce| nonce.len() <= LONGEST_NONCE);
        let (members, not_found) = match &request.wanted {
            Wanted::All => {
                if !self.intends(key, GUILD_MEMBERS) {
                    let reason = "all members asked for without the GUILD_MEMBERS intent";
                    return self.breach(peer, Breach::unpunished(reason));
                }
                if let Some(wait) = self.members_wait(request.guild) {
                    return self.rate_limit_members(key, request.guild, nonce, wait);
                }
                ((0..self.world.members()).collect(), None)
            }
            Wanted::Prefix { query, limit } => (self.members_like(guild, query, *limit), None),
            Wanted::Ids(ids) if ids.contains(&None) => return self.send_invalid_session(peer),
            Wanted::Ids(ids) => {
                let (found, lost) = self.members_with(guild, ids);
                (found, Some(lost))
            }
        };
        let presences = request.presences && self.intends(key, GUILD_PRESENCES);
        self.send_chunks(key, guild, &members, not_found.as_deref(), presences, nonce);
    }

    /// How long all members of this guild may not be asked for yet; notes the request if they may.
    fn members_wait(&mut self, guild: u64) -> Option<Duration> {
        let last = self.members_asked.get(&guild);
        let passed = last.map(|last| self.now.saturating_since(*last));
        match passed {
            Some(passed) if passed < MEMBERS_SPACING => {
                Some(MEMBERS_SPACING.saturating_sub(passed))
            }
            _ => {
                self.members_asked.insert(guild, self.now);
                None
            }
        }
    }

    fn rate_limit_members(&mut self, key: u64, guild: u64, nonce: Option<&str>, wait: Duration) {
        let nonce = nonce.map(|nonce| format!(r#","nonce":{}"#, quoted(nonce))).unwrap_or_default();
        let data = format!(
            r#"{{"retry_after":{:.3},"opcode":8,"meta":{{"guild_id":"{guild}"{nonce}}}}}"#,
            wait.as_secs_f64()
        );
        self.dispatch(key, "RATE_LIMITED".into(), data);
    }

    fn members_like(&self, guild: u32, query: &str, limit: u32) -> Vec<u32> {
        let query = query.to_lowercase();
        let matches = |member: &u32| self.world.username(guild, *member).starts_with(&query);
        (0..self.world.members()).filter(matches).take(limit as usize).collect()
    }

    fn members_with(&self, guild: u32, ids: &[Option<u64>]) -> (Vec<u32>, Vec<u64>) {
        let (mut found, mut lost) = (Vec::new(), Vec::new());
        for id in ids.iter().take(MOST_IDS).flatten() {
            match member_of(guild, *id, self.world.members()) {
                Some(member) => found.push(member),
                None => lost.push(*id),
            }
        }
        (found, lost)
    }

    fn send_chunks(
        &mut self,
        key: u64,
        guild: u32,
        members: &[u32],
        not_found: Option<&[u64]>,
        presences: bool,
        nonce: Option<&str>,
    ) {
        let count = members.len().div_ceil(CHUNK).max(1);
        let nonce = nonce.map(|nonce| format!(r#""nonce":{},"#, quoted(nonce))).unwrap_or_default();
        let lost =
            not_found.filter(|lost| !lost.is_empty()).map(not_found_list).unwrap_or_default();
        let mut chunks = members.chunks(CHUNK);
        for index in 0..count {
            let chunk = chunks.next().unwrap_or_default();
            let listed = list(chunk.iter().map(|member| self.world.member(guild, *member)));
            let shown = if presences { self.presences(guild, chunk) } else { String::new() };
            let data = format!(
                r#"{{{shown}{lost}{nonce}"members":[{listed}],"guild_id":"{id}","chunk_index":{index},"chunk_count":{count}}}"#,
                id = guild_id(guild),
            );
            self.dispatch(key, "GUILD_MEMBERS_CHUNK".into(), data);
        }
    }

    fn presences(&self, guild: u32, members: &[u32]) -> String {
        let mut chance = self.world.chance(8, u64::from(guild));
        let all = members.iter().map(|member| presence(guild, *member, &mut chance));
        format!(r#""presences":[{}],"#, list(all))
    }

    /// What Discord answers to user ids that are no numbers.
    fn send_invalid_session(&mut self, peer: Peer) {
        if let Some(key) = self.detach(peer) {
            self.sessions.remove(&key);
        }
        self.send_invalid(peer, Some(false));
    }

    fn on_presence(&mut self, peer: Peer, key: u64, presence: &Presence) {
        let now = self.now;
        let has_room = self.connections.get_mut(&peer).is_some_and(|it| it.try_presence(now));
        if !has_room {
            let reason = "more than 5 presence updates in 20 s";
            self.breach(peer, Breach::unpunished(reason));
        }
        if !self.intends(key, GUILD_PRESENCES) {
            return;
        }
        let guild = self.sessions.get(&key).and_then(|session| session.guilds.first().copied());
        let Some(guild) = guild else { return };
        let status = match presence.status.as_str() {
            "invisible" => "offline",
            other => other,
        };
        let client =
            if status == "offline" { String::new() } else { format!(r#""web":"{status}""#) };
        let data = format!(
            r#"{{"user":{{"id":"{BOT_ID}"}},"status":"{status}","guild_id":"{guild}","client_status":{{{client}}},"activities":{activities}}}"#,
            guild = guild_id(guild),
            activities = presence.activities,
        );
        self.dispatch(key, "PRESENCE_UPDATE".into(), data);
    }

    fn on_voice(&mut self, key: u64, guild: u64, channel: Option<u64>, own: [bool; 2]) {
        let Some(number) = self.guild_of(key, guild) else { return };
        if self.intends(key, GUILD_VOICE_STATES) {
            let id = channel.map_or_else(|| "null".into(), |id| format!("\"{id}\""));
            let data = voice_state(&self.world, number, 0, &id, own);
            self.dispatch(key, "VOICE_STATE_UPDATE".into(), data);
        }
        if channel.is_some() {
            let token = self.world.chance(9, guild).bits();
            let data = format!(
                r#"{{"token":"{token:016x}","guild_id":"{guild}","endpoint":"mock-voice.invalid:443"}}"#
            );
            self.dispatch(key, "VOICE_SERVER_UPDATE".into(), data);
        }
    }

    fn on_soundboard(&mut self, key: u64, guilds: &[u64]) {
        for guild in guilds {
            if let Some(number) = self.guild_of(key, *guild) {
                let sound = channel_id(number, 90);
                let data = format!(
                    r#"{{"soundboard_sounds":[{{"volume":1.0,"user_id":"{BOT_ID}","sound_id":"{sound}","name":"quack","guild_id":"{guild}","emoji_name":"🦆","emoji_id":null,"available":true}}],"guild_id":"{guild}"}}"#
                );
                self.dispatch(key, "SOUNDBOARD_SOUNDS".into(), data);
            }
        }
    }

    fn on_channel_info(&mut self, key: u64, guild: u64, fields: &[String]) {
        let Some(number) = self.guild_of(key, guild) else { return };
        let asked = |name: &str| fields.iter().any(|field| field == name);
        let status = if asked("status") { r#","status":"open stage""# } else { "" };
        let start =
            if asked("voice_start_time") { r#","voice_start_time":1772236608"# } else { "" };
        let channels = list((0..VOICE_CHANNELS).map(|nth| {
            format!(r#"{{"id":"{}"{status}{start}}}"#, channel_id(number, VOICE_CHANNEL + nth))
        }));
        let data = format!(r#"{{"guild_id":"{guild}","channels":[{channels}]}}"#);
        self.dispatch(key, "CHANNEL_INFO".into(), data);
    }
}

/// `not_found` as Discord writes it: ids too small to be snowflakes come back as integers.
fn not_found_list(lost: &[u64]) -> String {
    let form = |id: &u64| if *id < 1 << 22 { id.to_string() } else { format!("\"{id}\"") };
    format!(r#""not_found":[{}],"#, list(lost.iter().map(form)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{
        ALL_INTENTS, GatewayOptions,
        guilds::user_id,
        rig::{Heard, Rig, secs},
    };

    fn answers(rig: &mut Rig, peer: Peer, message: &Value) -> Vec<Value> {
        rig.send(peer, message);
        let heard = rig.heard(peer).into_iter();
        heard
            .map(|heard| match heard {
                Heard::Message(message) => message,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn big() -> (Rig, Peer) {
        let mut rig =
            Rig::new(GatewayOptions { guilds: 2, members: 2500, ..GatewayOptions::default() });
        let (peer, _) = rig.identified(ALL_INTENTS);
        (rig, peer)
    }

    #[test]
    fn all_members_come_in_chunks_and_only_every_thirty_seconds() {
        let (mut rig, peer) = big();
        let guild = guild_id(0).to_string();
        let ask = json!({"op": 8, "d": {"guild_id": guild, "query": "", "limit": 0, "nonce": "n"}});
        let chunks = answers(&mut rig, peer, &ask);
        let sizes: Vec<_> = chunks
            .iter()
            .filter_map(|chunk| chunk["d"]["members"].as_array())
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [1000, 1000, 500]);
        for (index, chunk) in chunks.iter().enumerate() {
            assert_eq!(chunk["d"]["chunk_index"], index);
            assert_eq!(
                (&chunk["d"]["chunk_count"], &chunk["d"]["nonce"]),
                (&json!(3), &json!("n"))
            );
        }
        rig.pass(secs(10));
        rig.heard(peer);
        let limited = answers(&mut rig, peer, &ask);
        assert_eq!(limited[0]["t"], "RATE_LIMITED");
        let expected =
            json!({"opcode": 8, "retry_after": 20.0, "meta": {"guild_id": guild, "nonce": "n"}});
        assert_eq!(limited[0]["d"], expected);
        rig.pass(secs(20));
        assert_eq!(answers(&mut rig, peer, &ask).len(), 3);
    }

    #[test]
    fn members_are_found_by_id_and_by_the_start_of_their_name() {
        let (mut rig, peer) = big();
        let guild = guild_id(1).to_string();
        let ids = json!([user_id(1, 5).to_string(), "123", user_id(0, 5).to_string()]);
        let ask = json!({"op": 8, "d": {"guild_id": guild, "user_ids": ids, "presences": true}});
        let answer = &answers(&mut rig, peer, &ask)[0]["d"];
        assert_eq!(answer["members"][0]["user"]["id"], user_id(1, 5).to_string());
        assert_eq!(answer["not_found"], json!([123, user_id(0, 5).to_string()]));
        assert_eq!(answer["presences"].as_array().map(Vec::len), Some(1));
        let ask = json!({"op": 8, "d": {"guild_id": guild, "query": "SHARDWIRE", "limit": 5}});
        let answer = &answers(&mut rig, peer, &ask)[0]["d"];
        assert_eq!(answer["members"].as_array().map(Vec::len), Some(1));
        assert_eq!(answer.get("not_found"), None);
    }

    #[test]
    fn user_ids_that_are_no_numbers_invalidate_the_session() {
        let (mut rig, peer) = big();
        let guild = guild_id(1).to_string();
        let ask = json!({"op": 8, "d": {"guild_id": guild, "user_ids": "me"}});
        assert_eq!(answers(&mut rig, peer, &ask)[0]["op"], 9);
    }

    #[test]
    fn presence_voice_soundboard_and_channel_information_are_answered() {
        let (mut rig, peer) = big();
        let guild = guild_id(0).to_string();
        let presence =
            json!({"since": null, "activities": [], "status": "invisible", "afk": false});
        let echo = &answers(&mut rig, peer, &json!({"op": 3, "d": presence}))[0];
        assert_eq!(
            (&echo["t"], &echo["d"]["status"]),
            (&json!("PRESENCE_UPDATE"), &json!("offline"))
        );
        let voice =
            json!({"guild_id": guild, "channel_id": "5", "self_mute": true, "self_deaf": false});
        let both = answers(&mut rig, peer, &json!({"op": 4, "d": voice}));
        let names: Vec<_> = both.iter().map(|answer| answer["t"].as_str()).collect();
        assert_eq!(names, [Some("VOICE_STATE_UPDATE"), Some("VOICE_SERVER_UPDATE")]);
        let sounds = answers(&mut rig, peer, &json!({"op": 31, "d": {"guild_ids": [guild, "1"]}}));
        assert_eq!((sounds.len(), &sounds[0]["t"]), (1, &json!("SOUNDBOARD_SOUNDS")));
        let info = json!({"op": 43, "d": {"guild_id": guild, "fields": ["status"]}});
        let info = &answers(&mut rig, peer, &info)[0];
        assert_eq!(info["t"], "CHANNEL_INFO");
        assert_eq!(info["d"]["channels"][0].get("voice_start_time"), None);
        assert_eq!(rig.gateway.violations().count(), 0);
    }
}

//! The steady mix: which event comes nth on a shard, as a pure function of seed, shard and number. Knows no session and no
//! clock; timestamps inside the events follow from their numbers.

use super::{
    envelope::quoted,
    guilds::{
        BOT_ID, TEXT_CHANNELS, VOICE_CHANNEL, World, channel_id, guild_id, list, message, one_of,
        pick, presence, role_id, seconds, text_channel, user_id,
    },
};
use crate::proto::Random;

/// Every intent bit that Discord documents.
pub const ALL_INTENTS: u64 = 0x0331_FFFF;
/// The privileged ones: `GUILD_MEMBERS`, `GUILD_PRESENCES` and `MESSAGE_CONTENT`.
pub const PRIVILEGED_INTENTS: u64 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;

pub(super) const GUILDS: u64 = 1;
pub(super) const GUILD_MEMBERS: u64 = 1 << 1;
pub(super) const GUILD_VOICE_STATES: u64 = 1 << 7;
pub(super) const GUILD_PRESENCES: u64 = 1 << 8;
const GUILD_MESSAGES: u64 = 1 << 9;
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
const GUILD_MESSAGE_TYPING: u64 = 1 << 11;
const MESSAGE_CONTENT: u64 = 1 << 15;

/// How often, out of 100, and behind which intent.
const MIX: [(u32, u64, Kind); 14] = [
    (30, GUILD_MESSAGES, Kind::Message),
    (22, GUILD_PRESENCES, Kind::Presence),
    (13, GUILD_MESSAGE_TYPING, Kind::Typing),
    (10, GUILD_MESSAGE_REACTIONS, Kind::ReactionAdd),
    (6, GUILD_MESSAGES, Kind::Edit),
    (5, GUILD_MEMBERS, Kind::MemberUpdate),
    (5, GUILD_VOICE_STATES, Kind::Voice),
    (2, GUILD_MESSAGE_REACTIONS, Kind::ReactionRemove),
    (2, GUILD_MESSAGES, Kind::Delete),
    (1, GUILD_MEMBERS, Kind::MemberAdd),
    (1, GUILD_MEMBERS, Kind::MemberRemove),
    (1, GUILDS, Kind::ChannelUpdate),
    (1, GUILDS, Kind::RoleUpdate),
    (1, GUILDS, Kind::ThreadCreate),
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    ChannelUpdate,
    Delete,
    Edit,
    MemberAdd,
    MemberRemove,
    MemberUpdate,
    Message,
    Presence,
    ReactionAdd,
    ReactionRemove,
    RoleUpdate,
    ThreadCreate,
    Typing,
    Voice,
}

/// Whether any event of the mix passes these intents.
pub(super) fn any_passes(intents: u64) -> bool {
    MIX.iter().any(|(_, intent, _)| intents & intent != 0)
}

/// Event `number` of a shard that holds `guilds` (not empty): name and data; `None` if the intents do not let it through.
pub(super) fn event(
    world: &World,
    shard: u32,
    guilds: &[u32],
    intents: u64,
    number: u64,
) -> Option<(&'static str, String)> {
    let mut chance = world.chance(0x100 + u64::from(shard), number);
    let (intent, kind) = kind(pick(&mut chance, 100));
    if intents & intent == 0 {
        return None;
    }
    let among = u32::try_from(guilds.len()).unwrap_or(u32::MAX);
    let guild = guilds.get(pick(&mut chance, among) as usize).copied()?;
    let others = world.members().saturating_sub(1).max(1);
    let member = 1 + pick(&mut chance, others);
    let channel = channel_id(guild, 1 + pick(&mut chance, TEXT_CHANNELS));
    Some(Scene { world, shard, number, guild, member, channel, intents, chance }.tell(kind))
}

fn kind(mut dice: u32) -> (u64, Kind) {
    for (share, intent, kind) in MIX {
        if dice < share {
            return (intent, kind);
        }
        dice -= share;
    }
    (GUILD_MESSAGES, Kind::Message)
}

/// Where and to whom an event happens.
struct Scene<'a> {
    world: &'a World,
    shard: u32,
    number: u64,
    guild: u32,
    member: u32,
    channel: u64,
    intents: u64,
    chance: Random,
}

impl Scene<'_> {
    fn tell(mut self, kind: Kind) -> (&'static str, String) {
        match kind {
            Kind::Message => ("MESSAGE_CREATE", self.message(self.number, "null")),
            Kind::Edit => {
                let (_, now) = message(self.shard, self.number);
                (
                    "MESSAGE_UPDATE",
                    self.message(self.number.saturating_sub(40), &format!("\"{now}\"")),
                )
            }
            Kind::Delete => ("MESSAGE_DELETE", self.delete()),
            Kind::Presence => ("PRESENCE_UPDATE", self.presence()),
            Kind::Typing => ("TYPING_START", self.typing()),
            Kind::ReactionAdd => ("MESSAGE_REACTION_ADD", self.reaction(true)),
            Kind::ReactionRemove => ("MESSAGE_REACTION_REMOVE", self.reaction(false)),
            Kind::MemberAdd => ("GUILD_MEMBER_ADD", self.member(true)),
            Kind::MemberUpdate => ("GUILD_MEMBER_UPDATE", self.member(true)),
            Kind::MemberRemove => ("GUILD_MEMBER_REMOVE", self.member(false)),
            Kind::Voice => ("VOICE_STATE_UPDATE", self.voice()),
            Kind::ChannelUpdate => ("CHANNEL_UPDATE", self.channel_update()),
            Kind::RoleUpdate => ("GUILD_ROLE_UPDATE", self.role_update()),
            Kind::ThreadCreate => ("THREAD_CREATE", self.thread()),
        }
    }

    fn message(&mut self, number: u64, edited: &str) -> String {
        let (id, at) = message(self.shard, number);
        let mentions_bot = pick(&mut self.chance, 20) == 0;
        let readable = mentions_bot || self.intents & MESSAGE_CONTENT != 0;
        let content = if readable { self.content(mentions_bot) } else { String::new() };
        let mentions = if mentions_bot { self.world.user(self.guild, 0) } else { String::new() };
        format!(
            r#"{{"type":0,"tts":false,"timestamp":"{at}","pinned":false,"nonce":"{nonce}","mentions":[{mentions}],"mention_roles":[],"mention_everyone":false,"member":{{{member}}},"id":"{id}","flags":0,"embeds":[],"edited_timestamp":{edited},"content":{content},"components":[],"channel_type":0,"channel_id":"{channel}","author":{author},"attachments":[],"guild_id":"{guild}"}}"#,
            nonce = id ^ 1,
            member = self.world.member_fields(self.guild, self.member),
            content = quoted(&content),
            channel = self.channel,
            author = self.world.user(self.guild, self.member),
            guild = guild_id(self.guild),
        )
    }

    fn content(&mut self, mentions_bot: bool) -> String {
        let words = 1 + pick(&mut self.chance, 12);
        let chosen = (0..words).map(|_| one_of(&mut self.chance, &PHRASES)).collect::<Vec<_>>();
        let text = chosen.join(" ");
        if mentions_bot { format!("<@{BOT_ID}> {text}") } else { text }
    }

    fn delete(&self) -> String {
        let (id, _) = message(self.shard, self.number.saturating_sub(60));
        let (channel, guild) = (self.channel, guild_id(self.guild));
        format!(r#"{{"id":"{id}","channel_id":"{channel}","guild_id":"{guild}"}}"#)
    }

    fn presence(&mut self) -> String {
        let presence = presence(self.guild, self.member, &mut self.chance);
        let guild = guild_id(self.guild);
        format!(r#"{},"guild_id":"{guild}"}}"#, open(&presence))
    }

    fn typing(&self) -> String {
        format!(
            r#"{{"user_id":"{}","timestamp":{},"member":{},"channel_id":"{}","guild_id":"{}"}}"#,
            user_id(self.guild, self.member),
            seconds(self.number),
            self.world.member(self.guild, self.member),
            self.channel,
            guild_id(self.guild),
        )
    }

    fn reaction(&mut self, added: bool) -> String {
        let (id, _) = message(self.shard, self.number.saturating_sub(5));
        let emoji = one_of(&mut self.chance, &["🔥", "👍", "🦀", "❤️"]);
        let added = if added {
            let member = self.world.member(self.guild, self.member);
            format!(r#""message_author_id":"{BOT_ID}","member":{member},"#)
        } else {
            String::new()
        };
        format!(
            r#"{{"user_id":"{}","type":0,"message_id":"{id}",{added}"emoji":{{"name":"{emoji}","id":null}},"channel_id":"{}","burst":false,"guild_id":"{}"}}"#,
            user_id(self.guild, self.member),
            self.channel,
            guild_id(self.guild),
        )
    }

    fn member(&self, whole: bool) -> String {
        let user = self.world.user(self.guild, self.member);
        let guild = guild_id(self.guild);
        if whole {
            let fields = self.world.member_fields(self.guild, self.member);
            format!(
                r#"{{"user":{user},"unusual_dm_activity_until":null,{fields},"guild_id":"{guild}"}}"#
            )
        } else {
            format!(r#"{{"user":{user},"guild_id":"{guild}"}}"#)
        }
    }

    fn voice(&mut self) -> String {
        let channel = match pick(&mut self.chance, 3) {
            0 => "null".into(),
            nth => format!("\"{}\"", channel_id(self.guild, VOICE_CHANNEL + nth - 1)),
        };
        voice_state(
            self.world,
            self.guild,
            self.member,
            &channel,
            [false, pick(&mut self.chance, 2) == 0],
        )
    }

    fn channel_update(&self) -> String {
        let channel = text_channel(self.guild, 1, "renamed");
        format!(r#"{},"guild_id":"{}"}}"#, open(&channel), guild_id(self.guild))
    }

    fn role_update(&self) -> String {
        format!(
            r#"{{"role":{{"version":1770595006662,"unicode_emoji":null,"tags":{{}},"position":1,"permissions":"{permissions}","name":"regulars","mentionable":true,"managed":false,"id":"{role}","icon":null,"hoist":false,"flags":0,"colors":{{"tertiary_color":null,"secondary_color":null,"primary_color":3447003}},"color":3447003}},"guild_id":"{guild}"}}"#,
            permissions = 2_248_473_465_835_073 + self.number % 2,
            role = role_id(self.guild, 1),
            guild = guild_id(self.guild),
        )
    }

    fn thread(&self) -> String {
        let (id, at) = message(self.shard, self.number);
        format!(
            r#"{{"type":11,"total_message_sent":0,"thread_metadata":{{"locked":false,"create_timestamp":"{at}","auto_archive_duration":4320,"archived":false,"archive_timestamp":"{at}"}},"rate_limit_per_user":0,"parent_id":"{channel}","owner_id":"{owner}","newly_created":true,"name":"a side topic","message_count":0,"member_count":1,"last_message_id":null,"id":"{id}","guild_id":"{guild}","flags":0}}"#,
            channel = self.channel,
            owner = user_id(self.guild, self.member),
            guild = guild_id(self.guild),
        )
    }
}

/// The data of `VOICE_STATE_UPDATE`. `channel` is JSON text; `own` is self-mute and self-deaf.
pub(super) fn voice_state(
    world: &World,
    guild: u32,
    member: u32,
    channel: &str,
    [self_mute, self_deaf]: [bool; 2],
) -> String {
    let user = if member == 0 { BOT_ID } else { user_id(guild, member) };
    format!(
        r#"{{"user_id":"{user}","suppress":false,"session_id":"{session:032x}","self_video":false,"self_mute":{self_mute},"self_deaf":{self_deaf},"request_to_speak_timestamp":null,"mute":false,"member":{whole},"guild_id":"{guild}","discoverable":true,"deaf":false,"channel_id":{channel}}}"#,
        session = u128::from(user) << 3,
        whole = world.member(guild, member),
        guild = guild_id(guild),
    )
}

/// READY's `guilds`: all of them unavailable.
pub(super) fn unavailable(guilds: &[u32]) -> String {
    list(
        guilds.iter().map(|guild| format!(r#"{{"unavailable":true,"id":"{}"}}"#, guild_id(*guild))),
    )
}

/// An object without its closing brace, so that keys can follow.
fn open(object: &str) -> &str {
    object.strip_suffix('}').unwrap_or(object)
}

/// Texts as people write them, some of which look like protocol.
const PHRASES: [&str; 12] = [
    "hello there",
    "{\"op\":9,\"d\":false}",
    "grüße 👋🏽",
    "did anybody see the match?",
    "\"s\":1,",
    "see you at 8\nor later",
    "今日は",
    "C:\\temp\\x",
    "🏳️‍🌈",
    "ok",
    "<:ferris:900000000000000001>",
    "\u{2028}odd separators\u{7f}",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn stream(seed: u64, intents: u64) -> Vec<(&'static str, String)> {
        let world = World::new(seed, 5, 40);
        let guilds = world.guilds_of([0, 1]);
        (0..2000).filter_map(|number| event(&world, 0, &guilds, intents, number)).collect()
    }

    #[test]
    fn equal_seeds_give_equal_events_and_others_do_not() {
        assert_eq!(stream(1, ALL_INTENTS), stream(1, ALL_INTENTS));
        assert_ne!(stream(1, ALL_INTENTS), stream(2, ALL_INTENTS));
    }

    #[test]
    fn all_of_the_mix_comes_and_all_of_it_is_valid_json() {
        let mut seen = BTreeMap::<_, u32>::new();
        for (name, data) in stream(3, ALL_INTENTS) {
            let value: Value = serde_json::from_str(&data)
                .unwrap_or_else(|error| panic!("{name}: {error}: {data}"));
            let guild = value["guild_id"].as_str().expect(name);
            assert!(guild.len() > 15, "{name}");
            *seen.entry(name).or_default() += 1;
        }
        assert_eq!(seen.len(), MIX.len(), "{seen:?}");
        assert_eq!(seen.values().sum::<u32>(), 2000);
        assert_eq!(MIX.iter().map(|(share, ..)| share).sum::<u32>(), 100);
    }

    #[test]
    fn intents_hold_back_what_they_gate() {
        let typing = stream(4, GUILD_MESSAGE_TYPING);
        assert!(!typing.is_empty() && typing.iter().all(|(name, _)| *name == "TYPING_START"));
        assert!(stream(4, 0).is_empty());
        assert!(!any_passes(0) && !any_passes(1 << 20) && any_passes(GUILDS));
    }

    #[test]
    fn without_the_content_intent_only_messages_to_the_bot_can_be_read() {
        let (mut empty, mut full) = (0, 0);
        for (name, data) in stream(5, GUILD_MESSAGES) {
            let value: Value = serde_json::from_str(&data).expect(name);
            match value["content"].as_str() {
                Some("") => empty += 1,
                Some(content) => {
                    assert!(content.contains(&BOT_ID.to_string()), "{content}");
                    full += 1;
                }
                None => assert_eq!(name, "MESSAGE_DELETE"),
            }
        }
        assert!(empty > full && full > 0);
    }
}

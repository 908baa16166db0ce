//! A believable world: guilds, channels, roles and members, all computed from a seed and their numbers, none stored.
//! Shapes follow what Discord sends. Knows no session, connection or time of day.

use std::fmt::Write as _;

use super::envelope::quoted;
use crate::proto::Random;

/// The guilds of a mock gateway.
#[derive(Clone, Debug)]
pub(super) struct World {
    seed: u64,
    guilds: u32,
    members: u32,
}

impl World {
    pub(super) fn new(seed: u64, guilds: u32, members: u32) -> Self {
        Self { seed, guilds: guilds.min(MOST), members: members.clamp(1, MOST) }
    }

    /// The guilds of one shard, by number.
    pub(super) fn guilds_of(&self, [id, count]: [u32; 2]) -> Vec<u32> {
        let mine =
            |guild: &u32| (guild_id(*guild) >> 22) % u64::from(count.max(1)) == u64::from(id);
        (0..self.guilds).filter(mine).collect()
    }

    /// The guild with this id.
    pub(super) fn guild(&self, id: u64) -> Option<u32> {
        (0..self.guilds).find(|guild| guild_id(*guild) == id)
    }

    pub(super) fn members(&self) -> u32 {
        self.members
    }

    /// A source of chance for the thing that these numbers name.
    pub(super) fn chance(&self, what: u64, number: u64) -> Random {
        let mut mixed = Random::new(self.seed ^ what.rotate_left(48));
        Random::new(mixed.bits() ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A member of a guild with `user`; number 0 is the bot.
    pub(super) fn member(&self, guild: u32, member: u32) -> String {
        format!(r#"{{"user":{},{}}}"#, self.user(guild, member), self.member_fields(guild, member))
    }

    /// What a member has besides `user`.
    pub(super) fn member_fields(&self, guild: u32, member: u32) -> String {
        let mut chance = self.chance(1, u64::from(guild) << 32 | u64::from(member));
        let nick = if pick(&mut chance, 4) == 0 {
            quoted(one_of(&mut chance, &NICKS))
        } else {
            "null".into()
        };
        let roles = if pick(&mut chance, 2) == 0 {
            String::new()
        } else {
            format!("\"{}\"", role_id(guild, 1))
        };
        let joined = timestamp(GUILDS_FROM + u64::from(member) * 3_600_017);
        format!(
            r#""roles":[{roles}],"premium_since":null,"pending":false,"nick":{nick},"mute":false,"joined_at":"{joined}","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null"#
        )
    }

    /// A member's user object.
    pub(super) fn user(&self, guild: u32, member: u32) -> String {
        if member == 0 {
            return format!(
                r#"{{"username":"shardwire-mock","public_flags":524288,"primary_guild":null,"id":"{BOT_ID}","global_name":null,"discriminator":"7281","clan":null,"bot":true,"avatar_decoration_data":null,"avatar":null}}"#
            );
        }
        let id = user_id(guild, member);
        let mut chance = self.chance(2, id);
        let global = quoted(one_of(&mut chance, &NICKS));
        let avatar = chance.bits();
        format!(
            r#"{{"username":"{}","public_flags":0,"primary_guild":null,"id":"{id}","global_name":{global},"discriminator":"0","clan":null,"bot":false,"avatar_decoration_data":null,"avatar":"{avatar:016x}{avatar:016x}"}}"#,
            self.username(guild, member)
        )
    }

    pub(super) fn username(&self, guild: u32, member: u32) -> String {
        let mut chance = self.chance(3, user_id(guild, member));
        if member == 0 {
            return "shardwire-mock".into();
        }
        format!("{}_{}{member}", one_of(&mut chance, &FIRST), one_of(&mut chance, &SECOND))
    }

    /// The data of `GUILD_CREATE`. `large` is the number of members above which only some are listed; without the
    /// presences intent only the bot is.
    pub(super) fn guild_create(&self, guild: u32, presences: bool, large: u32) -> String {
        let id = guild_id(guild);
        let mut chance = self.chance(4, id);
        let listed = if presences { self.members.min(large) } else { 1 };
        let members = list((0..listed).map(|member| self.member(guild, member)));
        let shown = if presences { listed } else { 0 };
        let presences = list((0..shown).map(|member| presence(guild, member, &mut chance)));
        let version = 1_770_595_006_000 + u64::from(guild);
        let name = quoted(&format!("{} {guild}", one_of(&mut chance, &GUILDS)));
        let system = channel_id(guild, 1);
        let owner = user_id(guild, 1);
        let joined = timestamp(GUILDS_FROM + u64::from(guild) * GUILD_STEP);
        format!(
            r#"{{"mfa_level":0,"channels":[{channels}],"system_channel_id":"{system}","max_stage_video_channel_users":50,"member_count":{count},"members":[{members}],"banner":null,"inventory_settings":null,"home_header":null,"stickers":[],"unavailable":false,"roles":[{roles}],"presences":[{presences}],"premium_features":null,"emojis":[{emojis}],"name":{name},"nsfw":false,"moderator_reporting":null,"guild_scheduled_events":[],"public_updates_channel_id":null,"afk_timeout":300,"preferred_locale":"en-US","voice_states":[],"afk_channel_id":null,"hub_type":null,"owner_configured_content_level":0,"premium_progress_bar_enabled":false,"explicit_content_filter":0,"default_message_notifications":0,"icon":null,"id":"{id}","nsfw_level":0,"version":{version},"discovery_splash":null,"verification_level":0,"incidents_data":null,"profile":null,"lazy":true,"application_id":null,"joined_at":"{joined}","max_members":25000000,"large":{large},"premium_tier":0,"embedded_activities":[],"owner_id":"{owner}","latest_onboarding_question_id":null,"application_command_counts":{{"1":3,"2":0}},"splash":null,"threads":[],"vanity_url_code":null,"description":null,"safety_alerts_channel_id":null,"rules_channel_id":null,"max_video_channel_users":25,"region":"deprecated","soundboard_sounds":[],"activity_instances":[],"stage_instances":[],"features":["AUTO_MODERATION","PIN_PERMISSION_MIGRATION_COMPLETE"],"premium_subscription_count":0,"system_channel_flags":0}}"#,
            channels = channels(guild),
            count = self.members,
            roles = roles(guild),
            emojis = emojis(guild),
            large = self.members > large,
        )
    }
}

/// The bot's own user id, which is also its application's.
pub(super) const BOT_ID: u64 = 900_000_000_000_000_018;

/// Text channels of each guild; their numbers start at 1, the category has 0.
pub(super) const TEXT_CHANNELS: u32 = 3;

/// The number of each guild's first voice channel.
pub(super) const VOICE_CHANNEL: u32 = TEXT_CHANNELS + 1;

/// Voice channels of each guild.
pub(super) const VOICE_CHANNELS: u32 = 2;

const MOST: u32 = 10_000;
const GUILDS_FROM: u64 = 1_600_000_000_000;
/// Odd and prime, so that guilds spread over any number of shards.
const GUILD_STEP: u64 = 86_400_007;
const USERS_FROM: u64 = 1_500_000_000_000;
const MESSAGES_FROM: u64 = 1_772_000_000_000;
const DISCORD_EPOCH: u64 = 1_420_070_400_000;

const FIRST: [&str; 8] = ["amber", "basil", "cedar", "dahlia", "ember", "fern", "ginger", "hazel"];
const SECOND: [&str; 8] = ["otter", "finch", "marten", "lynx", "heron", "badger", "swift", "moth"];
const NICKS: [&str; 8] = [
    "Zoë",
    "Ñandú 🦩",
    "李小龍",
    "the \"real\" one",
    "back\\slash",
    "Grüße aus Köln",
    "👩‍👩‍👧‍👦",
    "plain name",
];
const GUILDS: [&str; 6] = [
    "Rust learners",
    "Brettspielrunde",
    "音楽クラブ",
    "Night shift ☕",
    "Pub quiz \"B\" team",
    "Test server",
];

fn snowflake(ms: u64, low: u64) -> u64 {
    (ms - DISCORD_EPOCH) << 22 | low & 0x3f_ffff
}

pub(super) fn guild_id(guild: u32) -> u64 {
    snowflake(GUILDS_FROM + u64::from(guild) * GUILD_STEP, 7)
}

pub(super) fn channel_id(guild: u32, channel: u32) -> u64 {
    snowflake(GUILDS_FROM + u64::from(guild) * GUILD_STEP + 1, u64::from(channel))
}

/// Role 0 is `@everyone`, which has the guild's id.
pub(super) fn role_id(guild: u32, role: u32) -> u64 {
    match role {
        0 => guild_id(guild),
        role => snowflake(GUILDS_FROM + u64::from(guild) * GUILD_STEP + 2, u64::from(role)),
    }
}

pub(super) fn user_id(guild: u32, member: u32) -> u64 {
    let number = u64::from(guild) * u64::from(MOST) + u64::from(member);
    snowflake(USERS_FROM + number * 997, 1)
}

/// The member whose user id this is, if it is one of this guild.
pub(super) fn member_of(guild: u32, id: u64, members: u32) -> Option<u32> {
    if id == BOT_ID {
        return Some(0);
    }
    let since = (id >> 22).checked_add(DISCORD_EPOCH)?.checked_sub(USERS_FROM)?;
    let number = (since / 997).checked_sub(u64::from(guild) * u64::from(MOST))?;
    let member = u32::try_from(number).ok()?;
    (member > 0 && member < members && user_id(guild, member) == id).then_some(member)
}

/// Id and moment of the message that event `number` of shard `shard` is about.
pub(super) fn message(shard: u32, number: u64) -> (u64, String) {
    let ms = MESSAGES_FROM + (number % (1 << 36)) * 137;
    (snowflake(ms, u64::from(shard)), timestamp(ms))
}

/// Unix seconds at event `number`, for the events that count so.
pub(super) fn seconds(number: u64) -> u64 {
    (MESSAGES_FROM + (number % (1 << 36)) * 137) / 1000
}

/// A presence as it stands in `GUILD_CREATE` and in member chunks.
pub(super) fn presence(guild: u32, member: u32, chance: &mut Random) -> String {
    let id = if member == 0 { BOT_ID } else { user_id(guild, member) };
    let status = one_of(chance, &["online", "idle", "dnd", "offline"]);
    let client = match status {
        "offline" => String::new(),
        status => format!(r#""{}":"{status}""#, one_of(chance, &["desktop", "mobile", "web"])),
    };
    let activities = match pick(chance, 4) {
        0 if status != "offline" => format!(
            r#"{{"type":4,"state":{},"name":"Custom Status","id":"custom","created_at":{}}}"#,
            quoted(one_of(chance, &NICKS)),
            USERS_FROM + u64::from(member)
        ),
        _ => String::new(),
    };
    format!(
        r#"{{"user":{{"id":"{id}"}},"status":"{status}","processed_at_timestamp":0,"game":null,"client_status":{{{client}}},"activities":[{activities}]}}"#
    )
}

fn channels(guild: u32) -> String {
    let parent = channel_id(guild, 0);
    let category = format!(
        r#"{{"version":1770595006719,"type":4,"position":0,"permission_overwrites":[],"name":"general","id":"{parent}","flags":0}}"#
    );
    let text = (1..VOICE_CHANNEL).map(|channel| text_channel(guild, channel, "talk"));
    let voice = (0..VOICE_CHANNELS).map(|nth| {
        let id = channel_id(guild, VOICE_CHANNEL + nth);
        format!(
            r#"{{"version":1770595006758,"user_limit":0,"type":2,"status":null,"rtc_region":null,"rate_limit_per_user":0,"position":{nth},"permission_overwrites":[],"parent_id":"{parent}","name":"voice-{nth}","last_message_id":null,"id":"{id}","icon_emoji":{{"name":"🎙️","id":null}},"flags":0,"bitrate":64000}}"#
        )
    });
    list(std::iter::once(category).chain(text).chain(voice))
}

pub(super) fn text_channel(guild: u32, channel: u32, name: &str) -> String {
    let (id, parent) = (channel_id(guild, channel), channel_id(guild, 0));
    let everyone = role_id(guild, 0);
    format!(
        r#"{{"version":1770595006752,"type":0,"topic":null,"rate_limit_per_user":0,"position":{channel},"permission_overwrites":[{{"type":0,"id":"{everyone}","deny":"1024","allow":"0"}}],"parent_id":"{parent}","name":"{name}-{channel}","last_message_id":"{id}","id":"{id}","icon_emoji":{{"name":"👋","id":null}},"flags":0}}"#
    )
}

fn roles(guild: u32) -> String {
    list(["@everyone", "regulars", "staff"].iter().zip(0..).map(|(name, role)| {
        let id = role_id(guild, role);
        format!(
            r#"{{"version":1770595006662,"unicode_emoji":null,"tags":{{}},"position":{role},"permissions":"2248473465835073","name":"{name}","mentionable":false,"managed":false,"id":"{id}","icon":null,"hoist":false,"flags":0,"colors":{{"tertiary_color":null,"secondary_color":null,"primary_color":0}},"color":0}}"#
        )
    }))
}

fn emojis(guild: u32) -> String {
    let id = channel_id(guild, 99);
    format!(
        r#"{{"version":1767461272845,"roles":[],"require_colons":true,"name":"ferris","managed":false,"id":"{id}","available":true,"animated":false}}"#
    )
}

/// Items joined by commas.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let mut whole = String::new();
    for item in items {
        if !whole.is_empty() {
            whole.push(',');
        }
        whole.push_str(&item);
    }
    whole
}

/// A number below `below`; 0 if that is 0.
pub(super) fn pick(chance: &mut Random, below: u32) -> u32 {
    let bits = chance.bits() >> 32;
    u32::try_from((bits * u64::from(below)) >> 32).unwrap_or(0)
}

/// One item of a list that is not empty.
pub(super) fn one_of<'a>(chance: &mut Random, items: &[&'a str]) -> &'a str {
    let below = u32::try_from(items.len()).unwrap_or(u32::MAX);
    items.get(pick(chance, below) as usize).copied().unwrap_or_default()
}

/// A moment as Discord writes it: `2026-02-27T23:56:48.287000+00:00`.
pub(super) fn timestamp(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let mut text = format!("{year:04}-{month:02}-{day:02}T");
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{hour:02}:{minute:02}:{:02}.{:03}000+00:00", ms / 1000 % 60, ms % 1000);
    text
}

/// Year, month and day of a day since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn each_guild_belongs_to_exactly_one_shard_and_all_shards_get_some() {
        let world = World::new(1, 200, 5);
        for count in [1, 2, 3, 7, 16] {
            let shards: Vec<_> = (0..count).map(|id| world.guilds_of([id, count])).collect();
            assert_eq!(shards.iter().map(Vec::len).sum::<usize>(), 200);
            assert!(shards.iter().all(|guilds| !guilds.is_empty()), "{count} shards");
        }
    }

    #[test]
    fn everything_is_valid_json_with_ids_that_do_not_fit_a_double() {
        let world = World::new(9, 3, 30);
        let create = world.guild_create(2, true, 50);
        let guild: Value = serde_json::from_str(&create).expect("valid JSON");
        assert_eq!(guild["id"], guild_id(2).to_string());
        assert!(guild_id(0) > 1 << 53);
        assert_eq!(guild["members"].as_array().map(Vec::len), Some(30));
        assert_eq!(guild["members"][0]["user"]["id"], BOT_ID.to_string());
        let hidden: Value =
            serde_json::from_str(&world.guild_create(0, false, 50)).expect("valid JSON");
        assert_eq!(hidden["members"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn members_are_found_by_their_ids_in_their_own_guild_only() {
        let ids: BTreeSet<_> =
            (0..3).flat_map(|guild| (1..50).map(move |member| user_id(guild, member))).collect();
        assert_eq!(ids.len(), 3 * 49);
        assert_eq!(member_of(2, user_id(2, 7), 50), Some(7));
        assert_eq!(member_of(1, user_id(2, 7), 50), None);
        assert_eq!(member_of(2, user_id(2, 70), 50), None);
        assert_eq!(member_of(0, 0, 50), None);
        assert_eq!(member_of(0, u64::MAX, 50), None);
    }

    #[test]
    fn timestamps_look_like_discords() {
        assert_eq!(timestamp(1_772_236_608_287), "2026-02-27T23:56:48.287000+00:00");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000000+00:00");
    }
}

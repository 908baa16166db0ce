//! `GUILD_CREATE`, as large as the guild is meant to be: channels, roles, emojis, then members with presences and voices.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    events::activity,
    people::{Guild, Person, World, hash, instant, name, sentence, snowflake},
};

/// What a guild without anything in it takes.
const FRAME_BYTES: usize = 1_300;
/// What one channel, one role and one emoji take together.
const FURNITURE_BYTES: usize = 890;
/// What a member takes, with the presence that half of them have.
const MEMBER_BYTES: usize = 1_000;

pub(super) fn create(world: &World, number: usize, rng: &mut Rng) -> Value {
    let guild = &world.guilds[number];
    let room = guild.bytes.saturating_sub(FRAME_BYTES);
    let furniture = (room / 3 / FURNITURE_BYTES).clamp(3, 250);
    let members = room.saturating_sub(furniture * FURNITURE_BYTES) / MEMBER_BYTES;
    let present: Vec<&Person> = (0..members).map(|_| world.person(rng)).collect();
    let mut data = settings(world, guild, members, rng);
    let contents = json!({
        "channels": (0..furniture).map(|place| channel(guild, place, rng)).collect::<Vec<_>>(),
        "roles": (0..furniture).map(|place| role(place, rng)).collect::<Vec<_>>(),
        "emojis": (0..furniture).map(|_| emoji(rng)).collect::<Vec<_>>(),
        "stickers": [],
        "soundboard_sounds": [],
        "threads": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "voice_states": present.iter().step_by(40).map(|person| voice(guild, person, rng)).collect::<Vec<_>>(),
        "members": present.iter().map(|person| person.member(guild, rng)).collect::<Vec<_>>(),
        "presences": present.iter().step_by(2).map(|person| presence(guild, person, rng)).collect::<Vec<_>>(),
    });
    if let (Value::Object(data), Value::Object(contents)) = (&mut data, contents) {
        data.extend(contents);
    }
    data
}

fn settings(world: &World, guild: &Guild, members: usize, rng: &mut Rng) -> Value {
    json!({
        "id": guild.id,
        "name": guild.name,
        "icon": hash(rng),
        "splash": null,
        "banner": null,
        "description": null,
        "owner_id": world.person(rng).id,
        "application_id": null,
        "region": "us-east",
        "afk_channel_id": null,
        "afk_timeout": 300,
        "system_channel_id": guild.channels[0],
        "system_channel_flags": 0,
        "rules_channel_id": null,
        "verification_level": 1,
        "default_message_notifications": 1,
        "explicit_content_filter": 2,
        "mfa_level": 0,
        "nsfw": false,
        "nsfw_level": 0,
        "premium_tier": 2,
        "premium_subscription_count": rng.u8(..40),
        "premium_progress_bar_enabled": true,
        "preferred_locale": "en-US",
        "vanity_url_code": null,
        "features": ["COMMUNITY", "NEWS", "INVITE_SPLASH", "ANIMATED_ICON"],
        "max_members": 500_000,
        "member_count": members * 3 + 5,
        "large": members > 250,
        "lazy": true,
        "unavailable": false,
        "joined_at": instant(rng),
    })
}

pub(super) fn channel(guild: &Guild, place: usize, rng: &mut Rng) -> Value {
    let id = guild.channels.get(place).cloned().unwrap_or_else(|| snowflake(rng));
    json!({
        "id": id,
        "type": 0,
        "name": name(rng),
        "topic": sentence(6, rng),
        "position": place,
        "parent_id": guild.channels[0],
        "nsfw": false,
        "rate_limit_per_user": 0,
        "last_message_id": snowflake(rng),
        "last_pin_timestamp": instant(rng),
        "flags": 0,
        "version": 1_770_595_006_719_u64,
        "permission_overwrites": [{ "id": guild.roles[place % guild.roles.len()], "type": 0, "allow": "0", "deny": "2048" }],
    })
}

pub(super) fn role(place: usize, rng: &mut Rng) -> Value {
    json!({
        "id": snowflake(rng),
        "name": name(rng),
        "color": rng.u32(..1 << 24),
        "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
        "position": place,
        "permissions": "2248473465835073",
        "hoist": rng.bool(),
        "managed": false,
        "mentionable": rng.bool(),
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
        "version": 1_770_595_006_719_u64,
    })
}

fn emoji(rng: &mut Rng) -> Value {
    json!({
        "id": snowflake(rng), "name": name(rng), "roles": [], "require_colons": true,
        "managed": false, "animated": rng.bool(), "available": true, "version": 1_770_595_006_719_u64,
    })
}

pub(super) fn voice(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    json!({
        "user_id": person.id,
        "channel_id": guild.channel(rng),
        "session_id": hash(rng),
        "suppress": false,
        "self_video": false,
        "self_mute": rng.bool(),
        "self_deaf": false,
        "mute": false,
        "deaf": false,
        "discoverable": true,
        "request_to_speak_timestamp": null,
    })
}

fn presence(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    json!({
        "user": { "id": person.id },
        "guild_id": guild.id,
        "status": "online",
        "client_status": { "desktop": "online" },
        "activities": [activity(rng)],
    })
}

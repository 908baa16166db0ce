//! What happens once a session is under way, in the mix of a busy bot.

use fastrand::Rng;
use serde_json::{Value, json};

use super::{
    guilds::{channel, role, voice},
    people::{Guild, Person, World, hash, instant, name, sentence, snowflake},
};

const EMOJIS: [&str; 5] = ["👍", "❤️", "😂", "🔥", "🎉"];
/// What people play, with the id of the application and of its picture.
const GAMES: [(&str, &str, &str); 8] = [
    ("VALORANT", "700136079562375258", "1129503935021396058"),
    ("Minecraft", "356875570916753438", "1166098977894703254"),
    ("League of Legends", "401518684763586560", "1122244219186520186"),
    ("Visual Studio Code", "383226320970055681", "808841241142755358"),
    ("Counter-Strike 2", "1158877933042143272", "1158878149870403614"),
    ("Elden Ring", "946609449243643914", "946625387137581127"),
    ("osu!", "367827983903490050", "373344233077211136"),
    ("Overwatch 2", "356875221078245376", "1025464311482785822"),
];

/// One event: its name and data.
pub(super) fn any(world: &World, rng: &mut Rng) -> (&'static str, Value) {
    let (guild, person) = (world.guild(rng), world.person(rng));
    match rng.u32(..100) {
        0..35 => ("PRESENCE_UPDATE", presence_update(guild, person, rng)),
        35..60 => message(world, rng),
        60..70 => ("TYPING_START", typing(guild, person, rng)),
        70..74 => ("MESSAGE_UPDATE", written(world, guild, person, &sentence(12, rng), rng)),
        74..77 => ("MESSAGE_DELETE", message_delete(guild, rng)),
        77..84 => ("MESSAGE_REACTION_ADD", reaction(guild, person, true, rng)),
        84..86 => ("MESSAGE_REACTION_REMOVE", reaction(guild, person, false, rng)),
        86..90 => ("VOICE_STATE_UPDATE", voice_state(guild, person, rng)),
        90..94 => ("GUILD_MEMBER_UPDATE", of_guild(guild, person.member(guild, rng))),
        94..96 => ("GUILD_MEMBER_ADD", of_guild(guild, person.member(guild, rng))),
        96..97 => ("GUILD_MEMBER_REMOVE", json!({ "guild_id": guild.id, "user": person.user() })),
        97..98 => ("CHANNEL_UPDATE", of_guild(guild, channel(guild, 1, rng))),
        98..99 => ("GUILD_ROLE_UPDATE", json!({ "guild_id": guild.id, "role": role(1, rng) })),
        _ => ("THREAD_CREATE", thread(guild, person, rng)),
    }
}

/// A message, mostly a short one.
pub(super) fn message(world: &World, rng: &mut Rng) -> (&'static str, Value) {
    let (guild, person) = (world.guild(rng), world.person(rng));
    let words = if rng.u8(..) < 20 { rng.usize(40..250) } else { rng.usize(1..25) };
    ("MESSAGE_CREATE", written(world, guild, person, &sentence(words, rng), rng))
}

/// A message that is nothing but a text, and `bytes` long with its envelope.
pub(super) fn sized(bytes: usize, rng: &mut Rng) -> (&'static str, Value) {
    let envelope = r#"{"t":"MESSAGE_CREATE","s":10000,"op":0,"d":{"content":""}}"#;
    let room = bytes.saturating_sub(envelope.len());
    let mut text = String::with_capacity(room + 100);
    while text.len() < room {
        text += &sentence(8, rng);
        text.push(' ');
    }
    text.truncate(text.floor_char_boundary(room));
    ("MESSAGE_CREATE", json!({ "content": text }))
}

pub(super) fn activity(rng: &mut Rng) -> Value {
    let (game, application, picture) = GAMES[rng.usize(..GAMES.len())];
    let started = 1_772_236_608_000 + rng.u64(..1 << 30);
    json!({
        "id": format!("{:x}", rng.u64(..)),
        "name": game,
        "type": 0,
        "created_at": started + 2_000,
        "timestamps": { "start": started },
        "details": sentence(4, rng),
        "state": sentence(2, rng),
        "application_id": application,
        "assets": { "large_image": picture, "large_text": game },
    })
}

fn presence_update(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    let status = ["online", "idle", "dnd"][rng.usize(..3)];
    let activities: Vec<Value> = (0..rng.usize(1..4)).map(|_| activity(rng)).collect();
    json!({
        "user": { "id": person.id },
        "status": status,
        "processed_at_timestamp": 1_772_236_608_287_u64 + rng.u64(..1 << 30),
        "guild_id": guild.id,
        "client_status": { "desktop": status },
        "broadcast": null,
        "activities": activities,
    })
}

fn written(world: &World, guild: &Guild, person: &Person, content: &str, rng: &mut Rng) -> Value {
    let mentions: Vec<Value> = if rng.u8(..) < 40 {
        let mentioned = world.person(rng);
        let mut user = mentioned.user();
        user["member"] = mentioned.bare_member(guild, rng);
        vec![user]
    } else {
        Vec::new()
    };
    let attachments: Vec<Value> =
        (rng.u8(..) < 20).then(|| attachment(guild, rng)).into_iter().collect();
    json!({
        "id": snowflake(rng),
        "type": 0,
        "channel_type": 0,
        "channel_id": guild.channel(rng),
        "guild_id": guild.id,
        "author": person.user(),
        "member": person.bare_member(guild, rng),
        "content": content,
        "timestamp": instant(rng),
        "edited_timestamp": null,
        "nonce": snowflake(rng),
        "flags": 0,
        "pinned": false,
        "tts": false,
        "mention_everyone": false,
        "mention_roles": [],
        "mentions": mentions,
        "attachments": attachments,
        "embeds": [],
        "components": [],
    })
}

fn attachment(guild: &Guild, rng: &mut Rng) -> Value {
    let (id, file) = (snowflake(rng), name(rng));
    let place = format!("attachments/{}/{id}/{file}.png?ex={}", guild.channels[0], hash(rng));
    json!({
        "id": id, "filename": format!("{file}.png"), "size": rng.u32(..1 << 22), "width": 1920, "height": 1080,
        "content_type": "image/png", "url": format!("https://cdn.invalid/{place}"),
        "proxy_url": format!("https://media.invalid/{place}"),
    })
}

fn typing(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    json!({
        "user_id": person.id,
        "timestamp": 1_772_236_608 + rng.u32(..1 << 20),
        "member": person.member(guild, rng),
        "guild_id": guild.id,
        "channel_id": guild.channel(rng),
    })
}

fn message_delete(guild: &Guild, rng: &mut Rng) -> Value {
    json!({ "id": snowflake(rng), "guild_id": guild.id, "channel_id": guild.channel(rng) })
}

fn reaction(guild: &Guild, person: &Person, is_added: bool, rng: &mut Rng) -> Value {
    let mut reaction = json!({
        "user_id": person.id,
        "type": 0,
        "message_id": snowflake(rng),
        "guild_id": guild.id,
        "channel_id": guild.channel(rng),
        "emoji": { "id": null, "name": EMOJIS[rng.usize(..EMOJIS.len())] },
        "burst": false,
    });
    if is_added {
        reaction["member"] = person.member(guild, rng);
        reaction["message_author_id"] = snowflake(rng).into();
    }
    reaction
}

fn voice_state(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    let mut state = of_guild(guild, voice(guild, person, rng));
    state["member"] = person.member(guild, rng);
    state
}

fn thread(guild: &Guild, person: &Person, rng: &mut Rng) -> Value {
    json!({
        "id": snowflake(rng),
        "type": 11,
        "name": sentence(4, rng),
        "guild_id": guild.id,
        "parent_id": guild.channel(rng),
        "owner_id": person.id,
        "newly_created": true,
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "rate_limit_per_user": 0,
        "last_message_id": null,
        "flags": 0,
        "thread_metadata": {
            "locked": false, "archived": false, "auto_archive_duration": 4320,
            "create_timestamp": instant(rng), "archive_timestamp": instant(rng),
        },
    })
}

fn of_guild(guild: &Guild, mut data: Value) -> Value {
    data["guild_id"] = guild.id.clone().into();
    data
}

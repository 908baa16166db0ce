//! Who and what events are about: guilds with channels and roles, and people with names, pictures and things that they say.
//! Shapes follow recorded events; all values are by chance.

use fastrand::Rng;
use serde_json::{Value, json};

/// People who are seen in events; far more are members.
const PEOPLE: usize = 4_000;
/// First of the snowflakes: early in 2023.
const EPOCH: u64 = 1_060_000_000_000_000_000;

const WORDS: [&str; 64] = [
    "the", "a", "I", "you", "it", "is", "that", "and", "to", "of", "in", "on", "for", "with",
    "was", "not", "but", "so", "what", "when", "just", "like", "yeah", "lol", "game", "play",
    "server", "tonight", "anyone", "know", "think", "good", "really", "maybe", "time", "today",
    "tomorrow", "stream", "live", "update", "patch", "build", "team", "match", "rank", "bot",
    "channel", "message", "please", "thanks", "hello", "morning", "music", "video", "link", "look",
    "work", "code", "error", "fixed", "again", "später", "où", "🎉",
];

pub(super) struct World {
    pub(super) guilds: Vec<Guild>,
    pub(super) people: Vec<Person>,
}

pub(super) struct Guild {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) channels: Vec<String>,
    pub(super) roles: Vec<String>,
    /// About how large its `GUILD_CREATE` is.
    pub(super) bytes: usize,
}

pub(super) struct Person {
    pub(super) id: String,
    user: Value,
    nick: Value,
    joined_at: String,
}

impl World {
    pub(super) fn new(guilds: usize, rng: &mut Rng) -> Self {
        let guilds = (0..guilds).map(|number| Guild::new(number, rng)).collect();
        Self { guilds, people: (0..PEOPLE).map(|_| Person::new(rng)).collect() }
    }

    /// A guild; a few of them are where most happens.
    pub(super) fn guild(&self, rng: &mut Rng) -> &Guild {
        often_first(&self.guilds, rng)
    }

    /// Somebody; a few people do most.
    pub(super) fn person(&self, rng: &mut Rng) -> &Person {
        often_first(&self.people, rng)
    }
}

impl Guild {
    fn new(number: usize, rng: &mut Rng) -> Self {
        let ids = |count, rng: &mut Rng| (0..count).map(|_| snowflake(rng)).collect();
        Self {
            id: snowflake(rng),
            name: sentence(3, rng),
            channels: ids(12, rng),
            roles: ids(9, rng),
            // The first is as large as they get, whatever chance has for the others.
            bytes: if number == 0 { 2_000_000 } else { log_normal(rng) },
        }
    }

    pub(super) fn channel(&self, rng: &mut Rng) -> &str {
        often_first::<String>(&self.channels, rng)
    }
}

impl Person {
    fn new(rng: &mut Rng) -> Self {
        let id = snowflake(rng);
        let clan = (rng.u8(..) < 50).then(|| {
            json!({ "identity_guild_id": snowflake(rng), "tag": name(rng), "badge": hash(rng), "identity_enabled": true })
        });
        let decoration = (rng.u8(..) < 40)
            .then(|| json!({ "expires_at": null, "asset": hash(rng), "sku_id": snowflake(rng) }));
        let user = json!({
            "id": id,
            "username": name(rng),
            "global_name": sentence(2, rng),
            "discriminator": "0",
            "avatar": hash(rng),
            "avatar_decoration_data": decoration,
            "clan": clan,
            "primary_guild": clan,
            "collectibles": null,
            "display_name_styles": null,
            "public_flags": 0,
        });
        let nick = if rng.bool() { sentence(1, rng).into() } else { Value::Null };
        Self { id, user, nick, joined_at: instant(rng) }
    }

    pub(super) fn user(&self) -> Value {
        self.user.clone()
    }

    /// As a member of a guild, without the user.
    pub(super) fn bare_member(&self, guild: &Guild, rng: &mut Rng) -> Value {
        let roles: Vec<&String> = guild.roles.iter().filter(|_| rng.u8(..) < 70).collect();
        json!({
            "roles": roles,
            "premium_since": null,
            "pending": false,
            "nick": self.nick,
            "mute": false,
            "joined_at": self.joined_at,
            "flags": 0,
            "deaf": false,
            "communication_disabled_until": null,
            "banner": null,
            "avatar": null,
        })
    }

    pub(super) fn member(&self, guild: &Guild, rng: &mut Rng) -> Value {
        let mut member = self.bare_member(guild, rng);
        member["user"] = self.user();
        member
    }
}

/// One of `items`, the first ones by far most often.
fn often_first<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    let chance = rng.f64();
    let count = f64::from(u32::try_from(items.len()).unwrap_or(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the count"
    )]
    let number = (chance * chance * chance * count) as usize;
    &items[number.min(items.len() - 1)]
}

pub(super) fn snowflake(rng: &mut Rng) -> String {
    (EPOCH + (rng.u64(..1 << 38) << 22 | rng.u64(..1 << 12))).to_string()
}

/// A picture's name.
pub(super) fn hash(rng: &mut Rng) -> String {
    format!("{:032x}", rng.u128(..))
}

pub(super) fn instant(rng: &mut Rng) -> String {
    format!(
        "202{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+00:00",
        rng.u8(2..7),
        rng.u8(1..13),
        rng.u8(1..29),
        rng.u8(..24),
        rng.u8(..60),
        rng.u8(..60),
        rng.u16(..1000)
    )
}

pub(super) fn name(rng: &mut Rng) -> String {
    (0..rng.usize(5..14)).map(|_| rng.lowercase()).collect()
}

pub(super) fn sentence(words: usize, rng: &mut Rng) -> String {
    let words: Vec<&str> = (0..words).map(|_| WORDS[rng.usize(..WORDS.len())]).collect();
    words.join(" ")
}

/// 5 KB to 2 MB, half of them below 40 KB.
fn log_normal(rng: &mut Rng) -> usize {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    let normal = radius * (std::f64::consts::TAU * rng.f64()).cos();
    let bytes = 40_000.0 * (1.2 * normal).exp();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within the borders"
    )]
    let bytes = bytes.clamp(5_000.0, 2_000_000.0) as usize;
    bytes
}

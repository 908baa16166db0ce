//! Which part of a bot's guilds a connection serves.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeTuple};

/// A shard: its number and how many there are. On the wire and in JSON: `[number, total]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "(u32, u32)")]
pub struct ShardId {
    number: u32,
    total: u32,
}

impl ShardId {
    /// The only shard of a small bot.
    pub const ONE: Self = Self { number: 0, total: 1 };

    /// Shard `number` of `total`; `None` unless `number < total`.
    #[must_use]
    pub const fn new(number: u32, total: u32) -> Option<Self> {
        if number < total { Some(Self { number, total }) } else { None }
    }

    /// This shard's number, from 0.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many shards the bot has.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.total
    }
}

impl TryFrom<(u32, u32)> for ShardId {
    type Error = String;

    fn try_from((number, total): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(number, total)
            .ok_or_else(|| format!("expected a shard below the total, got [{number}, {total}]"))
    }
}

impl Serialize for ShardId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.number)?;
        pair.serialize_element(&self.total)?;
        pair.end()
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.number, self.total)
    }
}

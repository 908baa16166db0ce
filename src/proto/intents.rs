//! Intents: which events a session gets. Source: Discord's "Gateway intents".

use std::{
    fmt,
    ops::{BitAnd, BitOr, BitOrAssign, Not, Sub},
};

/// A set of intents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Intents(u64);

/// Declares the table once: constant, bit, name.
macro_rules! intents {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Intents {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every intent with its name.
            pub const NAMED: &[(&str, Self)] = &[$((stringify!($name), Self::$name),)*];
            /// Every intent.
            pub const ALL: Self = Self(0 $(| 1 << $bit)*);
        }
    };
}

intents! {
    /// Guilds, roles, channels, threads and stages.
    GUILDS = 0;
    /// Members joining, changing, leaving. Privileged.
    GUILD_MEMBERS = 1;
    /// Bans and audit log entries.
    GUILD_MODERATION = 2;
    /// Emojis, stickers, soundboard sounds.
    GUILD_EXPRESSIONS = 3;
    /// Integrations.
    GUILD_INTEGRATIONS = 4;
    /// Webhooks.
    GUILD_WEBHOOKS = 5;
    /// Invites.
    GUILD_INVITES = 6;
    /// Voice states.
    GUILD_VOICE_STATES = 7;
    /// Presences. Privileged, and often most of the bytes.
    GUILD_PRESENCES = 8;
    /// Messages in guilds.
    GUILD_MESSAGES = 9;
    /// Reactions in guilds.
    GUILD_MESSAGE_REACTIONS = 10;
    /// Typing in guilds.
    GUILD_MESSAGE_TYPING = 11;
    /// Direct messages.
    DIRECT_MESSAGES = 12;
    /// Reactions to direct messages.
    DIRECT_MESSAGE_REACTIONS = 13;
    /// Typing in direct messages.
    DIRECT_MESSAGE_TYPING = 14;
    /// Fills the content of messages. Privileged; no event of its own.
    MESSAGE_CONTENT = 15;
    /// Scheduled events.
    GUILD_SCHEDULED_EVENTS = 16;
    /// Changes of auto moderation rules.
    AUTO_MODERATION_CONFIGURATION = 20;
    /// Auto moderation rules that fired.
    AUTO_MODERATION_EXECUTION = 21;
    /// Poll votes in guilds.
    GUILD_MESSAGE_POLLS = 24;
    /// Poll votes in direct messages.
    DIRECT_MESSAGE_POLLS = 25;
}

impl Intents {
    /// No intent: only the events that every session gets.
    pub const NONE: Self = Self(0);
    /// Those that must be switched on in the developer portal first.
    pub const PRIVILEGED: Self =
        Self(Self::GUILD_MEMBERS.0 | Self::GUILD_PRESENCES.0 | Self::MESSAGE_CONTENT.0);
    /// All that need no permission.
    pub const NON_PRIVILEGED: Self = Self(Self::ALL.0 & !Self::PRIVILEGED.0);

    /// A set from its bits, unknown ones included: building a configuration refuses those.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The intent with Discord's name `name`, in any case; also `ALL`, `NON_PRIVILEGED` and `NONE`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let sets =
            [("ALL", Self::ALL), ("NON_PRIVILEGED", Self::NON_PRIVILEGED), ("NONE", Self::NONE)];
        let mut known = sets.iter().chain(Self::NAMED);
        known.find(|(known, _)| is_name(name.trim_ascii(), known)).map(|(_, intent)| *intent)
    }
}

/// Whether `text` is `name` in any case, with hyphens for underscores if you like.
fn is_name(text: &str, name: &str) -> bool {
    let is_same = |(text, name): (u8, u8)| match text {
        b'-' => name == b'_',
        letter => letter.to_ascii_uppercase() == name,
    };
    text.len() == name.len() && text.bytes().zip(name.bytes()).all(is_same)
}

impl BitOr for Intents {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Intents {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Intents {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Sub for Intents {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl Not for Intents {
    type Output = Self;

    fn not(self) -> Self {
        Self::ALL - self
    }
}

/// Names joined by `|`, for logs.
impl fmt::Display for Intents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Self::NAMED
            .iter()
            .filter(|(_, intent)| self.contains(*intent))
            .map(|(name, _)| *name)
            .collect();
        f.write_str(if names.is_empty() { "NONE" } else { "" })?;
        f.write_str(&names.join("|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masks_are_the_documented_ones() {
        assert_eq!(Intents::ALL.bits(), 0x0331_FFFF);
        assert_eq!(Intents::NON_PRIVILEGED.bits(), 0x0331_7EFD);
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Intents::from_name("guild_messages"), Some(Intents::GUILD_MESSAGES));
        assert_eq!(Intents::from_name(" non-privileged "), Some(Intents::NON_PRIVILEGED));
        assert_eq!(Intents::from_name("GUILD_MASSAGES"), None);
    }

    #[test]
    fn a_set_prints_its_names() {
        assert_eq!((Intents::GUILDS | Intents::GUILD_INVITES).to_string(), "GUILDS|GUILD_INVITES");
        assert_eq!(Intents::NONE.to_string(), "NONE");
    }
}

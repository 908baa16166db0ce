//! Gateway opcodes: names, and which of them a user may send.
//!
//! Source: Discord's "Gateway opcodes" table.

use crate::proto::words::{Say, displayed, say};

/// A Gateway opcode. Unknown ones are kept as their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opcode(pub u16);

/// Declares the table once: constant, number, name.
macro_rules! opcodes {
    ($($(#[$doc:meta])* $constant:ident = $number:literal, $name:literal;)*) => {
        impl Opcode {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// The name in Discord's documentation, or "unknown opcode".
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => $name,)*
                    _ => "unknown opcode",
                }
            }
        }
    };
}

opcodes! {
    /// An event (received).
    DISPATCH = 0, "dispatch";
    /// Keeps the connection alive (sent), or asks for one at once (received).
    HEARTBEAT = 1, "heartbeat";
    /// Starts a new session (sent).
    IDENTIFY = 2, "identify";
    /// Sets the client's presence (sent).
    PRESENCE_UPDATE = 3, "presence update";
    /// Joins, moves between or leaves voice channels (sent).
    VOICE_STATE_UPDATE = 4, "voice state update";
    /// Takes up a session again (sent).
    RESUME = 6, "resume";
    /// Asks the client to reconnect and resume (received).
    RECONNECT = 7, "reconnect";
    /// Asks for members of a guild (sent).
    REQUEST_GUILD_MEMBERS = 8, "request guild members";
    /// The session is not valid (received).
    INVALID_SESSION = 9, "invalid session";
    /// The first message on a connection, with the heartbeat interval (received).
    HELLO = 10, "hello";
    /// Answers a heartbeat (received).
    HEARTBEAT_ACK = 11, "heartbeat ack";
    /// Asks for the soundboard sounds of guilds (sent).
    REQUEST_SOUNDBOARD_SOUNDS = 31, "request soundboard sounds";
    /// Asks for status and start time of voice channels (sent).
    REQUEST_CHANNEL_INFO = 43, "request channel info";
}

impl Opcode {
    /// Whether a user may send it. The life cycle's own opcodes are the machine's business, and those that only the
    /// server sends would be answered with close code 4001.
    #[must_use]
    pub const fn is_sendable(self) -> bool {
        !matches!(self.0, 0 | 1 | 2 | 6 | 7 | 9 | 10 | 11)
    }
}

impl Say for Opcode {
    fn say(&self, out: &mut String) {
        say!(out, self.0, " (", self.name(), ")");
    }
}

displayed!(Opcode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_cycle_is_not_for_users() {
        for reserved in [0, 1, 2, 6, 7, 9, 10, 11] {
            assert!(!Opcode(reserved).is_sendable(), "{reserved}");
        }
        for free in [3, 4, 8, 31, 43, 200] {
            assert!(Opcode(free).is_sendable(), "{free}");
        }
    }

    #[test]
    fn unknown_opcodes_have_a_printable_form() {
        assert_eq!(Opcode(99).to_string(), "99 (unknown opcode)");
        assert_eq!(Opcode::HELLO.to_string(), "10 (hello)");
    }
}

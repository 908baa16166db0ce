//! Close codes as one table: what each means and what the client may do next. Decides nothing itself.
//!
//! Sources: Discord's "Gateway close event codes"; the column "session afterwards", which Discord does not have, follows
//! what its texts and staff say (a resume in doubt costs one round trip, an identify costs budget).

use super::Close;

/// What a close code allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session may live: try to resume.
    Resume,
    /// The session is gone: identify anew.
    Identify,
    /// Reconnecting is forbidden until somebody changes something.
    Stop,
}

/// A close code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The number.
    pub code: u16,
    /// A short name.
    pub name: &'static str,
    /// What it means for whoever runs the bot.
    pub meaning: &'static str,
    /// What the client may do next.
    pub verdict: Verdict,
}

const fn row(code: u16, verdict: Verdict, name: &'static str, meaning: &'static str) -> CloseCode {
    CloseCode { code, name, meaning, verdict }
}

/// Codes that Discord documents, or that are seen in the wild. Everything else is resumable: unknown codes come and go.
#[rustfmt::skip]
const TABLE: &[CloseCode] = &[
    row(1000, Verdict::Resume,   "normal closure", "the server closed without giving a reason"),
    row(1001, Verdict::Resume,   "going away", "the server is restarting or shedding load"),
    row(1002, Verdict::Resume,   "protocol error", "the WebSocket stream was damaged, perhaps by an error page of a proxy"),
    row(1005, Verdict::Resume,   "no close code", "the server closed without a code"),
    row(1006, Verdict::Resume,   "connection lost", "the connection broke without a close frame"),
    row(1009, Verdict::Resume,   "message too big", "a message was larger than the receiver allows"),
    row(1011, Verdict::Resume,   "server error", "the server met an error"),
    row(4000, Verdict::Resume,   "unknown error", "Discord does not know what went wrong"),
    row(4001, Verdict::Resume,   "unknown opcode", "a command had an unknown opcode or a payload that does not fit its opcode"),
    row(4002, Verdict::Resume,   "decode error", "a command could not be decoded, or was longer than 4096 bytes"),
    row(4003, Verdict::Identify, "not authenticated", "a command came before identifying, or the session was invalidated"),
    row(4004, Verdict::Stop,     "authentication failed", "the token is wrong or was reset"),
    row(4005, Verdict::Resume,   "already authenticated", "identify was sent twice on one connection"),
    row(4006, Verdict::Identify, "session no longer valid", "the session is gone"),
    row(4007, Verdict::Identify, "invalid sequence", "the resume named a sequence number that the session never had"),
    row(4008, Verdict::Resume,   "rate limited", "more than 120 messages were sent in 60 seconds"),
    row(4009, Verdict::Identify, "session timed out", "the session expired"),
    row(4010, Verdict::Stop,     "invalid shard", "the shard id or the number of shards is not valid for this bot"),
    row(4011, Verdict::Stop,     "sharding required", "the bot is in too many guilds for this number of shards"),
    row(4012, Verdict::Stop,     "invalid API version", "the Gateway does not speak this API version"),
    row(4013, Verdict::Stop,     "invalid intents", "the intents hold a bit that does not exist"),
    row(4014, Verdict::Stop,     "disallowed intents", "a privileged intent is not switched on in the developer portal"),
];

impl CloseCode {
    /// The row for `code`. `0` (Deno's word for a lost connection) counts as 1006; unknown codes are resumable.
    #[must_use]
    pub fn of(code: u16) -> Self {
        let code = if code == 0 { 1006 } else { code };
        TABLE.iter().copied().find(|row| row.code == code).unwrap_or(row(
            code,
            Verdict::Resume,
            "unknown code",
            "a code that Discord does not document",
        ))
    }

    /// All rows, for documents and dashboards.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        TABLE
    }
}

// What we close with. A browser may send only 1000 and 3000 to 4999, and 1000 and 1001 end the session.

/// Ends the session.
pub(crate) const END_SESSION: Close = Close::new(1000, "closed by the client");
/// Keeps the session, whether we come back at once or later.
pub(crate) const KEEP_SESSION: Close = Close::new(4000, "reconnecting");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_codes_that_forbid_reconnecting_stop() {
        let stops: Vec<u16> =
            TABLE.iter().filter(|row| row.verdict == Verdict::Stop).map(|row| row.code).collect();
        assert_eq!(stops, [4004, 4010, 4011, 4012, 4013, 4014]);
    }

    #[test]
    fn lost_sessions_identify_and_everything_else_resumes() {
        for gone in [4003, 4006, 4007, 4009] {
            assert_eq!(CloseCode::of(gone).verdict, Verdict::Identify, "{gone}");
        }
        for kept in [0, 1000, 1001, 1006, 1011, 3000, 4000, 4001, 4002, 4005, 4008, 4015, 4999] {
            assert_eq!(CloseCode::of(kept).verdict, Verdict::Resume, "{kept}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_holds_no_code_twice() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn our_own_codes_are_ones_a_browser_may_send() {
        for close in [END_SESSION, KEEP_SESSION] {
            assert!(close.code == 1000 || (3000..=4999).contains(&close.code));
            assert!(!close.reason.is_empty() && close.reason.len() <= 123);
        }
    }
}

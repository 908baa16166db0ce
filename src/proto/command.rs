//! What a user may send, checked and encoded before it is queued. Knows no state and no time.
//!
//! Source: Discord's "Send events".

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    error::CommandError,
    wire::{Opcode, Presence, payload},
};

/// A command for the Gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Opcode 8; answered by `GUILD_MEMBERS_CHUNK`.
    RequestGuildMembers(RequestGuildMembers),
    /// Opcode 3.
    UpdatePresence(Presence),
    /// Opcode 4; answered by `VOICE_STATE_UPDATE` and `VOICE_SERVER_UPDATE`.
    UpdateVoiceState(VoiceState),
    /// Any opcode that a user may send, with data that is JSON already.
    Raw(Opcode, Json),
}

/// Asks for members of a guild. Source: "Request Guild Members".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"))]
pub struct RequestGuildMembers {
    /// The guild.
    pub guild_id: String,
    /// Which members.
    #[serde(flatten)]
    pub members: Members,
    /// Whether to send presences too; needs the `GUILD_PRESENCES` intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presences: Option<bool>,
    /// Comes back in every chunk; at most 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// Which members: by the start of their name, or by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields(deserialize = "camelCase"))]
pub enum Members {
    /// Those whose name begins with `query`; an empty one with `limit` 0 means all and needs the `GUILD_MEMBERS` intent.
    Named {
        /// Start of the name.
        query: String,
        /// How many at most, up to 100; 0 only with an empty query.
        limit: u32,
    },
    /// Those with these ids, at most 100.
    WithIds {
        /// The ids.
        user_ids: Vec<String>,
    },
}

/// Joins, moves between or leaves voice channels. Source: "Update Voice State".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"), deny_unknown_fields)]
pub struct VoiceState {
    /// The guild.
    pub guild_id: String,
    /// The channel; `None` leaves.
    pub channel_id: Option<String>,
    /// Whether the bot mutes itself.
    #[serde(default)]
    pub self_mute: bool,
    /// Whether the bot deafens itself.
    #[serde(default)]
    pub self_deaf: bool,
}

/// A command ready to be sent: checked, encoded, within the size limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(String);

impl Payload {
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl Command {
    /// Checks and encodes; the text may have `limit` bytes.
    pub fn encode(&self, limit: usize) -> Result<Payload, CommandError> {
        let text = match self {
            Self::RequestGuildMembers(request) => {
                request.check()?;
                payload::encode(Opcode::REQUEST_GUILD_MEMBERS, request)
            }
            Self::UpdatePresence(presence) => {
                check_presence(presence)?;
                payload::encode(Opcode::PRESENCE_UPDATE, presence)
            }
            Self::UpdateVoiceState(state) => {
                check_id(&state.guild_id)?;
                state.channel_id.as_deref().map_or(Ok(()), check_id)?;
                payload::encode(Opcode::VOICE_STATE_UPDATE, state)
            }
            Self::Raw(opcode, data) => {
                if !opcode.is_sendable() {
                    return Err(CommandError::Reserved(*opcode));
                }
                payload::encode_json(*opcode, &data.0)
            }
        };
        if text.len() > limit {
            return Err(CommandError::TooLarge { bytes: text.len(), limit });
        }
        Ok(Payload(text))
    }

    /// A raw command from any text that is JSON.
    pub fn raw(opcode: Opcode, data: &str) -> Result<Self, CommandError> {
        Ok(Self::Raw(opcode, Json::parse(data)?))
    }
}

/// A text that is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(Box<str>);

impl Json {
    /// Checks `text`.
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => Ok(Self(text.into())),
            Err(_) => Err(CommandError::NotJson),
        }
    }

    /// Takes a text that a JSON writer just wrote. It is not checked again: Discord closes with 4002 if it is no JSON.
    pub fn trusted(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

impl RequestGuildMembers {
    fn check(&self) -> Result<(), CommandError> {
        check_id(&self.guild_id)?;
        if self.nonce.as_ref().is_some_and(|nonce| nonce.len() > 32) {
            return Err(CommandError::Invalid("expected a nonce of at most 32 bytes"));
        }
        match &self.members {
            Members::Named { limit, .. } if *limit > 100 => {
                Err(CommandError::Invalid("expected a limit from 0 to 100"))
            }
            Members::Named { query, limit: 0 } if !query.is_empty() => {
                Err(CommandError::Invalid("expected a limit from 1 to 100 with a query"))
            }
            Members::Named { .. } => Ok(()),
            Members::WithIds { user_ids } if user_ids.is_empty() || user_ids.len() > 100 => {
                Err(CommandError::Invalid("expected 1 to 100 user ids"))
            }
            Members::WithIds { user_ids } => user_ids.iter().try_for_each(|id| check_id(id)),
        }
    }
}

/// Ids that are not numbers are answered with opcode 9, which would end the session.
fn check_id(id: &str) -> Result<(), CommandError> {
    match id.parse::<u64>() {
        Ok(_) if id.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(CommandError::Invalid("expected ids to be decimal numbers")),
    }
}

fn check_presence(presence: &Presence) -> Result<(), CommandError> {
    if presence.activities.iter().any(|activity| activity.kind > 5) {
        return Err(CommandError::Invalid("expected an activity type from 0 to 5"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 4096;

    fn members(members: Members) -> RequestGuildMembers {
        RequestGuildMembers { guild_id: "1".into(), members, presences: None, nonce: None }
    }

    fn encoded(command: &Command) -> String {
        command.encode(LIMIT).expect("valid").into_text()
    }

    fn refused(request: RequestGuildMembers) -> bool {
        matches!(Command::RequestGuildMembers(request).encode(LIMIT), Err(CommandError::Invalid(_)))
    }

    #[test]
    fn commands_have_discords_shape() {
        let named = members(Members::Named { query: String::new(), limit: 0 });
        assert_eq!(
            encoded(&Command::RequestGuildMembers(RequestGuildMembers {
                nonce: Some("n".into()),
                ..named
            })),
            r#"{"op":8,"d":{"guild_id":"1","query":"","limit":0,"nonce":"n"}}"#
        );
        let ids = members(Members::WithIds { user_ids: vec!["2".into()] });
        assert_eq!(
            encoded(&Command::RequestGuildMembers(RequestGuildMembers {
                presences: Some(true),
                ..ids
            })),
            r#"{"op":8,"d":{"guild_id":"1","user_ids":["2"],"presences":true}}"#
        );
        let leave = VoiceState {
            guild_id: "1".into(),
            channel_id: None,
            self_mute: false,
            self_deaf: true,
        };
        assert_eq!(
            encoded(&Command::UpdateVoiceState(leave)),
            r#"{"op":4,"d":{"guild_id":"1","channel_id":null,"self_mute":false,"self_deaf":true}}"#
        );
        assert_eq!(
            encoded(&Command::raw(Opcode(31), r#"{"guild_ids":["1"]}"#).expect("JSON")),
            r#"{"op":31,"d":{"guild_ids":["1"]}}"#
        );
    }

    #[test]
    fn member_requests_out_of_bounds_are_refused() {
        let named = |query: &str, limit| members(Members::Named { query: query.into(), limit });
        let ids = |ids: Vec<&str>| {
            members(Members::WithIds { user_ids: ids.into_iter().map(Into::into).collect() })
        };
        assert!(refused(named("a", 101)));
        assert!(refused(named("a", 0)));
        assert!(!refused(named("a", 100)));
        assert!(refused(ids(vec![])));
        assert!(refused(ids(vec!["1"; 101])));
        assert!(refused(ids(vec!["abc"])));
        assert!(refused(ids(vec!["+5"])));
        assert!(!refused(ids(vec!["1"; 100])));
        assert!(refused(RequestGuildMembers { nonce: Some("\u{fc}".repeat(17)), ..named("", 0) }));
        assert!(!refused(RequestGuildMembers { nonce: Some("\u{fc}".repeat(16)), ..named("", 0) }));
    }

    #[test]
    fn the_size_is_counted_in_bytes_of_the_encoded_text() {
        let frame = r#"{"op":31,"d":""}"#.len();
        let text = |letters: usize| format!("\"{}\"", "\u{fc}".repeat(letters));
        let fits = Command::raw(Opcode(31), &text((LIMIT - frame) / 2)).expect("JSON");
        assert!(fits.encode(LIMIT).is_ok());
        let large = Command::raw(Opcode(31), &text((LIMIT - frame) / 2 + 1)).expect("JSON");
        assert_eq!(
            large.encode(LIMIT),
            Err(CommandError::TooLarge { bytes: LIMIT + 2, limit: LIMIT })
        );
    }

    #[test]
    fn reserved_opcodes_and_data_that_is_not_json_are_refused() {
        let identify = Command::raw(Opcode::IDENTIFY, "{}").expect("JSON");
        assert_eq!(identify.encode(LIMIT), Err(CommandError::Reserved(Opcode::IDENTIFY)));
        assert!(matches!(Command::raw(Opcode(3), "{"), Err(CommandError::NotJson)));
    }
}

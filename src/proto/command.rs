//! What a user may send, checked and encoded before it is queued. Knows no state and no time.
//!
//! Source: Discord's "Send events".

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    config::Config,
    error::CommandError,
    intents::Intents,
    wire::{Envelope, Frame, Opcode, Presence, json::Object, payload},
};

/// Longest nonce that comes back, in bytes; Discord ignores longer ones.
const LONGEST_NONCE: usize = 32;
/// Most members that are found by the start of their name, and most ids that are looked up.
const MOST_MEMBERS: u32 = 100;

/// A command for the Gateway.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// A whole message, encoded by the caller: text for JSON, bytes for ETF.
    Encoded(Frame),
    /// Any opcode that a user may send, with data that is JSON already.
    Raw(Opcode, Json),
    /// Opcode 43; answered by `CHANNEL_INFO`.
    RequestChannelInfo(RequestChannelInfo),
    /// Opcode 8; answered by `GUILD_MEMBERS_CHUNK`.
    RequestGuildMembers(RequestGuildMembers),
    /// Opcode 31; answered by one `SOUNDBOARD_SOUNDS` for each guild.
    RequestSoundboardSounds(RequestSoundboardSounds),
    /// Opcode 3.
    UpdatePresence(Presence),
    /// Opcode 4; answered by `VOICE_STATE_UPDATE` and `VOICE_SERVER_UPDATE`.
    UpdateVoiceState(VoiceState),
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

/// Asks for the soundboard sounds of guilds. Source: "Request Soundboard Sounds".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"), deny_unknown_fields)]
pub struct RequestSoundboardSounds {
    /// The guilds: at least one, and as many as fit into a command (about 180).
    pub guild_ids: Vec<String>,
}

/// Asks for what is set on the channels of a guild. Source: "Request Channel Info".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "camelCase"), deny_unknown_fields)]
pub struct RequestChannelInfo {
    /// The guild.
    pub guild_id: String,
    /// Which fields: at least one.
    pub fields: Vec<ChannelField>,
}

/// A field of the answer to [`RequestChannelInfo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelField {
    /// The status text of a voice channel.
    Status,
    /// Since when somebody is in the voice channel.
    VoiceStartTime,
}

impl ChannelField {
    const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::VoiceStartTime => "voice_start_time",
        }
    }
}

/// A command ready to be sent: checked, encoded, within the size limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    frame: Frame,
    kind: Kind,
}

/// What a command counts as, besides the limit for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All members of the guild with this id, which Discord allows once in 30 seconds.
    AllMembers(u64),
    /// Nothing special.
    Other,
    /// A presence, as its JSON text: five in 20 seconds, and the newest is what the bot identifies with.
    Presence(Box<str>),
}

impl Payload {
    pub(crate) fn into_parts(self) -> (Frame, Kind) {
        (self.frame, self.kind)
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What goes over the wire, of a shard that speaks JSON.
    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        match &self.frame {
            Frame::Text(text) => text,
            Frame::Binary(_) => "",
        }
    }
}

impl Command {
    /// Checks and encodes for a shard with this configuration.
    pub fn encode(&self, config: &Config) -> Result<Payload, CommandError> {
        match self {
            Self::Encoded(frame) => encoded(frame, config),
            Self::Raw(opcode, data) => raw(*opcode, &data.0, config),
            Self::RequestChannelInfo(request) => {
                request.check()?;
                raw(Opcode::REQUEST_CHANNEL_INFO, &request.to_json(), config)
            }
            Self::RequestGuildMembers(request) => {
                request.check(config.intents())?;
                raw(Opcode::REQUEST_GUILD_MEMBERS, &request.to_json(), config)
            }
            Self::RequestSoundboardSounds(request) => {
                request.check()?;
                raw(Opcode::REQUEST_SOUNDBOARD_SOUNDS, &request.to_json(), config)
            }
            Self::UpdatePresence(presence) => {
                presence.check().map_err(CommandError::Invalid)?;
                raw(Opcode::PRESENCE_UPDATE, &presence.to_json(), config)
            }
            Self::UpdateVoiceState(state) => {
                state.check()?;
                raw(Opcode::VOICE_STATE_UPDATE, &state.to_json(), config)
            }
        }
    }

    /// A raw command from any text that is JSON.
    pub fn raw(opcode: Opcode, data: &str) -> Result<Self, CommandError> {
        Ok(Self::Raw(opcode, Json::parse(data)?))
    }
}

fn raw(opcode: Opcode, data: &str, config: &Config) -> Result<Payload, CommandError> {
    let kind = kind(opcode, data)?;
    fits(config.encode(payload::encode(opcode, data))?, kind, config)
}

/// What the caller encoded is read back, so that no form of a command passes a limit unseen.
fn encoded(frame: &Frame, config: &Config) -> Result<Payload, CommandError> {
    let text = config.read(frame).ok_or(CommandError::NotEncoded)?;
    let envelope = Envelope::parse(&text).map_err(|_| CommandError::NotEncoded)?;
    let kind = kind(envelope.opcode, envelope.data)?;
    fits(frame.clone(), kind, config)
}

fn kind(opcode: Opcode, data: &str) -> Result<Kind, CommandError> {
    if !opcode.is_sendable() {
        return Err(CommandError::Reserved(opcode));
    }
    Ok(match opcode {
        Opcode::PRESENCE_UPDATE => Kind::Presence(data.into()),
        Opcode::REQUEST_GUILD_MEMBERS => {
            payload::all_members_of(data).map_or(Kind::Other, Kind::AllMembers)
        }
        _ => Kind::Other,
    })
}

fn fits(frame: Frame, kind: Kind, config: &Config) -> Result<Payload, CommandError> {
    let limit = config.limits().command_bytes;
    if frame.len() > limit {
        return Err(CommandError::TooLarge { bytes: frame.len(), limit });
    }
    Ok(Payload { frame, kind })
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
    fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("guild_id", &self.guild_id);
        match &self.members {
            Members::Named { query, limit } => {
                object.text("query", query).number("limit", (*limit).into())
            }
            Members::WithIds { user_ids } => {
                object.texts("user_ids", user_ids.iter().map(String::as_str))
            }
        };
        if let Some(presences) = self.presences {
            object.flag("presences", presences);
        }
        if let Some(nonce) = &self.nonce {
            object.text("nonce", nonce);
        }
        object.end()
    }

    fn check(&self, intents: Intents) -> Result<(), CommandError> {
        check_id(&self.guild_id)?;
        if self.nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
            return Err(CommandError::Invalid("expected a nonce of at most 32 bytes"));
        }
        if self.presences == Some(true) && !intents.contains(Intents::GUILD_PRESENCES) {
            return Err(CommandError::MissingIntent("GUILD_PRESENCES"));
        }
        match &self.members {
            Members::Named { limit, .. } if *limit > MOST_MEMBERS => {
                Err(CommandError::Invalid("expected a limit from 0 to 100"))
            }
            Members::Named { query, limit: 0 } if !query.is_empty() => {
                Err(CommandError::Invalid("expected a limit from 1 to 100 with a query"))
            }
            Members::Named { limit: 0, .. } if !intents.contains(Intents::GUILD_MEMBERS) => {
                Err(CommandError::MissingIntent("GUILD_MEMBERS"))
            }
            Members::Named { .. } => Ok(()),
            Members::WithIds { user_ids }
                if user_ids.is_empty() || user_ids.len() > MOST_MEMBERS as usize =>
            {
                Err(CommandError::Invalid("expected 1 to 100 user ids"))
            }
            Members::WithIds { user_ids } => user_ids.iter().try_for_each(|id| check_id(id)),
        }
    }
}

impl RequestSoundboardSounds {
    fn to_json(&self) -> String {
        Object::new().texts("guild_ids", self.guild_ids.iter().map(String::as_str)).end()
    }

    fn check(&self) -> Result<(), CommandError> {
        if self.guild_ids.is_empty() {
            return Err(CommandError::Invalid("expected at least one guild id"));
        }
        self.guild_ids.iter().try_for_each(|id| check_id(id))
    }
}

impl RequestChannelInfo {
    fn to_json(&self) -> String {
        let fields = self.fields.iter().map(|field| field.name());
        Object::new().text("guild_id", &self.guild_id).texts("fields", fields).end()
    }

    fn check(&self) -> Result<(), CommandError> {
        if self.fields.is_empty() {
            return Err(CommandError::Invalid("expected at least one field"));
        }
        check_id(&self.guild_id)
    }
}

impl VoiceState {
    fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("guild_id", &self.guild_id);
        match &self.channel_id {
            Some(channel_id) => object.text("channel_id", channel_id),
            None => object.json("channel_id", "null"),
        };
        object.flag("self_mute", self.self_mute).flag("self_deaf", self.self_deaf).end()
    }

    fn check(&self) -> Result<(), CommandError> {
        check_id(&self.guild_id)?;
        self.channel_id.as_deref().map_or(Ok(()), check_id)
    }
}

/// Ids that are not numbers are answered with opcode 9, which would end the session.
fn check_id(id: &str) -> Result<(), CommandError> {
    match id.parse::<u64>() {
        Ok(_) if id.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(CommandError::Invalid("expected ids to be decimal numbers")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 4096;

    fn config() -> Config {
        Config::builder("token", Intents::ALL).build().expect("valid")
    }

    fn members(members: Members) -> RequestGuildMembers {
        RequestGuildMembers { guild_id: "1".into(), members, presences: None, nonce: None }
    }

    fn encoded(command: &Command) -> String {
        command.encode(&config()).expect("valid").text().to_owned()
    }

    fn refused(request: RequestGuildMembers) -> bool {
        matches!(
            Command::RequestGuildMembers(request).encode(&config()),
            Err(CommandError::Invalid(_))
        )
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
        let sounds = RequestSoundboardSounds { guild_ids: vec!["1".into(), "2".into()] };
        assert_eq!(
            encoded(&Command::RequestSoundboardSounds(sounds)),
            r#"{"op":31,"d":{"guild_ids":["1","2"]}}"#
        );
        let info = RequestChannelInfo {
            guild_id: "1".into(),
            fields: vec![ChannelField::Status, ChannelField::VoiceStartTime],
        };
        assert_eq!(
            encoded(&Command::RequestChannelInfo(info)),
            r#"{"op":43,"d":{"guild_id":"1","fields":["status","voice_start_time"]}}"#
        );
        assert_eq!(
            encoded(&Command::Encoded(Frame::Text(r#"{"d":{"a":1},"op":200}"#.into()))),
            r#"{"d":{"a":1},"op":200}"#,
            "sent as it is"
        );
    }

    #[test]
    fn the_wire_and_serde_have_the_same_form() {
        fn assert_same(written: &str, data: &impl Serialize) {
            assert_eq!(written, serde_json::to_string(data).expect("plain data"));
        }
        let named = Members::Named { query: "\"a".into(), limit: 5 };
        let ids = Members::WithIds { user_ids: vec!["2".into(), "3".into()] };
        for (who, nonce) in [(named, None), (ids, Some("n".into()))] {
            let presences = nonce.as_ref().map(|_| false);
            let request = RequestGuildMembers { presences, nonce, ..members(who) };
            assert_same(&request.to_json(), &request);
        }
        for channel_id in [None, Some("3".into())] {
            let guild_id = "1".into();
            let state = VoiceState { guild_id, channel_id, self_mute: true, self_deaf: false };
            assert_same(&state.to_json(), &state);
        }
        let sounds = RequestSoundboardSounds { guild_ids: vec!["1".into(), "2".into()] };
        assert_same(&sounds.to_json(), &sounds);
        let fields = vec![ChannelField::Status, ChannelField::VoiceStartTime];
        let info = RequestChannelInfo { guild_id: "1".into(), fields };
        assert_same(&info.to_json(), &info);
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
        assert!(fits.encode(&config()).is_ok());
        let large = Command::raw(Opcode(31), &text((LIMIT - frame) / 2 + 1)).expect("JSON");
        assert_eq!(
            large.encode(&config()),
            Err(CommandError::TooLarge { bytes: LIMIT + 2, limit: LIMIT })
        );
    }

    #[test]
    fn what_the_intents_do_not_allow_is_refused_before_it_is_sent() {
        let bare = Config::builder("token", Intents::GUILDS).build().expect("valid");
        let all = members(Members::Named { query: String::new(), limit: 0 });
        let some = members(Members::Named { query: "a".into(), limit: 5 });
        let with_presences = RequestGuildMembers { presences: Some(true), ..some.clone() };
        let encode = |request| Command::RequestGuildMembers(request).encode(&bare);
        assert_eq!(encode(all), Err(CommandError::MissingIntent("GUILD_MEMBERS")));
        assert_eq!(encode(with_presences), Err(CommandError::MissingIntent("GUILD_PRESENCES")));
        assert!(encode(some).is_ok());
    }

    #[test]
    fn requests_for_nothing_are_refused() {
        let sounds =
            Command::RequestSoundboardSounds(RequestSoundboardSounds { guild_ids: vec![] });
        let info = RequestChannelInfo { guild_id: "1".into(), fields: vec![] };
        for command in [sounds, Command::RequestChannelInfo(info)] {
            assert!(matches!(command.encode(&config()), Err(CommandError::Invalid(_))));
        }
    }

    #[test]
    fn every_form_of_a_command_is_known_for_what_it_counts_as() {
        let kind = |command: &Command| command.encode(&config()).expect("valid").kind;
        let all = members(Members::Named { query: String::new(), limit: 0 });
        let raw = r#"{"guild_id":"1","query":"","limit":0}"#;
        let encoded = format!(r#"{{"op":8,"d":{raw}}}"#);
        for command in [
            Command::RequestGuildMembers(all),
            Command::raw(Opcode(8), raw).expect("JSON"),
            Command::Encoded(Frame::Text(encoded)),
        ] {
            assert_eq!(kind(&command), Kind::AllMembers(1));
        }
        let named = members(Members::Named { query: "a".into(), limit: 1 });
        assert_eq!(kind(&Command::RequestGuildMembers(named)), Kind::Other);
        let presence = serde_json::to_string(&Presence::default()).expect("plain data");
        assert_eq!(
            kind(&Command::UpdatePresence(Presence::default())),
            Kind::Presence(presence.into())
        );
    }

    #[test]
    fn an_encoded_message_must_be_one() {
        for frame in [
            Frame::Text("{".into()),
            Frame::Text(r#"{"d":1}"#.into()),
            Frame::Binary(br#"{"op":31,"d":{}}"#.to_vec()),
        ] {
            assert_eq!(Command::Encoded(frame).encode(&config()), Err(CommandError::NotEncoded));
        }
    }

    #[test]
    fn reserved_opcodes_and_data_that_is_not_json_are_refused() {
        let identify = Command::raw(Opcode::IDENTIFY, "{}").expect("JSON");
        assert_eq!(identify.encode(&config()), Err(CommandError::Reserved(Opcode::IDENTIFY)));
        assert!(matches!(Command::raw(Opcode(3), "{"), Err(CommandError::NotJson)));
    }
}

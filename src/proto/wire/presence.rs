//! What other users see of the bot: the same object in identify and in opcode 3.
//!
//! Source: Discord's "Update Presence" and "Activity object"; bots may set only name, type, state and url.

use serde::{Deserialize, Serialize};

/// The dot beside the bot's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnlineStatus {
    /// Red: do not disturb.
    Dnd,
    /// Yellow.
    Idle,
    /// Shown as offline.
    Invisible,
    /// Green.
    #[default]
    Online,
}

/// What the bot is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Shown after "Playing", "Watching" and so on. Up to 128 characters.
    pub name: String,
    /// 0 playing, 1 streaming, 2 listening, 3 watching, 4 custom, 5 competing.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The text of a custom status, or a second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Twitch or YouTube address, for streaming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Activity {
    /// "Playing `name`".
    pub fn playing(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: 0, state: None, url: None }
    }

    /// "Streaming `name`", with a Twitch or YouTube address.
    pub fn streaming(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { kind: 1, url: Some(url.into()), ..Self::playing(name) }
    }

    /// "Listening to `name`".
    pub fn listening(name: impl Into<String>) -> Self {
        Self { kind: 2, ..Self::playing(name) }
    }

    /// "Watching `name`".
    pub fn watching(name: impl Into<String>) -> Self {
        Self { kind: 3, ..Self::playing(name) }
    }

    /// The bare text `state`. Discord wants a name beside it that it does not show.
    pub fn custom(state: impl Into<String>) -> Self {
        Self { kind: 4, state: Some(state.into()), ..Self::playing("Custom Status") }
    }

    /// "Competing in `name`".
    pub fn competing(name: impl Into<String>) -> Self {
        Self { kind: 5, ..Self::playing(name) }
    }
}

/// A presence. All four keys go on the wire: Discord closes with 4001 when one is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// When the client went idle, in milliseconds since 1970.
    #[serde(default)]
    pub since: Option<u64>,
    /// What the bot is doing; may be empty.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// The dot beside the name.
    pub status: OnlineStatus,
    /// Whether the client is away from the keyboard.
    #[serde(default)]
    pub afk: bool,
}

impl Presence {
    /// A presence with one activity, or none.
    pub fn new(status: OnlineStatus, activity: impl Into<Option<Activity>>) -> Self {
        Self { status, activities: activity.into().into_iter().collect(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_keys_are_always_written() {
        let text = serde_json::to_string(&Presence::default()).expect("plain data");
        assert_eq!(text, r#"{"since":null,"activities":[],"status":"online","afk":false}"#);
    }

    #[test]
    fn the_six_kinds_of_activity_have_their_numbers() {
        let kinds = [
            Activity::playing("a"),
            Activity::streaming("a", "https://twitch.tv/x"),
            Activity::listening("a"),
            Activity::watching("a"),
            Activity::custom("a"),
            Activity::competing("a"),
        ];
        assert_eq!(kinds.each_ref().map(|activity| activity.kind), [0, 1, 2, 3, 4, 5]);
        assert_eq!(kinds[4].name, "Custom Status");
    }
}

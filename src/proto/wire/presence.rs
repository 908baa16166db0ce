//! What other users see of the bot: the same object in identify and in opcode 3.
//!
//! Source: Discord's "Update Presence" and "Activity object"; bots may set only name, type, state and url.

use serde::{Deserialize, Serialize};

use super::json::Object;
use crate::proto::words::Say;

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

impl OnlineStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Dnd => "dnd",
            Self::Idle => "idle",
            Self::Invisible => "invisible",
            Self::Online => "online",
        }
    }
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

/// How many characters `text` has: as many as bytes that begin one. Simpler than `chars().count()`, which is made for texts of
/// another length.
fn characters(text: &str) -> usize {
    let mut count = 0;
    for byte in text.bytes() {
        count += usize::from(byte & 0xc0 != 0x80);
    }
    count
}

/// Longest name and state of an activity, in characters.
const LONGEST_TEXT: usize = 128;
/// Longest address of a stream, in characters.
const LONGEST_URL: usize = 512;

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

    /// Whether Discord will show it as a stream: it shows one without a Twitch or `YouTube` address as "Playing", without a
    /// word to the bot.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        let hosts = ["twitch.tv/", "youtube.com/", "youtu.be/"];
        let url = self.url.as_deref().unwrap_or_default();
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let rest = rest.map(|rest| rest.strip_prefix("www.").unwrap_or(rest));
        self.kind == 1 && rest.is_some_and(|rest| hosts.iter().any(|host| rest.starts_with(host)))
    }

    fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("name", &self.name).number("type", self.kind.into());
        if let Some(state) = &self.state {
            object.text("state", state);
        }
        if let Some(url) = &self.url {
            object.text("url", url);
        }
        object.end()
    }

    fn check(&self) -> Result<(), &'static str> {
        let is_long = |text: &Option<String>, limit| {
            text.as_ref().is_some_and(|text| characters(text) > limit)
        };
        if self.kind > 5 {
            return Err("expected an activity type from 0 to 5");
        }
        if characters(&self.name) > LONGEST_TEXT || is_long(&self.state, LONGEST_TEXT) {
            return Err("expected name and state of an activity to have at most 128 characters");
        }
        if is_long(&self.url, LONGEST_URL) {
            return Err("expected the url of an activity to have at most 512 characters");
        }
        if self.kind == 1 && self.url.is_none() {
            return Err("expected a streaming activity to have a url");
        }
        Ok(())
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

    /// Idle since `unix_ms` (milliseconds since 1970), which Discord shows to users as "away".
    pub fn idle(unix_ms: u64, activity: impl Into<Option<Activity>>) -> Self {
        Self { since: Some(unix_ms), afk: true, ..Self::new(OnlineStatus::Idle, activity) }
    }

    /// What goes on the wire.
    pub(crate) fn to_json(&self) -> String {
        let since = self.since.map_or("null".into(), |since| since.said());
        let activities: Vec<_> = self.activities.iter().map(Activity::to_json).collect();
        Object::new()
            .json("since", &since)
            .json("activities", &["[", &activities.join(","), "]"].concat())
            .text("status", self.status.name())
            .flag("afk", self.afk)
            .end()
    }

    /// Whether Discord would take it; says what it expects if not.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.activities.iter().try_for_each(Activity::check)
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
    fn the_wire_and_serde_have_the_same_form() {
        let all = [OnlineStatus::Dnd, OnlineStatus::Idle, OnlineStatus::Invisible];
        for presence in
            all.map(|status| Presence::new(status, Activity::custom("\"x\""))).into_iter().chain([
                Presence::idle(5, None),
                Presence {
                    activities: vec![
                        Activity::playing("a"),
                        Activity { state: Some("s".into()), ..Activity::streaming("b", "u") },
                    ],
                    ..Presence::default()
                },
            ])
        {
            assert_eq!(presence.to_json(), serde_json::to_string(&presence).expect("plain data"));
        }
    }

    #[test]
    fn an_idle_presence_says_since_when() {
        let text = serde_json::to_string(&Presence::idle(5, None)).expect("plain data");
        assert_eq!(text, r#"{"since":5,"activities":[],"status":"idle","afk":true}"#);
    }

    #[test]
    fn activities_beyond_discords_limits_are_refused() {
        let check = |activity| Presence::new(OnlineStatus::Online, activity).check();
        let long = "\u{fc}".repeat(LONGEST_TEXT + 1);
        assert!(check(Activity::playing(&long[2..])).is_ok());
        assert!(check(Activity::playing(&long)).is_err());
        assert!(check(Activity::custom(&long)).is_err());
        assert!(check(Activity { kind: 6, ..Activity::playing("a") }).is_err());
        assert!(check(Activity { kind: 1, ..Activity::playing("a") }).is_err());
        assert!(check(Activity::streaming("a", "x".repeat(LONGEST_URL + 1))).is_err());
    }

    #[test]
    fn only_streams_at_known_addresses_are_shown_as_such() {
        assert!(Activity::streaming("a", "https://www.twitch.tv/x").is_stream());
        assert!(Activity::streaming("a", "https://youtu.be/x").is_stream());
        assert!(!Activity::streaming("a", "https://example.com/twitch.tv/").is_stream());
        assert!(!Activity::playing("a").is_stream());
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

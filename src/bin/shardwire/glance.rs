//! An event's data in a few words for a table. Never fails: data comes from elsewhere and may be anything.

use serde_json::Value;

/// Places where something worth reading is found, in the order in which it is shown.
const PLACES: &[(&str, &str)] = &[
    ("", "/user/username"),
    ("", "/author/username"),
    ("", "/member/user/username"),
    ("", "/name"),
    ("", "/content"),
    ("", "/emoji/name"),
    ("", "/status"),
    ("guild ", "/guild_id"),
    ("channel ", "/channel_id"),
    ("user ", "/user_id"),
    ("id ", "/id"),
];

/// What `data` is about, in at most `width` characters that are safe on a terminal.
pub fn at(data: &str, width: usize) -> String {
    let Ok(data) = serde_json::from_str::<Value>(data) else { return printable(data, width) };
    let mut parts: Vec<String> = PLACES
        .iter()
        .filter_map(|(label, place)| Some(format!("{label}{}", word(data.pointer(place)?)?)))
        .collect();
    if let Some(Value::Array(guilds)) = data.get("guilds") {
        parts.push(format!("{} guilds", guilds.len()));
    }
    if let Some(Value::Number(members)) = data.get("member_count") {
        parts.push(format!("{members} members"));
    }
    printable(&parts.join(" · "), width)
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `text` on one line, without what a terminal would obey, cut to `width` characters.
pub fn printable(text: &str, width: usize) -> String {
    let mut chars = text.chars().map(|c| if is_harmless(c) { c } else { ' ' });
    let mut line: String = chars.by_ref().take(width).collect();
    if chars.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

/// Neither a control character nor one that turns the direction of writing.
fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_parts_are_shown_in_order() {
        let message = r#"{"channel_id":"7","content":"hi\nyou","author":{"username":"ann"}}"#;
        assert_eq!(at(message, 80), "ann · hi you · channel 7");
        let guild = r#"{"name":"G","member_count":3,"id":1}"#;
        assert_eq!(at(guild, 80), "G · id 1 · 3 members");
        assert_eq!(at("null", 80), "");
        assert!(!at(r#"{"session_id":"secret"}"#, 80).contains("secret"));
    }

    #[test]
    fn nothing_commands_the_terminal_and_nothing_is_too_long() {
        assert_eq!(printable("a\u{1b}[31mb\u{202e}", 80), "a [31mb ");
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("abcd", 4), "abcd");
    }
}

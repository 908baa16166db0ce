//! Commands and questions as JavaScript gives them. Knows nothing of how they are sent.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use super::{fields::Fields, refusal::Refusal, timer::since_1970};
use crate::proto::{
    Activity, ChannelField, Command, Frame, Json, Members, OnlineStatus, Opcode, Presence, Request,
    RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, VoiceState,
};

const BAD_COMMAND: &str = "bad-command";

pub(super) const PRESENCE: [&str; 4] = ["status", "activities", "since", "afk"];
const ACTIVITY: [&str; 4] = ["name", "type", "url", "state"];

/// What one of the methods with a name sends: that of this opcode.
pub(super) fn read_command(opcode: Opcode, argument: JsValue) -> Result<Command, Refusal> {
    if opcode == Opcode::PRESENCE_UPDATE {
        return Ok(Command::UpdatePresence(read_presence_of(argument, BAD_COMMAND)?));
    }
    Ok(read_request(opcode, argument)?.command())
}

/// A whole message, encoded by the caller.
pub(super) fn read_encoded(message: &JsValue) -> Result<Command, Refusal> {
    let bytes = || message.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec);
    let frame = message.as_string().map(Frame::Text).or_else(|| bytes().map(Frame::Binary));
    frame.map(Command::Encoded).ok_or_else(|| {
        Refusal::new(BAD_COMMAND, "expected an encoded message as a text or a Uint8Array")
    })
}

/// Any opcode, with data that `JSON.stringify` wrote.
pub(super) fn raw_command(opcode: u16, data: String) -> Command {
    Command::Raw(Opcode(opcode), Json::trusted(data))
}

/// A question, by the opcode that asks it.
pub(super) fn read_request(opcode: Opcode, argument: JsValue) -> Result<Request, Refusal> {
    let known: &[&str] = match opcode {
        Opcode::VOICE_STATE_UPDATE => &["guildId", "channelId", "selfMute", "selfDeaf"],
        Opcode::REQUEST_GUILD_MEMBERS => {
            &["guildId", "presences", "nonce", "query", "limit", "userIds"]
        }
        Opcode::REQUEST_SOUNDBOARD_SOUNDS => &["guildIds"],
        _ => &["guildId", "fields"],
    };
    let fields = Fields::new(argument, known, BAD_COMMAND)?;
    if opcode == Opcode::REQUEST_SOUNDBOARD_SOUNDS {
        let guild_ids = fields.required("guildIds", fields.texts("guildIds")?)?;
        return Ok(Request::Soundboard(RequestSoundboardSounds { guild_ids }));
    }
    let guild_id = fields.required("guildId", fields.text("guildId")?)?;
    Ok(match opcode {
        Opcode::VOICE_STATE_UPDATE => Request::Voice(VoiceState {
            guild_id,
            channel_id: fields.text("channelId")?,
            self_mute: fields.flag("selfMute")?.unwrap_or_default(),
            self_deaf: fields.flag("selfDeaf")?.unwrap_or_default(),
        }),
        Opcode::REQUEST_GUILD_MEMBERS => Request::Members(RequestGuildMembers {
            guild_id,
            members: read_members(&fields)?,
            presences: fields.flag("presences")?,
            nonce: fields.text("nonce")?,
        }),
        _ => Request::ChannelInfo(RequestChannelInfo { guild_id, fields: read_fields(&fields)? }),
    })
}

fn read_members(fields: &Fields) -> Result<Members, Refusal> {
    let limit = fields.number("limit", 100)?;
    match (fields.text("query")?, fields.texts("userIds")?) {
        (Some(query), None) => {
            let limit = fields.required("limit", limit)?;
            Ok(Members::Named { query, limit: u32::try_from(limit).unwrap_or_default() })
        }
        (None, Some(user_ids)) if limit.is_none() => Ok(Members::WithIds { user_ids }),
        _ => Err(fields.refuse("query", "with limit, or userIds, to be given")),
    }
}

fn read_fields(fields: &Fields) -> Result<Vec<ChannelField>, Refusal> {
    let names = fields.texts("fields")?.unwrap_or_default();
    let read = names.iter().map(|name| match name.as_str() {
        "status" => Ok(ChannelField::Status),
        "voice_start_time" => Ok(ChannelField::VoiceStartTime),
        _ => Err(fields.refuse("fields", "to be status and voice_start_time")),
    });
    read.collect()
}

/// A presence; refusals are coded `code`.
pub(super) fn read_presence_of(presence: JsValue, code: &'static str) -> Result<Presence, Refusal> {
    read_presence(&Fields::new(presence, &PRESENCE, code)?)
}

/// Who is idle has been so from now on, unless it is said otherwise: Discord shows nothing without it.
pub(super) fn read_presence(fields: &Fields) -> Result<Presence, Refusal> {
    let status = match fields.text("status")?.as_deref() {
        Some("online") => OnlineStatus::Online,
        Some("idle") => OnlineStatus::Idle,
        Some("dnd") => OnlineStatus::Dnd,
        Some("invisible") => OnlineStatus::Invisible,
        _ => return Err(fields.refuse("status", "to be online, idle, dnd or invisible")),
    };
    let activities = fields.objects("activities", &ACTIVITY)?;
    let since = fields.number("since", u64::MAX)?;
    let goes_idle = status == OnlineStatus::Idle && since.is_none();
    let now = || u64::try_from(since_1970().as_millis()).unwrap_or_default();
    Ok(Presence {
        since: since.or_else(|| goes_idle.then(now)),
        activities: activities.iter().map(read_activity).collect::<Result<_, _>>()?,
        status,
        afk: fields.flag("afk")?.unwrap_or(goes_idle),
    })
}

fn read_activity(fields: &Fields) -> Result<Activity, Refusal> {
    let kind = fields.required("type", fields.number("type", 5)?)?;
    Ok(Activity {
        name: fields.required("name", fields.text("name")?)?,
        kind: u8::try_from(kind).unwrap_or_default(),
        state: fields.text("state")?,
        url: fields.text("url")?,
    })
}

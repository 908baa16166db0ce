//! Commands and questions as `pkg-template/options.js` lays them out. Knows nothing of how they are sent.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use super::values::Values;
use crate::proto::{
    Activity, ChannelField, Command, Frame, Json, Members, OnlineStatus, Opcode, Presence, Request,
    RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds, VoiceState,
};

/// What `opcode` sends: data that `JSON.stringify` wrote, or what was laid out for one of the methods with a name. Without an
/// opcode a whole message, encoded by the caller.
pub(super) fn read_command(opcode: Option<u16>, argument: JsValue) -> Command {
    let text = argument.as_string();
    let Some(opcode) = opcode.map(Opcode) else {
        let bytes = || argument.unchecked_ref::<Uint8Array>().to_vec();
        return Command::Encoded(text.map_or_else(|| Frame::Binary(bytes()), Frame::Text));
    };
    match (text, opcode) {
        (Some(data), _) => Command::Raw(opcode, Json::trusted(data)),
        (None, Opcode::PRESENCE_UPDATE) => {
            Command::UpdatePresence(read_presence(&Values::new(argument)))
        }
        (None, _) => read_request(opcode, argument).command(),
    }
}

/// A question, by the opcode that asks it.
pub(super) fn read_request(opcode: Opcode, argument: JsValue) -> Request {
    let values = Values::new(argument);
    if opcode == Opcode::REQUEST_SOUNDBOARD_SOUNDS {
        return Request::Soundboard(RequestSoundboardSounds {
            guild_ids: read_texts(&values).unwrap_or_default(),
        });
    }
    let guild_id = values.given_text();
    match opcode {
        Opcode::VOICE_STATE_UPDATE => Request::Voice(VoiceState {
            guild_id,
            channel_id: values.text(),
            self_mute: values.is_on(),
            self_deaf: values.is_on(),
        }),
        Opcode::REQUEST_GUILD_MEMBERS => {
            let limit = values.number_or_zero();
            let query = values.text();
            let user_ids = read_texts(&values).unwrap_or_default();
            let members = match query {
                Some(query) => Members::Named { query, limit },
                None => Members::WithIds { user_ids },
            };
            let presences = values.flag();
            let nonce = values.text();
            Request::Members(RequestGuildMembers { guild_id, members, presences, nonce })
        }
        _ => Request::ChannelInfo(RequestChannelInfo {
            guild_id,
            fields: values.inner().map_or_else(Vec::new, |fields| fields.all(read_field)),
        }),
    }
}

fn read_texts(values: &Values) -> Option<Vec<String>> {
    values.inner().map(|texts| texts.all(Values::given_text))
}

fn read_field(values: &Values) -> ChannelField {
    match values.number_or_zero() {
        0 => ChannelField::Status,
        _ => ChannelField::VoiceStartTime,
    }
}

pub(super) fn read_presence(values: &Values) -> Presence {
    let status = match values.number_or_zero() {
        0 => OnlineStatus::Online,
        1 => OnlineStatus::Idle,
        2 => OnlineStatus::Dnd,
        _ => OnlineStatus::Invisible,
    };
    let activities = values.inner();
    Presence {
        status,
        activities: activities.map_or_else(Vec::new, |activities| activities.all(read_activity)),
        since: values.whole(),
        afk: values.is_on(),
    }
}

fn read_activity(values: &Values) -> Activity {
    let values = Values::new(values.value());
    Activity {
        name: values.given_text(),
        kind: u8::try_from(values.number_or_zero()).unwrap_or_default(),
        state: values.text(),
        url: values.text(),
    }
}

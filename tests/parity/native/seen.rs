//! What a user saw, in the form that `play.mjs` gives it. Judges nothing.

use serde_json::{Value, json};
use shardwire::proto::{Dispatch, Event, Part, Report, ShardInfo};

/// An event of the shard with this number; `with_data` adds what the data of a dispatch is to JavaScript.
pub fn event(event: &Event, shard: u32, with_data: bool) -> Value {
    let mut told = json!(Report(event));
    told["shardId"] = shard.into();
    if let Event::Dispatch(dispatch) = event {
        told["raw"] = json!(dispatch.data);
        if with_data {
            told["data"] = data(dispatch);
        }
    }
    told
}

/// By what names an act may wait for an event.
pub fn names(event: &Event) -> Vec<String> {
    match event {
        Event::Dispatch(Dispatch { name, sequence, .. }) => {
            vec![format!("dispatch {name}"), format!("sequence {sequence}")]
        }
        Event::StatusChanged { status, .. } => vec![format!("status {}", status.name())],
        Event::Notice(notice) => vec![format!("notice {}", notice.code())],
        other => vec![other.kind().to_owned()],
    }
}

/// A picture of the shard; the order of the events' names counts too.
pub fn info(info: &ShardInfo) -> Value {
    let mut told = json!(info);
    told["events"] = info.events.iter().map(|(name, count)| json!([name, count])).collect();
    told
}

/// The data of a part of an answer, as JavaScript reads it.
pub fn part(Part { name, data: text, has_wide_integers, .. }: Part) -> Value {
    data(&Dispatch { name, sequence: 0, data: text, has_wide_integers })
}

fn data(dispatch: &Dispatch) -> Value {
    // What is no JSON after all is told as it is.
    serde_json::from_str(&dispatch.data_for_javascript()).unwrap_or_else(|_| json!(dispatch.data))
}

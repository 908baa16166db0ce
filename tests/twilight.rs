//! Dispatches as the types of `twilight-model`, and its commands as ours.
#![cfg(all(feature = "testing", feature = "twilight-model"))]

use std::{collections::BTreeSet, env, fs};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use shardwire::{
    proto::{Command, Config, Dispatch, Intents, Opcode},
    testing::{GatewayOptions, World},
    twilight::{TypedDispatch as _, TypedError},
};
use twilight_model::{
    gateway::{
        event::DispatchEvent,
        payload::outgoing::{RequestGuildMembers, UpdatePresence, UpdateVoiceState},
        presence::{ActivityType, MinimalActivity, Status},
    },
    id::Id,
};

/// An envelope in a recording.
#[derive(Deserialize)]
struct Recorded {
    op: u8,
    t: Option<String>,
    d: Box<RawValue>,
}

fn dispatch(name: &str, data: &str) -> Dispatch {
    Dispatch { name: name.into(), sequence: 1, data: data.into(), has_wide_integers: false }
}

/// A shard in a world where much happens.
fn lively() -> World {
    let options = GatewayOptions { guilds: 12, rate: 5.0, ..GatewayOptions::default() };
    let config = Config::builder("token", Intents::ALL).url(options.url.clone());
    let mut world = World::new(options, config);
    world.start();
    world.until_ready();
    world
}

#[test]
fn every_event_of_a_lively_hour_has_a_type() {
    let mut world = lively();
    world.pass(3600);
    let mut names = BTreeSet::new();
    for dispatch in world.dispatches() {
        names.insert(&*dispatch.name);
        let event = dispatch.typed().unwrap_or_else(|error| panic!("{error}: {}", dispatch.data));
        assert_eq!(event.kind().name(), Some(&*dispatch.name));
    }
    assert!(names.len() > 12 && names.contains("GUILD_CREATE"), "{names:?}");
}

/// Looks at recordings of Discord itself where the environment names their folder; they are nobody's to pass on.
#[test]
fn genuine_events_have_a_type_or_are_not_in_the_model() {
    let Some(folder) = env::var_os("SHARDWIRE_CAPTURES") else { return };
    for file in fs::read_dir(folder).expect("the folder can be read") {
        let path = file.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("recordings are text");
        // Answers of the HTTP API lie beside them.
        let Ok(recorded) = serde_json::from_str::<Vec<Recorded>>(&text) else { continue };
        for Recorded { op, t, d } in recorded {
            let (0, Some(name)) = (op, t) else { continue };
            match dispatch(&name, d.get()).typed() {
                Ok(_) | Err(TypedError::Unknown { .. }) => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

#[test]
fn values_arrive_in_their_types() {
    let data = json!({
        "user_id": "900000000000000001",
        "message_id": "900000000000000002",
        "channel_id": "900000000000000003",
        "guild_id": "18446744073709551615",
        "emoji": { "id": null, "name": "\u{1f525}" },
        "burst": false,
        "type": 0,
        "something_new": [1, 2],
    });
    let event = dispatch("MESSAGE_REACTION_REMOVE", &data.to_string()).typed();
    let Ok(DispatchEvent::ReactionRemove(reaction)) = event else { panic!("{event:?}") };
    assert_eq!(reaction.user_id, Id::new(900_000_000_000_000_001));
    assert_eq!(reaction.guild_id, Some(Id::new(u64::MAX)));
    assert_eq!(dispatch("RESUMED", "null").typed().ok(), Some(DispatchEvent::Resumed));
}

#[test]
fn events_that_the_model_does_not_know_are_told_from_those_that_look_otherwise() {
    for name in ["VOICE_CHANNEL_STATUS_UPDATE", "message_create", "", "\u{1f525}"] {
        let error = dispatch(name, r#"{"id":"1"}"#).typed().expect_err(name);
        assert!(matches!(&error, TypedError::Unknown { name: told } if &**told == name));
        assert!(error.to_string().contains("that twilight-model knows"), "{error}");
    }
    for data in ["", "{", "{}", "null", "7", r#"{"id":"x"}"#, "[[[[", "{} {}"] {
        for name in ["MESSAGE_CREATE", "GUILD_CREATE", "READY", "THREAD_LIST_SYNC"] {
            let error = dispatch(name, data).typed().expect_err(data);
            assert!(matches!(&error, TypedError::Mismatch { .. }), "{name} {data}: {error:?}");
            assert!(error.to_string().starts_with(&format!("expected {name} to look as")));
        }
    }
    let deep = format!(r#"{{"id":{}"#, "[".repeat(100_000));
    assert!(dispatch("MESSAGE_CREATE", &deep).typed().is_err(), "and the stack survives");
}

#[test]
fn the_models_commands_go_out_as_they_stand() {
    let activity = MinimalActivity { kind: ActivityType::Watching, name: "you".into(), url: None };
    let presence = UpdatePresence::new([activity.into()], true, 5, Status::DoNotDisturb);
    let presence = presence.expect("one activity is enough");
    let members = RequestGuildMembers::builder(Id::new(1)).nonce("n").presences(true);
    let members = members.query("a", Some(10));
    let voice = UpdateVoiceState::new(Id::new(1), Some(Id::new(2)), true, false);
    for (opcode, command, model) in [
        (Opcode::PRESENCE_UPDATE, Command::from(&presence), json!(presence)),
        (Opcode::REQUEST_GUILD_MEMBERS, Command::from(&members), json!(members)),
        (Opcode::VOICE_STATE_UPDATE, Command::from(&voice), json!(voice)),
    ] {
        let mut world = lively();
        world.send(&command).expect("it is taken");
        world.pass(1);
        let sent = world.sent(opcode);
        let text = &sent.last().expect("it went out").text;
        assert_eq!(serde_json::from_str::<Value>(text).expect("JSON"), model);
    }
}

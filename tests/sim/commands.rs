//! What a user may send, and what it looks like on the wire. Conformance 53 and 54.

use serde_json::json;
use shardwire::{
    proto::{
        Activity, Command, CommandError, Config, Frame, Intents, Members, OnlineStatus, Opcode,
        Presence, RequestGuildMembers, VoiceState,
    },
    testing::{self, GatewayOptions, World},
};

use crate::support::*;

fn with_guilds() -> World {
    let options = GatewayOptions { guilds: 1, members: 40, ..options() };
    let config =
        Config::builder(TOKEN, Intents::ALL).compression(shardwire::proto::Compression::None);
    let mut world = World::new(options, config);
    world.start();
    world.until_ready();
    world.pass(1);
    world.names();
    world
}

fn guild_id(world: &World) -> String {
    guild_ids(world).remove(0)
}

fn members(guild_id: &str, members: Members) -> RequestGuildMembers {
    RequestGuildMembers { guild_id: guild_id.into(), members, presences: None, nonce: None }
}

fn named(query: &str, limit: u32) -> Members {
    Members::Named { query: query.into(), limit }
}

fn with_ids(count: usize) -> Members {
    Members::WithIds { user_ids: vec!["1".into(); count] }
}

fn last_sent(world: &World, op: Opcode) -> serde_json::Value {
    let sent = world.sent(op).pop().expect("sent").text.clone();
    serde_json::from_str(&sent).expect("JSON")
}

#[test]
fn a_member_request_has_discords_shape_and_is_answered() {
    let mut world = with_guilds();
    let guild = guild_id(&world);
    let request = RequestGuildMembers {
        presences: Some(true),
        nonce: Some("n".into()),
        ..members(&guild, named("", 0))
    };
    world.send(&Command::RequestGuildMembers(request)).expect("valid");
    world.pass(1);
    let expected = json!({
        "op": 8,
        "d": { "guild_id": guild, "query": "", "limit": 0, "presences": true, "nonce": "n" },
    });
    assert_eq!(last_sent(&world, Opcode::REQUEST_GUILD_MEMBERS), expected);
    assert_names(&mut world, &[&["GUILD_MEMBERS_CHUNK 3"]]);

    let request = members(&guild, Members::WithIds { user_ids: vec!["5".into()] });
    world.send(&Command::RequestGuildMembers(request)).expect("valid");
    world.pass(1);
    let expected = json!({ "op": 8, "d": { "guild_id": guild, "user_ids": ["5"] } });
    assert_eq!(last_sent(&world, Opcode::REQUEST_GUILD_MEMBERS), expected);
    assert_names(&mut world, &[&["GUILD_MEMBERS_CHUNK 4"]]);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn a_member_request_out_of_bounds_is_refused_here() {
    let mut world = with_guilds();
    let nonce = |length: usize| RequestGuildMembers {
        nonce: Some("n".repeat(length)),
        ..members("1", named("", 0))
    };
    let refused = [
        members("1", named("a", 101)),
        members("1", named("a", 0)),
        members("1", with_ids(101)),
        members("1", with_ids(0)),
        members("x", named("", 0)),
        members("", named("", 0)),
        members("1", Members::WithIds { user_ids: vec!["<@5>".into()] }),
        nonce(33),
    ];
    for request in refused {
        let result = world.send(&Command::RequestGuildMembers(request.clone()));
        assert!(matches!(result, Err(CommandError::Invalid(_))), "{request:?}");
    }
    for request in [members("1", named("a", 100)), members("1", with_ids(100)), nonce(32)] {
        let result = world.send(&Command::RequestGuildMembers(request));
        assert_eq!(result, Ok(()));
    }
    world.pass(1);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn query_and_user_ids_cannot_be_said_together() {
    let both = json!({ "guildId": "1", "query": "", "limit": 0, "userIds": ["1"] });
    let request: RequestGuildMembers = serde_json::from_value(both).expect("one of them wins");
    let payload = serde_json::to_value(&request).expect("plain data");
    assert!(payload.get("query").is_some() != payload.get("user_ids").is_some(), "{payload}");
}

#[test]
fn a_presence_has_all_four_keys() {
    let mut world = with_guilds();
    let presence = Presence::new(OnlineStatus::Idle, Activity::listening("you"));
    world.send(&Command::UpdatePresence(presence)).expect("valid");
    world.send(&Command::UpdatePresence(Presence::default())).expect("valid");
    world.pass(1);
    let sent: Vec<&str> =
        world.sent(Opcode::PRESENCE_UPDATE).into_iter().map(|sent| sent.text.as_str()).collect();
    assert_eq!(
        sent,
        [
            r#"{"op":3,"d":{"since":null,"activities":[{"name":"you","type":2}],"status":"idle","afk":false}}"#,
            r#"{"op":3,"d":{"since":null,"activities":[],"status":"online","afk":false}}"#,
        ]
    );
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn joining_moving_and_leaving_a_voice_channel_have_discords_shape() {
    let mut world = with_guilds();
    let state = |channel: Option<&str>, self_mute, self_deaf| VoiceState {
        guild_id: "1".into(),
        channel_id: channel.map(Into::into),
        self_mute,
        self_deaf,
    };
    for (state, expected) in [
        (
            state(Some("2"), true, true),
            r#"{"guild_id":"1","channel_id":"2","self_mute":true,"self_deaf":true}"#,
        ),
        (
            state(Some("2"), false, false),
            r#"{"guild_id":"1","channel_id":"2","self_mute":false,"self_deaf":false}"#,
        ),
        (
            state(None, false, true),
            r#"{"guild_id":"1","channel_id":null,"self_mute":false,"self_deaf":true}"#,
        ),
    ] {
        world.send(&Command::UpdateVoiceState(state)).expect("valid");
        assert_eq!(world.sent(Opcode::VOICE_STATE_UPDATE).pop().expect("sent").data(), expected);
    }
    world.pass(1);
    assert_eq!(violations(&world), [""; 0]);
    let wrong = VoiceState { channel_id: Some("general".into()), ..state(None, false, false) };
    let result = world.send(&Command::UpdateVoiceState(wrong));
    assert!(matches!(result, Err(CommandError::Invalid(_))));
}

#[test]
fn sounds_and_channel_information_are_asked_for_with_raw_commands() {
    let mut world = with_guilds();
    let guild = guild_id(&world);
    let sounds = format!(r#"{{"guild_ids":["{guild}"]}}"#);
    let info = format!(r#"{{"guild_id":"{guild}","fields":["status"]}}"#);
    for (opcode, data) in
        [(Opcode::REQUEST_SOUNDBOARD_SOUNDS, sounds), (Opcode::REQUEST_CHANNEL_INFO, info)]
    {
        world.send(&Command::raw(opcode, &data).expect("JSON")).expect("valid");
    }
    world.pass(1);
    assert_names(&mut world, &[&["SOUNDBOARD_SOUNDS 3", "CHANNEL_INFO 4"]]);
}

#[test]
fn an_encoded_message_leaves_as_it_stands() {
    let mut world = with_guilds();
    let text = r#"{"d": {"guild_ids": ["1"]}, "op": 31}"#;
    world.send(&Command::Encoded(Frame::Text(text.into()))).expect("valid");
    world.pass(1);
    assert_eq!(world.sent(Opcode::REQUEST_SOUNDBOARD_SOUNDS)[0].text, text);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn opcodes_of_the_life_cycle_are_not_for_users() {
    let mut world = with_guilds();
    for opcode in [0, 1, 2, 6, 7, 9, 10, 11] {
        let command = Command::raw(Opcode(opcode), "{}").expect("JSON");
        assert_eq!(world.send(&command), Err(CommandError::Reserved(Opcode(opcode))));
    }
}

#[test]
fn a_command_above_4096_bytes_is_refused_here() {
    let mut world = with_guilds();
    let large = Command::raw(Opcode(31), &format!(r#"{{"guild_ids":["{}"]}}"#, "1".repeat(4096)));
    let result = world.send(&large.expect("JSON"));
    assert!(matches!(result, Err(CommandError::TooLarge { limit: 4096, .. })), "{result:?}");
    world.pass(1);
    assert_eq!(violations(&world), [""; 0]);
    assert_eq!(faults(&world), []);
}

#[test]
fn commands_wait_while_a_session_is_taken_up_and_leave_after_resumed() {
    let mut world = ready();
    let command = Command::raw(Opcode(31), r#"{"guild_ids":["1"]}"#).expect("JSON");
    world.inject(testing::Fault::NeverResumed { times: 1 });
    world.cut();
    world.pass(3);
    world.send(&command).expect("room");
    world.pass(10);
    assert_eq!(world.sent(Opcode(31)).len(), 0);
    world.until_ready();
    assert_eq!(world.sent(Opcode(31)).len(), 1);
    assert_eq!(violations(&world), [""; 0]);
}

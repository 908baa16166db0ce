//! Questions whose answers are collected: over chunks, rate limits, resumes and new sessions, and when they are given up.

use std::time::Duration;

use serde_json::{Value, json};
use shardwire::{
    proto::{
        ChannelField, Command, CommandError, Compression, Config, Filter, Intents, Members, Opcode,
        Reply, Request, RequestChannelInfo, RequestError, RequestGuildMembers, RequestOptions,
        RequestSoundboardSounds, VoiceState,
    },
    testing::{self, GatewayOptions, Heard, Line, Server, World},
};

use crate::support::*;

const MEMBERS: Opcode = Opcode::REQUEST_GUILD_MEMBERS;

fn all_intents() -> shardwire::proto::ConfigBuilder {
    Config::builder(TOKEN, Intents::ALL).compression(Compression::None)
}

/// A world with two guilds of 2 500 members each: an answer takes three chunks.
fn with_guilds() -> World {
    with_guilds_and(all_intents())
}

fn with_guilds_and(config: shardwire::proto::ConfigBuilder) -> World {
    let options = GatewayOptions { guilds: 2, members: 2500, ..options() };
    let mut world = World::new(options, config);
    world.start();
    world.until_ready();
    world.pass(1);
    world.names();
    world
}

fn all_members(guild_id: &str) -> Request {
    let members = Members::Named { query: String::new(), limit: 0 };
    request(guild_id, members)
}

fn request(guild_id: &str, members: Members) -> Request {
    let guild_id = guild_id.into();
    Request::Members(RequestGuildMembers { guild_id, members, presences: None, nonce: None })
}

fn ask<S: Server>(world: &mut World<S>, request: Request) {
    world.request(request, RequestOptions::default()).expect("a sound request");
}

/// What became of all requests so far, each in a few words.
fn replies<S: Server>(world: &World<S>) -> Vec<String> {
    let words = |reply: &Reply| match reply {
        Reply::Done => "done".to_owned(),
        Reply::Failed(error) => format!("failed {}", error.code()),
        Reply::Part(part) => format!("{} {}/{}", part.name, part.received, part.expected),
        Reply::Restarted => "restarted".to_owned(),
    };
    world.shard(0).replies().iter().map(|(_, reply)| words(reply)).collect()
}

fn parts(world: &World) -> Vec<Value> {
    let parts = world.shard(0).replies().iter().filter_map(|(_, reply)| match reply {
        Reply::Part(part) => Some(serde_json::from_str(&part.data).expect("JSON")),
        _ => None,
    });
    parts.collect()
}

/// A polite server that answers member requests by what `answer` makes of nonce and number.
fn answering(mut answer: impl FnMut(&str, usize, &mut Line) + 'static) -> World<testing::ByHand> {
    let mut asked = 0;
    let server = testing::ByHand::new(move |heard, line| {
        if let Heard::Message(MEMBERS, data) = heard {
            let data: Value = serde_json::from_str(data).expect("JSON");
            asked += 1;
            answer(data["nonce"].as_str().expect("a nonce"), asked, line);
        } else {
            polite(heard, line);
        }
    });
    let config = all_intents().url("wss://gateway.mock").build().expect("valid");
    let mut world = World::against(server, config);
    world.start();
    world.until_ready();
    world
}

fn chunk(sequence: u64, nonce: &str, index: u32, count: u32) -> String {
    let data = json!({
        "guild_id": "1", "members": [], "chunk_index": index, "chunk_count": count, "nonce": nonce,
    });
    format!(r#"{{"t":"GUILD_MEMBERS_CHUNK","s":{sequence},"op":0,"d":{data}}}"#)
}

const THREE: [&str; 4] =
    ["GUILD_MEMBERS_CHUNK 1/3", "GUILD_MEMBERS_CHUNK 2/3", "GUILD_MEMBERS_CHUNK 3/3", "done"];

#[test]
fn all_members_come_over_all_chunks_with_their_progress() {
    let mut world = with_guilds();
    let guild = guild_ids(&world).remove(0);
    ask(&mut world, all_members(&guild));
    assert_eq!(world.info().commands.open_requests, 1);
    world.pass(1);
    assert_eq!(replies(&world), THREE);
    let counts: Vec<_> =
        parts(&world).iter().map(|part| part["members"].as_array().map(Vec::len)).collect();
    assert_eq!(vec![Some(1000), Some(1000), Some(500)], counts);
    assert_eq!(world.info().commands.open_requests, 0);
    assert_eq!(violations(&world), [""; 0]);
}

#[test]
fn ids_that_are_not_found_are_told() {
    let mut world = with_guilds();
    let guild = guild_ids(&world).remove(0);
    ask(&mut world, request(&guild, Members::WithIds { user_ids: vec!["123".into()] }));
    world.pass(1);
    assert_eq!(replies(&world), ["GUILD_MEMBERS_CHUNK 1/1", "done"]);
    assert_eq!(parts(&world)[0]["not_found"], json!([123]));
}

#[test]
fn chunks_are_collected_although_the_filter_holds_them_back() {
    let filter = Filter::only(["READY", "GUILD_CREATE"]);
    let mut world = with_guilds_and(all_intents().filter(filter));
    let guild = guild_ids(&world).remove(0);
    ask(&mut world, all_members(&guild));
    world.pass(1);
    assert_eq!(replies(&world), THREE);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn two_requests_for_all_members_of_one_guild_wait_thirty_seconds_here_and_are_never_refused() {
    let mut world = with_guilds();
    let guilds = guild_ids(&world);
    for guild in [&guilds[0], &guilds[0], &guilds[1]] {
        ask(&mut world, all_members(guild));
    }
    world.pass(29);
    assert_eq!(world.sent(MEMBERS).len(), 2, "the other guild need not wait");
    world.pass(3);
    assert_eq!(replies(&world).iter().filter(|reply| *reply == "done").count(), 3);
    assert_eq!(world.info().events.of("RATE_LIMITED"), 0);
}

#[test]
fn a_rate_limit_is_waited_for_and_asked_again() {
    let mut world = answering(|nonce, asked, line| {
        if asked == 1 {
            let meta = json!({ "guild_id": "1", "nonce": nonce });
            let data = json!({ "opcode": 8, "retry_after": 45.5, "meta": meta });
            line.text(format!(r#"{{"t":"RATE_LIMITED","s":2,"op":0,"d":{data}}}"#));
        } else {
            line.text(chunk(3, nonce, 0, 1));
        }
    });
    ask(&mut world, all_members("1"));
    world.pass(44);
    assert_eq!(world.sent(MEMBERS).len(), 1);
    assert_eq!(replies(&world), [""; 0], "no time-out while it waits");
    world.pass(3);
    assert_eq!(world.sent(MEMBERS).len(), 2);
    assert_eq!(replies(&world), ["GUILD_MEMBERS_CHUNK 1/1", "done"]);
}

#[test]
fn a_request_that_is_refused_again_and_again_fails() {
    let mut sequence = 1;
    let mut world = answering(move |_, _, line| {
        sequence += 1;
        let data = json!({ "opcode": 8, "retry_after": 40, "meta": {} });
        line.text(format!(r#"{{"t":"RATE_LIMITED","s":{sequence},"op":0,"d":{data}}}"#));
    });
    ask(&mut world, all_members("1"));
    world.pass(600);
    assert_eq!(replies(&world), ["failed rate-limited"]);
    assert_eq!(world.sent(MEMBERS).len(), 6);
}

#[test]
fn a_resume_in_the_middle_of_an_answer_brings_the_rest_without_asking_again() {
    let mut world = with_guilds();
    let guild = guild_ids(&world).remove(0);
    ask(&mut world, all_members(&guild));
    world.until(5, |world| !replies(world).is_empty() || !world.sent(MEMBERS).is_empty());
    world.pass_ms(30);
    world.cut();
    world.pass(60);
    assert_eq!(replies(&world), THREE);
    assert_eq!(world.sent(MEMBERS).len(), 1);
}

#[test]
fn a_request_that_was_lost_with_its_connection_is_sent_again_after_the_resume() {
    let mut world = answering(|nonce, _, line| line.text(chunk(3, nonce, 0, 1)));
    world.half_open();
    // More patient than the heartbeats, which find out that nothing passes any more.
    let options = RequestOptions { timeout: Duration::from_secs(200), ..RequestOptions::default() };
    world.request(all_members("1"), options).expect("sound");
    world.until(300, |world| world.sent(Opcode::RESUME).len() == 1);
    world.until_ready();
    world.pass(40);
    assert_eq!(world.sent(MEMBERS).len(), 2);
    assert_eq!(replies(&world), ["GUILD_MEMBERS_CHUNK 1/1", "done"]);
}

#[test]
fn a_new_session_begins_the_answer_anew() {
    let mut world = answering(|nonce, asked, line| {
        if asked == 1 {
            line.text(chunk(2, nonce, 0, 2));
            line.text(r#"{"op":9,"d":false}"#);
        } else {
            line.text(chunk(2, "of another process", 0, 2));
            line.text(chunk(3, nonce, 0, 2));
            line.text(chunk(4, nonce, 0, 2));
            line.text(chunk(5, nonce, 1, 2));
        }
    });
    ask(&mut world, all_members("1"));
    world.pass(120);
    assert_eq!(
        replies(&world),
        [
            "GUILD_MEMBERS_CHUNK 1/2",
            "restarted",
            "GUILD_MEMBERS_CHUNK 1/2",
            "GUILD_MEMBERS_CHUNK 2/2",
            "done",
        ]
    );
}

#[test]
fn a_silence_and_a_deadline_end_a_request() {
    let options = |timeout, deadline| RequestOptions {
        timeout: Duration::from_secs(timeout),
        deadline: Duration::from_secs(deadline),
        ..RequestOptions::default()
    };
    for (options, secs) in [(options(10, 600), 10), (options(600, 20), 20)] {
        let mut world = answering(|nonce, _, line| line.text(chunk(2, nonce, 0, 2)));
        world.request(all_members("1"), options).expect("sound");
        world.pass(secs - 1);
        assert_eq!(replies(&world), ["GUILD_MEMBERS_CHUNK 1/2"]);
        world.pass(2);
        assert_eq!(replies(&world), ["GUILD_MEMBERS_CHUNK 1/2", "failed timed-out"]);
        assert_eq!(world.info().commands.open_requests, 0);
    }
}

#[test]
fn an_answer_that_grows_too_large_is_given_up() {
    let limits = shardwire::proto::Limits { answer_bytes: 300_000, ..Default::default() };
    let mut world = with_guilds_and(all_intents().limits(limits));
    let guild = guild_ids(&world).remove(0);
    ask(&mut world, all_members(&guild));
    world.pass(1);
    assert_eq!(replies(&world).last().map(String::as_str), Some("failed too-large"));
}

#[test]
fn a_request_can_be_cancelled_before_and_after_it_was_sent() {
    let mut world = answering(|_, _, _| {});
    let sent = world.request(all_members("1"), RequestOptions::default()).expect("sound");
    world.pass(1);
    let waiting = world.request(all_members("1"), RequestOptions::default()).expect("sound");
    for id in [sent, waiting] {
        world.with_machine(|machine| machine.cancel_request(id));
    }
    assert_eq!(replies(&world), ["failed cancelled", "failed cancelled"]);
    world.pass(60);
    assert_eq!(world.sent(MEMBERS).len(), 1);
    assert_eq!(world.info().commands.waiting, 0);
}

#[test]
fn the_end_of_a_shard_ends_its_requests_and_commands() {
    let mut world = answering(|_, _, _| {});
    ask(&mut world, all_members("1"));
    world.with_machine(|machine| {
        machine.handle(shardwire::proto::Input::Pause, shardwire::proto::Instant::ZERO);
    });
    let command = Command::raw(Opcode(31), "{}").expect("JSON");
    world.send(&command).expect("room");
    world.close(false);
    world.until_stopped();
    assert_eq!(replies(&world), ["failed stopped"]);
    let outcomes: Vec<_> = world.shard(0).settled().iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [&Err(CommandError::Stopped)]);
    let late = world.request(all_members("1"), RequestOptions::default());
    assert_eq!(late, Err(CommandError::Stopped));
}

#[test]
fn soundboard_sounds_of_several_guilds_are_one_answer() {
    let mut world = with_guilds();
    let guild_ids = guild_ids(&world);
    ask(&mut world, Request::Soundboard(RequestSoundboardSounds { guild_ids: guild_ids.clone() }));
    world.pass(1);
    assert_eq!(replies(&world), ["SOUNDBOARD_SOUNDS 1/2", "SOUNDBOARD_SOUNDS 2/2", "done"]);
    let told: Vec<_> =
        parts(&world).iter().map(|part| part["guild_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(told, guild_ids.into_iter().map(Some).collect::<Vec<_>>());
}

#[test]
fn requests_for_the_same_sounds_are_each_answered() {
    let mut world = with_guilds();
    let guild = guild_ids(&world)[0].clone();
    let sounds = |guild_ids: &[&str]| {
        let guild_ids = guild_ids.iter().map(|id| (*id).to_owned()).collect();
        Request::Soundboard(RequestSoundboardSounds { guild_ids })
    };
    // The first waits for a guild that never answers.
    ask(&mut world, sounds(&[&guild, "1"]));
    ask(&mut world, sounds(&[&guild]));
    world.pass(10);
    let expected = ["SOUNDBOARD_SOUNDS 1/2", "SOUNDBOARD_SOUNDS 1/1", "done"];
    assert_eq!(replies(&world), expected);
}

#[test]
fn what_comes_before_a_request_was_sent_is_not_its_answer() {
    let mut world = with_guilds();
    let guild = guild_ids(&world)[0].clone();
    // The limit for all is used up by what is asked for the same guild.
    let ids = format!(r#"{{"guild_ids":["{guild}"]}}"#);
    let raw = Command::raw(Opcode::REQUEST_SOUNDBOARD_SOUNDS, &ids).expect("JSON");
    for _ in 0..2 {
        (0..90).for_each(|_| world.send(&raw).expect("room"));
        world.pass_ms(1);
    }
    let guild_ids = vec![guild];
    ask(&mut world, Request::Soundboard(RequestSoundboardSounds { guild_ids }));
    world.pass(30);
    assert_eq!(replies(&world), [""; 0]);
    world.pass(40);
    assert_eq!(replies(&world), ["SOUNDBOARD_SOUNDS 1/1", "done"]);
    let sent = world.sent(Opcode::REQUEST_SOUNDBOARD_SOUNDS).len();
    assert_eq!(sent, 181, "each command once");
}

#[test]
fn channel_info_is_one_part() {
    let mut world = with_guilds();
    let guild_id = guild_ids(&world).remove(0);
    let fields = vec![ChannelField::Status];
    ask(&mut world, Request::ChannelInfo(RequestChannelInfo { guild_id, fields }));
    world.pass(1);
    assert_eq!(replies(&world), ["CHANNEL_INFO 1/1", "done"]);
}

#[test]
fn a_voice_channel_is_joined_by_both_replies_and_left_by_one() {
    let mut world = with_guilds();
    let guild_id = guild_ids(&world).remove(0);
    let state = |channel_id: Option<&str>| {
        let channel_id = channel_id.map(Into::into);
        Request::Voice(VoiceState {
            guild_id: guild_id.clone(),
            channel_id,
            self_mute: false,
            self_deaf: true,
        })
    };
    ask(&mut world, state(Some("5")));
    world.pass(1);
    assert_eq!(replies(&world), ["VOICE_STATE_UPDATE 1/2", "VOICE_SERVER_UPDATE 2/2", "done"]);
    ask(&mut world, state(None));
    world.pass(1);
    assert_eq!(replies(&world)[3..], ["VOICE_STATE_UPDATE 1/1", "done"]);
}

#[test]
fn a_voice_state_of_somebody_else_is_no_answer() {
    let mut world = answering(|_, _, _| {});
    let state = |user: &str, sequence: u64| {
        let data = json!({
            "guild_id": "1", "channel_id": "5", "user_id": user, "session_id": "theirs",
        });
        format!(r#"{{"t":"VOICE_STATE_UPDATE","s":{sequence},"op":0,"d":{data}}}"#)
    };
    let join = VoiceState {
        guild_id: "1".into(),
        channel_id: Some("5".into()),
        self_mute: false,
        self_deaf: false,
    };
    ask(&mut world, Request::Voice(join));
    world.pass(1);
    say(&mut world, state("77", 2));
    assert_eq!(replies(&world), [""; 0]);
}

#[test]
fn more_requests_than_may_be_open_are_refused() {
    let mut world = answering(|_, _, _| {});
    for number in 0..100 {
        ask(&mut world, all_members(&number.to_string()));
    }
    let result = world.request(all_members("1"), RequestOptions::default());
    assert_eq!(result, Err(CommandError::QueueFull { limit: 100 }));
}

#[test]
fn a_request_that_no_gateway_would_answer_is_refused_at_once() {
    let config = config().build().expect("valid");
    let mut world = World::against(testing::ByHand::new(polite), config);
    world.start();
    world.until_ready();
    let refused = world.request(all_members("1"), RequestOptions::default());
    assert_eq!(refused, Err(CommandError::MissingIntent("GUILD_MEMBERS")));
    let voice =
        VoiceState { guild_id: "1".into(), channel_id: None, self_mute: false, self_deaf: false };
    let refused = world.request(Request::Voice(voice), RequestOptions::default());
    assert_eq!(refused, Err(CommandError::MissingIntent("GUILD_VOICE_STATES")));
    assert_eq!(
        RequestError::from(CommandError::MissingIntent("GUILD_MEMBERS")).code(),
        "missing-intent"
    );
}

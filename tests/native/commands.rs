//! What a handle does from elsewhere while the shard runs: commands with an outcome, answers that are collected, leaving with
//! the session, and watching.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value;
use shardwire::{
    driver::CloseMode,
    native,
    proto::{
        Command, CommandError, Event, LedgerRecord, Members, Notice, Opcode, Presence, Reply,
        Request, RequestError, RequestGuildMembers, RequestOptions, SendOptions, SessionStartLimit,
        Status, VoiceState, When,
    },
    testing::GatewayOptions,
};

use super::support::{Client, SECRET, config, serve, soon};

fn sounds() -> Command {
    Command::raw(Opcode::REQUEST_SOUNDBOARD_SOUNDS, r#"{"guild_ids":["1"]}"#).expect("JSON")
}

fn all_members(guild_id: &str) -> RequestGuildMembers {
    RequestGuildMembers {
        guild_id: guild_id.into(),
        members: Members::Named { query: String::new(), limit: 0 },
        presences: None,
        nonce: None,
    }
}

async fn with_guild() -> (native::mock::MockServer, Client, String) {
    let options = GatewayOptions { guilds: 1, members: 2500, ..GatewayOptions::default() };
    let server = serve(options).await;
    let mut client = Client::ready(&server).await;
    let guild = client.until_dispatch("GUILD_CREATE").await;
    let guild: Value = guild.deserialize().expect("JSON");
    let id = guild["id"].as_str().expect("a text").to_owned();
    (server, client, id)
}

#[tokio::test]
async fn a_command_tells_when_it_was_written() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    let sending = client.handle.send_with(&sounds(), SendOptions::default()).expect("room");
    assert_eq!(client.while_running(sending).await, Ok(()));
    assert_eq!(client.shard.status(), Status::Ready, "it waited for the session");
}

#[tokio::test]
async fn a_command_that_may_not_wait_is_refused_before_the_session_is_ready() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    let now = SendOptions { when: When::Now, ..SendOptions::default() };
    let sending = client.handle.send_with(&sounds(), now).expect("the line has room");
    let refused = CommandError::NotNow { retry_in: None };
    assert_eq!(client.while_running(sending).await, Err(refused));
}

#[tokio::test]
async fn a_command_whose_outcome_nobody_awaits_is_taken_back() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    drop(client.handle.send_with(&sounds(), SendOptions::default()).expect("room"));
    client.handle.send_with(&sounds(), SendOptions::default()).expect("room").detach();
    assert_eq!(client.shard.info().commands.waiting, 1);
    client.until_ready().await;
    let counters = client.shard.info().counters;
    assert_eq!(counters.sent_messages - counters.heartbeats, 2, "identify and one command");
}

#[tokio::test]
async fn what_is_taken_back_by_its_number_is_cancelled_for_whoever_awaits_it() {
    let server = serve(GatewayOptions::default()).await;
    // On their way to the shard, and once it has taken them, which it does before it looks at its socket.
    for events_before in [0, 2] {
        let mut client = Client::to(&server);
        let sending = client.handle.send_with(&sounds(), SendOptions::default()).expect("room");
        let collecting = client.handle.request_members(all_members("1")).expect("sound");
        for _ in 0..events_before {
            client.next().await;
        }
        client.handle.take_back(sending.number());
        client.handle.take_back(collecting.number());
        client.handle.take_back(u64::MAX);
        assert_eq!(client.while_running(sending).await, Err(CommandError::Cancelled));
        let answer = client.while_running(collecting.answer()).await;
        assert_eq!(answer, Err(RequestError::Cancelled));
        let commands = client.shard.info().commands;
        assert_eq!((commands.waiting, commands.open_requests), (0, 0));
    }
}

#[tokio::test]
async fn members_are_collected_while_the_shard_runs() {
    let (server, mut client, guild) = with_guild().await;
    let collecting = client.handle.request_members(all_members(&guild)).expect("sound");
    let answer = client.while_running(collecting.answer()).await.expect("an answer");
    assert_eq!(answer.members::<Value>().expect("JSON").len(), 2500);
    assert_eq!(answer.parts.len(), 3);
    assert_eq!(answer.not_found().expect("JSON"), [""; 0]);
    assert_eq!(server.state().await.violations, Vec::<String>::new());
}

#[tokio::test]
async fn ids_that_do_not_exist_are_named() {
    let (_server, mut client, guild) = with_guild().await;
    let request = RequestGuildMembers {
        members: Members::WithIds { user_ids: vec!["123".into(), "99999999999999999".into()] },
        ..all_members(&guild)
    };
    let collecting = client.handle.request_members(request).expect("sound");
    let answer = client.while_running(collecting.answer()).await.expect("an answer");
    assert_eq!(answer.not_found().expect("JSON"), ["123", "99999999999999999"]);
}

#[tokio::test]
async fn the_parts_of_an_answer_can_be_read_as_they_come() {
    let (_server, mut client, guild) = with_guild().await;
    let mut collecting = client.handle.request_members(all_members(&guild)).expect("sound");
    let mut progress = Vec::new();
    while let Some(reply) = client.while_running(futures::StreamExt::next(&mut collecting)).await {
        match reply {
            Reply::Part(part) => progress.push((part.received, part.expected)),
            other => {
                assert_eq!(other, Reply::Done);
                break;
            }
        }
    }
    assert_eq!(progress, [(1, 3), (2, 3), (3, 3)]);
}

#[tokio::test]
async fn a_voice_channel_is_joined_with_what_a_voice_connection_needs() {
    let (_server, mut client, guild_id) = with_guild().await;
    let channel_id = Some("5".to_owned());
    let state = VoiceState { guild_id, channel_id, self_mute: false, self_deaf: true };
    let collecting = client.handle.update_voice_state(state).expect("sound");
    let answer = client.while_running(collecting.answer()).await.expect("an answer");
    let server: Option<Value> = answer.data("VOICE_SERVER_UPDATE").expect("JSON");
    assert!(server.is_some_and(|server| server["endpoint"].is_string()));
}

#[tokio::test]
async fn an_answer_that_nobody_wants_any_more_is_given_up() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    drop(client.handle.request_members(all_members("1")).expect("sound"));
    let sending = client.handle.send_with(&sounds(), SendOptions::default()).expect("room");
    assert_eq!(client.while_running(sending).await, Ok(()));
    assert_eq!(client.shard.info().commands.open_requests, 0);
}

#[tokio::test]
async fn the_end_of_a_shard_is_told_to_whoever_waits() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    let collecting = client.handle.request_members(all_members("1")).expect("sound");
    client.close(CloseMode::EndSession).await;
    assert_eq!(soon(collecting.answer()).await, Err(RequestError::Stopped));
    let refused =
        client.handle.request(Request::Members(all_members("1")), RequestOptions::default());
    assert_eq!(refused.err(), Some(CommandError::Stopped));
}

#[tokio::test]
async fn the_first_event_of_a_kind_can_be_waited_for() {
    let server = serve(GatewayOptions::default()).await;
    let Client { mut shard, handle, .. } = Client::to(&server);
    let guild = shard.wait_for(|event| match event {
        Event::Dispatch(dispatch) if &*dispatch.name == "GUILD_CREATE" => Some(dispatch.sequence),
        _ => None,
    });
    assert_eq!(soon(guild).await, Some(2));
    handle.close(CloseMode::EndSession);
    assert_eq!(soon(shard.wait_for(|_| None::<()>)).await, None);
}

#[tokio::test]
async fn a_session_is_taken_along_and_nothing_is_lost_on_the_way() {
    let options = GatewayOptions { rate: 2000.0, events: Some(500), ..GatewayOptions::default() };
    let server = serve(options).await;
    let mut first = Client::ready(&server).await;
    while first.dispatches().count() < 100 {
        first.next().await;
    }
    let Client { shard, seen, .. } = first;
    let session = soon(shard.disconnect()).await.expect("a session");
    let newest = seen.iter().rev().find_map(|event| match event {
        Event::Dispatch(dispatch) => Some(dispatch.sequence),
        _ => None,
    });
    assert_eq!(Some(session.sequence), newest);
    // By way of a file, or another machine.
    let text = serde_json::to_string(&session).expect("plain data");
    let session = serde_json::from_str(&text).expect("its own form");
    let mut second = Client::resuming(config(&server.url()), session);
    second.until_resumed().await;
    assert_eq!(second.sequences()[0], newest.expect("some came") + 1);
}

#[tokio::test]
async fn every_step_can_be_watched_and_none_shows_the_token() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    client.shard.watch(move |shard, step| {
        seen.lock().expect("no panic").push(format!("{} {step} {step:?}", shard.number()));
    });
    client.until_ready().await;
    client.handle.send(&Command::UpdatePresence(Presence::default())).expect("room");
    client.close(CloseMode::EndSession).await;
    let steps = steps.lock().expect("no panic").join("\n");
    for step in ["0 start", "#1 open ws://", "#1 received", "identified", "event stopped"] {
        assert!(steps.contains(step), "{step}\n{steps}");
    }
    assert!(!steps.contains(SECRET));
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn steps_are_tracing_events_without_the_token() {
    /// Everything that is logged, at every level.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    client.shard.watch(shardwire::trace::watcher());
    client.until_ready().await;
    client.close(CloseMode::EndSession).await;
    let text = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("UTF-8");
    let is_ready = |line: &&str| line.contains("INFO shardwire: ready after identifying");
    let line = text.lines().find(is_ready);
    assert!(line.is_some_and(|line| line.contains("shard=0 total=1")), "{text}");
    assert!(!text.contains(SECRET));
}

#[tokio::test]
async fn a_ledger_in_a_file_holds_back_a_program_that_is_started_again_and_again() {
    let path = std::env::temp_dir().join(format!("shardwire-ledger-{}", std::process::id()));
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let millis = |span: Duration| u64::try_from(span.as_millis()).expect("this century");
    let later = millis(unix + Duration::from_secs(3600));
    let record = LedgerRecord { remaining: 900, resets_at: later, busy: vec![(0, later)] };
    fs::write(&path, serde_json::to_vec(&record).expect("plain data")).expect("a temporary folder");
    let open = || {
        native::slots_in_file(&path, SessionStartLimit::default(), |error| panic!("{error}"))
            .expect("readable")
    };

    let server = serve(GatewayOptions::default()).await;
    let config = || config(&server.url()).build().expect("valid");
    let slots = open();
    assert_eq!(slots.remaining(), 900);
    let (mut shard, _handle) = native::connect_with(config(), slots);
    let wait = loop {
        let event = soon(shard.next_event()).await.expect("a notice");
        if let Event::Notice(Notice::IdentifyHeldBack { wait }) = event {
            break wait;
        }
    };
    assert!(wait > Duration::from_secs(1000), "{wait:?}");

    fs::write(&path, "not a record").expect("a temporary folder");
    let (mut shard, _handle) = native::connect_with(config(), open());
    while shard.status() != Status::Ready {
        soon(shard.next_event()).await.expect("it gets ready");
    }
    let record: LedgerRecord =
        serde_json::from_slice(&fs::read(&path).expect("written")).expect("a record");
    assert_eq!((record.remaining, record.busy.len()), (999, 1));
    fs::remove_file(&path).expect("it is there");
}

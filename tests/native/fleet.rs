//! Fleets over real sockets: started from what the gateway recommends, killed, and started again.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use shardwire::{
    driver::{CloseMode, Discovery, MemoryStore, SessionStore as _, ShardEvent},
    native::{FleetBuilder, NativeManager, SessionFile, mock::MockServer},
    proto::{Event, Presence, Session, ShardId, Shards, Status, Tap, Token},
    testing::{GatewayOptions, Notice},
};

use super::{
    program::{self, Program, Seen},
    support::{TOKEN, config, serve, soon},
};

const SHARDS: u32 = 64;

/// As many shards as fit into one step of starting.
fn options() -> GatewayOptions {
    GatewayOptions {
        shards: SHARDS,
        max_concurrency: SHARDS,
        guilds: SHARDS,
        rate: 20.0,
        ..GatewayOptions::default()
    }
}

fn api_url(server: &MockServer) -> String {
    format!("{}/api/v10", server.http_url())
}

fn builder(server: &MockServer) -> FleetBuilder {
    let config = config(&server.url()).build().expect("valid");
    let token = Token::new(TOKEN).expect("a token");
    FleetBuilder::new(config).discovery(Discovery::bot(token).api_url(api_url(server)))
}

/// A file of its own for each test.
fn session_file(name: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}.json", std::process::id()));
    // It may be there from a run that was broken off.
    let _ = std::fs::remove_file(&file);
    file
}

async fn until_ready(manager: &mut NativeManager, count: u32) {
    let mut left = count;
    while left > 0 {
        let told = soon(manager.next_event()).await.expect("the fleet lives");
        let is_ready = matches!(told.event, Event::StatusChanged { status: Status::Ready, .. });
        left -= u32::from(is_ready);
    }
}

#[tokio::test]
async fn a_fleet_is_as_large_as_the_gateway_recommends() {
    let server = serve(GatewayOptions { shards: 3, max_concurrency: 3, ..options() }).await;
    let mut manager = builder(&server).start().await.expect("it starts");
    until_ready(&mut manager, 3).await;
    assert_eq!(manager.handle().numbers(), [0, 1, 2]);
    let infos = manager.infos();
    assert!(infos.iter().all(|info| info.shard.total() == 3 && info.counters.identifies == 1));
    let sessions = soon(manager.shutdown(CloseMode::KeepSession)).await;
    assert_eq!(sessions.len(), 3);
}

#[tokio::test]
async fn sessions_of_another_total_are_not_resumed() {
    let server = serve(GatewayOptions { max_concurrency: 4, ..options() }).await;
    let file = session_file("another-total");
    for (total, resumes) in [(2, 0), (2, 2), (4, 2)] {
        let store = SessionFile::new(&file, |error| panic!("{error}"));
        let fleet = builder(&server).shards(Shards::of(total)).sessions(store);
        let mut manager = fleet.start().await.expect("it starts");
        until_ready(&mut manager, total).await;
        assert_eq!(server.state().await.resumed, resumes, "{total} shards");
        soon(manager.shutdown(CloseMode::KeepSession)).await;
    }
}

#[tokio::test]
async fn a_file_of_sessions_is_to_the_letter_what_javascript_writes() {
    const EXAMPLE: &str = include_str!("../vectors/sessions/sessions.json");
    let file = session_file("from-javascript");
    std::fs::write(&file, EXAMPLE).expect("it can be written");
    let mut store = SessionFile::new(&file, |error| panic!("{error}"));
    let sessions = store.load().await.expect("it can be read");
    assert_eq!(sessions.len(), 2);
    std::fs::remove_file(&file).expect("it is there");
    for session in &sessions {
        store.save(session);
    }
    drop(store);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), EXAMPLE);
}

#[tokio::test]
async fn a_fleet_that_is_started_anew_in_its_process_resumes_from_memory() {
    let server = serve(GatewayOptions { max_concurrency: 4, ..options() }).await;
    let store = MemoryStore::new();
    for resumes in [0, 4] {
        let fleet = builder(&server).shards(Shards::of(4)).sessions(store.clone());
        let mut manager = fleet.start().await.expect("it starts");
        until_ready(&mut manager, 4).await;
        let state = server.state().await;
        assert_eq!((state.identifies, state.resumed), (4, resumes));
        // A session is kept once its event was handled. The fleet is then dropped without a word.
        while store.sessions().len() < 4 {
            soon(manager.next_event()).await.expect("the fleet lives");
        }
    }
}

/// A fleet on several threads, with a task for each of its shards; gives the tasks in which messages were read.
async fn spawned(server: &MockServer, shards: u32) -> (NativeManager, Tasks) {
    let tasks = Tasks::default();
    let seen = Arc::clone(&tasks);
    let tap = move |_: &str| {
        seen.lock().expect("no panic holds it").insert(tokio::task::try_id());
        Tap::Pass
    };
    let token = Token::new(TOKEN).expect("a token");
    let fleet = FleetBuilder::new(config(&server.url()).tap(tap).build().expect("valid"))
        .discovery(Discovery::bot(token).api_url(api_url(server)))
        .shards(Shards::of(shards));
    (fleet.spawn().await.expect("it starts"), tasks)
}

type Tasks = Arc<Mutex<HashSet<Option<tokio::task::Id>>>>;

/// The first event of this shard that is wanted.
async fn until(manager: &mut NativeManager, shard: u32, wanted: impl Fn(&Event) -> bool) {
    let is_it = |told: &ShardEvent| told.shard.number() == shard && wanted(&told.event);
    while !is_it(&soon(manager.next_event()).await.expect("the fleet lives")) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_shard_of_a_spawned_fleet_has_a_task_of_its_own() {
    let server = serve(GatewayOptions { max_concurrency: 4, ..options() }).await;
    let (mut manager, tasks) = spawned(&server, 4).await;
    until_ready(&mut manager, 4).await;
    let tasks = tasks.lock().expect("no panic holds it").clone();
    assert_eq!(tasks.len(), 4, "{tasks:?}");
    assert!(!tasks.contains(&tokio::task::try_id()), "and none is that of the reader");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_fleet_obeys_its_handle_as_any_other() {
    let server = serve(GatewayOptions { max_concurrency: 3, ..options() }).await;
    let (mut manager, _) = spawned(&server, 3).await;
    until_ready(&mut manager, 3).await;
    assert!(manager.health().is_whole());
    let infos = manager.infos();
    assert!(infos.iter().all(|info| info.counters.identifies == 1 && info.peer.is_some()));

    let handle = manager.handle();
    assert_eq!(handle.update_presence(&Presence::default()), []);
    assert!(handle.for_guild("4194304").is_ok(), "a guild of shard 1");
    handle.restart(1);
    until(&mut manager, 1, |event| matches!(event, Event::Resumed { .. })).await;

    let stopped = tokio::spawn({
        let handle = handle.clone();
        async move { handle.stop(2, CloseMode::KeepSession).await }
    });
    until(&mut manager, 2, |event| matches!(event, Event::Stopped { .. })).await;
    let session = soon(stopped).await.expect("it ends").expect("a session is left");
    assert_eq!(session.shard, ShardId::new(2, 3).expect("below"));
    assert_eq!(handle.numbers(), [0, 1]);

    let sessions = soon(manager.shutdown(CloseMode::KeepSession)).await;
    assert_eq!(sessions.into_keys().collect::<Vec<_>>(), [0, 1]);
    let state = server.state().await;
    assert_eq!((state.identifies, state.resumed), (3, 1));
    assert_eq!(state.violations, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_shards_end_with_their_fleet() {
    let mut server = serve(GatewayOptions { max_concurrency: 3, ..options() }).await;
    let mut notices = server.take_notices().expect("the first");
    let (mut manager, _) = spawned(&server, 3).await;
    until_ready(&mut manager, 3).await;
    drop(manager);
    let mut left = 0;
    while left < 3 {
        let notice = soon(notices.recv()).await.expect("the gateway lives");
        left += u32::from(matches!(notice, Notice::Left(..)));
    }
    assert_eq!(server.state().await.connections, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "a hook of the user's")]
async fn a_hook_that_panics_in_a_task_does_so_where_the_fleet_is_read() {
    let server = serve(options()).await;
    let tap = |_: &str| panic!("a hook of the user's");
    let config = config(&server.url()).tap(tap).build().expect("valid");
    let token = Token::new(TOKEN).expect("a token");
    let discovery = Discovery::bot(token).api_url(api_url(&server));
    let fleet = FleetBuilder::new(config).discovery(discovery).shards(Shards::of(1));
    let mut manager = fleet.spawn().await.expect("it starts");
    while soon(manager.next_event()).await.is_some() {}
}

/// How many sessions a file holds.
fn kept(file: &PathBuf) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str::<Vec<Session>>(&text).map_or(0, |sessions| sessions.len())
}

/// An example of a fleet as a process.
fn start(example: &str, server: &MockServer, file: &PathBuf) -> Program {
    let mut command = program::example(example);
    command.arg(file).arg(api_url(server)).env("DISCORD_TOKEN", TOKEN);
    Program::start(&mut command).expect("it can be started")
}

async fn is_killed_and_misses_nothing(example: &str) {
    let server = serve(options()).await;
    let file = session_file(example);
    let mut seen = Seen::default();
    for round in 0..3 {
        let mut fleet = start(example, &server, &file);
        // Until all are back, and have been for a while; a session that nobody kept yet cannot be taken up.
        while kept(&file) < SHARDS as usize
            || server.state().await.resumed < u64::from(SHARDS) * round
        {
            for _ in 0..1000 {
                assert!(seen.read(&mut fleet).await.is_some(), "it goes on");
            }
        }
        fleet.kill(&mut seen).await;
    }
    let state = server.state().await;
    assert_eq!(state.identifies, u64::from(SHARDS), "nobody began anew");
    assert_eq!(state.resumed, u64::from(SHARDS) * 2);
    assert_eq!(state.violations, [""; 0]);
    seen.assert_whole(SHARDS);
}

#[tokio::test]
async fn a_fleet_that_is_killed_resumes_every_session_and_misses_nothing() {
    is_killed_and_misses_nothing("fleet").await;
}

#[tokio::test]
async fn a_fleet_with_a_task_for_each_shard_that_is_killed_misses_nothing_either() {
    is_killed_and_misses_nothing("spawn").await;
}

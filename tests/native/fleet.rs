//! Fleets over real sockets: started from what the gateway recommends, killed, and started again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use shardwire::{
    driver::{CloseMode, Discovery, SessionStore as _},
    native::{FleetBuilder, NativeManager, SessionFile, mock::MockServer},
    proto::{Event, Session, Shards, Status, Token},
    testing::GatewayOptions,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::support::{TOKEN, config, serve, soon};

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

/// How many sessions a file holds.
fn kept(file: &PathBuf) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str::<Vec<Session>>(&text).map_or(0, |sessions| sessions.len())
}

/// The example as a process, and what it prints.
struct Fleet {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Fleet {
    fn start(server: &MockServer, file: &PathBuf) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_shardwire")).with_file_name("examples/fleet");
        assert!(program.is_file(), "run `cargo build --all-features --examples`");
        let mut child = Command::new(program)
            .arg(file)
            .arg(api_url(server))
            .env("DISCORD_TOKEN", TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    /// Adds the numbers of the next events to `seen`, by shard; gives whether there was one.
    async fn read(&mut self, seen: &mut BTreeMap<u32, Vec<u64>>) -> bool {
        let Some(line) = soon(self.lines.next_line()).await.expect("text") else { return false };
        let mut words = line.split(' ');
        let mut number =
            || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
        let shard = u32::try_from(number()).expect("a shard");
        seen.entry(shard).or_default().push(number());
        true
    }

    /// Kills it without a word (SIGKILL).
    async fn kill(mut self, seen: &mut BTreeMap<u32, Vec<u64>>) {
        soon(self.child.kill()).await.expect("it runs");
        // What it had printed was handled.
        while self.read(seen).await {}
    }
}

#[tokio::test]
async fn a_fleet_that_is_killed_resumes_every_session_and_misses_nothing() {
    let server = serve(options()).await;
    let file = session_file("killed");
    let mut seen = BTreeMap::new();
    for round in 0..3 {
        let mut fleet = Fleet::start(&server, &file);
        // Until all are back, and have been for a while; a session that nobody kept yet cannot be taken up.
        while kept(&file) < SHARDS as usize
            || server.state().await.resumed < u64::from(SHARDS) * round
        {
            for _ in 0..1000 {
                assert!(fleet.read(&mut seen).await, "it goes on");
            }
        }
        fleet.kill(&mut seen).await;
    }
    let state = server.state().await;
    assert_eq!(state.identifies, u64::from(SHARDS), "nobody began anew");
    assert_eq!(state.resumed, u64::from(SHARDS) * 2);
    assert_eq!(state.violations, [""; 0]);
    for (shard, mut numbers) in seen {
        numbers.sort_unstable();
        numbers.dedup();
        let last = *numbers.last().expect("it had events");
        assert_eq!(numbers.len() as u64, last, "shard {shard} misses some of {last}");
    }
}

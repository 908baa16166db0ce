//! Fleets of many real shards on loopback whose connections break by chance for minutes: no event may be lost or come twice, and
//! no session begin anew. `cargo xtask soak fleet` runs them.
//!
//! Each client is a program of its own that prints the shard, number and name of each event, so that all are held to the same, and
//! their memory is theirs alone.
#![cfg(feature = "mock")]

#[path = "../common/program.rs"]
mod program;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use program::{Program, Seen};
use shardwire::{
    native::mock::{MockOptions, MockServer},
    proto::Random,
    testing::{Fault, GatewayOptions, Script, Step, When},
};
use tokio::{
    process::Command,
    time::{Instant, MissedTickBehavior, interval},
};

/// How often each connection breaks, on average.
const BREAKS_EVERY: Duration = Duration::from_secs(10);
/// Events that the gateway is asked for: when all is quiet, and when it was enough.
const QUIET: &str = "MOCK_QUIET";
const OVER: &str = "MOCK_OVER";

/// What is run, from the environment: `cargo xtask soak fleet` sets it.
#[derive(Clone, Copy)]
struct Plan {
    shards: u32,
    lasts: Duration,
    seed: u64,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str, otherwise: u32| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("expected a number in {name}")),
            Err(_) => otherwise,
        };
        Self {
            shards: number("SHARDWIRE_SHARDS", 100),
            lasts: Duration::from_secs(number("SHARDWIRE_SECONDS", 10).into()),
            seed: number("SHARDWIRE_SEED", 0).into(),
        }
    }
}

/// What an idle shard may take natively, in KB: three quarters of what twilight's takes.
const NATIVE: u64 = 92 * 3 / 4;
/// In one copy of the module: half of what that of @discordjs/ws takes.
const NODE: u64 = 338 / 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo xtask soak fleet`"]
async fn native() {
    soak("native", NATIVE, || program::example("fleet")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo xtask soak fleet`"]
async fn spawned() {
    soak("spawned", NATIVE, || program::example("spawn")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo xtask soak fleet`"]
async fn node() {
    soak("node", NODE, || {
        let program = std::env::var("SHARDWIRE_NODE").unwrap_or_else(|_| "node".into());
        let mut command = Command::new(program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/soak/node.mjs"));
        command
    })
    .await;
}

/// A program that takes a file for its sessions and the address of the API, and runs the fleet that this speaks of.
#[derive(Clone, Copy)]
struct Client {
    name: &'static str,
    command: fn() -> Command,
}

impl Client {
    async fn start(self, gateway: GatewayOptions) -> (MockServer, Program) {
        let options = MockOptions { gateway, ..MockOptions::default() };
        let server = MockServer::bind(options).await.expect("a free port");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{}.json", self.name));
        // The sessions of another gateway mean nothing to this one.
        let _ = fs::remove_file(&file);
        let mut command = (self.command)();
        command.arg(file).arg(format!("{}/api/v10", server.http_url()));
        command.env("DISCORD_TOKEN", "MTA0.fake-token.for-tests-only");
        let program = Program::start(&mut command).expect("it can be started");
        (server, program)
    }
}

async fn soak(name: &'static str, aim: u64, command: fn() -> Command) {
    let client = Client { name, command };
    let plan = Plan::from_environment();
    let (one, all) = (idle(client, 1).await, idle(client, plan.shards).await);
    let memory = one.zip(all).map_or_else(
        || "unknown".into(),
        |(one, all)| {
            let each = all.saturating_sub(one) / u64::from(plan.shards - 1).max(1);
            format!(
                "{each} KB per idle shard, the aim is {aim} ({one} KB with 1, {all} KB with all)"
            )
        },
    );
    let counted = breaks(client, plan).await;
    // On a line of its own: the test runner has begun one.
    println!("\nsoak {name}: {counted}; {memory}");
}

/// What the program takes in KB when all its shards are idle, where that can be told.
async fn idle(client: Client, shards: u32) -> Option<u64> {
    // After some heartbeats of each, what the start needed has been given back.
    let quiet = Fault::Dispatch { name: QUIET.into(), data: "{}".into(), guild_id: None };
    let at = When::Heartbeat(4 * u64::from(shards));
    let gateway = GatewayOptions {
        heartbeat_interval: Duration::from_secs(1),
        script: Script(vec![Step { at, fault: quiet, repeat: false }]),
        ..options(shards)
    };
    let (server, mut program) = client.start(gateway).await;
    let mut seen = Seen::default();
    while seen.read(&mut program).await.expect("it goes on").1 != QUIET {}
    let memory = program.child.id().and_then(resident);
    program.kill(&mut seen).await;
    assert_eq!(server.state().await.identifies, u64::from(shards));
    memory
}

/// Lets connections break while events go on, and gives what was counted if nothing was lost.
async fn breaks(client: Client, Plan { shards, lasts, seed }: Plan) -> String {
    let gateway = GatewayOptions { rate: 1.0, ..options(shards) };
    let (server, mut program) = client.start(gateway).await;
    let mut seen = Seen::default();
    // The session of a connection that breaks before READY has come is one that nobody can resume.
    let mut known = BTreeSet::new();
    while known.len() < shards as usize {
        known.insert(seen.read(&mut program).await.expect("it goes on").0);
    }
    let (mut chance, mut broken) = (Random::new(seed), 0_u32);
    let ends_at = Instant::now() + lasts;
    let mut ticks = interval(BREAKS_EVERY / shards);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while Instant::now() < ends_at {
        tokio::select! {
            line = seen.read(&mut program) => assert!(line.is_some(), "it goes on"),
            _ = ticks.tick() => broken += u32::from(break_one(&server, &mut chance).await),
        }
    }
    server.emit(OVER, "{}").await;
    while !known.is_empty() {
        let (shard, name) = seen.read(&mut program).await.expect("it goes on");
        if name == OVER {
            known.remove(&shard);
        }
    }
    seen.assert_whole(shards);
    let mut events = 0;
    for numbers in (0..shards).map(|shard| seen.numbers(shard)) {
        assert!(numbers.is_sorted_by(|one, next| one < next), "twice, seed {seed}: {numbers:?}");
        events += numbers.len();
    }
    let state = server.state().await;
    assert_eq!(state.identifies, u64::from(shards), "every session could be resumed; seed {seed}");
    assert_eq!(state.violations, [""; 0], "seed {seed}");
    assert!(state.resumed > 0, "connections broke");
    format!(
        "{shards} shards, {} s, seed {seed}: {events} events, none lost and none twice; {broken} connections broken, {} resumes, \
         {} identifies",
        lasts.as_secs(),
        state.resumed,
        state.identifies,
    )
}

/// Breaks a connection in one of the ways that leave its session be. Gives whether there was one.
async fn break_one(server: &MockServer, chance: &mut Random) -> bool {
    let (way, which) = (chance.bits(), chance.bits());
    let fault = match way % 8 {
        0 => Fault::Close { code: 4000, reason: "a deploy".into() },
        1 => Fault::Reconnect,
        2 => Fault::InvalidSession { resumable: Some(true) },
        _ => Fault::Cut,
    };
    let peer = server.with(move |gateway| {
        let open = gateway.peers().count() as u64;
        gateway.peers().nth(usize::try_from(which.checked_rem(open)?).ok()?)
    });
    let Some(peer) = peer.await.flatten() else { return false };
    server.inject_into(peer, fault).await;
    true
}

/// A gateway that lets all shards identify at once, with a guild for each.
fn options(shards: u32) -> GatewayOptions {
    GatewayOptions {
        shards,
        max_concurrency: shards,
        guilds: shards,
        session_starts: shards.max(1000),
        ..GatewayOptions::default()
    }
}

/// What a process takes of the machine's memory, in KB. Linux tells.
fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

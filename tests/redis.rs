//! The example with Redis, as processes on several hosts would run it: one queue, one store, and one of them dies.
#![cfg(feature = "mock")]

#[path = "common/program.rs"]
mod program;

use std::net::TcpListener;

use program::{Program, Seen};
use shardwire::{
    native::{
        self, QueueServer,
        mock::{MockOptions, MockServer},
    },
    proto::SessionStartLimit,
    testing::GatewayOptions,
};
use tokio::process::Command;

const SHARDS: u32 = 4;

/// A Redis of this test's own, gone when it is dropped.
struct Redis {
    _server: Program,
    url: String,
}

impl Redis {
    async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let port = free.expect("a free port").port().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
        let mut server = Program::start(&mut command)
            .expect("install Redis (Debian: `apt-get install redis-server`)");
        while let Some(line) = server.line().await {
            if line.contains("Ready to accept connections") {
                return Self { _server: server, url: format!("redis://127.0.0.1:{port}/") };
            }
        }
        panic!("Redis ended before it listened");
    }
}

/// One process with some of the shards.
fn host(redis: &Redis, queue: &QueueServer, server: &MockServer, first: u32, last: u32) -> Program {
    let mut command = program::example("redis");
    command
        .args([&redis.url, &queue.url()])
        .args([first, last, SHARDS].map(|number| number.to_string()))
        .arg(server.url())
        .env("DISCORD_TOKEN", "MTA0.fake-token.for-tests-only");
    Program::start(&mut command).expect("it can be started")
}

#[tokio::test]
#[ignore = "needs Redis: `cargo xtask test --only redis`"]
async fn hosts_share_a_queue_and_a_store_and_one_takes_over_what_another_left() {
    let redis = Redis::start().await;
    let limit = SessionStartLimit { max_concurrency: 2, ..SessionStartLimit::default() };
    let listen = "127.0.0.1:0".parse().expect("an address");
    let queue = QueueServer::bind(listen, native::slots(limit)).await.expect("a free port");
    // A shard without guilds would have no events.
    let gateway = GatewayOptions {
        rate: 50.0,
        max_concurrency: 2,
        guilds: SHARDS,
        ..GatewayOptions::default()
    };
    let options = MockOptions { gateway, ..MockOptions::default() };
    let server = MockServer::bind(options).await.expect("a free port");

    let mut seen = Seen::default();
    let mut stays = host(&redis, &queue, &server, 0, 1);
    let mut dies = host(&redis, &queue, &server, 2, 3);
    // Until each has been there for so long that its session was kept.
    while (0..2).any(|shard| seen.numbers(shard).len() <= 200) {
        assert!(seen.read(&mut stays).await.is_some(), "it goes on");
    }
    while (2..4).any(|shard| seen.numbers(shard).len() <= 200) {
        assert!(seen.read(&mut dies).await.is_some(), "it goes on");
    }
    dies.kill(&mut seen).await;
    assert_eq!(server.state().await.identifies, u64::from(SHARDS));

    let before = (0..SHARDS).map(|shard| seen.numbers(shard).len()).max().unwrap_or_default();
    let mut heir = host(&redis, &queue, &server, 2, 3);
    while (2..4).any(|shard| seen.numbers(shard).len() <= before + 100) {
        assert!(seen.read(&mut heir).await.is_some(), "it goes on");
    }
    let state = server.state().await;
    assert_eq!((state.identifies, state.resumed), (u64::from(SHARDS), 2));
    assert_eq!(state.violations, [""; 0]);
    seen.assert_whole(SHARDS);
}

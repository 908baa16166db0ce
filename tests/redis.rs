//! The example with Redis, as processes on several hosts would run it: one queue, one store, and one of them dies.
#![cfg(feature = "mock")]

use std::{collections::BTreeMap, net::TcpListener, path::Path, process::Stdio, time::Duration};

use shardwire::{
    native::{
        self, QueueServer,
        mock::{MockOptions, MockServer},
    },
    proto::SessionStartLimit,
    testing::GatewayOptions,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const SHARDS: u32 = 4;
const LONG: Duration = Duration::from_secs(30);

/// A Redis of this test's own, gone when it is dropped.
struct Redis {
    _server: Child,
    url: String,
}

impl Redis {
    async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let port = free.expect("a free port").port().to_string();
        let mut server = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("install Redis (Debian: `apt-get install redis-server`)");
        let mut lines = BufReader::new(server.stdout.take().expect("it is piped")).lines();
        while let Some(line) =
            timeout(LONG, lines.next_line()).await.expect("in time").expect("text")
        {
            if line.contains("Ready to accept connections") {
                return Self { _server: server, url: format!("redis://127.0.0.1:{port}/") };
            }
        }
        panic!("Redis ended before it listened");
    }
}

/// One process with some of the shards.
struct Host {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Host {
    fn start(
        redis: &Redis,
        queue: &QueueServer,
        server: &MockServer,
        first: u32,
        last: u32,
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_shardwire")).with_file_name("examples/redis");
        assert!(program.is_file(), "run `cargo build --all-features --examples`");
        let mut child = Command::new(program)
            .args([&redis.url, &queue.url()])
            .args([first, last, SHARDS].map(|number| number.to_string()))
            .arg(server.url())
            .env("DISCORD_TOKEN", "MTA0.fake-token.for-tests-only")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines }
    }

    async fn read(&mut self, seen: &mut BTreeMap<u64, Vec<u64>>) -> bool {
        let line = timeout(LONG, self.lines.next_line()).await.expect("in time").expect("text");
        let Some(line) = line else { return false };
        let mut numbers = line.split(' ').map_while(|word| word.parse().ok());
        let mut number = || numbers.next().expect("a number");
        let shard = number();
        seen.entry(shard).or_default().push(number());
        true
    }
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

    let mut seen = BTreeMap::new();
    let mut stays = Host::start(&redis, &queue, &server, 0, 1);
    let mut dies = Host::start(&redis, &queue, &server, 2, 3);
    // Until each has been there for so long that its session was kept.
    let is_enough = |seen: &BTreeMap<u64, Vec<u64>>, shards: std::ops::Range<u64>, count| {
        shards.into_iter().all(|shard| seen.get(&shard).is_some_and(|it| it.len() > count))
    };
    while !is_enough(&seen, 0..2, 200) {
        assert!(stays.read(&mut seen).await, "it goes on");
    }
    while !is_enough(&seen, 2..4, 200) {
        assert!(dies.read(&mut seen).await, "it goes on");
    }
    timeout(LONG, dies.child.kill()).await.expect("in time").expect("it runs");
    while dies.read(&mut seen).await {}
    assert_eq!(server.state().await.identifies, u64::from(SHARDS));

    let before = seen.values().map(Vec::len).max().unwrap_or_default();
    let mut heir = Host::start(&redis, &queue, &server, 2, 3);
    while !is_enough(&seen, 2..4, before + 100) {
        assert!(heir.read(&mut seen).await, "it goes on");
    }
    let state = server.state().await;
    assert_eq!((state.identifies, state.resumed), (u64::from(SHARDS), 2));
    assert_eq!(state.violations, [""; 0]);
    for (shard, mut numbers) in seen {
        numbers.sort_unstable();
        numbers.dedup();
        let last = numbers.last().copied();
        assert_eq!(Some(numbers.len() as u64), last, "shard {shard} misses some");
    }
}

//! One identify queue for several processes: asked over HTTP, by us and by whoever speaks twilight's protocol.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use futures::StreamExt as _;
use shardwire::{
    driver::{BotGateway, Grant, IdentifyQueue as _},
    native::{self, ConnectOptions, FleetBuilder, HttpQueue, QueueServer, TokioTimer},
    proto::{Event, QueueError, SessionStartLimit, ShardId, Shards, Status},
    testing::GatewayOptions,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
};

use super::support::{config, serve, soon};

const ANYWHERE: &str = "127.0.0.1:0";

async fn queue_server(limit: SessionStartLimit) -> QueueServer {
    let listen: SocketAddr = ANYWHERE.parse().expect("an address");
    QueueServer::bind(listen, native::slots(limit)).await.expect("a free port")
}

fn asking(url: &str) -> HttpQueue {
    HttpQueue::new(url, ConnectOptions::new()).expect("a good address")
}

fn shard(number: u32) -> ShardId {
    ShardId::new(number, 16).expect("below")
}

#[tokio::test]
async fn two_fleets_that_know_nothing_of_each_other_keep_one_budget() {
    let server = serve(GatewayOptions { max_concurrency: 2, ..GatewayOptions::default() }).await;
    let limit = SessionStartLimit { max_concurrency: 2, ..SessionStartLimit::default() };
    let queue = queue_server(limit).await;
    let mut fleets = futures::stream::SelectAll::new();
    for numbers in [0..=2, 3..=5] {
        let shards = Shards::of(6).only_range(numbers);
        let fleet = FleetBuilder::new(config(&server.url()).build().expect("valid"))
            .gateway(BotGateway { shards: 6, session_start_limit: limit })
            .shards(shards)
            .queue(asking(&queue.url()));
        fleets.push(fleet.start().await.expect("it starts"));
    }
    let mut ready = 0;
    while ready < 6 {
        let told = soon(fleets.next()).await.expect("they live");
        match told.event {
            Event::StatusChanged { status: Status::Ready, .. } => ready += 1,
            Event::Disconnected { fault, .. } => panic!("{}: {fault}", told.shard),
            _ => {}
        }
    }
    let state = server.state().await;
    assert_eq!((state.identifies, state.violations.len()), (6, 0), "{:?}", state.violations);
}

/// What is answered to a request by hand.
async fn by_hand(queue: &QueueServer, request: &str) -> String {
    let address = queue.url().replace("http://", "").replace('/', "");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!("{request} HTTP/1.1\r\nhost: queue\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn other_clients_of_the_protocol_are_served_and_nonsense_is_refused() {
    let queue = queue_server(SessionStartLimit { max_concurrency: 4, ..Default::default() }).await;
    for (request, status) in [
        ("GET /?shard=0", "200"),
        ("GET /anywhere?x=1&shard=1", "200"),
        ("GET /?shard=one", "400"),
        ("POST /?shard=2", "405"),
    ] {
        let answer = soon(by_hand(&queue, request)).await;
        assert!(answer.contains(status), "{request}: {answer}");
    }
}

#[tokio::test]
async fn the_command_serves_a_queue_and_keeps_its_count() {
    let file = format!("{}/queue-{}.json", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    for left in [1, 0] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shardwire"))
            .args(["queue", "--port=0", "--remaining=2", "--max-concurrency=2", "--ledger", &file])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let greeting = soon(lines.next_line()).await.expect("text").expect("a line");
        let url = greeting.strip_prefix("listening on ").expect("a greeting");
        let now = shardwire::driver::Timer::now(&mut TokioTimer::new());
        assert_eq!(soon(asking(url).turn(shard(left), now)).await, Ok(Grant::Now));
        let interrupt = format!("kill -INT {}", child.id().expect("it runs"));
        assert!(
            Command::new("sh").args(["-c", &interrupt]).status().await.expect("a shell").success()
        );
        let output = soon(child.wait_with_output()).await.expect("it ends");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(&format!("{left} identifies left")), "{told}");
    }
    std::fs::remove_file(file).expect("it was kept");
}

#[tokio::test]
async fn whoever_hangs_up_gives_the_place_up() {
    let queue = queue_server(SessionStartLimit::default()).await;
    let asking = asking(&queue.url());
    let now = shardwire::driver::Timer::now(&mut TokioTimer::new());
    soon(asking.turn(shard(0), now)).await.expect("the first");
    // All of these would take half a minute.
    for number in 1..6 {
        let waiting = asking.turn(shard(number), now);
        assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    }
    let before = std::time::Instant::now();
    soon(asking.turn(shard(6), now)).await.expect("the next");
    assert!(before.elapsed() < Duration::from_secs(12), "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_asked_again() {
    let now = shardwire::driver::Timer::now(&mut TokioTimer::new());
    let nobody = TcpListener::bind(ANYWHERE).await.expect("a free port");
    let url = format!("http://{}/", nobody.local_addr().expect("it is bound"));
    drop(nobody);
    let error = soon(asking(&url).turn(shard(0), now)).await.expect_err("nobody listens");
    assert_eq!(error, QueueError::Unavailable { retry_in: Duration::from_secs(5) });

    let busy = TcpListener::bind(ANYWHERE).await.expect("a free port");
    let url = format!("http://{}/", busy.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        let (mut stream, _) = busy.accept().await.expect("a caller");
        let answer = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.expect("it reads");
        // Closed only once the caller has read it.
        let _ = stream.read(&mut [0; 1024]).await;
    });
    let error = soon(asking(&url).turn(shard(0), now)).await.expect_err("it is busy");
    assert_eq!(error, QueueError::Unavailable { retry_in: Duration::from_secs(7) });
    for url in ["queue.example", "ftp://queue.example/", "http://queue.example/?shard=1"] {
        HttpQueue::new(url, ConnectOptions::new()).expect_err(url);
    }
}

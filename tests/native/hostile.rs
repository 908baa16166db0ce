//! Peers that send too much, nonsense, or nothing.

use shardwire::{
    proto::{Compression, Fault, Limits},
    testing::{self, GatewayOptions},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    raw::{Listener, Peer},
    support::{Client, config, millis, serve, soon},
};

/// A client without compression that has shaken hands with a peer.
async fn shaken(limits: Limits) -> (Client, Peer, Listener) {
    let listener = Listener::bind().await;
    let config = config(&listener.url()).compression(Compression::None).limits(limits);
    let mut client = Client::new(config);
    let peer = client.while_running(listener.greet()).await;
    client.until_identifying().await;
    (client, peer, listener)
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_its_head() {
    let limits = Limits { message_bytes: 100_000, ..Limits::default() };
    let (mut client, mut peer, _listener) = shaken(limits).await;
    // A text frame that announces 1 TiB: nothing of it is waited for or made room for.
    peer.write(&[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0]).await;
    assert_eq!(client.until_disconnected().await.0, Fault::Oversized { limit: 100_000 });
}

#[tokio::test]
async fn fragments_are_counted_together() {
    let limits = Limits { message_bytes: 100_000, ..Limits::default() };
    let (mut client, mut peer, _listener) = shaken(limits).await;
    let mut fragment = vec![0x01, 126, 0xea, 0x60];
    fragment.resize(4 + 60_000, b'a');
    peer.write(&fragment).await;
    fragment[0] = 0x00;
    peer.write(&fragment).await;
    assert_eq!(client.until_disconnected().await.0, Fault::Oversized { limit: 100_000 });
}

/// As in JavaScript, where the whole message comes before it can be refused.
#[tokio::test]
async fn a_session_is_resumed_behind_a_message_that_is_too_large_twice() {
    let server = serve(GatewayOptions { guilds: 0, ..GatewayOptions::default() }).await;
    let limits = Limits { message_bytes: 100_000, ..Limits::default() };
    let config = config(&server.url()).compression(Compression::None).limits(limits);
    let mut client = Client::new(config);
    client.until_ready().await;
    server.inject(testing::Fault::BigMessage { bytes: 200_000 }).await;
    server.emit("BEHIND", "{}").await;
    for _ in 0..2 {
        assert_eq!(client.until_disconnected().await.0, Fault::Oversized { limit: 100_000 });
    }
    assert_eq!(client.until_dispatch("BEHIND").await.sequence, 3);
    assert_eq!(server.state().await.identifies, 1);
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_the_connection_in_words() {
    for (bytes, words) in [
        (&b"\xff\xff\xff\xff"[..], "invalid extension"),
        (b"\x83\x00", "invalid opcode"),
        (b"\x81\x02\xff\xfe", "invalid utf-8"),
        (b"\x80\x01a", "invalid opcode"),
        (b"\x88\x02\x00\x01", "invalid close code"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the gateway broke the WebSocket protocol"),
    ] {
        let (mut client, mut peer, _listener) = shaken(Limits::default()).await;
        peer.write(bytes).await;
        let (fault, _) = client.until_disconnected().await;
        assert!(fault.to_string().contains(words), "{fault}");
    }
}

#[tokio::test]
async fn pings_are_answered_and_pongs_ignored() {
    let (mut client, mut peer, _listener) = shaken(Limits::default()).await;
    peer.send(Message::Pong("unasked".into())).await;
    peer.send(Message::Ping("are you there?".into())).await;
    let pong = client
        .while_running(async {
            loop {
                if let Message::Pong(payload) = peer.next().await.expect("an answer") {
                    return payload;
                }
            }
        })
        .await;
    assert_eq!(&pong[..], b"are you there?");
}

#[tokio::test]
async fn a_flood_of_pings_whose_answers_nobody_reads_is_ended() {
    let (mut client, peer, _listener) = shaken(Limits::default()).await;
    let mut ping = vec![0x89, 125];
    ping.resize(127, b'p');
    let pings = ping.repeat(1000);
    let mut tcp = peer.0.into_inner();
    let flood = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while tcp.write_all(&pings).await.is_ok() {}
    });
    let (fault, _) = client.until_disconnected().await;
    assert!(fault.to_string().contains("does not read the answers"), "{fault}");
    drop(client);
    soon(flood).await.expect("it ends with the connection");
}

#[tokio::test]
async fn a_message_of_64_megabytes_arrives_if_the_limits_allow_it() {
    let server = serve(GatewayOptions::default()).await;
    let limits = Limits { message_bytes: 80 << 20, inflated_bytes: 80 << 20, ..Limits::default() };
    let config = config(&server.url()).limits(limits).compression(Compression::None);
    let mut client = Client::new(config);
    client.until_ready().await;
    server.inject(testing::Fault::BigMessage { bytes: 64 << 20 }).await;
    let dispatch = client.until_dispatch("MOCK_BIG_MESSAGE").await;
    assert!(dispatch.data.len() > 60 << 20);
}

#[tokio::test]
async fn nonsense_in_good_frames_costs_a_reconnect_and_no_event() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    for (number, fault) in [
        testing::Fault::Garbage { bytes: 5000 },
        testing::Fault::RawText { text: "<html>".into() },
        testing::Fault::RawBytes { hex: vec![0, 0, 0xff, 0xff] },
        testing::Fault::Message { text: "[]".into() },
    ]
    .into_iter()
    .enumerate()
    {
        server.inject(fault).await;
        server.emit(&format!("AFTER_{number}"), "{}").await;
        client.until_disconnected().await;
        client.until_dispatch(&format!("AFTER_{number}")).await;
        client.until_resumed().await;
    }
    let sequences = client.sequences();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bomb_is_not_inflated() {
    let server = serve(GatewayOptions::default()).await;
    let limits = Limits { inflated_bytes: 4 << 20, ..Limits::default() };
    let mut client = Client::new(config(&server.url()).limits(limits));
    client.until_ready().await;
    server.inject(testing::Fault::InflateBomb { bytes: 100 << 20 }).await;
    assert_eq!(client.until_disconnected().await.0, Fault::Oversized { limit: 4 << 20 });
    client.until_resumed().await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_socket_and_misses_nothing() {
    const EVENTS: u64 = 2000;
    let options =
        GatewayOptions { rate: 100_000.0, events: Some(EVENTS), ..GatewayOptions::default() };
    let server = serve(options).await;
    let mut client = Client::ready(&server).await;
    // Not polled while the gateway goes on talking.
    soon(async {
        while server.state().await.events_sent < EVENTS / 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    while (client.dispatches().count() as u64) < EVENTS + 4 {
        client.next().await;
    }
    assert_eq!(client.sequences(), (1..=EVENTS + 4).collect::<Vec<_>>());
    assert_eq!(client.shard.info().counters.connects, 1);
}

#[tokio::test]
async fn a_path_that_falls_silent_is_noticed_and_left() {
    let heartbeat_interval = millis(60);
    let server = serve(GatewayOptions { heartbeat_interval, ..GatewayOptions::default() }).await;
    let mut client = Client::ready(&server).await;
    server.inject(testing::Fault::Silence { ms: None }).await;
    assert_eq!(client.until_disconnected().await.0, Fault::Zombie);
    client.until_resumed().await;
}

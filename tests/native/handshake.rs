//! How connections come about, and the many ways in which they do not.

use shardwire::{
    driver::CloseMode,
    native::mock::{MockOptions, MockServer},
    proto::{
        Awaited, Command, Compression, Event, Fault, Next, Patience, Presence, Status, StopReason,
    },
    testing::{self, GatewayOptions, Host},
};
use tokio::io::AsyncReadExt as _;

use super::{
    raw::Listener,
    support::{Client, TOKEN, config, millis, patience, serve, soon},
};

#[tokio::test]
async fn the_request_names_version_encoding_compression_and_product() {
    for (compression, query) in [
        (Compression::ZlibStream, "region=eu&v=10&encoding=json&compress=zlib-stream"),
        (Compression::ZstdStream, "region=eu&v=10&encoding=json&compress=zstd-stream"),
        (Compression::Payload, "region=eu&v=10&encoding=json"),
        (Compression::None, "region=eu&v=10&encoding=json"),
    ] {
        let listener = Listener::bind().await;
        let url = format!("{}/path?region=eu", listener.url());
        let mut client = Client::new(config(&url).compression(compression));
        let (_, request) = client.while_running(listener.websocket()).await;
        assert_eq!(request.uri().path(), "/path");
        assert_eq!(request.uri().query(), Some(query));
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("host"), Some(&*listener.address().to_string()));
        let product = concat!(
            "DiscordBot (https://github.com/shardwire/shardwire, ",
            env!("CARGO_PKG_VERSION"),
            ")"
        );
        assert_eq!(header("user-agent"), Some(product));
        for absent in ["origin", "sec-websocket-extensions", "sec-websocket-protocol"] {
            assert_eq!(header(absent), None);
        }
        assert!(!format!("{request:?}").contains(super::support::SECRET));
    }
}

#[tokio::test]
async fn a_refused_port_is_tried_again_after_growing_pauses_until_it_opens() {
    let listener = Listener::bind().await;
    let (url, listen) = (listener.url(), listener.address());
    drop(listener);
    let mut client = Client::new(config(&url));
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let (fault, next) = client.until_disconnected().await;
        assert!(fault.to_string().contains("could not connect to 127.0.0.1 port"), "{fault}");
        let Next::Identify { retry_in } = next else { panic!("{next:?}") };
        pauses.push(retry_in);
    }
    assert!(pauses[0] < millis(20) && pauses[4] >= millis(100), "{pauses:?}");
    let gateway = GatewayOptions { token: Some(TOKEN.into()), ..GatewayOptions::default() };
    let _server = MockServer::bind(MockOptions { gateway, listen }).await.expect("the same port");
    client.until_ready().await;
}

#[tokio::test]
async fn an_http_status_is_told_in_words_and_tried_again() {
    let server = serve(GatewayOptions::default()).await;
    let refuse = testing::Fault::RefuseHandshake { status: 503, host: Some(Host::Base), times: 2 };
    server.inject(refuse).await;
    let mut client = Client::to(&server);
    for _ in 0..2 {
        let (fault, _) = client.until_disconnected().await;
        assert!(
            fault.to_string().ends_with("the gateway answered the upgrade with HTTP 503"),
            "{fault}"
        );
    }
    client.until_ready().await;
}

#[tokio::test]
async fn answers_that_are_no_upgrade_are_told_in_words() {
    for (answer, words) in [
        ("", "the connection ended before the gateway answered the upgrade"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "the gateway's answer to the upgrade is no good"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "Sec-WebSocket-Accept"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
            "Sec-WebSocket-Accept",
        ),
        ("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\n\r\n", "HTTP 429"),
    ] {
        let listener = Listener::bind().await;
        let mut client = Client::new(config(&listener.url()));
        let answered = async { drop(listener.answer(answer).await) };
        let (fault, ()) = tokio::join!(client.until_disconnected(), answered);
        let text = fault.0.to_string();
        assert!(text.contains(words) && !text.contains('\n'), "{text}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_named() {
    let mut client = Client::new(config("wss://no-such-host.invalid"));
    let (fault, _) = client.until_disconnected().await;
    assert!(fault.to_string().contains("could not find the host no-such-host.invalid"), "{fault}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls_is_an_error_and_no_panic() {
    let listener = Listener::bind().await;
    let mut client = Client::new(config(&listener.url().replace("ws:", "wss:")));
    let plain = async {
        use tokio::io::AsyncWriteExt as _;
        let mut tcp = listener.tcp().await;
        // The client may be quicker to go than we are to write.
        let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        tcp
    };
    let ((fault, _), _tcp) = tokio::join!(client.until_disconnected(), plain);
    assert!(fault.to_string().contains("TLS with 127.0.0.1 failed"), "{fault}");
}

#[tokio::test]
async fn a_peer_that_never_answers_is_left() {
    let listener = Listener::bind().await;
    let patience = Patience { connect: millis(50), ..patience() };
    let mut client = Client::new(config(&listener.url()).patience(patience));
    let (left, mut tcp) = tokio::join!(client.until_disconnected(), listener.tcp());
    assert_eq!(left.0, Fault::NoAnswer(Awaited::Connect));
    let mut request = Vec::new();
    client
        .while_running(async { soon(tcp.read_to_end(&mut request)).await })
        .await
        .expect("the socket is closed");
    assert!(request.starts_with(b"GET /?v=10"));
}

#[tokio::test]
async fn closing_while_connecting_drops_the_attempt() {
    let listener = Listener::bind().await;
    let mut client = Client::new(config(&listener.url()));
    let mut tcp = client.while_running(listener.tcp()).await;
    client.close(CloseMode::EndSession).await;
    let mut request = Vec::new();
    soon(tcp.read_to_end(&mut request)).await.expect("the socket is closed");
}

#[tokio::test]
async fn nothing_is_opened_before_somebody_reads() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    client.handle.start();
    client.handle.send(&Command::UpdatePresence(Presence::default())).expect("room");
    tokio::task::yield_now().await;
    assert_eq!(client.shard.status(), Status::Idle);
    assert_eq!(client.shard.info().counters.connects, 0);
    client.until_ready().await;
    assert_eq!(client.shard.info().counters.connects, 1);
}

#[tokio::test]
async fn closing_before_the_start_connects_to_nobody() {
    let listener = Listener::bind().await;
    let mut client = Client::new(config(&listener.url()));
    client.handle.close(CloseMode::EndSession);
    assert_eq!(client.until_stopped().await, StopReason::Requested);
    assert!(!client.seen.contains(&Event::StatusChanged {
        status: Status::AwaitingHello,
        previous: Status::Connecting
    }));
}

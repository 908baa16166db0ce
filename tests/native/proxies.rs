//! Connections through proxies and with headers of one's own. The proxies are made here, from the RFCs.

use std::net::SocketAddr;

use shardwire::{
    native::{ConnectOptions, Proxy},
    proto::{Awaited, Fault, Patience},
    testing::GatewayOptions,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::TcpStream,
};

use super::{
    raw::Listener,
    support::{Client, SECRET, address, config, millis, patience, serve, soon},
};

/// A name that only proxies know.
const NAME: &str = "ws://gateway.invalid:4321";
const PASSWORD: &str = "p@ss:word";

fn through(proxy: &str) -> ConnectOptions {
    ConnectOptions::new().proxy(Proxy::parse(proxy).expect("an address"))
}

/// A client of the gateway that only the proxy knows.
fn client(proxy: &str) -> Client {
    Client::using(config(NAME).allow_insecure(true), through(proxy))
}

/// Reads the head of a request, answers it, and passes on to `to` what comes after.
async fn serve_connect(proxy: &Listener, answer: &str, to: SocketAddr) -> String {
    let (mut tcp, head) = proxy.request().await;
    tcp.write_all(answer.as_bytes()).await.expect("still there");
    pass_on(tcp, to);
    head
}

/// Takes a SOCKS5 client with these credentials, and answers it with `reply`. Gives what it asked for.
async fn serve_socks(
    proxy: &Listener,
    credentials: Option<(&str, &str)>,
    reply: u8,
    to: SocketAddr,
) -> Vec<u8> {
    let mut tcp = proxy.tcp().await;
    let methods = read(&mut tcp, 2).await[1];
    let methods = read(&mut tcp, methods.into()).await;
    let wanted = if credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        tcp.write_all(&[5, 0xff]).await.expect("still there");
        return Vec::new();
    }
    tcp.write_all(&[5, wanted]).await.expect("still there");
    if let Some((user, password)) = credentials {
        let mut given = Vec::new();
        assert_eq!(read(&mut tcp, 1).await, [1]);
        for _ in 0..2 {
            let length = read(&mut tcp, 1).await[0];
            given.push(read(&mut tcp, length.into()).await);
        }
        let is_right = given == [user.as_bytes(), password.as_bytes()];
        tcp.write_all(&[1, u8::from(!is_right)]).await.expect("still there");
        if !is_right {
            return Vec::new();
        }
    }
    assert_eq!(read(&mut tcp, 4).await, [5, 1, 0, 3], "connect to a name");
    let length = read(&mut tcp, 1).await[0];
    let place = read(&mut tcp, usize::from(length) + 2).await;
    tcp.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("still there");
    pass_on(tcp, to);
    place
}

async fn read(tcp: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    soon(tcp.read_exact(&mut bytes)).await.expect("the client says more");
    bytes
}

fn pass_on(mut tcp: TcpStream, to: SocketAddr) {
    tokio::spawn(async move {
        let mut onwards = TcpStream::connect(to).await.expect("somebody listens");
        // Either side may break it off.
        let _ = copy_bidirectional(&mut tcp, &mut onwards).await;
    });
}

/// What the client says that the proxy did.
async fn fault(client: &mut Client, passed: impl Future) -> String {
    let ((fault, _), _) = tokio::join!(client.until_disconnected(), passed);
    let text = fault.to_string();
    assert!(!text.contains(PASSWORD) && !text.contains(SECRET), "{text}");
    text
}

#[tokio::test]
async fn an_http_proxy_finds_the_gateway_for_us() {
    let server = serve(GatewayOptions::default()).await;
    let proxy = Listener::bind().await;
    let mut client = client(&format!("http://{}", proxy.address()));
    let answer = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
    let passed = serve_connect(&proxy, answer, address(&server));
    let head = client.while_running(passed).await;
    assert!(head.starts_with("CONNECT gateway.invalid:4321 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("host: gateway.invalid:4321\r\n"), "{head}");
    assert!(head.contains("user-agent: DiscordBot ("), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    client.until_ready().await;
    assert_eq!(client.shard.info().peer, Some(proxy.address().to_string()), "not the gateway");
}

#[tokio::test]
async fn an_http_proxy_that_asks_for_a_password_gets_it() {
    let server = serve(GatewayOptions::default()).await;
    let proxy = Listener::bind().await;
    let mut client = client(&format!("http://Aladdin:open%20sesame@{}", proxy.address()));
    let passed = serve_connect(&proxy, "HTTP/1.1 200 OK\r\n\r\n", address(&server));
    let head = client.while_running(passed).await;
    // The example of RFC 7617.
    assert!(head.contains("proxy-authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{head}");
    client.until_ready().await;
}

#[tokio::test]
async fn an_http_proxy_that_refuses_is_told_from_the_gateway() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    for (user, answer, expected) in [
        ("", "HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", "expects a user name and a password"),
        ("u:p%40ss%3aword@", "HTTP/1.1 407 No\r\n\r\n", "does not take the user name"),
        ("", "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 9\r\n\r\nsomething", "HTTP 502"),
        ("", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching", "it sent more than its answer"),
        ("", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "invalid HTTP"),
        ("", &long, "message head is too large"),
    ] {
        let proxy = Listener::bind().await;
        let mut client = client(&format!("http://{user}{}", proxy.address()));
        let answered = async {
            let (mut tcp, _) = proxy.request().await;
            // The client may be quicker to go than the answer is written.
            let _ = tcp.write_all(answer.as_bytes()).await;
        };
        let text = fault(&mut client, answered).await;
        let place = "the proxy did not connect to gateway.invalid port 4321: ";
        assert!(text.contains(place) && text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_socks_proxy_finds_the_gateway_for_us_with_and_without_a_password() {
    for (user, credentials) in [
        ("", None),
        ("user:p%40ss%3Aword@", Some(("user", PASSWORD))),
        // It may do without a password although there is one.
        ("user:p%40ss%3Aword@", None),
    ] {
        let server = serve(GatewayOptions::default()).await;
        let proxy = Listener::bind().await;
        let mut client = client(&format!("socks5://{user}{}", proxy.address()));
        let passed = serve_socks(&proxy, credentials, 0, address(&server));
        let place = client.while_running(passed).await;
        assert_eq!(place, [&b"gateway.invalid"[..], &4321_u16.to_be_bytes()].concat());
        client.until_ready().await;
    }
}

#[tokio::test]
async fn a_socks_proxy_that_refuses_is_told_from_the_gateway() {
    let to = Listener::bind().await.address();
    for (user, credentials, reply, expected) in [
        ("", Some(("user", "word")), 0, "No acceptable auth methods"),
        ("user:p%40ss%3Aword@", Some(("user", "other")), 0, "Password auth failure"),
        ("", None, 2, "Connection not allowed by ruleset"),
        ("", None, 5, "Connection refused"),
        ("", None, 99, "Unknown"),
    ] {
        let proxy = Listener::bind().await;
        let mut client = client(&format!("socks5://{user}{}", proxy.address()));
        let text = fault(&mut client, serve_socks(&proxy, credentials, reply, to)).await;
        let place = "the proxy did not connect to gateway.invalid port 4321: ";
        assert!(text.contains(place) && text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_speaks_another_language_is_an_error_and_no_panic() {
    for answer in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "\u{5}\0\u{5}\0\0\u{3}\u{2}\u{7f}"] {
        let proxy = Listener::bind().await;
        let mut client = client(&format!("socks5://{}", proxy.address()));
        let spoken = async {
            let mut tcp = proxy.tcp().await;
            // The client may be quicker to go than we are to write.
            let _ = tcp.write_all(answer.as_bytes()).await;
        };
        let text = fault(&mut client, spoken).await;
        assert!(text.contains("the proxy did not connect"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let proxy = Listener::bind().await;
    let address = proxy.address();
    drop(proxy);
    let mut gone = client(&format!("http://user:p%40ss%3Aword@{address}"));
    let text = fault(&mut gone, async {}).await;
    assert!(text.contains("could not connect to the proxy 127.0.0.1 port"), "{text}");
    let mut unknown = client("socks5://no-such-proxy.invalid");
    let text = fault(&mut unknown, async {}).await;
    assert!(text.contains("could not find the proxy no-such-proxy.invalid"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_hangs_is_left_when_patience_ends() {
    for scheme in ["http", "socks5"] {
        let proxy = Listener::bind().await;
        let patience = Patience { connect: millis(200), ..patience() };
        let config = config(NAME).allow_insecure(true).patience(patience);
        let mut client = Client::using(config, through(&format!("{scheme}://{}", proxy.address())));
        let (left, mut tcp) = tokio::join!(client.until_disconnected(), proxy.tcp());
        assert_eq!(left.0, Fault::NoAnswer(Awaited::Connect));
        let mut said = Vec::new();
        // Closed although nobody answered: the attempt and all that it began are over.
        let read = async { soon(tcp.read_to_end(&mut said)).await };
        client.while_running(read).await.expect("the socket is closed");
        assert!(!said.is_empty());
    }
}

#[tokio::test]
async fn the_gateway_sees_the_headers_that_were_added() {
    let listener = Listener::bind().await;
    let options = ConnectOptions::new()
        .header("X-Region", "eu")
        .and_then(|options| options.header("authorization", "gateway proxy's own"))
        .and_then(|options| options.user_agent("DiscordBot (https://example.com, 1)"))
        .expect("valid headers");
    let mut client = Client::using(config(&listener.url()), options);
    let (_, request) = client.while_running(listener.websocket()).await;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("x-region"), Some("eu"));
    assert_eq!(header("authorization"), Some("gateway proxy's own"));
    assert_eq!(header("user-agent"), Some("DiscordBot (https://example.com, 1)"));
    assert_eq!(request.headers().get_all("user-agent").iter().count(), 1);
}

#[tokio::test]
async fn a_name_with_addresses_of_both_families_is_found_on_either() {
    let server = serve(GatewayOptions::default()).await;
    let url = format!("ws://localhost:{}", address(&server).port());
    // Nobody listens on ::1, if that is what the name means first.
    Client::new(config(&url)).until_ready().await;
}

//! Discovery over real sockets: against the mock's HTTP, and against servers that answer badly.

use shardwire::{
    driver::{DiscoverError, Discovery, GatewayInfo, LARGEST_ANSWER},
    native::{self, ConnectOptions, Proxy, mock::MockServer},
    proto::Token,
    testing::GatewayOptions,
};
use tokio::io::AsyncWriteExt as _;

use super::{
    raw::Listener,
    support::{Client, SECRET, TOKEN, address, config, serve, soon},
    tls::Identity,
};

fn bot(api: String) -> Discovery {
    Discovery::bot(Token::new(TOKEN).expect("a token")).api_url(api)
}

fn api(server: &MockServer) -> String {
    format!("{}/api/v10", server.http_url())
}

async fn discover(
    discovery: &Discovery,
    options: &ConnectOptions,
) -> Result<GatewayInfo, DiscoverError> {
    let found = soon(native::discover_gateway(discovery, options)).await;
    assert!(!format!("{found:?} {discovery:?}").contains(SECRET));
    found
}

/// What is said of a server that answers so, and what it was asked.
async fn refused(answer: &str) -> (DiscoverError, String) {
    let server = Listener::bind().await;
    let discovery = bot(format!("http://{}/api", server.address()));
    let options = ConnectOptions::new();
    let answered = async {
        let (mut tcp, head) = server.request().await;
        // The client may have seen enough before all is written.
        let _ = tcp.write_all(answer.as_bytes()).await;
        head
    };
    let (found, head) = tokio::join!(discover(&discovery, &options), answered);
    (found.expect_err("no good answer"), head)
}

#[test]
fn a_discovery_can_be_spawned() {
    fn check<T: Send>(_: &T) {}
    let (discovery, options) = (Discovery::public(), ConnectOptions::new());
    check(&native::discover_gateway(&discovery, &options));
}

#[tokio::test]
async fn a_bot_learns_its_address_its_shards_and_its_limits() {
    let server = serve(GatewayOptions::default()).await;
    let found = discover(&bot(api(&server)), &ConnectOptions::new()).await.expect("an answer");
    assert_eq!(found.url, server.url());
    let limits = found.bot.expect("a bot asked");
    assert_eq!(limits.shards, 1);
    assert_eq!(limits.session_start_limit.total, 1000);
    // Both go where they belong.
    let config = config(&found.url).build().expect("a valid configuration");
    let slots = native::slots(limits.session_start_limit);
    Client::of(native::connect_with(config, slots)).until_ready().await;
}

#[tokio::test]
async fn without_a_token_the_address_is_told() {
    let server = serve(GatewayOptions::default()).await;
    let public = Discovery::public().api_url(api(&server));
    let found = discover(&public, &ConnectOptions::new()).await;
    assert_eq!(found, Ok(GatewayInfo { url: server.url(), bot: None }));
}

#[tokio::test]
async fn a_wrong_token_is_told() {
    let server = serve(GatewayOptions::default()).await;
    let wrong = Discovery::bot(Token::new("wrong").expect("a token")).api_url(api(&server));
    let found = discover(&wrong, &ConnectOptions::new()).await;
    assert_eq!(found, Err(DiscoverError::Unauthorized));
}

#[tokio::test]
async fn discovery_takes_the_same_way_out_as_the_shard() {
    let server = serve(GatewayOptions::default()).await;
    let identity = Identity::of("localhost");
    let port = identity.in_front_of(address(&server)).await;
    let discovery = bot(format!("https://localhost:{port}/api/v10"));
    let found = discover(&discovery, &identity.trusted()).await;
    assert_eq!(found.expect("a trusted answer").url, server.url());
    let error = discover(&discovery, &ConnectOptions::new()).await.expect_err("no trust");
    assert!(error.to_string().contains("TLS with localhost failed"), "{error}");

    let proxy = Listener::bind().await;
    let proxied = Proxy::parse(&format!("http://{}", proxy.address())).expect("an address");
    let options = identity.trusted().proxy(proxied);
    let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let (found, _) = tokio::join!(discover(&discovery, &options), proxy.answer(answer));
    let error = found.expect_err("the proxy refuses");
    assert!(matches!(error, DiscoverError::Unreachable(_)), "not Discord's 403: {error}");
    assert!(error.to_string().contains("the proxy did not connect to localhost"), "{error}");
}

#[tokio::test]
async fn the_request_names_the_client_and_asks_for_one_answer() {
    let (_, head) = refused("HTTP/1.1 500 No\r\n\r\n").await;
    assert!(head.starts_with("GET /api/gateway/bot HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: 127.0.0.1:"), "{head}");
    assert!(head.contains(&format!("\r\nauthorization: Bot {TOKEN}\r\n")), "the token");
    assert!(head.contains("\r\nuser-agent: DiscordBot (https://"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
}

#[tokio::test]
async fn statuses_and_bodies_that_are_no_good_are_told_from_each_other() {
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(LARGEST_ANSWER + 1));
    let endless_head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1 << 20));
    for (answer, code, expected) in [
        ("HTTP/1.1 401 No\r\n\r\n", "unauthorized", "token of a bot"),
        ("HTTP/1.1 403 No\r\n\r\n", "forbidden", "user-agent"),
        ("HTTP/1.1 429 No\r\nretry-after: 7\r\n\r\n", "rate-limited", "after 7.0 seconds"),
        ("HTTP/1.1 502 No\r\n\r\n", "unavailable", "HTTP 502"),
        ("HTTP/1.1 302 No\r\nlocation: https://a\r\n\r\n", "bad-answer", "got 302"),
        ("HTTP/1.1 200 OK\r\n\r\n<html>", "bad-answer", "`url`"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", "unreachable", "broke"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "unreachable", "broke"),
        ("", "unreachable", "broke"),
        (&long, "bad-answer", "65536 bytes"),
        (&endless_head, "unreachable", "broke"),
    ] {
        let (error, _) = refused(answer).await;
        assert_eq!(error.code(), code, "{answer:.60}: {error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// The clock leaps whenever all wait for the network.
#[tokio::test(start_paused = true)]
async fn an_api_that_never_answers_is_left() {
    let server = Listener::bind().await;
    let url = format!("http://{}", server.address());
    let error = discover(&bot(url), &ConnectOptions::new()).await.expect_err("no answer");
    assert_eq!(error.to_string(), "the API could not be asked: no answer within 15 seconds");
}

#[tokio::test]
async fn an_api_that_is_not_there_is_named() {
    let server = Listener::bind().await;
    let url = format!("http://{}", server.address());
    drop(server);
    let error = discover(&bot(url), &ConnectOptions::new()).await.expect_err("nobody listens");
    let expected = "the API could not be asked: could not connect to 127.0.0.1 port";
    assert!(error.to_string().contains(expected), "{error}");
}

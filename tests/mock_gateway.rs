//! The mock gateway on real sockets, spoken to by a bare WebSocket client of another make than the crate's own.
#![cfg(feature = "mock")]

use std::time::Duration;

use flate2::{Decompress, FlushDecompress};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shardwire::{
    native::mock::{MockOptions, MockServer},
    testing::{ALL_INTENTS, Fault, GatewayOptions, Script},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

const QUERY: &str = "/?v=10&encoding=json";

#[tokio::test]
async fn a_session_is_greeted_identified_kept_alive_and_resumed() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::connect(&server.url(), QUERY).await;
    let hello = client.next().await;
    assert_eq!((&hello["op"], &hello["d"]["heartbeat_interval"]), (&json!(10), &json!(41_250)));
    client.identify(ALL_INTENTS).await;
    let ready = client.next().await;
    assert_eq!((&ready["t"], &ready["s"]), (&json!("READY"), &json!(1)));
    let guilds = ready["d"]["guilds"].as_array().expect("guilds").len();
    for seq in 2..2 + guilds {
        let guild = client.next().await;
        assert_eq!((&guild["t"], &guild["s"]), (&json!("GUILD_CREATE"), &json!(seq)));
    }
    client.send(json!({"op": 1, "d": 1 + guilds})).await;
    assert_eq!(client.next().await["op"], 11);

    server.inject(Fault::Cut).await;
    assert_eq!(client.end().await, None);
    server.emit("TYPING_START", r#"{"n":1.50}"#).await;

    let resume_url = ready["d"]["resume_gateway_url"].as_str().expect("an address");
    let mut client = Client::connect(resume_url, QUERY).await;
    assert_eq!(client.next().await["op"], 10);
    let session = &ready["d"]["session_id"];
    client
        .send(json!({"op": 6, "d": {"token": "t", "session_id": session, "seq": 1 + guilds}}))
        .await;
    let missed = client.text().await;
    assert_eq!(
        missed,
        format!(r#"{{"t":"TYPING_START","s":{},"op":0,"d":{{"n":1.50}}}}"#, guilds + 2)
    );
    assert_eq!(client.next().await["t"], "RESUMED");
    let state = server.shutdown().await;
    assert_eq!((state.identifies, state.resumed, state.violations), (1, 1, vec![]));
}

#[tokio::test]
async fn violations_are_closed_with_their_codes() {
    let server = serve(GatewayOptions::default()).await;
    let identify = identify(0);
    let mut odd = identify.clone();
    odd["d"]["guild_subscriptions"] = json!(true);
    let mut bad_token = identify.clone();
    bad_token["d"]["token"] = json!("invalid");
    for (message, code) in [
        (json!({"op": 99, "d": null}), 4001),
        (json!([1]), 4002),
        (odd, 4002),
        (json!({"op": 3, "d": {}}), 4003),
        (bad_token, 4004),
        (json!({"op": 1, "d": "x".repeat(5000)}), 4002),
        (json!({"op": 1, "d": "x".repeat(2 << 20)}), 4002),
    ] {
        let mut client = Client::connect(&server.url(), QUERY).await;
        client.next().await;
        client.send(message).await;
        assert_eq!(client.end().await, Some(code));
    }
    for query in ["/", "/?v=8", "/?v=10&encoding=xml", "/?v=10&compress=lz4-stream"] {
        let mut client = Client::connect(&server.url(), query).await;
        assert_eq!(client.end().await, Some(4012), "{query}");
    }
    let mut client = Client::connect(&server.url(), "/?v=10&encoding=etf").await;
    client.message().await;
    client.send(identify).await;
    assert_eq!(client.end().await, Some(4002), "a text where ETF is spoken");
    assert_eq!(server.state().await.violations.len(), 12);
}

#[tokio::test]
async fn a_compressed_stream_survives_splitting_and_fragmenting() {
    let script = r#"[{"at":{"connection":1},"do":{"fault":"split","parts":3,"times":1}},
        {"at":{"identify":1},"do":{"fault":"fragments","bytes":7,"times":1}},
        {"at":{"dispatch":1},"do":{"fault":"inflate_bomb","bytes":1000000}}]"#;
    let script = Script::from_json(script).expect("valid script");
    let server = serve(GatewayOptions { script, guilds: 0, ..GatewayOptions::default() }).await;
    let mut client =
        Client::connect(&server.url(), "/?v=10&encoding=json&compress=zlib-stream").await;
    let mut inflater = Decompress::new(true);
    let mut inflate = |bytes: &[u8]| {
        let mut plain = Vec::with_capacity(2 << 20);
        inflater.decompress_vec(bytes, &mut plain, FlushDecompress::Sync).expect("valid zlib");
        plain
    };
    let mut pieces = Vec::new();
    for _ in 0..3 {
        pieces.push(client.bytes().await);
    }
    assert_eq!(pieces[2], [0xff, 0xff]);
    assert!(inflate(&pieces.concat()).starts_with(br#"{"t":null,"s":null,"op":10"#));
    client.identify(0).await;
    assert!(inflate(&client.bytes().await).starts_with(br#"{"t":"READY","s":1,"op":0"#));
    assert_eq!(inflate(&client.bytes().await), vec![0; 1_000_000]);
}

#[tokio::test]
async fn discovery_names_the_address_and_counts_identifies() {
    let server = serve(GatewayOptions::default()).await;
    let (status, body) = http(&server, "GET /api/v10/gateway", "", "").await;
    assert_eq!((status, body["url"].as_str()), (200, Some(server.url().as_str())));
    assert_eq!(http(&server, "GET /api/v10/gateway/bot", "", "").await.0, 401);
    let authorization = "Authorization: Bot t\r\n";
    let (_, before) = http(&server, "GET /api/v10/gateway/bot", authorization, "").await;
    assert_eq!(before["session_start_limit"]["remaining"], 1000);
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    client.identify(0).await;
    assert_eq!(client.next().await["t"], "READY");
    let (_, after) = http(&server, "GET /api/v10/gateway/bot", authorization, "").await;
    assert_eq!(after["session_start_limit"]["remaining"], 999);
    assert_eq!(http(&server, "GET /elsewhere", "", "").await.0, 404);
}

#[tokio::test]
async fn faults_are_injected_over_http_from_any_origin() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    assert_eq!(http(&server, "OPTIONS /mock/fault", "Origin: http://a\r\n", "").await.0, 204);
    let fault = r#"{"fault":"close","code":4009,"reason":"later"}"#;
    assert_eq!(http(&server, "POST /mock/fault", "", fault).await.0, 204);
    assert_eq!(client.end().await, Some(4009));
    let (status, sentence) = http(&server, "POST /mock/fault", "", r#"{"fault":"x"}"#).await;
    assert_eq!(status, 400);
    assert!(
        sentence.as_str().is_some_and(|text| text.contains("unknown variant `x`")),
        "{sentence}"
    );
    let (_, state) = http(&server, "GET /mock/state", "", "").await;
    assert_eq!((&state["connects"], &state["violations"]), (&json!(1), &json!([])));
}

#[tokio::test]
async fn an_event_of_a_guild_goes_to_the_shard_of_the_guild() {
    let server =
        serve(GatewayOptions { max_concurrency: 2, guilds: 0, ..GatewayOptions::default() }).await;
    let mut clients = Vec::new();
    for shard in 0..2 {
        let mut client = Client::connect(&server.url(), QUERY).await;
        client.next().await;
        let mut identify = identify(0);
        identify["d"]["shard"] = json!([shard, 2]);
        client.send(identify).await;
        assert_eq!(client.next().await["t"], "READY");
        clients.push(client);
    }
    let everywhere = json!({"fault": "dispatch", "name": "LAST", "data": "{}"});
    for number in 0..3_u64 {
        let data = number.to_string();
        let there =
            json!({"fault": "dispatch", "name": "A", "data": data, "guild_id": number << 22});
        assert_eq!(http(&server, "POST /mock/fault", "", &there.to_string()).await.0, 204);
    }
    assert_eq!(http(&server, "POST /mock/fault", "", &everywhere.to_string()).await.0, 204);
    for (client, expected) in clients.iter_mut().zip([vec![0, 2], vec![1]]) {
        for number in expected {
            assert_eq!(client.next().await["d"], number);
        }
        assert_eq!(client.next().await["t"], "LAST");
    }
}

#[tokio::test]
async fn what_clients_sent_is_told_without_their_tokens() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    client.identify(0).await;
    assert_eq!(client.next().await["t"], "READY");
    let (status, told) = http(&server, "GET /mock/received", "", "").await;
    assert_eq!((status, told.as_array().map(Vec::len)), (200, Some(1)));
    let message = told[0]["messages"][0].as_str().expect("the identify");
    let message: Value = serde_json::from_str(message).expect("JSON");
    assert_eq!(message["d"]["token"], "(hidden)");
    assert_eq!((&told[0]["host"], &told[0]["end"]), (&json!("base"), &Value::Null));
    // Whoever has the answer to a close frame may be back on another connection: the gateway knows of the end by then.
    let goodbye = CloseFrame { code: 4000.into(), reason: "".into() };
    client.0.close(Some(goodbye)).await.expect("sends");
    assert_eq!(client.end().await, Some(4000));
    let (_, told) = http(&server, "GET /mock/received", "", "").await;
    assert_eq!(told[0]["end"], json!({"by": "client", "code": 4000}));
}

#[tokio::test]
async fn closes_without_a_code_and_cuts_look_as_they_should() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    server.inject(Fault::CloseWithoutCode).await;
    assert_eq!(client.end().await, Some(1005));
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    server.inject(Fault::Cut).await;
    assert_eq!(client.end().await, None);
}

#[tokio::test]
async fn handshakes_are_refused_and_the_resume_address_dies_and_comes_back() {
    let server = serve(GatewayOptions { guilds: 0, ..GatewayOptions::default() }).await;
    let mut client = Client::connect(&server.url(), QUERY).await;
    client.next().await;
    client.identify(0).await;
    let resume_url =
        client.next().await["d"]["resume_gateway_url"].as_str().expect("url").to_owned();

    server.inject(Fault::RefuseHandshake { status: 503, host: None, times: 1 }).await;
    let refused = Client::try_connect(&server.url(), QUERY).await;
    assert!(matches!(refused, Err(Error::Http(response)) if response.status() == 503));
    Client::connect(&server.url(), QUERY).await;

    for _ in 0..3 {
        server.inject(Fault::DeadResumeHost { ms: None }).await;
        let address = resume_url.trim_start_matches("ws://");
        assert!(TcpStream::connect(address).await.is_err());
        server.inject(Fault::DeadResumeHost { ms: Some(0) }).await;
        Client::connect(&resume_url, QUERY).await;
    }
}

#[tokio::test]
async fn a_port_can_be_bound_again_right_after_a_stop() {
    let first = serve(GatewayOptions::default()).await;
    let mut client = Client::connect(&first.url(), QUERY).await;
    client.next().await;
    let listen = first.url().trim_start_matches("ws://").parse().expect("an address");
    first.shutdown().await;
    assert_eq!(client.end().await, Some(1001));
    let options = MockOptions { listen, ..MockOptions::default() };
    let second = MockServer::bind(options).await.expect("the same port");
    Client::connect(&second.url(), QUERY).await;
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_every_event_and_holds_nothing_up() {
    let (rate, events) = (1e9, Some(20_000));
    let options = GatewayOptions { rate, events, guilds: 2, ..GatewayOptions::default() };
    let server = serve(options).await;
    let mut idle = Client::connect(&server.url(), QUERY).await;
    idle.next().await;
    idle.identify(ALL_INTENTS).await;
    // While that one does not read, others are served.
    let mut other = Client::connect(&server.url(), QUERY).await;
    assert_eq!(other.next().await["op"], 10);
    let sent = server.state().await.events_sent;
    assert!(sent < 20_000, "{sent} events sent to a client that does not read");
    for seq in 1..=20_003 {
        assert_eq!(idle.next().await["s"], seq);
    }
}

async fn serve(gateway: GatewayOptions) -> MockServer {
    let options = MockOptions { gateway, ..MockOptions::default() };
    MockServer::bind(options).await.expect("a free port")
}

fn identify(intents: u64) -> Value {
    let properties = json!({"os": "linux", "browser": "test", "device": "test"});
    json!({"op": 2, "d": {"token": "Bot t", "properties": properties, "intents": intents}})
}

/// One HTTP request without a library; JSON bodies are parsed, others come as a string.
async fn http(server: &MockServer, line: &str, headers: &str, body: &str) -> (u16, Value) {
    let host = server.http_url().trim_start_matches("http://").to_owned();
    let mut tcp = TcpStream::connect(&host).await.expect("connects");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    tcp.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.expect("answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_else(|_| body.into()))
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn try_connect(url: &str, query: &str) -> Result<Self, Error> {
        let tcp = TcpStream::connect(url.trim_start_matches("ws://")).await?;
        let (socket, _) = client_async(format!("{url}{query}"), tcp).await?;
        Ok(Self(socket))
    }

    async fn connect(url: &str, query: &str) -> Self {
        Self::try_connect(url, query).await.expect("connects")
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sends");
    }

    async fn identify(&mut self, intents: u64) {
        self.send(identify(intents)).await;
    }

    async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(Duration::from_secs(20), self.0.next()).await.expect("a message in time")
    }

    async fn text(&mut self) -> String {
        match self.message().await {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    async fn bytes(&mut self) -> Vec<u8> {
        match self.message().await {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("expected bytes, got {other:?}"),
        }
    }

    async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// Reads to the end: the close code, 1005 for an empty close frame, `None` without a close frame.
    async fn end(&mut self) -> Option<u16> {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(frame))) => {
                    return Some(frame.map_or(1005, |frame| CloseCode::into(frame.code)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }
}

//! Sessions on real sockets: begun, kept alive, cut, resumed, closed, and carried elsewhere.

use shardwire::{
    driver::CloseMode,
    native,
    proto::{
        Close, Command, Compression, Event, Fault, Members, Next, RequestGuildMembers,
        SessionStartLimit, Status, StopReason,
    },
    testing::{self, GatewayOptions, Notice, Script},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    raw::Listener,
    support::{COMPRESSIONS, Client, SECRET, config, millis, serve, soon},
};

/// A gateway that says something all the time.
fn lively() -> GatewayOptions {
    GatewayOptions { rate: 500.0, events: Some(300), ..GatewayOptions::default() }
}

#[tokio::test]
async fn a_session_begins_with_each_compression() {
    for compression in COMPRESSIONS {
        let server = serve(GatewayOptions::default()).await;
        let mut client = Client::new(config(&server.url()).compression(compression));
        client.until_dispatch("READY").await;
        client.until_dispatch("GUILD_CREATE").await;
        let counters = client.shard.info().counters;
        let is_compressed = counters.wire_bytes < counters.inflated_bytes;
        assert_eq!(is_compressed, compression != Compression::None);
        client.close(CloseMode::EndSession).await;
        assert_eq!(server.state().await.violations, Vec::<String>::new());
    }
}

#[tokio::test]
async fn events_are_the_same_with_each_compression() {
    let mut streams = Vec::new();
    for compression in COMPRESSIONS {
        let server = serve(lively()).await;
        let mut client = Client::new(config(&server.url()).compression(compression));
        while client.dispatches().count() < 304 {
            client.next().await;
        }
        // READY names the session and the port, which differ.
        let events = client.dispatches().filter(|dispatch| &*dispatch.name != "READY");
        let events: Vec<_> =
            events.map(|it| (it.sequence, it.name.clone(), it.data.clone())).collect();
        streams.push(events);
    }
    assert_eq!(streams[0].len(), 303);
    for stream in &streams[1..] {
        assert_eq!(*stream, streams[0]);
    }
}

#[tokio::test]
async fn the_address_of_the_other_end_is_told_while_the_connection_stands() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    assert_eq!(client.shard.info().peer, None);
    client.until_ready().await;
    assert_eq!(client.shard.info().peer.as_deref(), server.url().strip_prefix("ws://"));
}

#[tokio::test]
async fn heartbeats_leave_in_time_and_are_measured() {
    // Long enough for a busy machine to be late by half of it.
    let heartbeat_interval = millis(300);
    let server = serve(GatewayOptions { heartbeat_interval, ..GatewayOptions::default() }).await;
    let mut client = Client::ready(&server).await;
    for _ in 0..5 {
        client.until(|event| matches!(event, Event::HeartbeatAcked { .. }).then_some(())).await;
    }
    let latency = client.shard.info().heartbeat;
    assert!(latency.last.is_some_and(|last| last < heartbeat_interval), "{latency:?}");
    assert_eq!(latency.history.len(), 5);
    let state = server.state().await;
    assert!(state.heartbeats >= 5);
    assert_eq!(state.violations, Vec::<String>::new());
}

#[tokio::test]
async fn close_codes_arrive_and_those_that_can_be_mended_are_resumed() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    for code in [4000, 1000, 1001, 4008, 4999] {
        let reason = "(a \"reason\")";
        server.inject(testing::Fault::Close { code, reason: reason.into() }).await;
        let (fault, next) = client.until_disconnected().await;
        assert_eq!(fault, Fault::Closed(Close { code, reason: reason.into() }));
        assert!(matches!(next, Next::Resume { .. }), "{next:?}");
        client.until_resumed().await;
    }
    server.inject(testing::Fault::CloseWithoutCode).await;
    let (fault, _) = client.until_disconnected().await;
    assert_eq!(fault, Fault::Closed(Close::new(1005, "")));
    client.until_resumed().await;
    server.inject(testing::Fault::Reconnect).await;
    assert_eq!(client.until_disconnected().await.0, Fault::ReconnectRequested);
    client.until_resumed().await;
    let state = server.state().await;
    assert_eq!((state.identifies, state.resumed), (1, 7));
}

#[tokio::test]
async fn a_wrong_token_stops_the_shard_without_showing_it() {
    let server = serve(GatewayOptions::default()).await;
    let token = "c29tZW9uZQ.hush-hush-other.ZWxzZQ";
    let config = shardwire::proto::Config::builder(token, shardwire::proto::Intents::ALL);
    let mut client = Client::new(config.url(server.url()));
    let StopReason::Fatal(close) = client.until_stopped().await else { panic!("a fatal close") };
    assert_eq!(close.code, 4004);
    assert_eq!(client.shard.status(), Status::Stopped);
    assert_eq!(server.state().await.connects, 1);
}

#[tokio::test]
async fn cuts_lose_no_event_and_repeat_none() {
    for compression in COMPRESSIONS {
        let script = Script::from_json(
            r#"[{"at":{"dispatch":40},"do":{"fault":"cut"},"repeat":true},
                {"at":{"resume":2},"do":{"fault":"duplicate_last"}}]"#,
        );
        let script = script.expect("a valid script");
        let server = serve(GatewayOptions { script, ..lively() }).await;
        let mut client = Client::new(config(&server.url()).compression(compression));
        // RESUMED takes numbers of its own, so there are at least so many.
        while client.dispatches().count() < 304 {
            client.next().await;
        }
        let sequences = client.sequences();
        let expected: Vec<_> = (1..=sequences.len() as u64).collect();
        assert_eq!(sequences, expected);
        let counters = client.shard.info().counters;
        assert_eq!((counters.identifies, counters.gaps), (1, 0));
        assert!(counters.resumes > 3, "{counters:?}");
    }
}

#[tokio::test]
async fn a_dead_resume_host_is_given_up_for_the_base_address() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    let base = client.shard.info().connected_url;
    server.inject(testing::Fault::DeadResumeHost { ms: None }).await;
    server.inject(testing::Fault::Cut).await;
    server.emit("MISSED", "{}").await;
    client.until_dispatch("MISSED").await;
    client.until_resumed().await;
    assert_eq!(client.shard.info().connected_url, base);
    assert_eq!(server.state().await.identifies, 1);
}

#[tokio::test]
async fn our_close_is_sent_once_with_code_and_reason() {
    for (mode, code, reason) in [
        (CloseMode::EndSession, 1000, "closed by the client"),
        (CloseMode::KeepSession, 4000, "reconnecting"),
    ] {
        let listener = Listener::bind().await;
        let config = config(&listener.url()).compression(Compression::None);
        let mut client = Client::new(config);
        let mut peer = client.while_running(listener.greet()).await;
        client.until_identifying().await;
        client.handle.close(mode);
        client.handle.close(mode);
        let (stopped, rest) = tokio::join!(client.until_stopped(), peer.rest());
        assert_eq!(stopped, StopReason::Requested);
        let closes: Vec<_> = rest
            .iter()
            .filter_map(|message| match message {
                Message::Close(Some(close)) => Some((close.code.into(), close.reason.as_str())),
                Message::Close(None) => Some((1005, "")),
                _ => None,
            })
            .collect();
        assert_eq!(closes, [(code, reason)]);
    }
}

#[tokio::test]
async fn a_reconnect_keeps_the_session() {
    let mut server = serve(GatewayOptions::default()).await;
    let mut notices = server.take_notices().expect("not taken");
    let mut client = Client::ready(&server).await;
    client.handle.reconnect();
    client.until_resumed().await;
    client.handle.pause();
    client.until_status(Status::Idle).await;
    client.handle.start();
    client.until_resumed().await;
    client.close(CloseMode::EndSession).await;
    server.shutdown().await;
    let mut left = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        if let Notice::Left(_, code) = notice {
            left.push(code);
        }
    }
    assert_eq!(left, [Some(4000), Some(4000), Some(1000)]);
}

#[tokio::test]
async fn a_session_is_carried_to_another_shard() {
    let server = serve(GatewayOptions::default()).await;
    let mut first = Client::ready(&server).await;
    first.until_dispatch("GUILD_CREATE").await;
    let handed_over = first.sequences();
    first.close(CloseMode::KeepSession).await;
    let session = first.shard.session().expect("it was kept");
    assert_eq!(Some(&session.sequence), handed_over.last());
    let json = serde_json::to_string(&session).expect("plain data");
    drop(first);
    server.emit("MISSED", "{}").await;

    let session = serde_json::from_str(&json).expect("its own form");
    let mut second = Client::resuming(config(&server.url()), session);
    second.until_dispatch("MISSED").await;
    assert!(second.until_resumed().await >= 1);
    let all: Vec<_> = handed_over.into_iter().chain(second.sequences()).collect();
    assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(server.state().await.identifies, 1);
}

#[tokio::test]
async fn commands_are_sent_from_another_task_while_the_shard_runs() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::ready(&server).await;
    let guild: serde_json::Value =
        client.until_dispatch("GUILD_CREATE").await.deserialize().expect("an object");
    let handle = client.handle.clone();
    let request = RequestGuildMembers {
        guild_id: guild["id"].as_str().expect("an id").into(),
        members: Members::Named { query: String::new(), limit: 0 },
        presences: None,
        nonce: Some("n1".into()),
    };
    let sender = tokio::spawn(async move { handle.send(&Command::RequestGuildMembers(request)) });
    let chunk = client.until_dispatch("GUILD_MEMBERS_CHUNK").await;
    assert!(chunk.data.contains(r#""nonce":"n1""#));
    soon(sender).await.expect("no panic").expect("it was taken");
    assert_eq!(server.state().await.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_shard_in_debug_form_does_not_show_the_token() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    let mut forms = Vec::new();
    while client.shard.status() != Status::Ready {
        client.next().await;
        // Also while identify waits to be sent.
        forms.push(format!("{:?}", client.shard));
    }
    assert!(forms.iter().all(|form| !form.contains(SECRET)));
}

#[tokio::test]
async fn a_shard_that_is_dropped_leaves_nothing_behind() {
    let mut server = serve(GatewayOptions::default()).await;
    let mut notices = server.take_notices().expect("not taken");
    let client = Client::ready(&server).await;
    drop(client);
    while !matches!(soon(notices.recv()).await.expect("it runs"), Notice::Left(..)) {}
}

#[tokio::test]
async fn bots_in_one_program_know_nothing_of_each_other() {
    let (here, there) = (serve(lively()).await, serve(lively()).await);
    let limit = SessionStartLimit { remaining: 1, ..SessionStartLimit::default() };
    let (spent, full) = (native::slots(limit), native::slots(SessionStartLimit::default()));
    let mut one = Client::sharing(config(&here.url()), &spent);
    let mut other = Client::sharing(config(&there.url()), &full);
    one.until_ready().await;
    assert_eq!((spent.remaining(), full.remaining()), (0, 1000));
    other.until_ready().await;
    one.close(CloseMode::EndSession).await;
    other.until_dispatch("MESSAGE_CREATE").await;
    assert_eq!(full.remaining(), 999);
}

#[tokio::test]
async fn shards_can_be_sent_to_other_threads() {
    let server = serve(GatewayOptions::default()).await;
    let mut client = Client::to(&server);
    let task = tokio::spawn(async move {
        client.until_ready().await;
        client.close(CloseMode::EndSession).await;
    });
    soon(task).await.expect("no panic");
}

//! The transport's own contract, without a shard above it.

use std::future::poll_fn;

use futures::FutureExt as _;
use shardwire::{
    driver::{Transport, TransportEvent},
    native::NativeTransport,
    proto::{Close, ConnectionId, Frame},
};
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    raw::{Listener, Peer},
    support::soon,
};

const LIMIT: usize = 1 << 20;

async fn next(transport: &mut NativeTransport) -> TransportEvent {
    soon(poll_fn(|cx| transport.poll(cx))).await
}

fn has_more(transport: &mut NativeTransport) -> bool {
    poll_fn(|cx| transport.poll(cx)).now_or_never().is_some()
}

fn text(text: &str) -> Frame {
    Frame::Text(text.into())
}

async fn connected() -> (NativeTransport, Peer, ConnectionId) {
    let listener = Listener::bind().await;
    let id = ConnectionId::default().next();
    let mut transport = NativeTransport::new(LIMIT);
    transport.open(id, &listener.url());
    let (opened, (peer, _)) = tokio::join!(next(&mut transport), listener.websocket());
    assert_eq!(opened, TransportEvent::Opened(id));
    (transport, peer, id)
}

#[test]
fn it_can_be_moved_and_sent() {
    fn check<T: Send + Unpin>() {}
    check::<NativeTransport>();
}

#[tokio::test]
async fn the_other_end_is_known_while_the_socket_is_open() {
    let (mut transport, mut peer, id) = connected().await;
    let listener = peer.0.get_ref().local_addr().expect("connected");
    assert_eq!(transport.peer_addr(), Some(listener));
    transport.close(Close::new(4000, "bye"));
    assert_eq!(transport.peer_addr(), Some(listener), "until the end was told");
    let (ended, _) = tokio::join!(next(&mut transport), peer.rest());
    assert!(matches!(ended, TransportEvent::Closed(at, _) if at == id));
    assert_eq!(transport.peer_addr(), None);
    assert_eq!(NativeTransport::new(LIMIT).peer_addr(), None);
}

#[tokio::test]
async fn messages_go_both_ways_as_they_are() {
    let (mut transport, mut peer, id) = connected().await;
    for frame in [text("grüße"), text(""), Frame::Binary(vec![0, 255]), Frame::Binary(vec![])] {
        let message = match frame.clone() {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
        };
        peer.send(message.clone()).await;
        assert_eq!(next(&mut transport).await, TransportEvent::Received(id, frame.clone()));
        transport.send(frame);
        assert!(!has_more(&mut transport));
        assert_eq!(peer.next().await, Some(message));
    }
}

#[tokio::test]
async fn what_is_sent_before_the_socket_takes_it_arrives_in_order() {
    let (mut transport, mut peer, id) = connected().await;
    let long = "x".repeat(32_000);
    for number in 0..1000 {
        transport.send(text(&format!("{number} {long}")));
    }
    // Far more than the kernel takes: most of it waits for room.
    assert!(!has_more(&mut transport));
    transport.close(Close::new(4000, "that was all"));
    transport.send(text("too late"));
    let read = async {
        for number in 0..1000 {
            let message = peer.next().await.expect("another message");
            assert!(message.to_text().expect("text").starts_with(&format!("{number} ")));
        }
        let close = peer.next().await;
        assert_eq!(peer.next().await, None);
        close
    };
    let (ended, close) = tokio::join!(next(&mut transport), read);
    let Some(Message::Close(Some(close))) = close else { panic!("{close:?}") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4000, "that was all"));
    // This peer answers with our own reason; Discord answers with none.
    assert_eq!(ended, TransportEvent::Closed(id, Some(Close::new(4000, "that was all"))));
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_an_error_in_the_end() {
    let (mut transport, _peer, id) = connected().await;
    let long = "x".repeat(32_000);
    for _ in 0..10_000 {
        transport.send(text(&long));
        if let Some(event) = poll_fn(|cx| transport.poll(cx)).now_or_never() {
            assert!(matches!(event, TransportEvent::Failed(at, _) if at == id));
            assert!(format!("{event:?}").contains("stopped reading"), "{event:?}");
            assert!(!has_more(&mut transport));
            return;
        }
    }
    panic!("320 MB are waiting");
}

#[tokio::test]
async fn the_end_is_told_once_and_then_nothing() {
    let (mut transport, mut peer, id) = connected().await;
    let close = CloseFrame { code: CloseCode::from(4321), reason: "why not".into() };
    peer.send(Message::Close(Some(close))).await;
    assert_eq!(
        next(&mut transport).await,
        TransportEvent::Closed(id, Some(Close::new(4321, "why not")))
    );
    // It was answered with the same code.
    let Some(Message::Close(Some(answer))) = peer.next().await else { panic!("an answer") };
    assert_eq!(u16::from(answer.code), 4321);
    transport.send(text("x"));
    transport.close(Close::new(1000, "x"));
    assert!(!has_more(&mut transport));
}

#[tokio::test]
async fn an_end_without_a_close_frame_has_no_code_and_an_empty_one_1005() {
    let (mut transport, peer, id) = connected().await;
    drop(peer);
    assert_eq!(next(&mut transport).await, TransportEvent::Closed(id, None));

    let (mut transport, mut peer, id) = connected().await;
    peer.send(Message::Close(None)).await;
    assert_eq!(next(&mut transport).await, TransportEvent::Closed(id, Some(Close::new(1005, ""))));
}

#[tokio::test]
async fn what_came_before_a_reset_is_seen_although_writing_fails() {
    for (bytes, event) in
        [(&[0x88, 2, 0x0f, 0xa4][..], None), (&[0x81, 1, b'a', 0x81, 1, b'b'], Some(text("a")))]
    {
        let (mut transport, mut peer, id) = connected().await;
        peer.write(bytes).await;
        let tcp = peer.0.into_inner();
        tcp.set_zero_linger().expect("a socket");
        // A reset: every write fails from now on.
        drop(tcp);
        // The runtime takes notice of both when it has nothing else to do.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        transport.send(text("x"));
        let close = Some(Close::new(4004, ""));
        let expected = event
            .map_or(TransportEvent::Closed(id, close), |frame| TransportEvent::Received(id, frame));
        assert_eq!(next(&mut transport).await, expected);
    }
}

#[tokio::test]
async fn messages_before_the_answer_to_our_close_still_count() {
    let (mut transport, mut peer, id) = connected().await;
    peer.send(Message::text("last words")).await;
    transport.close(Close::new(1000, "bye"));
    transport.close(Close::new(4000, "bye again"));
    assert_eq!(next(&mut transport).await, TransportEvent::Received(id, text("last words")));
    let (ended, rest) = tokio::join!(next(&mut transport), peer.rest());
    assert_eq!(ended, TransportEvent::Closed(id, Some(Close::new(1000, "bye"))));
    assert_eq!(rest.len(), 1, "{rest:?}");
}

#[tokio::test]
async fn opening_again_drops_the_older_socket() {
    let (mut transport, mut older, id) = connected().await;
    older.send(Message::text("late")).await;
    let listener = Listener::bind().await;
    transport.open(id.next(), &listener.url());
    let (opened, _newer) = tokio::join!(next(&mut transport), listener.websocket());
    assert_eq!(opened, TransportEvent::Opened(id.next()));
    // Dropped without a close frame, which would cost the session if it were 1000 or 1001.
    assert_eq!(older.next().await, None);
    assert!(!has_more(&mut transport));
}

#[tokio::test]
async fn closing_while_connecting_drops_the_attempt_and_says_nothing() {
    let listener = Listener::bind().await;
    let mut transport = NativeTransport::new(LIMIT);
    transport.open(ConnectionId::default().next(), &listener.url());
    let accepted = listener.tcp();
    let mut tcp = tokio::select! {
        tcp = accepted => tcp,
        event = next(&mut transport) => panic!("{event:?}"),
    };
    transport.close(Close::new(4000, "never mind"));
    let mut request = Vec::new();
    soon(tcp.read_to_end(&mut request)).await.expect("the socket is closed");
    assert!(!has_more(&mut transport));
}

#[tokio::test]
async fn codes_and_reasons_that_cannot_be_sent_do_no_harm() {
    for (code, reason, sent) in [
        (1005, "x".repeat(10), None),
        (17, String::new(), None),
        (4000, "ü".repeat(200), Some((4000, "ü".repeat(61)))),
    ] {
        let (mut transport, mut peer, _) = connected().await;
        transport.close(Close { code, reason: reason.into() });
        let (_, close) = tokio::join!(next(&mut transport), async {
            let close = peer.next().await;
            peer.rest().await;
            close
        });
        let Some(Message::Close(close)) = close else { panic!("{close:?}") };
        let got = close.map(|close| (close.code.into(), close.reason.as_str().to_owned()));
        assert_eq!(got, sent);
    }
}

#[tokio::test]
async fn an_address_that_is_none_fails_in_words() {
    let mut transport = NativeTransport::new(LIMIT);
    transport.open(ConnectionId::default(), "ws://[");
    assert!(format!("{:?}", next(&mut transport).await).contains("the address is no good"));
}

//! The payloads that the client itself reads: HELLO, READY, opcode 9, close frames. Any of them may hold anything.

use std::time::Duration;

use arbitrary::Unstructured;
use shardwire::proto::{Close, CloseCode, Compression, Encoding, Frame, Input, Status, Verdict};

use super::shard::{Shard, TOKEN};

/// The first byte says which payload the others are.
pub fn payloads(input: &[u8]) {
    let mut u = Unstructured::new(input);
    let kind: u8 = u.arbitrary().unwrap_or_default();
    let text = String::from_utf8_lossy(u.take_rest()).into_owned();
    if text.contains(TOKEN) {
        return;
    }
    match kind % 4 {
        0 => hello(&text),
        1 => ready(&text),
        2 => invalid_session(&text),
        _ => close(&text),
    }
}

/// A shard that waits for HELLO.
fn connected() -> Shard {
    let mut shard = Shard::new(Compression::None, Encoding::Json, 1);
    shard.input(Input::Start);
    shard.input(Input::Opened(shard.connection));
    shard
}

/// A shard that waits for READY.
fn identifying() -> Shard {
    let mut shard = connected();
    say(&mut shard, r#"{"op":10,"d":{"heartbeat_interval":41250}}"#);
    assert!(shard.is_slot_awaited);
    shard.turn(Duration::ZERO, false);
    assert_eq!(shard.machine.status(), Status::Identifying);
    shard
}

fn say(shard: &mut Shard, text: impl Into<String>) {
    let frame = Frame::Text(text.into());
    shard.input(Input::Received(shard.connection, frame));
}

/// Some life after the payload.
fn live_on(shard: &mut Shard) {
    for _ in 0..20 {
        shard.sleep();
        shard.input(Input::Opened(shard.connection));
    }
}

fn hello(data: &str) {
    let mut shard = connected();
    say(&mut shard, format!(r#"{{"op":10,"d":{data}}}"#));
    let status = shard.machine.status();
    let is_up = status == Status::AwaitingIdentify;
    assert!(
        is_up || matches!(status, Status::Disconnected { .. } | Status::AwaitingHello),
        "{status:?}"
    );
    live_on(&mut shard);
}

fn ready(data: &str) {
    let mut shard = identifying();
    say(&mut shard, format!(r#"{{"op":0,"t":"READY","s":1,"d":{data}}}"#));
    if let Some(session) = shard.machine.session() {
        assert!(!session.id.is_empty());
        // The address to resume at is tried.
        shard.input(Input::Closed(shard.connection, None));
        live_on(&mut shard);
    }
}

fn invalid_session(data: &str) {
    let mut shard = identifying();
    say(&mut shard, r#"{"op":0,"t":"READY","s":1,"d":{"session_id":"a"}}"#);
    assert!(shard.machine.session().is_some());
    say(&mut shard, format!(r#"{{"op":9,"d":{data}}}"#));
    live_on(&mut shard);
}

fn close(reason: &str) {
    for code in [1000, 1006, 4004, 4009, reason.len().min(65_535)] {
        let code = u16::try_from(code).expect("close codes are small");
        let mut shard = identifying();
        let close = Close { code, reason: reason.to_owned().into() };
        shard.input(Input::Closed(shard.connection, Some(close)));
        let is_over = CloseCode::of(code).verdict == Verdict::Stop;
        assert_eq!(shard.machine.status() == Status::Stopped, is_over);
        live_on(&mut shard);
    }
}

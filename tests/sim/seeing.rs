//! What there is to see of a shard: all of its state at one moment, counts, and steps in words.

use std::time::Duration;

use serde_json::Value;
use shardwire::proto::{Compression, Opcode};

use crate::support::*;

#[test]
fn the_picture_holds_every_field_that_users_of_other_clients_know() {
    let mut world = ready();
    world.pass(45);
    let info = serde_json::to_value(world.info()).expect("plain data");
    for field in [
        "/status",
        "/shard/0",
        "/shard/1",
        "/session/id",
        "/session/sequence",
        "/session/resumeUrl",
        "/session/userId",
        "/version",
        "/intents",
        "/encoding",
        "/compression",
        "/gatewayUrl",
        "/connectedUrl",
        "/connectionId",
        "/uptimeMs",
        "/heartbeat/intervalMs",
        "/heartbeat/lastMs",
        "/heartbeat/averageMs",
        "/heartbeat/historyMs/0",
        "/heartbeat/sentAgoMs",
        "/heartbeat/ackedAgoMs",
        "/heartbeat/isAcked",
        "/heartbeat/isRunning",
        "/commands/limit",
        "/commands/available",
        "/commands/nextInMs",
        "/commands/waiting",
        "/commands/presences",
        "/commands/nextPresenceInMs",
        "/commands/openRequests",
        "/counters/wireBytes",
        "/counters/inflatedBytes",
        "/counters/messages",
        "/counters/reconnects",
        "/counters/resumes",
        "/counters/identifies",
        "/counters/faults",
        "/events/READY",
    ] {
        assert!(info.pointer(field).is_some_and(|value| *value != Value::Null), "{field}: {info}");
    }
    assert_eq!(info["uptimeMs"].as_f64().map(|uptime| uptime >= 45_000.0), Some(true));
    assert!(!info.to_string().contains(TOKEN));
}

#[test]
fn heartbeats_run_only_while_the_connection_stands() {
    let mut world = ready();
    assert!(world.info().heartbeat.is_running);
    world.cut();
    world.pass_ms(100);
    assert!(!world.info().heartbeat.is_running);
}

#[test]
fn every_dispatch_is_counted_by_its_name_filtered_ones_too() {
    let filter = shardwire::proto::Filter::only(["READY"]);
    let mut world = ready_with(options(), config().filter(filter));
    for _ in 0..3 {
        world.emit("TYPING_START", "{}");
    }
    world.pass(1);
    let info = world.info();
    assert_eq!((info.events.of("READY"), info.events.of("TYPING_START")), (1, 3));
    assert_eq!((info.counters.dispatches, info.counters.filtered), (1, 3));
}

#[test]
fn faults_and_reconnects_are_counted_and_can_be_reset() {
    let mut world = ready();
    world.cut();
    world.until_ready();
    let counters = world.info().counters;
    assert_eq!((counters.connects, counters.reconnects, counters.faults), (2, 1, 1));
    world.with_machine(shardwire::proto::ShardMachine::reset_counters);
    let info = world.info();
    assert_eq!(info.counters, shardwire::proto::Counters::default());
    assert_eq!(info.events.iter().count(), 0);
    world.cut();
    world.until_ready();
    assert_eq!(world.info().counters.resumes, 1);
}

#[test]
fn the_compression_is_named_as_the_gateway_names_it() {
    let world = ready_with(options(), config().compression(Compression::ZlibStream));
    assert_eq!(world.info().compression, "zlib-stream");
    assert_eq!(ready().info().compression, "none");
}

#[test]
fn the_inflated_bytes_are_more_than_those_on_the_wire_with_compression() {
    let mut world = ready_with(options(), config().compression(Compression::ZlibStream));
    world.emit("LARGE", &format!("\"{}\"", "x".repeat(10_000)));
    world.pass(1);
    let counters = world.info().counters;
    assert!(counters.inflated_bytes > counters.wire_bytes * 5, "{counters:?}");
}

#[test]
fn how_long_ago_the_newest_heartbeat_was_sent_and_answered_can_be_seen() {
    let mut world = ready();
    assert_eq!(world.info().heartbeat.sent_ago, None);
    world.until(60, |world| !world.sent(Opcode::HEARTBEAT).is_empty());
    world.pass(2);
    let heartbeat = world.info().heartbeat;
    let (sent, acked) = (heartbeat.sent_ago.expect("sent"), heartbeat.acked_ago.expect("acked"));
    assert!(sent >= Duration::from_secs(2) && sent < Duration::from_secs(3), "{sent:?}");
    assert!(acked < sent);
}

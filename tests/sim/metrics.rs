//! The example that holds both sides to the same metrics and the same picture of a shard: `tests/pkg/metrics.test.mjs` reads it too.

use std::{fs, path::Path, time::Duration};

use shardwire::proto::{ShardInfo, prometheus};

use crate::support::*;

/// Two shards: one that has lived, with numbers of every kind, and one that was not started.
fn infos() -> [ShardInfo; 2] {
    let mut world = ready_with(options(), config().shard(0, 2));
    world.emit("GUILD_CREATE", "{}");
    world.emit("A\"\\\n", "{}");
    world.pass(45);
    let mut info = world.info();
    info.uptime = Duration::from_micros(86_400_123_456);
    info.heartbeat.last = Some(Duration::from_micros(41_537));
    info.heartbeat.average = Some(Duration::from_micros(43_250));
    info.heartbeat.history = vec![Duration::from_micros(41_537), Duration::from_micros(44_963)];
    info.heartbeat.sent_ago = Some(Duration::from_secs(5));
    info.heartbeat.acked_ago = Some(Duration::from_micros(4_958_463));
    info.counters.wire_bytes = 5_000_000_000;
    info.counters.inflated_bytes = 25_000_000_000;
    info.counters.sent_bytes = 4096;
    info.commands.waiting = 3;
    let config = config().shard(1, 2).build().expect("valid");
    let fresh = shardwire::proto::ShardMachine::new(config, 1);
    [info, fresh.info(shardwire::proto::Instant::ZERO)]
}

fn committed(name: &str, made: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/metrics");
    if std::env::var_os("SHARDWIRE_WRITE_EXAMPLES").is_some() {
        fs::write(folder.join(name), made).expect("the folder is there");
    }
    let committed = fs::read_to_string(folder.join(name)).expect("it is committed");
    assert_eq!(made, committed, "SHARDWIRE_WRITE_EXAMPLES=1 writes {name} anew");
}

#[test]
fn the_metrics_and_the_picture_are_those_of_the_common_example() {
    let infos = infos();
    committed("metrics.txt", &prometheus(&infos));
    let json = serde_json::to_string_pretty(&infos).expect("plain data");
    committed("infos.json", &format!("{json}\n"));
}

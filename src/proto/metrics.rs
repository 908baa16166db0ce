//! What is counted, in the text form that Prometheus reads. Counts nothing itself.
//!
//! Source: Prometheus' "Text-based format". The npm package's `shardwire/metrics` writes the same text.

use std::{fmt::Write as _, time::Duration};

use serde_json::Value;

use super::event::ShardInfo;

/// Statuses in the order of a connection's life; exactly one is 1.
const STATUSES: [&str; 10] = [
    "idle",
    "connecting",
    "awaiting-hello",
    "awaiting-identify",
    "identifying",
    "resuming",
    "ready",
    "disconnected",
    "closing",
    "stopped",
];

/// The metrics of one or many shards, for whoever serves them at `/metrics`.
///
/// Counters are called `shardwire_*_total`, everything else is a gauge; times are seconds. Each has the label `shard`, events
/// have `event`, the status has `status`.
#[must_use]
pub fn prometheus(shards: &[ShardInfo]) -> String {
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&ShardInfo) -> Option<f64>| {
        let values = shards.iter().filter_map(|info| Some((label(info), value(info)?)));
        family(&mut out, name, "gauge", help, values);
    };
    gauge("shardwire_uptime_seconds", "Time since the shard was first started.", &|info| {
        Some(seconds(info.uptime))
    });
    gauge("shardwire_latency_seconds", "Newest round trip of a heartbeat.", &|info| {
        info.heartbeat.last.map(seconds)
    });
    gauge("shardwire_latency_average_seconds", "Mean round trip of heartbeats.", &|info| {
        info.heartbeat.average.map(seconds)
    });
    gauge("shardwire_commands_available", "Commands that could be sent now.", &|info| {
        Some(count(info.commands.available))
    });
    gauge("shardwire_commands_waiting", "Commands that wait for their turn.", &|info| {
        Some(count(info.commands.waiting))
    });
    gauge("shardwire_requests_open", "Requests whose answers are collected.", &|info| {
        Some(count(info.commands.open_requests))
    });
    let statuses = shards.iter().flat_map(|info| {
        STATUSES.map(|status| {
            let is_it = f64::from(u8::from(info.status.name() == status));
            (format!("{},status=\"{status}\"", label(info)), is_it)
        })
    });
    family(&mut out, "shardwire_status", "gauge", "1 for what the shard is doing.", statuses);
    for (field, name) in counters() {
        let values = shards.iter().map(|info| (label(info), of(info, &field)));
        let help = format!("Counted since the start: {}.", name.replace('_', " "));
        family(&mut out, &format!("shardwire_{name}_total"), "counter", &help, values);
    }
    let events = shards.iter().flat_map(|info| {
        info.events.iter().map(move |(name, count)| {
            (format!("{},event=\"{}\"", label(info), escaped(name)), wide(count))
        })
    });
    family(&mut out, "shardwire_events_total", "counter", "Dispatches by their name.", events);
    out
}

fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl Iterator<Item = (String, f64)>,
) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(out, "{name}{{{labels}}} {value}");
    }
}

/// By way of milliseconds, as the JSON form has them: the same text as from there, to the last digit.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn seconds(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0 / 1000.0
}

fn label(info: &ShardInfo) -> String {
    format!("shard=\"{}\"", info.shard.number())
}

/// The fields of the counters as JSON calls them, and as metrics do: in the order of their alphabet.
fn counters() -> Vec<(String, String)> {
    let counters = serde_json::to_value(super::event::Counters::default());
    let fields = counters.ok().and_then(|counters| counters.as_object().cloned());
    let named = fields.into_iter().flatten().map(|(field, _)| {
        let snake = field.chars().fold(String::new(), |mut name, letter| {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
            name
        });
        (field, snake)
    });
    named.collect()
}

fn of(info: &ShardInfo, field: &str) -> f64 {
    let counters = serde_json::to_value(info.counters).unwrap_or_default();
    counters.get(field).and_then(Value::as_f64).unwrap_or_default()
}

/// A server may call its events anything.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "2^53 events are a lifetime's")]
const fn wide(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
const fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Config, Instant, Intents, ShardMachine};

    fn info(number: u32) -> ShardInfo {
        let config = Config::builder("token", Intents::GUILDS).shard(number, 2);
        ShardMachine::new(config.build().expect("valid"), 1).info(Instant::ZERO)
    }

    #[test]
    fn every_counter_has_a_family_with_all_shards() {
        let mut infos = [info(0), info(1)];
        infos[1].counters.wire_bytes = 5_000_000_000;
        infos[1].events.count("READY");
        infos[1].events.count("A\"B\\\n");
        let text = prometheus(&infos);
        for line in [
            "# TYPE shardwire_wire_bytes_total counter",
            "shardwire_wire_bytes_total{shard=\"0\"} 0",
            "shardwire_wire_bytes_total{shard=\"1\"} 5000000000",
            "shardwire_events_total{shard=\"1\",event=\"READY\"} 1",
            "shardwire_events_total{shard=\"1\",event=\"A\\\"B\\\\\\n\"} 1",
            "shardwire_status{shard=\"0\",status=\"idle\"} 1",
            "shardwire_status{shard=\"0\",status=\"ready\"} 0",
            "shardwire_uptime_seconds{shard=\"0\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(!text.contains("latency_seconds{"), "nothing was measured yet");
        assert_eq!(text.matches("# TYPE").count(), text.matches("# HELP").count());
    }
}

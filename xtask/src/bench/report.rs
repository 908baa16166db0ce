//! The tables, for `docs/benchmarks.md` and for the terminal. Knows figures, not where they come from.

use std::fmt::Write as _;

use super::{
    clients::Kind,
    counts::Part,
    results::{Results, Row},
    targets::{Standing, standings},
};

/// The whole document. `about` are lines on machine and versions.
pub(crate) fn document(
    results: &Results,
    about: &[String],
    parts: &[Part],
    landings: &str,
) -> String {
    let mut text = String::from(HEAD);
    for line in about {
        put(&mut text, &format!("- {line}"));
    }
    let Results { events, rounds, shards, .. } = results;
    put(
        &mut text,
        &format!(
            "- {rounds} interleaved rounds of {events} steady events each, behind READY and 200 guilds; {shards} idle shards"
        ),
    );
    text += "\n## Targets\n\n";
    text += &targets(results);
    text += "\n## Events as fast as they can be read\n\n";
    text += PICTURE;
    text += &floods(results);
    text += "\n## Events at 1000 a second\n\n";
    text += &paced(results);
    text += "\n## Shards on which nothing happens\n\n";
    text += &idle(results);
    text += "\n## Bytes on the wire\n\n";
    text += &wire(results);
    text += "\n## Parts of the native hot path\n\n";
    text += &instructions(parts);
    text += LANDINGS;
    text += landings;
    text += CAVEATS;
    let failures: Vec<String> = results.failures().collect();
    if !failures.is_empty() {
        text += "\n## What failed in this run\n\n";
        for failure in failures {
            put(&mut text, &format!("- {}", failure.replace('\n', " ")));
        }
    }
    text
}

/// What fits a terminal: everybody's processor time, then the targets.
pub(crate) fn short(results: &Results) -> String {
    let mut text = String::new();
    // One round was shown as it went.
    for row in results.rows.iter().filter(|row| row.floods.len() > 1) {
        let figure = row.cpu().map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.2}"));
        put(&mut text, &format!("  {:48} {figure:>8} µs", row.client.to_string()));
    }
    for standing in standings(results) {
        let Standing { ours, theirs, most, ratio, .. } = &standing;
        if let Some((ratio, is_reached)) = ratio.zip(standing.is_reached()) {
            let mark = if is_reached { '✓' } else { '✗' };
            put(&mut text, &format!("  {mark} {ratio:.2} of at most {most:.2}: {ours} / {theirs}"));
        }
    }
    text
}

fn targets(results: &Results) -> String {
    let mut text = String::from(
        "| Ours | Beside | Figure | At most | Measured | |\n| --- | --- | --- | ---: | ---: | --- |\n",
    );
    for standing in standings(results) {
        let Standing { figure, ours, theirs, most, ratio } = &standing;
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}×"));
        let word = match standing.is_reached() {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "not measured",
        };
        put(
            &mut text,
            &format!("| {ours} | {theirs} | {figure} | {most:.2}× | {ratio} | {word} |"),
        );
    }
    text
}

fn floods(results: &Results) -> String {
    let mut text = String::new();
    let mut host = "";
    for row in &results.rows {
        if row.client.host != host {
            host = &row.client.host;
            put(&mut text, &format!("\n### {host}\n"));
            put(
                &mut text,
                "| Client | Codec | Contract | CPU µs/event | min–max | × best peer | k events/s | burst CPU ms | peak MB |",
            );
            put(&mut text, "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        }
        let client = &row.client;
        let name = named(row);
        let cpu = cell(row.cpu(), 2);
        let spread =
            row.spread().map_or_else(String::new, |[least, most]| format!("{least:.2}–{most:.2}"));
        let ratio = results.best_peer(client).zip(row.cpu()).map(|(peer, own)| own / peer);
        let [rate, burst, peak] = [
            row.median(|run| Some(run.rate / 1000.0)),
            row.median(|run| run.burst),
            row.median(|run| Some(run.peak_mb)),
        ]
        .map(|value| cell(value, 0));
        let (codec, contract) = (client.codec_name(), &client.contract);
        let network = row.median(|run| run.network).filter(|network| *network > 0.0);
        let cpu = network.map_or(cpu.clone(), |network| format!("{cpu} + {network:.1} network"));
        put(
            &mut text,
            &format!(
                "| {name} | {codec} | {contract} | {cpu} | {spread} | {} | {rate} | {burst} | {peak} |",
                cell(ratio, 2)
            ),
        );
    }
    text
}

fn paced(results: &Results) -> String {
    let mut text = String::from(
        "| Client | CPU µs/event | latency p50 µs | p99 µs | max µs |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for row in &results.rows {
        if let Some(paced) = &row.paced {
            let [half, most, all] = paced.late;
            let name = &row.client;
            put(&mut text, &format!("| {name} | {:.0} | {half} | {most} | {all} |", paced.cpu));
        }
    }
    text
}

fn idle(results: &Results) -> String {
    let mut text = String::from("| Client | KB a shard |\n| --- | ---: |\n");
    for row in &results.rows {
        if let Some(idle) = row.idle {
            put(&mut text, &format!("| {} | {idle:.0} |", row.client));
        }
    }
    text
}

fn wire(results: &Results) -> String {
    let mut text = String::from(
        "Of a steady event, with its WebSocket frame.\n\n| Codec | bytes/event | of plain JSON |\n| --- | ---: | ---: |\n",
    );
    let plain = results.wire.get("json/none").copied();
    for (codec, bytes) in &results.wire {
        let share = plain.map_or_else(String::new, |plain| format!("{:.2}", bytes / plain));
        put(&mut text, &format!("| {codec} | {bytes:.0} | {share} |"));
    }
    text
}

fn instructions(parts: &[Part]) -> String {
    let mut text =
        String::from("| Part | ns a call | instructions a call |\n| --- | ---: | ---: |\n");
    for Part { name, nanos, instructions } in parts {
        put(&mut text, &format!("| {name} | {nanos:.0} | {instructions:.0} |"));
    }
    text
}

fn named(row: &Row) -> String {
    match row.client.kind {
        Kind::Ours => format!("**{}**", row.client.name),
        Kind::Peer => row.client.name.clone(),
        Kind::Bare => format!("*{}*", row.client.name),
    }
}

fn cell(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

fn put(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{line}");
}

const HEAD: &str = "# Benchmarks

What shardwire costs beside its peers and beside loops by hand, all measured in one run of `cargo xtask bench`, which wrote this
file. The same server sent everybody the same bytes over loopback, without TLS. Figures are processor time, user and system, of all
threads of the client's process, for the steady events behind the burst; medians of the rounds. **Compare ratios within one table,
not figures of different days or machines.**

- **full**: every event's data is handed over as a parsed object (native: as a type of `twilight-model`)
- **on demand**: all events are handed over, of which the program reads the data of `MESSAGE_CREATE`
- **filtered**: the client is told to hand over `MESSAGE_CREATE` only, parsed
- **text**: every event's data is handed over as text

**Ours** are bold, *loops by hand* slanted: they know neither heartbeats nor sessions, and are no proof of a limit either.

## This run

";

const PICTURE: &str = "![CPU time an event of each client, as a bar chart; the same figures are in the tables](benchmarks.svg)\n";

const LANDINGS: &str = "
Instructions as valgrind counts them, which do not depend on what else the machine does; one row for each landing.

";

const CAVEATS: &str = "
## Caveats

- The trace is made by chance from a seed, in the mix and with the sizes of a busy bot: `bench/src/trace`. zlib and zstd are what
  Discord runs, at their usual levels, flushed after each message.
- Under flood writes pile up in the socket, and one read brings many messages. At a real rate each message is a wake-up of its
  own, and the host's socket dominates: see the paced table.
- Peers whose inflate is asynchronous (`node:zlib` as a stream) vary between rounds by up to 2.7×.
- In Chromium the page's process is measured, in steps of 10 ms, and the network's process beside it, where it has one of its
  own; in workerd the whole process. Their server holds the steady events back until the first look was taken.
- `@discordeno/gateway` with zstd is left out: it fails on messages above 128 KB. No JavaScript peer runs in a browser unchanged.
- A client that missed an event has no figure, and is named at the end.
";

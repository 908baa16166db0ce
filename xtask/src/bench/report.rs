//! The tables, for `docs/benchmarks.md` and for the terminal. Knows figures, not where they come from.

use std::fmt::Write as _;

use super::{
    clients::Kind,
    counts::Part,
    results::{Results, Row},
    run::{Many, Sized, Start},
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
    text += MANY;
    text += &many(results);
    text += SIZED;
    text += &sized(results);
    text += STARTS;
    text += &starts(results);
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
        let Standing { ours, theirs, figure, most, measured, .. } = &standing;
        if let Some((measured, is_reached)) = measured.zip(standing.is_reached()) {
            let mark = if is_reached { '✓' } else { '✗' };
            let [measured, most] = [measured, *most].map(|figure| standing.show(figure));
            let beside = theirs.map_or_else(|| format!(", {figure}"), |it| format!(" / {it}"));
            put(&mut text, &format!("  {mark} {measured} of at most {most}: {ours}{beside}"));
        }
    }
    text
}

fn targets(results: &Results) -> String {
    let mut text = String::from(
        "| Ours | Beside | Figure | At most | Measured | |\n| --- | --- | --- | ---: | ---: | --- |\n",
    );
    for standing in standings(results) {
        let Standing { figure, ours, theirs, most, measured, .. } = &standing;
        let measured = measured.map_or_else(|| "–".to_owned(), |figure| standing.show(figure));
        let (theirs, most) = (theirs.unwrap_or("–"), standing.show(*most));
        let word = match standing.is_reached() {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "not measured",
        };
        put(&mut text, &format!("| {ours} | {theirs} | {figure} | {most} | {measured} | {word} |"));
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

fn many(results: &Results) -> String {
    grown(results, |row| {
        let cell = |it: &Many| {
            (it.shards.to_string(), format!("{:.2} µs, {:.0} MB", it.cpu, it.memory_mb))
        };
        row.many.iter().map(cell).collect()
    })
}

fn sized(results: &Results) -> String {
    grown(results, |row| {
        let cell = |it: &Sized| (format!("{} B", it.bytes), format!("{:.0}", it.cpu_per_mb));
        row.sized.iter().map(cell).collect()
    })
}

/// A column for each amount of work, by its name; who failed at one of them has no row.
fn grown(results: &Results, cells: impl Fn(&Row) -> Vec<(String, String)>) -> String {
    let rows: Vec<_> = results.rows.iter().map(|row| (&row.client, cells(row))).collect();
    let whole = rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (client, cells) in rows.iter().filter(|(_, cells)| whole > 0 && cells.len() == whole) {
        let (names, figures): (Vec<&str>, Vec<&str>) =
            cells.iter().map(|(name, figure)| (name.as_str(), figure.as_str())).unzip();
        if text.is_empty() {
            put(&mut text, &format!("| Client | {} |", names.join(" | ")));
            put(&mut text, &format!("| --- |{}", " ---: |".repeat(whole)));
        }
        put(&mut text, &format!("| {client} | {} |", figures.join(" | ")));
    }
    text
}

fn starts(results: &Results) -> String {
    let mut text = String::from(
        "| Runtime | load ms | of it the module | first connect ms | module and first connect ms |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    for row in &results.rows {
        let parts: [fn(&Start) -> f64; 4] =
            [|start| start.load, |start| start.module, |start| start.connect, Start::own];
        if let [Some(load), Some(module), Some(connect), Some(own)] =
            parts.map(|part| row.start(part))
        {
            let host = &row.client.host;
            put(
                &mut text,
                &format!("| {host} | {load:.2} | {module:.2} | {connect:.2} | {own:.2} |"),
            );
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

Node.js, Deno and Bun load the module that is built for speed (`wasm/fast_bg.wasm`: compiled with `-O3`, zlib-rs and SIMD),
browsers and workerd the one that is built for size (`wasm/shardwire_bg.wasm`).

**Ours** are bold, *loops by hand* slanted: they know neither heartbeats nor sessions, and are no proof of a limit either.

## This run

";

const PICTURE: &str = "![CPU time an event of each client, as a bar chart; the same figures are in the tables](benchmarks.svg)\n";

const MANY: &str = "
## More shards in one process

200 000 events altogether, `MESSAGE_CREATE` of 900 bytes each and without guilds before them, read by so many shards of one
process. They begin together, each with a message that asks for its events and is in the figure, as is what a shard does but once.
Processor time an event, and the process's memory behind it all. In JavaScript all shards are in one instance of the module.

";

const SIZED: &str = "
## Larger messages

`MESSAGE_CREATE` of so many bytes each: microseconds of processor time for a million bytes of JSON. That of small ones is what
an event costs whatever its size.

";

const STARTS: &str = "
## Start-up

By the clock on the wall, medians of processes (in Chromium: pages of new browsers) that had loaded nothing of ours, with all
files in the machine's cache. *load* is the import of the package with all its files, *the module* what of it is compiling the
WebAssembly and making an instance: in Chromium with its download from this machine; Deno compiles it as part of the import,
before a script can look, so that only the instance is told apart. *first connect* is from there until a new shard calls the
constructor of `WebSocket`. The start of the runtime itself is in none of them.

";

const LANDINGS: &str = "
Instructions as valgrind counts them, which do not depend on what else the machine does; one row for each landing.

";

const CAVEATS: &str = "
## Caveats

- The trace is made by chance from a seed, in the mix and with the sizes of a busy bot: `bench/src/trace`. zlib and zstd are what
  Discord runs, at their usual levels, flushed after each message. `cargo xtask bench --trace FILE` reads one that
  `shardwire tail --record FILE` wrote.
- Under flood writes pile up in the socket, and one read brings many messages. At a real rate each message is a wake-up of its
  own, and the host's socket dominates: see the paced table.
- Peers whose inflate is asynchronous (`node:zlib` as a stream) vary between rounds by up to 2.7×.
- In Chromium the page's process is measured, in steps of 10 ms, and the network's process beside it, where it has one of its
  own; in workerd the whole process. Their server holds the steady events back until the first look was taken.
- `@discordeno/gateway` with zstd is left out: it fails on messages above 128 KB. No JavaScript peer runs in a browser unchanged.
- A client that missed an event has no figure, and is named at the end.
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{bench::clients, workspace::Workspace};

    #[test]
    fn work_that_grows_has_a_column_each_and_who_failed_at_some_of_it_no_row() {
        let workspace = Workspace::locate().expect("this one");
        let clients = clients::all(&workspace).expect("clients.json");
        let mut rows: Vec<Row> = clients.into_iter().take(2).map(Row::new).collect();
        let many = |shards| Many { shards, cpu: 4.0, memory_mb: 9.0 };
        rows[0].many = vec![many(1), many(10)];
        rows[1].many = vec![many(1)];
        let name = rows[0].client.to_string();
        let results =
            Results { rows, events: 0, rounds: 0, shards: 0, package: None, wire: BTreeMap::new() };
        let expected = format!(
            "| Client | 1 | 10 |\n| --- | ---: | ---: |\n| {name} | 4.00 µs, 9 MB | 4.00 µs, 9 MB |\n"
        );
        assert_eq!(super::many(&results), expected);
    }
}

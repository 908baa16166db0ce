//! Benchmarks: everybody's cost from the same bytes in one run. This file says in which order; how one client is run, and what
//! is made of the figures, is told elsewhere.

mod clients;
mod counts;
mod growth;
mod plot;
mod prepare;
mod replay;
mod report;
mod results;
mod run;
mod targets;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use self::{
    clients::Client,
    replay::Replay,
    results::{Results, Row},
    run::{Places, Run},
};
use crate::{
    progress::{Step, say},
    size, tools,
    workspace::Workspace,
};

/// Shards of the idle rows.
const SHARDS: u32 = 200;
/// Events of the paced rows: ten seconds.
const PACED_EVENTS: u64 = 10_000;
const RATE: u64 = 1000;
/// Processes of each start.
const STARTS: u32 = 7;

#[derive(Args)]
pub(crate) struct Options {
    /// Some clients' processor time, one round, in less than three minutes; writes nothing
    #[arg(long)]
    quick: bool,
    /// Run only clients whose name contains this; may be given more than once; writes nothing
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// How often each client reads everything [default: 3, quick: 1]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// Steady events of each round [default: 200000, quick: 50000]
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// The seed of the trace
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Read this recording of `shardwire tail --record` in place of a trace by seed; floods only, writes nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["events", "seed"])]
    trace: Option<String>,
    /// Print the names of all clients and do nothing else
    #[arg(long)]
    list: bool,
}

/// Measures; writes docs/benchmarks.md and its picture if everything was measured.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let chosen = options.choose(clients::all(workspace)?)?;
    if options.list {
        for client in chosen {
            say(&client.to_string());
        }
        return Ok(());
    }
    let chromium = prepare::all(workspace, &chosen)?;
    let places = Places::new(workspace, "release", chromium)?;
    let mut results = measure(&places, options, chosen)?;
    if results.rows.iter().any(|row| row.client.host != "native") {
        results.package = Some(size::browser(workspace)?);
    }
    say(&format!("\n{}", report::short(&results)));
    if options.is_whole() {
        let about = prepare::about(workspace, &places)?;
        let parts = counts::parts(&places)?;
        let docs = workspace.root().join("docs");
        let path = docs.join("benchmarks.md");
        let before = fs::read_to_string(&path).unwrap_or_default();
        let landings = counts::landings(&before, &prepare::landing(workspace)?, &parts);
        fs::write(path, report::document(&results, &about, &parts, &landings))?;
        fs::write(docs.join("benchmarks.svg"), plot::svg(&results))?;
        say("  Written to docs/benchmarks.md and docs/benchmarks.svg");
    }
    let failures: Vec<String> = results.failures().collect();
    ensure!(
        failures.is_empty(),
        "{} clients have no figure:\n{}",
        failures.len(),
        failures.join("\n")
    );
    Ok(())
}

/// The harness on a tiny trace, as a step of all tests: our clients and one loop by hand get every event, in every way that
/// they are measured in. No peer is needed, and no figure is looked at.
pub(crate) fn smoke(workspace: &Workspace, step: &Step) -> Result<()> {
    const NAMES: [&str; 3] =
        ["native: shardwire, zlib, text", "node: shardwire, zlib, full", "node: loop, zlib, full"];
    // With the features of the Rust tests, which then need not build it anew.
    let mut cargo = tools::cargo();
    cargo.current_dir(workspace.root()).args(["build", "--workspace", "--all-features"]);
    step.execute(cargo.args(["--bin=bench-server", "--bin=bench-native"]))?;
    let places = Places::new(workspace, "debug", None)?;
    let clients: Vec<Client> = clients::all(workspace)?
        .into_iter()
        .filter(|client| NAMES.contains(&client.to_string().as_str()))
        .collect();
    ensure!(clients.len() == NAMES.len(), "clients.json must have {}", NAMES.join("; "));
    let arguments = ["--events=300", "--guilds=3", "--rate=1000", "--codec=json/zlib-stream"];
    let replay = Replay::start(&places.program("bench-server"), &arguments.map(str::to_owned))?;
    for client in &clients {
        let named = || client.to_string();
        run::flood(&places, client, &replay).with_context(named)?;
        run::paced(&places, client, &replay).with_context(named)?;
        run::idle(&places, client, &replay, 2).with_context(named)?;
        if client.is_in("growth") {
            run::many(&places, client, &replay, 3).with_context(named)?;
        }
        if client.is_in("start") {
            run::start(&places, client).with_context(named)?;
        }
    }
    Ok(())
}

impl Options {
    fn choose(&self, all: Vec<Client>) -> Result<Vec<Client>> {
        let is_named = |client: &Client| {
            let name = client.to_string();
            self.only.is_empty() || self.only.iter().any(|pattern| name.contains(pattern.as_str()))
        };
        let is_meant = |client: &Client| {
            if self.only.is_empty() {
                !self.quick || client.is_in("quick")
            } else {
                is_named(client)
            }
        };
        let chosen: Vec<Client> = all.into_iter().filter(is_meant).collect();
        if chosen.is_empty() {
            bail!("no client's name contains {}; --list prints all", self.only.join(" or "));
        }
        Ok(chosen)
    }

    /// Whether the document can be made of it.
    fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty() && self.trace.is_none()
    }

    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    fn events(&self) -> u64 {
        self.events.unwrap_or(if self.quick { 50_000 } else { 200_000 })
    }
}

fn measure(places: &Places, options: &Options, chosen: Vec<Client>) -> Result<Results> {
    let mut results = Results {
        rows: chosen.into_iter().map(Row::new).collect(),
        events: options.events(),
        rounds: options.rounds(),
        shards: SHARDS,
        package: None,
        wire: BTreeMap::new(),
    };
    let start = |events: u64| {
        Step::run("Encode all events", |_| serve(places, &results.rows, options, events))
    };
    let replay = start(results.events)?;
    let few = start(PACED_EVENTS)?;
    results.wire = few.per_event();
    floods(places, &replay, &mut results)?;
    drop(replay);
    if !options.quick && options.trace.is_none() {
        paced(places, &few, &mut results)?;
        idle(places, &few, &mut results)?;
        starts(places, &mut results)?;
        growth::measure(places, options.seed, &mut results)?;
    }
    Ok(results)
}

/// A server with the codecs that the clients ask for; with all of them if their sizes are wanted.
fn serve(places: &Places, rows: &[Row], options: &Options, events: u64) -> Result<Replay> {
    let mut arguments = vec![format!("--rate={RATE}")];
    match &options.trace {
        Some(file) => arguments.push(format!("--trace={file}")),
        None => {
            arguments.extend([format!("--seed={}", options.seed), format!("--events={events}")]);
        }
    }
    let codecs: BTreeSet<&str> = rows.iter().map(|row| row.client.codec.as_str()).collect();
    if !options.is_whole() {
        arguments.extend(codecs.iter().map(|codec| format!("--codec={codec}")));
    }
    Replay::start(&places.program("bench-server"), &arguments)
}

/// Everybody in turn, so that a busy minute of the machine hits all alike.
fn floods(places: &Places, replay: &Replay, results: &mut Results) -> Result<()> {
    let rounds = results.rounds;
    for round in 1..=rounds {
        Step::run(&format!("Round {round} of {rounds}"), |step| {
            for row in &mut results.rows {
                step.show(&row.client.to_string());
                match run::flood(places, &row.client, replay) {
                    Ok(run) => {
                        say(&told(&row.client, &run));
                        row.floods.push(run);
                    }
                    Err(error) => row.fail(&error),
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn told(client: &Client, run: &Run) -> String {
    format!("  {:48} {:>8.2} µs an event", client.to_string(), run.cpu)
}

fn paced(places: &Places, replay: &Replay, results: &mut Results) -> Result<()> {
    Step::run(&format!("{RATE} events a second"), |step| {
        for row in results.rows.iter_mut().filter(|row| row.client.is_in("paced")) {
            step.show(&row.client.to_string());
            match run::paced(places, &row.client, replay) {
                Ok(paced) => row.paced = Some(paced),
                Err(error) => row.fail(&error),
            }
        }
        Ok(())
    })
}

fn idle(places: &Places, replay: &Replay, results: &mut Results) -> Result<()> {
    Step::run(&format!("{SHARDS} idle shards"), |step| {
        for row in results.rows.iter_mut().filter(|row| row.client.is_in("idle")) {
            step.show(&row.client.to_string());
            let memory = |shards| run::idle(places, &row.client, replay, shards);
            match memory(1).and_then(|one| Ok((memory(SHARDS)? - one) / f64::from(SHARDS - 1))) {
                Ok(each) => row.idle = Some(each),
                Err(error) => row.fail(&error),
            }
        }
        Ok(())
    })
}

/// Everybody in turn, each time anew.
fn starts(places: &Places, results: &mut Results) -> Result<()> {
    Step::run(&format!("Start {STARTS} times"), |step| {
        for _ in 0..STARTS {
            for row in results.rows.iter_mut().filter(|row| row.client.is_in("start")) {
                step.show(&row.client.to_string());
                match run::start(places, &row.client) {
                    Ok(start) => row.starts.push(start),
                    Err(error) => row.fail(&error),
                }
            }
        }
        Ok(())
    })
}

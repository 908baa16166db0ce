//! Fleets of real shards whose connections break by chance, natively and in Node.js. Knows none of them: `tests/soak` does.

use std::{process::Command, time::Duration};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum, value_parser};

use crate::{
    npm, package,
    progress::{Step, say},
    tools,
    workspace::Workspace,
};

#[derive(Args)]
pub(crate) struct Options {
    /// How many shards
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    shards: u32,
    /// For how long connections break
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u64).range(1..))]
    minutes: u64,
    /// What decides which connection breaks, and how
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u32,
    /// This client only; may be given more than once
    #[arg(long, value_name = "NAME")]
    client: Vec<Client>,
}

/// The tests of `tests/soak`, by their names.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Client {
    /// All shards in one task
    Native,
    /// A task for each shard
    Spawned,
    /// The package in Node.js
    Node,
}

const ALL: [Client; 3] = [Client::Native, Client::Spawned, Client::Node];

/// What is run, and of which build.
struct Plan<'a> {
    clients: &'a [Client],
    shards: u32,
    lasts: Duration,
    seed: u32,
    /// How many clients run beside each other.
    at_once: usize,
    /// How Cargo builds it.
    build: &'a [&'a str],
}

/// Runs each client and prints what was counted and what memory an idle shard takes.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let clients = if options.client.is_empty() { &ALL } else { &*options.client };
    if clients.contains(&Client::Node) {
        npm::ensure(workspace, npm::Scope::Tests)?;
        package::make(workspace)?;
    }
    let plan = Plan {
        clients,
        shards: options.shards,
        lasts: Duration::from_secs(60 * options.minutes),
        seed: options.seed,
        at_once: 1,
        build: &["--package=shardwire", "--profile=soak", "--features=cli"],
    };
    let title = format!("soak: {} shards, {} min", plan.shards, options.minutes);
    let output = Step::run(&title, |step| soak(workspace, step, &plan))?;
    let text = String::from_utf8_lossy(&output);
    say(&text.lines().filter(|line| line.starts_with("soak ")).collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// The same as a step of all tests: short, and with what other steps have built.
pub(crate) fn check(workspace: &Workspace, step: &Step) -> Result<()> {
    let plan = Plan {
        clients: &ALL,
        shards: 100,
        lasts: Duration::from_secs(8),
        seed: 0,
        at_once: ALL.len(),
        build: &["--workspace", "--all-features"],
    };
    soak(workspace, step, &plan).map(|_| ())
}

fn soak(workspace: &Workspace, step: &Step, plan: &Plan<'_>) -> Result<Vec<u8>> {
    let mut build = tools::cargo();
    build.current_dir(workspace.root()).arg("build").args(plan.build);
    step.execute(build.args(["--example=fleet", "--example=spawn"]))?;
    let mut test = with_many_files(&tools::cargo());
    test.current_dir(workspace.root())
        .env("SHARDWIRE_SHARDS", plan.shards.to_string())
        .env("SHARDWIRE_SECONDS", plan.lasts.as_secs().to_string())
        .env("SHARDWIRE_SEED", plan.seed.to_string())
        .env("SHARDWIRE_PACKAGE", workspace.package())
        .arg("test")
        .args(plan.build)
        .args(["--test=soak", "--", "--ignored", "--exact", "--nocapture"])
        .arg(format!("--test-threads={}", plan.at_once))
        .args(plan.clients.iter().map(|client| client.test()));
    if plan.clients.contains(&Client::Node) {
        test.env("SHARDWIRE_NODE", tools::node_with_websocket(workspace)?);
    }
    step.output(&mut test).context("`cargo xtask soak fleet --client NAME` runs one of them")
}

impl Client {
    const fn test(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Spawned => "spawned",
            Self::Node => "node",
        }
    }
}

/// The same command, with as many sockets as the machine allows: the usual 1024 are too few for a thousand shards and a gateway.
#[cfg(unix)]
fn with_many_files(command: &Command) -> Command {
    let mut shell = tools::command("sh");
    shell.args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$0" "$@""#]).arg(command.get_program());
    shell
}

#[cfg(not(unix))]
fn with_many_files(command: &Command) -> Command {
    tools::command(command.get_program())
}

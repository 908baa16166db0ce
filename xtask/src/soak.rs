//! Chance worlds by the thousand: one virtual day each, against the reference model in `tests/model`.

use std::process::Command;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

use crate::{
    fleet,
    progress::{Step, say},
    tools,
    workspace::Workspace,
};

/// Worlds of `cargo xtask test`. About a minute of two cores.
pub(crate) const WORLDS: u64 = 2000;

/// The test that lives them; what it reads from its environment is told by `tests/model/soak.rs`.
const TEST: &str = "in_every_chance_world_the_user_sees_what_the_model_says";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    worlds: Worlds,
}

#[derive(Subcommand)]
enum Other {
    /// Let the connections of real shards break, natively and in Node.js
    Fleet(fleet::Options),
}

#[derive(Args)]
struct Worlds {
    /// How many worlds
    #[arg(long, value_name = "N", default_value_t = WORLDS)]
    worlds: u64,
    /// The seed of the first; each next world has the next seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// Lives the worlds and prints how often everything happened, or does what else was asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    match &options.other {
        Some(Other::Fleet(options)) => fleet::run(workspace, options),
        None => live_all(workspace, &options.worlds),
    }
}

/// Tells the seed of a world that fails.
fn live_all(workspace: &Workspace, options: &Worlds) -> Result<()> {
    let Worlds { worlds, seed } = *options;
    let title = format!("soak: {worlds} worlds from seed {seed}");
    let output = Step::run(&title, |step| live(workspace, step, worlds, seed))?;
    let text = String::from_utf8_lossy(&output);
    // The table lies between what the test runner says.
    let table = text.lines().skip_while(|line| *line != "seen");
    let table: Vec<&str> = table.take_while(|line| !line.starts_with("test ")).collect();
    say(&table.join("\n"));
    Ok(())
}

/// The same as a step of all tests. Gives what the test printed.
pub(crate) fn live(workspace: &Workspace, step: &Step, worlds: u64, seed: u64) -> Result<Vec<u8>> {
    let mut cargo = tools::cargo();
    cargo
        .current_dir(workspace.root())
        .args(["test", "--package=shardwire", "--profile=soak", "--features=testing"])
        .args(["--test=model", "--", "--exact", TEST, "--nocapture"]);
    step.output(with_plan(&mut cargo, worlds, seed))
        .context("the seed of the world that failed is told above")
}

fn with_plan(cargo: &mut Command, worlds: u64, seed: u64) -> &mut Command {
    cargo.env("SHARDWIRE_WORLDS", worlds.to_string()).env("SHARDWIRE_SEED", seed.to_string())
}

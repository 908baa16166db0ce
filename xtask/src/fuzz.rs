//! Fuzzing: the targets of `fuzz/`, one after the other. Knows nothing of what they do.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{
    progress::{self, Step},
    tools,
    workspace::Workspace,
};

/// What runs the targets. Sanitizers need its nightly Rust, of whichever day.
const RUNNER: &str = "cargo-fuzz";
const RUNNER_VERSION: &str = "0.13.2";
/// Longest input: room for a message of usual size, and short enough to be quick.
const LONGEST: u32 = 4096;

#[derive(Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u32,
    /// Run only this target; a file of `fuzz/fuzz_targets` without its extension
    #[arg(value_name = "TARGET")]
    target: Option<String>,
}

/// Runs the chosen targets. What they find lands in fuzz/artifacts; put it among the target's seeds, under a name that says
/// what it is, and `cargo test` replays it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let folder = workspace.root().join("fuzz");
    let mut targets: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder.join("fuzz_targets")).context("cannot list the targets")? {
        let path = entry?.path();
        targets.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    targets.sort();
    if let Some(wanted) = &options.target {
        ensure!(targets.contains(wanted), "expected one of {}", targets.join(", "));
        targets.retain(|target| target == wanted);
    }
    ensure_tools()?;
    for target in targets {
        let [corpus, seeds] = ["corpus", "seeds"].map(|kind| folder.join(kind).join(&target));
        fs::create_dir_all(&corpus).context("cannot make a folder for the corpus")?;
        let mut fuzz = nightly_cargo();
        fuzz.current_dir(workspace.root())
            .args(["fuzz", "run", &target])
            .args([&corpus, &seeds])
            .args(["--", &format!("-max_total_time={}", options.seconds)])
            .arg(format!("-max_len={LONGEST}"));
        let title = format!("Fuzz {target} for {} s", options.seconds);
        let output = Step::run(&title, |step| step.output(&mut fuzz))?;
        let output = String::from_utf8_lossy(&output);
        output.lines().filter(|line| line.starts_with("Done ")).for_each(progress::say);
    }
    Ok(())
}

fn ensure_tools() -> Result<()> {
    if tools::read(nightly_cargo().arg("--version")).is_err() {
        Step::run("Install nightly Rust", |step| {
            let mut rustup = tools::command("rustup");
            step.execute(rustup.args(["toolchain", "install", "nightly", "--profile=minimal"]))
        })?;
    }
    if tools::read(nightly_cargo().args(["fuzz", "--version"])).is_err() {
        Step::run(&format!("Install {RUNNER}"), |step| {
            let mut cargo = tools::cargo();
            step.execute(cargo.args(["install", RUNNER, "--locked", "--version", RUNNER_VERSION]))
        })?;
    }
    Ok(())
}

fn nightly_cargo() -> Command {
    let mut rustup = tools::command("rustup");
    rustup.args(["run", "nightly", "cargo"]);
    rustup
}

//! The parity matrix: builds the native player and lets `tests/parity/matrix.mjs` play. Knows no host and no scenario.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{
    browser::{Browser, CHROMIUM, FIREFOX},
    demo, npm, package,
    progress::Step,
    tools,
    workspace::Workspace,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Play in this host only; may be given more than once
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Play this scenario only; may be given more than once
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
}

/// The host that needs no package.
const NATIVE: &str = "native";

/// Plays, and writes docs/parity.md if everything was played.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    npm::ensure(workspace, npm::Scope::Tests)?;
    let mut browsers = Vec::new();
    for browser in [CHROMIUM, FIREFOX] {
        if options.wants(&browser) {
            let title = format!("Find {}", browser.name);
            let path = Step::run(&title, |step| browser.ensure(step))?;
            browsers.push((browser.variable, path));
        }
    }
    if options.host != [NATIVE] {
        package::make(workspace)?;
    }
    demo::build_binary(workspace)?;
    Step::run("Build the native player", |step| build_player(workspace, step))?;
    let mut matrix = matrix(workspace)?;
    for (flag, names) in [("--host", &options.host), ("--scenario", &options.scenario)] {
        matrix.args(names.iter().flat_map(|name| [flag, name.as_str()]));
    }
    let status = matrix.envs(browsers).status().context("cannot start Node.js")?;
    ensure!(status.success(), "the hosts differ, or one of them failed");
    Ok(())
}

/// The same as a step of all tests: nothing is written, and docs/parity.md must say what was seen.
pub(crate) fn check<'a>(
    workspace: &Workspace,
    step: &Step,
    browsers: impl Iterator<Item = (&'static str, &'a PathBuf)>,
) -> Result<()> {
    build_player(workspace, step)?;
    step.execute(node(workspace)?.args(["--test", "tests/parity/matrix.test.mjs"]))?;
    step.execute(matrix(workspace)?.envs(browsers).arg("--check"))
        .context("`cargo xtask parity` plays the same, and --host and --scenario some of it")
}

impl Options {
    fn wants(&self, browser: &Browser) -> bool {
        self.host.is_empty() || self.host.iter().any(|name| name.starts_with(browser.name))
    }
}

/// With the features of the Rust tests, which then need not build it anew.
fn build_player(workspace: &Workspace, step: &Step) -> Result<()> {
    let mut cargo = tools::cargo();
    cargo.current_dir(workspace.root());
    step.execute(cargo.args(["build", "--workspace", "--all-features", "--example=parity"]))
}

fn matrix(workspace: &Workspace) -> Result<Command> {
    let mut node = node(workspace)?;
    node.env("SHARDWIRE_BIN", workspace.binary())
        .env("SHARDWIRE_PACKAGE", workspace.package())
        .env("SHARDWIRE_TARGET", workspace.target(""))
        .arg("tests/parity/matrix.mjs");
    Ok(node)
}

fn node(workspace: &Workspace) -> Result<Command> {
    let mut node = tools::command(tools::node_with_websocket(workspace)?);
    node.current_dir(workspace.root());
    Ok(node)
}

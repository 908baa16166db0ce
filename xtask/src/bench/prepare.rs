//! What must be there before anything can be measured: our programs, the package, the peers and the runtimes. Knows how they are
//! built, not what they do.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{clients::Client, run::Places};
use crate::{browser::CHROMIUM, npm, package, progress::Step, tools, workspace::Workspace};

/// Builds and installs what these clients need. Gives the browser, if one of them has it.
pub(crate) fn all(workspace: &Workspace, clients: &[Client]) -> Result<Option<PathBuf>> {
    let needs = |is_needed: fn(&Client) -> bool| clients.iter().any(is_needed);
    Step::run("Build the replay server and the native client", |step| {
        let mut cargo = tools::cargo();
        cargo.current_dir(workspace.root());
        step.execute(cargo.args(["build", "--release", "--package=shardwire-bench"]))
    })?;
    for compression in ["zlib", "zstd"] {
        let name = format!("twilight-{compression}");
        if clients.iter().any(|client| client.run == name) {
            Step::run(&format!("Build twilight with {compression}"), |step| {
                let mut cargo = tools::cargo();
                cargo.current_dir(workspace.root()).args(["build", "--release", "--locked"]).args(
                    [
                        "--manifest-path=bench/twilight/Cargo.toml",
                        &format!("--features={compression}"),
                    ],
                );
                step.execute(cargo.arg("--target-dir").arg(workspace.target("bench").join(&name)))
            })?;
        }
    }
    if needs(|client| client.host != "native") {
        npm::ensure(workspace, npm::Scope::Tests)?;
        package::make(workspace)?;
        npm::ensure_peers(workspace)?;
    }
    if needs(|client| client.run == "chromium.mjs") {
        return Step::run("Find Chromium", |step| CHROMIUM.ensure(step)).map(Some);
    }
    Ok(None)
}

/// Machine and versions, for the document.
pub(crate) fn about(workspace: &Workspace, places: &Places) -> Result<Vec<String>> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let mut about = vec![format!(
        "{} with {cores} cores, {} {}",
        model.map_or("an unknown processor", |(_, model)| model),
        std::env::consts::OS,
        std::env::consts::ARCH
    )];
    let first = |program: &PathBuf| -> Result<String> {
        let text = tools::read(tools::command(program).arg("--version"))?;
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    };
    let mut runtimes = vec![format!("Node.js {}", first(&places.node)?.trim_start_matches('v'))];
    runtimes.push(first(&places.deno)?);
    runtimes.push(format!("Bun {}", first(&places.bun)?));
    if let Some(chromium) = &places.chromium {
        runtimes.push(first(chromium)?);
    }
    runtimes.push(first(&"rustc".into())?);
    about.push(runtimes.join(", "));
    let manifest = fs::read_to_string(workspace.root().join("bench/package.json"))?;
    let manifest: Value = serde_json::from_str(&manifest).context("bench/package.json")?;
    let peers = manifest["dependencies"].as_object().into_iter().flatten();
    let peers: Vec<String> = peers
        .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
        .collect();
    about.push(format!("{}, twilight-gateway 0.18.0", peers.join(", ")));
    Ok(about)
}

/// Day and name of the newest commit.
pub(crate) fn landing(workspace: &Workspace) -> Result<String> {
    let mut git = tools::command("git");
    git.current_dir(workspace.root()).args(["log", "-1", "--format=%cs %h"]);
    Ok(tools::read(&mut git)?.trim().to_owned())
}

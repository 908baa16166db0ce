//! From Rust to a small WebAssembly module with its JavaScript bindings.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::{names, progress::Step, tools, workspace::Workspace};

/// Stem of the generated files: `shardwire.js`, `shardwire_bg.wasm`.
const NAME: &str = "shardwire";

/// Writes module and bindings into `folder`.
pub(crate) fn build(workspace: &Workspace, folder: &Path) -> Result<()> {
    tools::ensure_wasm_target()?;
    let compiled = Step::run("Compile to WebAssembly", |step| compile(workspace, step))?;
    Step::run("Generate bindings", |_| bind(&compiled, folder))?;
    let module = folder.join(format!("{NAME}_bg.wasm"));
    let script = folder.join(format!("{NAME}.js"));
    let names = Step::run("Shrink the module", |step| shrink(workspace, step, &module))?;
    Step::run("Shrink the bindings", |step| {
        rename(&script, &names)?;
        minify(workspace, step, &script)
    })
}

fn compile(workspace: &Workspace, step: &Step) -> Result<PathBuf> {
    let mut cargo = tools::cargo();
    cargo.current_dir(workspace.root()).env("CARGO_ENCODED_RUSTFLAGS", flags()).args([
        "build",
        "--package=shardwire-npm",
        "--target=wasm32-unknown-unknown",
        "--profile=wasm",
    ]);
    step.execute(&mut cargo)?;
    Ok(workspace.target("wasm32-unknown-unknown/wasm").join("shardwire_npm.wasm"))
}

/// How far LLVM goes in copying a function's body to where it is called. Of the values that were tried, the one with the
/// smallest module after gzip: 0 took 600 bytes more, as what is not copied is not simplified either, and 30 took 700 more.
const INLINE_THRESHOLD: u32 = 10;

/// Keeps the builder's folders out of the texts of panics, so that everybody builds the same bytes.
fn flags() -> OsString {
    let mut flags = OsString::from(format!("-Cllvm-args=-inline-threshold={INLINE_THRESHOLD}"));
    for sources in registries() {
        // Cargo's separator in encoded flags: it occurs in no path.
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(sources);
        flags.push("=registry");
    }
    flags
}

/// Where Cargo has unpacked crates: one folder for each registry that was ever used, none if all crates are vendored.
fn registries() -> Vec<PathBuf> {
    let entries = fs::read_dir(cargo_home().join("registry/src"));
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn cargo_home() -> PathBuf {
    let home = || env::home_dir().unwrap_or_default().join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// One flavour for every runtime: the `web` target without a default path. Each entry file loads the module its way.
fn bind(compiled: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Bindgen::new()
        .input_path(compiled)
        .out_name(NAME)
        .typescript(false)
        .omit_default_module_path(true)
        .encode_into(EncodeInto::Always)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)?
        .generate(folder)
        .context("wasm-bindgen could not generate the bindings")
}

/// Gives the map of the names that were shortened. `-O2` rather than `-O3`, which copies functions to where they are called:
/// smaller by itself, larger after gzip. Names in a second run, as they go into whatever passes leave.
fn shrink(workspace: &Workspace, step: &Step, module: &Path) -> Result<String> {
    step.execute(wasm_opt(workspace, module).arg("-O2"))?;
    tools::read(wasm_opt(workspace, module).arg("--minify-imports-and-exports-and-modules"))
}

/// It reads from the module which features it may use, so it needs no flags for them.
fn wasm_opt(workspace: &Workspace, module: &Path) -> Command {
    let mut node = tools::node();
    node.arg(workspace.node_module("binaryen/bin/wasm-opt")).args([
        module,
        Path::new("--output"),
        module,
    ]);
    node
}

fn rename(script: &Path, map: &str) -> Result<()> {
    let text =
        fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
    fs::write(script, names::shorten(&text, map)?)
        .with_context(|| format!("cannot write {}", script.display()))
}

/// Nobody reads the bindings, so they need not be readable. What we wrote ourselves is shipped as it is.
fn minify(workspace: &Workspace, step: &Step, script: &Path) -> Result<()> {
    let mut node = tools::node();
    node.arg(workspace.node_module("terser/bin/terser"))
        .args(["--module", "--compress", "--mangle", "--output"])
        .args([script, Path::new("--"), script]);
    step.execute(&mut node)
}

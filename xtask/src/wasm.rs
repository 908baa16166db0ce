//! From Rust to small WebAssembly modules with their JavaScript bindings.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::{bindings, names, panics, progress::Step, tools, workspace::Workspace};

/// One of the package's modules.
struct Module {
    /// Stem of the generated files: `shardwire.js`, `shardwire_bg.wasm`.
    name: &'static str,
    /// The crate, and what Cargo calls its output.
    package: &'static str,
    file: &'static str,
    profile: &'static str,
    features: &'static str,
    flag: &'static str,
    /// How hard `wasm-opt` tries, and for what.
    passes: &'static str,
}

/// The client, for whoever downloads it.
const CLIENT: Module = Module {
    name: "shardwire",
    package: "shardwire-npm",
    file: "shardwire_npm.wasm",
    profile: "wasm",
    features: "",
    flag: SMALL,
    passes: "-Os",
};

/// The same client, for runtimes that have the package on their disk: twice as large, and a quarter faster.
const FAST: Module = Module {
    name: "fast",
    profile: "wasm-fast",
    features: "fast",
    flag: VECTORS,
    passes: "-O3",
    ..CLIENT
};

/// What is loaded when a shard asks for ETF or zstd. With the instructions for vectors, which all supported runtimes have.
const CODECS: Module = Module {
    name: "codecs",
    package: "shardwire-npm-codecs",
    file: "shardwire_npm_codecs.wasm",
    profile: "wasm-codecs",
    features: "",
    flag: VECTORS,
    passes: "-Os",
};

const VECTORS: &str = "-Ctarget-feature=+simd128";

/// How far LLVM goes in copying a function's body to where it is called. Of the values that were tried, the one with the
/// smallest module after gzip: 0 took 600 bytes more, as what is not copied is not simplified either, and 30 took 700 more.
/// What asks to be copied gets no more room, and nothing is loaded ahead on one way to spare a load on the other: 180 bytes,
/// and messages are read no slower.
const SMALL: &str =
    "-Cllvm-args=-inline-threshold=10 -inlinehint-threshold=10 -enable-load-pre=false";

/// Writes modules and bindings into `folder`.
pub(crate) fn build(workspace: &Workspace, folder: &Path) -> Result<()> {
    tools::ensure_wasm_target()?;
    [CLIENT, CODECS].iter().try_for_each(|module| module.build(workspace, folder))?;
    build_fast(workspace, folder)?;
    inline(workspace, folder)
}

/// The fast client has no bindings of its own: those of the small one must fit.
fn build_fast(workspace: &Workspace, folder: &Path) -> Result<()> {
    let small = CLIENT.compiled(workspace);
    let compiled = Step::run("Compile fast.wasm", |step| FAST.compile(workspace, step))?;
    let module = folder.join("fast_bg.wasm");
    Step::run("Shrink fast.wasm", |step| {
        let aside = workspace.target("fast");
        let small = alike(&bind(&small, &CLIENT, &aside)?);
        let fast = alike(&bind(&compiled, &CLIENT, &aside)?);
        ensure!(small == fast, "the two builds of the client need other bindings");
        fs::rename(aside.join(format!("{}_bg.wasm", CLIENT.name)), &module)?;
        fs::remove_dir_all(&aside)?;
        FAST.optimise(workspace, step, &module)
    })
}

/// The lines of a script without what differs between two builds that need the same.
fn alike(script: &str) -> Vec<String> {
    let is_hash = |word: &str| word.len() > 16 && names::without_hash(word).len() < word.len();
    let lines = script.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut lines: Vec<String> = lines
        .map(|line| {
            let words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            words.filter(|word| !is_hash(word)).collect()
        })
        .collect();
    lines.sort();
    lines
}

impl Module {
    fn build(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        let Self { name, .. } = self;
        let compiled =
            Step::run(&format!("Compile {name}.wasm"), |step| self.compile(workspace, step))?;
        let module = folder.join(format!("{name}_bg.wasm"));
        Step::run(&format!("Generate {name}.js"), |_| bind(&compiled, self, folder))?;
        Step::run(&format!("Shrink {name}.wasm and {name}.js"), |step| {
            self.optimise(workspace, step, &module)?;
            minify(workspace, step, folder, name)
        })
    }

    fn compile(&self, workspace: &Workspace, step: &Step) -> Result<PathBuf> {
        let Self { package, profile, features, flag, .. } = self;
        let mut cargo = tools::cargo();
        cargo.current_dir(workspace.root()).env("CARGO_ENCODED_RUSTFLAGS", flags(flag)).args([
            "build",
            &format!("--package={package}"),
            "--target=wasm32-unknown-unknown",
            &format!("--profile={profile}"),
            &format!("--features={features}"),
        ]);
        step.execute(&mut cargo)?;
        Ok(self.compiled(workspace))
    }

    fn compiled(&self, workspace: &Workspace) -> PathBuf {
        workspace.target("wasm32-unknown-unknown").join(self.profile).join(self.file)
    }

    /// `-Os` for the small ones rather than `-O2`, which took 420 bytes more after gzip and read messages no faster; twice, as
    /// what is left of parameters shows only after the first run. The first KB of memory is the very end of the stack, to which
    /// no address is added up.
    fn optimise(&self, workspace: &Workspace, step: &Step, module: &Path) -> Result<()> {
        let finish =
            [self.passes, "--low-memory-unused", "--merge-locals", "--coalesce-locals-learning"];
        let passes = ["--dae-optimizing"].into_iter().chain(finish).chain(finish);
        let mut node = tools::node();
        // It reads from the module which features it may use, so it needs no flags for them.
        node.arg(workspace.node_module("binaryen/bin/wasm-opt"))
            .args([module, Path::new("--output"), module])
            .args(passes);
        step.execute(&mut node)
    }
}

/// Keeps the builder's folders out of the texts of panics, so that everybody builds the same bytes.
fn flags(own: &str) -> OsString {
    let mut flags = OsString::from(own);
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

/// One flavour for every runtime: the `web` target without a default path. Each entry file loads the module its way. Gives the
/// script.
fn bind(compiled: &Path, module: &Module, folder: &Path) -> Result<String> {
    let Module { name, .. } = module;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut output = Bindgen::new()
        .input_path(compiled)
        .out_name(name)
        .typescript(false)
        .omit_default_module_path(true)
        .encode_into(EncodeInto::Always)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)?
        .generate_output()
        .context("wasm-bindgen could not generate the bindings")?;
    panics::silence(output.wasm_mut());
    let bindings = format!("./{name}_bg.js");
    let names = names::shorten(output.wasm_mut(), &bindings)?;
    output.emit(folder).with_context(|| format!("cannot write {}", folder.display()))?;
    let path = folder.join(format!("{name}.js"));
    let script =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // What comes from the codecs is freed as soon as its connection ends.
    let script = bindings::trim(&script, *name == CODECS.name)?;
    let script = names.apply(&script, &bindings)?;
    fs::write(&path, &script).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(script)
}

/// Nobody downloads the bindings to read them: readable they would take 1.7 KB more with gzip, the address of a map takes 30
/// bytes.
fn minify(workspace: &Workspace, step: &Step, folder: &Path, name: &str) -> Result<()> {
    let script = format!("{name}.js");
    // The name that debuggers show, beside that of the minified file.
    let readable = format!("{name}.readable.js");
    fs::rename(folder.join(&script), folder.join(&readable))?;
    let mut node = tools::node();
    // In the folder, so that the map holds no path of this machine.
    node.current_dir(folder)
        .arg(workspace.node_module("terser/bin/terser"))
        .args([
            "--module",
            "--compress",
            "ecma=2020,passes=3,unsafe=true,unsafe_arrows=true",
            "--mangle",
        ])
        .args(["--output", &script, "--source-map"])
        .args([&format!("includeSources,url={script}.map"), "--", &readable]);
    step.execute(&mut node)?;
    Ok(fs::remove_file(folder.join(readable))?)
}

/// The client's module as a text in a script, for bundlers that ship no files.
fn inline(workspace: &Workspace, folder: &Path) -> Result<()> {
    let mut node = tools::node();
    node.arg(workspace.root().join("xtask/js/inline.mjs"))
        .args([folder.join(format!("{}_bg.wasm", CLIENT.name)), folder.join("inline.js")]);
    Step::run("Put shardwire.wasm into inline.js", |step| step.execute(&mut node))
}

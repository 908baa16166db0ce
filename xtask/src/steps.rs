//! The steps of `cargo xtask test`: what each runs, and what it needs before.
//!
//! Few combinations of features and profiles are built, since each costs minutes on a small machine.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    bench, browser, debian, demo, fleet, npm, package, parity, progress::Step, size, soak, tools,
    workspace::Workspace,
};

/// What each feature brings must compile without the others.
const FEATURES: [&str; 10] = [
    "zlib",
    "zlib-rs",
    "zstd",
    "etf",
    "testing",
    "native",
    "mock",
    "web",
    "system-roots",
    "twilight-model",
];
const WASM: &str = "--target=wasm32-unknown-unknown";

/// Where we are, and what earlier steps found out.
pub(crate) struct Context<'a> {
    workspace: &'a Workspace,
    /// This program, for tests that start the demo.
    xtask: PathBuf,
    chromium: Option<PathBuf>,
    firefox: Option<PathBuf>,
}

/// One line of the summary.
pub(crate) struct TestStep {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Steps that must have passed.
    pub(crate) needs: &'static [&'static str],
    pub(crate) run: fn(&mut Context<'_>, &Step) -> Result<()>,
}

/// All steps; each comes after those that it needs.
pub(crate) const ALL: &[TestStep] = &[
    TestStep { name: "fmt", about: "formatting", needs: &[], run: fmt },
    TestStep { name: "npm", about: "npm packages as locked", needs: &[], run: npm_packages },
    TestStep { name: "chromium", about: "a browser for the tests", needs: &[], run: chromium },
    TestStep { name: "firefox", about: "another browser", needs: &[], run: firefox },
    TestStep { name: "clippy", about: "lints, everything switched on", needs: &[], run: clippy },
    TestStep { name: "core", about: "the core alone, host and wasm", needs: &[], run: core },
    TestStep { name: "features", about: "each feature alone", needs: &[], run: features },
    TestStep { name: "rust", about: "Rust tests", needs: &[], run: rust },
    TestStep { name: "erlang", about: "ETF read back by Erlang", needs: &[], run: erlang },
    TestStep { name: "redis", about: "fleets that share a Redis", needs: &[], run: redis },
    TestStep { name: "model", about: "2000 chance worlds, a day each", needs: &[], run: model },
    TestStep { name: "doc", about: "documentation and its links", needs: &[], run: doc },
    TestStep { name: "types", about: "TypeScript declarations", needs: &["npm"], run: types },
    TestStep { name: "package", about: "npm package", needs: &["npm"], run: package },
    TestStep { name: "size", about: "what browsers download", needs: &["package"], run: size },
    TestStep { name: "command", about: "the shardwire command", needs: &[], run: command },
    TestStep {
        name: "node",
        about: "the package, installed, in Node.js",
        needs: &["npm", "package", "command"],
        run: node,
    },
    TestStep {
        name: "fleets",
        about: "a hundred shards whose connections break",
        needs: &["npm", "package"],
        run: fleets,
    },
    TestStep {
        name: "bench",
        about: "the benchmarks' harness, on a tiny trace",
        needs: &["npm", "package"],
        run: bench,
    },
    TestStep {
        name: "runtimes",
        about: "the package in Deno, Bun and workerd",
        needs: &["npm", "chromium", "package", "command"],
        run: runtimes,
    },
    TestStep {
        name: "declarations",
        about: "the package as published, three compilers",
        needs: &["npm", "package"],
        run: declarations,
    },
    TestStep {
        name: "bundlers",
        about: "the package in users' projects",
        needs: &["npm", "chromium", "package", "command"],
        run: bundlers,
    },
    TestStep {
        name: "parity",
        about: "the same in every host, to the byte",
        needs: &["npm", "chromium", "firefox", "package", "command"],
        run: parity,
    },
    TestStep {
        name: "e2e",
        about: "dashboard and package in Chromium",
        needs: &["npm", "chromium", "package", "command"],
        run: e2e,
    },
];

impl<'a> Context<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Result<Self> {
        // Asked now: once Cargo has built xtask anew, the system calls the running file deleted.
        let xtask = env::current_exe().context("cannot tell where xtask is")?;
        Ok(Self { workspace, xtask, chromium: None, firefox: None })
    }

    /// Which browsers earlier steps found, by the variables that tests read.
    fn browsers(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let found = [
            (browser::CHROMIUM.variable, &self.chromium),
            (browser::FIREFOX.variable, &self.firefox),
        ];
        found.into_iter().filter_map(|(variable, path)| Some((variable, path.as_ref()?)))
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = tools::cargo();
        cargo.current_dir(self.workspace.root()).args(arguments);
        cargo
    }
}

fn fmt(context: &mut Context<'_>, step: &Step) -> Result<()> {
    step.execute(&mut context.cargo(&["fmt", "--all", "--check"]))
        .context("run `cargo fmt --all`; if there is no rustfmt, `rustup component add rustfmt`")
}

fn npm_packages(context: &mut Context<'_>, _: &Step) -> Result<()> {
    npm::ensure(context.workspace, npm::Scope::Tests)
}

fn chromium(context: &mut Context<'_>, step: &Step) -> Result<()> {
    context.chromium = Some(browser::CHROMIUM.ensure(step)?);
    Ok(())
}

fn firefox(context: &mut Context<'_>, step: &Step) -> Result<()> {
    context.firefox = Some(browser::FIREFOX.ensure(step)?);
    Ok(())
}

fn clippy(context: &mut Context<'_>, step: &Step) -> Result<()> {
    let arguments =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-Dwarnings"];
    step.execute(&mut context.cargo(&arguments))
        .context("if there is no clippy, `rustup component add clippy`")
}

/// Neither tokio nor wasm-bindgen is in these builds, so the core cannot use them.
fn core(context: &mut Context<'_>, step: &Step) -> Result<()> {
    tools::ensure_wasm_target()?;
    step.execute(&mut lint_alone(context, None, None))?;
    step.execute(&mut lint_alone(context, None, Some(WASM)))
}

fn features(context: &mut Context<'_>, step: &Step) -> Result<()> {
    tools::ensure_wasm_target()?;
    for feature in FEATURES {
        step.execute(&mut lint_alone(context, Some(feature), None))?;
    }
    step.execute(&mut lint_alone(context, Some("web"), Some(WASM)))
}

/// Clippy instead of `cargo check`: it checks the same and can refuse warnings without building dependencies anew.
fn lint_alone(context: &Context<'_>, feature: Option<&str>, target: Option<&str>) -> Command {
    let mut cargo = context.cargo(&["clippy", "--package=shardwire", "--lib"]);
    cargo.arg("--no-default-features").args(target);
    if let Some(feature) = feature {
        cargo.args(["--features", feature]);
    }
    cargo.args(["--", "-Dwarnings"]);
    cargo
}

fn rust(context: &mut Context<'_>, step: &Step) -> Result<()> {
    step.execute(&mut context.cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]))
}

/// The tests that `rust` leaves out, as they need Erlang.
fn erlang(context: &mut Context<'_>, step: &Step) -> Result<()> {
    debian::ensure("escript", "erlang-base", step)?;
    left_out(context, "erlang", step)
}

/// Runs a file of tests that `rust` leaves out.
fn left_out(context: &Context<'_>, test: &str, step: &Step) -> Result<()> {
    let arguments = ["test", "--workspace", "--all-features", "--test", test, "--", "--ignored"];
    step.execute(&mut context.cargo(&arguments))
}

/// The tests that `rust` leaves out, as they need Redis. Their example was built by `rust`, or is now.
fn redis(context: &mut Context<'_>, step: &Step) -> Result<()> {
    debian::ensure("redis-server", "redis-server", step)?;
    step.execute(&mut context.cargo(&["build", "--workspace", "--all-features", "--examples"]))?;
    left_out(context, "redis", step)
}

fn model(context: &mut Context<'_>, step: &Step) -> Result<()> {
    soak::live(context.workspace, step, soak::WORLDS, 0).map(|_| ())
}

fn doc(context: &mut Context<'_>, step: &Step) -> Result<()> {
    let mut cargo =
        context.cargo(&["doc", "--package=shardwire", "--lib", "--no-deps", "--all-features"]);
    step.execute(cargo.env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// Two programs, as what one of them imports changes types everywhere.
fn types(context: &mut Context<'_>, step: &Step) -> Result<()> {
    for project in ["tests/pkg/tsconfig.json", "tests/pkg/tsconfig.discord.json"] {
        let mut tsc = tools::node();
        tsc.current_dir(context.workspace.root())
            .arg(context.workspace.node_module("typescript/bin/tsc"))
            .args(["--project", project]);
        step.execute(&mut tsc)?;
    }
    Ok(())
}

fn package(context: &mut Context<'_>, _: &Step) -> Result<()> {
    package::make(context.workspace)
}

fn size(context: &mut Context<'_>, _: &Step) -> Result<()> {
    size::report(context.workspace)
}

fn command(context: &mut Context<'_>, _: &Step) -> Result<()> {
    demo::build_binary(context.workspace)
}

/// The package as installed, beside the native client, and under bad input; then its smaller parts.
const NODE_TESTS: [&str; 21] = [
    "tests/pkg/install.test.mjs",
    "tests/pkg/parity.test.mjs",
    "tests/pkg/codecs.test.mjs",
    "tests/pkg/hostile.test.mjs",
    "tests/pkg/corners.test.mjs",
    "tests/pkg/commands.test.mjs",
    "tests/pkg/requests.test.mjs",
    "tests/pkg/hooks.test.mjs",
    "tests/pkg/store.test.mjs",
    "tests/pkg/queues.test.mjs",
    "tests/pkg/port-queues.test.mjs",
    "tests/pkg/http-queues.test.mjs",
    "tests/pkg/listeners.test.mjs",
    "tests/pkg/discover.test.mjs",
    "tests/pkg/lifecycle.test.mjs",
    "tests/pkg/leaks.test.mjs",
    "tests/pkg/metrics.test.mjs",
    "tests/pkg/dispatch.test.mjs",
    "tests/pkg/fleet.test.mjs",
    "tests/pkg/stores.test.mjs",
    "tests/pkg/examples.test.mjs",
];

/// The host's Node.js, whichever it is, and one with a global `WebSocket` if the host's has none.
fn node(context: &mut Context<'_>, step: &Step) -> Result<()> {
    let newer = tools::node_with_websocket(context.workspace)?;
    let mut nodes = vec![PathBuf::from("node")];
    nodes.extend((newer != nodes[0]).then_some(newer));
    for node in nodes {
        step.execute(&mut node_test(context, &node, &NODE_TESTS))?;
    }
    Ok(())
}

fn fleets(context: &mut Context<'_>, step: &Step) -> Result<()> {
    fleet::check(context.workspace, step)
}

fn bench(context: &mut Context<'_>, step: &Step) -> Result<()> {
    bench::smoke(context.workspace, step)
}

/// Every other runtime, then what only one of them has.
const RUNTIME_TESTS: [&str; 7] = [
    "tests/pkg/runtimes.test.mjs",
    "tests/pkg/hosts.test.mjs",
    "tests/pkg/durable-object.test.mjs",
    "tests/pkg/durable-example.test.mjs",
    "tests/pkg/cloudflare-fleet.test.mjs",
    "tests/pkg/host-stores.test.mjs",
    "tests/pkg/host-queues.test.mjs",
];

fn runtimes(context: &mut Context<'_>, step: &Step) -> Result<()> {
    // The simulator of Workers does not run on older ones.
    let node = tools::node_with_websocket(context.workspace)?;
    step.execute(&mut node_test(context, &node, &RUNTIME_TESTS))
}

/// What is in the tarball, and whether its declarations hold. The linters and compilers run on any Node.js.
fn declarations(context: &mut Context<'_>, step: &Step) -> Result<()> {
    let tests = ["tests/pkg/published.test.mjs", "tests/pkg/typescript.test.mjs"];
    step.execute(&mut node_test(context, Path::new("node"), &tests))
}

/// What users build with, install by and run first.
const PROJECT_TESTS: [&str; 4] = [
    "tests/pkg/bundlers.test.mjs",
    "tests/pkg/wrangler.test.mjs",
    "tests/pkg/registry.test.mjs",
    "tests/pkg/readme.test.mjs",
];

fn bundlers(context: &mut Context<'_>, step: &Step) -> Result<()> {
    // Wrangler does not run on older ones.
    let node = tools::node_with_websocket(context.workspace)?;
    step.execute(&mut node_test(context, &node, &PROJECT_TESTS))
}

fn parity(context: &mut Context<'_>, step: &Step) -> Result<()> {
    parity::check(context.workspace, step, context.browsers())
}

fn e2e(context: &mut Context<'_>, step: &Step) -> Result<()> {
    crate::site::assemble(context.workspace)?;
    let tests = ["tests/e2e/dashboard.test.mjs", "tests/e2e/lifecycle.test.mjs"];
    step.execute(&mut node_test(context, Path::new("node"), &tests))
}

/// Runs test files. They get the places of what was built, so they need not guess.
fn node_test(context: &Context<'_>, node: &Path, tests: &[&str]) -> Command {
    let workspace = context.workspace;
    let mut command = tools::command(node);
    command
        .current_dir(workspace.root())
        .env("SHARDWIRE_BIN", workspace.binary())
        .env("SHARDWIRE_PACKAGE", workspace.package())
        .env("SHARDWIRE_TARGET", workspace.target(""))
        .env("XTASK_BIN", &context.xtask)
        .envs(context.browsers())
        // A test that ran into its time limit must not keep the others' results back.
        .arg("--test-force-exit")
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(tests);
    command
}

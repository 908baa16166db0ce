//! `cargo xtask`: builds, shows and tests shardwire.
//!
//! The only place that knows how the parts are put together: the crate, the generated bindings, the npm package and
//! the dashboard.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

mod bench;
mod bindings;
mod browser;
mod debian;
mod demo;
mod fleet;
mod fuzz;
mod gateway;
mod names;
mod npm;
mod package;
mod panics;
mod parity;
mod progress;
mod serve;
mod site;
mod size;
mod soak;
mod steps;
mod test;
mod tools;
mod wasm;
mod workspace;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Builds, shows and tests shardwire"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure shardwire beside its peers and loops by hand; writes docs/benchmarks.md
    Bench(bench::Options),
    /// Build the npm package into target/npm/shardwire and say how large it is
    Build,
    /// Build everything, start a mock gateway and show the dashboard
    Demo(demo::Options),
    /// Run the fuzz targets, ten minutes each
    Fuzz(fuzz::Options),
    /// Play every scenario in every host and compare what was seen; writes docs/parity.md
    Parity(parity::Options),
    /// Serve the dashboard as `demo` last built it, for a gateway that runs already
    Serve(demo::ServeOptions),
    /// Let chance worlds live through a virtual day each, against the reference model
    Soak(soak::Options),
    /// Install what the tests need and run all of them
    Test(test::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::Build => package::build(&workspace),
        Command::Demo(options) => demo::run(&workspace, &options),
        Command::Fuzz(options) => fuzz::run(&workspace, &options),
        Command::Parity(options) => parity::run(&workspace, &options),
        Command::Serve(options) => demo::serve(&workspace, &options),
        Command::Soak(options) => soak::run(&workspace, &options),
        Command::Test(options) => test::run(&workspace, &options),
    }
}

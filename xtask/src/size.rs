//! What a browser downloads before its first event, and when codecs are asked for, and whether that is still little.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{progress::say, tools, workspace::Workspace};

const ENTRY: &str = "entry/browser.js";
/// What is loaded only when a shard asks for ETF or zstd.
const CODECS: [&str; 2] = ["wasm/codecs_bg.wasm", "wasm/codecs.js"];
/// More than this, compressed with gzip, fails the build. What it holds is what was reached, so that it grows no further: the
/// aim is 75 000, which the module kept to before it collected answers, called hooks and told of every step.
const BUDGET_GZIP: u64 = 98_000;
/// zstd takes 42 KB of it, ETF 50 KB, zlib 7 KB.
const CODECS_BUDGET_GZIP: u64 = 103_000;
const KINDS: [&str; 3] = ["raw", "gzip", "brotli"];

/// Prints the sizes; fails above the budgets.
pub(crate) fn report(workspace: &Workspace) -> Result<()> {
    let measured = measure(workspace)?;
    let first = print(&measured["first"], "What a browser downloads")?;
    let later = print(&measured["later"], "And for ETF or zstd")?;
    for (gzip, budget) in [(first, BUDGET_GZIP), (later, CODECS_BUDGET_GZIP)] {
        ensure!(
            gzip <= budget,
            "{gzip} bytes with gzip are more than the {budget} that were agreed on"
        );
    }
    Ok(())
}

/// Gives the total with gzip.
fn print(files: &Value, title: &str) -> Result<u64> {
    let files = files.as_array().context("measure.mjs reported no files")?;
    let total = KINDS.map(|kind| files.iter().map(|file| bytes(file, kind)).sum::<u64>());
    say(&format!("\n  {title:24}      raw     gzip   brotli"));
    for file in files {
        let name = file["name"].as_str().unwrap_or_default();
        print_row(name, KINDS.map(|kind| bytes(file, kind)));
    }
    print_row("together", total);
    let [_, gzip, _] = total;
    Ok(gzip)
}

fn measure(workspace: &Workspace) -> Result<Value> {
    let mut node = tools::node();
    node.arg(workspace.root().join("xtask/js/measure.mjs"))
        .arg(workspace.package())
        .arg(ENTRY)
        .args(CODECS);
    serde_json::from_str(&tools::read(&mut node)?).context("measure.mjs did not print JSON")
}

fn bytes(file: &Value, kind: &str) -> u64 {
    file[kind].as_u64().unwrap_or_default()
}

fn print_row(name: &str, sizes: [u64; 3]) {
    let [raw, gzip, brotli] = sizes;
    say(&format!("  {name:24} {raw:>8} {gzip:>8} {brotli:>8}"));
}

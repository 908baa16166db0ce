//! What a browser downloads before its first event, and whether that is still little.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{progress::say, tools, workspace::Workspace};

/// More than this, compressed with gzip, fails the build.
const BUDGET_GZIP: u64 = 75_000;
const ENTRY: &str = "entry/browser.js";
const KINDS: [&str; 3] = ["raw", "gzip", "brotli"];

/// Prints the sizes; fails above the budget.
pub(crate) fn report(workspace: &Workspace) -> Result<()> {
    let measured = measure(workspace)?;
    let files = measured.as_array().context("measure.mjs reported no files")?;
    let total = KINDS.map(|kind| files.iter().map(|file| bytes(file, kind)).sum::<u64>());
    say("\n  What a browser downloads      raw     gzip   brotli");
    for file in files {
        let name = file["name"].as_str().unwrap_or_default();
        print_row(name, KINDS.map(|kind| bytes(file, kind)));
    }
    print_row("together", total);
    let [_, gzip, _] = total;
    ensure!(
        gzip <= BUDGET_GZIP,
        "the package takes {gzip} bytes with gzip, more than the {BUDGET_GZIP} that were agreed on"
    );
    Ok(())
}

fn measure(workspace: &Workspace) -> Result<Value> {
    let mut node = tools::node();
    node.arg(workspace.root().join("xtask/js/measure.mjs")).arg(workspace.package()).arg(ENTRY);
    serde_json::from_str(&tools::read(&mut node)?).context("measure.mjs did not print JSON")
}

fn bytes(file: &Value, kind: &str) -> u64 {
    file[kind].as_u64().unwrap_or_default()
}

fn print_row(name: &str, sizes: [u64; 3]) {
    let [raw, gzip, brotli] = sizes;
    say(&format!("  {name:24} {raw:>8} {gzip:>8} {brotli:>8}"));
}

//! How much each build of the package loads, and whether what a browser downloads before its first event is still little.

use std::fmt::{Display, Write as _};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{progress::say, tools, workspace::Workspace};

/// The build of browsers.
const BROWSER: &str = "shardwire (browser)";
/// What is loaded only when a shard asks for ETF or zstd.
const CODECS: &str = "shardwire/codecs";
/// More than this, compressed with gzip, fails the build: what was agreed on, of which the module takes 66 KB.
const BUDGET_GZIP: u64 = 75_000;
/// zstd takes 41 KB of it, ETF 47 KB, zlib 7 KB.
const CODECS_BUDGET_GZIP: u64 = 97_000;

/// What one import of the package loads.
pub(crate) struct Build {
    name: String,
    /// Whether it is a whole client; else its files come to those of the browser's.
    is_entry: bool,
    files: Vec<File>,
}

struct File {
    name: String,
    sizes: [u64; 3],
}

const KINDS: [&str; 3] = ["raw", "gzip", "brotli"];

/// Prints the sizes; fails above the budgets.
pub(crate) fn report(workspace: &Workspace) -> Result<()> {
    let builds = measure(workspace)?;
    say(&table(&builds)?);
    for (name, budget) in [(BROWSER, BUDGET_GZIP), (CODECS, CODECS_BUDGET_GZIP)] {
        let [_, gzip, _] = find(&builds, name)?.total();
        ensure!(
            gzip <= budget,
            "{name}: {gzip} bytes with gzip are more than the {budget} that were agreed on"
        );
    }
    Ok(())
}

/// Measures the package as it was assembled.
pub(crate) fn measure(workspace: &Workspace) -> Result<Vec<Build>> {
    let mut node = tools::node();
    node.arg(workspace.root().join("xtask/js/measure.mjs")).arg(workspace.package());
    let builds: Value = serde_json::from_str(&tools::read(&mut node)?)?;
    Ok(builds.as_array().context("measure.mjs printed no list")?.iter().map(Build::read).collect())
}

/// Bytes that a browser downloads before its first event, compressed with gzip, and how many they may be.
pub(crate) fn browser(workspace: &Workspace) -> Result<(u64, u64)> {
    let builds = measure(workspace)?;
    let [_, gzip, _] = find(&builds, BROWSER)?.total();
    Ok((gzip, BUDGET_GZIP))
}

/// The sizes for readers of the package, in KB of 1000 bytes.
pub(crate) fn markdown(builds: &[Build]) -> String {
    let mut text = String::from("| Import | KB | gzip | brotli |\n| --- | ---: | ---: | ---: |\n");
    for build in builds {
        let plus = if build.is_entry { "" } else { "+ " };
        let [raw, gzip, brotli] = build.total().map(|bytes| bytes.div_ceil(1000));
        let _ = writeln!(text, "| {plus}`{}` | {raw} | {gzip} | {brotli} |", build.name);
    }
    text
}

fn find<'a>(builds: &'a [Build], name: &str) -> Result<&'a Build> {
    let found = builds.iter().find(|build| build.name == name);
    found.with_context(|| format!("package.json must have the build `{name}`"))
}

/// The browser's files, then the sums of all builds.
fn table(builds: &[Build]) -> Result<String> {
    let mut text = row("In a browser", KINDS);
    for file in &find(builds, BROWSER)?.files {
        text += &row(&file.name, file.sizes);
    }
    for (title, is_entry) in [("By import", true), ("Further imports add", false)] {
        text += &row(title, [""; 3]);
        for build in builds.iter().filter(|build| build.is_entry == is_entry) {
            text += &row(&build.name, build.total());
        }
    }
    Ok(text)
}

fn row<T: Display>(name: &str, [raw, gzip, brotli]: [T; 3]) -> String {
    format!("  {name:24} {raw:>8} {gzip:>8} {brotli:>8}\n")
}

impl Build {
    fn read(build: &Value) -> Self {
        Self {
            name: text(&build["name"]),
            is_entry: build["isEntry"] == true,
            files: build["files"].as_array().into_iter().flatten().map(File::read).collect(),
        }
    }

    fn total(&self) -> [u64; 3] {
        self.files.iter().fold([0; 3], |[raw, gzip, brotli], file| {
            let [more_raw, more_gzip, more_brotli] = file.sizes;
            [raw + more_raw, gzip + more_gzip, brotli + more_brotli]
        })
    }
}

impl File {
    fn read(file: &Value) -> Self {
        let sizes = KINDS.map(|kind| file[kind].as_u64().unwrap_or_default());
        Self { name: text(&file["name"]), sizes }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

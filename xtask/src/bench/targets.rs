//! What we want to reach: ratios of two rows of one run, and two figures by themselves. Knows the rows by their names.

use super::{
    results::{Results, Row},
    run::Start,
};

const BYTES: &str = " B";

/// Ours, beside somebody else's or by itself.
struct Target {
    ours: &'static str,
    theirs: Option<&'static str>,
    figure: Figure,
    /// Ours may take so many times as much, or so much.
    most: f64,
}

#[derive(Clone, Copy)]
enum Figure {
    Cpu,
    Idle,
    Start,
}

/// How a target stands.
pub(crate) struct Standing {
    pub(crate) figure: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) theirs: Option<&'static str>,
    pub(crate) most: f64,
    /// `None` if one of them has no figure.
    pub(crate) measured: Option<f64>,
    /// Of both figures: `×` if they are ratios.
    pub(crate) unit: &'static str,
}

const fn cpu(ours: &'static str, theirs: &'static str, most: f64) -> Target {
    Target { ours, theirs: Some(theirs), figure: Figure::Cpu, most }
}

const fn idle(ours: &'static str, theirs: &'static str, most: f64) -> Target {
    Target { ours, theirs: Some(theirs), figure: Figure::Idle, most }
}

const fn start(ours: &'static str, most: f64) -> Target {
    Target { ours, theirs: None, figure: Figure::Start, most }
}

const NODE: &str = "node: shardwire, zlib, full";
const PAGE: &str = "chromium page: shardwire, zlib, full";

const TARGETS: [Target; 14] = [
    cpu(NODE, "node: cloudstorm, zlib, full", 1.0),
    cpu(NODE, "node: @discordjs/ws, zlib-sync, zlib, full", 0.8),
    cpu("node: shardwire, zlib, on demand", "node: cloudstorm, zlib, full", 0.75),
    cpu("node: shardwire, zstd, full", NODE, 0.95),
    cpu("deno: shardwire, zlib, full", "deno: loop, zlib, full", 1.0),
    cpu("bun: shardwire, zlib, full", "bun: loop, zlib, full", 1.15),
    cpu(PAGE, "chromium page: loop, none, full", 1.05),
    cpu(PAGE, "chromium page: loop, pako, zlib, full", 0.65),
    cpu("native: shardwire, zlib, text", "native: twilight, zlib, text", 0.9),
    cpu("native: shardwire, zstd, text", "native: twilight, zstd, text", 0.9),
    cpu("native: shardwire, zlib, on demand", "native: twilight, zlib, full", 0.6),
    idle("native: shardwire, zlib, text", "native: twilight, zlib, text", 0.75),
    idle(NODE, "node: @discordjs/ws, zlib-sync, zlib, full", 0.5),
    start(NODE, 5.0),
];

impl Standing {
    /// By the figure as it is shown, to two decimals.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.measured.map(|measured| (measured * 100.0).round() <= (self.most * 100.0).round())
    }

    /// A figure of this target with its unit.
    pub(crate) fn show(&self, figure: f64) -> String {
        let decimals = if self.unit == BYTES { 0 } else { 2 };
        format!("{figure:.decimals$}{}", self.unit)
    }
}

/// How all of them stand.
pub(crate) fn standings(results: &Results) -> Vec<Standing> {
    let package = results.package.map(package);
    TARGETS.iter().map(|target| target.standing(results)).chain(package).collect()
}

#[expect(clippy::cast_precision_loss, reason = "some thousand bytes")]
fn package((bytes, most): (u64, u64)) -> Standing {
    Standing {
        figure: "download before the first event, gzip",
        ours: "package in a browser",
        theirs: None,
        most: most as f64,
        measured: Some(bytes as f64),
        unit: BYTES,
    }
}

impl Target {
    fn standing(&self, results: &Results) -> Standing {
        let Self { ours, theirs, figure, most } = *self;
        let value = |name| results.find(name).and_then(|row| figure.of(row));
        let measured = match theirs {
            Some(theirs) => value(ours).zip(value(theirs)).map(|(ours, theirs)| ours / theirs),
            None => value(ours),
        };
        let unit = if theirs.is_some() { "×" } else { " ms" };
        Standing { figure: figure.name(), ours, theirs, most, measured, unit }
    }
}

impl Figure {
    fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Cpu => row.cpu(),
            Self::Idle => row.idle,
            Self::Start => row.start(Start::own),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU an event",
            Self::Idle => "memory an idle shard",
            Self::Start => "module and first connect",
        }
    }
}

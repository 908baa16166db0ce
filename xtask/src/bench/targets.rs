//! What we want to reach, each as a ratio of two rows of one run. Knows the rows by their names.

use super::results::{Results, Row};

/// Ours beside somebody else's.
struct Target {
    ours: &'static str,
    theirs: &'static str,
    figure: Figure,
    /// Ours may take so many times as much.
    most: f64,
}

#[derive(Clone, Copy)]
enum Figure {
    Cpu,
    Idle,
}

/// How a target stands.
pub(crate) struct Standing {
    pub(crate) figure: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) most: f64,
    /// `None` if one of them has no figure.
    pub(crate) ratio: Option<f64>,
}

const fn cpu(ours: &'static str, theirs: &'static str, most: f64) -> Target {
    Target { ours, theirs, figure: Figure::Cpu, most }
}

const fn idle(ours: &'static str, theirs: &'static str, most: f64) -> Target {
    Target { ours, theirs, figure: Figure::Idle, most }
}

const NODE: &str = "node: shardwire, zlib, full";
const PAGE: &str = "chromium page: shardwire, zlib, full";

const TARGETS: [Target; 13] = [
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
];

impl Standing {
    /// By the ratio as it is shown, to two decimals.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.ratio.map(|ratio| (ratio * 100.0).round() <= (self.most * 100.0).round())
    }
}

/// How all of them stand.
pub(crate) fn standings(results: &Results) -> Vec<Standing> {
    TARGETS.iter().map(|target| target.standing(results)).collect()
}

impl Target {
    fn standing(&self, results: &Results) -> Standing {
        let Self { ours, theirs, figure, most } = *self;
        let value = |name| results.find(name).and_then(|row| figure.of(row));
        let ratio = value(ours).zip(value(theirs)).map(|(ours, theirs)| ours / theirs);
        Standing { figure: figure.name(), ours, theirs, most, ratio }
    }
}

impl Figure {
    fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Cpu => row.cpu(),
            Self::Idle => row.idle,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU an event",
            Self::Idle => "memory an idle shard",
        }
    }
}

//! The native hot path in instructions, as valgrind counts them: figures that do not depend on what else the machine does. And the
//! same parts by the clock.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context as _, Result};

use super::run::Places;
use crate::{debian, progress::Step, tools};

/// One part of the hot path.
pub(crate) struct Part {
    pub(crate) name: String,
    /// Processor time of a call, in nanoseconds.
    pub(crate) nanos: f64,
    /// Instructions of a call.
    pub(crate) instructions: f64,
}

/// Every part of `bench-parts`.
pub(crate) fn parts(places: &Places) -> Result<Vec<Part>> {
    Step::run("Count instructions", |step| {
        debian::ensure("valgrind", "valgrind", step)?;
        let program = places.program("bench-parts");
        let told = tools::read(&mut tools::command(&program))?;
        let nanos: BTreeMap<String, f64> =
            serde_json::from_str(&told).context("bench-parts told no times")?;
        let mut parts = Vec::new();
        for (name, nanos) in nanos {
            step.show(&name);
            let with = |flag: Option<&str>| {
                let mut valgrind = tools::command("valgrind");
                valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
                valgrind.arg(&program).arg(&name).args(flag);
                count(&mut valgrind)
            };
            // What it takes to make the part ready is in both.
            let (done, ready) = (with(None)?, with(Some("--nothing"))?);
            let calls: f64 = done.1.parse().with_context(|| format!("{name} told no calls"))?;
            parts.push(Part { name, nanos, instructions: (done.0 - ready.0) / calls });
        }
        Ok(parts)
    })
}

/// How many instructions a program took, and what it printed.
fn count(valgrind: &mut Command) -> Result<(f64, String)> {
    let output = valgrind.output().context("cannot start valgrind")?;
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    let count = line.and_then(|(_, count)| count.trim().parse().ok());
    let count = count.with_context(|| format!("valgrind counted nothing: {told}"))?;
    Ok((count, String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// The table of instructions in the document, with a row for this landing in place of one of the same name.
pub(crate) fn landings(document: &str, landing: &str, parts: &[Part]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let head = format!("| Landing | {} |", names.join(" | "));
    let rule = format!("| --- |{}", " ---: |".repeat(parts.len()));
    // Rows of other parts cannot stand in this table.
    let before = document.lines().skip_while(|line| *line != head).skip(2);
    let own = format!("| {landing} |");
    let before = before
        .take_while(|line| line.starts_with('|'))
        .filter(|line| !line.starts_with(&own))
        .map(str::to_owned);
    let figures: Vec<String> =
        parts.iter().map(|part| format!("{:.0}", part.instructions)).collect();
    let row = format!("{own} {} |", figures.join(" | "));
    let lines: Vec<String> = [head.clone(), rule].into_iter().chain(before).chain([row]).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(instructions: f64) -> Vec<Part> {
        vec![Part { name: "envelope".into(), nanos: 1.0, instructions }]
    }

    #[test]
    fn a_landing_is_added_once_below_those_before() {
        let first = landings("", "2026-11-28 abc", &parts(7.0));
        assert_eq!(first, "| Landing | envelope |\n| --- | ---: |\n| 2026-11-28 abc | 7 |\n");
        let second = landings(&first, "2026-11-29 def", &parts(5.0));
        assert!(second.ends_with("| 2026-11-28 abc | 7 |\n| 2026-11-29 def | 5 |\n"), "{second}");
        assert_eq!(landings(&second, "2026-11-29 def", &parts(5.0)), second);
    }
}

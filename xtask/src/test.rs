//! All tests, in an order in which a cheap step fails before a dear one.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::{
    progress::{Step, elapsed},
    steps::{ALL, Context, TestStep},
    workspace::Workspace,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Run only this step, and those that it needs; may be given more than once
    #[arg(long, value_name = "NAME", value_parser = names())]
    only: Vec<String>,
}

/// How a step went. Steps after a failed one that they need are not run.
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

struct Row {
    step: &'static TestStep,
    outcome: Outcome,
    time: Duration,
}

/// Runs the chosen steps, all of them even if one fails, and says at the end how each went.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut context = Context::new(workspace)?;
    let chosen = choose(&options.only);
    let started = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    for step in ALL.iter().filter(|step| chosen.contains(step.name)) {
        let row = attempt(step, &mut context, &rows);
        rows.push(row);
    }
    summarise(&rows, started.elapsed())
}

fn names() -> Vec<&'static str> {
    ALL.iter().map(|step| step.name).collect()
}

/// The steps that were asked for with all that they need, however indirectly; all of them if none was named.
fn choose(only: &[String]) -> BTreeSet<&'static str> {
    let is_asked = |step: &TestStep| only.is_empty() || only.iter().any(|name| name == step.name);
    let mut chosen = BTreeSet::new();
    // Steps come after those that they need, so one pass from behind finds all.
    for step in ALL.iter().rev() {
        if is_asked(step) || chosen.contains(step.name) {
            chosen.insert(step.name);
            chosen.extend(step.needs);
        }
    }
    chosen
}

fn attempt(step: &'static TestStep, context: &mut Context<'_>, earlier: &[Row]) -> Row {
    let is_missing =
        |row: &&Row| step.needs.contains(&row.step.name) && !matches!(row.outcome, Outcome::Passed);
    if let Some(row) = earlier.iter().find(is_missing) {
        eprintln!("- {}: not run, since `{}` did not pass", step.name, row.step.name);
        return Row { step, outcome: Outcome::NotRun, time: Duration::ZERO };
    }
    let started = Instant::now();
    let result = Step::run(&format!("{}: {}", step.name, step.about), |it| (step.run)(context, it));
    let outcome = match result {
        Ok(()) => Outcome::Passed,
        Err(error) => {
            eprintln!("error in step `{}`: {error:#}\n", step.name);
            Outcome::Failed
        }
    };
    Row { step, outcome, time: started.elapsed() }
}

fn summarise(rows: &[Row], time: Duration) -> Result<()> {
    eprintln!();
    for row in rows {
        let (word, time) = match row.outcome {
            Outcome::Passed => ("passed", elapsed(row.time)),
            Outcome::Failed => ("FAILED", elapsed(row.time)),
            Outcome::NotRun => ("not run", String::new()),
        };
        eprintln!("  {word:8} {:10} {time:>12}  {}", row.step.name, row.step.about);
    }
    eprintln!("  together {:>23}\n", elapsed(time));
    let is_passed = |row: &Row| matches!(row.outcome, Outcome::Passed);
    let missing = rows.iter().filter(|row| !is_passed(row)).count();
    ensure!(!rows.is_empty(), "no step was run");
    if missing > 0 {
        bail!("{missing} of {} steps did not pass", rows.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_after_those_that_they_need() {
        for (index, step) in ALL.iter().enumerate() {
            for needed in step.needs {
                assert!(
                    ALL[..index].iter().any(|earlier| earlier.name == *needed),
                    "`{}` needs `{needed}`, which is not before it",
                    step.name
                );
            }
        }
    }

    #[test]
    fn a_chosen_step_brings_what_it_needs() {
        let chosen = choose(&["types".to_owned()]);
        assert_eq!(chosen, BTreeSet::from(["npm", "types"]));
        assert_eq!(choose(&[]).len(), ALL.len());
    }
}

//! Steps: what is being done, for how long, and the full output of what failed.

use std::{
    io::{self, BufRead, BufReader, IsTerminal},
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often the elapsed time of a running step is drawn.
const TICK: Duration = Duration::from_millis(100);

/// The spinners of all running steps: a step may consist of steps.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One thing that is being done now.
pub(crate) struct Step {
    bar: ProgressBar,
}

impl Step {
    /// Does `work`, showing that it runs and how long it took.
    pub(crate) fn run<T>(title: &str, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let step = Self { bar: bar(title) };
        let result = work(&step);
        step.bar.finish_and_clear();
        let mark = if result.is_ok() { '✓' } else { '✗' };
        say(&format!("{mark} {title} {}", elapsed(started.elapsed())));
        result
    }

    /// Runs a command to its end. Its output is shown only if it fails.
    pub(crate) fn execute(&self, command: &mut Command) -> Result<()> {
        self.output(command).map(|_| ())
    }

    /// Runs a command to its end and gives its output, which is shown only if it fails.
    pub(crate) fn output(&self, command: &mut Command) -> Result<Vec<u8>> {
        let name = describe(command);
        let (reader, writer) = io::pipe().context("cannot make a pipe")?;
        let mut child = {
            // The command keeps its ends of the pipe open until it is told otherwise; without that the reading below
            // would never end.
            let stderr = writer.try_clone().context("cannot make a pipe")?;
            let child = command.stdout(writer).stderr(stderr).spawn();
            command.stdout(Stdio::null()).stderr(Stdio::null());
            child.with_context(|| format!("cannot start `{name}`; is it installed and on PATH?"))?
        };
        let output = self.collect(BufReader::new(reader))?;
        let status = child.wait()?;
        if !status.success() {
            say(&String::from_utf8_lossy(&output));
            bail!("`{name}` failed: {status}");
        }
        Ok(output)
    }

    /// Shows what is being done right now beside the step's title.
    pub(crate) fn show(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Keeps all lines and shows the newest beside the step's title.
    fn collect(&self, mut lines: impl BufRead) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        loop {
            let start = output.len();
            if lines.read_until(b'\n', &mut output)? == 0 {
                return Ok(output);
            }
            let line = String::from_utf8_lossy(&output[start..]);
            if !line.trim().is_empty() {
                self.bar.set_message(line.trim().to_owned());
            }
        }
    }
}

/// Prints a line, or several, above the running steps.
pub(crate) fn say(text: &str) {
    BARS.suspend(|| eprintln!("{}", text.trim_end_matches('\n')));
}

/// A spinner on a terminal; elsewhere, such as in CI, a line when the step begins.
fn bar(title: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        say(&format!("· {title}"));
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
        .expect("the template is well formed");
    let bar = ProgressBar::new_spinner().with_style(style).with_prefix(title.to_owned());
    let bar = BARS.add(bar);
    bar.enable_steady_tick(TICK);
    bar
}

/// A time as people read it: `0.4 s`, `1 min 12 s`.
pub(crate) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// A command as one would type it.
fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program()).to_string_lossy();
    command.get_args().fold(program.into_owned(), |text, argument| {
        format!("{text} {}", argument.to_string_lossy())
    })
}

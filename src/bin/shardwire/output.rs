//! How events are printed: as JSON lines, or as a table with remarks beside it. Knows nothing of the connection.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use shardwire::proto::{Dispatch, Event, Host, Next, Status, StopReason};

use super::{
    arguments::Format,
    glance::{self, printable},
};

/// Characters of an event's summary in the table.
const WIDTH: usize = 80;

/// Where events go.
pub struct Output {
    format: Format,
    dispatch_only: bool,
    events: BufWriter<io::Stdout>,
    /// Whether something was written that nobody can see yet.
    is_dirty: bool,
    has_header: bool,
}

impl Output {
    /// Prints to standard output; in the form that suits it unless `format` says so.
    pub fn new(format: Option<Format>, dispatch_only: bool) -> Self {
        let stdout = io::stdout();
        let natural = if stdout.is_terminal() { Format::Table } else { Format::Json };
        Self {
            format: format.unwrap_or(natural),
            dispatch_only,
            events: BufWriter::new(stdout),
            is_dirty: false,
            has_header: false,
        }
    }

    /// Prints one event.
    pub fn print(&mut self, event: &Event) -> io::Result<()> {
        match (self.format, event) {
            (Format::Json, Event::Dispatch(_)) => self.json(event),
            (Format::Json, _) if !self.dispatch_only => self.json(event),
            (Format::Table, Event::Dispatch(dispatch)) => self.row(dispatch),
            (_, event) => {
                if let Some(text) = self.remark(event) {
                    self.flush()?;
                    note(&text);
                }
                Ok(())
            }
        }
    }

    /// Whether [`flush`](Self::flush) has something to do.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Lets everything be seen that was printed.
    pub fn flush(&mut self) -> io::Result<()> {
        self.is_dirty = false;
        self.events.flush()
    }

    fn json(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_string(event)?;
        // Data goes out as it came, and a server may send it with line breaks between its tokens.
        if line.contains(['\n', '\r']) {
            line = line.replace(['\n', '\r'], " ");
        }
        self.is_dirty = true;
        writeln!(self.events, "{line}")
    }

    fn row(&mut self, dispatch: &Dispatch) -> io::Result<()> {
        self.is_dirty = true;
        if !self.has_header {
            self.has_header = true;
            writeln!(
                self.events,
                "{:<12} {:>8}  {:<28} {:>8}  SUMMARY",
                "TIME (UTC)", "SEQUENCE", "EVENT", "BYTES"
            )?;
        }
        writeln!(
            self.events,
            "{:<12} {:>8}  {:<28} {:>8}  {}",
            time_of_day(SystemTime::now()),
            dispatch.sequence,
            printable(&dispatch.name, 60),
            dispatch.data.len(),
            glance::at(&dispatch.data, WIDTH)
        )
    }

    /// A line about the connection, for those events that deserve one.
    fn remark(&self, event: &Event) -> Option<String> {
        let text = match event {
            Event::Disconnected { fault, next } => {
                format!("disconnected: {fault}; {}", plan(*next))
            }
            Event::Notice(notice) => format!("notice: {notice}"),
            Event::Resumed { replayed } => format!("resumed, {replayed} events replayed"),
            // What went wrong is told as an error at the end.
            Event::Stopped { reason: StopReason::Requested } => "closed as asked".into(),
            // Its reason is in the line about the lost connection.
            Event::StatusChanged { status: Status::Disconnected { .. }, .. } => return None,
            Event::StatusChanged { status, .. } if !self.dispatch_only => {
                format!("status: {}", status.name())
            }
            _ => return None,
        };
        Some(printable(&text, 500))
    }
}

/// Prints a line on standard error.
pub fn note(text: &str) {
    // If standard error is gone, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

fn plan(next: Next) -> String {
    match next {
        Next::Identify { retry_in } => format!("a new session {}", wait(retry_in)),
        Next::Resume { host: Host::Base, retry_in } => {
            format!("resuming on the base address {}", wait(retry_in))
        }
        Next::Resume { host: Host::Resume, retry_in } => format!("resuming {}", wait(retry_in)),
        Next::Stop => "reconnecting would not help".into(),
    }
}

fn wait(span: Duration) -> String {
    if span.is_zero() { "at once".into() } else { format!("in {:.1} s", span.as_secs_f64()) }
}

fn time_of_day(now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs() % (24 * 60 * 60);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", seconds % 60, now.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_that_of_greenwich() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_042);
        assert_eq!(time_of_day(at), "22:13:20.042");
    }

    #[test]
    fn plans_are_sentences() {
        let retry_in = Duration::from_millis(1500);
        assert_eq!(plan(Next::Identify { retry_in }), "a new session in 1.5 s");
        let retry_in = Duration::ZERO;
        assert_eq!(plan(Next::Resume { host: Host::Resume, retry_in }), "resuming at once");
    }
}

//! What is counted on the way and told at the end. Never prints anything itself.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    time::Duration,
};

use shardwire::proto::{Dispatch, ShardInfo};

/// Event names that are counted apart. Servers may invent any number of them.
const MOST_NAMES: usize = 500;

/// Counts of one run.
#[derive(Debug, Default)]
pub struct Summary {
    by_name: BTreeMap<Box<str>, u64>,
    unnamed: u64,
    dispatches: u64,
    last_round_trip: Option<Duration>,
    all_round_trips: Duration,
    round_trips: u32,
}

impl Summary {
    /// Counts an event, and says how many there were.
    pub fn count(&mut self, dispatch: &Dispatch) -> u64 {
        self.dispatches += 1;
        if let Some(count) = self.by_name.get_mut(&dispatch.name) {
            *count += 1;
        } else if self.by_name.len() < MOST_NAMES {
            self.by_name.insert(dispatch.name.clone(), 1);
        } else {
            self.unnamed += 1;
        }
        self.dispatches
    }

    /// Notes a heartbeat's round trip.
    pub fn acknowledge(&mut self, round_trip: Duration) {
        self.last_round_trip = Some(round_trip);
        self.all_round_trips = self.all_round_trips.saturating_add(round_trip);
        self.round_trips = self.round_trips.saturating_add(1);
    }

    /// The whole story as lines of text.
    pub fn tell(&self, elapsed: Duration, info: &ShardInfo) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write(&mut text, elapsed, info);
        text
    }

    fn write(&self, to: &mut String, elapsed: Duration, info: &ShardInfo) -> fmt::Result {
        let counters = &info.counters;
        let seconds = elapsed.as_secs_f64();
        let rate = per(self.dispatches, seconds);
        writeln!(to, "{} events in {seconds:.1} s, {rate:.1} per second", self.dispatches)?;
        for (name, count) in self.sorted() {
            writeln!(to, "  {count:>8}  {}", super::glance::printable(name, 60))?;
        }
        if self.unnamed > 0 {
            writeln!(to, "  {:>8}  (of other names)", self.unnamed)?;
        }
        if counters.filtered > 0 {
            writeln!(to, "filtered: {}", counters.filtered)?;
        }
        let average = self.all_round_trips.checked_div(self.round_trips);
        writeln!(
            to,
            "latency: last {}, average {}",
            millis(self.last_round_trip),
            millis(average)
        )?;
        let ratio = per(counters.inflated_bytes, as_f64(counters.wire_bytes));
        writeln!(
            to,
            "bytes: {} on the wire, {} inflated ({ratio:.1} times)",
            counters.wire_bytes, counters.inflated_bytes
        )?;
        write!(
            to,
            "connects {}, identifies {}, resumes {}, replayed {}, duplicates {}, gaps {}",
            counters.connects,
            counters.identifies,
            counters.resumes,
            counters.replayed,
            counters.duplicates,
            counters.gaps
        )
    }

    /// The most frequent first.
    fn sorted(&self) -> Vec<(&str, u64)> {
        let mut names: Vec<_> =
            self.by_name.iter().map(|(name, count)| (&**name, *count)).collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        names
    }
}

fn millis(span: Option<Duration>) -> String {
    span.map_or_else(|| "-".into(), |span| format!("{:.1} ms", span.as_secs_f64() * 1000.0))
}

fn per(count: u64, of: f64) -> f64 {
    if of > 0.0 { as_f64(count) / of } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

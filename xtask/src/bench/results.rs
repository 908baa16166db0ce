//! What was measured, and the figures that are made of it. Knows neither how it was measured nor how it is shown.

use std::collections::BTreeMap;

use crate::progress::say;

use super::{
    clients::{Client, Kind},
    run::{Many, Paced, Run, Sized, Start},
};

/// All of one run.
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    /// Steady events of a flood.
    pub(crate) events: u64,
    pub(crate) rounds: u32,
    /// Shards of the idle rows.
    pub(crate) shards: u32,
    /// Bytes that a browser downloads before its first event, and how many they may be, if the package was built.
    pub(crate) package: Option<(u64, u64)>,
    /// Bytes of an event, by codec.
    pub(crate) wire: BTreeMap<String, f64>,
}

/// One client, with the first failure if there was one: then it has no figures of that kind.
pub(crate) struct Row {
    pub(crate) client: Client,
    pub(crate) floods: Vec<Run>,
    pub(crate) paced: Option<Paced>,
    /// KB a shard.
    pub(crate) idle: Option<f64>,
    pub(crate) starts: Vec<Start>,
    pub(crate) many: Vec<Many>,
    pub(crate) sized: Vec<Sized>,
    pub(crate) failures: Vec<String>,
}

impl Row {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            floods: Vec::new(),
            paced: None,
            idle: None,
            starts: Vec::new(),
            many: Vec::new(),
            sized: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Tells and keeps why it has no figure.
    pub(crate) fn fail(&mut self, error: &anyhow::Error) {
        say(&format!("  {}: {error:#}", self.client));
        self.failures.push(format!("{error:#}"));
    }

    /// The middle of all rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
        median(self.floods.iter().filter_map(figure).collect())
    }

    pub(crate) fn cpu(&self) -> Option<f64> {
        self.median(|run| Some(run.cpu))
    }

    /// Milliseconds of the part of a start, the middle of all.
    pub(crate) fn start(&self, part: impl Fn(&Start) -> f64) -> Option<f64> {
        median(self.starts.iter().map(part).collect())
    }

    /// The least and the most of all rounds.
    pub(crate) fn spread(&self) -> Option<[f64; 2]> {
        let all = || self.floods.iter().map(|run| run.cpu);
        Some([all().reduce(f64::min)?, all().reduce(f64::max)?])
    }
}

impl Results {
    pub(crate) fn find(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.client.to_string() == name)
    }

    /// What the best peer takes for the same work on the same host in the same codec.
    pub(crate) fn best_peer(&self, client: &Client) -> Option<f64> {
        let is_same = |row: &&Row| {
            let peer = &row.client;
            peer.kind == Kind::Peer
                && peer.host == client.host
                && peer.contract == client.contract
                && peer.codec == client.codec
        };
        self.rows.iter().filter(is_same).filter_map(Row::cpu).reduce(f64::min)
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.rows.iter().flat_map(|row| {
            row.failures.iter().map(move |failure| format!("{}: {failure}", row.client))
        })
    }
}

/// The middle one; of an even number, the mean of those in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }
}

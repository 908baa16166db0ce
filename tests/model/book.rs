//! What the mock numbered: for each session, which of the model's events has which sequence number. Knows no client.

use std::collections::BTreeMap;

use shardwire::testing::Gateway;

/// An event of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The filter lets it through, and it carries this number.
    Numbered(u64),
    /// The filter holds it back.
    Unwanted,
}

/// The sessions of one day.
#[derive(Default)]
pub struct Book {
    accounts: BTreeMap<String, Vec<(u64, Mark)>>,
}

impl Book {
    /// Notes an event that was emitted just now: the newest of every living session.
    pub fn note(&mut self, gateway: &Gateway, mark: Mark) {
        for session in gateway.sessions() {
            match self.accounts.get_mut(session.id) {
                Some(account) => account.push((session.newest, mark)),
                None => {
                    self.accounts.insert(session.id.to_owned(), vec![(session.newest, mark)]);
                }
            }
        }
    }

    /// The event of the model that has this number; `None` for events of the mock's own.
    pub fn mark(&self, session: &str, sequence: u64) -> Option<Mark> {
        let account = self.accounts.get(session)?;
        let at = account.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()?;
        Some(account[at].1)
    }

    /// How many of the numbers between these two no filter explains.
    pub fn missing(&self, session: &str, after: u64, before: u64) -> usize {
        let is_missing = |number: &u64| self.mark(session, *number) != Some(Mark::Unwanted);
        (after + 1..before).filter(is_missing).count()
    }

    /// How many events that a user wants a session has after this number.
    pub fn wanted_after(&self, session: &str, sequence: u64) -> u64 {
        let account = self.accounts.get(session).map_or(&[][..], Vec::as_slice);
        let is_missed =
            |(number, mark): &&(u64, Mark)| *number > sequence && *mark != Mark::Unwanted;
        account.iter().rev().take_while(|(number, _)| *number > sequence).filter(is_missed).count()
            as u64
    }
}

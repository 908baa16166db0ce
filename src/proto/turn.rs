//! How a command waits for its turn. Plain data; decides nothing.

use std::time::Duration;

/// The number of a command that a machine took. Never used twice by one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// Who goes first when the send limit lets one command through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Before all normal ones, in the order of their arrival.
    High,
    /// In the order of their arrival.
    #[default]
    Normal,
}

/// How long a command may wait until it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Not at all: it is refused if it cannot leave at once.
    Now,
    /// As long as it takes, also across reconnects.
    #[default]
    Whenever,
    /// So long; then it is taken out of the line.
    Within(Duration),
}

/// How a command waits for its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendOptions {
    /// Who goes first.
    pub priority: Priority,
    /// How long it may take.
    pub when: When,
}

//! The outcome of one command, as a future. Sends nothing itself.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{handle::Line, news::News};
use crate::proto::CommandError;

/// Resolves once the command was written to the socket, or refused after all. Dropping it takes the command back if it was
/// not sent yet; [`detach`](Self::detach) lets it go its way.
#[derive(Debug)]
#[must_use = "dropping it takes the command back; await or detach it"]
pub struct Sending {
    outcome: News<Result<(), CommandError>>,
    /// `None` once there is nothing to take back.
    line: Option<Arc<Line>>,
    number: u64,
}

impl Sending {
    pub(super) fn new(
        outcome: News<Result<(), CommandError>>,
        line: Arc<Line>,
        number: u64,
    ) -> Self {
        Self { outcome, line: Some(line), number }
    }

    /// Its number, for [`ShardHandle::take_back`](super::ShardHandle::take_back).
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Lets the command go its way; nobody will learn its outcome.
    pub fn detach(mut self) {
        self.line = None;
    }
}

impl Future for Sending {
    type Output = Result<(), CommandError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.outcome.poll(cx).map(|outcome| {
            self.line = None;
            // A shard that is gone tells nobody anything.
            outcome.unwrap_or(Err(CommandError::Stopped))
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.take_back(self.number);
        }
    }
}

//! The clock and one alarm.

use std::task::{Context, Poll};

use crate::proto::Instant;

/// Tells the time and wakes at one instant.
pub trait Timer {
    /// The time since an epoch of the timer's choice. Must not run backwards.
    fn now(&mut self) -> Instant;

    /// Sets the alarm, replacing the one before; `None` takes it off.
    fn set(&mut self, at: Option<Instant>);

    /// Ready once the alarm's instant has come; pending while it has not, or none is set. Must arrange for a wake-up.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

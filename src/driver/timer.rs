//! The clock and one alarm.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use crate::proto::Instant;

/// Tells the time and wakes at one instant.
pub trait Timer {
    /// The time since an epoch of the timer's choice. Must not run backwards.
    fn now(&mut self) -> Instant;

    /// The time since 1970, from the clock on the wall, if there is one. It tells how long a computer slept, during which
    /// [`now`](Self::now) may stand still, and dates what outlives the process.
    fn wall(&mut self) -> Option<Duration> {
        None
    }

    /// Sets the alarm, replacing the one before; `None` takes it off.
    fn set(&mut self, at: Option<Instant>);

    /// Ready once the alarm's instant has come; pending while it has not, or none is set. Must arrange for a wake-up.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

//! Clock and alarm on tokio. Never knows what is waited for.

use std::{
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::{self, Duration},
};

use tokio::time::Sleep;

use crate::{driver::Timer, proto::Instant};

/// The epoch of every [`TokioTimer`] of this process: shards that share an identify ledger must count from the same one.
static EPOCH: OnceLock<time::Instant> = OnceLock::new();

/// What counts as "never" where an instant is beyond the platform's clock.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One alarm, used inside a tokio runtime with time.
#[derive(Debug, Default)]
pub struct TokioTimer {
    at: Option<Instant>,
    /// `None` until the first alarm is set, as one can only be made inside a runtime.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TokioTimer {
    /// A timer without an alarm. Its clock begins when the process first asks for one.
    pub fn new() -> Self {
        EPOCH.get_or_init(time::Instant::now);
        Self::default()
    }
}

impl Timer for TokioTimer {
    /// Time spent in suspend counts where the platform's monotonic clock counts it.
    fn now(&mut self) -> Instant {
        Instant::from_epoch(EPOCH.get_or_init(time::Instant::now).elapsed())
    }

    fn wall(&mut self) -> Option<Duration> {
        time::SystemTime::now().duration_since(time::UNIX_EPOCH).ok()
    }

    fn set(&mut self, at: Option<Instant>) {
        if self.at == at {
            return;
        }
        self.at = at;
        let Some(at) = at else { return };
        let deadline = deadline(at).into();
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.at.is_some() => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

fn deadline(at: Instant) -> time::Instant {
    let epoch = *EPOCH.get_or_init(time::Instant::now);
    epoch.checked_add(at.since_epoch()).unwrap_or_else(|| time::Instant::now() + FAR)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn alarm(timer: &mut TokioTimer) -> impl Future<Output = ()> {
        std::future::poll_fn(|cx| timer.poll(cx))
    }

    #[tokio::test]
    async fn the_alarm_rings_at_its_instant_and_not_before() {
        let mut timer = TokioTimer::new();
        let at = timer.now() + Duration::from_millis(20);
        timer.set(Some(at));
        alarm(&mut timer).await;
        assert!(timer.now() >= at);
    }

    #[tokio::test]
    async fn an_alarm_can_be_moved_and_taken_off() {
        let mut timer = TokioTimer::new();
        timer.set(Some(Instant::from_epoch(Duration::MAX)));
        assert_eq!(alarm(&mut timer).now_or_never(), None);
        timer.set(None);
        assert_eq!(alarm(&mut timer).now_or_never(), None);
        timer.set(Some(Instant::ZERO));
        alarm(&mut timer).await;
    }

    #[test]
    fn all_timers_share_an_epoch_and_need_no_runtime_to_be_made() {
        let (mut one, mut other) = (TokioTimer::new(), TokioTimer::new());
        let (first, second, third) = (one.now(), other.now(), one.now());
        assert!(first <= second && second <= third);
    }
}

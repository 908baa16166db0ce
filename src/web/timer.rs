//! The host's clocks and `setTimeout`. One alarm at a time, taken off when the timer is dropped.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;

use crate::{driver::Timer, proto::Instant};

/// The longest span asked of `setTimeout`: hosts keep it in 31 bits of milliseconds and fire at once beyond.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// [`Timer`] over `performance.now()` and `setTimeout`, which every host has. The epoch is the host's own, so all shards
/// of one realm share it.
#[derive(Default)]
pub struct WebTimer {
    alarm: Option<Alarm>,
    latest: Instant,
}

struct Alarm {
    at: Instant,
    shared: Rc<Shared>,
    /// Clears itself on drop.
    _timeout: Timeout,
}

#[derive(Default)]
struct Shared {
    has_fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Timer for WebTimer {
    fn now(&mut self) -> Instant {
        self.latest = self.latest.max(now());
        self.latest
    }

    fn wall(&mut self) -> Option<Duration> {
        Some(since_1970())
    }

    fn set(&mut self, at: Option<Instant>) {
        if self.alarm.as_ref().map(|alarm| alarm.at) == at {
            return;
        }
        self.alarm = None;
        let Some(at) = at else { return };
        let shared = Rc::new(Shared::default());
        let fired = Rc::clone(&shared);
        let span = at.saturating_since(self.now()).min(LONGEST);
        // Rounded up: waking a moment early would only mean to set the alarm again.
        let millis = (span + Duration::from_micros(999)).as_millis();
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        let timeout = Timeout::new(millis, move || {
            fired.has_fired.set(true);
            if let Some(waker) = fired.waker.take() {
                waker.wake();
            }
        });
        self.alarm = Some(Alarm { at, shared, _timeout: timeout });
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(alarm) = &self.alarm else { return Poll::Pending };
        if alarm.shared.has_fired.get() {
            self.alarm = None;
            return Poll::Ready(());
        }
        alarm.shared.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// The host's own count. Some hosts round it, and what is rounded may step back.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(super) fn now() -> Instant {
    Instant::from_epoch(Duration::from_micros((performance_now() * 1000.0) as u64))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(super) fn since_1970() -> Duration {
    Duration::from_millis(js_sys::Date::now() as u64)
}

impl fmt::Debug for WebTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebTimer")
            .field("at", &self.alarm.as_ref().map(|alarm| alarm.at))
            .finish_non_exhaustive()
    }
}

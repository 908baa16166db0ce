//! The identify ledger as JavaScript holds it, and whom a shard asks for its turn: that ledger, or what its user put in the place.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, ready};
use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::{
    shard::millis,
    timer::{now, since_1970},
    value::to_object,
    values::Values,
};
use crate::{
    driver::{Grant, IdentifyQueue},
    proto::{Instant, LedgerRecord, QueueError, SessionStartLimit, ShardId, Slots},
};

/// In one thread, but the driver's traits are for several.
type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[doc(hidden)]
#[wasm_bindgen]
#[derive(Debug)]
pub struct RawLedger {
    slots: Shared<Slots>,
}

#[doc(hidden)]
#[wasm_bindgen]
impl RawLedger {
    // For what `/gateway/bot` says of identifies: how many a day, how many are left, milliseconds until the day is over, how many at once.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(total: u32, remaining: u32, reset_after_ms: u32, max_concurrency: u32) -> Self {
        let reset_after_ms = reset_after_ms.into();
        let limit = SessionStartLimit { total, remaining, reset_after_ms, max_concurrency };
        Self { slots: Shared::new(Mutex::new(Slots::new(limit, now()))) }
    }

    // Milliseconds until the shard of this number may identify; negative if it is to ask again then.
    #[must_use]
    pub fn reserve(&self, number: u32) -> f64 {
        let now = now();
        let (wait, sign) = match lock(&self.slots).reserve(by_number(number), now) {
            Ok(turn) => (turn.at.saturating_since(now), if turn.is_held_back { -1.0 } else { 1.0 }),
            Err(spent) => (spent.retry_in, -1.0),
        };
        sign * wait.as_secs_f64() * 1000.0
    }

    // The turn of the shard of this number is over: it identifies after so many milliseconds, or if negative, not at all. Gives
    // what is to be kept.
    #[must_use]
    pub fn settle(&self, number: u32, after_ms: i32) -> JsValue {
        let shard = by_number(number);
        let mut slots = lock(&self.slots);
        match after_ms.try_into() {
            Ok(after_ms) => slots.sent(shard, now() + Duration::from_millis(after_ms)),
            Err(_) => slots.give_back(shard),
        }
        record(&slots)
    }

    // Takes up what an earlier process kept, laid out by `store.js`.
    pub fn restore(&self, record: JsValue) {
        lock(&self.slots).restore(&read_record(&Values::new(record)), now(), since_1970());
    }
}

/// The total plays no part in whose turn it is.
fn by_number(number: u32) -> ShardId {
    ShardId::new(number, u32::MAX).unwrap_or(ShardId::ONE)
}

fn record(slots: &Slots) -> JsValue {
    to_object(&slots.record(now(), since_1970()))
}

/// What is left, until when, and numbers of shards and times in turn.
fn read_record(values: &Values) -> LedgerRecord {
    LedgerRecord {
        remaining: values.number_or_zero(),
        resets_at: values.whole().unwrap_or_default(),
        busy: values.all(|values| (values.number_or_zero(), values.whole().unwrap_or_default())),
    }
}

/// Whom one shard asks.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    slots: Shared<Slots>,
    own: Shared<Own>,
}

/// What JavaScript has for this shard alone.
#[derive(Debug, Default)]
struct Own {
    /// Is told `true` if a turn is wanted, and whether it takes that upon itself is what it returns; `false` if no turn is wanted
    /// any more; and what the ledger knows after an identify. Settles everything later, as the shard is borrowed.
    ask: Option<Function>,
    /// What it has answered: after how many milliseconds it is to be asked again, or none if the turn has come.
    answer: Option<f64>,
    waker: Option<Waker>,
}

impl Queue {
    pub(super) fn new(ledger: &RawLedger) -> Self {
        Self { slots: Arc::clone(&ledger.slots), own: Arc::default() }
    }

    pub(super) fn ask_by(&self, ask: Function) {
        self.own().ask = Some(ask);
    }

    pub(super) fn answer(&self, retry_in_ms: f64) {
        let mut own = self.own();
        own.answer = Some(retry_in_ms);
        if let Some(waker) = own.waker.take() {
            waker.wake();
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        lock(&self.own)
    }
}

fn tell(function: &Function, what: &JsValue) -> bool {
    // Ours, so that it throws nothing.
    function.call1(&JsValue::UNDEFINED, what).is_ok_and(|takes| takes.as_bool() == Some(true))
}

impl IdentifyQueue for Queue {
    fn turn(&self, shard: ShardId, now: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
        let mut own = self.own();
        own.answer = None;
        if own.ask.as_ref().is_some_and(|ask| tell(ask, &JsValue::TRUE)) {
            Asking(self.clone()).boxed()
        } else {
            let turn = lock(&self.slots).reserve(shard, now);
            ready(turn.map(Grant::At).map_err(QueueError::from)).boxed()
        }
    }

    fn identified(&self, shard: ShardId, now: Instant, _: Option<Duration>) {
        let mut slots = lock(&self.slots);
        slots.sent(shard, now);
        if let Some(ask) = &self.own().ask {
            tell(ask, &record(&slots));
        }
    }
}

/// Until JavaScript has answered.
struct Asking(Queue);

impl Future for Asking {
    type Output = Result<Grant, QueueError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut own = self.0.own();
        own.waker = Some(cx.waker().clone());
        let Some(retry_in_ms) = own.answer.take() else { return Poll::Pending };
        Poll::Ready(if retry_in_ms > 0.0 {
            Err(QueueError::Unavailable { retry_in: millis(retry_in_ms) })
        } else {
            Ok(Grant::Now)
        })
    }
}

/// Of no use once it has been answered.
impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(ask) = &self.0.own().ask {
            tell(ask, &JsValue::FALSE);
        }
    }
}

//! One identify ledger for each bot of this realm, so that several shards on a page, or one made right after another was closed,
//! do not identify at the same moment.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use js_sys::Function;
use wasm_bindgen::JsValue;

use super::{task, value::to_object, values::Values};
use crate::{
    driver::{Grant, IdentifyQueue, SharedSlots},
    proto::{Instant, LedgerRecord, QueueError, SessionStartLimit, ShardId, Token},
};

/// Bots that are remembered; the one that came first is forgotten first.
const MOST_BOTS: usize = 16;

thread_local! {
    static LEDGERS: RefCell<Vec<(Token, SharedSlots)>> = const { RefCell::new(Vec::new()) };
}

/// The ledger of the bot with this token.
pub(super) fn of(token: &Token, now: Instant) -> OwnLedger {
    OwnLedger::new(shared(token, now))
}

fn shared(token: &Token, now: Instant) -> SharedSlots {
    LEDGERS.with_borrow_mut(|ledgers| {
        if let Some((_, slots)) = ledgers.iter().find(|(known, _)| known == token) {
            return SharedSlots::clone(slots);
        }
        if ledgers.len() >= MOST_BOTS {
            ledgers.remove(0);
        }
        let slots = SharedSlots::new(SessionStartLimit::default(), now);
        ledgers.push((token.clone(), SharedSlots::clone(&slots)));
        slots
    })
}

/// A record that `store.js` laid out: what is left, until when, and numbers of shards and times in turn.
fn record(values: &Values) -> LedgerRecord {
    LedgerRecord {
        remaining: values.number_or_zero(),
        resets_at: values.whole().unwrap_or_default(),
        busy: values.all(|values| (values.number_or_zero(), values.whole().unwrap_or_default())),
    }
}

/// The ledger as one shard asks it: its identifies are kept by its own store, if it has one.
#[derive(Clone, Debug)]
pub(super) struct OwnLedger {
    slots: SharedSlots,
    save: Arc<Mutex<Option<Function>>>,
}

impl OwnLedger {
    pub(super) fn new(slots: SharedSlots) -> Self {
        Self { slots, save: Arc::default() }
    }

    /// Takes up what an earlier process kept; see [`record`].
    pub(super) fn restore(&self, values: &Values, now: Instant, unix: Duration) {
        self.slots.restore(&record(values), now, unix);
    }

    /// Hands each record of this shard to `save`, and those of shards that have no store of their own.
    pub(super) fn keep_by(&self, save: Function) {
        *self.own() = Some(save.clone());
        self.slots.keep_by(move |record| tell(&save, record));
    }

    fn own(&self) -> MutexGuard<'_, Option<Function>> {
        // Nothing of ours panics half-way, so a poisoned lock still holds sound data.
        self.save.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdentifyQueue for OwnLedger {
    fn turn(&self, shard: ShardId, now: Instant) -> BoxFuture<'static, Result<Grant, QueueError>> {
        self.slots.turn(shard, now)
    }

    fn identified(&self, shard: ShardId, now: Instant, unix: Option<Duration>) {
        match &*self.own() {
            Some(save) => {
                self.slots.sent_kept_by(shard, now, unix, |record| tell(save, record));
            }
            None => self.slots.sent(shard, now, unix),
        }
    }
}

/// Later: now both the ledger and a shard are borrowed.
fn tell(save: &Function, record: &LedgerRecord) {
    let (save, record) = (save.clone(), to_object(record));
    task::spawn(async move {
        // `store.js` throws nothing.
        let _ = save.call1(&JsValue::UNDEFINED, &record);
    });
}

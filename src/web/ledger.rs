//! One identify ledger for each bot of this realm, so that several shards on a page, or one made right after another was closed,
//! do not identify at the same moment.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::JsValue;

use super::{task, value::to_object, values::Values};
use crate::{
    driver::SharedSlots,
    proto::{Instant, LedgerRecord, SessionStartLimit, Token},
};

/// Bots that are remembered; the one that came first is forgotten first.
const MOST_BOTS: usize = 16;

thread_local! {
    static LEDGERS: RefCell<Vec<(Token, SharedSlots)>> = const { RefCell::new(Vec::new()) };
}

/// The ledger of the bot with this token.
pub(super) fn of(token: &Token, now: Instant) -> SharedSlots {
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
pub(super) fn record(values: &Values) -> LedgerRecord {
    LedgerRecord {
        remaining: values.number_or_zero(),
        resets_at: values.whole().unwrap_or_default(),
        busy: values.all(|values| (values.number_or_zero(), values.whole().unwrap_or_default())),
    }
}

/// Hands each new record to `save`, later: now both the ledger and a shard are borrowed.
pub(super) fn store(save: Function) -> impl FnMut(&LedgerRecord) + Send + 'static {
    move |record| {
        let (save, record) = (save.clone(), to_object(record));
        task::spawn(async move {
            // `store.js` throws nothing.
            let _ = save.call1(&JsValue::UNDEFINED, &record);
        });
    }
}

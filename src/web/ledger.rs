//! One identify ledger for each bot of this realm, so that several shards on a page, or one made right after another was closed,
//! do not identify at the same moment.

use std::cell::RefCell;

use js_sys::Function;
use wasm_bindgen::JsValue;

use super::{task, value::to_value};
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

/// A record that JavaScript kept: `busy` has numbers of shards and times in turn.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the casts saturate")]
pub(super) fn record(remaining: f64, resets_at: f64, busy: &[f64]) -> LedgerRecord {
    let pairs = busy.chunks_exact(2).map(|pair| (pair[0] as u32, pair[1] as u64));
    LedgerRecord { remaining: remaining as u32, resets_at: resets_at as u64, busy: pairs.collect() }
}

/// Hands each new record to `save`, later: now both the ledger and a shard are borrowed.
pub(super) fn store(save: Function) -> impl FnMut(&LedgerRecord) + Send + 'static {
    move |record| {
        let (save, record) = (save.clone(), to_value(record));
        task::spawn(async move {
            // `store.js` throws nothing.
            let _ = save.call1(&JsValue::UNDEFINED, &record);
        });
    }
}

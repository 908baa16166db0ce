//! One identify ledger for each bot of this realm, so that several shards on a page, or one made right after another was closed,
//! do not identify at the same moment.

use std::cell::RefCell;

use crate::{
    driver::SharedSlots,
    proto::{Instant, SessionStartLimit, Token},
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

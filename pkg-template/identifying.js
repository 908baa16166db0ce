// What a shard asks before it identifies, where its user has put something there: a queue in place of the ledger, or a store
// behind it. Loaded only by shards that have one of them.

import { tellIdentified } from "./identified.js";
import { recorder } from "./ledgers.js";
import { weakly } from "./sending.js";
import { openStore } from "./store.js";

/** Before a queue that has failed is asked again, unless it says when, and at least. */
const RETRY_MS = 5_000;
const SOONEST_RETRY_MS = 250;

/** Connects `raw`, which asks `ledger`, with what its user has put in the place of that and behind it. */
export async function prepare(raw, { ledger, queue, store, shard = [0, 1] }) {
  // A ledger and a queue outlive the shard, which they must not keep: no function that is made here may name it.
  const reference = weakly(raw);
  // A ledger with a store of its own knows nothing before that was read.
  await ledger.ready;
  let keep = recorder(ledger);
  if (store) {
    keep = ledger.keep = await openStore(ledger, store, (method, error) => {
      notify(reference, `identifyStore.${method} failed; the shard goes on as without it`, error);
    });
  }
  const tell = queue && queue !== ledger ? asker(queue, shard, reference) : () => false;
  raw.askBy((what) => {
    if (what.busy) keep(what);
    return tell(what);
  });
}

/** What the shard below `reference` tells, as questions to `queue`: see `Own::ask` in Rust. */
function asker(queue, shard, reference) {
  /** Ends the question that is open. */
  let asking = null;
  const ask = async (mine) => {
    let retryInMs = 0;
    try {
      await queue.turn(shard, mine.signal);
    } catch (error) {
      const { retryAfterMs } = Object(error);
      retryInMs = retryAfterMs >= 0 ? Math.max(retryAfterMs, SOONEST_RETRY_MS) : RETRY_MS;
    }
    if (asking !== mine) return;
    asking = null;
    reference.deref()?.answer(retryInMs);
  };
  const onError = (error) => {
    notify(reference, "identifyQueue.identified failed; the queue counts from the turn that it gave", error);
  };
  return (what) => {
    const left = asking;
    const next = (asking = what === true ? new AbortController() : null);
    // Later, as the shard is borrowed now.
    queueMicrotask(() => {
      left?.abort();
      if (what.busy) tellIdentified(queue, onError, shard);
      else if (next && asking === next) ask(next);
    });
    return true;
  };
}

function notify(reference, message, error) {
  reference.deref()?.tell({ type: "notice", code: "bad-hook", message, error });
}

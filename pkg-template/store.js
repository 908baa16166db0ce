// Keeps the identify ledger of a bot in what the user calls a store. Loaded only by shards that have one.

import { weakly } from "./sending.js";

/** Takes up what the store has, and gives it whatever comes. What goes wrong is told by notices, and the shard goes on. */
export async function keepLedger(raw, store) {
  // The ledger is the bot's and outlives the shard, which it must not keep: no function in here may name it.
  const reference = weakly(raw);
  const attempt = async (what, act) => {
    try {
      return await act();
    } catch (error) {
      const message = `identifyStore.${what} failed; the shard goes on as without it`;
      reference.deref()?.tell({ type: "notice", code: "bad-hook", message, error });
    }
  };
  const text = await attempt("load", () => store.load());
  const { remaining, resetsAt, busy } = parse(text);
  if ([remaining, resetsAt].every(Number.isFinite)) raw.restoreLedger([remaining, resetsAt, ...toNumbers(busy)]);
  // One after the other, so that an old record never replaces a new one.
  let saving = Promise.resolve();
  raw.keepLedger((record) => {
    const text = JSON.stringify(record);
    saving = saving.then(() => attempt("save", () => store.save(text)));
  });
}

/** A text that is no record counts as none, as a file does natively. */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The pairs of a record, flat. */
function toNumbers(busy) {
  const numbers = Array.isArray(busy) ? busy.flat().filter(Number.isFinite) : [];
  // A half of a pair is none.
  return numbers.slice(0, numbers.length & ~1);
}

// The identify ledger of each bot of this realm, so that several shards on a page, or one made right after another was closed,
// do not identify at the same moment. Knows no shard.

import { RawLedger } from "./wasm/shardwire.js";

/** Bots that are remembered; the one that came first is forgotten first. */
const MOST_BOTS = 16;
const ledgers = new Map();

/** What `queue` is if it is a ledger, or else that of the bot: one for a small bot, of which nobody has asked Discord. */
export function ledgerOf(token, queue) {
  if (queue instanceof RawLedger) return queue;
  const bot = token.trim().replace(/^Bot /, "");
  let ledger = ledgers.get(bot);
  if (!ledger) {
    if (ledgers.size >= MOST_BOTS) ledgers.delete(ledgers.keys().next().value);
    ledgers.set(bot, (ledger = new RawLedger(1000, 1000, 86_400_000, 1)));
  }
  return ledger;
}

/** Hands records of `ledger` to its store. Made apart, so that it keeps no shard. */
export function recorder(ledger) {
  return (what) => what.busy && ledger.keep?.(what);
}

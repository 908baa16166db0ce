// The identify ledger as users hold it: a queue for the shards of this realm, and what servers give turns by. Keeps no order of
// its own; that is the crate's.

import { ShardwireError } from "./error.js";
import { openStore } from "./store.js";
import { RawLedger } from "./wasm/shardwire.js";

/** For a small bot, of which nobody has asked Discord. */
const LIMIT = { total: 1000, remaining: 1000, resetAfterMs: 86_400_000, maxConcurrency: 1 };
/** The longest span that hosts keep in a timer. */
const LONGEST_MS = 2 ** 31 - 1;
const U32 = 0xffff_ffff;
/** A number that no shard has, as totals end before: to give up its turn changes nothing. */
const NOBODY = U32 - 1;

/** Described in `fleet.d.ts`. Shards of this realm know the raw ledger in it, and ask that. */
export class IdentifyLedger extends RawLedger {
  /** Resolves when the store was read. */
  #opening;
  /** What ends the question of each shard that is open. A ledger knows one place for each. */
  #asking = new Map();

  constructor({ limit = {}, store, onError = console.error } = {}) {
    const { total, remaining, resetAfterMs, maxConcurrency } = readLimit(limit);
    super(total, remaining, resetAfterMs, maxConcurrency);
    this.#opening = store && this.#open(store, onError);
  }

  async #open(store, onError) {
    this.keep = await openStore(this, store, (method, error) => onError(error, method));
  }

  /** Resolves when the store was read, if there is one. */
  get ready() {
    return Promise.resolve(this.#opening);
  }

  get remaining() {
    return this.settle(NOBODY, -1).remaining;
  }

  async turn([number], signal) {
    await this.#opening;
    signal?.throwIfAborted();
    // Whoever asked before is gone, and nobody has noticed yet.
    this.#asking.get(number)?.abort(new ShardwireError("unavailable", "expected one question of each shard at a time"));
    const asking = new AbortController();
    this.#asking.set(number, asking);
    const leave = () => asking.abort(signal.reason);
    signal?.addEventListener("abort", leave);
    try {
      await this.#wait(number, asking.signal);
    } catch (error) {
      if (this.#asking.get(number) === asking) this.settle(number, -1);
      throw error;
    } finally {
      signal?.removeEventListener("abort", leave);
      if (this.#asking.get(number) === asking) this.#asking.delete(number);
    }
  }

  async #wait(number, signal) {
    let waitMs;
    do {
      waitMs = this.reserve(number);
      await pause(Math.abs(waitMs), signal);
    } while (waitMs < 0);
  }

  identified([number], { withinMs = 0 } = {}) {
    const record = this.settle(number, withinMs);
    this.keep?.(record);
  }
}

function readLimit(limit) {
  const read = { ...LIMIT, ...limit };
  for (const [name, value] of Object.entries(read)) {
    if (Object.hasOwn(LIMIT, name) && Number.isInteger(value) && value >= 0 && value <= U32) continue;
    throw new ShardwireError("bad-options", `expected limit.${name} as discoverGateway gives it, a whole number`);
  }
  return read;
}

/** Rejects with the reason of `signal` once that is aborted. */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, Math.min(Math.ceil(ms), LONGEST_MS));
    signal.addEventListener("abort", leave);
    function end() {
      signal.removeEventListener("abort", leave);
      resolve();
    }
    function leave() {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}

// The identify ledger as users hold it: a queue for the shards of this realm, and what servers give turns by. Keeps no order of
// its own; that is the crate's.

import { ShardwireError } from "./error.js";
import { openStore } from "./store.js";
import { RawLedger } from "./wasm/shardwire.js";

/** For a small bot, of which nobody has asked Discord. */
const LIMIT = { total: 1000, remaining: 1000, resetAfterMs: 86_400_000, maxConcurrency: 1 };
/** The longest span that hosts keep in a timer. */
const LONGEST_MS = 2 ** 31 - 1;
/** Of which there is none: to give up its turn changes nothing. */
const NOBODY = 0xffff_ffff;

/** Described in `fleet.d.ts`. Shards of this realm know the raw ledger in it, and ask that. */
export class IdentifyLedger extends RawLedger {
  /** Resolves when the store was read. */
  #opening;

  constructor({ limit = {}, store, onError = console.error } = {}) {
    const { total, remaining, resetAfterMs, maxConcurrency } = readLimit(limit);
    super(total, remaining, resetAfterMs, maxConcurrency);
    this.#opening = store && this.#open(store, onError);
  }

  async #open(store, onError) {
    const keep = await openStore(this, store, (method, error) => onError(error, method));
    this.keep = keep;
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
    for (;;) {
      signal?.throwIfAborted();
      const waitMs = this.reserve(number);
      try {
        await pause(Math.abs(waitMs), signal);
      } catch (error) {
        this.settle(number, -1);
        throw error;
      }
      if (waitMs >= 0) return;
    }
  }

  identified([number], { withinMs = 0 } = {}) {
    const record = this.settle(number, withinMs);
    this.keep?.(record);
  }
}

function readLimit(limit) {
  const read = { ...LIMIT, ...limit };
  for (const [name, value] of Object.entries(read)) {
    const isKnown = Object.hasOwn(LIMIT, name);
    if (isKnown && Number.isSafeInteger(value) && value >= 0) continue;
    throw new ShardwireError("bad-options", `expected limit.${name} as whole numbers of what discoverGateway gives`);
  }
  return read;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(end, Math.min(Math.ceil(ms), LONGEST_MS));
    signal?.addEventListener("abort", leave);
    function end() {
      signal?.removeEventListener("abort", leave);
      resolve();
    }
    function leave() {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}

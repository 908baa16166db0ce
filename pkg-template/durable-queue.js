// The identify queue of a bot whose shards are in several Durable Objects: an object of its own, and how those ask it. The order
// is that of the ledger in it. Knows no shard.

import { DurableObject } from "cloudflare:workers";

import { identifyStore } from "./durable-record.js";
import { ShardwireError } from "./entry/workerd.js";
import { queueHandler } from "./http-queue.js";
import { IdentifyLedger } from "./identify-ledger.js";

/** When a turn was given or used last. */
const LATEST = "shardwire:turn";
/** After that, what a new instance has to wait: Discord's five seconds, and the way of an answer. */
const SPACING_MS = 5_500;
/** Shards that may wait at the same time. */
const MOST_OPEN = 16_384;

/** Described in `durable-queue.d.ts`. */
export class DurableQueue extends DurableObject {
  static options() {
    return {};
  }

  /** The ledger, once it is open. */
  #opening = null;
  /** Before that, the instance before this one may have let somebody in. */
  #notBefore = 0;
  /** What ends the question of each shard that waits. */
  #open = new Map();

  async turn(shard) {
    await this.#turn(shard);
  }

  /** `shard` has lost its connection while it waited. */
  async leave([number]) {
    this.#open.get(number)?.abort(new ShardwireError("cancelled", "the shard has left the queue"));
  }

  async identified(shard, options) {
    const ledger = await this.#ledger();
    ledger.identified(shard, options);
    this.#note();
  }

  async info() {
    const { remaining } = await this.#ledger();
    return { remaining, waiting: this.#open.size };
  }

  fetch(request) {
    const answer = queueHandler({
      turn: (shard, signal) => this.#turn(shard, signal),
      identified: (shard, options) => this.identified(shard, options),
    });
    return answer(request);
  }

  async #turn([number], signal) {
    // A shard has one connection: if it asks again, nobody waits for the answer to what it asked before.
    await this.leave([number]);
    if (this.#open.size >= MOST_OPEN) throw new ShardwireError("unavailable", "expected fewer shards to ask at the same time");
    const asked = new AbortController();
    const leave = () => asked.abort(signal.reason);
    signal?.addEventListener("abort", leave);
    this.#open.set(number, asked);
    try {
      const ledger = await this.#ledger();
      await pause(this.#notBefore - Date.now());
      await ledger.turn([number], asked.signal);
      this.#note();
    } finally {
      signal?.removeEventListener("abort", leave);
      if (this.#open.get(number) === asked) this.#open.delete(number);
    }
  }

  /** Not awaited: the host holds answers back until it is on the disk. */
  #note() {
    this.ctx.storage.put(LATEST, Date.now());
  }

  /** After a failure the next call tries again. */
  #ledger() {
    this.#opening ??= this.#begin().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #begin() {
    const { storage } = this.ctx;
    const { limit, onError } = await this.constructor.options(this.env, this.ctx);
    const ledger = new IdentifyLedger({ limit, onError, store: identifyStore(storage) });
    await ledger.ready;
    // Of a clock that was set back no more is believed than can be true.
    this.#notBefore = Math.min((await storage.get(LATEST)) ?? 0, Date.now()) + SPACING_MS;
    return ledger;
  }
}

/** Described in `durable-queue.d.ts`. */
export function durableQueue(getStub) {
  return {
    async turn(shard, signal) {
      const stub = getStub();
      // A place that is not given up costs the others five seconds, so nobody need know whether this has come to pass.
      const leave = () => void stub.leave(shard).catch(() => {});
      signal?.addEventListener("abort", leave);
      try {
        await stub.turn(shard);
      } finally {
        signal?.removeEventListener("abort", leave);
      }
    },
    identified: (shard) => getStub().identified(shard),
  };
}

async function pause(ms) {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}

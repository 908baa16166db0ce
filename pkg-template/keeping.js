// When the sessions of a fleet are written: off the hot path, in order, and seldom enough. Knows no shard and no place of its
// own; what the crate's `driver::store` does.

import { Lanes } from "./lanes.js";

/** How often the sessions that moved on are written. */
const KEEP_EVERY_MS = 1000;

export class Keeper {
  #store;
  #total;
  #sessionOf;
  #onError;
  /** Shards whose sessions moved on. */
  #moved = new Set();
  /** Runs only while there are any. */
  #timer = null;
  #isUrgent = false;
  #lanes = new Lanes();
  /** Writes that are not done. */
  #writing = new Set();

  /**
   * Keeps sessions of `total` shards in `store`. `sessionOf(number)` is asked at the last moment, and gives `null` for a session
   * that is over. `onError(error, number)` is told what the store throws; the next move writes again.
   */
  constructor(store, { total, sessionOf, onError }) {
    this.#store = store;
    this.#total = total;
    this.#sessionOf = sessionOf;
    this.#onError = onError;
  }

  /** The session of this shard moved on; one that has only just begun, or ended, is written without delay. */
  moved(number, isUrgent = false) {
    this.#moved.add(number);
    if (isUrgent) this.#hurry();
    else this.#timer ??= setTimeout(() => this.#write(), KEEP_EVERY_MS);
  }

  /** Resolves when all that has moved is written, or told as an error. */
  async flush() {
    this.#write();
    await Promise.allSettled(this.#writing);
  }

  /** Later in this step, so that those who begin or end together are written together. */
  #hurry() {
    if (this.#isUrgent) return;
    this.#isUrgent = true;
    queueMicrotask(() => this.#write());
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#isUrgent = false;
    for (const number of this.#moved) this.#begin(number);
    this.#moved.clear();
  }

  #begin(number) {
    const done = this.#lanes.write(number, () => this.#keep(number));
    this.#writing.add(done);
    void done.finally(() => this.#writing.delete(done));
  }

  async #keep(number) {
    try {
      const session = this.#sessionOf(number);
      await (session ? this.#store.save(session) : this.#store.remove([number, this.#total]));
    } catch (error) {
      this.#onError(error, number);
    }
  }
}

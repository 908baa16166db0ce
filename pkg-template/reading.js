// What is read, by loops and by listeners: a shard, and what puts several together. Knows nothing of commands.

import { decode } from "./event.js";
import { Listeners, report } from "./listeners.js";

/** Default of `limits.waitingEvents`, as in Rust. */
const WAITING_EVENTS = 10_000;

/** Members that are not in `index.d.ts` are for the package's own classes. */
export class Readable {
  #listeners = new Listeners();
  #source;
  #shardId;
  #start;
  #most;
  /** Events for loops, taken from the source and not handed over yet. */
  #batch = [];
  #at = 0;
  /** Resolves when the source has more; shared by all who wait. */
  #waiting = null;
  /** Loops that are open. Without one, what listeners hear is kept for nobody. */
  #loops = 0;
  #isServing = false;
  /** Resolves when a loop has read what waited for it; `null` if nobody waits for that. */
  #drained = null;

  /**
   * `source` is a raw shard, or has `wait` and `isOver` as that has. `start` starts it, and gives a promise if something has to be
   * loaded before. At most `most` events wait for a loop that is slower than the listeners.
   */
  constructor(source, { shardId, most = WAITING_EVENTS, start }) {
    this.#source = source;
    this.#shardId = shardId;
    this.#most = most;
    this.#start = start;
  }

  /** Events that wait for a loop. */
  get unread() {
    return this.#batch.slice(this.#at);
  }

  /** Takes all that is left. What still comes waits for whoever reads on. */
  async finish() {
    while (!(await this.#pull()));
  }

  async nextBatch() {
    // Whoever takes batches is a loop that never says that it is left.
    this.#loops = Infinity;
    await this.#fill();
    const events = this.#batch.slice(this.#at);
    this.#at = this.#batch.length;
    this.#forget();
    return events;
  }

  [Symbol.asyncIterator]() {
    this.#loops++;
    let isOpen = true;
    const leave = () => {
      if (isOpen) this.#loops--;
      isOpen = false;
    };
    return {
      next: async () => {
        if (this.#at >= this.#batch.length) await this.#fill();
        if (this.#at < this.#batch.length) return { done: false, value: this.#next() };
        leave();
        return { done: true, value: undefined };
      },
      // Leaving a loop leaves the shard as it is: another loop may go on.
      return: async (value) => {
        leave();
        this.#serveLater();
        return { done: true, value };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  on(name, listener, options) {
    this.#listeners.on(name, listener, options);
    return this.#serveLater();
  }

  once(name, listener, options) {
    this.#listeners.once(name, listener, options);
    return this.#serveLater();
  }

  onAny(listener, options) {
    this.#listeners.onAny(listener, options);
    return this.#serveLater();
  }

  off(name, listener) {
    this.#listeners.off(name, listener);
    return this;
  }

  offAny(listener) {
    this.#listeners.offAny(listener);
    return this;
  }

  waitFor(name, options) {
    const event = this.#listeners.waitFor(name, options);
    this.#serveLater();
    return event;
  }

  /** Reads for the listeners as long as there are any. Begins later, so that who listens right now misses nothing. */
  #serveLater() {
    if (!this.#isServing && !this.#listeners.isEmpty) {
      this.#isServing = true;
      queueMicrotask(() => this.#serve());
    }
    return this;
  }

  async #serve() {
    try {
      await this.#started();
      let isOver = false;
      while (!isOver && !this.#listeners.isEmpty) {
        if (this.#batch.length - this.#at >= this.#most) await new Promise((resolve) => (this.#drained = resolve));
        else isOver = await this.#pull();
      }
    } catch (error) {
      report(error);
    }
    this.#isServing = false;
  }

  #next() {
    const event = this.#batch[this.#at++];
    // What was read goes, at a cost that is spread: listeners may keep the batch from ever running empty.
    if (this.#at * 2 > this.#batch.length) this.#forget();
    return event;
  }

  /** Makes sure that an event waits in the batch, unless none will ever come. */
  async #fill() {
    await this.#started();
    while (this.#at >= this.#batch.length) {
      if (await this.#pull()) return;
    }
  }

  async #started() {
    const starting = this.#start();
    // `close` may come first.
    if (starting) await Promise.race([starting, this.#more()]);
  }

  /** What waits in the source; replaced where that is no raw shard. */
  take() {
    return decode(this.#source.take(), this.#shardId);
  }

  /** Hands on what Rust has, or waits until it has more. Gives whether nothing will come any more. */
  async #pull() {
    const events = this.take();
    for (const event of events) this.#hand(event);
    if (events.length > 0) return false;
    if (this.#source.isOver) {
      this.#listeners.end();
      return true;
    }
    await this.#more();
    return false;
  }

  #hand(event) {
    // Asked before, as those who wait for one event are gone once it was theirs.
    const isHeard = !this.#listeners.isEmpty;
    if (isHeard) this.#listeners.emit(event);
    if (this.#loops > 0 || !isHeard) this.#batch.push(event);
  }

  /** Resolves when Rust has more, or nothing will come any more. */
  #more() {
    this.#waiting ??= new Promise((resolve) => this.#source.wait(resolve)).then(() => {
      this.#waiting = null;
    });
    return this.#waiting;
  }

  /** Lets go of what was handed over. */
  #forget() {
    this.#batch = this.#batch.slice(this.#at);
    this.#at = 0;
    this.#drained?.();
    this.#drained = null;
  }
}

/** Of each shard's newest session, the first number among `events`: an infinite one for shards that have none. */
export function firstSequences(events) {
  const first = new Map();
  const latest = new Map();
  for (const { type, sequence, shardId } of events) {
    if (type !== "dispatch") continue;
    // Numbers start anew with a session.
    if (!(sequence >= latest.get(shardId))) first.set(shardId, sequence);
    latest.set(shardId, sequence);
  }
  return (shardId) => first.get(shardId) ?? Infinity;
}

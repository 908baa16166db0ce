// Takes events out of a shard, for loops and for listeners. Knows nothing of commands.

import { decode } from "./event.js";
import { Listeners, report } from "./listeners.js";

export class Reading {
  listeners = new Listeners();
  #raw;
  #shardId;
  #start;
  #most;
  /** Events for loops, taken from Rust and not handed over yet. */
  #batch = [];
  #at = 0;
  /** Resolves when Rust has more; shared by all who wait. */
  #waiting = null;
  /** Loops that are open. Without one, what listeners hear is kept for nobody. */
  #loops = 0;
  #isServing = false;
  /** Resolves when a loop has read what waited for it; `null` if nobody waits for that. */
  #drained = null;

  /**
   * `start` starts the shard, and gives a promise if something has to be loaded before. At most `most` events wait for a loop
   * that is slower than the listeners.
   */
  constructor(raw, { shardId, most, start }) {
    this.#raw = raw;
    this.#shardId = shardId;
    this.#most = most;
    this.#start = start;
  }

  /** Sequence number of the first dispatch of the newest session that waits for a loop; infinity if none does. */
  get firstUnread() {
    let first = Infinity;
    let latest = 0;
    for (let index = this.#at; index < this.#batch.length; index++) {
      const { type, sequence } = this.#batch[index];
      if (type !== "dispatch") continue;
      // Numbers start anew with a session.
      if (first === Infinity || sequence < latest) first = sequence;
      latest = sequence;
    }
    return first;
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

  iterate() {
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
        this.serve();
        return { done: true, value };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Reads for the listeners as long as there are any. Begins later, so that who listens right now misses nothing. */
  serve() {
    if (this.#isServing || this.listeners.isEmpty) return;
    this.#isServing = true;
    queueMicrotask(() => this.#serve());
  }

  async #serve() {
    try {
      await this.#started();
      let isOver = false;
      while (!isOver && !this.listeners.isEmpty) {
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

  /** What waits below; replaced where that is no shard. */
  take() {
    return decode(this.#raw.take(), this.#shardId);
  }

  /** Hands on what Rust has, or waits until it has more. Gives whether nothing will come any more. */
  async #pull() {
    const events = this.take();
    for (const event of events) this.#hand(event);
    if (events.length > 0) return false;
    if (this.#raw.isOver) {
      this.listeners.end();
      return true;
    }
    await this.#more();
    return false;
  }

  #hand(event) {
    // Asked before, as those who wait for one event are gone once it was theirs.
    const isHeard = !this.listeners.isEmpty;
    if (isHeard) this.listeners.emit(event);
    if (this.#loops > 0 || !isHeard) this.#batch.push(event);
  }

  /** Resolves when Rust has more, or nothing will come any more. */
  #more() {
    this.#waiting ??= new Promise((resolve) => this.#raw.wait(resolve)).then(() => {
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

// Reads sources of events and hands each event to whoever deals it out, no faster than its lines have room. Knows sources by
// how they are read, and lines by whether they are full.

import { Line, Room } from "./dispatch-line.js";
import { ShardwireError } from "./error.js";

export class Hub {
  #room = new Room();
  #lines = new Set();
  #deal;
  /** Sources that are being read. */
  #running = 0;
  #isOver = false;
  /** What the last source failed with, as `{ error }`. */
  #failure = null;

  /** `deal` puts an event into lines of this hub. */
  constructor(deal) {
    this.#deal = deal;
  }

  /** A line that ends with the last source. */
  open(options) {
    const line = new Line(options, this.#room);
    if (this.#isOver) line.end(this.#failure);
    else this.#lines.add(line);
    return line;
  }

  close(line) {
    this.#lines.delete(line);
    line.abandon();
  }

  /** Described in `dispatch.d.ts`. */
  async run(source, { signal } = {}) {
    if (signal?.aborted) throw cancelled(signal);
    if (this.#isOver) throw new ShardwireError("stopped", "the dispatcher ended with its last source; expected a new one");
    const reader = readerOf(source);
    const over = new AbortController();
    this.#running += 1;
    let failure = null;
    try {
      await this.#read(reader, new UntilAborted(signal, over.signal));
      if (signal?.aborted) throw cancelled(signal);
    } catch (error) {
      if (!signal?.aborted) failure = { error };
      reader.leave();
      throw error;
    } finally {
      over.abort();
      this.#running -= 1;
      if (this.#running === 0) this.#end(failure);
    }
  }

  async #read(reader, wait) {
    for (;;) {
      const events = (await wait.for(reader.next())) ?? [];
      for (const event of events) {
        // What was taken from the source is dealt out in any case.
        while (this.#room.isFull && !wait.isOver) await wait.for(this.#room.wait());
        this.#deal(event);
      }
      if (wait.isOver || events.length === 0) return;
    }
  }

  #end(failure) {
    this.#isOver = true;
    this.#failure = failure;
    for (const line of this.#lines) line.end(failure);
    this.#lines.clear();
  }
}

/** Waits until a signal says otherwise. What was waited for to its end leaves nothing behind, which a race would. */
class UntilAborted {
  #signal;
  #giveUp = null;

  /** `over` says that nobody waits any more. */
  constructor(signal, over) {
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.#giveUp?.(), { signal: over });
  }

  get isOver() {
    return this.#signal?.aborted ?? false;
  }

  /** What `promise` gives; `undefined` if the signal is first. */
  for(promise) {
    return new Promise((resolve, reject) => {
      this.#giveUp = resolve;
      promise.then(resolve, reject);
    });
  }
}

/** `next` gives events, none at the end; `leave` lets go of a source that has not ended. */
function readerOf(source) {
  if (typeof source?.nextBatch === "function") return { next: () => source.nextBatch(), leave: () => {} };
  if (typeof source?.[Symbol.asyncIterator] !== "function") {
    throw new ShardwireError("bad-options", "expected a source with nextBatch(), or one that can be iterated asynchronously");
  }
  const events = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await events.next();
      return done ? [] : [value];
    },
    // Not awaited: a generator takes it up only when what it is doing is done.
    leave: () => void Promise.resolve(events.return?.()).catch(() => {}),
  };
}

function cancelled({ reason }) {
  return new ShardwireError("cancelled", "the signal was aborted", { cause: reason });
}

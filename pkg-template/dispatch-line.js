// A bounded line of events with readers at one end, and the room that several lines have. Knows nothing of what an event is.

import { ShardwireError } from "./error.js";

const CAPACITY = 10_000;
const OVERFLOWS = ["pause", "drop-oldest", "fail"];
/** What readers get after the end. */
export const DONE = Object.freeze({ done: true, value: undefined });

/** Described in `dispatch.d.ts`. */
export class Lagged {
  type = "lagged";

  constructor(dropped) {
    this.dropped = dropped;
  }
}

/** Which lines are full, and who waits until none is. */
export class Room {
  #full = new Set();
  #waiting = [];

  get isFull() {
    return this.#full.size > 0;
  }

  /** Resolves when no line is full. */
  wait() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  fill(line) {
    this.#full.add(line);
  }

  free(line) {
    if (!this.#full.delete(line) || this.isFull) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export class Line {
  #room;
  #capacity;
  #overflow;
  #events = [];
  #at = 0;
  /** Events that were dropped before the oldest that waits, or with `"fail"` behind the newest. */
  #dropped = 0;
  /** Whoever waits for an event, as `{ owner, resolve, reject }`, in the order in which they asked. */
  #readers = [];
  #isClosed = false;
  /** Why it was closed, as `{ error }`; `null` if nothing is wrong. */
  #failure = null;

  constructor({ capacity = CAPACITY, overflow = "pause" } = {}, room) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new ShardwireError("bad-options", "expected a capacity that is a whole number above zero");
    }
    if (!OVERFLOWS.includes(overflow)) {
      throw new ShardwireError("bad-options", 'expected an overflow of "pause", "drop-oldest" or "fail"');
    }
    this.#capacity = capacity;
    this.#overflow = overflow;
    this.#room = room;
  }

  get #length() {
    return this.#events.length - this.#at;
  }

  /** Takes in an event. */
  push(event) {
    if (this.#isClosed) return;
    const reader = this.#readers.shift();
    if (reader) return reader.resolve({ done: false, value: event });
    if (this.#length >= this.#capacity) {
      if (this.#overflow === "fail") {
        this.#isClosed = true;
        this.#dropped = 1;
        return;
      }
      if (this.#overflow === "drop-oldest") {
        this.#shift();
        this.#dropped += 1;
      }
    }
    this.#events.push(event);
    if (this.#overflow === "pause" && this.#length >= this.#capacity) this.#room.fill(this);
  }

  /** The oldest event for a reader of `owner`, as iterators give it; a promise if there is none yet. */
  read(owner) {
    const isToldFirst = this.#overflow === "drop-oldest";
    if (this.#dropped > 0 && (isToldFirst || this.#length === 0)) {
      const value = new Lagged(this.#dropped);
      this.#dropped = 0;
      return { done: false, value };
    }
    if (this.#length > 0) {
      const value = this.#shift();
      // Not sooner, as whoever waits for room would be woken for each event.
      if (this.#length <= this.#capacity / 2) this.#room.free(this);
      return { done: false, value };
    }
    if (this.#failure) throw this.#failure.error;
    if (this.#isClosed) return DONE;
    return new Promise((resolve, reject) => this.#readers.push({ owner, resolve, reject }));
  }

  /** All that waits, as events. */
  rest() {
    const events = [];
    while (this.#length > 0) events.push(this.read().value);
    return events;
  }

  /** Readers of `owner` wait no longer. */
  dismiss(owner) {
    const leaving = this.#readers.filter((reader) => reader.owner === owner);
    this.#readers = this.#readers.filter((reader) => reader.owner !== owner);
    for (const { resolve } of leaving) resolve(DONE);
  }

  /** Nothing comes any more; what waits can still be read, and `failure` behind it. */
  end(failure = null) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failure = failure;
    this.#room.free(this);
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (failure) reject(failure.error);
      else resolve(DONE);
    }
  }

  /** Nobody reads it any more, so nobody may wait for it. */
  abandon() {
    this.end();
    this.#events = [];
    this.#at = 0;
    this.#dropped = 0;
    this.#room.free(this);
  }

  #shift() {
    const event = this.#events[this.#at++];
    // What was read goes, at a cost that is spread.
    if (this.#at * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#at);
      this.#at = 0;
    }
    return event;
  }
}

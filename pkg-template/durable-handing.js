// Hands events to the user's method, one after the other, and knows what it has finished with. Knows neither shard nor storage.

import { ShardwireError } from "./error.js";

export const isPromise = (value) => typeof value?.then === "function";

export class Handing {
  #method;
  #report;
  /** The event that the method has or is about to have, and since when. */
  #event = null;
  #since = 0;
  /** Ends the wait for the method; `null` if nobody waits. */
  #giveUp = null;

  /** `report` is told what `method` throws, and the event that it threw at. */
  constructor(method, report) {
    this.#method = method;
    this.#report = report;
  }

  /** From now on `event` is under way. */
  take(event) {
    this.#event = event;
  }

  /**
   * Lets the method have the event that was taken, and calls `finish` when it has finished. Gives a promise if that takes
   * longer than the call: without one, nothing comes between what the method does and `finish`.
   */
  hand(finish) {
    const event = this.#event;
    const done = () => {
      this.#event = null;
      this.#giveUp = null;
      finish(event);
    };
    this.#since = Date.now();
    let result;
    try {
      result = this.#method(event);
    } catch (error) {
      this.#report(error, event);
    }
    if (!isPromise(result)) return done();
    const handled = Promise.resolve(result).catch((error) => this.#report(error, event));
    const givenUp = new Promise((resolve) => (this.#giveUp = resolve));
    return Promise.race([handled, givenUp]).then(done);
  }

  /** Goes on without the method if it has had its event for `ms` milliseconds. */
  giveUpAfter(ms) {
    if (!this.#giveUp || Date.now() - this.#since < ms) return;
    this.#report(new ShardwireError("timed-out", `onEvent has not settled within ${ms} ms`), this.#event);
    this.#giveUp();
  }

  /** `session`, no further than what the method has finished with. */
  before(session) {
    if (!session || this.#event?.type !== "dispatch") return session;
    return { ...session, sequence: Math.min(session.sequence, this.#event.sequence - 1) };
  }
}

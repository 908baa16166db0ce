// Events that came from elsewhere, in one line below a `Readable`, until somebody takes them. Knows no shard.

export class EventLine {
  /** No more events will come. */
  isOver = false;
  #most;
  #events = [];
  /** Why nothing comes any more, as `{ error }`; `null` if nothing is wrong. */
  #failure = null;
  /** Is called when there is something to take. */
  #reader = null;
  /** Whoever waits for room. */
  #waiting = [];

  /** Room is where less than `most` events wait; what somebody had at hand then comes on top. */
  constructor(most = Infinity) {
    this.#most = most;
  }

  get waiting() {
    return this.#events;
  }

  async room() {
    while (this.#events.length >= this.#most) await new Promise((resolve) => this.#waiting.push(resolve));
  }

  push(events) {
    for (const event of events) this.#events.push(event);
    this.#call();
  }

  end() {
    this.isOver = true;
    this.#call();
  }

  /** Whoever reads gets `error`, behind what waits. */
  fail(error) {
    this.#failure ??= { error };
    this.end();
  }

  take() {
    const events = this.#events;
    if (events.length === 0 && this.#failure) throw this.#failure.error;
    this.#events = [];
    for (const resolve of this.#waiting.splice(0)) resolve();
    return events;
  }

  /** Calls `resolve` once `take` gives something, or nothing will come any more. One reader at a time. */
  wait(resolve) {
    this.#reader = resolve;
    if (this.#events.length > 0 || this.isOver) this.#call();
  }

  #call() {
    this.#reader?.();
    this.#reader = null;
  }
}

// Keeps writes in order: of each lane one at a time, and of those that wait only the newest. Knows nothing of what is written.

export class Lanes {
  /** The write that waits behind the one under way, by lane; `null` if none does. */
  #lanes = new Map();

  /**
   * Does `write` at once, or when the one under way in this lane is done, unless a newer one comes. Gives a promise of its
   * outcome, or of that of the one that took its place.
   */
  write(lane, write) {
    if (!this.#lanes.has(lane)) return this.#begin(lane, write);
    const waiting = this.#lanes.get(lane) ?? waitingWrite();
    waiting.write = write;
    this.#lanes.set(lane, waiting);
    return waiting.done;
  }

  #begin(lane, write) {
    this.#lanes.set(lane, null);
    const done = (async () => write())();
    const goOn = () => {
      const waiting = this.#lanes.get(lane);
      this.#lanes.delete(lane);
      // In the same step, so that nothing gets in between.
      if (waiting) waiting.settle(this.#begin(lane, waiting.write));
    };
    done.then(goOn, goOn);
    return done;
  }
}

function waitingWrite() {
  const waiting = { write: null };
  waiting.done = new Promise((resolve) => (waiting.settle = resolve));
  return waiting;
}

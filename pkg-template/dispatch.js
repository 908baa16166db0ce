// Who gets which event: all subscribers, whoever is ready, or the one whose part it is. The JavaScript twin of the crate's
// `driver::dispatch`; knows nothing of where events come from.

import { Hub } from "./dispatch-hub.js";
import { DONE, Lagged } from "./dispatch-line.js";
import { ShardwireError } from "./error.js";

export { Lagged, ShardwireError };

/** Described in `dispatch.d.ts`, as all that follow. */
export class Broadcast {
  /** As `{ line, wants }`. */
  #listeners = new Set();
  #hub = new Hub((event) => this.#deal(event));

  subscribe(options, wants = () => true) {
    if (typeof wants !== "function") throw new ShardwireError("bad-options", "expected wants to be a function");
    const line = this.#hub.open(options);
    const listener = { line, wants };
    this.#listeners.add(listener);
    return new Subscription(line, () => {
      this.#listeners.delete(listener);
      this.#hub.close(line);
    });
  }

  run(source, options) {
    return this.#hub.run(source, options);
  }

  #deal(event) {
    for (const listener of this.#listeners) {
      try {
        if (listener.wants(event)) listener.line.push(event);
      } catch (error) {
        // It is this subscriber's own fault, and no other may be harmed by it.
        this.#listeners.delete(listener);
        listener.line.end({ error });
      }
    }
  }
}

export class Demand {
  #hub = new Hub((event) => this.#line.push(event));
  #line;

  constructor(options) {
    this.#line = this.#hub.open(options);
  }

  subscribe() {
    return new Subscription(this.#line, () => {});
  }

  run(source, options) {
    return this.#hub.run(source, options);
  }
}

export class Partition {
  /** As `{ line, isTaken }`. */
  #parts;
  #key;
  #hub = new Hub((event) => this.#parts[spread(this.#key(event)) % this.#parts.length].line.push(event));

  constructor(parts, key, options) {
    if (!Number.isSafeInteger(parts) || parts < 1) {
      throw new ShardwireError("bad-options", "expected a number of parts that is a whole number above zero");
    }
    if (typeof key !== "function") throw new ShardwireError("bad-options", "expected key to be a function");
    this.#key = key;
    this.#parts = Array.from({ length: parts }, () => ({ line: this.#hub.open(options), isTaken: false }));
  }

  subscribe(number) {
    const part = this.#parts[number];
    if (!part || part.isTaken) return null;
    part.isTaken = true;
    return new Subscription(part.line, () => (part.isTaken = false));
  }

  run(source, options) {
    return this.#hub.run(source, options);
  }
}

class Subscription {
  #line;
  /** `null` after it. */
  #leave;

  constructor(line, leave) {
    this.#line = line;
    this.#leave = leave;
  }

  async next() {
    if (!this.#leave) return DONE;
    try {
      const told = await this.#line.read(this);
      if (told.done) this.close();
      return told;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async nextBatch() {
    const { done, value } = await this.next();
    return done ? [] : [value, ...this.#line.rest()];
  }

  async return(value) {
    this.close();
    return { done: true, value };
  }

  close() {
    this.#leave?.();
    this.#leave = null;
    this.#line.dismiss(this);
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    this.close();
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

/** FNV-1a, folded: neighbouring keys, as those of guilds that were made at the same time, are spread. */
function spread(key) {
  let hash = 0x811c9dc5;
  for (const letter of String(key)) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193);
  return (hash ^ (hash >>> 16)) >>> 0;
}

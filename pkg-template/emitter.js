// Listeners for the events of a shard, for programs that would rather be called than read. Knows a shard by `nextBatch` alone.

import { ShardwireError } from "./error.js";

export { ShardwireError };

/** Described in `emitter.d.ts`. */
export class ShardEmitter {
  /** Sets of `{ call, listener, forget }` by name. */
  #listeners = new Map();
  #any = new Set();
  /** What is to be called when the shard has ended, by those who wait for an event. */
  #ends = new Set();
  #isOver = false;

  constructor(shard) {
    this.shard = shard;
    // Begun later, so that whoever listens at once misses nothing.
    this.finished = Promise.resolve().then(() => this.#read());
  }

  on(name, listener, { signal } = {}) {
    return this.#add(this.#of(name), listener, listener, signal);
  }

  once(name, listener, { signal } = {}) {
    const call = (argument, event) => {
      this.off(name, listener);
      return listener(argument, event);
    };
    return this.#add(this.#of(name), call, listener, signal);
  }

  onAny(listener, { signal } = {}) {
    return this.#add(this.#any, listener, listener, signal);
  }

  off(name, listener) {
    for (const entry of this.#listeners.get(name) ?? []) if (entry.listener === listener) entry.forget();
    return this;
  }

  waitFor(name, { filter = () => true, timeoutMs, signal } = {}) {
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      const settle = (act) => {
        done.abort();
        clearTimeout(timer);
        this.#ends.delete(stopped);
        act();
      };
      const fail = (code, message, cause) => settle(() => reject(new ShardwireError(code, message, { cause })));
      const stopped = () => fail("stopped", `the shard stopped before ${name} came`);
      const aborted = () => fail("cancelled", `nobody waits for ${name} any more`, signal.reason);
      const late = () => fail("timed-out", `waited too long for ${name}`);
      const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
      if (signal?.aborted) return aborted();
      if (this.#isOver) return stopped();
      signal?.addEventListener("abort", aborted, { signal: done.signal });
      this.on(name, (argument, event) => {
        try {
          if (filter(argument, event)) settle(() => resolve(argument));
        } catch (error) {
          settle(() => reject(error));
        }
      }, done);
      this.#ends.add(stopped);
    });
  }

  #of(name) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    return this.#listeners.get(name);
  }

  #add(listeners, call, listener, signal) {
    if (typeof listener !== "function") throw new TypeError("expected a listener to be a function");
    if (signal?.aborted) return this;
    const forget = () => {
      listeners.delete(entry);
      signal?.removeEventListener("abort", forget);
    };
    const entry = { call, listener, forget };
    listeners.add(entry);
    signal?.addEventListener("abort", forget);
    return this;
  }

  async #read() {
    for (let events = await this.shard.nextBatch(); events.length > 0; events = await this.shard.nextBatch()) {
      for (const event of events) this.#emit(event);
    }
    this.#isOver = true;
    for (const end of [...this.#ends]) end();
  }

  /** A dispatch goes by its name, with its data first; any other event by its type. */
  #emit(event) {
    const isDispatch = event.type === "dispatch";
    const listeners = this.#listeners.get(isDispatch ? event.name : event.type);
    // A copy, as listeners come and go while it is walked.
    for (const { call } of [...(listeners ?? [])]) this.#run(() => call(isDispatch ? event.data : event, event));
    for (const { call } of [...this.#any]) this.#run(() => call(event));
  }

  /** What a listener throws, or rejects with, is reported as the host reports what nobody caught; the others still run. */
  #run(call) {
    try {
      const result = call();
      if (typeof result?.then === "function") Promise.resolve(result).catch(report);
    } catch (error) {
      report(error);
    }
  }
}

function report(error) {
  queueMicrotask(() => {
    throw error;
  });
}

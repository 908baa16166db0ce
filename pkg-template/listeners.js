// Who is called for which event. Knows nothing of where events come from.

import { ShardwireError } from "./error.js";

/** Described in `index.d.ts`, where `Shard` has these methods. */
export class Listeners {
  /** Sets of `{ call, listener, forget }` by name. */
  #byName = new Map();
  #any = new Set();
  /** What is to be called when no event will come any more, by those who wait for one. */
  #ends = new Set();
  #isOver = false;

  /** Whether an event would be heard by anybody. */
  get isEmpty() {
    return this.#any.size === 0 && this.#byName.size === 0;
  }

  on(name, listener, { signal } = {}) {
    this.#add(name, listener, listener, signal);
  }

  once(name, listener, { signal } = {}) {
    const call = (argument, event) => {
      this.off(name, listener);
      return listener(argument, event);
    };
    this.#add(name, call, listener, signal);
  }

  onAny(listener, { signal } = {}) {
    this.#add(undefined, listener, listener, signal);
  }

  off(name, listener) {
    for (const entry of this.#byName.get(name) ?? []) if (entry.listener === listener) entry.forget();
  }

  offAny(listener) {
    for (const entry of this.#any) if (entry.listener === listener) entry.forget();
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
      const listener = (argument, event) => {
        try {
          if (filter(argument, event)) settle(() => resolve(argument));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      this.on(name, listener, done);
      this.#ends.add(stopped);
    });
  }

  /** Calls those who listen: for a dispatch by its name, with its data first; for any other event by its type. */
  emit(event) {
    const isDispatch = event.type === "dispatch";
    const named = this.#byName.get(isDispatch ? event.name : event.type);
    // Copies, as listeners come and go while they are called.
    const any = [...this.#any];
    // Parsed only for those who want it.
    if (named && (!isDispatch || this.#isReadable(event))) {
      const argument = isDispatch ? event.data : event;
      for (const { call } of [...named]) run(() => call(argument, event));
    }
    for (const { call } of any) run(() => call(event));
  }

  /** Whether the data is JSON. What a server sends must not end a program, so if not, a notice stands in for the event. */
  #isReadable(event) {
    try {
      void event.data;
      return true;
    } catch (error) {
      const message = `the data of ${event.name} is no JSON`;
      this.emit({ type: "notice", code: "unreadable-message", message, error, shardId: event.shardId });
      return false;
    }
  }

  /** No event will come any more. */
  end() {
    this.#isOver = true;
    for (const end of [...this.#ends]) end();
  }

  /** Without a name it listens to all. */
  #add(name, call, listener, signal) {
    if (typeof listener !== "function") throw new TypeError("expected a listener to be a function");
    if (signal?.aborted) return;
    const entries = name === undefined ? this.#any : (this.#byName.get(name) ?? new Set());
    if (name !== undefined) this.#byName.set(name, entries);
    const forget = () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#byName.get(name) === entries) this.#byName.delete(name);
      signal?.removeEventListener("abort", forget);
    };
    const entry = { call, listener, forget };
    entries.add(entry);
    signal?.addEventListener("abort", forget);
  }
}

/** What a listener throws, or rejects with, is reported as the host reports what nobody caught; the others still run. */
function run(call) {
  try {
    const result = call();
    if (typeof result?.then === "function") Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}

export function report(error) {
  queueMicrotask(() => {
    throw error;
  });
}

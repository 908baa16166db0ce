// How events, errors and calls cross a message port, between realms that both run this package. Knows no shard.

import { ShardwireError } from "./error.js";
import { decode } from "./event.js";

/** An integer beyond what `JSON.parse` keeps, outside of texts; or something inside of one that looks so. */
const WIDE = /[[:,]\s*-?\d{16}/;
const decoder = new TextDecoder();

/** An event as four values, of which `restore` makes it again: of a dispatch its shard, name, number and data. */
export function flatten(event) {
  const { type, shardId, name, sequence, raw } = event;
  if (type !== "dispatch") return [shardId, null, null, clonable(event)];
  const isWide = WIDE.test(typeof raw === "string" ? raw : decoder.decode(raw));
  return [shardId, name, sequence, isWide ? [raw, wideOf(event)] : raw];
}

/** Data in which such integers are texts. What is no JSON stays what it is. */
function wideOf(event) {
  try {
    return JSON.stringify(event.data);
  } catch {
    return event.raw;
  }
}

/** What a hook has thrown may hold anything. */
function clonable(event) {
  return "error" in event ? { ...event, error: toPlain(event.error) } : event;
}

/** The event of which `flatten` made these. */
export function restore([shardId, name, sequence, data]) {
  if (name === null && data.error) data.error = fromPlain(data.error);
  return decode([name, sequence, data], shardId)[0];
}

export function toPlain(error) {
  try {
    const { name = "Error", message = error, ...details } = pick(Object(error));
    return { name: String(name), message: String(message), ...details };
  } catch {
    return { name: "Error", message: "what was thrown has no text" };
  }
}

/** Only what crosses: a code may be an object, elsewhere. */
function pick({ name, message, code, retryAfterMs, status }) {
  const details = Object.entries({ code, retryAfterMs, status }).filter(([, value]) => /^(string|number)$/.test(typeof value));
  return { name, message, ...Object.fromEntries(details) };
}

export function fromPlain({ name, message, code, ...details }) {
  if (name === "ShardwireError") return new ShardwireError(code, message, details);
  return Object.assign(new Error(message), { name }, code === undefined ? {} : { code });
}

/**
 * Serves `methods`, by their names, to a `Caller` at the other end of `port`. A method gets what it was called with; among the
 * last of that, `signal` is aborted when the caller's is.
 */
export class Answers {
  #port;
  #methods;
  /** What aborts each call that is open. */
  #open = new Map();
  /** Is called when none is open any more. */
  #settled = () => {};

  constructor(port, methods) {
    this.#port = port;
    this.#methods = methods;
  }

  /** Takes in what came; gives whether it was about a call. */
  hear([what, id, ...call]) {
    if (what === "call") void this.#answer(id, ...call);
    else if (what === "abort") this.#open.get(id)?.abort();
    else return false;
    return true;
  }

  /** Resolves when every call is answered. */
  async settle() {
    if (this.#open.size > 0) await new Promise((resolve) => (this.#settled = resolve));
  }

  async #answer(id, name, args, hasSignal) {
    const controller = new AbortController();
    this.#open.set(id, controller);
    try {
      if (!Object.hasOwn(this.#methods, name)) throw new ShardwireError("bad-command", `expected a known method, not ${name}`);
      if (hasSignal) args.push({ ...args.pop(), signal: controller.signal });
      this.#port.postMessage(["done", id, await this.#methods[name](...args)]);
    } catch (error) {
      this.#port.postMessage(["failed", id, toPlain(error)]);
    } finally {
      this.#open.delete(id);
      if (this.#open.size === 0) this.#settled();
    }
  }
}

/** Calls of one port that are open. */
const MOST_OPEN = 10_000;

/** Calls methods that are served at the other end of a port. */
export class Caller {
  #port;
  #asked = 0;
  /** Those who wait, by the numbers of their calls. */
  #open = new Map();
  /** Why nobody answers any more; `null` if somebody does. */
  #end = null;

  constructor(port) {
    this.#port = port;
  }

  async call(name, ...args) {
    if (this.#end) throw this.#end;
    if (this.#open.size >= MOST_OPEN) throw new ShardwireError("queue-full", `expected fewer than ${MOST_OPEN} calls at the same time`);
    const { signal } = Object(args.at(-1));
    if (signal?.aborted) throw new ShardwireError("cancelled", "the signal was aborted already");
    // A signal does not cross: that there is one does. What is only called so is data.
    const hasSignal = typeof signal?.addEventListener === "function";
    if (hasSignal) args.push({ ...args.pop(), signal: undefined });
    const id = ++this.#asked;
    const abort = () => this.#port.postMessage(["abort", id]);
    if (hasSignal) signal.addEventListener("abort", abort);
    try {
      return await new Promise((resolve, reject) => {
        this.#open.set(id, { resolve, reject });
        this.#post(["call", id, name, args, hasSignal]);
      });
    } finally {
      this.#open.delete(id);
      if (hasSignal) signal.removeEventListener("abort", abort);
    }
  }

  #post(call) {
    try {
      this.#port.postMessage(call);
    } catch (cause) {
      throw new ShardwireError("bad-command", "expected arguments that can be copied to where they are used", { cause });
    }
  }

  /** Takes in what came; gives whether it was an answer. */
  hear([what, id, value]) {
    if (what === "done") this.#open.get(id)?.resolve(value);
    else if (what === "failed") this.#open.get(id)?.reject(fromPlain(value));
    else return false;
    return true;
  }

  /** Nobody answers any more. */
  end(error) {
    this.#end = error;
    for (const { reject } of this.#open.values()) reject(error);
  }
}

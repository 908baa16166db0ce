// How events, errors and calls cross a message port, between realms that both run this package. Knows no shard.

import { ShardwireError } from "./error.js";

/** An integer beyond what `JSON.parse` keeps, outside of texts; or something inside of one that looks so. */
const WIDE = /[[:,]\s*-?\d{16}/;
const decoder = new TextDecoder();

/** An event as four values, of which `Remote` makes it again: of a dispatch its shard, name, number and data. */
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

export function toPlain(error) {
  const { name, message, code, retryAfterMs, status } = Object(error);
  return { name: String(name ?? "Error"), message: String(message ?? error), code, retryAfterMs, status };
}

export function fromPlain({ name, message, code, ...details }) {
  if (code !== undefined) return new ShardwireError(code, message, details);
  return Object.assign(new Error(message), { name });
}

/**
 * Serves `methods`, by their names, to `call` at the other end of `port`. A method gets what it was called with; among the last
 * of that, `signal` is aborted when the caller's is.
 */
export function answerCalls(port, methods) {
  /** What aborts each call that is open. */
  const open = new Map();
  const answer = async (id, name, args) => {
    const controller = new AbortController();
    open.set(id, controller);
    try {
      if (!Object.hasOwn(methods, name)) throw new ShardwireError("bad-command", `expected a known method, not ${name}`);
      const last = args.at(-1);
      if (last?.signal) args[args.length - 1] = { ...last, signal: controller.signal };
      port.postMessage(["done", id, await methods[name](...args)]);
    } catch (error) {
      port.postMessage(["failed", id, toPlain(error)]);
    } finally {
      open.delete(id);
    }
  };
  return ([what, id, ...rest]) => {
    if (what === "call") answer(id, ...rest);
    else if (what === "abort") open.get(id)?.abort();
  };
}

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

  call(name, ...args) {
    if (this.#end) return Promise.reject(this.#end);
    const last = args.at(-1);
    const { signal } = Object(last);
    if (signal?.aborted) return Promise.reject(new ShardwireError("cancelled", "the signal was aborted already"));
    // A signal does not cross: that there is one does.
    if (signal) args[args.length - 1] = { ...last, signal: true };
    const id = ++this.#asked;
    const abort = () => this.#port.postMessage(["abort", id]);
    const answered = new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#port.postMessage(["call", id, name, args]);
    });
    signal?.addEventListener("abort", abort);
    return answered.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Takes in what came; gives whether it was an answer. */
  hear([what, id, value]) {
    if (what !== "done" && what !== "failed") return false;
    const waiting = this.#open.get(id);
    this.#open.delete(id);
    if (what === "done") waiting?.resolve(value);
    else waiting?.reject(fromPlain(value));
    return true;
  }

  /** Nobody answers any more. */
  end(error) {
    this.#end = error;
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}

// How a command waits for its turn, and a promise of what becomes of it. Knows no command.

import { ShardwireError } from "./error.js";

/** Runs `call`; what Rust throws as an array becomes a `ShardwireError`. */
export function guard(call, argument) {
  try {
    return call(argument);
  } catch (thrown) {
    throw Array.isArray(thrown) ? toError(thrown) : thrown;
  }
}

export function toError([code, message, retryAfterMs]) {
  return new ShardwireError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

export function isHigh(priority = "normal") {
  if (priority === "high" || priority === "normal") return priority === "high";
  throw new ShardwireError("bad-command", 'expected a priority of "high" or "normal"');
}

/** Milliseconds: none for at once, no end of them for whenever it may be. */
export function toWithinMs(when = "whenever") {
  const span = { now: 0, whenever: Infinity }[when] ?? when?.withinMs;
  if (typeof span === "number" && span >= 0) return span;
  throw new ShardwireError("bad-command", 'expected when to be "now", "whenever" or { withinMs }');
}

/**
 * A promise of the outcome of what `start` begins: it gets a function for the outcome (a refusal, or nothing and a value), and
 * gives the number by which `raw` takes it back when `signal` says so. Nobody has to heed the promise.
 */
export function promised(raw, signal, start) {
  if (signal?.aborted) return unheeded(Promise.reject(toError(["cancelled", "the signal was aborted already"])));
  const over = signal && new AbortController();
  const [promise, settle] = outcome(over);
  const number = guard(start, settle);
  if (signal) takeBackBy(signal, over.signal, weakly(raw), number);
  return unheeded(promise);
}

// What waits must not keep the shard that nobody else has any more: these functions stand apart, as all that are made in one
// place hold whatever any of them names.

function outcome(over) {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = (refused, value) => {
      over?.abort();
      if (refused) reject(refused instanceof Error ? refused : toError(refused));
      else resolve(value);
    };
  });
  return [promise, settle];
}

function takeBackBy(signal, over, reference, number) {
  signal.addEventListener("abort", () => reference.deref()?.takeBack(number), { signal: over });
}

/** A reference that keeps nothing alive. Some versions of workerd have none. */
export function weakly(target) {
  return globalThis.WeakRef ? new WeakRef(target) : { deref: () => target };
}

/** A rejection that nobody heeds must not end the process: commands may be sent and forgotten. */
function unheeded(promise) {
  promise.catch(() => {});
  return promise;
}

// How a command waits for its turn, and a promise of what becomes of it. Knows no command.

import { ShardwireError } from "./error.js";

/** Runs `call`; what Rust throws as an array becomes a `ShardwireError`. */
export function guard(call) {
  try {
    return call();
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
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = (refused, value) => {
      signal?.removeEventListener("abort", takeBack);
      if (refused) reject(refused instanceof Error ? refused : toError(refused));
      else resolve(value);
    };
  });
  const number = guard(() => start(settle));
  const takeBack = () => raw.takeBack(number);
  signal?.addEventListener("abort", takeBack);
  return unheeded(promise);
}

/** A rejection that nobody heeds must not end the process: commands may be sent and forgotten. */
function unheeded(promise) {
  promise.catch(() => {});
  return promise;
}

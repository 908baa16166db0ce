// An identify queue on the other side of a message port: for shards in workers. Keeps no order of its own.
//
// A port here is a `MessagePort`. What is said over it: `["turn", id, shard]` and `["leave", id]` one way, `["granted", id]` and
// `["refused", id, message, retryAfterMs]` the other; and `["identified", shard]`.

import { ShardwireError } from "./error.js";

/** Questions of one port that are open; a shard has one at most. */
const MOST_OPEN = 16_384;

/** Described in `fleet.d.ts`. */
export function serveQueue(queue, port) {
  /** What ends each question that is open. */
  const open = new Map();
  const answer = async (id, shard) => {
    if (open.size >= MOST_OPEN) return port.postMessage(["refused", id, "expected fewer shards to ask at the same time"]);
    const controller = new AbortController();
    open.set(id, controller);
    try {
      await queue.turn(shard, controller.signal);
      if (!controller.signal.aborted) port.postMessage(["granted", id]);
    } catch (error) {
      if (!controller.signal.aborted) port.postMessage(["refused", id, String(error?.message ?? error), error?.retryAfterMs]);
    } finally {
      open.delete(id);
    }
  };
  const hear = ({ data: [what, ...rest] }) => {
    if (what === "turn") answer(...rest);
    else if (what === "leave") open.get(rest[0])?.abort();
    else if (what === "identified") queue.identified?.(...rest);
  };
  const stop = () => {
    port.removeEventListener("message", hear);
    port.removeEventListener("close", stop);
    for (const controller of open.values()) controller.abort();
    open.clear();
  };
  port.addEventListener("message", hear);
  // Of a worker that ends, where the host tells.
  port.addEventListener("close", stop);
  port.start();
  return stop;
}

/** Described in `fleet.d.ts`. */
export function portQueue(port) {
  /** Those who wait, by the numbers of their questions. */
  const open = new Map();
  let asked = 0;
  port.addEventListener("message", ({ data: [what, id, message, retryAfterMs] }) => {
    const waiting = open.get(id);
    if (what === "granted") waiting?.resolve();
    else if (what === "refused") waiting?.reject(new ShardwireError("unavailable", message, { retryAfterMs }));
  });
  port.start();
  return {
    async turn(shard, signal) {
      signal?.throwIfAborted();
      const id = ++asked;
      const leave = () => {
        port.postMessage(["leave", id]);
        open.get(id)?.reject(signal.reason);
      };
      signal?.addEventListener("abort", leave);
      try {
        await new Promise((resolve, reject) => {
          open.set(id, { resolve, reject });
          port.postMessage(["turn", id, shard]);
        });
      } finally {
        open.delete(id);
        signal?.removeEventListener("abort", leave);
      }
    },
    identified: (shard) => port.postMessage(["identified", shard]),
  };
}

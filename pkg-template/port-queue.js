// An identify queue on the other side of a message port: for shards in workers. Keeps no order of its own.
//
// A port here is a `MessagePort`. What is said over it: `["turn", id, shard]` and `["leave", id]` one way, `["granted", id]` and
// `["refused", id, message, retryAfterMs]` the other; and `["identified", shard, options]`. Whatever else is said is not for us.

import { toPlain } from "./crossing.js";
import { ShardwireError } from "./error.js";
import { tellIdentified } from "./identified.js";

/** Questions of one port that are open; a shard has one at most. */
const MOST_OPEN = 16_384;

/** Described in `fleet.d.ts`. */
export function serveQueue(queue, port, { onError = console.error } = {}) {
  /** What ends each question that is open. */
  const open = new Map();
  const refuse = (id, { message, retryAfterMs }) => port.postMessage(["refused", id, String(message), retryAfterMs]);
  const answer = async (id, shard) => {
    if (open.size >= MOST_OPEN) return refuse(id, { message: "expected fewer shards to ask at the same time" });
    const controller = new AbortController();
    open.set(id, controller);
    try {
      await queue.turn(shard, controller.signal);
      if (!controller.signal.aborted) port.postMessage(["granted", id]);
    } catch (error) {
      if (!controller.signal.aborted) refuse(id, toPlain(error));
    } finally {
      open.delete(id);
    }
  };
  const hear = ({ data }) => {
    if (!Array.isArray(data)) return;
    const [what, ...rest] = data;
    if (what === "turn") answer(...rest);
    else if (what === "leave") open.get(rest[0])?.abort();
    else if (what === "identified") tellIdentified(queue, onError, ...rest);
  };
  const stop = () => {
    port.removeEventListener("message", hear);
    port.removeEventListener("close", stop);
    for (const [id, controller] of open) {
      controller.abort();
      refuse(id, { message: "the queue is not served any more" });
    }
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
  let isClosed = false;
  port.addEventListener("message", ({ data }) => {
    if (!Array.isArray(data)) return;
    const [what, id, message, retryAfterMs] = data;
    if (what === "granted") open.get(id)?.resolve();
    else if (what === "refused") open.get(id)?.reject(new ShardwireError("unavailable", message, { retryAfterMs }));
  });
  // Of whoever served it, where the host tells.
  port.addEventListener("close", () => {
    isClosed = true;
    for (const { reject } of open.values()) reject(closed());
  });
  port.start();
  // Shards that wait are what keeps a program running, not this.
  port.unref?.();
  return {
    async turn(shard, signal) {
      signal?.throwIfAborted();
      if (isClosed) throw closed();
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
    identified: (...what) => port.postMessage(["identified", ...what]),
  };
}

function closed() {
  return new ShardwireError("unavailable", "expected a port that is open");
}

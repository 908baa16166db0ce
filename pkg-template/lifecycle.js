// Follows what a page or worker lives through, and pauses and starts a shard with it. Knows nothing of sessions.

/** Each event that takes the shard away, with the one that brings it back. */
const HOST_EVENTS = [
  ["offline", "online"],
  // A page with an open socket does not get into the back/forward cache.
  ["pagehide", "pageshow"],
];
const DOCUMENT_EVENTS = [["freeze", "resume"]];

/** Stops following shards that were forgotten. Some versions of workerd have none, and nothing to follow. */
const forgotten = globalThis.FinalizationRegistry && new FinalizationRegistry((controller) => controller.abort());

/**
 * Pauses and starts `shard` (an object with `pause`, `start`, `isOver`) as `host` goes and comes back. Does nothing on hosts
 * without a network status, which have none of the events either. Does not keep `shard` alive.
 */
export function follow(shard, host = globalThis) {
  if (typeof host.navigator?.onLine !== "boolean" || !forgotten) return;
  const reference = new WeakRef(shard);
  const controller = new AbortController();
  forgotten.register(shard, controller);
  /** What has taken the shard away and is not over. */
  const away = new Set();
  const tell = (change) => {
    const shard = reference.deref();
    if (!shard || shard.isOver) return controller.abort();
    change();
    if (away.size === 0) shard.start();
    else shard.pause();
  };
  const listen = (target, pairs) => {
    for (const [leave, back] of pairs) {
      target.addEventListener(leave, () => tell(() => away.add(leave)), { signal: controller.signal });
      target.addEventListener(back, () => tell(() => away.delete(leave)), { signal: controller.signal });
    }
  };
  listen(host, HOST_EVENTS);
  // Workers have no document.
  if (host.document) listen(host.document, DOCUMENT_EVENTS);
}

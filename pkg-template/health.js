// How many shards are in which state. Knows them by their statuses.

/** What each status counts as; every other is on its way to a session. */
const COUNTED = { idle: "waiting", ready: "ready", disconnected: "disconnected", closing: "leaving", stopped: "leaving" };

export function healthOf(statuses) {
  const health = { waiting: 0, connecting: 0, ready: 0, disconnected: 0, leaving: 0 };
  for (const status of statuses) health[COUNTED[status] ?? "connecting"] += 1;
  return health;
}

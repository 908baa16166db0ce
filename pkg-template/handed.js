// How far a session may be kept while events of it are still to be read. Knows nobody who reads.

import { firstSequences } from "./reading.js";

/** `session`, or `null`, as far as it goes before the first of its events among `unread`. */
export function beforeUnread(session, unread) {
  if (!session) return null;
  const before = Math.max(firstSequences(unread)(session.shard[0]) - 1, 0);
  return { ...session, sequence: Math.min(session.sequence, before) };
}

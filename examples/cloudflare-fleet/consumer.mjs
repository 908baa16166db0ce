// Gets events from the shards and does something with each of them once: here it counts messages. Knows no shard.

import { DurableObject } from "cloudflare:workers";

/** Both sessions that tell an event in a reshard do so within this time. Nothing is remembered for longer. */
const COPIES_MS = 300_000;
/** A session that was silent for so long does not come back. */
const SESSIONS_MS = 7 * 86_400_000;

export class Consumer extends DurableObject {
  #sql;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS told (id TEXT NOT NULL, total INTEGER NOT NULL, at INTEGER NOT NULL);
      CREATE INDEX IF NOT EXISTS told_by_id ON told (id);
      CREATE INDEX IF NOT EXISTS told_by_time ON told (at);
      CREATE TABLE IF NOT EXISTS messages (channel TEXT PRIMARY KEY, count INTEGER NOT NULL);
    `);
  }

  /** Awaits nothing, so all that it writes is one transaction, and the shard that called hears of it when that is safe. */
  take({ session, sequence, total, id, name, raw }) {
    if (this.#wasTaken(session, sequence) || this.#isCopy(id, total)) return;
    this.#handle(name, JSON.parse(raw));
  }

  #handle(name, data) {
    if (name !== "MESSAGE_CREATE") return;
    const count = "INSERT INTO messages VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1";
    this.#sql.exec(count, data.channel_id);
  }

  report() {
    return this.#sql.exec("SELECT count(*) AS channels, coalesce(sum(count), 0) AS messages FROM messages").one();
  }

  /** Events of a session come in order, so one number tells which were here. */
  #wasTaken(session, sequence) {
    const [known] = this.#sql.exec("SELECT sequence FROM sessions WHERE id = ?", session).toArray();
    if (known?.sequence >= sequence) return true;
    this.#sql.exec("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", session, sequence, Date.now());
    this.#sql.exec("DELETE FROM sessions WHERE at < ?", Date.now() - SESSIONS_MS);
    return false;
  }

  /** Whether a session of another total told the same event, to the letter, and no copy of that has come yet. */
  #isCopy(id, total) {
    const take = "DELETE FROM told WHERE rowid = (SELECT rowid FROM told WHERE id = ? AND total <> ? LIMIT 1) RETURNING id";
    if (this.#sql.exec(take, id, total).toArray().length > 0) return true;
    this.#sql.exec("DELETE FROM told WHERE at < ?", Date.now() - COPIES_MS);
    this.#sql.exec("INSERT INTO told VALUES (?, ?, ?)", id, total, Date.now());
    return false;
  }
}

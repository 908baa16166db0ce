// The coordinator: which shards there are and what they were told, where they stand, and the identify queue of all. What it knows
// is in its storage, and whatever it asks can be asked twice: it may be taken away at any moment. Sees no event.

import { discoverGateway } from "shardwire/discover";
import { DurableQueue } from "shardwire/durable-object";

/** Between two rounds while a shard has not heard what it is to do, or a reshard is under way. */
const ROUND_MS = 1_000;
/** A shard that does not answer for so long is asked again in the next round. */
const ANSWER_MS = 5_000;
/** How old what is shown may be. */
const FRESH_MS = 3_000;

const discover = (env) => discoverGateway({ token: env.DISCORD_TOKEN, url: env.API_URL });

export class Fleet extends DurableQueue {
  static async options(env) {
    return { limit: (await discover(env)).sessionStartLimit };
  }

  #sql;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    // `task` is a method of the shard. Of two totals, the higher `generation` is the one to come.
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS shards (
      generation INTEGER, total INTEGER, number INTEGER, task TEXT, is_heard INTEGER,
      status TEXT, last_ms INTEGER, reason TEXT, seen_at INTEGER, PRIMARY KEY (total, number)
    )`);
  }

  // What a Worker calls.

  /** Starts all shards, or those that were stopped; `total` is Discord's recommendation, unless given. */
  async start(total) {
    const [first] = this.#totals();
    if (total && first && first.total !== total) throw new Error(`expected ${first.total} shards; another total takes a reshard`);
    if (first) this.#tell("begin", "task <> 'retire'");
    else this.#add(total ?? (await discover(this.env)).shards);
    await this.#goOn();
  }

  /** Goes over to another total while events go on. */
  async reshard(total) {
    const totals = this.#totals();
    if (totals.length !== 1 || totals[0].total === total) throw new Error("expected another total, and one reshard at a time");
    this.#add(total);
    await this.#goOn();
  }

  /** Stops all shards, with their sessions if `keepSession`: then `start` resumes them. */
  async stop({ keepSession = false } = {}) {
    this.#tell(keepSession ? "leave" : "end", "task <> 'retire'");
    await this.#goOn();
  }

  /** `identifies` is `null` while Discord cannot be asked. */
  async status() {
    await this.#ask(this.#rows("seen_at < ?", Date.now() - FRESH_MS));
    return {
      totals: this.#totals().map(({ total }) => total),
      identifies: await this.info().catch(() => null),
      shards: this.#rows("TRUE"),
    };
  }

  // Rounds.

  async alarm() {
    // First: whatever goes wrong in this round, there is another.
    await this.#goOn();
    await this.#ask(this.#rows(this.#isMoving() ? "TRUE" : "NOT is_heard"));
    this.#move();
    if (!this.#isMoving() && this.#rows("NOT is_heard").length === 0) await this.ctx.storage.deleteAlarm();
  }

  async #goOn() {
    await this.ctx.storage.setAlarm(Date.now() + ROUND_MS);
  }

  /** Tells each shard its task if it has not heard it, and asks how it is. */
  async #ask(rows) {
    const ask = async ({ total, number, task, is_heard: isHeard }) => {
      const bot = this.env.BOT.getByName(`${number} of ${total}`);
      const asked = isHeard ? bot.health() : bot[task]([number, total]);
      const { status, lastMs, reason } = await within(ANSWER_MS, asked);
      const update = "UPDATE shards SET status = ?, last_ms = ?, reason = ?, seen_at = ? WHERE total = ? AND number = ?";
      this.#sql.exec(update, status, lastMs, reason, Date.now(), total, number);
      // Meanwhile it may have become another.
      const hear = "UPDATE shards SET is_heard = TRUE WHERE total = ? AND number = ? AND task = ?";
      if (!isHeard) this.#sql.exec(hear, total, number, task);
    };
    const results = await Promise.allSettled(rows.map(ask));
    for (const { reason } of results) if (reason) console.warn(reason);
  }

  /** The next step of a reshard, if it is time. */
  #move() {
    const [old, next] = this.#totals();
    if (!next) return;
    const all = ({ total }, is) => this.#rows(`total = ? AND NOT (${is})`, total).length === 0;
    if (all(old, "task = 'retire' AND status = 'stopped'")) this.#sql.exec("DELETE FROM shards WHERE total = ?", old.total);
    else if (all(old, "task = 'begin'") && all(next, "status = 'ready'")) this.#tell("retire", "total = ?", old.total);
  }

  #isMoving() {
    return this.#totals().length > 1 && this.#rows("task IN ('leave', 'end')").length === 0;
  }

  // What is stored.

  #totals() {
    return this.#sql.exec("SELECT DISTINCT generation, total FROM shards ORDER BY generation").toArray();
  }

  #rows(where, ...values) {
    return this.#sql.exec(`SELECT * FROM shards WHERE ${where} ORDER BY generation, number`, ...values).toArray();
  }

  #tell(task, where, ...values) {
    this.#sql.exec(`UPDATE shards SET task = ?, is_heard = FALSE WHERE ${where}`, task, ...values);
  }

  #add(total) {
    const generation = (this.#totals().at(-1)?.generation ?? 0) + 1;
    const insert = "INSERT INTO shards VALUES (?, ?, ?, 'begin', FALSE, 'starting', NULL, NULL, 0)";
    for (let number = 0; number < total; number++) this.#sql.exec(insert, generation, total, number);
  }
}

async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected an answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

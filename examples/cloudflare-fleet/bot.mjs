// One shard in one object. Hands its events to the consumers, in order and each at least once. Knows of no other shard.

import { DurableShard, durableQueue } from "shardwire/durable-object";

/**
 * What the consumers get. What tells a session what there is, such as READY and the GUILD_CREATE behind it, is no news, and a
 * reshard would bring it again.
 */
const HANDED_ON = ["MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"];
const CONSUMERS = 16n;
/** Before a consumer that could not be reached is called again; the pause doubles. */
const SOONEST_MS = 100;
const LATEST_MS = 10_000;

/** Where it is kept that this shard is to go: behind which event. */
const RETIRE_BEHIND = "retire behind";

export class Bot extends DurableShard {
  static options(env) {
    return {
      token: env.DISCORD_TOKEN,
      intents: ["GUILDS", "GUILD_MESSAGES"],
      filter: { only: ["READY", "RESUMED", ...HANDED_ON] },
      url: env.GATEWAY_URL,
      identifyQueue: durableQueue(() => env.FLEET.getByName("fleet")),
      // However long a consumer is away, its events wait.
      durable: { eventMs: Infinity },
    };
  }

  /** The session that events come from, and the bot's number of shards. */
  #session = null;
  #total = 0;

  // What the coordinator calls, until it has heard an answer.

  async begin(shard) {
    const { isWanted } = await this.info();
    if (!isWanted) await this.ctx.storage.delete(RETIRE_BEHIND);
    await this.start({ shard });
    return this.health();
  }

  /** Other shards have taken over: goes once everything from before that has come. */
  async retire() {
    const { isWanted, shard } = await this.info();
    if (isWanted && !shard?.session) await this.stop();
    else if (isWanted && (await this.ctx.storage.get(RETIRE_BEHIND)) === undefined) {
      await this.ctx.storage.put(RETIRE_BEHIND, shard.session.sequence);
      await this.reconnect();
    }
    return this.health();
  }

  /** Goes on later where it was. */
  async leave() {
    await this.stop({ keepSession: true });
    return this.health();
  }

  async end() {
    await this.stop();
    return this.health();
  }

  async health() {
    const { isWanted, stopped, shard } = await this.info();
    const { lastMs = null } = shard?.heartbeat ?? {};
    if (isWanted) return { status: shard?.status ?? "starting", lastMs, reason: null };
    return { status: "stopped", lastMs, reason: stopped?.message ?? null };
  }

  // What the shard brings.

  onEvent(event) {
    // The first event of an instance comes before its first connection. Later ones may be older than the session by now.
    this.#session ??= this.shard.session?.id ?? null;
    this.#total ||= this.shard.info().shard[1];
    return super.onEvent(event);
  }

  async onDispatch(event) {
    if (event.name === "READY") this.#session = event.data.session_id;
    if (HANDED_ON.includes(event.name)) await this.#handOn(event);
    else await this.#retireBehind(event);
  }

  /** After a resume, RESUMED comes behind everything that was missed. */
  async #retireBehind({ name, sequence }) {
    const behind = await this.ctx.storage.get(RETIRE_BEHIND);
    if (behind !== undefined && (name === "READY" || sequence > behind)) await this.stop();
  }

  async #handOn({ name, sequence, data, raw }) {
    const id = await digest(name + raw);
    const event = { session: this.#session, sequence, total: this.#total, id, name, raw };
    // All that happens in a guild goes to one consumer, whichever shard tells it.
    const consumer = String((BigInt(data.guild_id ?? 0) >> 22n) % CONSUMERS);
    for (let waitMs = SOONEST_MS; ; waitMs = Math.min(2 * waitMs, LATEST_MS)) {
      try {
        return await this.env.CONSUMER.getByName(consumer).take(event);
      } catch (error) {
        this.onError(error);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }
}

export const consumerNames = () => Array.from({ length: Number(CONSUMERS) }, (_, number) => String(number));

async function digest(text) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toHex();
}

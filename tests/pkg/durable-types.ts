// What the declarations of `shardwire/durable-object` promise beside Cloudflare's own types. Nothing here is run.

import type { DispatchEvent } from "shardwire";
import { DurableQueue, DurableShard, durableQueue } from "shardwire/durable-object";
import { fetchMembers } from "shardwire/requests";
import { durableStore, keyValueStore } from "shardwire/stores";

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

interface Vars {
  DISCORD_TOKEN: string;
  BOT: DurableObjectNamespace<Bot>;
  TURNS: DurableObjectNamespace<Turns>;
}

export class Turns extends DurableQueue<Vars> {
  static override options() {
    return { limit: { maxConcurrency: 16 } };
  }
}

export class Bot extends DurableShard<Vars> {
  static override options(env: Vars, ctx: DurableObjectState) {
    const identifyQueue = durableQueue(() => env.TURNS.getByName("turns"));
    const properties = { device: String(ctx.id) };
    return { token: env.DISCORD_TOKEN, intents: 0, durable: { saveEvents: 1 }, properties, identifyQueue };
  }

  override async onDispatch(event: DispatchEvent) {
    same<typeof this.ctx, DurableObjectState>(true);
    same<typeof this.env, Vars>(true);
    this.ctx.storage.sql.exec("INSERT INTO seen VALUES (?)", event.sequence);
    if (this.shard) await fetchMembers(this.shard, { guildId: "1", query: "", limit: 0 });
  }

  async keep(kv: KVNamespace) {
    await durableStore(this.ctx.storage).load();
    const set = (key: string, text: string) => kv.put(key, text);
    await keyValueStore({ get: (key) => kv.get(key), set, delete: (key) => kv.delete(key) }).load();
  }

  async greet(name: string) {
    await this.setAlarm(Date.now() + 1000);
    return `hello, ${name}`;
  }
}

export default {
  async fetch(_request, env) {
    const bot = env.BOT.getByName("bot");
    await bot.start({ shard: [0, 2] });
    const info = await bot.info();
    same<typeof info.isWanted, boolean>(true);
    same<NonNullable<typeof info.shard>["heartbeat"]["historyMs"], number[]>(true);
    const session = await bot.stop({ keepSession: true });
    same<NonNullable<typeof session>["id"], string>(true);
    await bot.updatePresence({ status: "idle" });
    await bot.send(31, { guild_ids: ["1"] }, { priority: "high" });
    same<Awaited<ReturnType<typeof bot.greet>>, string>(true);
    // @ts-expect-error it is not to be had from outside
    bot.shard;
    // @ts-expect-error expected an object
    await bot.start([0, 2]);
    await env.TURNS.getByName("turns").fetch("http://turns/?shard=0");
    return Response.json(info);
  },
} satisfies ExportedHandler<Vars>;

/**
 * The identify queue of a bot whose shards are in several Durable Objects.
 *
 * ```js
 * import { discoverGateway } from "shardwire/discover";
 * import { DurableQueue, DurableShard, durableQueue } from "shardwire/durable-object";
 *
 * export class Turns extends DurableQueue {
 *   static async options(env) {
 *     const { sessionStartLimit } = await discoverGateway({ token: env.DISCORD_TOKEN });
 *     return { limit: sessionStartLimit };
 *   }
 * }
 *
 * export class Bot extends DurableShard {
 *   static options(env) {
 *     const identifyQueue = durableQueue(() => env.TURNS.getByName("turns"));
 *     return { token: env.DISCORD_TOKEN, intents: ["GUILDS"], identifyQueue };
 *   }
 * }
 * ```
 */

import type { ObjectState } from "./durable-object.js";
import type { LedgerOptions } from "./fleet.js";
import type { IdentifyQueue, ShardId } from "./index.js";

/**
 * One identify ledger for all shards of a bot, in an object's storage: to be used as it is, or to be extended.
 *
 * The object may be taken away at any moment. Those who wait then ask again after 5 s, and the next instance lets nobody in before
 * 5.5 s have passed since the last turn, so the spacing holds. A turn that nobody uses holds its bucket up for 5 s.
 *
 * Its keys in the storage begin with `shardwire:`. It uses no alarm.
 */
export declare class DurableQueue<Env = unknown> {
  /** By which Cloudflare's types know a Durable Object. */
  readonly __DURABLE_OBJECT_BRAND: never;
  protected ctx: ObjectState;
  protected env: Env;

  constructor(ctx: ObjectState, env: Env);

  /**
   * What `discoverGateway` says of identifies, as the option `limit`: to be replaced. Asked once by each instance, when a shard
   * first asks; if it fails, so does what that shard has asked, and the next one tries again.
   */
  static options(env: any, ctx: ObjectState): Omit<LedgerOptions, "store"> | Promise<Omit<LedgerOptions, "store">>;

  /** Resolves when `shard` may identify. If it asks again meanwhile, the first question is refused. */
  turn(shard: ShardId): Promise<void>;
  /** Gives up the place of `shard`. */
  leave(shard: ShardId): Promise<void>;
  /** `shard` has identified, or does so within so many milliseconds (0). */
  identified(shard: ShardId, options?: { withinMs?: number }): Promise<void>;
  /** Identifies left of the day, and shards that wait for their turns. */
  info(): Promise<{ remaining: number; waiting: number }>;
  /**
   * The same by twilight's HTTP protocol, for `httpQueue` of `shardwire/fleet` and for shards outside Cloudflare. Nobody is asked
   * who they are: that is for the Worker that hands the request on.
   */
  fetch(request: any): Promise<any>;
}

/** The methods that are called by RPC. */
export interface QueueStub {
  turn(shard: ShardId): PromiseLike<void>;
  leave(shard: ShardId): PromiseLike<void>;
  identified(shard: ShardId): PromiseLike<void>;
}

/**
 * The queue in another object, for the option `identifyQueue`. `getStub` gives a stub of that object, and is called for each
 * question: when an object was taken away, the stubs of it may stay broken.
 *
 * It needs RPC, so compatibility date 2024-04-03 or later. With an earlier one, use `httpQueue` with the stub's `fetch`.
 */
export declare function durableQueue(getStub: () => QueueStub): IdentifyQueue;

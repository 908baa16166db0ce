/**
 * Shards of a fleet in a worker: the other half of the option `workers` of `ShardManager`.
 *
 * ```js
 * import { serveShards } from "shardwire/worker";
 *
 * serveShards({
 *   async onDispatch(event, shard) {
 *     if (event.name === "MESSAGE_CREATE") await answer(event.data, shard);
 *   },
 * });
 * ```
 * @packageDocumentation
 */

import type { DispatchEvent, RawForm, Shard, ShardOptions } from "./index.js";

export { ShardwireError } from "./index.js";

export interface ServeOptions<Form extends RawForm = "text"> {
  /** Goes before the options of the fleet: hooks, which do not cross into a worker, and `WebSocket` where there is none. */
  options?: Partial<Omit<ShardOptions<Form>, "token" | "shard" | "session" | "identifyQueue" | "identifyStore">>;
  /**
   * Handles Discord's events in this worker: then the fleet hears of the shards' own events only. Of each shard one comes after the
   * other; the next one when the promise that it returns has settled. What it throws is told to the fleet by a notice `bad-hook`.
   * Sessions in a store, and those that go on when the worker ends, are no further than what it has handled, and up to 100 events
   * behind: those are handled again.
   */
  onDispatch?: (event: DispatchEvent<Form>, shard: Shard<Form>) => unknown;
}

/** Makes the shards that the fleet asks for. To be called once, when the script of the worker runs. */
export declare function serveShards<Form extends RawForm = "text">(options?: ServeOptions<Form>): void;

/**
 * Listeners for the events of a shard. It takes no part of the rest of the package.
 *
 * ```js
 * import { ShardEmitter } from "shardwire/emitter";
 *
 * const bot = new ShardEmitter(new Shard({ token, intents: ["GUILDS", "GUILD_MESSAGES"] }));
 * bot.on("MESSAGE_CREATE", (message) => console.log(message.author.username));
 * bot.on("stopped", ({ reason }) => console.log(reason.message));
 * const ready = await bot.waitFor("READY", { timeoutMs: 60_000 });
 * ```
 * @packageDocumentation
 */

import type { Signal } from "./host.js";
import type { Dispatch, GatewayEvent, GatewayEventMap, Shard } from "./index.js";

export { ShardwireError } from "./index.js";

/** Events that are not from Discord, by their type. */
type OwnEvents = { [Own in Exclude<GatewayEvent, { type: "dispatch" }> as Own["type"]]: Own };

/** What a listener is called with first, by the name that it listens to: data of Discord's event, or one of ours. */
export type ArgumentOf<Name extends string> = Name extends keyof OwnEvents
  ? OwnEvents[Name]
  : Name extends keyof GatewayEventMap
    ? GatewayEventMap[Name]
    : any;

/** The whole event, with its sequence number and its text. */
export type EventOf<Name extends string> = Name extends keyof OwnEvents ? OwnEvents[Name] : Dispatch<Name, ArgumentOf<Name>>;

/** Names that are known, for editors to offer. Every other text may be the name of an event too. */
export type EventName = keyof OwnEvents | (keyof GatewayEventMap & string) | (string & {});

/** What a listener returns is of no interest, but a promise that is rejected is reported as an exception is. */
export type Listener<Name extends string> = (argument: ArgumentOf<Name>, event: EventOf<Name>) => unknown;

/**
 * Reads a shard and calls listeners: for Discord's events by their name (`"MESSAGE_CREATE"`), for the shard's own by their
 * type (`"status"`, `"stopped"`, …).
 *
 * It begins to read, and so to connect, right after the code that made it has run: who listens there misses nothing. It is the
 * one reader of the shard. A listener that throws is reported as an uncaught exception of its own; the others still run.
 */
export declare class ShardEmitter {
  constructor(shard: Shard);

  /** The shard, for commands and the rest. */
  readonly shard: Shard;
  /** Resolves when the shard has stopped and all listeners were called. */
  readonly finished: Promise<void>;

  /** Calls `listener` for each event of this name, until `signal` is aborted. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>, options?: { signal?: Signal }): this;
  /** Calls `listener` for the next event of this name. */
  once<Name extends EventName>(name: Name, listener: Listener<Name>, options?: { signal?: Signal }): this;
  /** Calls `listener` for every event, after those that wait for it by name. */
  onAny(listener: (event: GatewayEvent) => unknown, options?: { signal?: Signal }): this;
  /** Calls `listener` for this name no more. */
  off<Name extends EventName>(name: Name, listener: Listener<Name>): this;
  /**
   * The argument of the next event of this name that `filter` accepts.
   *
   * Rejects with a `ShardwireError` with the code `timed-out` after `timeoutMs` milliseconds (never, unless given),
   * `cancelled` when `signal` is aborted, and `stopped` when the shard ends before; and with what `filter` throws.
   */
  waitFor<Name extends EventName>(
    name: Name,
    options?: {
      filter?: (argument: ArgumentOf<Name>, event: EventOf<Name>) => boolean;
      timeoutMs?: number;
      signal?: Signal;
    },
  ): Promise<ArgumentOf<Name>>;
}

/**
 * One fleet for all tabs of a dashboard: it runs in a `SharedWorker`, and each tab reads and commands it. It takes no part of the
 * WebAssembly module along; the script of the worker loads the rest when the first tab is there:
 *
 * ```js
 * // fleet-worker.js
 * import { serveFleet } from "shardwire/shared-worker";
 *
 * const accept = serveFleet(async ({ token }) => {
 *   // Not at the top: tabs that come while a module loads would not be heard.
 *   const [{ ShardManager }, { indexedDbStore }] = await Promise.all([import("shardwire/fleet"), import("shardwire/stores")]);
 *   return new ShardManager({ token, intents: ["GUILDS"], gateway: null, total: 1, sessions: indexedDbStore() });
 * });
 * onconnect = ({ ports: [port] }) => accept(port);
 *
 * // In each tab.
 * import { joinFleet } from "shardwire/shared-worker";
 *
 * const worker = new SharedWorker(new URL("./fleet-worker.js", import.meta.url), { type: "module" });
 * const fleet = joinFleet(worker.port, { token });
 * for await (const event of fleet) console.log(event.shardId, event.type);
 * ```
 *
 * The browser ends the worker when the last tab has gone. With a store, the tab that comes next resumes the sessions, if the worker
 * had the moment that it needs to close its sockets in peace: `extendedLifetime: true` gives it one, where browsers know that. Another
 * bot takes a worker of another `name`. Any other `MessagePort` does as well, such as one to a frame or a worker thread.
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

import type { Health, QueuePort, ShardManager, ShardSelection } from "./fleet.js";
import type { Presence, RawForm, Readable, SendOptions, Session, Shard, ShardInfo, StatusName } from "./index.js";
import { ShardwireError } from "./index.js";

export { ShardwireError };

/** The parts of a `MessagePort` that are used here. */
export interface TabPort extends QueuePort {
  close(): void;
}

export interface ServeFleetOptions {
  /** Events that may wait for one tab, at least one (10 000). */
  capacity?: number;
}

/**
 * Serves a fleet to tabs. `make` is called when the first one joins, with its greeting, and again when one joins after the fleet
 * has ended; what it throws is thrown to whoever reads then. Gives the function that takes the port of each tab.
 *
 * When the last tab has left, the fleet is closed with its sessions kept, and made again when one joins. A tab that crashed counts for
 * five minutes.
 *
 * A tab that does not read holds up neither the shards nor other tabs: beyond `capacity` its oldest events are dropped, and a notice
 * `events-dropped` in their place says how many. For a tab that has said nothing for five minutes, or has gone, nothing is kept.
 * One that was frozen, or comes back by the history, is told the same way what it has missed.
 *
 * @throws {ShardwireError} `bad-options`.
 */
export declare function serveFleet<Form extends RawForm = "text">(
  make: (greeting: any) => ShardManager<Form> | Promise<ShardManager<Form>>,
  options?: ServeFleetOptions,
): (port: TabPort) => void;

/**
 * Joins the fleet that is served at the other end of `port`. `greeting` is for the function that makes it, if nobody has joined
 * before; it must be something that can be cloned.
 */
export declare function joinFleet<Form extends RawForm = "text">(port: TabPort, greeting?: unknown): SharedFleet<Form>;

/** A shard of a shared fleet, to be spoken to. It is read by way of the fleet. Wrong arguments reject the promise of a command. */
export interface SharedShard
  extends Pick<
    Shard,
    | "status"
    | "reconnect"
    | "updatePresence"
    | "updateVoiceState"
    | "requestGuildMembers"
    | "requestSoundboardSounds"
    | "requestChannelInfo"
    | "send"
    | "sendEncoded"
  > {
  info(): Promise<ShardInfo>;
}

/**
 * A fleet that runs elsewhere, as one tab sees it. It is read as a `ShardManager` is: each tab gets every event from when it joins.
 * What it says without being asked (`total`, `health()`, the `status` of a shard) is as of the last event. `shardwire/requests` speaks
 * to shards of its own realm only: in the worker.
 *
 * Reading and calls fail with `unavailable` when the worker has not answered for eight beats of 15 s, as it has crashed: make
 * another `SharedWorker` then. That its script cannot be loaded is told by an `error` event of the `SharedWorker`.
 */
export interface SharedFleet<Form extends RawForm = "text"> extends Readable<Form>, AsyncDisposable {
  /** Resolves when it is known which shards there are. Rejects with what the fleet could not start for. */
  connect(): Promise<void>;
  /** Resolves when every shard is ready, or was. */
  readonly ready: Promise<void>;
  /** How many the bot has; `null` before `connect`. */
  readonly total: number | null;
  /** The numbers of those that run there. */
  readonly numbers: number[];
  /** How many Discord recommends, if that is known and something else than the total. */
  readonly recommendedInstead: number | null;
  shard(number: number): SharedShard | undefined;
  /** The shard of a guild. @throws {ShardwireError} `bad-shard` if the fleet does not have it. */
  forGuild(guildId: string): SharedShard;
  updatePresence(presence: Presence, options?: SendOptions): Promise<{ shardId: number; error: ShardwireError }[]>;
  infos(): Promise<ShardInfo[]>;
  health(): Health;
  start(number: number, options?: { session?: Session }): Promise<void>;
  stop(number: number, options?: { keepSession?: boolean }): Promise<Session | null>;
  restart(number: number): Promise<void>;
  reshard(selection?: ShardSelection): Promise<void>;
  /** Ends the fleet, for all tabs, as `ShardManager.close` does. */
  end(options?: { keepSession?: boolean; withinMs?: number }): Promise<Session[]>;
  /** Leaves: this tab hears no more, and the fleet goes on. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

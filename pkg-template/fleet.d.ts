/**
 * Many shards as one, and identify queues that shards ask wherever they run.
 *
 * ```js
 * import { IdentifyLedger, portQueue, serveQueue } from "shardwire/fleet";
 *
 * const ledger = new IdentifyLedger({ limit: (await discoverGateway({ token })).sessionStartLimit });
 * const shards = [0, 1, 2, 3].map((number) => new Shard({ token, intents, shard: [number, 8], identifyQueue: ledger }));
 * // The others run in a worker, with `identifyQueue: portQueue(port)`.
 * const { port1, port2: port } = new MessageChannel();
 * serveQueue(ledger, port1);
 * worker.postMessage({ port }, [port]);
 * ```
 *
 * This brings the WebAssembly module along, as `shardwire` does. Whoever loads that by hand takes `shardwire/fleet/manual`.
 * @packageDocumentation
 */

import type { BotGateway, DiscoverOptions, SessionStartLimit } from "./discover.js";
import type { Fetch, Signal } from "./host.js";
import type {
  IdentifyQueue,
  IdentifyStore,
  Presence,
  RawForm,
  Readable,
  SendOptions,
  Session,
  Shard,
  ShardId,
  ShardInfo,
  ShardOptions,
} from "./index.js";
import { ShardwireError } from "./index.js";
import type { SessionStore } from "./stores.js";

export { ShardwireError };
export type { IdentifyQueue, SessionStore };

/** A part of the shards: a number, a range as `"4-7"`, or as an object. Both ends belong to it. */
export type ShardRange = number | `${number}-${number}` | { readonly start: number; readonly end: number };

/** Which shards run here. */
export interface ShardSelection {
  /**
   * `"auto"` (default): all of them; a number: so many, all here; a list: these, and the others run elsewhere.
   *
   * ```js
   * new ShardManager({ token, intents, shards: [0, "4-7", { start: 12, end: 15 }], total: 16 });
   * ```
   */
  shards?: "auto" | number | readonly ShardRange[];
  /** How many the bot has, here and elsewhere. Default: as many as Discord recommends. */
  total?: number;
  /** Of what the total must be a multiple: the number that Discord assigned to a large bot. A recommended total is rounded up. */
  multipleOf?: number;
  /**
   * What `/gateway/bot` says, as `discoverGateway` gives it. Default: it is asked. `null`: it is not, as pages cannot ask with a
   * token; then `total`, or `shards` as a number, must be given, and one shard identifies in 5 s unless `identifyQueue` knows more.
   */
  gateway?: BotGateway | null;
}

/** The options of each shard, less those that the fleet has itself, and its own. */
export type FleetOptions<Form extends RawForm = "text"> = Omit<ShardOptions<Form>, "shard" | "session"> &
  ShardSelection & {
    /** How `/gateway/bot` is asked. */
    discover?: Omit<DiscoverOptions, "token">;
    /**
     * Where sessions are kept: a fleet that is started again resumes what is there and identifies only for the rest. They are
     * written once a second, no further than the reader has come back from: after a crash the events of the last second may
     * come again, and none is lost. `shardwire/stores` has some.
     */
    sessions?: SessionStore;
    /**
     * Where the shards run, if not here: in workers of the host, with one identify budget. What they tell comes here, unless
     * their workers handle it (`shardwire/worker`). The options are copied into the workers, so hooks (`tap`, `beforeConnect`) and
     * `WebSocket` are given there; `presence` may be a function, which is asked here when a shard is made.
     *
     * When a worker ends, as far as the host tells (Node.js, Bun), or throws what nobody catches, its shards go on in another with
     * their sessions, and no event is lost. A shard that was never ready in it stops with the reason `worker-lost`.
     */
    workers?: WorkerOptions;
  };

/** Workers of a fleet. */
export interface WorkerOptions {
  /** Shards in one worker, above 0 (16). */
  shardsPerWorker?: number;
  /**
   * Makes a worker whose script calls `serveShards` of `shardwire/worker`. Default in Node.js, Bun and Deno: one that does nothing
   * else. Elsewhere it must be given, as bundlers have to see it:
   *
   * ```js
   * create: () => new Worker(new URL("./shards.js", import.meta.url), { type: "module" });
   * ```
   */
  create?: () => FleetWorker;
}

/** The parts of a worker that are used here: a `Worker` of browsers, or of `node:worker_threads`. */
export interface FleetWorker {
  postMessage(message: any, transfer?: any): void;
  terminate(): unknown;
}

/**
 * A shard in a worker. It is read and spoken to as a `Shard` is, but for `info()`, which asks the worker. Its `status` and `session`
 * are what they were when the last events came. What is wrong with the arguments of a command rejects its promise. `shardwire/requests` speaks to shards of its own realm only: in the worker.
 */
export interface RemoteShard<Form extends RawForm = "text">
  extends Readable<Form>,
    Omit<Shard<Form>, keyof Readable | "info" | "ready" | "resetCounters" | typeof Symbol.asyncDispose> {
  info(): Promise<ShardInfo>;
}

/** How many shards are in which state. */
export interface Health {
  /** Not started yet. */
  waiting: number;
  /** On their way to a session. */
  connecting: number;
  /** Receiving events. */
  ready: number;
  /** Between two connections. */
  disconnected: number;
  /** On their way out. */
  leaving: number;
}

export interface ShardManager<Form extends RawForm = "text"> extends Readable<Form> {}

/**
 * All shards of a bot that run here, as one: one line of events, each with its `shardId`.
 *
 * ```js
 * import { ShardManager } from "shardwire/fleet";
 * import { fileStore } from "shardwire/stores";
 *
 * const fleet = new ShardManager({ token, intents: ["GUILDS"], sessions: fileStore("sessions.json") });
 * for await (const event of fleet) {
 *   if (event.type === "dispatch") console.log(event.shardId, event.name);
 * }
 * ```
 *
 * It is read as a `Shard` is, by loops, by listeners or both, and starts when somebody reads. Shards are started in the order of
 * their numbers, no sooner than the identify limits let them get anywhere; those with a session do not wait. If the reader is
 * slow, `limits.waitingEvents` wait for it here, and shards then do what their `overflow` says; hearts go on beating.
 *
 * The line ends when the last shard has stopped. A shard that stops by itself is told by its event `stopped`, and the others go
 * on. Besides what shards tell there is the notice `shard-count`: Discord recommends another number.
 */
export declare class ShardManager<Form extends RawForm = "text"> implements AsyncDisposable {
  /** @throws {ShardwireError} if an option is not right; nothing is asked or opened before somebody reads. */
  constructor(options: FleetOptions<Form>);

  /**
   * Resolves when it is known which shards there are, and they are on their way. Reading does it too. Rejects as `discoverGateway`
   * does, with `bad-shard` for shards that cannot be, and with what the store throws; the next call tries again.
   */
  connect(): Promise<void>;
  /** Resolves when every shard is ready, or was. Somebody has to read meanwhile. */
  readonly ready: Promise<void>;

  /** How many the bot has; `null` before `connect`. */
  readonly total: number | null;
  /** The numbers of those that run here. */
  readonly numbers: number[];
  /** How many Discord recommends, if that is known and something else than the total. */
  readonly recommendedInstead: number | null;

  /** A shard that runs here, to be spoken to. It is read by the fleet. */
  shard(number: number): Shard<Form> | RemoteShard<Form> | undefined;
  /** The shard of a guild. @throws {ShardwireError} `bad-shard` if that runs elsewhere: what another sends comes to nothing. */
  forGuild(guildId: string): Shard<Form> | RemoteShard<Form>;
  /** Shows another presence on every shard that runs here. Gives those that did not take it. */
  updatePresence(presence: Presence, options?: SendOptions): Promise<{ shardId: number; error: ShardwireError }[]>;
  /** Everything there is to see of each shard. */
  infos(): Promise<ShardInfo[]>;
  health(): Health;

  /** Starts a shard that does not run, with a session that it left here or elsewhere. */
  start(number: number, options?: { session?: Session }): Promise<void>;
  /**
   * Ends one shard, and with `keepSession` gives the session that it leaves, to be started here or elsewhere. What it has received
   * before is still handed over, and the session goes on behind that.
   */
  stop(number: number, options?: { keepSession?: boolean }): Promise<Session | null>;
  /** Ends one shard and starts it with the session that it leaves. */
  restart(number: number): Promise<void>;

  /**
   * Goes over to other shards, of another total, while events go on. Resolves when that is done; do not await it in the loop that
   * reads.
   *
   * The new shards identify within the limits, and say nothing yet. When all are ready, and each old one has shown by two
   * heartbeats that nothing from before is on its way any more, events are handed on from the new ones and the old ones end.
   * Every event is handed on once, as far as its two copies are the same to the letter; Discord promises an order within a
   * session only. What new sessions say of their beginning (READY, the guilds that are there) is not handed on.
   *
   * Rejects with `unavailable` if a side is stuck for so long that 65 536 events, or 64 MB, wait: then the old ones go on.
   */
  reshard(selection?: ShardSelection): Promise<void>;

  /**
   * Ends all shards, and with `keepSession` gives their sessions. Resolves when the store has them, but no later than
   * `withinMs` (10 000) behind the last shard. What waits can still be read.
   */
  close(options?: { keepSession?: boolean; withinMs?: number }): Promise<Session[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The shard of a guild, where the bot has `total` shards. @throws {ShardwireError} `bad-shard` if that is no id. */
export declare function shardOf(guildId: string, total: number): number;

export interface LedgerOptions {
  /** What `discoverGateway` says of identifies. Default: 1000 a day, all left, one in 5 s. */
  limit?: Partial<SessionStartLimit>;
  /** Where it is kept beyond this process. */
  store?: IdentifyStore;
  /** Is told what the store throws, and in which of its methods; the ledger goes on. Default: `console.error`. */
  onError?: (error: unknown, method: "load" | "save") => unknown;
}

/**
 * The identify ledger of a bot: the queue for shards of one process, and what is served to those elsewhere. Shards that have
 * it as their `identifyQueue` wait until its store was read.
 *
 * It keeps the order of the buckets (`maxConcurrency`), counts 5 s from each real identify, and the identifies of a day; and it
 * holds back a shard that identifies again and again, so that a bot in trouble keeps its token. While no identify is left,
 * shards elsewhere wait for the next day; those of this realm end with `identify-budget-spent`, as without it. A shard that asks
 * again loses the place that it had, whose `turn` rejects.
 */
export declare class IdentifyLedger implements IdentifyQueue {
  /** @throws {ShardwireError} `bad-options`. */
  constructor(options?: LedgerOptions);
  /** Resolves when the store was read. */
  readonly ready: Promise<void>;
  /** Identifies left of the day. */
  readonly remaining: number;
  turn(shard: ShardId, signal?: Signal): Promise<void>;
  identified(shard: ShardId, options?: { withinMs?: number }): void;
}

/** The parts of a `MessagePort` that are used here: that of browsers and workers, and that of `node:worker_threads`. */
export interface QueuePort {
  postMessage(message: any): void;
  addEventListener(type: any, listener: (event: any) => void): void;
  removeEventListener(type: any, listener: (event: any) => void): void;
  start(): void;
}

/** How a queue is served. */
export interface ServeOptions {
  /** Is told what the queue's `identified` throws; who had asked has its turn all the same. Default: `console.error`. */
  onError?: (error: unknown) => unknown;
}

/**
 * Serves `queue` to whoever holds the other end of `port` and asks by {@link portQueue}. Gives a function that ends it, by which
 * all who wait lose their places and are told. Where the host tells of it, the end of the port does the same: Node.js does,
 * browsers say nothing of a worker that was terminated. Other messages may go over the port as well, unless they are arrays.
 * A port that is served keeps a process running.
 */
export declare function serveQueue(queue: IdentifyQueue, port: QueuePort, options?: ServeOptions): () => void;

/**
 * The queue that is served at the other end of `port`, for shards in a worker. Who waits when the port ends is refused with the
 * code `unavailable`, where the host tells.
 */
export declare function portQueue(port: QueuePort): IdentifyQueue;

export interface HttpQueueOptions {
  /**
   * Used instead of the global `fetch`. It must honour `signal`. Those of Node.js and Bun give up after five minutes; the shard then
   * asks again, behind the others.
   */
  fetch?: Fetch;
  /** Sent along, such as `authorization`. */
  headers?: Record<string, string>;
}

/**
 * The queue that is served at `url`: by {@link queueHandler}, by `shardwire queue`, or by twilight's HTTP queue. An answer that
 * is none of success is an error with the code `unavailable`, its `status`, and `retryAfterMs` if the server said so.
 * @throws {ShardwireError} `bad-url`.
 */
export declare function httpQueue(url: string, options?: HttpQueueOptions): IdentifyQueue;

/**
 * Serves `queue` to all processes of a bot, as a function from requests to responses: for `Deno.serve`, `Bun.serve` and Workers.
 * `GET /?shard=NUMBER` is answered with 200 once that shard may identify, with 503 and `retry-after` if the queue rejects.
 * Hanging up gives the place up, if the host aborts the `signal` of the request. Nobody is asked who they are: it is for a
 * network of one's own.
 *
 * Callers wait without a word: `Bun.serve` hangs up on them after 10 s unless it has `idleTimeout: 0`.
 */
export declare function queueHandler(queue: IdentifyQueue, options?: ServeOptions): (request: any) => Promise<any>;

/** The same for `http.createServer` of Node.js. */
export declare function queueListener(queue: IdentifyQueue, options?: ServeOptions): (request: any, response: any) => Promise<void>;

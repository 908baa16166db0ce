/**
 * Many shards as one, and identify queues that shards ask wherever they run.
 *
 * This brings the WebAssembly module along, as `shardwire` does. Whoever loads that by hand takes `shardwire/fleet/manual`.
 * @packageDocumentation
 */

import type { SessionStartLimit } from "./discover.js";
import type { Fetch, Signal } from "./host.js";
import type { IdentifyQueue, IdentifyStore, ShardId } from "./index.js";

export { ShardwireError } from "./index.js";
export type { IdentifyQueue };

export interface LedgerOptions {
  /** What `discoverGateway` says of identifies. Default: 1000 a day, all left, one in 5 s. */
  limit?: Partial<SessionStartLimit>;
  /** Where it is kept beyond this process. */
  store?: IdentifyStore;
  /** Is told what the store throws, and in which of its methods; the ledger goes on. Default: `console.error`. */
  onError?: (error: unknown, method: "load" | "save") => unknown;
}

/**
 * The identify ledger of a bot: the queue for shards of one process, and what is served to those elsewhere.
 *
 * It keeps the order of the buckets (`maxConcurrency`), counts 5 s from each real identify, and the identifies of a day; and it
 * holds back a shard that identifies again and again, so that a bot in trouble keeps its token. While no identify is left,
 * shards elsewhere wait for the next day; those of this realm end with `identify-budget-spent`, as without it.
 */
export declare class IdentifyLedger implements IdentifyQueue {
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

/**
 * Serves `queue` to whoever holds the other end of `port` and asks by {@link portQueue}. Gives a function that ends it, by which
 * all who wait lose their places; so does the end of the port, where the host tells.
 */
export declare function serveQueue(queue: IdentifyQueue, port: QueuePort): () => void;

/** The queue that is served at the other end of `port`, for shards in a worker. */
export declare function portQueue(port: QueuePort): IdentifyQueue;

export interface HttpQueueOptions {
  /** Used instead of the global `fetch`. It must honour `signal`. */
  fetch?: Fetch;
  /** Sent along, such as `authorization`. */
  headers?: Record<string, string>;
}

/**
 * The queue that is served at `url`: by {@link queueHandler}, by `shardwire queue`, or by twilight's HTTP queue.
 * @throws {ShardwireError} `bad-url`.
 */
export declare function httpQueue(url: string, options?: HttpQueueOptions): IdentifyQueue;

/**
 * Serves `queue` to all processes of a bot, as a function from requests to responses: for `Deno.serve`, `Bun.serve` and Workers.
 * `GET /?shard=NUMBER` is answered with 200 once that shard may identify, and hanging up gives the place up. Nobody is asked who
 * they are: it is for a network of one's own.
 */
export declare function queueHandler(queue: IdentifyQueue): (request: any) => Promise<any>;

/** The same for `http.createServer` of Node.js. */
export declare function queueListener(queue: IdentifyQueue): (request: any, response: any) => Promise<void>;

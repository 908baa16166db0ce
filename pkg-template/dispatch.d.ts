/**
 * Who gets which event: the three ways that are known from GenStage's dispatchers, as in the Rust crate. They take no part of
 * the rest of the package.
 *
 * ```js
 * import { Partition } from "shardwire/dispatch";
 *
 * const partition = new Partition(4, (event) => (event.type === "dispatch" ? event.data.guild_id : null));
 * const workers = [0, 1, 2, 3].map(async (part) => {
 *   // What is awaited in here holds nobody else up, unless the line is full.
 *   for await (const event of partition.subscribe(part)) await handle(event);
 * });
 * await partition.run(shard);
 * await Promise.all(workers);
 * ```
 *
 * | | gets | order |
 * | --- | --- | --- |
 * | {@link Broadcast} | each subscriber everything that it wants | as it came |
 * | {@link Demand} | each event one subscriber, the first that asks | handled at the same time |
 * | {@link Partition} | each event the subscriber of its part | as it came, for each key |
 *
 * Every event is handed over once to each of those who get it. What waits in a line is bounded, and what happens beyond is
 * chosen by {@link LineOptions.overflow}.
 *
 * Refused arguments are thrown as a {@link ShardwireError} with the code `bad-options`.
 * @packageDocumentation
 */

/// <reference lib="esnext.disposable" />

import type { Signal } from "./host.js";
import type { GatewayEvent } from "./index.js";

export { ShardwireError } from "./index.js";

/**
 * What happens when a subscriber is too slow:
 *
 * - `"pause"`: the source is not read any further until half of the line is. A shard then does as its own option `overflow`
 *   says once its own bound is reached: unless told otherwise it closes its connection with the session kept, and resumes
 *   later. Heartbeats go on, nothing is lost, and all other subscribers wait as well
 * - `"drop-oldest"`: the oldest events go, and a {@link Lagged} in their place says how many
 * - `"fail"`: the line takes nothing in any more; what waits can be read, then a {@link Lagged}, then it ends
 */
export type Overflow = "pause" | "drop-oldest" | "fail";

export interface LineOptions<Policy extends Overflow = Overflow> {
  /** How many events may wait (10 000), at least one. */
  capacity?: number;
  /** What happens when there are more; default `"pause"`. */
  overflow?: Policy;
}

/** Stands where events are missing, as the subscriber was too slow. */
export declare class Lagged {
  private constructor();
  readonly type: "lagged";
  /** How many were dropped. With `"fail"` there may be any number more. */
  readonly dropped: number;
}

/** What a subscriber reads: with `"pause"` nothing is ever missing. */
export type Delivery<Event, Policy extends Overflow> = Policy extends "pause" ? Event : Event | Lagged;

/** What can be dealt out: a `Shard`, anything else with batches of events of which an empty one is the last, any async iterable. */
export type Source<Event> = { nextBatch(): Promise<readonly Event[]> } | AsyncIterable<Event>;

/** Reads a source and deals its events out. */
export interface Dispatcher<Event> {
  /**
   * Reads `source` to its end, and resolves then. Nobody else may read it meanwhile. Subscriptions end after what waits for
   * them. A source that fails rejects this, and subscriptions throw the same error after what waits.
   *
   * Several sources may be run at the same time, such as the shards of a bot; then the last one to end or fail counts. After
   * that a dispatcher cannot run another: it rejects with the code `stopped`.
   *
   * When `signal` is aborted, it rejects with the code `cancelled` as soon as what was read is dealt out. What a read that is
   * under way brings is lost: to miss nothing, end the source instead, as `shard.close()` does.
   */
  run(source: Source<Event>, options?: { signal?: Signal }): Promise<void>;
}

/**
 * Each subscriber gets every event that it wants, from the moment on at which it subscribes. What comes before the first is
 * lost; what a subscriber leaves unread is nobody's.
 */
export declare class Broadcast<Event = GatewayEvent> implements Dispatcher<Event> {
  /** `wants` says which events; default all. What it throws ends this subscription, whose reader it is thrown to. */
  subscribe<Policy extends Overflow = "pause">(
    options?: LineOptions<Policy>,
    wants?: (event: Event) => boolean,
  ): Subscription<Delivery<Event, Policy>>;
  run(source: Source<Event>, options?: { signal?: Signal }): Promise<void>;
}

/**
 * Each event goes to one of the subscribers: the first that asks. What nobody asked for yet waits in one line, also for
 * subscribers to come: who leaves, or fails, takes along what it was given and nothing else.
 */
export declare class Demand<Event = GatewayEvent, Policy extends Overflow = "pause"> implements Dispatcher<Event> {
  constructor(options?: LineOptions<Policy>);
  subscribe(): Subscription<Delivery<Event, Policy>>;
  run(source: Source<Event>, options?: { signal?: Signal }): Promise<void>;
}

/** What events that belong together have in common, by its text. Those with `undefined` belong together too. */
export type Key = string | number | bigint | null | undefined;

/**
 * Each event goes to the one subscriber of its part, in order; events with the same key are in the same part. What comes for a
 * part without a subscriber waits for one, in a line for each part: who leaves, or fails, can be replaced, and the order holds.
 */
export declare class Partition<Event = GatewayEvent, Policy extends Overflow = "pause"> implements Dispatcher<Event> {
  /** So many parts, at least one. What `key` throws ends the run, as an error of the source does. */
  constructor(parts: number, key: (event: Event) => Key, options?: LineOptions<Policy>);
  /** Subscribes to one part, counted from 0; `null` if there is no such part, or somebody has it. */
  subscribe(part: number): Subscription<Delivery<Event, Policy>> | null;
  run(source: Source<Event>, options?: { signal?: Signal }): Promise<void>;
}

/**
 * A subscriber's end. Leaving a loop over it leaves it for good, as `close()` does. One that nobody reads any more must be
 * closed, or its line fills.
 */
export interface Subscription<Item> extends AsyncIterableIterator<Item>, AsyncDisposable {
  next(): Promise<IteratorResult<Item, undefined>>;
  /** All that waits, at least one; an empty array after the end. Of what several subscribers share, it leaves them nothing. */
  nextBatch(): Promise<Item[]>;
  return(value?: unknown): Promise<IteratorResult<Item, any>>;
  /** Leaves. Whoever waits for an event of it is told that it is over. Safe to call twice. */
  close(): void;
  [Symbol.asyncIterator](): this;
  [Symbol.asyncDispose](): Promise<void>;
}

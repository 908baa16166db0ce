/**
 * Where the sessions of a fleet are kept, so that a program that is started again resumes them and misses nothing. It takes no
 * part of the rest of the package.
 *
 * ```js
 * import { fileStore } from "shardwire/stores";
 *
 * const store = fileStore("sessions.json");
 * const [session] = await store.load();
 * const shard = new Shard({ token, intents, session });
 * process.once("SIGTERM", async () => {
 *   const left = await shard.disconnect();
 *   if (left) await store.save(left);
 * });
 * ```
 *
 * What all of these do:
 *
 * - What they read may have been written by anybody: what is no session is passed over.
 * - Of each shard one write is under way, and one at most waits: the newest. So an old session never takes the place of a newer
 *   one, however slow the place is. `save` and `remove` give a promise that resolves when that, or what took its turn, is done.
 * - What fails is thrown, or rejects, with what the place says of it. `save` throws a {@link ShardwireError} with the code
 *   `bad-session` for what is none, and `unavailable` is said by hosts that do not have such a place.
 *
 * Two fleets need two files, two prefixes or two names: a session is found by its shard.
 * @packageDocumentation
 */

import type { Session, ShardId } from "./index.js";

export { ShardwireError } from "./index.js";

/** Keeps the sessions of a fleet, at most one for each shard. Anybody may write another one. */
export interface SessionStore {
  /** All sessions that were kept. */
  load(): Session[] | Promise<Session[]>;
  /** Keeps `session` in place of what was kept of its shard. If it gives a promise, that resolves when it is kept. */
  save(session: Session): unknown;
  /** Forgets the session of `shard`, which is over. */
  remove(shard: ShardId): unknown;
}

/** One of ours in a place that answers at once. */
export interface SyncSessionStore extends SessionStore {
  load(): Session[];
  save(session: Session): void;
  remove(shard: ShardId): void;
}

/** One of ours in any other place. */
export interface AsyncSessionStore extends SessionStore {
  load(): Promise<Session[]>;
  save(session: Session): Promise<unknown>;
  remove(shard: ShardId): Promise<unknown>;
}

/** In this process: for shards that are made anew, and for tests. */
export declare function memoryStore(sessions?: readonly Session[]): SyncSessionStore;

/**
 * In a file, in Node.js, Deno and Bun. It is replaced as a whole: whoever reads it sees all of the old sessions or all of the
 * new, also after a crash in between, which may leave a second file `PATH.new`. One that is missing, or holds something else,
 * counts as empty. The Rust crate's `native::SessionFile` reads and writes the same.
 */
export declare function fileStore(path: string): AsyncSessionStore;

/** The parts of `localStorage` and `sessionStorage` that are used here. */
export interface WebStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** In `localStorage`, or another storage of pages. Its keys begin with `prefix` (`shardwire:session:`). */
export declare function webStore(storage?: WebStorage, prefix?: string): SyncSessionStore;

/** In IndexedDB, for pages and workers: a database of our own, by this name (`shardwire`). */
export declare function indexedDbStore(name?: string): AsyncSessionStore;

/** The parts of `Deno.Kv` that are used here. */
export interface DenoKv {
  set(key: readonly string[], value: unknown): Promise<unknown>;
  delete(key: readonly string[]): Promise<void>;
  list(selector: { prefix: readonly string[] }): AsyncIterable<{ readonly value: unknown }>;
}

/** In what `Deno.openKv()` gives. Its keys begin with the parts of `prefix` (`["shardwire", "session"]`). */
export declare function denoKvStore(kv: DenoKv, prefix?: readonly string[]): AsyncSessionStore;

/** The parts of a Durable Object's storage that are used here. */
export interface ObjectStorage {
  put(key: string, value: unknown, options?: { allowUnconfirmed?: boolean }): Promise<void>;
  delete(key: string, options?: { allowUnconfirmed?: boolean }): Promise<boolean>;
  list(options: { prefix: string }): Promise<Map<string, unknown>>;
}

/**
 * In the storage of a Durable Object, SQLite or key-value. Its keys begin with `prefix` (`shardwire:session:`). Nothing that
 * leaves the object is held back for its writes.
 */
export declare function durableStore(storage: ObjectStorage, prefix?: string): AsyncSessionStore;

/** Texts by keys: a `Map`, a client of Redis, Workers KV, each perhaps by way of a few lines. */
export interface KeyValue {
  /** What was set last; `null` or `undefined` if nothing. */
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): unknown;
  /** Without it, an empty text is set. */
  delete?(key: string): unknown;
  /**
   * All keys that begin with `prefix`. Without it, an index is kept under a key of its own: then one process at a time may
   * write with this prefix.
   */
  list?(prefix: string): Iterable<string> | AsyncIterable<string> | Promise<Iterable<string> | AsyncIterable<string>>;
}

/**
 * In any place that has texts by keys. Its keys begin with `prefix` (`shardwire:session:`).
 *
 * ```js
 * keyValueStore({
 *   get: (key) => env.KV.get(key),
 *   set: (key, text) => env.KV.put(key, text),
 *   delete: (key) => env.KV.delete(key),
 * });
 * ```
 */
export declare function keyValueStore(target: KeyValue, prefix?: string): AsyncSessionStore;

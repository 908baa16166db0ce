// Where the sessions of a fleet are kept between processes, in whatever a host has for it. Knows nothing of when they are
// written, but never lets an old one take the place of a newer.

import { ShardwireError } from "./error.js";
import { Lanes } from "./lanes.js";

export { ShardwireError };

const PREFIX = "shardwire:session:";
/** The only table of our databases in browsers. */
const TABLE = "sessions";
const MOST_SHARDS = 2 ** 32;

/** Described in `stores.d.ts`, as all that follow. */
export function memoryStore(sessions = []) {
  const kept = new Map(toSessions(sessions).map(toEntry));
  return {
    load: () => [...kept.values()],
    save: (session) => void kept.set(...toEntry(session)),
    remove: (shard) => void kept.delete(toKey(shard)),
  };
}

export function fileStore(path) {
  /** By their keys; `null` for those that are over. */
  const kept = new Map();
  const lanes = new Lanes();
  const sessions = () => [...kept.values()].filter((session) => session !== null);
  const reading = once(async () => {
    const { readFile } = await filesOfHost();
    const text = await readFile(path, "utf8").catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
    for (const [key, session] of toSessions(parse(text)).map(toEntry)) {
      // What was saved meanwhile is newer.
      if (!kept.has(key)) kept.set(key, session);
    }
  });
  const replace = async () => {
    await reading.get();
    const { rename, writeFile } = await filesOfHost();
    const beside = `${path}.new`;
    await writeFile(beside, JSON.stringify(sessions()));
    await rename(beside, path);
  };
  return {
    load: async () => {
      await reading.get();
      return sessions();
    },
    save: (session) => {
      kept.set(...toEntry(session));
      return lanes.write(path, replace);
    },
    remove: (shard) => {
      kept.set(toKey(shard), null);
      return lanes.write(path, replace);
    },
  };
}

export function webStore(storage = globalThis.localStorage, prefix = PREFIX) {
  if (!storage) throw new ShardwireError("unavailable", "expected a host with localStorage, or another storage");
  const names = () => Array.from(storage, (_, index) => storage.key(index));
  return {
    load: () => toSessions(names().filter((name) => name.startsWith(prefix)).map((name) => parse(storage.getItem(name)))),
    save(session) {
      const [key, kept] = toEntry(session);
      storage.setItem(prefix + key, JSON.stringify(kept));
    },
    remove: (shard) => storage.removeItem(prefix + toKey(shard)),
  };
}

export function indexedDbStore(name = "shardwire") {
  const opening = once(async () => {
    if (!globalThis.indexedDB) throw new ShardwireError("unavailable", "expected a host with IndexedDB");
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
    const database = await answered(request);
    database.onclose = opening.forget;
    // Whoever wants to delete or change it must not wait for us.
    database.onversionchange = () => {
      opening.forget();
      database.close();
    };
    return database;
  });
  /** What `ask` asks the table for, once it is kept. */
  const transact = async (mode, ask) => {
    const transaction = (await opening.get()).transaction(TABLE, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    return answered(ask(transaction.objectStore(TABLE))).finally(() => done);
  };
  return inLanes({
    all: () => transact("readonly", (table) => table.getAll()),
    put: (key, session) => transact("readwrite", (table) => table.put(session, key)),
    drop: (key) => transact("readwrite", (table) => table.delete(key)),
  });
}

export function denoKvStore(kv, prefix = ["shardwire", "session"]) {
  return inLanes({
    async all() {
      const values = [];
      for await (const { value } of kv.list({ prefix })) values.push(value);
      return values;
    },
    put: (key, session) => kv.set([...prefix, key], session),
    drop: (key) => kv.delete([...prefix, key]),
  });
}

export function durableStore(storage, prefix = PREFIX) {
  return inLanes({
    all: async () => [...(await storage.list({ prefix })).values()],
    // Nobody waits for it: if this one is lost, the one before it will do.
    put: (key, session) => storage.put(prefix + key, session, { allowUnconfirmed: true }),
    drop: (key) => storage.delete(prefix + key, { allowUnconfirmed: true }),
  });
}

export function keyValueStore(target, prefix = PREFIX) {
  const index = target.list ? null : indexIn(target, `${prefix}index`);
  return inLanes({
    async all() {
      const texts = [];
      const names = index ? (await index.keys()).map((key) => prefix + key) : await target.list(prefix);
      for await (const name of names) texts.push(target.get(name));
      return (await Promise.all(texts)).map(parse);
    },
    async put(key, session) {
      // Before it, as what is in no index is not found again.
      await index?.add(key);
      await target.set(prefix + key, JSON.stringify(session));
    },
    async drop(key) {
      await (target.delete ? target.delete(prefix + key) : target.set(prefix + key, ""));
      await index?.remove(key);
    },
  });
}

/** By a name of the package's own, as bundlers for hosts without files know of no `node:fs`. */
async function filesOfHost() {
  const files = await import("#files").catch(() => null);
  if (!files?.readFile) throw new ShardwireError("unavailable", "expected a host with files: Node.js, Deno or Bun");
  return files;
}

/** The keys that there are, kept under a name of their own. */
function indexIn(target, name) {
  const lanes = new Lanes();
  const reading = once(async () => new Set(toList(parse(await target.get(name))).filter(isText)));
  const write = (keys) => lanes.write(name, () => target.set(name, JSON.stringify([...keys])));
  return {
    keys: async () => [...(await reading.get())],
    async add(key) {
      const keys = await reading.get();
      if (keys.has(key)) return;
      try {
        await write(keys.add(key));
      } catch (error) {
        keys.delete(key);
        throw error;
      }
    },
    async remove(key) {
      const keys = await reading.get();
      if (keys.delete(key)) await write(keys);
    },
  };
}

/** A store of single entries. Writes of one shard are in order, however long each of them takes. */
function inLanes({ all, put, drop }) {
  const lanes = new Lanes();
  return {
    load: async () => toSessions(await all()),
    save(session) {
      const [key, kept] = toEntry(session);
      return lanes.write(key, () => put(key, kept));
    },
    remove(shard) {
      const key = toKey(shard);
      return lanes.write(key, () => drop(key));
    },
  };
}

function toKey([number, total]) {
  return `${number}/${total}`;
}

/** What `act` gives, asked for when it is needed and then kept; after a failure the next call tries again. */
function once(act) {
  let given = null;
  const forget = () => (given = null);
  const get = () =>
    (given ??= act().catch((error) => {
      forget();
      throw error;
    }));
  return { get, forget };
}

/** The key of a session, and a copy of it. */
function toEntry(value) {
  const session = toSession(value);
  if (!session) throw new ShardwireError("bad-session", "expected a session as a shard gives it");
  return [toKey(session.shard), session];
}

/** What is in a list that somebody else may have written: what is no session is passed over. */
function toSessions(values) {
  return toList(values).map(toSession).filter((session) => session !== null);
}

/** A copy with the fields that a session has, in their order, as the Rust crate refuses any other; `null` if it is none. */
function toSession(value) {
  const { id, sequence, resumeUrl = null, shard, userId = null } = Object(value);
  const [number, total] = toList(shard);
  const isSession =
    isText(id) &&
    isCount(sequence) &&
    [resumeUrl, userId].every((each) => each === null || isText(each)) &&
    toList(shard).length === 2 &&
    [number, total].every((each) => isCount(each) && each < MOST_SHARDS) &&
    number < total;
  return isSession ? { id, sequence, resumeUrl, shard: [number, total], userId } : null;
}

function toList(value) {
  return Array.isArray(value) ? value : [];
}

function isText(value) {
  return typeof value === "string";
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/** A text that is no JSON says nothing. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a request of IndexedDB comes to. */
function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

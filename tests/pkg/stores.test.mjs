// Where sessions are kept, and when they are written. What only one host has is tested in host-stores.test.mjs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { keep, session } from "./fixtures/keep.mjs";

const load = (name) => import(`file://${process.env.SHARDWIRE_PACKAGE}/${name}`);
const { fileStore, indexedDbStore, keyValueStore, memoryStore, webStore } = await load("stores.js");
const { Keeper } = await load("keeping.js");

const LIMITS = { timeout: 60_000 };
/** What a test of the Rust side holds. */
const EXAMPLE = new URL("../vectors/sessions/sessions.json", import.meta.url);

async function withFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "shardwire-stores-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A place whose writes are done when the test says so, in whatever order. */
class Slow {
  entries = new Map();
  /** Writes that are under way, as `{ key, finish, fail }`. */
  writes = [];
  begun = 0;

  get(key) {
    return this.entries.get(key);
  }

  set(key, text) {
    this.begun += 1;
    return new Promise((resolve, reject) => {
      const take = () => this.writes.splice(this.writes.indexOf(write), 1);
      const write = {
        key,
        finish: () => {
          take();
          this.entries.set(key, text);
          resolve();
          return turn();
        },
        fail: (error) => {
          take();
          reject(error);
          return turn();
        },
      };
      this.writes.push(write);
    });
  }

  /** So that there is no index. */
  list(prefix) {
    return [...this.entries.keys()].filter((key) => key.startsWith(prefix));
  }
}

test("a place with get and set is a store, whatever else it has", async () => {
  const entries = () => new Map([["shardwire:session:stranger", "{"], ["mine", JSON.stringify(session(7, 1))]]);
  const places = {
    "a map": (map) => map,
    "only get and set": (map) => ({ get: (key) => map.get(key) ?? null, set: (key, text) => map.set(key, text) }),
    "all, by promises": (map) => ({
      get: async (key) => map.get(key),
      set: async (key, text) => void map.set(key, text),
      delete: async (key) => map.delete(key),
      list: async (prefix) => [...map.keys()].filter((key) => key.startsWith(prefix)),
    }),
    "a list that comes one by one": (map) => ({
      get: (key) => map.get(key),
      set: (key, text) => map.set(key, text),
      async *list(prefix) {
        for (const key of map.keys()) if (key.startsWith(prefix)) yield key;
      },
    }),
  };
  for (const [what, place] of Object.entries(places)) {
    const map = entries();
    const { before, after } = await keep(() => keyValueStore(place(map)));
    assert.deepEqual(before, [], what);
    assert.deepEqual(after, [session(0, 5), session(1, 1)], what);
    assert.equal((await keep(() => keyValueStore(place(map), "other:"))).before.length, 0, `${what}: by another prefix`);
    assert.deepEqual(await keep(() => keyValueStore(place(map))), { before: after, after }, `${what}: again`);
    assert.equal(map.get("mine"), entries().get("mine"));
  }
});

test("memory is a store too", async () => {
  const store = memoryStore([session(3, 9), { id: "a stranger" }]);
  assert.deepEqual(store.load(), [session(3, 9)]);
  const { after } = await keep(() => store);
  assert.deepEqual(after, [session(0, 5), session(1, 1), session(3, 9)]);
});

test("what is no session is passed over, and not taken", async () => {
  const good = session(0, 1);
  const bad = [
    null,
    5,
    "text",
    [],
    {},
    { ...good, id: 5 },
    { ...good, sequence: -1 },
    { ...good, sequence: 1.5 },
    { ...good, sequence: "1" },
    { ...good, resumeUrl: 5 },
    { ...good, userId: {} },
    { ...good, shard: [0] },
    { ...good, shard: [1, 1] },
    { ...good, shard: [0, 2 ** 32] },
    { ...good, shard: [0, 1, 2] },
    { ...good, shard: "01" },
  ];
  await withFolder(async (folder) => {
    const path = join(folder, "sessions.json");
    await writeFile(path, JSON.stringify([...bad, { ...good, more: "fields" }, { ...good, resumeUrl: undefined, shard: [1, 2] }]));
    assert.deepEqual(await fileStore(path).load(), [good, { ...good, resumeUrl: null, shard: [1, 2] }]);
    for (const text of ["", "{", "null", '{"0":{}}']) {
      await writeFile(path, text);
      assert.deepEqual(await fileStore(path).load(), [], text);
    }
    for (const store of [memoryStore(), fileStore(path), keyValueStore(new Map())]) {
      for (const value of bad) assert.throws(() => store.save(value), { name: "ShardwireError", code: "bad-session" });
    }
  });
});

test("of each shard one write is under way and the newest waits, so that no old one comes last", async () => {
  const slow = new Slow();
  const store = keyValueStore(slow);
  const saved = [];
  for (const sequence of [1, 2, 3, 4]) saved.push(store.save(session(0, sequence)));
  void store.save(session(1, 7));
  await turn();
  assert.equal(slow.begun, 2, "one for each shard");
  const [first, other] = slow.writes;
  await other.finish();
  assert.deepEqual(await store.load(), [session(1, 7)], "shards do not wait for each other");
  await first.finish();
  await saved[0];
  assert.equal(slow.begun, 3);
  saved.push(store.save(session(0, 5)));
  await slow.writes[0].finish();
  assert.deepEqual((await store.load()).map(({ sequence }) => sequence), [7, 4]);
  await slow.writes[0].finish();
  await Promise.all(saved);
  assert.deepEqual((await store.load()).map(({ sequence }) => sequence), [7, 5]);
  assert.deepEqual([slow.begun, slow.writes.length], [4, 0]);
  // A write that fails is told to those who wait for it, and the next one goes on.
  const failed = store.save(session(0, 6));
  const next = store.save(session(0, 8));
  await turn();
  await Promise.all([assert.rejects(failed, { message: "full" }), slow.writes[0].fail(new Error("full"))]);
  await slow.writes[0].finish();
  await next;
  assert.deepEqual((await store.load()).map(({ sequence }) => sequence), [7, 8]);
});

test("an index names what there is, before it is there and until it is gone", async () => {
  const log = [];
  const entries = new Map();
  let isBroken = false;
  const place = {
    get: (key) => entries.get(key),
    async set(key, text) {
      log.push(key);
      if (isBroken) throw new Error("broken");
      await turn();
      entries.set(key, text);
    },
    delete: (key) => entries.delete(key),
  };
  const store = keyValueStore(place, "p/");
  await Promise.all([0, 1, 2].map((number) => store.save(session(number, 1))));
  assert.deepEqual(log.slice(0, 2), ["p/index", "p/index"], "what came meanwhile is written together");
  assert.equal(log.length, 5);
  assert.equal((await keyValueStore(place, "p/").load()).length, 3);
  await store.save(session(1, 2));
  assert.equal(log.at(-1), "p/1/16", "a known one needs no index");
  await store.remove([1, 16]);
  assert.deepEqual(JSON.parse(entries.get("p/index")), ["0/16", "2/16"]);
  // One that could not be noted down is noted down with the next write.
  isBroken = true;
  await assert.rejects(store.save(session(5, 1)), { message: "broken" });
  isBroken = false;
  await store.save(session(5, 2));
  assert.deepEqual((await keyValueStore(place, "p/").load()).map(({ shard }) => shard[0]), [0, 2, 5]);
});

test("a file is read and written to the letter as the crate does it", async () => {
  await withFolder(async (folder) => {
    const text = await readFile(EXAMPLE, "utf8");
    const sessions = await fileStore(fileURLToPath(EXAMPLE)).load();
    assert.deepEqual(sessions, JSON.parse(text));
    const store = fileStore(join(folder, "sessions.json"));
    await Promise.all(sessions.map((session) => store.save(session)));
    assert.equal(await readFile(join(folder, "sessions.json"), "utf8"), text);
  });
});

test("a file is a store, and holds what nobody has loaded yet", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "sessions.json");
    const { before, after } = await keep(() => fileStore(path));
    assert.deepEqual([before, after], [[], [session(0, 5), session(1, 1)]]);
    const unread = fileStore(path);
    await Promise.all([unread.save(session(4, 1)), unread.remove([1, 16]), unread.save(session(0, 6))]);
    assert.deepEqual((await fileStore(path).load()).map(({ shard, sequence }) => [shard[0], sequence]).toSorted(), [[0, 6], [4, 1]]);
    assert.deepEqual(await readdir(folder), ["sessions.json"]);
    // What cannot be read is not replaced either.
    await mkdir(join(folder, "taken"));
    await assert.rejects(fileStore(join(folder, "taken")).load(), { code: "EISDIR" });
    await assert.rejects(fileStore(join(folder, "taken")).save(session(0, 1)), { code: "EISDIR" });
  });
});

test("a process that is killed while it writes leaves a whole file, no older than what it was told", LIMITS, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "sessions.json");
    const program = fileURLToPath(new URL("fixtures/keep-on.mjs", import.meta.url));
    let reached = 0;
    for (let deaths = 1; deaths <= 10; deaths++) {
      const args = [program, join(process.env.SHARDWIRE_PACKAGE, "stores.js"), path];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      const ended = once(child, "exit");
      const most = reached + 5 * deaths;
      for await (const line of createInterface({ input: child.stdout })) {
        reached = Number(line);
        // While it writes on.
        assert.equal(JSON.parse(await readFile(path, "utf8")).length, 16);
        if (reached >= most) child.kill("SIGKILL");
      }
      await ended;
      const sessions = await fileStore(path).load();
      assert.equal(sessions.length, 16);
      for (const { sequence } of sessions) assert.ok(sequence >= reached, `${sequence} is kept, ${reached} was told`);
      reached = Math.max(...sessions.map(({ sequence }) => sequence));
    }
    assert.ok(reached >= 5 * 55);
  });
});

test("a host without a place says so", async () => {
  const refused = { name: "ShardwireError", code: "unavailable" };
  assert.throws(() => webStore(null), refused);
  await assert.rejects(indexedDbStore().load(), refused);
});

/** Runs `work` with a keeper of 16 shards, whose time passes by `mock.timers.tick`. `now` are the sessions as they stand. */
async function withKeeper(store, work) {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const now = new Map();
    const errors = [];
    const sessionOf = (number) => now.get(number) ?? null;
    const onError = (error, number) => errors.push([number, error.message]);
    const keeper = new Keeper(store, { total: 16, sessionOf, onError });
    const move = (number, sequence, isUrgent) => {
      now.set(number, session(number, sequence));
      keeper.moved(number, isUrgent);
    };
    await work({ keeper, now, errors, move });
  } finally {
    mock.timers.reset();
  }
}

/** A store that writes down what it is told. */
function noted() {
  const told = [];
  return {
    told,
    load: () => [],
    save: ({ shard, sequence }) => void told.push([shard[0], sequence]),
    remove: (shard) => void told.push(["remove", ...shard]),
  };
}

test("sessions that move on are written once in a second, as they stand then", async () => {
  const store = noted();
  await withKeeper(store, async ({ move, now }) => {
    for (let sequence = 1; sequence <= 100; sequence++) move(sequence % 2, sequence);
    mock.timers.tick(999);
    assert.deepEqual(store.told, []);
    now.set(0, session(0, 500));
    mock.timers.tick(1);
    assert.deepEqual(store.told, [[1, 99], [0, 500]]);
    await turn();
    mock.timers.tick(10_000);
    assert.equal(store.told.length, 2, "nothing has moved");
    move(1, 101);
    mock.timers.tick(1000);
    assert.deepEqual(store.told.at(-1), [1, 101]);
  });
});

test("what begins or ends is written at once, and the others with it", async () => {
  const store = noted();
  await withKeeper(store, async ({ keeper, move, now }) => {
    move(1, 5);
    move(2, 1, true);
    now.delete(3);
    keeper.moved(3, true);
    assert.deepEqual(store.told, [], "never in the step of whoever tells it");
    await turn();
    assert.deepEqual(store.told, [[1, 5], [2, 1], ["remove", 3, 16]]);
    mock.timers.tick(10_000);
    assert.equal(store.told.length, 3);
  });
});

test("a store that is slow is asked for one write of a shard at a time", async () => {
  const begun = [];
  const store = { save: ({ sequence }) => new Promise((resolve) => begun.push({ sequence, resolve })) };
  await withKeeper(store, async ({ keeper, move }) => {
    for (const sequence of [1, 2, 3]) {
      move(0, sequence);
      mock.timers.tick(1000);
    }
    assert.deepEqual(begun.map(({ sequence }) => sequence), [1]);
    move(0, 4);
    let isFlushed = false;
    const flushed = keeper.flush().then(() => (isFlushed = true));
    begun[0].resolve();
    await turn();
    assert.deepEqual(begun.map(({ sequence }) => sequence), [1, 4]);
    assert.ok(!isFlushed);
    begun[1].resolve();
    await flushed;
    await keeper.flush();
    assert.equal(begun.length, 2);
  });
});

test("a store that fails is told, and stops nothing", async () => {
  let failure = () => {
    throw new Error("at once");
  };
  const saved = [];
  const store = { save: (session) => failure() ?? void saved.push(session.sequence), remove: () => failure() };
  await withKeeper(store, async ({ keeper, errors, move, now }) => {
    move(0, 1);
    move(1, 2);
    await keeper.flush();
    assert.deepEqual(errors, [[0, "at once"], [1, "at once"]]);
    failure = () => Promise.reject(new Error("later"));
    now.delete(0);
    keeper.moved(0, true);
    await keeper.flush();
    assert.deepEqual(errors.at(-1), [0, "later"]);
    failure = () => undefined;
    move(0, 3);
    mock.timers.tick(1000);
    await keeper.flush();
    assert.deepEqual(saved, [3]);
    assert.equal(errors.length, 3);
  });
});

test("no timer is left when everything is written", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;
  const keeper = new Keeper(noted(), { total: 16, sessionOf: () => session(0, 1), onError: assert.fail });
  const before = timers();
  keeper.moved(0);
  assert.equal(timers(), before + 1);
  await keeper.flush();
  assert.equal(timers(), before);
});

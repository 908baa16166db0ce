// Who spaces identifies in one realm: the ledger as a queue, and queues of a user's own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withGateway } from "./gateway.mjs";
import { LIMITS, isLost, isReady, makeShard, withReader } from "./reader.mjs";
import { until } from "./workers.mjs";

const { IdentifyLedger, ShardwireError } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/entry/fleet/node.js`);

const QUIET = { rate: 0, guilds: 1 };
const TOTAL = 16;
const HOUR = 3_600_000;
const of = (number) => [number, TOTAL];
/** Long enough for whoever may go at once, and far below the time between two identifies of a bucket. */
const soon = () => AbortSignal.timeout(200);
const isNotice = (wanted) => ({ type, code }) => type === "notice" && code === wanted;
/** As an error that a queue rejects with. */
const failure = (retryAfterMs) => Object.assign(new Error("mine"), { retryAfterMs });

/** A place to keep records in. */
function memory(text = null) {
  return {
    load: async () => text,
    save: (saved) => void (text = saved),
    kept: (fits) => until(async () => JSON.parse(text), (record) => record !== null && fits(record)),
  };
}

/** A queue that gives turns by hand: `asked` has each question with its `grant` and `refuse`. */
function byHand() {
  const asked = [];
  const ask = (shard, signal) =>
    new Promise((grant, refuse) => {
      asked.push({ shard, signal, grant, refuse });
    });
  const askedFor = (count) => until(async () => asked.length, (length) => length >= count);
  return { asked, askedFor, turn: ask };
}

/** Lets another shard come and go, which takes longer than anything that a shard does by itself. */
async function another(gateway, options) {
  const shard = makeShard(gateway, options);
  await shard.ready;
  await shard.close();
}

/** Asks for a turn and uses it at once. */
async function identify(ledger, number, signal) {
  await ledger.turn(of(number), signal);
  ledger.identified(of(number));
}

test("shards that have one ledger start in its buckets, and none is refused", LIMITS, async () => {
  await withGateway({ ...QUIET, "max-concurrency": 4 }, async (gateway) => {
    const identifyQueue = new IdentifyLedger({ limit: { maxConcurrency: 4, remaining: 100 } });
    const order = [];
    const shards = Array.from({ length: 8 }, (_, number) => makeShard(gateway, { shard: [number, 8], identifyQueue }));
    await Promise.all(
      shards.map(async (shard, number) => {
        await shard.ready;
        order.push({ number, at: performance.now() });
      }),
    );
    const buckets = order.map(({ number }) => number % 4);
    assert.deepEqual([buckets.slice(0, 4).sort(), buckets.slice(4).sort()], [[0, 1, 2, 3], [0, 1, 2, 3]]);
    const [first, fourth, fifth] = [0, 3, 4].map((place) => order[place].at);
    assert.ok(fourth - first < fifth - fourth, "those of different buckets wait for nobody");
    assert.deepEqual(shards.map((shard) => shard.info().counters.identifies), Array(8).fill(1));
    assert.equal(identifyQueue.remaining, 92);
    await Promise.all(shards.map((shard) => shard.close()));
  });
});

test("turns are given in the order of the questions, a bucket each for itself", LIMITS, async () => {
  const ledger = new IdentifyLedger({ limit: { maxConcurrency: 2 } });
  const given = [];
  const ask = (number) => identify(ledger, number).then(() => given.push({ number, at: performance.now() }));
  await Promise.all([4, 2, 1, 3].map(ask));
  assert.deepEqual(given.map(({ number }) => number), [4, 1, 2, 3]);
  const [first, second, third] = given.map(({ at }) => at);
  assert.ok(second - first < third - second);
});

test("identifies are counted, and turns that are not used yet count as well", LIMITS, async () => {
  const ledger = new IdentifyLedger({ limit: { total: 50, remaining: 2, resetAfterMs: 1_500, maxConcurrency: 8 } });
  await identify(ledger, 1);
  await ledger.turn(of(0));
  assert.equal(ledger.remaining, 1, "and whoever looks takes nobody's place");
  await assert.rejects(ledger.turn(of(2), soon()), { name: "TimeoutError" });
  ledger.identified(of(0));
  assert.equal(ledger.remaining, 0);
  await identify(ledger, 3);
  assert.equal(ledger.remaining, 49, "of the next day");
});

test("who leaves gives the place up, and who asks again takes it along", LIMITS, async () => {
  const ledger = new IdentifyLedger({ limit: { remaining: 2, maxConcurrency: 2 } });
  await identify(ledger, 2);
  // The last identify of the day, in a bucket that is busy.
  const [old, young] = [new AbortController(), new AbortController()];
  const first = assert.rejects(ledger.turn(of(0), old.signal), { name: "ShardwireError", code: "unavailable" });
  const second = assert.rejects(ledger.turn(of(0), young.signal), RangeError);
  await first;
  old.abort();
  await assert.rejects(ledger.turn(of(1), soon()), { name: "TimeoutError" });
  young.abort(new RangeError("mine"));
  await second;
  await ledger.turn(of(1), soon());
  await assert.rejects(ledger.turn(of(3), AbortSignal.abort(new RangeError("mine"))), RangeError);
});

test("a shard whose ledger has none left ends, as without it", LIMITS, async () => {
  const identifyQueue = new IdentifyLedger({ limit: { remaining: 0 } });
  await withReader(QUIET, { identifyQueue }, async ({ until }) => {
    const { reason } = await until(({ type }) => type === "stopped");
    assert.equal(reason.code, "identify-budget-spent");
  });
});

test("what a ledger knows is kept, and the next one takes it up", LIMITS, async () => {
  const store = memory();
  const first = new IdentifyLedger({ store, limit: { maxConcurrency: 2 } });
  await identify(first, 4);
  await withReader(QUIET, { identifyQueue: first, shard: of(5) }, async ({ until }) => {
    await until(isReady);
    const { busy } = await store.kept(({ remaining }) => remaining === 998);
    assert.deepEqual(busy.map(([number]) => number).sort(), [4, 5]);
  });
  const second = new IdentifyLedger({ store });
  await second.ready;
  assert.equal(second.remaining, 998);
});

test("a shard that identified too often is held back, and nobody behind it", LIMITS, async () => {
  const later = Date.now() + HOUR;
  const text = JSON.stringify({ remaining: 500, resetsAt: later, busy: [[0, later]] });
  const ledger = new IdentifyLedger({ store: memory(text) });
  await assert.rejects(ledger.turn(of(0), soon()), { name: "TimeoutError" });
  await ledger.turn(of(1), soon());
  assert.equal(ledger.remaining, 500);
  let give;
  const loading = new Promise((resolve) => (give = resolve));
  const identifyQueue = new IdentifyLedger({ store: { load: () => loading, save: () => {} } });
  await withReader(QUIET, { identifyQueue, shard: of(0) }, async ({ gateway, shard, until }) => {
    // Such a shard waits for the store.
    shard.connect();
    await another(gateway);
    assert.equal(shard.status, "idle");
    give(text);
    await until(isNotice("identify-held-back"));
    assert.equal(shard.info().counters.identifies, 0);
  });
});

test("a store that fails is told by the name of its method, and the ledger goes on", LIMITS, async () => {
  const told = [];
  const fail = (name) => () => {
    throw new RangeError(name);
  };
  const store = { load: fail("load"), save: fail("save") };
  const ledger = new IdentifyLedger({ store, onError: ({ message }, method) => told.push([message, method]) });
  await identify(ledger, 0);
  await until(async () => told.length, (length) => length === 2);
  assert.deepEqual(told, [["load", "load"], ["save", "save"]]);
  assert.equal(ledger.remaining, 999);
});

test("limits that nobody has are refused", LIMITS, () => {
  const limits = [{ total: -1 }, { remaining: 1.5 }, { maxConcurrency: "4" }, { resetAfterMs: Infinity }, { resetAfterMs: 2 ** 32 }, { shards: 1 }];
  for (const limit of limits) {
    const [name] = Object.keys(limit);
    const isRefusal = (error) => error instanceof ShardwireError && error.code === "bad-options" && error.message.includes(name);
    assert.throws(() => new IdentifyLedger({ limit }), isRefusal, name);
  }
});

test("a queue needs one method, and a shard waits for its answer", LIMITS, async () => {
  const identifyQueue = byHand();
  await withReader(QUIET, { identifyQueue, shard: [1, 3] }, async ({ gateway, shard, until }) => {
    shard.connect();
    await identifyQueue.askedFor(1);
    const [{ shard: asked, signal, grant }] = identifyQueue.asked;
    assert.deepEqual([asked, signal.aborted], [[1, 3], false]);
    assert.deepEqual([shard.status, (await gateway.state()).identifies], ["awaiting-identify", 0]);
    grant();
    await until(isReady);
    assert.deepEqual([identifyQueue.asked.length, signal.aborted], [1, false]);
  });
});

test("a queue is told of the identify, each time", LIMITS, async () => {
  const told = [];
  const identifyQueue = { turn: async () => {}, identified: (...what) => told.push(what) };
  await withReader({ ...QUIET, "identify-spacing": 0 }, { identifyQueue }, async ({ gateway, until }) => {
    await until(isReady);
    await gateway.fault({ fault: "invalid_session", resumable: false });
    await until(isLost);
    await until(isReady);
    assert.deepEqual(told, [[[0, 1]], [[0, 1]]]);
  });
});

test("a queue that rejects is told, and asked again when it says", LIMITS, async () => {
  const identifyQueue = byHand();
  await withReader(QUIET, { identifyQueue }, async ({ shard, seen, until }) => {
    shard.connect();
    const waits = [];
    for (const [round, wish] of [undefined, NaN, "soon", -1, 0, 2_500].entries()) {
      await identifyQueue.askedFor(round + 1);
      const asked = performance.now();
      identifyQueue.asked[round].refuse(failure(wish));
      if (round < 4) {
        // These take the default, which nobody has to wait for here.
        await until(isNotice("queue-unavailable"));
        shard.reconnect();
      } else {
        await identifyQueue.askedFor(round + 2);
        waits.push(performance.now() - asked);
      }
    }
    assert.ok(waits[1] > 2 * waits[0], `${waits}`);
    identifyQueue.asked.at(-1).grant();
    await until(isReady);
    assert.equal(seen.filter(isNotice("queue-unavailable")).length, 6);
    assert.equal(identifyQueue.asked.length, 7);
  });
});

test("a queue that throws when it is told does no harm", LIMITS, async () => {
  const fail = () => {
    throw new RangeError("mine");
  };
  for (const identified of [fail, async () => fail()]) {
    await withReader(QUIET, { identifyQueue: { turn: async () => {}, identified } }, async ({ seen, until }) => {
      await until(isReady);
      const notice = seen.find(isNotice("bad-hook")) ?? (await until(isNotice("bad-hook")));
      assert.match(notice.message, /identifyQueue.identified failed/);
      assert.ok(notice.error instanceof RangeError);
    });
  }
});

test("whoever is cut off while it waits gives its place up, and an answer that comes later changes nothing", LIMITS, async () => {
  const identifyQueue = byHand();
  await withReader({ ...QUIET, "max-concurrency": 2 }, { identifyQueue, shard: [0, 2] }, async ({ gateway, shard, until }) => {
    shard.connect();
    await identifyQueue.askedFor(1);
    await gateway.fault({ fault: "cut" });
    await until(isLost);
    await identifyQueue.askedFor(2);
    const [first, second] = identifyQueue.asked;
    assert.deepEqual([first.signal.aborted, second.signal.aborted], [true, false]);
    first.grant();
    await another(gateway, { shard: [1, 2] });
    assert.equal(shard.status, "awaiting-identify");
    second.grant();
    await until(isReady);
    assert.deepEqual([identifyQueue.asked.length, (await gateway.state()).identifies], [2, 2]);
  });
});

test("a shard that is closed while it waits gives its place up", LIMITS, async () => {
  const identifyQueue = byHand();
  await withGateway(QUIET, async (gateway) => {
    const shard = makeShard(gateway, { identifyQueue }).connect();
    await identifyQueue.askedFor(1);
    await shard.close();
    assert.ok(identifyQueue.asked[0].signal.aborted);
  });
});

test("a queue and a store go together: the shard's own ledger counts on", LIMITS, async () => {
  const { load, save, kept } = memory();
  const identifyQueue = { turn: async () => {} };
  await withReader(QUIET, { identifyStore: { load, save }, identifyQueue }, async ({ until }) => {
    await until(isReady);
    const { busy } = await kept(({ remaining }) => remaining === 999);
    assert.deepEqual(busy.map(([number]) => number), [0]);
  });
});

test("what is no queue is refused", () => {
  for (const identifyQueue of [5, "queue", {}, { turn: 1 }, () => {}]) {
    assert.throws(() => makeShard({ url: "ws://127.0.0.1:1" }, { identifyQueue }), { name: "ShardwireError", code: "bad-options", message: /identifyQueue.*turn/ });
  }
});

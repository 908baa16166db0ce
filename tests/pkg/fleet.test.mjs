// Many shards as one, against the mock gateway.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import WebSocket from "ws";

import { withGateway } from "./gateway.mjs";
import { LIMITS, TOKEN, isDispatch, isReady, reading } from "./reader.mjs";

const { ShardManager, shardOf } = await import(new URL("entry/fleet/node.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
const { memoryStore } = await import(new URL("stores.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
// As written: in the package it is a part of `shardwire/fleet`.
const { resolveShards } = await import("../../pkg-template/shard-set.js");

const refused = (code, message = /./) => ({ name: "ShardwireError", code, message });

const discoveryOf = ({ url }) => `${url.replace("ws:", "http:")}/api/v10`;

/** A fleet of the mock's bot, which its `/gateway/bot` knows. */
function makeFleet({ url }, options = {}) {
  const socket = options.workers ? {} : { WebSocket };
  const discover = { url: discoveryOf({ url }) };
  return new ShardManager({ token: TOKEN, intents: 0x331ffff, url, ...socket, discover, lifecycle: false, ...options });
}

/** Runs `work` with a gateway and a fleet that is read step by step. It is closed in any case. */
async function withFleet(gatewayOptions, options, work) {
  await withGateway({ guilds: 32, ...gatewayOptions }, async (gateway) => {
    const fleet = makeFleet(gateway, options);
    try {
      await work({ gateway, fleet, ...reading(fleet) });
    } finally {
      await fleet.close();
    }
  });
}

async function untilReady(until, count) {
  const ready = [];
  while (ready.length < count) ready.push((await until(isReady)).shardId);
  return ready;
}

test("shards are named by numbers, texts and ranges, and what cannot be is refused in words", () => {
  const numbers = (shards, total) => resolveShards({ shards, total }).numbers;
  assert.deepEqual(numbers([0, "4-7", { start: 9, end: 10 }], 16), [0, 4, 5, 6, 7, 9, 10]);
  assert.deepEqual(numbers([3, 1], 4), [1, 3]);
  assert.deepEqual(resolveShards({ shards: 3 }), { total: 3, numbers: [0, 1, 2] });
  assert.deepEqual(resolveShards({}, 2), { total: 2, numbers: [0, 1] });
  assert.equal(resolveShards({ multipleOf: 16 }, 17).total, 32);
  const refusals = [
    [{ shards: [0, "0-1"], total: 4 }, /0 is named twice/],
    [{ shards: [-1], total: 4 }, /got -1/],
    [{ shards: ["7-4"], total: 8 }, /lower number/],
    [{ shards: [4], total: 4 }, /below 4, got 4/],
    [{ shards: ["x"], total: 4 }, /got "x"/],
    [{ shards: [{ start: 1 }], total: 4 }, /got \{"start":1\}/],
    [{ shards: [], total: 4 }, /a list/],
    [{ shards: 0 }, /from 1/],
    [{ shards: 4, total: 8 }, /a list/],
    [{ shards: 17, multipleOf: 16 }, /multiple of 16/],
    [{}, /recommends, to be known/],
  ];
  for (const [options, message] of refusals) assert.throws(() => resolveShards(options), refused("bad-shard", message));
});

test("the shard of a guild is found in exact arithmetic", () => {
  assert.equal(shardOf("613425648685547541", 16), Number((613425648685547541n >> 22n) % 16n));
  assert.equal(shardOf(String(2n ** 64n - 1n), 1000), Number(((2n ** 64n - 1n) >> 22n) % 1000n));
  for (const id of ["", "x", "-1", String(2n ** 64n), 5]) assert.throws(() => shardOf(id, 4), refused("bad-shard"));
});

test("options that are not right are refused before anything is opened", () => {
  const bad = (options, code) => assert.throws(() => makeFleet({ url: "ws://127.0.0.1:1" }, options), refused(code));
  bad({ shard: [0, 1] }, "bad-options");
  bad({ session: {} }, "bad-options");
  bad({ tokens: 5 }, "bad-options");
  bad({ intents: ["X"] }, "bad-intents");
  bad({ shards: [9], total: 4 }, "bad-shard");
  const workers = {};
  bad({ workers, tap: () => "pass" }, "bad-options");
  bad({ workers, presence: { status: "idle", activities: [{ name: "x", type: 0, more() {} }] } }, "bad-options");
  bad({ workers: { shardsPerWorker: 0 } }, "bad-options");
  bad({ workers: { create: "shards.js" } }, "bad-options");
  bad({ workers, intents: ["X"] }, "bad-intents");
});

test("a fleet of as many shards as are recommended starts in the order of its buckets", LIMITS, async () => {
  const options = { rate: 0, shards: 8, "max-concurrency": 4 };
  await withFleet(options, {}, async ({ gateway, fleet, until, seen }) => {
    const ready = await untilReady(until, 8);
    assert.deepEqual(ready.slice(0, 4).sort(), [0, 1, 2, 3]);
    assert.deepEqual(ready.slice(4).sort(), [4, 5, 6, 7]);
    await fleet.ready;
    assert.equal(fleet.total, 8);
    assert.equal(fleet.recommendedInstead, null);
    assert.deepEqual(fleet.health(), { waiting: 0, connecting: 0, ready: 8, disconnected: 0, leaving: 0 });
    const infos = await fleet.infos();
    assert.deepEqual(infos.map(({ shard }) => shard), Array.from({ length: 8 }, (_, at) => [at, 8]));
    assert.equal((await gateway.state()).identifies, 8);
    assert.ok(seen.every(({ shardId }) => shardId < 8));
  });
});

/** All at once, as the order is not what is looked at. */
const AT_ONCE = { rate: 0, "max-concurrency": 64 };

test("another number than the recommended one is told by a notice", LIMITS, async () => {
  await withFleet({ ...AT_ONCE, shards: 2 }, { shards: 3 }, async ({ fleet, until }) => {
    const { message } = await until(({ code }) => code === "shard-count");
    assert.match(message, /recommends 2 shards, and there are 3/);
    assert.equal(fleet.recommendedInstead, 2);
  });
});

test("some shards run here, commands go to those of their guilds, and the others are refused", LIMITS, async () => {
  await withFleet(AT_ONCE, { shards: [0, "2-3"], total: 4 }, async ({ fleet, until }) => {
    await untilReady(until, 3);
    assert.deepEqual(fleet.numbers, [0, 2, 3]);
    const guild = (number) => String(BigInt(number) << 22n);
    assert.equal(fleet.forGuild(guild(6)), fleet.shard(2));
    assert.throws(() => fleet.forGuild(guild(5)), refused("bad-shard", /not of 1 of 4/));
    assert.deepEqual(await fleet.updatePresence({ status: "dnd" }), []);
    await assert.rejects(fleet.stop(1), refused("bad-shard", /runs here, not 1/));
    await assert.rejects(fleet.start(4), refused("bad-shard", /below 4/));
  });
});

test("one shard is stopped, moved to another fleet and goes on there, while the others stay", LIMITS, async () => {
  await withFleet({ ...AT_ONCE, rate: 40 }, { shards: 4 }, async ({ gateway, fleet, until }) => {
    await untilReady(until, 4);
    const stopping = fleet.stop(2, { keepSession: true });
    await until(({ type, shardId }) => type === "stopped" && shardId === 2);
    const session = await stopping;
    assert.deepEqual(session.shard, [2, 4]);
    assert.deepEqual(fleet.numbers, [0, 1, 3]);
    const other = makeFleet(gateway, { shards: [2], total: 4, sessions: memoryStore([session]) });
    const there = reading(other);
    await there.until(({ type, shardId }) => type === "resumed" && shardId === 2);
    const [back] = await other.close({ keepSession: true });
    assert.equal(back.id, session.id);
    await fleet.start(2, { session: back });
    await until(({ type, shardId }) => type === "resumed" && shardId === 2);
    assert.deepEqual(fleet.numbers, [0, 1, 2, 3]);
    assert.equal((await gateway.state()).identifies, 4);
    await fleet.restart(0);
    await until(({ type, shardId }) => type === "resumed" && shardId === 0);
  });
});

test("a fleet that is closed with its sessions goes on where its reader was, without an identify", LIMITS, async () => {
  const SHARDS = 6;
  await withGateway({ ...AT_ONCE, guilds: 32, rate: 60 }, async (gateway) => {
    const sessions = memoryStore();
    const last = new Map();
    for (const round of [1, 2, 3]) {
      const fleet = makeFleet(gateway, { shards: SHARDS, sessions });
      let count = 0;
      for await (const { type, sequence, shardId } of fleet) {
        if (type !== "dispatch") continue;
        if (last.has(shardId)) assert.equal(sequence, last.get(shardId) + 1, `shard ${shardId} in round ${round}`);
        last.set(shardId, sequence);
        if (++count === 150 && fleet.health().ready === SHARDS) break;
        if (count >= 150) count = 149;
      }
      await fleet.close({ keepSession: true });
      assert.equal(sessions.load().length, SHARDS);
    }
    const { identifies, resumed } = await gateway.state();
    assert.deepEqual([identifies, resumed], [SHARDS, 2 * SHARDS]);
  });
});

test("a fleet that nobody reads any more loses nothing and keeps its sessions where the reader was", LIMITS, async () => {
  await withGateway({ ...AT_ONCE, guilds: 32, rate: 200 }, async (gateway) => {
    const sessions = memoryStore();
    const fleet = makeFleet(gateway, { shards: 2, sessions, limits: { waitingEvents: 20 } });
    const { until } = reading(fleet);
    let event;
    for (let count = 0; count < 60; count++) event = await until(({ type }) => type === "dispatch");
    await fleet.close({ keepSession: true, withinMs: 100 });
    // The event in hand counts as unread: the reader has not come back from it.
    const kept = sessions.load().find(({ shard: [number] }) => number === event.shardId);
    assert.equal(kept.sequence, event.sequence - 1);
  });
});

test("a store that fails is told, and the fleet goes on", LIMITS, async () => {
  const fail = () => {
    throw new RangeError("mine");
  };
  const sessions = { load: () => [], save: fail, remove: fail };
  await withFleet(AT_ONCE, { shards: 2, sessions }, async ({ until }) => {
    const { error } = await until(({ code }) => code === "bad-hook");
    assert.ok(error instanceof RangeError);
    await untilReady(until, 1);
  });
});

test("a fleet that cannot start says why, and reading again tries again", LIMITS, async () => {
  await withGateway(AT_ONCE, async (gateway) => {
    let isDown = true;
    const fetch = (...call) => (isDown ? Promise.reject(new TypeError("down")) : globalThis.fetch(...call));
    const fleet = makeFleet(gateway, { discover: { url: discoveryOf(gateway), fetch } });
    await assert.rejects(fleet.nextBatch(), refused("unreachable"));
    await assert.rejects(fleet.ready, refused("unreachable"));
    isDown = false;
    await fleet.ready;
    await fleet.close();
    await assert.rejects(fleet.ready, refused("stopped"));
    for await (const event of fleet) assert.ok(event);
  });
});

/** Has numbered events happen in guilds without end, until it is stopped; gives how many happened in each. */
function load(gateway, guilds) {
  const numbers = new Array(guilds).fill(0);
  let isOn = true;
  const running = (async () => {
    for (let at = 0; isOn; at = (at + 7) % guilds) {
      const happens = Array.from({ length: 5 }, (_, more) => (at + more * 11) % guilds);
      await gateway.emit(happens.map((guild) => ({ guild_id: guild * 2 ** 22, name: "TESTED", data: [guild, ++numbers[guild]] })));
      await setTimeout(10);
    }
  })();
  return {
    numbers,
    async stop() {
      isOn = false;
      await running;
    },
  };
}

/** Node 20 has no WebSocket of its own, so a worker there needs one that the user brings. */
function createWorker(options) {
  return new Worker(new URL("fixtures/fleet-worker.mjs", import.meta.url), { workerData: { folder: process.env.SHARDWIRE_PACKAGE, options } });
}

for (const [from, to, where = "", more = {}] of [
  [4, 6],
  [16, 32],
  [6, 4],
  [4, 6, " in workers", { workers: { shardsPerWorker: 2, create: () => createWorker() } }],
]) {
  test(`from ${from} shards to ${to}${where} under load, every event comes once and in order`, { timeout: 120_000 }, async () => {
    const GUILDS = 50;
    const options = { ...AT_ONCE, guilds: GUILDS, "heartbeat-interval": 1000 };
    await withFleet(options, { shards: from, ...more }, async ({ gateway, fleet, until }) => {
      await untilReady(until, from);
      const happening = load(gateway, GUILDS);
      const heard = Array.from({ length: GUILDS }, () => []);
      let count = 0;
      const hear = async (most) => {
        for (; count < most; count++) {
          const { data } = await until(isDispatch("TESTED"));
          heard[data[0]].push(data[1]);
        }
      };
      await hear(100);
      let isOver = false;
      const change = fleet.reshard({ shards: to }).then(() => (isOver = true));
      while (!isOver) await hear(count + 1);
      await change;
      assert.equal(fleet.total, to);
      await hear(count + 100);
      await happening.stop();
      await hear(happening.numbers.reduce((sum, count) => sum + count));
      for (const [guild, count] of happening.numbers.entries()) {
        assert.deepEqual(heard[guild], Array.from({ length: count }, (_, at) => at + 1), `guild ${guild}`);
      }
      assert.equal((await gateway.state()).identifies, from + to);
    });
  });
}

test("a change whose new shards cannot start leaves the old ones as they are", LIMITS, async () => {
  await withFleet({ ...AT_ONCE, rate: 50 }, { shards: 2 }, async ({ gateway, fleet, until }) => {
    await untilReady(until, 2);
    await assert.rejects(fleet.reshard({ shards: [5], total: 4 }), refused("bad-shard"));
    assert.equal((await gateway.state()).identifies, 2);
    // Of two at once one goes on, until the fleet is closed: that which first knows what Discord recommends.
    const both = [1, 2].map(() => fleet.reshard({ shards: [0], total: 3 }).catch((error) => error));
    const { code, message } = await Promise.race(both);
    assert.equal(code, "bad-shard");
    assert.match(message, /under way/);
    assert.equal(fleet.total, 2);
    await until(isDispatch("MESSAGE_CREATE"));
    await fleet.close();
    assert.deepEqual((await Promise.all(both)).map(({ code }) => code).sort(), ["bad-shard", "stopped"]);
  });
});

test("shards in worker threads are one fleet with one identify budget", LIMITS, async () => {
  const workers = { shardsPerWorker: 2, create: () => createWorker() };
  await withFleet({ ...AT_ONCE, rate: 40 }, { shards: 5, workers }, async ({ gateway, fleet, until }) => {
    await untilReady(until, 5);
    const { data } = await until(isDispatch("MESSAGE_CREATE"));
    assert.equal(typeof data.content, "string");
    await fleet.shard(4).updatePresence({ status: "idle" });
    const infos = await fleet.infos();
    assert.deepEqual(infos.map(({ shard: [number] }) => number), [0, 1, 2, 3, 4]);
    await assert.rejects(fleet.shard(4).send(1, {}), refused("reserved-opcode"));
    await fleet.restart(1);
    await until(({ type, shardId }) => type === "resumed" && shardId === 1);
    const sessions = await fleet.close({ keepSession: true });
    assert.equal(sessions.length, 5);
    assert.equal((await gateway.state()).identifies, 5);
  });
});

test("a worker that ends takes no event along: its shards go on in another", LIMITS, async () => {
  const made = [];
  const create = () => made[made.push(createWorker()) - 1];
  await withFleet({ ...AT_ONCE, rate: 60 }, { shards: 3, workers: { shardsPerWorker: 2, create } }, async (run) => {
    const { gateway, until } = run;
    await untilReady(until, 3);
    const last = new Map();
    const read = async () => {
      const { shardId, sequence } = await until(({ type }) => type === "dispatch");
      if (last.has(shardId)) assert.equal(sequence, last.get(shardId) + 1, `shard ${shardId}`);
      last.set(shardId, sequence);
    };
    for (let count = 0; count < 50; count++) await read();
    await made[0].terminate();
    for (let count = 0; count < 300; count++) await read();
    assert.equal(made.length, 3);
    const { identifies, resumed } = await gateway.state();
    assert.deepEqual([identifies, resumed], [3, 2]);
  });
});

test("of many events that a worker had at hand when it ended, none is lost and none comes twice", LIMITS, async () => {
  const COUNT = 4000;
  const made = [];
  const create = () => made[made.push(createWorker()) - 1];
  await withFleet(AT_ONCE, { shards: 1, workers: { create } }, async ({ gateway, until }) => {
    await untilReady(until, 1);
    await gateway.emit(Array.from({ length: COUNT }, (_, at) => ({ guild_id: 0, name: "TESTED", data: at })));
    for (let at = 0; at < COUNT; at++) {
      const { data } = await until(isDispatch("TESTED"));
      assert.equal(data, at);
      // The next ones are on their way.
      if (at === 0) await made[0].terminate();
    }
    assert.equal(made.length, 2);
  });
});

test("a worker handles events itself, one after the other, and a session is no further than that", LIMITS, async () => {
  const made = [];
  const create = () => {
    const { port1, port2 } = new MessageChannel();
    const workerData = { folder: process.env.SHARDWIRE_PACKAGE, port: port2 };
    const worker = new Worker(new URL("fixtures/handling-worker.mjs", import.meta.url), { workerData, transferList: [port2] });
    made.push({ worker, port: port1 });
    return worker;
  };
  const said = async ({ port }) => (await once(port, "message"))[0];
  const sessions = memoryStore();
  await withFleet(AT_ONCE, { shards: 1, workers: { create }, sessions }, async ({ gateway, fleet, until, seen }) => {
    await untilReady(until, 1);
    const emit = (...all) => gateway.emit(all.map((data) => ({ guild_id: 0, name: "TESTED", data })));
    await emit("fail");
    const { code, error } = await until(({ type }) => type === "notice");
    assert.deepEqual([code, error.name, error.message, error instanceof Error], ["bad-hook", "RangeError", "mine", true]);
    await emit(1, 2, 3);
    const [, first, status] = await said(made[0]);
    assert.equal(status, "ready");
    for (const sequence of [first, first + 1]) {
      made[0].port.postMessage("go on");
      assert.deepEqual(await said(made[0]), ["done", sequence]);
      assert.equal((await said(made[0]))[1], sequence + 1);
    }
    // Two are handled, and the third is in hand.
    assert.ok(fleet.shard(0).session.sequence < first + 2);
    await made[0].worker.terminate();
    await until(({ type }) => type === "stopped");
    assert.ok(sessions.load()[0].sequence < first + 2);
    const done = [];
    while (done.at(-1) !== first + 2) {
      const [what, sequence] = await said(made[1]);
      if (what === "begun") made[1].port.postMessage("go on");
      else done.push(sequence);
    }
    assert.deepEqual(done, done.map((_, at) => first + 3 - done.length + at));
    // So that the test does not wait for the next write.
    await fleet.close({ keepSession: true });
    assert.ok(sessions.load()[0].sequence >= first + 2);
    assert.ok(seen.every(({ type }) => type !== "dispatch"));
    for (const { port } of made) port.close();
  });
});

test("a worker that cannot run is told by what its shards say last", LIMITS, async () => {
  const create = () => new Worker('throw new Error("mine")', { eval: true });
  await withFleet(AT_ONCE, { shards: 2, workers: { create } }, async ({ fleet }) => {
    const events = [];
    for await (const event of fleet) if (event.type !== "notice") events.push(event);
    const reasons = events.map(({ type, shardId, reason }) => [type, shardId, reason.code]);
    assert.deepEqual(reasons, [["stopped", 0, "worker-lost"], ["stopped", 1, "worker-lost"]]);
    assert.match(events[0].reason.message, /mine/);
    assert.equal(fleet.health().ready, 0);
    await assert.rejects(fleet.ready, refused("stopped"));
  });
  const wrong = { create: () => createWorker({ intents: ["X"] }) };
  await withFleet(AT_ONCE, { shards: 2, workers: wrong }, async ({ until }) => {
    await assert.rejects(until(() => false), refused("bad-intents"));
  });
});

test("what crosses from a worker is what came, whatever it holds", LIMITS, async () => {
  for (const raw of ["text", "bytes"]) {
    const workers = { create: () => createWorker() };
    await withFleet(AT_ONCE, { shards: 1, workers, raw }, async ({ gateway, until }) => {
      await untilReady(until, 1);
      const data = '{"wide":9007199254740993,"text":"[1234567890123456789","list":[-12345678901234567890]}';
      await gateway.emitText(`[{"guild_id":0,"name":"TESTED","data":${data}}]`);
      const event = await until(isDispatch("TESTED"));
      assert.deepEqual(event.data, { wide: "9007199254740993", text: "[1234567890123456789", list: ["-12345678901234567890"] });
      const text = raw === "text" ? event.raw : new TextDecoder().decode(event.raw);
      assert.deepEqual(text, data);
    });
  }
});

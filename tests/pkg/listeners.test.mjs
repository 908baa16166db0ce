// Listeners beside a loop, or in place of one; and the promise that the session is ready.

import assert from "node:assert/strict";
import { test } from "node:test";

// As written: in the package both are parts of `index.js`.
import { Listeners } from "../../pkg-template/listeners.js";
import { Readable, firstSequences } from "../../pkg-template/reading.js";
import { withGateway } from "./gateway.mjs";
import { LIMITS, isDispatch, makeShard, withReader } from "./reader.mjs";

const refused = (code) => ({ name: "ShardwireError", code });
const message = (data) => ({ type: "dispatch", name: "MESSAGE", sequence: data, data });
const STOPPED = { type: "stopped", reason: { code: "requested" } };

test("listeners are called by name with the data, and by type with the event", () => {
  const heard = [];
  const listeners = new Listeners();
  assert.ok(listeners.isEmpty);
  listeners.on("MESSAGE", (data, event) => heard.push([data, event.sequence]));
  listeners.on("stopped", ({ reason }) => heard.push(reason.code));
  listeners.once("MESSAGE", (data) => heard.push(`once ${data}`));
  listeners.onAny(({ type }) => heard.push(`any ${type}`));
  for (const event of [message(1), message(2), STOPPED]) listeners.emit(event);
  assert.deepEqual(heard, [[1, 1], "once 1", "any dispatch", [2, 2], "any dispatch", "requested", "any stopped"]);
});

test("listeners leave by off and by a signal, also while they are called", () => {
  const heard = [];
  const controller = new AbortController();
  const listeners = new Listeners();
  const first = (data) => {
    heard.push(`first ${data}`);
    listeners.off("MESSAGE", first);
  };
  const never = () => heard.push("never");
  listeners.on("MESSAGE", first);
  listeners.on("MESSAGE", (data) => data === 2 && controller.abort(), controller);
  listeners.on("MESSAGE", (data) => heard.push(`signal ${data}`), controller);
  listeners.once("MESSAGE", never);
  listeners.off("MESSAGE", never);
  listeners.onAny(never);
  listeners.offAny(never);
  listeners.on("MESSAGE", never, { signal: AbortSignal.abort() });
  for (const data of [1, 2, 3]) listeners.emit(message(data));
  // Those that were there when an event came are called for it.
  assert.deepEqual(heard, ["first 1", "signal 1", "signal 2"]);
  assert.ok(listeners.isEmpty, "nothing is kept of those that left");
});

/** What is reported as uncaught while `work` runs. */
async function uncaught(work) {
  const reported = [];
  const others = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", ({ message }) => reported.push(message));
  try {
    await work();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener);
  }
  return reported.sort();
}

test("a listener that throws or rejects is reported, and the others still run", async () => {
  const heard = [];
  const listeners = new Listeners();
  listeners.on("MESSAGE", () => {
    throw new Error("thrown");
  });
  listeners.on("MESSAGE", async () => {
    throw new Error("rejected");
  });
  listeners.on("MESSAGE", (data) => heard.push(data));
  assert.deepEqual(await uncaught(() => listeners.emit(message(1))), ["rejected", "thrown"]);
  assert.deepEqual(heard, [1]);
});

test("one event can be awaited", async () => {
  const listeners = new Listeners();
  const two = listeners.waitFor("MESSAGE", { filter: (data) => data === 2 });
  const failing = listeners.waitFor("MESSAGE", { filter: (data) => data.missing.field });
  const late = listeners.waitFor("MESSAGE", { filter: () => false, timeoutMs: 1 });
  const controller = new AbortController();
  const given = listeners.waitFor("MESSAGE", { signal: controller.signal });
  controller.abort();
  await assert.rejects(given, refused("cancelled"));
  await assert.rejects(listeners.waitFor("MESSAGE", { signal: controller.signal }), refused("cancelled"));
  await assert.rejects(late, refused("timed-out"));
  listeners.emit(message(1));
  listeners.emit(message(2));
  assert.equal(await two, 2);
  await assert.rejects(failing, TypeError);

  const stopped = listeners.waitFor("stopped");
  const never = listeners.waitFor("MESSAGE");
  listeners.emit(STOPPED);
  listeners.end();
  assert.equal((await stopped).reason.code, "requested");
  await assert.rejects(never, refused("stopped"));
  await assert.rejects(listeners.waitFor("MESSAGE"), refused("stopped"));
  assert.ok(listeners.isEmpty);
});

test("listeners alone read a shard from its first event to its last", LIMITS, async () => {
  await withGateway({ rate: 0, guilds: 1 }, async (gateway) => {
    const shard = makeShard(gateway, { shard: [2, 3] });
    const statuses = [];
    shard.on("status", ({ status, shardId }) => statuses.push(`${shardId} ${status}`));
    const { shard: pair } = await shard.waitFor("READY", { timeoutMs: 30_000 });
    assert.deepEqual(pair, [2, 3]);
    await shard.close();
    assert.deepEqual([statuses[0], statuses.at(-1)], ["2 connecting", "2 stopped"]);
  });
});

test("a loop gets all that listeners hear, and either may wait for the other", LIMITS, async () => {
  await withGateway({ rate: 200, events: 300, guilds: 2 }, async (gateway) => {
    const shard = makeShard(gateway);
    const heard = [];
    shard.onAny((event) => heard.push(event));
    const read = [];
    for await (const event of shard) {
      read.push(event);
      // Awaited inside the loop, which cannot read meanwhile.
      if (event.name === "READY") await shard.waitFor("PRESENCE_UPDATE");
      if (event.type === "dispatch" && event.sequence === 303) shard.close();
    }
    assert.ok(read.filter(({ type }) => type === "dispatch").length >= 303);
    assert.deepEqual(read, heard);
  });
});

test("what comes after an awaited event waits for the loop that follows", LIMITS, async () => {
  await withGateway({ rate: 0, guilds: 3 }, async (gateway) => {
    const shard = makeShard(gateway);
    await shard.waitFor("READY");
    const sequences = [];
    for await (const event of shard) {
      if (event.type === "dispatch") sequences.push(event.sequence);
      if (sequences.length === 3) break;
    }
    assert.deepEqual(sequences, [2, 3, 4]);
    await shard.close();
  });
});

test("a shard goes on being read by its listeners when a loop is left", LIMITS, async () => {
  await withGateway({ rate: 100, guilds: 1 }, async (gateway) => {
    const shard = makeShard(gateway);
    let heard = 0;
    shard.onAny(() => heard++);
    for await (const event of shard) if (event.name === "GUILD_CREATE") break;
    const before = heard;
    await shard.waitFor("PRESENCE_UPDATE", { timeoutMs: 30_000 });
    assert.ok(heard > before);
    await shard.close();
  });
});

/** A raw shard that makes one event each time it is asked, and remembers how often that was. */
function endless() {
  const raw = { isOver: false, made: 0, take: () => ["MESSAGE", ++raw.made, "{}"], wait: (resolve) => resolve() };
  return raw;
}

test("listeners run ahead of a slow loop no further than the limit", async () => {
  const raw = endless();
  const reading = new Readable(raw, { shardId: 0, most: 10, start: () => null });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const loop = reading[Symbol.asyncIterator]();
  const sequences = [];
  const read = async () => sequences.push((await loop.next()).value.sequence);
  await read();
  reading.onAny(() => {});
  await turn();
  assert.equal(raw.made, 11);
  assert.equal(firstSequences(reading.unread)(0), 2);
  for (let count = 0; count < 50; count++) await read();
  assert.deepEqual(sequences, Array.from(sequences, (_, at) => at + 1));
  await turn();
  assert.ok(raw.made <= sequences.length + 10, `${raw.made} were made, ${sequences.length} were read`);
});

test("data that is no JSON is told to listeners by a notice, and ends nothing", LIMITS, async () => {
  await withGateway({ rate: 0, guilds: 1 }, async (gateway) => {
    const shard = makeShard(gateway, { compression: "none" });
    const reported = await uncaught(async () => {
      shard.on("BAD", () => assert.fail("it was called"));
      await shard.ready;
      const notice = shard.waitFor("notice", { timeoutMs: 30_000 });
      await gateway.fault({ fault: "raw_text", text: '{"op":0,"t":"BAD","s":3,"d":{"a":tru}}' });
      const { code, error, shardId } = await notice;
      assert.deepEqual([code, error.name, shardId], ["unreadable-message", "SyntaxError", 0]);
    });
    assert.deepEqual(reported, []);
    assert.equal(shard.status, "ready");
    await shard.close();
  });
});

test("ready takes no event away, and stays ready", LIMITS, async () => {
  await withReader({ rate: 0, guilds: 1 }, {}, async ({ gateway, shard, until }) => {
    assert.equal(shard.status, "idle");
    await shard.ready;
    assert.equal(shard.status, "ready");
    assert.equal((await until(isDispatch("READY"))).sequence, 1);
    await gateway.fault({ fault: "cut" });
    await until(({ type }) => type === "disconnected");
    await shard.ready;
  });
});

test("ready rejects when the shard stops before", LIMITS, async () => {
  await withGateway({ rate: 0 }, async (gateway) => {
    const shard = makeShard(gateway);
    const ready = shard.ready;
    await Promise.all([assert.rejects(ready, refused("stopped")), shard.close()]);
    await assert.rejects(shard.ready, refused("stopped"));
  });
});

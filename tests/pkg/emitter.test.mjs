// Listeners in place of a loop, with a shard made of a list of batches.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS, makeShard } from "./reader.mjs";
import { withGateway } from "./gateway.mjs";

const { ShardEmitter } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/emitter.js`);
const refused = (code) => ({ name: "ShardwireError", code });
const message = (data) => ({ type: "dispatch", name: "MESSAGE", sequence: 1, data });
const STOPPED = { type: "stopped", reason: { code: "requested" } };

/** Gives each batch when it is asked for, and then none. */
function shardOf(...batches) {
  return { nextBatch: async () => batches.shift() ?? [] };
}

/** Gives what is pushed, and the end when told. */
function liveShard() {
  const [batches, readers] = [[], []];
  const next = () => {
    while (batches.length > 0 && readers.length > 0) readers.shift()(batches.shift());
  };
  return {
    nextBatch: () => new Promise((resolve) => (readers.push(resolve), next())),
    push: (...events) => (batches.push(events), next()),
  };
}

test("listeners are called by name with the data, and by type with the event", async () => {
  const heard = [];
  const bot = new ShardEmitter(shardOf([message(1), message(2)], [STOPPED]));
  bot
    .on("MESSAGE", (data, event) => heard.push([data, event.sequence]))
    .on("stopped", ({ reason }) => heard.push(reason.code))
    .once("MESSAGE", (data) => heard.push(`once ${data}`))
    .onAny(({ type }) => heard.push(`any ${type}`));
  await bot.finished;
  assert.deepEqual(heard, [[1, 1], "once 1", "any dispatch", [2, 1], "any dispatch", "requested", "any stopped"]);
});

test("listeners leave by off and by a signal, also while they are called", async () => {
  const heard = [];
  const controller = new AbortController();
  const bot = new ShardEmitter(shardOf([message(1)], [message(2)], [message(3)]));
  const first = (data) => {
    heard.push(`first ${data}`);
    bot.off("MESSAGE", first);
  };
  const never = () => heard.push("never");
  bot
    .on("MESSAGE", first)
    .on("MESSAGE", (data) => data === 2 && controller.abort())
    .on("MESSAGE", (data) => heard.push(`signal ${data}`), controller)
    .once("MESSAGE", never)
    .off("MESSAGE", never)
    .on("MESSAGE", never, { signal: AbortSignal.abort() });
  await bot.finished;
  // Those that were there when an event came are called for it.
  assert.deepEqual(heard, ["first 1", "signal 1", "signal 2"]);
});

test("a listener that throws or rejects is reported, and the others still run", async () => {
  const reported = [];
  const note = (error) => reported.push(error.message);
  const listeners = process.rawListeners("uncaughtException");
  process.removeAllListeners("uncaughtException").on("uncaughtException", note);
  try {
    const heard = [];
    const bot = new ShardEmitter(shardOf([message(1)]));
    bot
      .on("MESSAGE", () => {
        throw new Error("thrown");
      })
      .on("MESSAGE", async () => {
        throw new Error("rejected");
      })
      .on("MESSAGE", (data) => heard.push(data));
    await bot.finished;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, [1]);
    assert.deepEqual(reported.sort(), ["rejected", "thrown"]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});

test("one event can be awaited", async () => {
  const shard = liveShard();
  const bot = new ShardEmitter(shard);
  const two = bot.waitFor("MESSAGE", { filter: (data) => data === 2 });
  const failing = bot.waitFor("MESSAGE", { filter: (data) => data.missing.field });
  const late = bot.waitFor("MESSAGE", { filter: () => false, timeoutMs: 1 });
  const controller = new AbortController();
  const given = bot.waitFor("MESSAGE", { signal: controller.signal });
  controller.abort();
  await assert.rejects(given, refused("cancelled"));
  await assert.rejects(bot.waitFor("MESSAGE", { signal: controller.signal }), refused("cancelled"));
  await assert.rejects(late, refused("timed-out"));
  shard.push(message(1), message(2));
  assert.equal(await two, 2);
  await assert.rejects(failing, TypeError);

  const stopped = bot.waitFor("stopped");
  const never = bot.waitFor("MESSAGE");
  shard.push(STOPPED);
  shard.push();
  assert.equal((await stopped).reason.code, "requested");
  await assert.rejects(never, refused("stopped"));
  await assert.rejects(bot.waitFor("MESSAGE"), refused("stopped"));
});

test("it reads a shard from its first event to its last", LIMITS, async () => {
  await withGateway({ rate: 0, guilds: 1 }, async (gateway) => {
    const bot = new ShardEmitter(makeShard(gateway));
    const statuses = [];
    bot.on("status", ({ status }) => statuses.push(status));
    const ready = await bot.waitFor("READY", { timeoutMs: 30_000 });
    assert.equal(ready.guilds.length, 1);
    await bot.shard.close();
    await bot.finished;
    assert.deepEqual([statuses[0], statuses.at(-1)], ["connecting", "stopped"]);
  });
});

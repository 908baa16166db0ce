// A queue that is asked over a message port: one budget for the main thread and its workers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";

import { identify } from "./fixtures/identify.mjs";
import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject } from "./project.mjs";
import { LIMITS, isReady, makeShard, withReader } from "./reader.mjs";
import { until } from "./workers.mjs";

const PACKAGE = `file://${process.env.SHARDWIRE_PACKAGE}`;
const { Shard } = await import(`${PACKAGE}/entry/node.js`);
const { IdentifyLedger, portQueue, serveQueue } = await import(`${PACKAGE}/entry/fleet/node.js`);

const ws = new URL("../../node_modules/ws/wrapper.mjs", import.meta.url).href;
const { WebSocket } = await import(ws);
const QUIET = { rate: 0, guilds: 1 };
const of = (number) => [number, 8];
/** Long enough for whoever may go at once. */
const soon = () => AbortSignal.timeout(200);

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

/** Starts a thread with shards that ask `queue` over a port of their own. */
function startThread(queue, task) {
  const { port1, port2: port } = new MessageChannel();
  const stop = serveQueue(queue, port1);
  const program = pathToFileURL(join(project.folder, "identify-thread.mjs"));
  const worker = new Worker(program, { workerData: { ws, task, port }, transferList: [port] });
  return { worker, stop, exited: once(worker, "exit") };
}

/** A queue over a port that `queue` is served at, and the other ends. */
function connected(queue, options) {
  const { port1, port2 } = new MessageChannel();
  const stop = serveQueue(queue, port1, options);
  return { asking: portQueue(port2), stop, port: port1, otherPort: port2, close: () => port1.close() };
}

/** A ledger of which one identify is left, for a bucket that is busy: whoever waits for that keeps all others away. */
async function lastOne() {
  const ledger = new IdentifyLedger({ limit: { remaining: 2, maxConcurrency: 2 } });
  await ledger.turn(of(2));
  ledger.identified(of(2));
  return ledger;
}

test("the main thread and two workers keep one budget", LIMITS, async () => {
  await withGateway({ ...QUIET, "max-concurrency": 4 }, async ({ url, state }) => {
    const ledger = new IdentifyLedger({ limit: { maxConcurrency: 4 } });
    const task = (...numbers) => ({ url, token: TOKEN, numbers, total: 8 });
    const threads = [task(2, 3, 4), task(5, 6, 7)].map((task) => startThread(ledger, task));
    const seen = await Promise.all([
      identify(Shard, { ...task(0, 1), WebSocket }, ledger),
      ...threads.map(async ({ worker }) => (await once(worker, "message"))[0]),
    ]);
    assert.deepEqual(seen, [[1, 1], [1, 1, 1], [1, 1, 1]]);
    assert.deepEqual([ledger.remaining, (await state()).identifies], [992, 8]);
    // A port that nobody waits at keeps no worker running.
    await Promise.all(threads.map(({ exited }) => exited));
  });
});

test("a worker that is ended while it waits gives its place up", LIMITS, async () => {
  await withGateway(QUIET, async ({ url }) => {
    const ledger = await lastOne();
    const asked = [];
    const turn = (shard, signal) => {
      asked.push(signal);
      return ledger.turn(shard, signal);
    };
    const { worker } = startThread({ turn }, { url, token: TOKEN, numbers: [0], total: 8 });
    await until(async () => asked.length, (length) => length === 1);
    await assert.rejects(ledger.turn(of(1), soon()), { name: "TimeoutError" });
    await worker.terminate();
    await until(async () => asked[0].aborted, (isAborted) => isAborted);
    await ledger.turn(of(1), soon());
  });
});

test("who leaves gives the place up over the port", LIMITS, async () => {
  const ledger = await lastOne();
  const { asking, close } = connected(ledger);
  const leaving = new AbortController();
  const left = assert.rejects(asking.turn(of(0), leaving.signal), RangeError);
  await assert.rejects(asking.turn(of(1), soon()), { name: "TimeoutError" });
  leaving.abort(new RangeError("mine"));
  await left;
  await asking.turn(of(1), soon());
  asking.identified(of(1));
  await until(async () => ledger.remaining, (remaining) => remaining === 0);
  await assert.rejects(asking.turn(of(1), AbortSignal.abort(new RangeError("mine"))), RangeError);
  close();
});

test("what a queue rejects with comes over the port, and the shard asks again", LIMITS, async () => {
  let asked = 0;
  const queue = {
    async turn() {
      if (++asked === 1) throw Object.assign(new Error("mine"), { retryAfterMs: 300 });
    },
  };
  const { asking, close } = connected(queue);
  await assert.rejects(asking.turn(of(0)), { name: "ShardwireError", code: "unavailable", message: "mine", retryAfterMs: 300 });
  asked = 0;
  await withReader(QUIET, { identifyQueue: asking }, async ({ seen, until }) => {
    await until(isReady);
    assert.equal(seen.filter(({ code }) => code === "queue-unavailable").length, 1);
  });
  assert.equal(asked, 2);
  close();
});

test("a queue that throws when it is told is told of, and serves on", LIMITS, async () => {
  const errors = [];
  const told = [];
  const fail = (...what) => {
    told.push(what);
    throw new RangeError("mine");
  };
  const { asking, close } = connected({ turn: async () => {}, identified: fail }, { onError: (error) => errors.push(error) });
  asking.identified(of(0), { withinMs: 500 });
  await asking.turn(of(1));
  assert.ok(errors.length === 1 && errors[0] instanceof RangeError);
  assert.deepEqual(told, [[of(0), { withinMs: 500 }]]);
  close();
});

test("other messages may go over the same port", LIMITS, async () => {
  const { asking, port, otherPort, close } = connected({ turn: async () => {} });
  for (const end of [port, otherPort]) for (const message of ["turn", null, { turn: 1 }, 5, []]) end.postMessage(message);
  await asking.turn(of(0));
  close();
});

test("when the queue is served no longer, those who wait are told, at either end", LIMITS, async () => {
  const signals = [];
  const queue = {
    turn: (_, signal) => {
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  // As sockets of shards would, so that the program lives on without a port.
  const living = setInterval(() => {}, 1_000);
  for (const end of ["stop", "close"]) {
    const it = connected(queue);
    const waiting = [0, 1].map((number) => assert.rejects(it.asking.turn(of(number)), { code: "unavailable" }));
    await until(async () => signals.length, (length) => length === 2);
    it[end]();
    await Promise.all(waiting);
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true], end);
    if (end === "close") await assert.rejects(it.asking.turn(of(0)), { code: "unavailable" });
    it.close();
    signals.length = 0;
  }
  clearInterval(living);
});

test("no more shards than a number ask at the same time", LIMITS, async () => {
  const most = 16_384;
  const grants = [];
  const { asking, close } = connected({ turn: () => new Promise((grant) => grants.push(grant)) });
  const all = Array.from({ length: most }, (_, number) => asking.turn([number, most + 1]));
  await assert.rejects(asking.turn([most, most + 1]), { code: "unavailable", message: /fewer/ });
  for (const grant of grants) grant();
  await Promise.all(all);
  assert.equal(grants.length, most);
  close();
});

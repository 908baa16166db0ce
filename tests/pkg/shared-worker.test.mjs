// One fleet for several tabs, each at the other end of a message port: first with a fleet that is fed by hand, then against the
// mock gateway. tests/pkg/tabs.test.mjs has it in browsers.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import WebSocket from "ws";

import { withGateway } from "./gateway.mjs";
import { LIMITS, TOKEN, isDispatch, isReady, reading } from "./reader.mjs";

const part = (name) => import(new URL(name, `file://${process.env.SHARDWIRE_PACKAGE}/`));
const { ShardManager } = await part("entry/fleet/node.js");
const { memoryStore } = await part("stores.js");
const { ShardwireError, joinFleet, serveFleet } = await part("shared-worker.js");

const BEAT_MS = 15_000;
const refused = (code, message = /./) => ({ name: "ShardwireError", code, message });
const heartbeat = (roundTripMs) => ({ type: "heartbeat", roundTripMs, shardId: 0 });
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** A fleet of one shard that is fed by hand. */
class Fed {
  total = 1;
  recommendedInstead = null;
  numbers = [0];
  #batches = [];
  #waiting = null;

  async connect() {}

  shard(number) {
    return number === 0 ? { status: "ready" } : undefined;
  }

  give(events) {
    this.#batches.push(events);
    this.#waiting?.();
  }

  async nextBatch() {
    while (this.#batches.length === 0) await new Promise((resolve) => (this.#waiting = resolve));
    return this.#batches.shift();
  }

  async close(options) {
    this.closedWith = options;
    this.give([]);
    return [];
  }
}

/** A tab, and whatever is at the other end of its port. */
function join(accept, greeting) {
  const { port1, port2 } = new MessageChannel();
  accept(port1);
  return joinFleet(port2, greeting);
}

/** Reads until so many events are there. */
async function read(fleet, count) {
  const seen = [];
  while (seen.length < count) seen.push(...(await fleet.nextBatch()));
  return seen;
}

/** What events say, in short. */
const inShort = (events) => events.map(({ roundTripMs, dropped }) => roundTripMs ?? `${dropped} dropped`);

test("a tab that does not read loses its oldest events, is told how many, and holds nobody up", LIMITS, async () => {
  const fed = new Fed();
  const accept = serveFleet(() => fed, { capacity: 10 });
  const [quick, slow] = [join(accept), join(accept)];
  await Promise.all([quick.connect(), slow.connect()]);
  fed.give([heartbeat(1)]);
  assert.deepEqual(inShort(await read(quick, 1)), [1]);
  for (const number of numbers(2, 100)) {
    fed.give([heartbeat(number)]);
    assert.deepEqual(inShort(await read(quick, 1)), [number]);
  }
  // What was on its way to the slow one before it turned out to be slow, a notice, and what waits behind that.
  const seen = inShort(await read(slow, 12));
  const under = seen.indexOf(`${90 - (seen.length - 11)} dropped`);
  assert.deepEqual(seen, [...numbers(1, under), seen[under], ...numbers(91, 100)]);
  await slow.end();
});

test("a tab hears from when it joins, and its loop ends when it leaves or the fleet ends", LIMITS, async () => {
  const fed = new Fed();
  const accept = serveFleet(() => fed);
  const first = join(accept);
  await first.connect();
  assert.deepEqual([first.total, first.numbers, first.health().ready, first.shard(0).status], [1, [0], 1, "ready"]);
  assert.equal(first.shard(1), undefined);
  fed.give([heartbeat(1)]);
  await read(first, 1);
  const second = join(accept);
  await second.connect();
  fed.give([heartbeat(2)]);
  assert.deepEqual(inShort(await read(second, 1)), [2]);
  const listened = first.waitFor("status");
  await first.close();
  await assert.rejects(listened, refused("stopped"));
  await assert.rejects(first.infos(), refused("stopped"));
  fed.give([heartbeat(3)]);
  assert.deepEqual(await second.end(), []);
  assert.deepEqual(inShort(await read(second, 1)), [3]);
  for await (const event of second) assert.fail(event.type);
  await assert.rejects(second.infos(), refused("stopped"));
});

test("a fleet that cannot be made says why to every tab, and the next one tries again", LIMITS, async () => {
  const greetings = [];
  const fed = new Fed();
  let fail;
  const failing = new Promise((_, reject) => (fail = reject));
  const accept = serveFleet((greeting) => (greetings.push(greeting) === 1 ? failing : fed));
  const failed = [join(accept, "one"), join(accept, "two")];
  // Both are there.
  while (greetings.length === 0) await turn();
  await turn();
  fail(new ShardwireError("bad-token", "expected a token"));
  for (const tab of failed) {
    await assert.rejects(tab.connect(), refused("bad-token"));
    await assert.rejects(tab.nextBatch(), refused("bad-token"));
    await assert.rejects(tab[Symbol.asyncIterator]().next(), refused("bad-token"));
    await assert.rejects(tab.ready, refused("bad-token"));
  }
  const tab = join(accept, "three");
  await tab.connect();
  assert.deepEqual(greetings, ["one", "three"]);
  await tab.end();
  assert.throws(() => serveFleet(new Fed()), refused("bad-options"));
  assert.throws(() => serveFleet(() => fed, { capacity: 0 }), refused("bad-options"));
});

test("a page that goes into the history is told what it missed when it is back", LIMITS, async () => {
  await withPage(async ({ joinPage, hide, show }) => {
    const fed = new Fed();
    const accept = serveFleet(() => fed);
    const [away, there] = [joinPage(accept), join(accept)];
    await Promise.all([away.connect(), there.connect()]);
    fed.give([heartbeat(1)]);
    assert.deepEqual(inShort(await read(away, 1)), [1]);
    await hide();
    fed.give(numbers(2, 6).map(heartbeat));
    await read(there, 6);
    show();
    assert.deepEqual(inShort(await read(away, 1)), ["5 dropped"]);
    fed.give([heartbeat(7)]);
    assert.deepEqual(inShort(await read(away, 1)), [7]);
    await hide();
    await there.end();
    show();
    // The fleet that it knew has ended, and it makes no other.
    assert.deepEqual(await away.nextBatch(), []);
  });
});

test("the last tab that leaves lets the fleet leave off, and whoever comes then has it go on", LIMITS, async () => {
  await withPage(async ({ joinPage, hide, show }) => {
    const made = [];
    const accept = serveFleet((greeting) => made[made.push(Object.assign(new Fed(), { greeting })) - 1]);
    const tab = joinPage(accept, "mine");
    await tab.connect();
    await hide();
    show();
    while (made.length < 2) await turn();
    assert.deepEqual([made[0].closedWith, made[1].greeting], [{ keepSession: true }, "mine"]);
    made[1].give([heartbeat(1)]);
    assert.deepEqual(inShort(await read(tab, 1)), [1]);
    await tab.end();
  });
});

/** Runs `work` in something like a page, with one tab that goes into the history and comes back. */
async function withPage(work) {
  const page = new EventTarget();
  const { port1, port2 } = new MessageChannel();
  const joinPage = (accept, greeting) => {
    accept(port1);
    globalThis.document = { defaultView: page };
    try {
      return joinFleet(port2, greeting);
    } finally {
      delete globalThis.document;
    }
  };
  const hide = async () => {
    const left = new Promise((resolve) => port1.addEventListener("message", ({ data }) => data[0] === "leave" && resolve()));
    page.dispatchEvent(new Event("pagehide"));
    await left;
  };
  await work({ joinPage, hide, show: () => page.dispatchEvent(new Event("pageshow")) });
}

test("for a tab that says nothing for long nothing is kept, and it is told what it missed when it does", LIMITS, async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    const fed = new Fed();
    const accept = serveFleet(() => fed);
    const { port1, port2 } = new MessageChannel();
    accept(port1);
    const heard = [];
    port2.addEventListener("message", ({ data }) => heard.push(data));
    port2.start();
    const hear = async (fits) => {
      while (!heard.some(fits)) await turn();
      return heard.splice(0).find(fits);
    };
    port2.postMessage(["join"]);
    await hear(([what]) => what === "events");
    port2.postMessage(["more"]);
    fed.give([heartbeat(1)]);
    await hear(([what, events]) => what === "events" && events.length > 0);
    // Frozen: it takes no more, and what comes waits for it.
    fed.give([heartbeat(2), heartbeat(3)]);
    for (let beat = 0; beat < 20; beat++) mock.timers.tick(BEAT_MS);
    port2.postMessage(["here"]);
    await hear(([what]) => what === "here");
    // A word was enough. Now it has gone for good, as far as anybody can tell.
    for (let beat = 0; beat < 21; beat++) mock.timers.tick(BEAT_MS);
    fed.give([heartbeat(4)]);
    await turn();
    port2.postMessage(["here"]);
    const [, [[, , , notice]]] = await hear(([what, events]) => what === "events" && events.length > 0);
    assert.deepEqual([notice.code, notice.dropped], ["events-dropped", 3]);
    port2.close();
  } finally {
    mock.timers.reset();
  }
});

test("a worker that answers no more is told to whoever reads or calls", LIMITS, async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    const { port1, port2 } = new MessageChannel();
    const fleet = joinFleet(port2);
    const reading = assert.rejects(fleet.nextBatch(), refused("unavailable"));
    const asking = assert.rejects(fleet.infos(), refused("unavailable"));
    const waiting = assert.rejects(fleet.waitFor("status"), refused("stopped"));
    for (let beat = 0; beat < 8; beat++) mock.timers.tick(BEAT_MS);
    assert.equal(fleet.isOver, false);
    mock.timers.tick(BEAT_MS);
    await Promise.all([reading, asking, waiting, assert.rejects(fleet.connect(), refused("unavailable"))]);
    port1.close();
  } finally {
    mock.timers.reset();
  }
});

test("tabs share one fleet with a session for each shard, and command it", LIMITS, async () => {
  await withGateway({ guilds: 8, rate: 50, "max-concurrency": 64 }, async (gateway) => {
    const made = [];
    const sessions = memoryStore();
    const accept = serveFleet(({ token }) => {
      const options = { token, intents: 0x331ffff, url: gateway.url, WebSocket, gateway: null, shards: 2, lifecycle: false };
      // As many at once as the mock allows, which pages cannot ask.
      made.push(new ShardManager({ ...options, sessions, identifyQueue: { turn: async () => {} } }));
      return made.at(-1);
    });
    const tabs = [join(accept, { token: TOKEN }), join(accept, { token: "another" })];
    const [one, other] = tabs.map(reading);
    for (const { until } of [one, other]) for (const _ of tabs) await until(isReady);
    await tabs[1].ready;
    assert.deepEqual([made.length, tabs[1].total, tabs[1].numbers, tabs[1].health().ready], [1, 2, [0, 1], 2]);
    const [here, there] = await Promise.all([one, other].map(({ until }) => until(isDispatch("MESSAGE_CREATE"))));
    assert.deepEqual([here.shardId, here.sequence, here.data.content], [there.shardId, there.sequence, there.data.content]);

    const shard = tabs[1].forGuild(String(1 << 22));
    assert.equal((await shard.info()).shard[0], 1);
    await shard.updatePresence({ status: "idle" });
    assert.deepEqual(await tabs[0].updatePresence({ status: "dnd" }), []);
    await assert.rejects(shard.send(1, {}), refused("reserved-opcode"));
    await assert.rejects(shard.send(31, { no: () => {} }), refused("bad-command", /copied/));
    await assert.rejects(shard.command("close"), refused("bad-command"));
    await assert.rejects(tabs[0].stop(7), refused("bad-shard"));
    const controller = new AbortController();
    controller.abort();
    await assert.rejects(shard.updatePresence({ status: "idle" }, { signal: controller.signal }), refused("cancelled"));
    assert.deepEqual((await tabs[0].infos()).map(({ status }) => status), ["ready", "ready"]);
    await tabs[0].restart(1);
    await one.until(({ type }) => type === "resumed");
    await other.until(({ type }) => type === "resumed");

    await tabs[0].close();
    await other.until(isDispatch("MESSAGE_CREATE"));
    const left = await tabs[1].end({ keepSession: true });
    assert.deepEqual(left.map(({ shard }) => shard), [[0, 2], [1, 2]]);
    await other.until(({ type, shardId }) => type === "stopped" && shardId === 1);

    const again = join(accept, { token: TOKEN });
    const { until } = reading(again);
    for (const _ of left) await until(({ type }) => type === "resumed");
    assert.equal(made.length, 2);
    await again.end();
    assert.equal((await gateway.state()).identifies, 2);
  });
});

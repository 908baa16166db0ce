// A shard in a Durable Object, under the simulator, which takes objects away for real: by their own abort, and with the whole
// process. The gateway counts identifies; the object's storage tells which events were handed over.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Miniflare } from "miniflare";

import { startGateway, withGateway } from "./gateway.mjs";
import { TOKEN, makeProject } from "./project.mjs";
import { newestRuntime, until, workerModules } from "./workers.mjs";

const LIMITS = { timeout: 60_000 };
const NEWEST = newestRuntime();
// Read by the simulator when it starts a runtime.
if (NEWEST.path) process.env.MINIFLARE_WORKERD_PATH = NEWEST.path;

/** Messages are blobs from 2026-03-17 on, closes are answered from 2026-04-07 on; before 2024-04-03 there is no RPC. */
const HOSTS = {
  "before RPC, key-value storage": { date: "2023-07-01", useSQLite: false },
  "before blobs": { date: "2026-03-16", useSQLite: true },
  "before answered closes, key-value storage": { date: "2026-04-01", useSQLite: false },
  [`on ${NEWEST.date}`]: { date: NEWEST.date, useSQLite: true },
};
const RATE = 60;
/** Short, so that objects come back soon and have something to lose. */
const DURABLE = { alarmMs: 1000, saveMs: 200 };

let project;
let modules;

before(async () => {
  project = await makeProject();
  modules = await workerModules(join(project.folder, "durable.mjs"));
}, LIMITS);

after(async () => {
  await project?.remove();
});

/** A worker with objects. `call` calls a method of one of them; `end` ends the process without a warning. */
async function startWorker({ date = NEWEST.date, useSQLite = true, folder, options, limit }) {
  const worker = new Miniflare({
    compatibilityDate: date,
    modulesRoot: project.folder,
    modules,
    bindings: {
      OPTIONS: { token: TOKEN, intents: 0xffff, durable: DURABLE, ...options },
      HAS_QUEUE: limit !== undefined,
      LIMIT: limit ?? {},
      BY_FETCH: date < "2024-04-03",
    },
    durableObjects: { BOT: { className: "Bot", useSQLite }, TURNS: { className: "Turns", useSQLite } },
    durableObjectsPersist: folder,
    // The objects are ended in the middle of things on purpose.
    handleRuntimeStdio: (out, errors) => [out, errors].forEach((stream) => stream.resume()),
  });
  await worker.ready;
  const request = async (object, method, args) => {
    const body = JSON.stringify({ object, method, args });
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
    const answer = await response.text();
    if (response.status !== 200) throw Object.assign(new Error(answer), parse(answer));
    return JSON.parse(answer);
  };
  return {
    call: (method, ...args) => request("bot", method, args),
    of: (object) => (method, ...args) => request(object, method, args),
    end: () => worker.dispose(),
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text };
  }
}

/** Runs `work` with a gateway and a worker. The gateway must have had no reason to complain. */
async function withWorker({ gateway: gatewayOptions, options, ...settings }, work) {
  await withGateway({ rate: RATE, guilds: 2, ...gatewayOptions }, async (gateway) => {
    const worker = await startWorker({ ...settings, options: { url: gateway.url, ...options } });
    try {
      await work({ gateway, ...worker });
    } finally {
      await worker.end();
    }
  });
}

const resumed = (gateway, times) => until(gateway.state, (state) => state.resumed >= times);
/** Has an object die at its next events. It may be dead before it answers. */
const doom = (call, place) => call("fate", { place, after: 1 }).catch(() => {});
/** Events that were sent beyond those that the gateway has sent by now. */
const moreEvents = async (gateway, count) => {
  const { events_sent: sent } = await gateway.state();
  await until(gateway.state, (state) => state.events_sent >= sent + count);
};

/**
 * What the instances wrote down: each began right behind what its storage said, that was never beyond what had been handled,
 * and nothing is missing. Gives how many events were handed over, and how many of them more than once.
 */
async function readSeen(call) {
  const cursors = new Map((await call("list", "born/")).map(([key, cursor]) => [key.split("/")[1], cursor]));
  const seen = Map.groupBy(await call("list", "seen/"), ([key]) => key.split("/")[1]);
  let reached = 0;
  let repeated = 0;
  for (const [instance, entries] of [...seen].sort()) {
    const sequences = entries.map(([, sequence]) => sequence);
    const cursor = cursors.get(instance);
    assert.ok(cursor <= reached, `instance ${instance}: ${cursor} was stored, ${reached} was handled`);
    assert.deepEqual(sequences, sequences.map((_, index) => cursor + 1 + index), `instance ${instance} began at ${cursor}`);
    repeated += Math.max(reached - cursor, 0);
    reached = Math.max(reached, sequences.at(-1));
  }
  return { reached, repeated };
}

describe("an object with one shard", { concurrency: 6 }, () => {
  for (const [what, host] of Object.entries(HOSTS)) {
    test(`it goes on where it was after its own abort, at every place: ${what}`, LIMITS, async () => {
      await withWorker(host, async ({ gateway, call }) => {
        // The first dies as it has READY, and so does the next.
        await call("fate", { instance: 1, place: "behind", after: 0 });
        await call("fate", { place: "before", after: 0 });
        await call("start");
        const places = ["before", "behind", "meanwhile", "between"];
        let deaths = 2;
        await resumed(gateway, deaths);
        for (const place of places) {
          await moreEvents(gateway, Math.ceil(Math.random() * 0.5 * RATE));
          // Nobody but the alarm brings it back.
          if (place === "between") await assert.rejects(call("die"));
          else await doom(call, place);
          await resumed(gateway, (deaths += 1));
        }
        await moreEvents(gateway, RATE);
        const session = await call("stop", { keepSession: true });
        const { reached, repeated } = await readSeen(call);
        assert.equal(session.sequence, reached);
        assert.ok(reached > RATE && repeated > 0, `${reached} events, ${repeated} repeated`);
        const { identifies, resumes } = await gateway.state();
        assert.deepEqual({ identifies, resumes }, { identifies: 1, resumes: deaths });
      });
    });

    test(`it goes on where it was after the end of the process: ${what}`, LIMITS, async () => {
      const folder = await mkdtemp(join(tmpdir(), "shardwire-durable-"));
      const gateway = await startGateway({ rate: RATE, guilds: 2 });
      try {
        const settings = { ...host, folder, options: { url: gateway.url } };
        let worker = await startWorker(settings);
        await worker.call("start");
        for (let deaths = 1; deaths <= 3; deaths++) {
          await moreEvents(gateway, Math.ceil(Math.random() * 0.5 * RATE));
          await worker.end();
          await moreEvents(gateway, 0);
          worker = await startWorker(settings);
          await resumed(gateway, deaths);
        }
        await moreEvents(gateway, RATE);
        await worker.call("stop", { keepSession: true });
        await readSeen(worker.call);
        const { identifies, resumes, violations } = await gateway.state();
        assert.deepEqual({ identifies, resumes, violations }, { identifies: 1, resumes: 3, violations: [] });
        await worker.end();
      } finally {
        await gateway.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  test("what is written with each event is kept with the session or not at all", LIMITS, async () => {
    await withWorker({ options: { durable: { ...DURABLE, saveEvents: 1 } } }, async ({ gateway, call }) => {
      await call("start");
      let deaths = 0;
      for (const place of ["before", "behind", "between", "behind"]) {
        await moreEvents(gateway, Math.ceil(Math.random() * 0.5 * RATE));
        if (place === "between") await assert.rejects(call("die"));
        else await doom(call, place);
        await resumed(gateway, (deaths += 1));
      }
      await moreEvents(gateway, RATE);
      await call("stop", { keepSession: true });
      const { reached, repeated } = await readSeen(call);
      assert.ok(reached > RATE);
      assert.equal(repeated, 0);
    });
  });

  test("it stops with its session kept and goes on with it, or without and begins anew", LIMITS, async () => {
    await withWorker({}, async ({ gateway, call }) => {
      await call("start");
      await moreEvents(gateway, RATE);
      const session = await call("stop", { keepSession: true });
      const left = await call("info");
      assert.deepEqual([left.isWanted, left.shard, left.stopped.code], [false, null, "requested"]);
      assert.deepEqual(left.session, session);
      assert.equal((await call("look")).alarm, null);
      // Nobody comes back who was told to stay away.
      await assert.rejects(call("die"));
      assert.equal((await call("info")).shard, null);

      await call("start");
      await call("start");
      await resumed(gateway, 1);
      await moreEvents(gateway, RATE);
      assert.equal((await gateway.state()).identifies, 1);
      const ledger = async () => JSON.parse((await call("list", "shardwire:identifies"))[0][1]).remaining;
      assert.equal(await ledger(), 999);

      // Handed in from elsewhere: the storage knows of none.
      const elsewhere = await call("stop", { keepSession: true });
      await call("forget");
      await assert.rejects(call("die"));
      assert.equal((await call("info")).session, null);
      await assert.rejects(call("start", { session: { ...elsewhere, shard: [1, 2] } }), { code: "bad-session" });
      await call("start", { session: elsewhere });
      await resumed(gateway, 2);
      await moreEvents(gateway, RATE);

      assert.equal(await call("stop"), null);
      assert.equal((await call("info")).session, null);
      const sequences = (await call("list", "seen/")).map(([, sequence]) => sequence);
      assert.deepEqual(sequences, sequences.map((_, index) => index + 1), "each once, as it was never taken away unprepared");
      await call("start");
      await until(gateway.state, ({ identifies }) => identifies === 2);
      await until(ledger, (remaining) => remaining === 998);
      assert.equal((await call("info")).stopped, null);
    });
  });

  test("a close that forbids reconnecting ends it for good, and is remembered", LIMITS, async () => {
    await withWorker({}, async ({ gateway, call }) => {
      await call("start");
      await moreEvents(gateway, 10);
      await gateway.fault({ fault: "close", code: 4014 });
      await until(() => call("info"), ({ stopped }) => stopped !== null);
      await until(() => call("info"), ({ shard }) => shard === null);
      await assert.rejects(call("die"));
      const { isWanted, stopped } = await call("info");
      assert.deepEqual([isWanted, stopped.code, stopped.closeCode], [false, "fatal", 4014]);
      assert.equal((await call("look")).alarm, null);
      assert.equal((await gateway.state()).connects, 1);
      // Who calls is told what is not right, and nothing has changed.
      await assert.rejects(call("start", { shard: [3, 2] }), { code: "bad-shard" });
      await assert.rejects(call("updatePresence", { status: "idle" }), { code: "stopped" });
      assert.deepEqual((await call("info")).stopped, stopped);
    });
  });

  test("with no identify left it waits until there is one", LIMITS, async () => {
    await withWorker({}, async ({ gateway, call }) => {
      await call("spend");
      await call("start");
      const isSpent = ({ stopped }) => stopped?.code === "identify-budget-spent";
      const { isWanted, notBefore } = await until(() => call("info"), isSpent);
      assert.ok(isWanted && notBefore > Date.now());
      await until(() => call("look"), ({ alarm }) => alarm === notBefore);
      await assert.rejects(call("die"));
      assert.equal((await call("info")).shard, null);
      const { identifies, connects } = await gateway.state();
      assert.deepEqual({ identifies, connects }, { identifies: 0, connects: 1 });
    });
  });

  test("what the method throws is told, and costs neither events nor the session", LIMITS, async () => {
    await withWorker({ options: { durable: { ...DURABLE, eventMs: 1000 } } }, async ({ gateway, call }) => {
      const errors = async () => (await call("list", "error/")).map(([, error]) => error);
      await call("start");
      for (const place of ["throw", "reject"]) {
        await call("fate", { place, after: 1 });
        await until(errors, (list) => list.some(([name, message]) => name === "RangeError" && message === "mine"));
      }
      await call("fate", { place: "hang", after: 1 });
      const isLate = ([, code]) => code === "timed-out";
      const [, , hung] = (await until(errors, (list) => list.some(isLate))).find(isLate);
      await moreEvents(gateway, RATE);
      const { failures } = await call("info");
      assert.ok(failures.count >= 3);
      assert.equal(failures.last.message, "onEvent has not settled within 1000 ms");
      const { sequence } = await call("stop", { keepSession: true });
      assert.ok(sequence > hung);
      await readSeen(call);
      assert.equal((await gateway.state()).connects, 1);
    });
  });

  test("a storage that fails is told, and the shard goes on", LIMITS, async () => {
    await withWorker({}, async ({ gateway, call }) => {
      await call("start");
      await moreEvents(gateway, RATE);
      await call("breakStorage");
      await until(() => call("list", "error/"), (list) => list.some(([, [, code]]) => code === "unavailable"));
      await moreEvents(gateway, RATE);
      assert.equal((await call("info")).shard.status, "ready");
      await assert.rejects(call("die"));
      await resumed(gateway, 1);
      await moreEvents(gateway, RATE);
      await call("stop", { keepSession: true });
      await readSeen(call);
    });
  });

  test("it has an alarm for itself and one for the user, and sets both again", LIMITS, async () => {
    await withWorker({}, async ({ gateway, call }) => {
      await call("start");
      await moreEvents(gateway, 10);
      // Without the alarm and the record the object would not come back.
      await call("forget");
      await until(() => call("list", "shardwire:shard"), (list) => list.length === 1);
      await call("wakeUpIn", 300);
      await assert.rejects(call("die"));
      await resumed(gateway, 1);
      // The first call failed, and the host's own habit is to try again.
      const rings = await until(() => call("list", "alarm/"), (list) => list.length === 2);
      assert.deepEqual(rings.map(([, retryCount]) => retryCount), [0, 1]);
      assert.equal(await call("getAlarm"), null);
      assert.ok((await call("look")).alarm !== null);
      await call("stop", { keepSession: true });
      await call("wakeUpIn", 60_000);
      assert.equal((await call("look")).alarm, await call("getAlarm"));
      await call("deleteAlarm");
      assert.equal((await call("look")).alarm, null);
    });
  });

  for (const what of ["before RPC, key-value storage", `on ${NEWEST.date}`]) {
    test(`shards in several objects have one queue, whoever is taken away: ${what}`, LIMITS, async () => {
      const concurrency = { limit: { maxConcurrency: 2 }, gateway: { "max-concurrency": 2 } };
      await withWorker({ ...HOSTS[what], ...concurrency }, async ({ gateway, of }) => {
        const numbers = [0, 1, 2, 3, 4, 5];
        const bots = numbers.map((number) => of(`object ${number}`));
        const turns = of("turns");
        const identified = (count) => until(gateway.state, ({ identifies }) => identifies >= count);
        const start = (numbers) => Promise.all(numbers.map((number) => bots[number]("start", { shard: [number, 6] })));
        await start([0, 1]);
        const ledger = async () => JSON.parse((await turns("list", "shardwire:identifies"))[0]?.[1] ?? "{}");
        await until(ledger, ({ remaining }) => remaining === 998);
        // The next instance is asked at once, and knows that there were two.
        await assert.rejects(turns("die"));
        await start([2, 3, 4, 5]);
        await identified(4);
        await assert.rejects(bots[5]("die"));
        await identified(6);
        for (const bot of bots) await until(() => bot("info"), ({ shard }) => shard?.status === "ready");
        const { busy } = await until(ledger, ({ remaining }) => remaining === 994);
        assert.deepEqual(busy.map(([number]) => number).sort(), numbers);
        // A resume needs no turn.
        await gateway.fault({ fault: "cut" });
        await resumed(gateway, 6);
        const { identifies, violations } = await gateway.state();
        assert.deepEqual({ identifies, violations }, { identifies: 6, violations: [] });
      });
    });
  }

  test("a place in the queue is given up by leaving, by asking again, and by not coming", LIMITS, async () => {
    await withWorker({ limit: {} }, async ({ of }) => {
      const turns = of("turns");
      const waiting = (count) => until(() => turns("info"), (info) => info.waiting === count);
      const refused = (turn) => assert.rejects(turn, { code: "cancelled" });
      // Never used.
      await turns("turn", [0, 4]);
      const left = refused(turns("turn", [1, 4]));
      await waiting(1);
      await turns("leave", [1, 4]);
      await left;
      const first = refused(turns("turn", [2, 4]));
      await waiting(1);
      await turns("turn", [2, 4]);
      await first;
      assert.deepEqual(await turns("info"), { remaining: 1000, waiting: 0 });
    });
  });

  test("commands go through it", LIMITS, async () => {
    await withWorker({ gateway: { rate: 0 } }, async ({ gateway, call }) => {
      await call("start");
      await call("updatePresence", { status: "idle" });
      await call("send", 31, { guild_ids: ["1"] }, { priority: "high" });
      await assert.rejects(call("send", 2, {}), { code: "reserved-opcode" });
      await call("reconnect");
      await resumed(gateway, 1);
      assert.equal((await call("info")).shard.counters.identifies, 1);
    });
  });

  test("objects that share a module do not get into each other's way", LIMITS, async () => {
    const codec = { compression: "zstd-stream" };
    await withWorker({ gateway: { "max-concurrency": 4 }, options: codec }, async ({ gateway, of }) => {
      const objects = [0, 1, 2].map((number) => of(`object ${number}`));
      await objects[2]("fate", { place: "behind", after: 0 });
      // One of them dies as all wait for the second module.
      const methods = ["startAndDie", "start", "start"];
      await Promise.allSettled(objects.map((call, number) => call(methods[number], { shard: [number, 3] })));
      const starts = objects.slice(1);
      await until(gateway.state, ({ sessions }) => sessions >= starts.length);
      await resumed(gateway, 1);
      for (const call of starts) {
        await until(() => call("list", "shardwire:identifies"), (list) => list.length === 1);
        assert.equal((await call("info")).failures.count, 0);
      }
      await moreEvents(gateway, RATE);
      for (const call of starts) {
        await call("stop", { keepSession: true });
        await readSeen(call);
      }
    });
  });
});

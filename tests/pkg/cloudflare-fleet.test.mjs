// The example of a fleet in Durable Objects, under the simulator, as wrangler builds it. Objects are taken away in the middle of
// things, and so is the whole process. Each message goes to a channel of its own, so that the consumers' counts tell whether one
// was lost or counted twice; the gateway counts identifies.

import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { Miniflare } from "miniflare";

import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject } from "./project.mjs";
import { newestRuntime, until, workerModules } from "./workers.mjs";
import { bundle } from "./wrangler.mjs";

const LIMITS = { timeout: 120_000 };
const NEWEST = newestRuntime();
// Read by the simulator when it starts a runtime.
if (NEWEST.path) process.env.MINIFLARE_WORKERD_PATH = NEWEST.path;

const KEY = "mine";
/** More than there are shards, so that each has something to tell. */
const GUILDS = 96;
/** Between two messages. */
const SPACING_MS = 5;

let project;
let modules;

before(async () => {
  project = await makeProject();
  const folder = join(project.folder, "fleet");
  await cp(new URL("../../examples/cloudflare-fleet/", import.meta.url), folder, { recursive: true });
  const built = join(project.folder, "built");
  await bundle(folder, "mortal.mjs", built);
  modules = await workerModules(join(built, "mortal.js"));
}, LIMITS);

after(async () => {
  await project?.remove();
});

/** A worker with the fleet; `end` ends the process without a warning, once. */
async function startWorker({ url }, folder) {
  const sqlite = (className) => ({ className, useSQLite: true });
  const worker = new Miniflare({
    compatibilityDate: NEWEST.date,
    modulesRoot: project.folder,
    modules,
    bindings: {
      DISCORD_TOKEN: TOKEN,
      ADMIN_KEY: KEY,
      GATEWAY_URL: url,
      API_URL: `${url.replace("ws:", "http:")}/api/v10`,
    },
    durableObjects: { BOT: sqlite("Bot"), CONSUMER: sqlite("Consumer"), FLEET: sqlite("Fleet") },
    durableObjectsPersist: folder,
    // The objects are ended in the middle of things on purpose.
    handleRuntimeStdio: (out, errors) => [out, errors].forEach((stream) => stream.resume()),
  });
  await worker.ready;
  let ended = null;
  const ask = (method, path, authorization = `Basic ${btoa(`admin:${KEY}`)}`) =>
    worker.dispatchFetch(`http://worker/${path}`, { method, headers: { authorization } });
  const json = async (method, path) => {
    const response = await ask(method, path);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  };
  return {
    ask,
    status: () => json("GET", "status"),
    act: (path) => json("POST", path),
    die: (kind, object) => ask("POST", `die?${new URLSearchParams({ kind, object })}`),
    /** What all consumers have counted. */
    async counted() {
      const reports = await json("GET", "messages");
      const sum = (field) => reports.reduce((sum, report) => sum + report[field], 0);
      return { messages: sum("messages"), channels: sum("channels") };
    },
    end: () => (ended ??= worker.dispose()),
  };
}

/** Runs `work` with a gateway and a worker. Each message makes the gateway say something, which nobody needs. */
async function withFleet(maxConcurrency, work, folder) {
  const options = { rate: 0, guilds: 64, "max-concurrency": maxConcurrency };
  await withGateway(
    options,
    async (gateway) => {
      const worker = await startWorker(gateway, folder);
      try {
        await work(gateway, worker);
      } finally {
        await worker.end();
      }
    },
    "ignore",
  );
}

/** Messages in all guilds, one after the other, until it is stopped; then it gives how many there were. */
function startLoad(gateway) {
  let count = 0;
  let isWanted = true;
  const emit = async () => {
    const guild = (count % GUILDS) * 2 ** 22;
    const data = JSON.stringify({ guild_id: String(guild), channel_id: String(count), content: `message ${count}` });
    await gateway.fault({ fault: "dispatch", name: "MESSAGE_CREATE", data, guild_id: guild });
    count += 1;
  };
  const running = (async () => {
    while (isWanted) {
      await emit();
      await pause(SPACING_MS);
    }
  })();
  return {
    /** Waits until there are so many messages more. */
    async further(more) {
      const goal = count + more;
      await until(async () => count, (count) => count >= goal);
    },
    async stop() {
      isWanted = false;
      await running;
      return count;
    },
  };
}

const readyShards = ({ shards }) => shards.filter(({ status }) => status === "ready").length;
/** Somebody looks at the page, which brings shards back before their alarms do. */
const resumed = (gateway, worker, times) =>
  until(() => worker.status().then(gateway.state), (state) => state.resumed >= times);

/** Waits until as many messages were counted as there were, and says that each was so once. */
async function assertCounted(worker, sent) {
  const { messages, channels } = await until(worker.counted, ({ channels }) => channels >= sent);
  assert.deepEqual({ messages, channels }, { messages: sent, channels: sent });
}

describe("a fleet in Durable Objects", { concurrency: 4 }, () => {
  test("whoever is taken away, no message is lost or counted twice, and no shard identifies again", LIMITS, async () => {
    await withFleet(16, async (gateway, worker) => {
      const { totals } = await worker.act("start?total=32");
      assert.deepEqual(totals, [32]);
      await until(gateway.state, ({ identifies }) => identifies >= 16);
      // Those who wait in it come to their turns all the same.
      await worker.die("FLEET", "fleet");
      const { identifies } = await until(worker.status, (status) => readyShards(status) === 32);
      assert.equal(identifies.waiting, 0);
      // One that was told while nobody was there may count twice, and none is forgotten.
      assert.ok(identifies.remaining <= 968, `${identifies.remaining} left`);

      const load = startLoad(gateway);
      let deaths = 0;
      for (let round = 0; round < 3; round++) {
        await load.further(50);
        const doomed = [0, 1, 2, 3].map((number) => (round * 11 + number * 8) % 32);
        await Promise.all(doomed.map((number) => worker.die("BOT", `${number} of 32`)));
        await Promise.all([worker.die("FLEET", "fleet"), worker.die("CONSUMER", String(round))]);
        await resumed(gateway, worker, (deaths += doomed.length));
      }
      await load.further(50);
      await assertCounted(worker, await load.stop());
      await until(worker.status, (status) => readyShards(status) === 32);
      assert.equal((await gateway.state()).identifies, 32);
    });
  });

  test("64 shards go on where they were after the end of the process", LIMITS, async () => {
    const folder = join(project.folder, "kept");
    await withFleet(
      64,
      async (gateway, first) => {
        await first.act("start?total=64");
        await until(first.status, (status) => readyShards(status) === 64);
        const load = startLoad(gateway);
        await load.further(100);
        await first.end();
        await until(gateway.state, ({ connections }) => connections === 0);
        // Nobody is there to hear these.
        await load.further(100);
        const second = await startWorker(gateway, folder);
        try {
          await resumed(gateway, second, 64);
          await load.further(100);
          await assertCounted(second, await load.stop());
          assert.equal((await gateway.state()).identifies, 64);
        } finally {
          await second.end();
        }
      },
      folder,
    );
  });

  test("from 4 shards to 6 and on to 12 with every message counted once, whoever is taken away", LIMITS, async () => {
    await withFleet(16, async (gateway, worker) => {
      const isOver = (total) => until(worker.status, ({ totals }) => totals.length === 1 && totals[0] === total);
      await worker.act("start?total=4");
      await until(worker.status, (status) => readyShards(status) === 4);
      const load = startLoad(gateway);
      await load.further(50);
      await worker.act("reshard?total=6");
      await assert.rejects(worker.act("reshard?total=8"), { message: /one reshard at a time/ });
      await until(gateway.state, ({ identifies }) => identifies > 4);
      await Promise.all([worker.die("FLEET", "fleet"), worker.die("BOT", "1 of 4")]);
      await isOver(6);
      await load.further(50);
      await worker.act("reshard?total=12");
      await isOver(12);
      await load.further(50);
      await assertCounted(worker, await load.stop());
      // The old ones are gone, with their sessions.
      const { identifies, sessions, connections } = await gateway.state();
      assert.deepEqual({ identifies, sessions, connections }, { identifies: 4 + 6 + 12, sessions: 12, connections: 12 });
    });
  });

  test("shards leave with their sessions and go on with them, and the page is for those with the key", LIMITS, async () => {
    await withFleet(16, async (gateway, worker) => {
      const refused = await worker.ask("GET", "", `Basic ${btoa("admin:yours")}`);
      assert.equal(refused.status, 401);
      assert.match(await (await worker.ask("GET", "")).text(), /<title>Fleet<\/title>/);
      // One that runs elsewhere, in the bucket of nobody here.
      assert.equal((await worker.ask("GET", "turns?shard=15")).status, 200);
      await worker.act("start?total=2");
      await until(worker.status, (status) => readyShards(status) === 2);
      await assert.rejects(worker.act("start?total=3"), { message: /takes a reshard/ });
      const load = startLoad(gateway);
      await load.further(20);
      await worker.act("leave");
      await until(gateway.state, ({ connections }) => connections === 0);
      await load.further(20);
      await worker.act("start");
      await resumed(gateway, worker, 2);
      await assertCounted(worker, await load.stop());
      await worker.act("stop");
      await until(gateway.state, ({ sessions }) => sessions === 0);
      assert.equal((await gateway.state()).identifies, 2);
    });
  });
});

// Identify queues in hosts other than Node.js: served by Deno, Bun and a Durable Object, and over ports in Chromium.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { Miniflare } from "miniflare";

import { launch } from "../e2e/support.mjs";
import { identify } from "./fixtures/identify.mjs";
import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, programs } from "./project.mjs";
import { serve } from "./site.mjs";
import { workerModules } from "./workers.mjs";

const PACKAGE = `file://${process.env.SHARDWIRE_PACKAGE}`;
const { Shard } = await import(`${PACKAGE}/entry/node.js`);
const { httpQueue } = await import(`${PACKAGE}/entry/fleet/node.js`);

const LIMITS = { timeout: 60_000 };
const COMPATIBILITY_DATE = "2026-07-30";
const QUIET = { rate: 0, guilds: 1 };
const of = (number) => [number, 8];
/** Long enough for whoever may go at once. */
const soon = () => AbortSignal.timeout(1_000);

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

const ARGUMENTS = {
  bun: ["run"],
  deno: ["run", "--no-remote", "--allow-net=127.0.0.1", "--allow-env"],
};

/** Runs `work` with the address of a queue that a runtime serves, and with what waits until it says so. */
async function withQueue(name, limit, work) {
  const env = { ...process.env, TASK: JSON.stringify(limit), NO_COLOR: "1" };
  const child = spawn(programs[name], [...ARGUMENTS[name], "serve-queue.mjs"], { cwd: project.folder, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async (wanted) => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(!done, `${name} ended before it said ${wanted}`);
      if (wanted.test(value)) return value;
    }
  };
  try {
    await work(await said(/^http/), said);
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

for (const name of Object.keys(ARGUMENTS)) {
  test(`shards ask a queue in ${name}, and none is refused`, LIMITS, async () => {
    await withQueue(name, { maxConcurrency: 2 }, async (queue) => {
      await withGateway({ ...QUIET, "max-concurrency": 2 }, async ({ url }) => {
        // The last of them waits for longer than servers do that were not told.
        const task = { url, token: TOKEN, numbers: [0, 1, 2, 3, 4, 6], total: 8 };
        assert.deepEqual(await identify(Shard, task, httpQueue(queue)), Array(6).fill(1));
      });
    });
  });

  test(`whoever hangs up gives the place up in ${name}`, LIMITS, async () => {
    await withQueue(name, { remaining: 2, maxConcurrency: 2 }, async (url, said) => {
      const queue = httpQueue(url);
      await queue.turn(of(2));
      // The last identify of the day, in a bucket that is busy: whoever waits for it keeps all others away.
      const leaving = new AbortController();
      const left = assert.rejects(queue.turn(of(0), leaving.signal), RangeError);
      await said(/^asked 0/);
      await assert.rejects(queue.turn(of(1), soon()), { name: "TimeoutError" });
      await said(/^left 1/);
      leaving.abort(new RangeError("mine"));
      await left;
      await said(/^left 0/);
      await queue.turn(of(1), soon());
    });
  });
}

test("a queue is served by a Durable Object", LIMITS, async () => {
  const worker = new Miniflare({
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["enable_request_signal"],
    modulesRoot: project.folder,
    modules: await workerModules(join(project.folder, "queue-object.mjs")),
    bindings: { LIMIT: { maxConcurrency: 2 } },
    durableObjects: { QUEUE: "Queue" },
  });
  try {
    await withGateway({ ...QUIET, "max-concurrency": 2 }, async ({ url }) => {
      const body = JSON.stringify({ url, token: TOKEN, numbers: [0, 1, 2], total: 8 });
      const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
      assert.deepEqual(await response.json(), [1, 1, 1]);
    });
    const statusOf = async (shard) => (await worker.dispatchFetch(`http://worker/?shard=${shard}`)).status;
    assert.deepEqual([await statusOf("x"), await statusOf(3)], [400, 200]);
  } finally {
    await worker.dispose();
  }
});

test("a page and its workers keep one budget", LIMITS, async () => {
  await writeFile(join(project.folder, "empty.html"), "<!doctype html>");
  const site = await serve(project.folder);
  const browser = await launch();
  try {
    await withGateway({ ...QUIET, "max-concurrency": 4 }, async ({ url }) => {
      const task = (...numbers) => ({ url, token: TOKEN, numbers, total: 8 });
      const page = await browser.newPage();
      await page.goto(`${site.url}/empty.html`);
      const plan = { limit: { maxConcurrency: 4 }, tasks: [task(0, 1), task(2, 3, 4), task(5, 6, 7)] };
      const answer = await page.evaluate(async (plan) => (await import("/identify-page.mjs")).identifyAll(plan), plan);
      assert.deepEqual(answer, { seen: [[1, 1], [1, 1, 1], [1, 1, 1]], remaining: 992 });
    });
  } finally {
    await browser.close();
    site.close();
  }
});

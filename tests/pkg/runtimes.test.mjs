// The installed package in runtimes other than Node.js: the same program, the same answers.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Miniflare } from "miniflare";

import { makeProject, run, withOptions } from "./project.mjs";
import { workerModules } from "./workers.mjs";

const LIMITS = { timeout: 60_000 };
/** The newest that the pinned workerd knows. */
const COMPATIBILITY_DATE = "2026-07-30";
/** How each runtime is told to run a file. Deno gets the network and the task, but may read nothing. */
const COMMANDS = {
  bun: ["@oven/bun-linux-x64/bin/bun", "run"],
  deno: ["@deno/linux-x64-glibc/deno", "run", "--no-remote", "--allow-net=127.0.0.1", "--allow-env"],
};

/** By what is always there, and by what is loaded when it is asked for. */
const CODECS = {
  "as it comes": {},
  "with ETF and zstd": { encoding: "etf", compression: "zstd-stream" },
};

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

for (const name of Object.keys(COMMANDS)) {
  for (const [what, codec] of Object.entries(CODECS)) {
    test(`a shard runs in ${name}, ${what}`, LIMITS, async () => {
      await withOptions(async (options) => {
        check(await runFixture(name, "run.mjs", { options: { ...options, ...codec }, dispatches: 20, keepSession: true }));
      });
    });
  }

  test(`the gateway is discovered in ${name}`, LIMITS, async () => {
    await withOptions(async ({ url, token }) => {
      const base = `${url.replace("ws:", "http:")}/api/v10`;
      const { bot, anyone, refused } = await runFixture(name, "discover.mjs", { url: base, token });
      assert.deepEqual([bot.url, bot.shards, anyone], [url, 1, { url }]);
      assert.deepEqual(refused, { name: "ShardwireError", code: "bad-answer", status: 404 });
    });
  });
}

test("a shard runs in workerd", LIMITS, async () => {
  const worker = new Miniflare({
    compatibilityDate: COMPATIBILITY_DATE,
    modulesRoot: project.folder,
    modules: await workerModules(project.folder, "worker.mjs"),
  });
  try {
    for (const codec of Object.values(CODECS)) {
      await withOptions(async (options) => {
        const body = JSON.stringify({ options: { ...options, ...codec }, dispatches: 20 });
        const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
        const answer = await response.text();
        assert.equal(response.status, 200, answer);
        check(JSON.parse(answer));
      });
    }
  } finally {
    await worker.dispose();
  }
});

test("each condition leads to its entry", LIMITS, async () => {
  const entries = { workerd: "workerd", deno: "deno", bun: "node", node: "node" };
  for (const [condition, entry] of Object.entries(entries)) {
    const code = 'console.log(import.meta.resolve("shardwire"))';
    const args = [`--conditions=${condition}`, "--input-type=module", "--eval", code];
    const { stdout } = await run(process.execPath, args, { cwd: project.folder });
    assert.match(stdout, new RegExp(`/entry/${entry}\\.js\\s*$`), condition);
  }
});

/** Runs a fixture in a runtime and returns what it printed. */
async function runFixture(name, fixture, task) {
  const [program, ...args] = COMMANDS[name];
  const npms = fileURLToPath(new URL(`../../node_modules/${program}`, import.meta.url));
  // npm brings them for Linux; elsewhere they have to be on PATH.
  const { stdout } = await run(existsSync(npms) ? npms : name, [...args, fixture], {
    cwd: project.folder,
    env: { ...process.env, TASK: JSON.stringify(task), NO_COLOR: "1" },
    timeout: 30_000,
  });
  return JSON.parse(stdout);
}

function check({ dispatches, session, snapshot }) {
  assert.equal(dispatches[0].name, "READY");
  assert.deepEqual(dispatches.map((event) => event.sequence), dispatches.map((_, index) => index + 1));
  assert.equal(session.sequence, dispatches.length);
  assert.equal(snapshot.counters.gaps, 0);
  assert.ok(snapshot.counters.wireBytes < snapshot.counters.inflatedBytes, "it was compressed");
}

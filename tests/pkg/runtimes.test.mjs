// The installed package in runtimes other than Node.js: the same program, the same answers.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Miniflare } from "miniflare";

import { makeProject, programs, run, withOptions } from "./project.mjs";
import { workerModules } from "./workers.mjs";

const LIMITS = { timeout: 60_000 };
/** The newest that the pinned workerd knows. */
const COMPATIBILITY_DATE = "2026-07-30";
/** How each runtime is told to run a file. Deno gets the network and the task, but may read nothing. */
const ARGUMENTS = {
  bun: ["run"],
  deno: ["run", "--no-remote", "--allow-net=127.0.0.1", "--allow-env"],
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

for (const name of Object.keys(ARGUMENTS)) {
  for (const [what, codec] of Object.entries(CODECS)) {
    test(`a shard runs in ${name}, ${what}`, LIMITS, async () => {
      await withOptions(async (options) => {
        check(await runFixture(name, "run.mjs", { options: { ...options, ...codec }, dispatches: 20, keepSession: true }));
      });
    });
  }

  for (const [whose, isOwn] of [["the package's own", false], ["the user's", true]]) {
    test(`a fleet runs in ${whose} workers in ${name}`, LIMITS, async () => {
      await withOptions(async (options) => {
        // A worker that is named while the program runs is a file that is read, for Deno.
        const more = name === "deno" && isOwn ? ["--allow-read"] : [];
        const { ready, lost, made, sessions } = await runFixture(name, "fleet-here.mjs", { options, isOwn }, more);
        assert.deepEqual(sessions, [[0, 2], [1, 2]]);
        assert.ok(ready >= 2);
        // One that throws what nobody catches is replaced, and no event is lost.
        assert.equal(made, isOwn ? 3 : 0);
        assert.equal(lost.length, isOwn ? 1 : 0);
        for (const message of lost) assert.match(message, /mine/);
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
  const modules = await workerModules(join(project.folder, "codecs-worker.mjs"));
  for (const codec of Object.values(CODECS)) check(await askWorker(modules, codec));
});

test("a Worker without the codecs runs, and is told what it lacks if it asks for them", LIMITS, async () => {
  const modules = await workerModules(join(project.folder, "worker.mjs"));
  check(await askWorker(modules, {}));
  const { refused } = await askWorker(modules, CODECS["with ETF and zstd"]);
  assert.equal(refused.code, "codec-not-loaded");
  assert.match(refused.message, /`import "shardwire\/codecs"`/);
});

test("each condition leads to its entry", LIMITS, async () => {
  const entries = { workerd: "workerd", deno: "deno", bun: "node", node: "node" };
  const code = 'console.log(import.meta.resolve("shardwire"), import.meta.resolve("shardwire/codecs"))';
  for (const [condition, entry] of Object.entries(entries)) {
    const args = [`--conditions=${condition}`, "--input-type=module", "--eval", code];
    const { stdout } = await run(process.execPath, args, { cwd: project.folder });
    assert.match(stdout, new RegExp(`/entry/${entry}\\.js \\S+/entry/codecs/${entry}\\.js\\s*$`), condition);
  }
});

test("Workers, which compile nothing, get the module as a file from the inline entry too", LIMITS, async () => {
  const args = ["--conditions=workerd", "--input-type=module", "--eval", 'console.log(import.meta.resolve("shardwire/inline"))'];
  const { stdout } = await run(process.execPath, args, { cwd: project.folder });
  assert.match(stdout, /\/entry\/workerd\.js\s*$/);
});

/** Runs a fixture in a runtime and returns what it printed. */
async function runFixture(name, fixture, task, more = []) {
  const { stdout } = await run(programs[name], [...ARGUMENTS[name], ...more, fixture], {
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

/** Starts a Worker, lets it run a shard, and gives its answer. */
async function askWorker(modules, codec) {
  const worker = new Miniflare({ compatibilityDate: COMPATIBILITY_DATE, modulesRoot: project.folder, modules });
  try {
    return await withOptions(async (options) => {
      const body = JSON.stringify({ options: { ...options, ...codec }, dispatches: 20 });
      const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
      const answer = await response.text();
      assert.equal(response.status, 200, answer);
      return JSON.parse(answer);
    });
  } finally {
    await worker.dispose();
  }
}

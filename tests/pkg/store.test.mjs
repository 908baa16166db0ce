// The identify ledger beyond one process.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { withGateway } from "./gateway.mjs";
import { makeProject, run, TOKEN } from "./project.mjs";
import { LIMITS, isReady, withReader } from "./reader.mjs";

const HOUR = 3_600_000;

test("a ledger in a file counts over processes, and holds back a program that is started again and again", { timeout: 120_000 }, async () => {
  const project = await makeProject();
  const folder = await mkdtemp(join(tmpdir(), "shardwire-store-"));
  const path = join(folder, "ledger.json");
  const record = async () => JSON.parse(await readFile(path, "utf8"));
  try {
    await withGateway({ rate: 0, guilds: 2, "max-concurrency": 2 }, async ({ url }) => {
      const ws = new URL("../../node_modules/ws/wrapper.mjs", import.meta.url).href;
      // Two shards, as the gateway would not have one of them identify again so soon.
      const runOnce = async (shard) => {
        const TASK = JSON.stringify({ ws, path, options: { token: TOKEN, intents: 1, url, shard: [shard, 2] } });
        const { stdout } = await run(process.execPath, ["store.mjs"], { cwd: project.folder, env: { ...process.env, TASK }, timeout: 60_000 });
        return JSON.parse(stdout);
      };
      assert.deepEqual(await runOnce(0), { notices: [], status: "ready" });
      const first = await record();
      assert.equal(first.remaining, 999);
      assert.deepEqual(first.busy.map(([shard]) => shard), [0]);
      await runOnce(1);
      const second = await record();
      assert.equal(second.remaining, 998);
      assert.deepEqual(second.busy.map(([shard]) => shard).sort(), [0, 1]);

      const later = Date.now() + HOUR;
      await writeFile(path, JSON.stringify({ remaining: 900, resetsAt: later, busy: [[0, later]] }));
      const held = await runOnce(0);
      assert.deepEqual(held.notices.map(({ code }) => code), ["identify-held-back"]);
      assert.notEqual(held.status, "ready");
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await project.remove();
  }
});

test("a store that fails is told, and the shard goes on", LIMITS, async () => {
  const fail = async () => {
    throw new RangeError("mine");
  };
  await withReader({ rate: 0 }, { identifyStore: { load: fail, save: fail } }, async ({ seen, until }) => {
    await until(isReady);
    const notices = seen.filter(({ type }) => type === "notice");
    assert.match(notices[0].message, /identifyStore.load failed/);
    assert.equal(notices[0].code, "bad-hook");
    assert.ok(notices.every(({ error }) => error instanceof RangeError));
    if (notices.length < 2) await until(({ message }) => message?.includes("identifyStore.save failed"));
  });
});

test("what is no record counts as none", LIMITS, async () => {
  for (const text of ["", "no record", "null", "[]", '{"remaining":"x","busy":5}', undefined]) {
    const saved = [];
    const identifyStore = { load: () => text, save: (record) => void saved.push(JSON.parse(record)) };
    await withReader({ rate: 0 }, { identifyStore }, async ({ shard, until }) => {
      await until(isReady);
      await shard.close();
      assert.equal(saved[0].remaining, 999, text);
    });
  }
});

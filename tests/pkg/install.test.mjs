// The package as users get it: packed, installed into an empty project, and run.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { TOKEN, makeProject, run, withOptions } from "./project.mjs";

const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeout: 60_000 };

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

test("a session goes on in a second process", LIMITS, async () => {
  await withOptions(async (options) => {
    const first = await runShard({ options, dispatches: 25, keepSession: true });
    assert.equal(first.dispatches[0].name, "READY");
    assert.ok(first.dispatches.every((event) => event.hasData));
    assertConsecutive(first.dispatches, 1);
    assert.equal(first.snapshot.counters.identifies, 1);
    assert.equal(first.session.sequence, first.dispatches.at(-1).sequence);
    assert.match(first.session.id, /./);

    const again = { ...options, session: first.session };
    const second = await runShard({ options: again, dispatches: 25, until: "resumed", keepSession: false });
    assertConsecutive(second.dispatches, first.session.sequence + 1);
    assert.ok(second.dispatches.every((event) => event.name !== "READY"));
    const [resumed, ...more] = second.others.filter((event) => event.type === "resumed");
    assert.deepEqual(more, []);
    assert.equal(resumed.replayed, second.snapshot.counters.replayed);
    assert.equal(second.snapshot.counters.identifies, 0);
    assert.equal(second.snapshot.counters.resumes, 1);
    assert.equal(second.snapshot.counters.gaps, 0);
    assert.equal(second.session, null, "a session that was ended cannot be resumed");
    assert.equal(second.status, "stopped");
  });
});

test("the same without compression", LIMITS, async () => {
  await withOptions(async (options) => {
    const { dispatches, snapshot } = await runShard({
      options: { ...options, compression: "none" },
      dispatches: 10,
      keepSession: false,
    });
    assertConsecutive(dispatches, 1);
    assert.equal(snapshot.counters.wireBytes, snapshot.counters.inflatedBytes);
  });
});

test("nothing keeps the process alive after close", LIMITS, async () => {
  await withOptions(async (options) => {
    const { timers } = await runShard({ options, dispatches: 5, keepSession: true });
    assert.deepEqual(timers, []);
  });
});

test("what is not right is refused with a code", LIMITS, async () => {
  assert.deepEqual(await runFixture("refusals.mjs", [], { TOKEN }), {
    "no token": "bad-token",
    "a token of two words": "bad-token",
    "an unknown intent": "bad-intents",
    "negative intents": "bad-intents",
    "a shard beyond the total": "bad-shard",
    "no address": "bad-url",
    "an address of the web": "bad-url",
    "a clear connection to elsewhere": "insecure-url",
    "a threshold too small": "bad-large-threshold",
    "a session of another shard": "bad-session",
    "an unknown compression": "bad-options",
    "an unknown encoding": "bad-options",
    "payload compression of ETF": "bad-encoding",
    "a life cycle of another kind": "bad-options",
    "no options": "bad-options",
    "an identify by hand": "reserved-opcode",
    "a command too large": "too-large",
    "an unknown presence": "bad-command",
  });
});

test("the modules can be loaded by hand", LIMITS, async () => {
  for (const kind of ["bytes", "module"]) {
    const { version, status, unread, read } = await runFixture("manual.mjs", [kind]);
    assert.deepEqual([unread, read], ["codec-not-loaded", "connecting"]);
    assert.equal(version, project.tarball.version);
    assert.equal(status, "idle");
  }
});

function runShard(task) {
  const ws = new URL("node_modules/ws/wrapper.mjs", ROOT).href;
  return runFixture("run.mjs", [], { TASK: JSON.stringify({ ws, ...task }) });
}

/** Runs a fixture in the project and returns what it printed. The token must be nowhere in it. */
async function runFixture(name, args = [], env = {}) {
  const { stdout, stderr } = await run(process.execPath, [name, ...args], {
    cwd: project.folder,
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  assert.ok(!`${stdout}${stderr}`.includes(TOKEN), `the token is in the output of ${name}`);
  return JSON.parse(stdout);
}

function assertConsecutive(dispatches, first) {
  const sequences = dispatches.map((event) => event.sequence);
  assert.deepEqual(sequences, sequences.map((_, index) => first + index));
}

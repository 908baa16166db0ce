// The examples, run as a user would run them, against a gateway of their own.

import assert from "node:assert/strict";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, run } from "./project.mjs";

const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeout: 60_000 };

let project;

before(async () => {
  project = await makeProject();
  // What the examples need beside the package.
  for (const name of ["@opentelemetry", "ws"]) {
    await symlink(fileURLToPath(new URL(`node_modules/${name}`, ROOT)), join(project.folder, "node_modules", name), "dir");
  }
}, LIMITS);

after(async () => {
  await project?.remove();
});

async function runExample(name, ...args) {
  await cp(new URL(`examples/${name}`, ROOT), join(project.folder, name));
  const env = { ...process.env, DISCORD_TOKEN: TOKEN };
  const { stdout, stderr } = await run(process.execPath, [name, ...args], { cwd: project.folder, env, timeout: 30_000 });
  assert.ok(!`${stdout}${stderr}`.includes(TOKEN));
  return stdout;
}

test("members.mjs counts the members of each guild", LIMITS, async () => {
  await withGateway({ rate: 0, guilds: 2, members: 1200 }, async ({ url }) => {
    const lines = (await runExample("members.mjs", url, "2")).trim().split("\n");
    assert.equal(lines.length, 2);
    for (const line of lines) assert.match(line, /: 1200 members, \d+ of them bots$/);
  });
});

test("opentelemetry.mjs exports what info() gives", LIMITS, async () => {
  await withGateway({ rate: 50, guilds: 2 }, async ({ url }) => {
    const printed = await runExample("opentelemetry.mjs", url, "2");
    for (const name of ["shardwire.identifies", "shardwire.wireBytes", "shardwire.events"]) assert.ok(printed.includes(`'${name}'`), name);
    assert.match(printed, /event: 'GUILD_CREATE'/);
  });
});

test("fleet.mjs goes on where its last run left off", LIMITS, async () => {
  await withGateway({ rate: 20, guilds: 12, shards: 3, "max-concurrency": 3 }, async ({ url, state }) => {
    const first = await runExample("fleet.mjs", url, "1");
    assert.match(first, /is ready: .*ready: 3/);
    const second = await runExample("fleet.mjs", url, "1");
    assert.equal(second.match(/goes on, \d+ events were missed/g).length, 3);
    assert.equal((await state()).identifies, 3);
  });
});

test("workers.mjs handles events in its workers", LIMITS, async () => {
  await withGateway({ rate: 40, guilds: 12, shards: 3, "max-concurrency": 3 }, async ({ url, state }) => {
    const printed = await runExample("workers.mjs", url, "40");
    const messages = printed.match(/^shard [012]: \S+:/gm);
    assert.ok(messages.length >= 40);
    assert.equal(new Set(messages.map((message) => message[6])).size, 3);
    assert.equal((await state()).identifies, 3);
  });
});

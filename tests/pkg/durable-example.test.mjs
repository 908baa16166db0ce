// The example of a bot in a Durable Object, as wrangler takes it: built for Cloudflare, and run on this machine.

import assert from "node:assert/strict";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, run } from "./project.mjs";
import { until } from "./workers.mjs";
import { bundle, generateTypes, withDev } from "./wrangler.mjs";

const ROOT = new URL("../../", import.meta.url);
const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", ROOT));
const LIMITS = { timeout: 60_000 };

let project;

before(async () => {
  project = await makeProject();
  await cp(new URL("examples/durable-object/", ROOT), project.folder, { recursive: true });
}, LIMITS);

after(async () => {
  await project?.remove();
});

test("what wrangler deploy uploads of it has the module once", LIMITS, async () => {
  const folder = join(project.folder, "built");
  await bundle(project.folder, "worker.mjs", folder);
  const names = await readdir(folder, { recursive: true });
  assert.equal(names.filter((name) => name.endsWith(".wasm")).length, 1, `${names}`);
});

test("it runs in wrangler dev, and through a restart", LIMITS, async () => {
  await withGateway({ rate: 50, guilds: 2 }, async (gateway) => {
    const vars = { DISCORD_TOKEN: TOKEN, ADMIN_KEY: "mine", GATEWAY_URL: gateway.url };
    const lines = Object.entries(vars).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(project.folder, ".dev.vars"), lines.join(""));
    const total = ({ channels }) => channels.reduce((sum, { count }) => sum + count, 0);

    /** A report of a shard that has come further. */
    const further = (ask, count) =>
      until(async () => (await ask("GET")).json(), (report) => report.shard?.status === "ready" && total(report) > count);

    let before;
    await withWorker(async (ask) => {
      assert.equal((await ask("GET", "", "of somebody else")).status, 401);
      const { isWanted } = await (await ask("POST", "start")).json();
      assert.equal(isWanted, true);
      before = await further(ask, 5);
    });
    let after;
    await withWorker(async (ask) => {
      // Who asks brings it back; nobody asks for a start.
      after = await further(ask, total(before));
      assert.equal((await (await ask("POST", "leave")).json()).session.id, after.session.id);
    });
    assert.equal(after.session.id, before.session.id);
    const { identifies, resumed } = await gateway.state();
    assert.deepEqual({ identifies, resumed }, { identifies: 1, resumed: 1 });
  });
});

test("its types are those of Cloudflare, where they are", LIMITS, async () => {
  await cp(new URL("durable-types.ts", import.meta.url), join(project.folder, "durable-types.ts"));
  await generateTypes(project.folder);
  const compilerOptions = {
    target: "es2024",
    lib: ["es2024", "esnext.disposable"],
    module: "esnext",
    moduleResolution: "bundler",
    types: [],
    strict: true,
    noEmit: true,
  };
  const files = ["durable-types.ts", "worker-configuration.d.ts"];
  await writeFile(join(project.folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  const { stdout } = await run(process.execPath, [TSC, "--project", project.folder]).catch((error) => error);
  assert.equal(stdout, "");
});

/** Runs `work` beside the worker, with a function that asks it. */
async function withWorker(work) {
  await withDev(project.folder, "worker.mjs", ["--persist-to=state"], (url) =>
    work((method, path = "", key = "mine") =>
      fetch(`${url}/${path}`, { method, headers: { authorization: `Bearer ${key}` } }),
    ),
  );
}

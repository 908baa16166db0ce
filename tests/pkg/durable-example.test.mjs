// The example of a bot in a Durable Object, as wrangler takes it: built for Cloudflare, and run on this machine.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { withGateway } from "./gateway.mjs";
import { TOKEN, makeProject, run } from "./project.mjs";
import { until } from "./workers.mjs";

const ROOT = new URL("../../", import.meta.url);
const WRANGLER = fileURLToPath(new URL("node_modules/wrangler/bin/wrangler.js", ROOT));
const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", ROOT));
const LIMITS = { timeout: 60_000 };
/** It asks nobody and tells nobody. */
const ENV = { ...process.env, CI: "1", NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" };
const READY = /Ready on (http:\/\/127\.0\.0\.1:\d+)/;

let project;

before(async () => {
  project = await makeProject();
  await cp(new URL("examples/durable-object/", ROOT), project.folder, { recursive: true });
}, LIMITS);

after(async () => {
  await project?.remove();
});

test("wrangler builds it, with the module in it once", LIMITS, async () => {
  const folder = join(project.folder, "built");
  await run(process.execPath, [WRANGLER, "deploy", "--dry-run", "--outdir", folder], { cwd: project.folder, env: ENV });
  const modules = (await readdir(folder)).filter((name) => name.endsWith(".wasm"));
  assert.equal(modules.filter((name) => name.includes("shardwire_bg")).length, 1, String(modules));
});

test("wrangler runs it, through a restart", LIMITS, async () => {
  await withGateway({ rate: 50, guilds: 2 }, async (gateway) => {
    const vars = { DISCORD_TOKEN: TOKEN, ADMIN_KEY: "mine", GATEWAY_URL: gateway.url };
    const lines = Object.entries(vars).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(project.folder, ".dev.vars"), lines.join(""));
    const total = ({ channels }) => channels.reduce((sum, { count }) => sum + count, 0);

    /** A report of a shard that has come further. */
    const further = (ask, count) =>
      until(async () => (await ask("GET")).json(), (report) => report.shard?.status === "ready" && total(report) > count);

    const before = await withWrangler(async (ask) => {
      assert.equal((await ask("GET", "", "of somebody else")).status, 401);
      const { isWanted } = await (await ask("POST", "start")).json();
      assert.equal(isWanted, true);
      return further(ask, 5);
    });
    const after = await withWrangler(async (ask) => {
      // Who asks brings it back; nobody asks for a start.
      const report = await further(ask, total(before));
      assert.equal((await (await ask("POST", "leave")).json()).session.id, report.session.id);
      return report;
    });
    assert.equal(after.session.id, before.session.id);
    const { identifies, resumed } = await gateway.state();
    assert.deepEqual({ identifies, resumed }, { identifies: 1, resumed: 1 });
  });
});

test("its types are those of Cloudflare, where they are", LIMITS, async () => {
  await cp(new URL("durable-types.ts", import.meta.url), join(project.folder, "durable-types.ts"));
  await run(process.execPath, [WRANGLER, "types", "--include-env=false"], { cwd: project.folder, env: ENV });
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

/** Runs `work` beside `wrangler dev`, with a function that asks the worker, and ends it as roughly as machines end. */
async function withWrangler(work) {
  const ports = ["--ip=127.0.0.1", "--port=0", "--inspector-port=0"];
  const child = spawn(process.execPath, [WRANGLER, "dev", ...ports, "--persist-to=state", "--show-interactive-dev-session=false"], {
    cwd: project.folder,
    env: ENV,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, as the runtime is a child of it.
    detached: true,
  });
  const ended = once(child, "exit");
  const kill = () => process.kill(-child.pid, "SIGKILL");
  process.once("exit", kill);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  try {
    const [, url] = await until(async () => {
      assert.equal(child.exitCode, null, printed);
      return READY.exec(printed);
    }, Boolean);
    return await work((method, path = "", key = "mine") =>
      fetch(`${url}/${path}`, { method, headers: { authorization: `Bearer ${key}` } }),
    );
  } finally {
    process.off("exit", kill);
    kill();
    await ended;
  }
}

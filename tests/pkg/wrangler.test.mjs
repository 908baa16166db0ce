// The packed package in the project of a Cloudflare Worker: what `wrangler deploy` would upload, and what `wrangler dev` runs.
// Nothing leaves this machine.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { makeProject, run, withOptions } from "./project.mjs";

const LIMITS = { timeout: 60_000 };
const WRANGLER = fileURLToPath(new URL("../../node_modules/wrangler/bin/wrangler.js", import.meta.url));
const READY = /Ready on (http:\/\/127\.0\.0\.1:\d+)/;
const DISPATCHES = 3;
/** The scripts of the fixtures, the modules that each needs, and what it is asked for. */
const SCRIPTS = {
  "worker.js": { modules: 1 },
  "codecs.js": { modules: 2, options: { encoding: "etf", compression: "zstd-stream" } },
};

let project;
let root;
let env;

before(async () => {
  project = await makeProject();
  root = join(project.folder, "wrangler");
  env = {
    ...process.env,
    CI: "1",
    NO_COLOR: "1",
    // It would ask a registry for a newer one of itself, and another host for where on Earth it is.
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // What it remembers between runs.
    XDG_CONFIG_HOME: join(project.folder, "config"),
  };
}, LIMITS);

after(async () => {
  await project?.remove();
});

for (const [script, { modules, options }] of Object.entries(SCRIPTS)) {
  test(`what wrangler deploy uploads of ${script} has as many modules as it needs`, LIMITS, async () => {
    const folder = join(project.folder, `out-${script}`);
    await run(process.execPath, [WRANGLER, "deploy", script, "--dry-run", "--outdir", folder], { cwd: root, env });
    const names = await readdir(folder, { recursive: true });
    assert.equal(names.filter((name) => name.endsWith(".wasm")).length, modules, `${names}`);
  });

  test(`${script} runs in wrangler dev`, LIMITS, async () => {
    await withDev(script, (url) =>
      withOptions(async (gateway) => {
        const body = JSON.stringify({ ...gateway, ...options, dispatches: DISPATCHES });
        const response = await fetch(url, { method: "POST", body });
        assert.equal(response.status, 200, await response.clone().text());
        const { dispatches, refused } = await response.json();
        assert.equal(refused, undefined);
        assert.deepEqual(dispatches.map(({ sequence }) => sequence), [1, 2, 3]);
      }),
    );
  });
}

/** Runs `work` with the address at which `wrangler dev` runs a script. */
async function withDev(script, work) {
  const args = ["dev", script, "--ip=127.0.0.1", "--port=0", "--inspector-port=0", "--show-interactive-dev-session=false"];
  const child = spawn(process.execPath, [WRANGLER, ...args], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  const end = () => child.kill("SIGTERM");
  // A test that was broken off must leave nothing behind.
  process.once("exit", end);
  try {
    await work(await addressOf(child));
  } finally {
    end();
    await ended;
    process.off("exit", end);
  }
}

async function addressOf(child) {
  const printed = [];
  child.stderr.on("data", (chunk) => printed.push(chunk));
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(line);
    const match = READY.exec(line);
    if (!match) continue;
    // Unread output would block it once the pipe is full.
    child.stdout.resume();
    return match[1];
  }
  throw new Error(`wrangler dev ended before it was ready:\n${printed.join("\n")}`);
}

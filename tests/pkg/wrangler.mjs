// Wrangler as a child process, for tests. Nothing leaves this machine.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { run } from "./project.mjs";

const WRANGLER = fileURLToPath(new URL("../../node_modules/wrangler/bin/wrangler.js", import.meta.url));
const READY = /Ready on (http:\/\/127\.0\.0\.1:\d+)/;

/** Puts into `out` what would be uploaded of a script. */
export function bundle(folder, script, out) {
  return run(process.execPath, [WRANGLER, "deploy", script, "--dry-run", "--outdir", out], { cwd: folder, env: toEnv(folder) });
}

function toEnv(folder) {
  return {
    ...process.env,
    CI: "1",
    NO_COLOR: "1",
    // It would ask a registry for a newer one of itself, and another host for where on Earth it is.
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    // What it remembers between runs.
    XDG_CONFIG_HOME: join(folder, "config"),
  };
}

/** Runs `work` with the address at which `wrangler dev` runs a script of a folder. */
export async function withDev(folder, script, args, work) {
  const own = ["--ip=127.0.0.1", "--port=0", "--inspector-port=0", "--show-interactive-dev-session=false"];
  const stdio = ["ignore", "pipe", "pipe"];
  const child = spawn(process.execPath, [WRANGLER, "dev", script, ...own, ...args], { cwd: folder, env: toEnv(folder), stdio });
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

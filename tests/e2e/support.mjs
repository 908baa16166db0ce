// What the dashboard's tests share: a site, a browser that reaches this machine only, and waiting with deadlines.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { chromium } from "playwright-core";

import { CHROMIUM_FLAGS } from "./flags.mjs";

/** What a browser writes to the console when a gateway is away. That is what some tests are about. */
const EXPECTED_ERRORS = /WebSocket connection to .* failed|net::ERR_CONNECTION_(REFUSED|RESET)/;
const DASHBOARD = /Dashboard: (http:\/\/\S+)/;

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM_BIN, args: CHROMIUM_FLAGS });
}

/** Starts `cargo xtask` with these arguments and waits for the dashboard's address. */
export async function startXtask(args, timeout) {
  const child = spawn(process.env.XTASK_BIN, args, { stdio: ["ignore", "inherit", "pipe"] });
  const ended = once(child, "exit");
  // A test that was broken off must leave nothing behind.
  process.once("exit", () => child.kill("SIGTERM"));
  const deadline = setTimeout(() => child.kill("SIGTERM"), timeout);
  const printed = [];
  for await (const line of createInterface({ input: child.stderr })) {
    printed.push(line);
    const match = DASHBOARD.exec(line);
    if (!match) continue;
    clearTimeout(deadline);
    child.stderr.resume();
    return {
      url: match[1],
      /** Ends it as Ctrl-C would, and returns its exit code. */
      async interrupt() {
        child.kill("SIGINT");
        const [code] = await ended;
        return code;
      },
    };
  }
  throw new Error(`xtask ${args[0]} showed no dashboard:\n${printed.join("\n")}`);
}

/** Opens the dashboard in a browser profile of its own. `checkManners()` tells what it must never have done. */
export async function open(browser, url, { width = 1280, height = 900, scheme = "light", script } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: "reduce",
  });
  if (script) await context.addInitScript({ path: script });
  const requested = [];
  const errors = [];
  const said = [];
  context.on("request", (request) => requested.push(request.url()));
  context.on("weberror", (error) => errors.push(String(error.error())));
  context.on("console", (message) => {
    said.push(message.text());
    if (message.type() === "error" && !EXPECTED_ERRORS.test(message.text())) errors.push(message.text());
  });
  const page = await context.newPage();
  page.on("websocket", (socket) => requested.push(socket.url()));
  await page.goto(url);
  return {
    page,
    context,
    requested,
    said,
    checkManners() {
      assert.deepEqual(errors, []);
      const isElsewhere = (address) =>
        /^(https?|wss?):/.test(address) && !["127.0.0.1", "localhost"].includes(new URL(address).hostname);
      assert.deepEqual(requested.filter(isElsewhere), []);
    },
  };
}

export async function text(page, id) {
  return (await page.getByTestId(id).textContent()).trim();
}

/** The number that an element shows, without separators of thousands. */
export async function number(page, id) {
  return Number((await text(page, id)).replaceAll(/[^\d.-]/g, ""));
}

/** Waits until an element shows a text. */
export async function shows(page, id, pattern, timeout = 20_000) {
  return eventually(`${id} shows ${pattern}`, () => text(page, id), (shown) => pattern.test(shown), timeout);
}

/** Reads until what was read is right; fails with what was read last. */
export async function eventually(what, read, isRight, timeout = 20_000) {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await read();
    if (isRight(value)) return value;
    assert.ok(performance.now() < deadline, `not within ${timeout} ms: ${what}; last seen: ${JSON.stringify(value)}`);
    await pause(50);
  }
}

export async function screenshot(page, name) {
  const folder = join(process.env.SHARDWIRE_TARGET, "e2e");
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

// The mock gateway as a child process, for tests; and the identify queue, which is started alike.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const GREETING = /listening on ((?:ws|http):\/\/127\.0\.0\.1:(\d+))/;

/**
 * Starts `shardwire gateway` and waits until it listens. Options become arguments: `{ rate: 50 }` is `--rate 50`, and a flag
 * has the value `true`. What it has to say goes to `stderr`.
 * `stop()` ends it; it is safe to call twice.
 */
export async function startGateway(options = {}, stderr = "inherit") {
  const { url, port, stop } = await start("gateway", options, stderr);
  const control = url.replace("ws:", "http:");
  return {
    url,
    port,
    stop,
    /** Injects a fault, such as `{ fault: "cut" }`. */
    fault: (fault) => request(`${control}/mock/fault`, { method: "POST", body: JSON.stringify(fault) }),
    /** Has events happen, each as `{ guild_id, name, data }`: they go to the sessions that have the guild. */
    emit: (events) => request(`${control}/mock/events`, { method: "POST", body: JSON.stringify(events) }),
    /** The same as a text, for what JavaScript cannot write. */
    emitText: (events) => request(`${control}/mock/events`, { method: "POST", body: events }),
    state: async () => (await request(`${control}/mock/state`)).json(),
    /** What each connection brought. */
    received: async () => (await request(`${control}/mock/received`)).json(),
  };
}

/** Starts `shardwire queue` alike. Gives where it is asked, and `stop()`. */
export function startQueue(options = {}) {
  return start("queue", options, "inherit");
}

async function start(name, options, stderr) {
  const binary = process.env.SHARDWIRE_BIN;
  if (!binary) throw new Error("SHARDWIRE_BIN must name the shardwire command; `cargo xtask test` sets it");
  const settings = Object.entries({ port: 0, ...options });
  const child = spawn(binary, [name, ...settings.flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, String(value)]))], {
    stdio: ["ignore", "pipe", stderr],
  });
  const ended = once(child, "exit");
  // A test that was broken off must leave nothing behind.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const [, url, port] = await greeting(child);
  return {
    url,
    port: Number(port),
    async stop() {
      end();
      await ended;
      process.off("exit", end);
    },
  };
}

/**
 * Runs `work` with a gateway of its own: to a common one, the shards would be one bot, whose identifies have to keep their
 * distance. The gateway must have had no reason to complain.
 */
export async function withGateway(options, work, stderr) {
  const gateway = await startGateway(options, stderr);
  try {
    const result = await work(gateway);
    const { violations } = await gateway.state();
    assert.deepEqual(violations, [], "what the gateway says about the client");
    return result;
  } finally {
    await gateway.stop();
  }
}

async function greeting(child) {
  for await (const line of createInterface({ input: child.stdout })) {
    const match = GREETING.exec(line);
    if (match) {
      // Unread output would block it once the pipe is full.
      child.stdout.resume();
      return match;
    }
  }
  throw new Error("it ended before it listened");
}

async function request(url, init) {
  const response = await fetch(url, { ...init, headers: { "content-type": "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response;
}

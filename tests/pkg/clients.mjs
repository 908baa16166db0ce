// The same session seen by two clients: the native `shardwire tail`, and the npm package in this process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import WebSocket from "ws";

const TOKEN = "MTA0.fake-token.for-tests-only";
const INTENTS = 0x331ffff;

/** Dispatches as `{ name, sequence, text }`, `text` being the data to the letter, until `count` have come. */
export const CLIENTS = { native: tail, package: readPackage };

async function tail(url, compression, count) {
  const child = spawn(
    process.env.SHARDWIRE_BIN,
    ["tail", "--format=json", "--dispatch-only", "--intents=ALL", `--gateway=${url}`, `--compression=${compression}`, `--count=${count}`],
    { env: { ...process.env, DISCORD_TOKEN: TOKEN }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = once(child, "close");
  let complaints = "";
  child.stderr.on("data", (chunk) => (complaints += chunk));
  const events = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const { name, sequence } = JSON.parse(line);
    // The data is the last key, printed as it came.
    events.push({ name, sequence, text: line.slice(line.indexOf('"data":') + '"data":'.length, -1) });
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`shardwire tail ended with ${code}: ${complaints}`);
  return events;
}

async function readPackage(url, compression, count) {
  const { Shard } = await import(new URL("entry/node.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
  const shard = new Shard({ token: TOKEN, intents: INTENTS, url, compression, WebSocket });
  const events = [];
  for await (const event of shard) {
    if (event.type === "stopped") throw new Error(event.reason.message);
    if (event.type !== "dispatch") continue;
    events.push({ name: event.name, sequence: event.sequence, text: event.raw, data: event.data });
    if (events.length === count) break;
  }
  await shard.close();
  return events;
}

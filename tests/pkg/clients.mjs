// The same session seen by two clients: the native `shardwire tail`, and the npm package in this process.

import { spawn } from "node:child_process";
import { once } from "node:events";

import WebSocket from "ws";

/** A bot of its own for each run: shards of one bot wait for each other's identify. */
const token = () => `MTA0.fake-token.${crypto.randomUUID()}`;
const INTENTS = 0x331ffff;

/** Dispatches as `{ name, sequence, text }`, `text` being the data to the letter, until `count` have come. */
export const CLIENTS = { native: tail, package: readPackage };

async function tail(url, compression, count, encoding = "json") {
  const child = spawn(
    process.env.SHARDWIRE_BIN,
    ["tail", "--format=json", "--dispatch-only", "--intents=ALL", `--gateway=${url}`, `--compression=${compression}`, `--encoding=${encoding}`, `--count=${count}`],
    { env: { ...process.env, DISCORD_TOKEN: token() }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = once(child, "close");
  let complaints = "";
  child.stderr.on("data", (chunk) => (complaints += chunk));
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => (printed += chunk));
  const [code] = await ended;
  if (code !== 0) throw new Error(`shardwire tail ended with ${code}: ${complaints}`);
  // Not by `node:readline`, which takes U+2028 for the end of a line.
  return printed.split("\n").slice(0, -1).map((line) => {
    const { name, sequence } = JSON.parse(line);
    // The data is the last key, printed as it came.
    return { name, sequence, text: line.slice(line.indexOf('"data":') + '"data":'.length, -1) };
  });
}

async function readPackage(url, compression, count, encoding) {
  const { Shard } = await import(new URL("entry/node.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
  const shard = new Shard({ token: token(), intents: INTENTS, url, compression, encoding, WebSocket });
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

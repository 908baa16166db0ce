// Shards in great number, and a count of all that they may leave behind.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import * as ws from "ws";

import { startGateway } from "./gateway.mjs";
import { TOKEN } from "./reader.mjs";

const { Shard } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/entry/node.js`);

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** A gateway lets a bot identify so often in a day. */
const IDENTIFIES = 1000;
const AT_ONCE = 10;

/** Sockets that were not collected. */
const sockets = new Set();
const collected = new FinalizationRegistry((id) => sockets.delete(id));

class CountedSocket extends (globalThis.WebSocket ?? ws.WebSocket) {
  constructor(url) {
    super(url);
    const id = Symbol(url);
    sockets.add(id);
    collected.register(this, id);
  }
}

let gateway;
let identifies = 0;
let bots = 0;

/** A shard that need not keep a distance to any other: of another bot to the client, of another bucket to the gateway. */
export function makeShard(options) {
  const shard = [identifies++, 2 * IDENTIFIES];
  return new Shard({ token: newToken(TOKEN), intents: 1, url: gateway.url, shard, WebSocket: CountedSocket, ...options });
}

export function newToken(stem) {
  return `${stem}-leaks-${++bots}`;
}

/** The address of a port at which nobody listens. */
export async function refusingAddress() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return `ws://127.0.0.1:${port}`;
}

/** Does `act` so often, a few at a time, with a gateway that bears it. */
export async function repeat(count, act) {
  for (let done = 0; done < count; done += AT_ONCE) {
    if (!gateway || identifies + AT_ONCE > IDENTIFIES) await renew();
    await Promise.all(Array.from({ length: AT_ONCE }, () => act()));
    // Now, so that memory holds what is in use and not what the collector has not got round to.
    await tidy();
  }
}

async function renew() {
  await gateway?.stop();
  gateway = await startGateway({ rate: 0, guilds: 1, members: 3, "max-concurrency": 2 * IDENTIFIES });
  identifies = 0;
}

export async function stop() {
  await gateway?.stop();
}

/** Lets the collector do its work, and those who wait for it theirs. */
export async function tidy() {
  collect();
  await new Promise((resolve) => setImmediate(resolve));
}

async function count() {
  const { connections } = await gateway.state();
  const active = process.getActiveResourcesInfo();
  const of = (...kinds) => active.filter((kind) => kinds.includes(kind)).length;
  // One is what the gateway was just asked by.
  const tcp = Math.max(of("TCPSocketWrap", "ConnectWrap") - 1, 0);
  return { sockets: sockets.size, connections, tcp, timers: of("Timeout") };
}

/** Waits until there is nothing. Ends of sockets take their time, and some shards are noticed by the collector only. */
export async function assertNothingLeft() {
  const nothing = { sockets: 0, connections: 0, tcp: 0, timers: 0 };
  const deadline = performance.now() + 15_000;
  for (;;) {
    await tidy();
    const left = await count();
    if (isDeepStrictEqual(left, nothing)) return;
    if (performance.now() > deadline) assert.deepEqual(left, nothing);
    await pause(20);
  }
}

// A shard of the built package beside a gateway of its own, read step by step; and what it sends.

import assert from "node:assert/strict";
import { inspect } from "node:util";

import WebSocket from "ws";

import { withGateway } from "./gateway.mjs";

const { Shard } = await import(new URL("entry/node.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
export const TOKEN = "MTA0.fake-token.for-tests-only";
export const LIMITS = { timeout: 60_000 };
/** Shards of one bot would wait for each other's identify. */
let bots = 0;

export const isReady = (event) => event.type === "status" && event.status === "ready";
export const isLost = (event) => event.type === "disconnected";
export const isDispatch = (wanted) => ({ type, name }) => type === "dispatch" && name === wanted;

/** A WebSocket class that remembers every message that is sent, as `{ op, d }`, oldest first. */
export function recordingSocket() {
  const sent = [];
  class Recording extends WebSocket {
    send(message, ...rest) {
      sent.push(JSON.parse(message));
      super.send(message, ...rest);
    }
  }
  return { Recording, sent, of: (opcode) => sent.filter(({ op }) => op === opcode).map(({ d }) => d) };
}

export function makeShard(gateway, options = {}) {
  return new Shard({ token: `${TOKEN}-${++bots}`, intents: 0x331ffff, url: gateway.url, WebSocket, ...options });
}

/** `events` that are read until one fits, which is given. All are kept in `seen`. */
export function reading(shard) {
  const events = shard[Symbol.asyncIterator]();
  const seen = [];
  const until = async (fits) => {
    for (;;) {
      const { value, done } = await events.next();
      assert.ok(!done, `the shard ended before: ${inspect(seen.at(-1))}`);
      seen.push(value);
      if (fits(value)) return value;
    }
  };
  return { seen, until };
}

/** Runs `work` with a gateway and a shard that reads until an event fits and remembers all. The shard is closed in any case. */
export async function withReader(gatewayOptions, options, work) {
  await withGateway(gatewayOptions, async (gateway) => {
    const shard = makeShard(gateway, options);
    try {
      await work({ gateway, shard, ...reading(shard) });
    } finally {
      await shard.close();
    }
  });
}

// JSON at and beyond the edge, over a real socket: each document reaches the reader or is told once, and the session lives.
// The documents are those of tests/sim/json_corners.rs, made by tests/vectors/json/make.mjs.
//
// The iterator never throws. `event.data` is what `JSON.parse` makes of the text when it is first asked for, so data that is
// no JSON throws there, as `JSON.parse` does; `event.raw` is the text.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { constants, createDeflate } from "node:zlib";

import WebSocket, { WebSocketServer } from "ws";

import { text as made } from "../vectors/json/make.mjs";

const { Shard } = await import(new URL("entry/node.js", `file://${process.env.SHARDWIRE_PACKAGE}/`));
const TOKEN = "MTA0.fake-token.for-tests-only";
const LIMITS = { timeout: 120_000 };
const FILE = new URL("../vectors/json/corners.jsonl", import.meta.url);

const repeated = (piece) => (Array.isArray(piece) ? piece[0].repeat(piece[1]) : piece);
const bytesOf = (pieces) => Buffer.concat(pieces.map((piece) => (piece.hex ? Buffer.from(piece.hex, "hex") : Buffer.from(repeated(piece)))));

/** Documents as `{ name, bytes, outcome, raw, parsed }`, `parsed` being the text whose value `event.data` has. */
const CORNERS = (await readFile(FILE, "utf8")).trimEnd().split("\n").map((line) => {
  const { name, pieces, outcome, javascript } = JSON.parse(line);
  const bytes = bytesOf(pieces);
  // The white space around a value is the envelope's. No document that arrives has other white space at its borders.
  const raw = bytes.toString().trim();
  return { name, bytes, outcome, raw, parsed: javascript ? bytesOf(javascript).toString() : raw };
});

/** The server's half of one connection's compression. */
class Sender {
  #socket;
  #deflate;
  #sent = Promise.resolve();

  constructor(socket, compression) {
    this.#socket = socket;
    if (compression === "zlib-stream") this.#deflate = createDeflate();
  }

  say(bytes) {
    if (!this.#deflate) return this.#socket.send(bytes, { binary: false });
    this.#sent = this.#sent.then(async () => {
      this.#deflate.write(bytes);
      await new Promise((flushed) => this.#deflate.flush(constants.Z_SYNC_FLUSH, flushed));
      const chunks = [];
      for (let chunk; (chunk = this.#deflate.read()) !== null; ) chunks.push(chunk);
      this.#socket.send(Buffer.concat(chunks), { binary: true });
    });
  }
}

/** A gateway that keeps what it said, and says it again to whoever resumes. */
async function startGateway(compression) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const url = `ws://127.0.0.1:${server.address().port}`;
  /** The nth has the sequence number n + 1. */
  const events = [];
  const counts = { identifies: 0, resumes: 0 };
  let sender;
  const emit = (name, data) => {
    const start = `{"t":"${name}","s":${events.length + 1},"op":0,"d":`;
    events.push(Buffer.concat([Buffer.from(start), Buffer.from(data), Buffer.from("}")]));
    sender.say(events.at(-1));
  };
  server.on("connection", (socket) => {
    sender = new Sender(socket, compression);
    sender.say('{"op":10,"d":{"heartbeat_interval":41250}}');
    socket.on("message", (message) => {
      const { op, d } = JSON.parse(message);
      if (op === 1) sender.say('{"op":11}');
      if (op === 2) {
        counts.identifies++;
        emit("READY", JSON.stringify({ session_id: "corners", resume_gateway_url: url }));
      }
      if (op === 6) {
        counts.resumes++;
        for (const event of events.slice(d.seq)) sender.say(event);
        emit("RESUMED", "{}");
      }
    });
  });
  return {
    url,
    counts,
    emit,
    async stop() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, "close");
    },
  };
}

/** Like `deepStrictEqual`, without the stack that deep values would need. */
function isSame(one, other) {
  const open = [[one, other]];
  while (open.length > 0) {
    const [a, b] = open.pop();
    if (a === null || b === null || typeof a !== "object" || typeof b !== "object") {
      if (!Object.is(a, b)) return false;
      continue;
    }
    const keys = Object.keys(a);
    const others = Object.keys(b);
    if (Array.isArray(a) !== Array.isArray(b) || keys.length !== others.length) return false;
    for (const [at, key] of keys.entries()) {
      if (key !== others[at]) return false;
      open.push([a[key], b[key]]);
    }
  }
  return true;
}

function attempt(call) {
  try {
    return { value: call() };
  } catch (error) {
    return { error };
  }
}

/** What `event.data` must be: the value, or the error, that `JSON.parse` gives. */
function assertData(event, { name, raw, parsed }) {
  const text = typeof event.raw === "string" ? event.raw : Buffer.from(event.raw).toString();
  assert.ok(text === raw, `${name}: raw is what was sent`);
  const expected = attempt(() => JSON.parse(parsed));
  const got = attempt(() => event.data);
  assert.equal(got.error?.name, expected.error?.name, `${name}: ${got.error ?? "no error"}`);
  assert.ok(got.error || isSame(got.value, expected.value), `${name}: the same value`);
}

test("the documents are those that the script makes", async () => {
  assert.ok((await readFile(FILE, "utf8")) === made, "run `node tests/vectors/json/make.mjs`");
});

for (const [compression, form] of [["none", "text"], ["zlib-stream", "text"], ["zlib-stream", "bytes"]]) {
  test(`each corner reaches the reader or is told once, ${compression}, as ${form}`, LIMITS, async () => {
    // Text messages cannot hold what is no text.
    const corners = CORNERS.filter(({ bytes }) => compression !== "none" || Buffer.from(bytes.toString()).equals(bytes));
    assert.ok(corners.length > 700);
    const gateway = await startGateway(compression);
    const token = `${TOKEN}-${compression}-${form}`;
    const shard = new Shard({ token, intents: 1, url: gateway.url, compression, raw: form, WebSocket });
    const events = shard[Symbol.asyncIterator]();
    const faults = [];
    const next = async (fits) => {
      for (;;) {
        const { value, done } = await events.next();
        assert.ok(!done, "the shard lives");
        if (value.type === "disconnected") faults.push(value.fault.code);
        if (fits(value)) return value;
      }
    };
    try {
      await next(({ status }) => status === "ready");
      for (const corner of corners) {
        gateway.emit("CORNER", corner.bytes);
        gateway.emit("GOOD", "{}");
        const seen = [];
        await next((event) => {
          if (event.name === "CORNER" || event.code === "unreadable-message") seen.push(event);
          return event.name === "GOOD";
        });
        assert.equal(seen.length, 1, `${corner.name}: seen once`);
        const [event] = seen;
        assert.equal(event.type === "dispatch" ? "event" : "unreadable", corner.outcome, corner.name);
        if (event.type === "dispatch") assertData(event, corner);
        if (event.type === "dispatch") assert.equal(event.raw instanceof Uint8Array, form === "bytes");
      }
      assert.deepEqual(faults, ["bad-envelope"], "only the first unreadable one cost a connection");
      assert.deepEqual(gateway.counts, { identifies: 1, resumes: 1 });
      assert.equal(shard.status, "ready");
    } finally {
      await shard.close();
      await gateway.stop();
    }
  });
}

// Bad input over real sockets: each is told by its name, nothing is thrown into the void, and the shard lives on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { deflateSync } from "node:zlib";

import { LIMITS, TOKEN, isLost, isReady, withReader } from "./reader.mjs";

const MEBIBYTE = 1 << 20;
const ETF = { encoding: "etf" };

/** A compressed term: a text of so many zeros. */
function etfBomb(size) {
  const term = Buffer.concat([Buffer.from([109]), bigEndian(size), Buffer.alloc(size)]);
  return Buffer.concat([Buffer.from([131, 80]), bigEndian(term.length), deflateSync(term)]).toString("hex");
}

function bigEndian(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

const CASES = [
  ["corrupt bytes", { fault: "corrupt" }, {}, "bad-compression"],
  ["bytes that are no zlib", { fault: "garbage", bytes: 4096 }, {}, "bad-compression"],
  ["a text in a binary stream", { fault: "raw_text", text: "{}" }, {}, "bad-compression"],
  ["binary messages without compression", { fault: "garbage", bytes: 64 }, { compression: "none" }, "bad-compression"],
  ["a text that is no JSON", { fault: "raw_text", text: "<html>" }, { compression: "none" }, "bad-envelope"],
  ["a text without an opcode", { fault: "raw_text", text: '{"t":"X","d":{}}' }, { compression: "none" }, "bad-envelope"],
  ["an inflate bomb", { fault: "inflate_bomb", bytes: 200 * MEBIBYTE }, { limits: { inflatedBytes: MEBIBYTE } }, "oversized"],
  ["a message above the limit", { fault: "garbage", bytes: 200_000 }, { limits: { messageBytes: 100_000 } }, "oversized"],
  ["bytes that are no zstd", { fault: "garbage", bytes: 4096 }, { compression: "zstd-stream" }, "bad-compression"],
  ["a text in a zstd stream", { fault: "raw_text", text: "{}" }, { compression: "zstd-stream" }, "bad-compression"],
  ["a zstd bomb", { fault: "inflate_bomb", bytes: 200 * MEBIBYTE }, { compression: "zstd-stream", limits: { inflatedBytes: MEBIBYTE } }, "oversized"],
  ["bytes that are no ETF", { fault: "garbage", bytes: 4096 }, { ...ETF, compression: "none" }, "bad-envelope"],
  ["a text among ETF", { fault: "raw_text", text: "{}" }, { ...ETF, compression: "none" }, "bad-compression"],
  ["ETF of nothing but brackets", { fault: "raw_bytes", hex: `83${"6c00000001".repeat(100_000)}` }, { ...ETF, compression: "none" }, "bad-envelope"],
  ["ETF that promises more than there is", { fault: "raw_bytes", hex: "836cffffffff" }, { ...ETF, compression: "none" }, "bad-envelope"],
  ["a bomb in ETF's own compression", { fault: "raw_bytes", hex: etfBomb(20 * MEBIBYTE) }, { ...ETF, compression: "none", limits: { inflatedBytes: MEBIBYTE } }, "oversized"],
  ["a zstd bomb below ETF", { fault: "inflate_bomb", bytes: 200 * MEBIBYTE }, { ...ETF, compression: "zstd-stream", limits: { inflatedBytes: MEBIBYTE } }, "oversized"],
  ["ETF that is no envelope", { fault: "raw_bytes", hex: "836a" }, { ...ETF, compression: "none" }, "bad-envelope"],
  ["a READY without a session", { fault: "raw_text", text: '{"op":0,"t":"READY","s":9,"d":{}}' }, { compression: "none" }, "bad-payload"],
];

for (const [what, fault, options, code] of CASES) {
  test(`${what}: told as ${code}, and the session is resumed`, LIMITS, async () => {
    await withReader({ rate: 20 }, options, async ({ gateway, shard, seen, until }) => {
      await until(isReady);
      await gateway.fault(fault);
      const lost = await until(isLost);
      assert.equal(lost.fault.code, code, lost.fault.message);
      assert.equal(lost.next, "resume");
      await until(isReady);
      assert.equal(shard.info().counters.identifies, 1);
      assert.ok(!inspect([seen, shard, shard.info()], { depth: 9, showHidden: true }).includes(TOKEN));
    });
  });
}

test("a message of 64 MB is refused without being looked at", LIMITS, async () => {
  await withReader({ rate: 20 }, { compression: "none" }, async ({ gateway, shard, until }) => {
    await until(isReady);
    await gateway.fault({ fault: "big_message", bytes: 64_000_000 });
    const lost = await until(isLost);
    assert.equal(lost.fault.code, "oversized", lost.fault.message);
    assert.ok(shard.info().counters.inflatedBytes < MEBIBYTE);
  });
});

test("commands that wait are counted from the moment they were given, and are bounded", LIMITS, async () => {
  const options = { limits: { waitingCommands: 3 } };
  await withReader({ rate: 20 }, options, async ({ shard, until }) => {
    for (let sent = 1; sent <= 3; sent++) {
      shard.updatePresence({ status: "idle" });
      assert.equal(shard.info().commands.waiting, sent);
    }
    assert.throws(() => shard.updatePresence({ status: "dnd" }), { name: "ShardwireError", code: "queue-full" });
    await until(isReady);
    assert.equal(shard.info().commands.waiting, 0);
  });
});

test("data that is no JSON is the reader's error alone", LIMITS, async () => {
  await withReader({ rate: 20 }, { compression: "none" }, async ({ gateway, shard, until }) => {
    await until(isReady);
    await gateway.fault({ fault: "raw_text", text: '{"op":0,"t":"BAD","s":900,"d":{"a":tru}}' });
    const bad = await until(({ name }) => name === "BAD");
    assert.throws(() => bad.data, SyntaxError);
    assert.equal(bad.raw, '{"a":tru}');
    assert.equal(shard.status, "ready");
  });
});

test("a reader that is too slow costs no event: the session is resumed where it left off", LIMITS, async () => {
  const options = { limits: { waitingEvents: 100 } };
  await withReader({ rate: 2000, events: 1500, guilds: 1 }, options, async ({ gateway, shard, seen, until }) => {
    await until(isReady);
    // Nobody reads while the line fills up.
    const deadline = performance.now() + 20_000;
    while (shard.status !== "idle") {
      assert.ok(performance.now() < deadline, `the shard never left off; it is ${shard.status}`);
      await gateway.state();
    }
    await until((event) => event.type === "dispatch" && event.sequence >= 1502);
    const numbers = seen.filter(({ type }) => type === "dispatch").map(({ sequence }) => sequence);
    assert.deepEqual(numbers, Array.from(numbers, (_, at) => at + 1));
    const { counters } = shard.info();
    assert.equal(counters.identifies, 1);
    assert.ok(counters.resumes >= 1, "it was too slow at least once");
  });
});

test("a computer that slept costs a resume at once", LIMITS, async () => {
  const { now } = Date;
  await withReader({ rate: 20 }, {}, async ({ shard, until }) => {
    await until(isReady);
    // The clocks are compared once a second; there must have been a first time.
    const start = performance.now();
    await until(() => performance.now() - start > 1500);
    try {
      Date.now = () => now() + 3_600_000;
      const lost = await until(isLost);
      assert.deepEqual([lost.fault.code, lost.next], ["suspended", "resume"]);
      await until(isReady);
      assert.equal(shard.info().counters.resumes, 1);
    } finally {
      Date.now = now;
    }
  });
});

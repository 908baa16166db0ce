// Bad input over real sockets: each is told by its name, nothing is thrown into the void, and the shard lives on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { deflateSync } from "node:zlib";

import { LIMITS, TOKEN, isLost, isReady, makeShard, withReader } from "./reader.mjs";

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

/** The dispatches' numbers, and whether any were dropped, that a reader finds who comes back after `total` were sent. */
async function readLate(gateway, shard, { seen, until }, total) {
  await shard.ready;
  while ((await gateway.state()).events_sent < total && shard.status === "ready") {
    // Nobody reads meanwhile.
  }
  if (shard.status === "ready") shard.close();
  await until(({ type }) => type === "stopped");
  return seen.filter(({ type }) => type === "dispatch").map(({ sequence }) => sequence);
}

test("a reader that is too slow gets the newest events if it prefers them", LIMITS, async () => {
  const options = { overflow: "drop-oldest", limits: { waitingEvents: 100 } };
  const total = 1502;
  await withReader({ rate: 5000, events: 1500, guilds: 1 }, options, async ({ gateway, shard, ...reader }) => {
    const numbers = await readLate(gateway, shard, reader, total);
    const notices = reader.seen.filter(({ code }) => code === "events-dropped");
    assert.equal(notices.length, 1);
    assert.equal(reader.seen[0], notices[0], "it stands where the events stood");
    assert.ok(numbers.length > 0 && numbers.length < 100);
    assert.deepEqual(numbers, Array.from(numbers, (_, at) => numbers[0] + at), "the newest, without a gap");
    const ours = reader.seen.length - 1 - numbers.length;
    // What was dropped are the dispatches before, and the shard's own events between them.
    assert.ok(notices[0].dropped >= numbers[0] - 1 && notices[0].dropped <= numbers[0] - 1 + 10 - ours);
    assert.equal(shard.info().counters.connects, 1, "the connection went on");
  });
});

test("a reader that is too slow ends the shard if that is wanted, and the session can be resumed", LIMITS, async () => {
  const token = `${TOKEN}-slow`;
  const options = { token, overflow: "fail", limits: { waitingEvents: 100 } };
  await withReader({ rate: 5000, events: 1500, guilds: 1 }, options, async ({ gateway, shard, ...reader }) => {
    const numbers = await readLate(gateway, shard, reader, 1502);
    assert.equal(reader.seen.at(-1).reason.code, "reader-too-slow");
    assert.deepEqual(numbers, Array.from(numbers, (_, at) => at + 1));
    const { session } = shard;
    assert.equal(session.sequence, numbers.at(-1));
    const again = makeShard(gateway, { token, session });
    const rest = [];
    for await (const event of again) {
      if (event.type === "dispatch") rest.push(event.sequence);
      if (event.sequence >= 1502) break;
    }
    await again.close();
    assert.equal(rest[0], session.sequence + 1);
    assert.equal(again.info().counters.identifies, 0);
  });
});

test("events that wait are bounded by their size too", LIMITS, async () => {
  const options = { overflow: "fail", limits: { waitingBytes: 100_000 } };
  await withReader({ rate: 0, guilds: 1 }, options, async ({ gateway, shard, until }) => {
    await shard.ready;
    await gateway.fault({ fault: "big_message", bytes: 99_000 });
    await gateway.fault({ fault: "big_message", bytes: 99_000 });
    const stopped = await until(({ type }) => type === "stopped");
    assert.equal(stopped.reason.code, "reader-too-slow");
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

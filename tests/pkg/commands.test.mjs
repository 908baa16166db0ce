// Commands with an outcome: written, refused after all, taken back.

import assert from "node:assert/strict";
import { test } from "node:test";

import { LIMITS, isDispatch, isLost, isReady, makeShard, recordingSocket, withReader } from "./reader.mjs";

const QUIET = { rate: 0, guilds: 1 };
const sounds = (shard, options) => shard.send(31, { guild_ids: ["1"] }, options);
const refused = (code) => ({ name: "ShardwireError", code });

test("a command tells when it was written, in the shape that Discord has", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  await withReader(QUIET, { WebSocket: Recording }, async ({ shard, seen, until }) => {
    const { data: { id: guildId } } = await until(isDispatch("GUILD_CREATE"));
    await shard.updatePresence({ status: "dnd", activities: [{ name: "chess", type: 0 }] });
    await shard.updateVoiceState({ guildId, channelId: "5", selfDeaf: true });
    await shard.requestGuildMembers({ guildId, userIds: ["7"] });
    await shard.requestSoundboardSounds([guildId]);
    await shard.requestChannelInfo({ guildId, fields: ["status", "voice_start_time"] });
    assert.deepEqual(of(3), [{ since: null, activities: [{ name: "chess", type: 0 }], status: "dnd", afk: false }]);
    assert.deepEqual(of(4), [{ guild_id: guildId, channel_id: "5", self_mute: false, self_deaf: true }]);
    assert.deepEqual(of(8), [{ guild_id: guildId, user_ids: ["7"] }]);
    assert.deepEqual(of(31), [{ guild_ids: [guildId] }]);
    assert.deepEqual(of(43), [{ guild_id: guildId, fields: ["status", "voice_start_time"] }]);
    await until(isDispatch("CHANNEL_INFO"));
    assert.equal(seen.filter(isDispatch("SOUNDBOARD_SOUNDS")).length, 1);
  });
});

test("who is idle has been so since now, unless it is said", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  await withReader(QUIET, { WebSocket: Recording, presence: { status: "idle" } }, async ({ shard, until }) => {
    await until(isReady);
    await shard.updatePresence({ status: "idle" });
    await shard.updatePresence({ status: "idle", since: 5 });
    const [identify] = of(2);
    for (const presence of [identify.presence, of(3)[0]]) {
      assert.ok(Math.abs(presence.since - Date.now()) < 60_000);
      assert.equal(presence.afk, true);
    }
    assert.deepEqual([of(3)[1].since, of(3)[1].afk], [5, false]);
  });
});

test("a message that was encoded already goes as it is, and is checked all the same", LIMITS, async () => {
  const { Recording, sent } = recordingSocket();
  await withReader(QUIET, { WebSocket: Recording }, async ({ shard, until }) => {
    await until(isReady);
    await shard.sendEncoded('{"d":{"guild_ids":["1"]},"op":31}');
    assert.deepEqual(sent.at(-1), { d: { guild_ids: ["1"] }, op: 31 });
    assert.throws(() => shard.sendEncoded('{"op":2,"d":{}}'), refused("reserved-opcode"));
    for (const message of ["{", new Uint8Array([131]), 5, undefined]) {
      assert.throws(() => shard.sendEncoded(message), refused("bad-command"), String(message));
    }
  });
});

test("a command that may not wait is refused while there is no session, and when the limit is used up", LIMITS, async () => {
  await withReader(QUIET, { limits: { waitingCommands: 200 } }, async ({ shard, until }) => {
    shard.connect();
    await assert.rejects(sounds(shard, { when: "now" }), (error) => {
      assert.equal(error.code, "not-now");
      assert.equal(error.retryAfterMs, undefined);
      return true;
    });
    await until(isReady);
    const { available } = shard.info().commands;
    await Promise.all(Array.from({ length: available }, () => sounds(shard, { when: "now" })));
    await assert.rejects(sounds(shard, { when: "now" }), ({ code, retryAfterMs }) => code === "not-now" && retryAfterMs > 0 && retryAfterMs < 62_000);
  });
});

test("a command has a deadline, and one that is urgent goes first", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  await withReader(QUIET, { WebSocket: Recording }, async ({ shard, until }) => {
    // Nothing is sent before the session is ready, which it cannot be without a reader.
    shard.connect();
    const late = sounds(shard, { when: { withinMs: 1 } });
    const normal = shard.send(31, { guild_ids: ["1"] });
    const high = shard.send(31, { guild_ids: ["2"] }, { priority: "high" });
    await assert.rejects(late, refused("expired"));
    await until(isReady);
    await Promise.all([normal, high]);
    assert.deepEqual(of(31), [{ guild_ids: ["2"] }, { guild_ids: ["1"] }]);
  });
});

test("a signal takes a command back", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  await withReader(QUIET, { WebSocket: Recording }, async ({ shard, until }) => {
    const controller = new AbortController();
    const before = sounds(shard, { signal: controller.signal });
    assert.equal(shard.info().commands.waiting, 1);
    controller.abort();
    await assert.rejects(before, refused("cancelled"));
    assert.equal(shard.info().commands.waiting, 0);
    await assert.rejects(sounds(shard, { signal: controller.signal }), refused("cancelled"));

    // Also when the core has it already.
    shard.connect();
    const later = new AbortController();
    const taken = sounds(shard, { signal: later.signal });
    await until(({ status }) => status === "identifying");
    later.abort();
    await assert.rejects(taken, refused("cancelled"));
    await until(isReady);
    await sounds(shard);
    assert.equal(of(31).length, 1);
  });
});

test("nobody has to heed what becomes of a command", LIMITS, async () => {
  const unhandled = [];
  const note = (error) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    await withReader(QUIET, {}, async ({ shard }) => {
      sounds(shard);
      sounds(shard, { when: { withinMs: 0 } });
      sounds(shard, { signal: AbortSignal.abort() });
      await shard.close();
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled, []);
  } finally {
    process.off("unhandledRejection", note);
  }
});

test("the end of a shard is told to who waits, and then to who tries", LIMITS, async () => {
  await withReader(QUIET, {}, async ({ shard }) => {
    const waiting = sounds(shard);
    await shard.close();
    await assert.rejects(waiting, refused("stopped"));
    assert.throws(() => sounds(shard), refused("stopped"));
  });
});

test("what is wrong with a command is told at once", () => {
  const shard = makeShard({ url: "ws://127.0.0.1:1" }, { intents: 1 });
  const cases = {
    "missing-intent": [() => shard.requestGuildMembers({ guildId: "1", query: "", limit: 0 })],
    "bad-command": [
      () => shard.requestSoundboardSounds([]),
      () => shard.requestSoundboardSounds("1"),
      () => shard.requestSoundboardSounds(["one"]),
      () => shard.requestChannelInfo({ guildId: "1", fields: [] }),
      () => shard.requestChannelInfo({ guildId: "1", fields: ["topic"] }),
      () => shard.updatePresence('{"status":"online"}'),
      () => shard.updateVoiceState({ guildId: "1", channelId: "general" }),
      () => sounds(shard, { priority: "urgent" }),
      () => sounds(shard, { when: "later" }),
      () => sounds(shard, { when: { withinMs: -1 } }),
      () => sounds(shard, { when: null }),
    ],
    "too-large": [() => shard.requestSoundboardSounds(Array(300).fill("175928847299117063"))],
  };
  for (const [code, calls] of Object.entries(cases)) {
    for (const call of calls) assert.throws(call, refused(code), String(call));
  }
  assert.equal(shard.info().commands.waiting, 0);
});

test("what a user gave stays as it was", () => {
  const guildIds = ["1", "2"];
  const request = { guildId: "1", userIds: ["3", "4"] };
  const options = { shard: [1, 3], filter: { only: ["READY"] }, session: { id: "s", sequence: 1, shard: [1, 3] } };
  const before = structuredClone([guildIds, request, options]);
  const shard = makeShard({ url: "ws://127.0.0.1:1" }, options);
  shard.requestSoundboardSounds(guildIds);
  shard.requestGuildMembers(request);
  assert.deepEqual([guildIds, request, options], before);
});

test("a session is taken along by disconnect, and counters begin anew", LIMITS, async () => {
  const token = "taken.along.token";
  await withReader({ rate: 100, guilds: 2 }, { token }, async ({ gateway, shard, until }) => {
    await until(({ sequence }) => sequence === 20);
    shard.resetCounters();
    assert.deepEqual([shard.info().counters.dispatches, Object.keys(shard.info().events)], [0, []]);
    const session = await shard.disconnect();
    assert.equal(session.sequence, 20);
    const next = makeShard(gateway, { token, session: JSON.parse(JSON.stringify(session)) });
    const events = next[Symbol.asyncIterator]();
    for (let expected = 21; expected < 40; ) {
      const { value } = await events.next();
      assert.ok(!isLost(value));
      if (value.type === "dispatch") assert.equal(value.sequence, expected++);
    }
    await next.close();
    assert.equal(next.info().counters.identifies, 0);
  });
});

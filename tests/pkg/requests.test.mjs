// Answers that are collected and awaited, also inside the loop that reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withGateway } from "./gateway.mjs";
import { LIMITS, isDispatch, isReady, makeShard, reading, withReader } from "./reader.mjs";

const requests = await import(`file://${process.env.SHARDWIRE_PACKAGE}/requests.js`);
const { fetchMembers, fetchSoundboardSounds, fetchChannelInfo, joinVoice, leaveVoice } = requests;

const WORLD = { rate: 0, guilds: 1, members: 2500 };
const all = (guildId) => ({ guildId, query: "", limit: 0 });
const refused = (code) => ({ name: "ShardwireError", code });

/** Runs `work` when the guild is known. */
function withGuild(world, options, work) {
  return withReader(world, options, async (context) => {
    const { data } = await context.until(isDispatch("GUILD_CREATE"));
    await work({ ...context, guildId: data.id, channels: data.channels });
  });
}

test("members are awaited inside the loop that reads, with progress", LIMITS, async () => {
  await withGateway(WORLD, async (gateway) => {
    const shard = makeShard(gateway);
    const progress = [];
    for await (const event of shard) {
      if (event.name !== "GUILD_CREATE") continue;
      const onProgress = ({ received, expected }) => progress.push(`${received}/${expected}`);
      const { members, presences, notFound } = await fetchMembers(shard, all(event.data.id), { onProgress });
      assert.equal(members.length, 2500);
      assert.equal(new Set(members.map(({ user }) => user.id)).size, 2500);
      assert.deepEqual([presences, notFound], [[], []]);
      break;
    }
    assert.deepEqual(progress, ["1/3", "2/3", "3/3"]);
    assert.equal(shard.info().commands.openRequests, 0);
    await shard.close();
  });
});

test("what is collected is delivered as events too", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ shard, seen, until, guildId }) => {
    await fetchMembers(shard, all(guildId));
    await until(({ data }) => data?.chunk_index === 2);
    assert.equal(seen.filter(isDispatch("GUILD_MEMBERS_CHUNK")).length, 3);
  });
});

test("the filter of events does not matter to answers", LIMITS, async () => {
  await withGuild(WORLD, { filter: { only: ["GUILD_CREATE"] } }, async ({ shard, guildId }) => {
    assert.equal((await fetchMembers(shard, all(guildId))).members.length, 2500);
  });
});

test("ids that nobody has are listed as texts, and presences come along", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ shard, guildId }) => {
    const { members: [{ user }] } = await fetchMembers(shard, { guildId, query: "s", limit: 1 });
    const userIds = ["123", "99999999999999999", user.id];
    const { members, presences, notFound } = await fetchMembers(shard, { guildId, userIds, presences: true });
    assert.deepEqual(members.map((member) => member.user.id), [user.id]);
    assert.equal(presences.length, 1);
    assert.deepEqual(notFound, ["123", "99999999999999999"]);
  });
});

test("sounds, channels and voice are answered", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ shard, guildId, channels }) => {
    const found = await fetchSoundboardSounds(shard, [guildId]);
    assert.equal(found.get(guildId)[0].name, "quack");
    const [channel] = await fetchChannelInfo(shard, { guildId, fields: ["status"] });
    assert.equal(channel.status, "open stage");
    const channelId = channels.find(({ type }) => type === 2).id;
    const { state, server } = await joinVoice(shard, { guildId, channelId });
    assert.equal(state.channel_id, channelId);
    assert.match(server.endpoint, /mock-voice/);
    assert.equal((await leaveVoice(shard, guildId)).channel_id, null);
  });
});

test("two shards that ask for all members of one guild at once both get them, the second after a while", { timeout: 120_000 }, async () => {
  await withGateway({ ...WORLD, members: 3 }, async (gateway) => {
    // One bot, so that they identify one after the other. Neither knows what the other asks for.
    const token = "twice.asked.token";
    const shards = [makeShard(gateway, { token }), makeShard(gateway, { token })];
    const asked = shards.map(async (shard) => {
      const { seen, until } = reading(shard);
      const { data } = await until(isDispatch("GUILD_CREATE"));
      const { members } = await fetchMembers(shard, all(data.id));
      assert.equal(members.length, 3);
      await shard.close();
      for await (const event of shard) seen.push(event);
      return seen.filter(isDispatch("RATE_LIMITED")).length;
    });
    assert.deepEqual((await Promise.all(asked)).sort(), [0, 1]);
  });
});

test("a signal gives a request up, and a limit of time ends it", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ shard, guildId }) => {
    const nowhere = all("1");
    const controller = new AbortController();
    const given = fetchMembers(shard, nowhere, { signal: controller.signal });
    assert.equal(shard.info().commands.openRequests, 1);
    controller.abort();
    await assert.rejects(given, refused("cancelled"));
    await assert.rejects(fetchMembers(shard, nowhere, { signal: controller.signal }), refused("cancelled"));
    await assert.rejects(fetchMembers(shard, { ...nowhere, query: "a", limit: 1 }, { timeoutMs: 50 }), refused("timed-out"));
    await assert.rejects(fetchSoundboardSounds(shard, ["1"], { deadlineMs: 50 }), refused("timed-out"));
    assert.equal(shard.info().commands.openRequests, 0);
    assert.equal((await fetchMembers(shard, all(guildId))).members.length, 2500);
  });
});

test("what is not right is told before anything is sent", LIMITS, async () => {
  const shard = makeShard({ url: "ws://127.0.0.1:1" }, { intents: 0, limits: { openRequests: 1 } });
  await assert.rejects(fetchMembers(shard, all("1")), refused("missing-intent"));
  await assert.rejects(leaveVoice(shard, "1"), refused("missing-intent"));
  await assert.rejects(joinVoice(shard, { guildId: "1", channelId: null }), refused("bad-command"));
  await assert.rejects(fetchSoundboardSounds(shard, []), refused("bad-command"));
  await assert.rejects(fetchSoundboardSounds(shard, ["1"], { timeoutMs: 0 }), refused("bad-command"));
  const open = fetchSoundboardSounds(shard, ["1"]);
  await assert.rejects(fetchSoundboardSounds(shard, ["1"]), refused("queue-full"));
  await shard.close();
  await assert.rejects(open, refused("stopped"));
});

test("an answer beyond the limit is refused", LIMITS, async () => {
  await withGuild(WORLD, { limits: { answerBytes: 10_000 } }, async ({ shard, guildId }) => {
    await assert.rejects(fetchMembers(shard, all(guildId)), refused("too-large"));
  });
});

test("what a callback throws is told to who awaits, and the shard goes on", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ shard, guildId }) => {
    const onProgress = () => {
      throw new RangeError("mine");
    };
    await assert.rejects(fetchMembers(shard, all(guildId), { onProgress }), RangeError);
    assert.equal(shard.info().commands.openRequests, 0);
    await fetchChannelInfo(shard, { guildId, fields: ["status"] });
  });
});

test("a cut in the middle costs nothing but time", LIMITS, async () => {
  await withGuild(WORLD, {}, async ({ gateway, shard, until, guildId }) => {
    await gateway.fault({ fault: "silence" });
    const asked = fetchMembers(shard, all(guildId));
    await gateway.fault({ fault: "cut" });
    await until(isReady);
    assert.equal((await asked).members.length, 2500);
  });
});

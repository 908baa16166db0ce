// What a program may hook in, what it may see, and that neither shows the token.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";

import { LIMITS, TOKEN, isDispatch, isLost, isReady, makeShard, recordingSocket, withReader } from "./reader.mjs";

const QUIET = { rate: 0, guilds: 1 };
const IDENTIFY = 2;
const loseSession = { fault: "invalid_session", resumable: false };
const isBadHook = ({ type, code }) => type === "notice" && code === "bad-hook";
const fail = () => {
  throw new RangeError("mine");
};

test("a presence function is asked at each identify, until a presence is sent, which is restored", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  const calls = [];
  const presence = (shard) => {
    calls.push(shard);
    return { status: "dnd", activities: [{ name: `call ${calls.length}`, type: 3 }] };
  };
  await withReader(QUIET, { WebSocket: Recording, presence, shard: [0, 2] }, async ({ gateway, shard, until }) => {
    await until(isReady);
    await gateway.fault(loseSession);
    await until(isLost);
    await until(isReady);
    await shard.updatePresence({ status: "invisible" });
    // It is sent, but what is asked of the gateway by HTTP may overtake it.
    const isHeard = ({ messages }) => messages.some((text) => text.includes("invisible"));
    while (!(await gateway.received()).some(isHeard));
    await gateway.fault(loseSession);
    await until(isLost);
    await until(isReady);
    assert.deepEqual(calls, [[0, 2], [0, 2]]);
    const shown = of(IDENTIFY).map(({ presence: { status, activities } }) => activities[0]?.name ?? status);
    assert.deepEqual(shown, ["call 1", "call 2", "invisible"]);
  });
});

test("address and properties may be changed before each connection", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  const plans = [];
  await withReader(QUIET, {}, async ({ gateway }) => {
    const beforeConnect = (plan) => {
      plans.push({ ...plan, properties: { ...plan.properties } });
      plan.url = `${gateway.url}/hooked`;
      plan.properties.device = "hooked";
    };
    const options = { WebSocket: Recording, beforeConnect, url: "ws://127.0.0.1:9", capabilities: 1 << 15 };
    await withReader(QUIET, { ...options }, async ({ shard, until }) => {
      await until(isReady);
      assert.match(shard.info().connectedUrl, /\/hooked\?v=10&encoding=json/);
      assert.deepEqual([of(IDENTIFY)[0].properties.device, of(IDENTIFY)[0].capabilities], ["hooked", 1 << 15]);
      const [{ url, isResume, attempt, shard: id }] = plans;
      assert.deepEqual({ url, isResume, attempt, id }, { url: "ws://127.0.0.1:9/", isResume: false, attempt: 0, id: [0, 1] });
      shard.reconnect();
      await until(isReady);
      assert.equal(plans[1].isResume, true);
    });
  });
});

test("a hook that throws, or gives nonsense, is told and does no harm", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  const hooks = { beforeConnect: fail, tap: fail, presence: () => ({ status: "asleep" }) };
  await withReader(QUIET, { WebSocket: Recording, ...hooks }, async ({ seen, until }) => {
    await until(isDispatch("GUILD_CREATE"));
    const notices = seen.filter(isBadHook);
    for (const name of Object.keys(hooks)) assert.ok(notices.some(({ message }) => message.includes(name)), name);
    assert.ok(notices.some(({ error }) => error instanceof RangeError));
    assert.ok(notices.some(({ error }) => /status/.test(error)));
    assert.equal(of(IDENTIFY)[0].presence.status, "online");
  });
});

test("an address that is not safe is not used", LIMITS, async () => {
  const beforeConnect = (plan) => {
    plan.url = "ws://gateway.example";
  };
  await withReader(QUIET, { beforeConnect }, async ({ seen, until }) => {
    await until(isReady);
    assert.equal(seen.filter(isBadHook).length, 1);
  });
});

test("a tap sees every message, drops and stops", LIMITS, async () => {
  const texts = [];
  const tap = (text) => {
    texts.push(text);
    if (text.includes('"SECRET"')) return "drop";
    return text.includes('"LAST"') ? "stop" : undefined;
  };
  await withReader(QUIET, { tap }, async ({ gateway, shard, seen, until }) => {
    await until(isDispatch("GUILD_CREATE"));
    await gateway.fault({ fault: "dispatch", name: "SECRET", data: "{}" });
    await gateway.fault({ fault: "dispatch", name: "OTHER", data: "{}" });
    await until(isDispatch("OTHER"));
    assert.equal(shard.info().counters.tapped, 1);
    assert.equal(texts.length, shard.info().counters.messages);
    const { sequence } = shard.session;
    await gateway.fault({ fault: "dispatch", name: "LAST", data: "{}" });
    const lost = await until(isLost);
    assert.deepEqual([lost.fault.code, lost.next], ["tapped", "stop"]);
    await until(({ type }) => type === "stopped");
    assert.equal(shard.session.sequence, sequence);
    assert.ok(!seen.some(({ name }) => name === "SECRET" || name === "LAST"));
  });
});

test("a hook may send, and cannot look into the shard that calls it", LIMITS, async () => {
  const { Recording, of } = recordingSocket();
  const refusals = [];
  let shard;
  const tap = () => {
    if (refusals.length > 0) return;
    for (const look of [() => shard.info(), () => shard.session, () => shard.resetCounters()]) {
      try {
        look();
      } catch (error) {
        refusals.push([error.code, error.message]);
      }
    }
    shard.requestSoundboardSounds(["1"]);
  };
  await withReader(QUIET, { tap, WebSocket: Recording }, async (context) => {
    ({ shard } = context);
    await context.until(isDispatch("GUILD_CREATE"));
    assert.deepEqual(refusals, Array(3).fill(["bad-options", "expected not to be called from inside a hook or the WebSocket class"]));
    assert.equal(of(31).length, 1);
    assert.equal(shard.info().status, "ready");
  });
});

for (const debug of [true, "payloads"]) {
  test(`steps can be seen, and none of them shows the token: debug ${debug}`, LIMITS, async () => {
    await withReader(QUIET, { debug }, async ({ gateway, shard, seen, until }) => {
      await until(isDispatch("GUILD_CREATE"));
      await gateway.fault({ fault: "cut" });
      await until(isLost);
      await until(isReady);
      await shard.requestSoundboardSounds(["42"]);
      await shard.close();
      for await (const event of shard) seen.push(event);
      const steps = seen.filter(({ type }) => type === "debug").map(({ message }) => message).join("\n");
      for (const step of ["start", "#1 open ws://", "#1 received", "identified", "event stopped"]) assert.ok(steps.includes(step), step);
      const hasTexts = debug === "payloads";
      assert.equal(steps.includes('received {"'), hasTexts);
      assert.equal(steps.includes('sent {"op":31,"d":{"guild_ids":["42"]}}'), hasTexts);
      assert.ok(!inspect(seen, { depth: 9 }).includes(TOKEN));
    });
  });
}

test("options of these kinds that are not right are refused", () => {
  const bad = [
    { beforeConnect: "x" },
    { tap: {} },
    { debug: "all" },
    { capabilities: -1 },
    { keepUrl: 1 },
    { version: 8 },
    { presence: 5 },
    { identifyStore: {} },
    { identifyStore: { load: () => null } },
    { patience: { backoffFirst: 0 } },
  ];
  for (const options of bad) {
    assert.throws(() => makeShard({ url: "ws://127.0.0.1:1" }, options), { name: "ShardwireError", code: "bad-options" }, inspect(options));
  }
});

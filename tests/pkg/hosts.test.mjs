// What hosts do differently, each where it happens; what they all must do alike is in tests/parity. Seen of the
// bare hosts:
//
// - A refused port is an `error` without `close` in Node.js 22, and the `close` has the code 0 in Deno.
// - Workers as of before 2026-03-17 take binary messages as ArrayBuffer, later ones as Blob, unless told otherwise.
// - Workers as of before 2026-04-07 do not answer the server's close frame.
// - Workers end a connection that brings more than 32 MiB at once, by an `error` without `close`.
// - Workers forbid chance, timers and compiling while they are loaded.
// - Bun names no program in its handshake.
// - Hidden pages get their timers once a minute.

import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Miniflare } from "miniflare";
import { WebSocketServer } from "ws";

import { withGateway as withScript } from "../parity/gateway.mjs";
import { processes } from "../parity/hosts/processes.mjs";
import { packageModules, workersOf } from "../parity/hosts/workers.mjs";
import { refusingAddress } from "./counted.mjs";
import { withGateway } from "./gateway.mjs";
import { makeProject, run } from "./project.mjs";
import { LIMITS, TOKEN, isDispatch, isReady, withReader } from "./reader.mjs";

/** The day before each change, and one after both. */
const DAYS = ["2026-03-16", "2026-04-06", "2026-07-30"];
const HOSTS = [
  ...processes,
  ...DAYS.flatMap((day) => workersOf(day).map(({ name, start }) => ({ name: `${name} as of ${day}`, isWorker: true, start }))),
];
const SOON = { backoffFirst: 1, backoffLongest: 1 };
const MEBIBYTE = 1 << 20;

let project;

before(async () => {
  project = await makeProject();
}, LIMITS);

after(async () => {
  await project?.remove();
});

/** Runs `work` with the address of a server that closes each connection, and a list of the codes that clients answered. */
async function withClosingServer(work) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const [answers, agents] = [[], []];
  server.on("connection", (socket, request) => {
    agents.push(request.headers["user-agent"]);
    answers.push(once(socket, "close").then(([code]) => code));
    socket.close(4000, "no reason");
  });
  try {
    await work({ url: `ws://127.0.0.1:${server.address().port}`, answers, agents });
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}

for (const { name, start, isWorker } of HOSTS) {
  describe(name, () => {
    let host;
    let bots = 0;
    const play = (url, options, acts) => {
      const plan = { options: { intents: 1, patience: SOON, ...options }, acts };
      return host.play({ url, token: `${TOKEN}-${++bots}`, session: null, plan });
    };

    before(async () => {
      host = await start();
    }, LIMITS);

    after(async () => {
      await host?.stop();
    });

    test("a refused port is an attempt that failed, and another follows", LIMITS, async () => {
      const twice = [{ on: { disconnected: 2 }, do: [{ call: "close" }] }];
      const { events } = await play(await refusingAddress(), {}, twice);
      const lost = events.filter(({ type }) => type === "disconnected");
      assert.deepEqual(lost.map(({ fault, next }) => [fault.code, next]), [["transport", "identify"], ["transport", "identify"]]);
      assert.equal(events.at(-1).reason.code, "requested");
    });

    test("a server that closes is heard and answered", LIMITS, async () => {
      await withClosingServer(async ({ url, answers }) => {
        const { events } = await play(url, {}, [{ on: { disconnected: 1 }, do: [{ call: "close" }] }]);
        const { fault } = events.find(({ type }) => type === "disconnected");
        assert.deepEqual([fault.code, fault.closeCode, fault.closeReason], ["closed", 4000, "no reason"]);
        assert.deepEqual(await Promise.all(answers), [4000]);
      });
    });

    test("binary messages are read", LIMITS, async () => {
      for (const codec of [{ compression: "zlib-stream" }, { encoding: "etf", compression: "none" }]) {
        await withGateway({ rate: 0 }, async ({ url }) => {
          const { info } = await play(url, codec, [{ on: { "status ready": 1 }, do: [{ call: "close" }] }]);
          assert.deepEqual([info.counters.connects, info.counters.identifies], [1, 1]);
        });
      }
    });

    if (!isWorker) return;

    test("a message above the Worker's own limit is left out as one above ours is", LIMITS, async () => {
      const at = { command: 1 };
      const script = [
        { at, do: { fault: "big_message", bytes: 40 * MEBIBYTE } },
        { at, do: { fault: "dispatch", name: "BEHIND", data: "{}" } },
      ];
      const acts = [
        { on: { "sequence 1": 1 }, do: [{ call: "send", with: [31, { guild_ids: [] }] }] },
        { on: { "dispatch RESUMED": 2 }, do: [{ call: "close" }] },
      ];
      await withScript({ gateway: { rate: 0, guilds: 1, script } }, async (url) => {
        const options = { compression: "none", limits: { messageBytes: 60 * MEBIBYTE } };
        const { events, info } = await play(url, options, acts);
        const lost = events.filter(({ type }) => type === "disconnected");
        assert.deepEqual(lost.map(({ fault, next }) => [fault.code, next]), [["oversized", "resume"], ["oversized", "resume"]]);
        assert.ok(events.some(({ code }) => code === "oversized-message"), "it is told that one was left out");
        assert.ok(events.some(isDispatch("BEHIND")), "what stands behind it comes");
        assert.equal(info.counters.identifies, 1);
      });
    });
  });
}

test("a Worker may make its shard while it is loaded", LIMITS, async () => {
  for (const compatibilityDate of DAYS) {
    const path = join(project.folder, "worker-early.mjs");
    const modules = [{ type: "ESModule", path }, ...(await packageModules(project.folder, "."))];
    const worker = new Miniflare({ compatibilityDate, modulesRoot: project.folder, modules });
    try {
      await withGateway({ rate: 0 }, async ({ url }) => {
        const body = JSON.stringify({ url, token: TOKEN });
        const answer = await (await worker.dispatchFetch("http://worker/", { method: "POST", body })).text();
        assert.equal(answer, JSON.stringify(["idle", "stopped", "stopped", 1]), compatibilityDate);
      });
    } finally {
      await worker.dispose();
    }
  }
});

test("in Bun a class of the user's own names the program to the server", LIMITS, async () => {
  const bun = fileURLToPath(new URL("../../node_modules/@oven/bun-linux-x64/bin/bun", import.meta.url));
  await withClosingServer(async ({ url, agents }) => {
    const env = { ...process.env, TASK: JSON.stringify({ url, token: TOKEN }) };
    await run(bun, ["run", "agent.mjs"], { cwd: project.folder, env, timeout: LIMITS.timeout });
    assert.deepEqual(agents, ["DiscordBot (https://example.org, 1)"]);
  });
});

test("a heartbeat that is due leaves with the next message, however late the timers are", LIMITS, async () => {
  const { setTimeout } = globalThis;
  const interval = 1000;
  // As in a page that is hidden.
  globalThis.setTimeout = (call, span, ...rest) => setTimeout(call, Math.max(span, 60_000), ...rest);
  try {
    await withReader({ rate: 0, "heartbeat-interval": interval }, {}, async ({ gateway, shard, until }) => {
      await until(isReady);
      const ready = performance.now();
      while (performance.now() < ready + interval) await gateway.state();
      assert.equal(shard.info().counters.heartbeats, 0, "the timer is late");
      await gateway.fault({ fault: "dispatch", name: "NUDGE", data: "{}" });
      await until(isDispatch("NUDGE"));
      await until(({ type }) => type === "heartbeat");
      assert.equal(shard.info().counters.heartbeats, 1);
    });
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

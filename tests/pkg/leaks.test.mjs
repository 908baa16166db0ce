// Nothing outlives a shard, however it ends: memory, timers, sockets, listeners and connections are where they were.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { assertNothingLeft, makeShard, newToken, refusingAddress, repeat, stop } from "./counted.mjs";
import { run } from "./project.mjs";
import { LIMITS, isLost, isReady } from "./reader.mjs";

const { IdentifyLedger } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/entry/fleet/node.js`);
const { fetchMembers } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/requests.js`);

/** Enough for the compiler, and for the host's own WebSockets, which grow for some 500 connections and then no more. */
const WARM_UP = 600;
const CYCLES = 1000;
/** Growth by one cycle: bytes of JavaScript and of wasm, where one page is 65, and places in tables. */
const MOST = { heap: 600, wasm: 66, places: 0 };
/** Of those that end in another way. */
const FEW = 50;

let refusing;

before(async () => {
  refusing = await refusingAddress();
});

after(stop);

async function until(shard, fits) {
  for await (const event of shard) if (fits(event)) return;
}

test("1000 shards that connect and are closed leave memory where it was", LIMITS, async () => {
  const program = fileURLToPath(new URL("cycles.mjs", import.meta.url));
  const { stdout } = await run(process.execPath, [program, WARM_UP, CYCLES].map(String), { timeout: LIMITS.timeout });
  for (const [what, growth] of Object.entries(JSON.parse(stdout))) {
    assert.ok(growth <= MOST[what], `${what} grows by ${growth} a cycle, and no more than ${MOST[what]} are allowed`);
  }
});

/** How else a shard may end. What a function gives is kept until it was checked that nothing else is left. */
const ENDS = {
  "closed with its session kept": async () => {
    const shard = makeShard();
    await shard.ready;
    await shard.close({ keepSession: true });
    return shard;
  },
  "closed, with hooks that hold it": async () => {
    const held = {};
    const hold = () => void held.shard;
    held.shard = makeShard({ tap: hold, presence: () => ({ status: held.shard.status && "idle" }), beforeConnect: hold });
    await held.shard.ready;
    await held.shard.close();
  },
  "closed, with a store": async () => {
    const shard = makeShard({ identifyStore: { load: () => null, save: () => {} } });
    await shard.ready;
    await shard.close();
  },
  "closed, with a queue": async () => {
    const shard = makeShard({ identifyQueue: queue });
    await shard.ready;
    await shard.close();
  },
  "closed while a queue lets it wait": async () => {
    const shard = makeShard({ identifyQueue: neverGranting });
    await until(shard, isAwaiting);
    await shard.close();
  },
  "closed, with listeners": async () => {
    const { signal } = new AbortController();
    const shard = makeShard().on("MESSAGE_CREATE", () => {}, { signal });
    await shard.waitFor("READY", { timeoutMs: 60_000, signal });
    await shard.close();
  },
  "closed by `await using`": async () => {
    await scope(makeShard, (shard) => shard.ready);
  },
  "closed with all that waits": async () => {
    const shard = makeShard({ url: refusing });
    const { signal } = new AbortController();
    const sent = shard.updatePresence({ status: "idle" }, { signal });
    const asked = fetchMembers(shard, { guildId: "1", userIds: ["1"] }, { signal });
    await until(shard, isLost);
    await shard.close();
    await assert.rejects(sent, { code: "stopped" });
    await assert.rejects(asked, { code: "stopped" });
  },
  "closed and kept": async () => {
    const shard = makeShard();
    await shard.ready;
    await shard.close();
    return shard;
  },
  "closed before it began": async () => {
    await makeShard().close();
  },
  "stopped by the gateway": async () => {
    await until(makeShard({ token: newToken("invalid") }), ({ type }) => type === "stopped");
  },
  "never connected, and forgotten": async () => {
    makeShard();
  },
  "forgotten while it connects": async () => {
    makeShard().connect();
  },
  "forgotten when it is ready": async () => {
    await makeShard().ready;
  },
  "forgotten while a loop is left": async () => {
    await until(makeShard(), isReady);
  },
  "forgotten, with a store and hooks": async () => {
    const identifyStore = { load: () => null, save: () => {} };
    await makeShard({ identifyStore, tap: () => "pass", beforeConnect: () => {} }).ready;
  },
  "forgotten, with a queue": async () => {
    await makeShard({ identifyQueue: queue }).ready;
  },
  "forgotten, with a ledger": async () => {
    await makeShard({ identifyQueue: ledger }).ready;
  },
  "forgotten while a queue lets it wait": async () => {
    await until(makeShard({ identifyQueue: neverGranting }), isAwaiting);
  },
  "forgotten while it was refused, with commands that wait": async () => {
    const shard = makeShard({ url: refusing });
    shard.updatePresence({ status: "idle" }, { signal: patient });
    await until(shard, isLost);
  },
};

// What lives as long as the program.

/** Nobody takes anything back by it. */
const { signal: patient } = new AbortController();
const queue = { turn: async () => {}, identified: () => {} };
/** All its shards are of buckets of their own. */
const ledger = new IdentifyLedger({ limit: { maxConcurrency: 100_000 } });
/** Whom it let wait, by what ends their waiting. */
const waiting = new Set();
const neverGranting = {
  turn: (_, signal) =>
    new Promise((resolve, reject) => {
      waiting.add(signal);
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
};
const isAwaiting = ({ type, status }) => type === "status" && status === "awaiting-identify";

/** `await using`, where the host reads it; else what compilers make of it. */
const scope =
  Number(process.versions.node.split(".")[0]) >= 24
    ? new Function("make", "act", "return (async () => { await using shard = make(); await act(shard); })()")
    : async (make, act) => {
        const shard = make();
        try {
          await act(shard);
        } finally {
          await shard[Symbol.asyncDispose]();
        }
      };

for (const [how, act] of Object.entries(ENDS)) {
  test(`a shard that was ${how} leaves nothing`, LIMITS, async () => {
    const kept = [];
    await repeat(FEW, async () => kept.push(await act()));
    await assertNothingLeft();
    assert.deepEqual([...waiting].filter(({ aborted }) => !aborted), [], "who is gone waits for nothing");
  });
}

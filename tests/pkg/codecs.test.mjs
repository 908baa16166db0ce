// Every encoding with every compression over real sockets; and the second module, which is loaded only when it is asked for.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import WebSocket from "ws";

import { CLIENTS } from "./clients.mjs";
import { withGateway } from "./gateway.mjs";

const LIMITS = { timeout: 60_000 };
const COMBINATIONS = [
  ["json", "payload"],
  ["json", "zlib-stream"],
  ["json", "zstd-stream"],
  ["etf", "none"],
  ["etf", "zlib-stream"],
  ["etf", "zstd-stream"],
];
const INTENTS = 0xffff;

let folder;
/** Shards of one bot would wait for each other's identify. */
let bots = 0;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardwire-codecs-"));
});

after(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Events as they are parsed: ETF has the keys in another order. Of the mock's ports nothing is left. */
const toData = (events) =>
  events.map(({ name, sequence, data }) => [name, sequence, JSON.parse(JSON.stringify(data).replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1"))]);

/** Integers beyond 32 bits are strings, as ETF does not tell numbers and ids apart. */
function asEtf(value) {
  if (typeof value === "number" && Number.isInteger(value) && value !== (value | 0)) return String(value);
  if (Array.isArray(value)) return value.map(asEtf);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asEtf(inner)]));
}

test("the same events whatever they are written and packed in, through a close and a resume", LIMITS, async () => {
  const guilds = 4;
  const steady = 200;
  const script = join(folder, "close.json");
  // No cut, with which a slow reader may lose what was sent before, READY included.
  await writeFile(script, JSON.stringify([{ at: { dispatch: 60 }, do: { fault: "close", code: 4000 } }]));
  // At this rate the rest is made while the client is away, so that RESUMED comes last in every run.
  const options = { seed: 7, guilds, events: steady, rate: 5000, script };
  const count = 1 + guilds + steady + 1;
  const read = (encoding, compression) =>
    withGateway(options, async (gateway) => {
      const events = await CLIENTS.package(gateway.url, compression, count, encoding);
      const { resumes, identifies } = await gateway.state();
      assert.deepEqual({ resumes, identifies }, { resumes: 1, identifies: 1 }, `${encoding} ${compression}`);
      return toData(events);
    });

  const plain = await read("json", "none");
  assert.deepEqual(plain.map(([, sequence]) => sequence), Array.from({ length: count }, (_, at) => at + 1));
  for (const [encoding, compression] of COMBINATIONS) {
    const expected = encoding === "etf" ? plain.map(([name, sequence, data]) => [name, sequence, asEtf(data)]) : plain;
    assert.deepEqual(await read(encoding, compression), expected, `${encoding} ${compression}`);
  }
});

for (const [encoding, compression] of COMBINATIONS) {
  test(`commands arrive and are answered: ${encoding} ${compression}`, LIMITS, async () => {
    const { Shard } = await importPackage(process.env.SHARDWIRE_PACKAGE);
    await withShard(Shard, { encoding, compression }, async (shard) => {
      const [{ data }] = await readUntil(shard, ({ name }) => name === "GUILD_CREATE");
      shard.updatePresence({ status: "idle", activities: [{ name: "chess \u{1f600}", type: 0 }] });
      shard.requestGuildMembers({ guildId: data.id, query: "", limit: 0, nonce: "n-1" });
      const [chunk] = await readUntil(shard, ({ name }) => name === "GUILD_MEMBERS_CHUNK");
      assert.equal(chunk.data.nonce, "n-1");
      assert.equal(chunk.data.guild_id, data.id);
    });
  });
}

test("without the second module all but ETF and zstd work", LIMITS, async () => {
  await withoutCodecs("absent", async ({ Shard }) => {
    for (const compression of ["none", "payload", "zlib-stream"]) {
      await withShard(Shard, { compression }, (shard) => readUntil(shard, ({ name }) => name === "READY"));
    }
  });
});

test("a second module that cannot be loaded is told to the reader, who may try again", LIMITS, async () => {
  await withoutCodecs("late", async ({ Shard, putBack, module }) => {
    await withShard(Shard, { encoding: "etf", compression: "zstd-stream" }, async (shard) => {
      const refusal = { name: "ShardwireError", code: "codec-not-loaded" };
      assert.throws(() => shard.updatePresence({ status: "idle" }), refusal);
      // Nobody waits for this one.
      shard.connect();
      await assert.rejects(shard.nextBatch(), refusal);
      await writeFile(module, "no module");
      await assert.rejects(shard[Symbol.asyncIterator]().next(), refusal);
      assert.equal(shard.status, "idle");
      await putBack();
      shard.connect();
      await readUntil(shard, ({ name }) => name === "READY");
      shard.updatePresence({ status: "idle" });
      assert.equal(shard.info().counters.identifies, 1);
    });
  });
});

test("a shard that is closed without its codecs ends as any other", LIMITS, async () => {
  await withoutCodecs("closed", async ({ copy }) => {
    const { load, loadCodecs, Shard } = await import(pathToFileURL(join(copy, "entry/manual.js")).href);
    load(await readFile(join(copy, "wasm/shardwire_bg.wasm")));
    // On its way for ever.
    void loadCodecs(new Promise(() => {}));
    await withShard(Shard, { compression: "zstd-stream" }, async (shard) => {
      const reading = shard.nextBatch();
      await shard.close();
      assert.equal((await reading).at(-1).reason.code, "requested");
      assert.deepEqual(await shard.nextBatch(), []);
    });
  });
});

test("several shards share one loaded module", LIMITS, async () => {
  await withoutCodecs("shared", async ({ Shard, putBack, takeAway }) => {
    await putBack();
    await withShard(Shard, { compression: "zstd-stream" }, async (first) => {
      await readUntil(first, ({ name }) => name === "READY");
      await takeAway();
      await withShard(Shard, { encoding: "etf" }, (second) => readUntil(second, ({ name }) => name === "READY"));
    });
  });
});

/** Runs `work` with a copy of the package, with a wasm of its own, from which the second module was taken away. */
async function withoutCodecs(name, work) {
  const copy = join(folder, name);
  await cp(process.env.SHARDWIRE_PACKAGE, copy, { recursive: true });
  const module = join(copy, "wasm/codecs_bg.wasm");
  const aside = join(copy, "aside.wasm");
  const takeAway = () => rename(module, aside);
  await takeAway();
  const { Shard } = await importPackage(copy);
  await work({ Shard, copy, module, takeAway, putBack: () => rename(aside, module) });
}

function importPackage(path) {
  return import(pathToFileURL(join(path, "entry/node.js")).href);
}

/** Runs `work` with a shard and a gateway that has nothing to complain about. */
async function withShard(Shard, options, work) {
  await withGateway({ rate: 20, guilds: 2 }, async ({ url }) => {
    const shard = new Shard({ token: `MTA0.fake-token.${++bots}`, intents: INTENTS, url, WebSocket, ...options });
    try {
      await work(shard);
    } finally {
      await shard.close();
    }
  });
}

/** The first event that fits, and those after it in the same batch. */
async function readUntil(shard, fits) {
  for (;;) {
    const events = await shard.nextBatch();
    assert.ok(events.length > 0, "the shard ended before");
    const at = events.findIndex(fits);
    if (at >= 0) return events.slice(at);
  }
}

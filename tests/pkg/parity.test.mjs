// One core, two sides: native and npm hand over the same events, to the letter, whatever the compression and through a cut.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { CLIENTS } from "./clients.mjs";
import { withGateway } from "./gateway.mjs";
import { AWKWARD, writeRecording } from "./recording.mjs";

const LIMITS = { timeout: 60_000 };
const COMPRESSIONS = ["none", "zlib-stream", "zstd-stream"];

let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardwire-parity-"));
});

after(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What differs between two runs of the mock and says nothing about a client. */
const withoutPorts = (events) =>
  events.map(({ name, sequence, text }) => [name, sequence, text.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1")]);

test("native and package see the same events, with and without compression, through a cut and a resume", LIMITS, async () => {
  const guilds = 4;
  const steady = 300;
  const script = join(folder, "cut.json");
  await writeFile(script, JSON.stringify([{ at: { dispatch: 60 }, do: { fault: "cut" } }]));
  // At this rate the rest is made while the client is away, so that RESUMED comes last in every run.
  const options = { seed: 7, guilds, events: steady, rate: 5000, script };
  const count = 1 + guilds + steady + 1;

  const runs = {};
  for (const [client, read] of Object.entries(CLIENTS)) {
    for (const compression of COMPRESSIONS) {
      await withGateway(options, async (gateway) => {
        const events = await read(gateway.url, compression, count);
        const state = await gateway.state();
        assert.equal(state.resumes, 1, `${client} ${compression} resumed once`);
        assert.equal(state.identifies, 1, `${client} ${compression} identified once`);
        runs[`${client} ${compression}`] = withoutPorts(events);
      });
    }
  }

  const [[, expected], ...others] = Object.entries(runs);
  assert.deepEqual(expected.map(([, sequence]) => sequence), Array.from({ length: count }, (_, at) => at + 1));
  assert.equal(expected.at(-1)[0], "RESUMED");
  for (const [name, events] of others) assert.deepEqual(events, expected, name);
});

/** Every recording that is there: ours, and those in the folder that `SHARDWIRE_CAPTURES` names, if it does. */
async function recordings() {
  const ours = await writeRecording(folder);
  const genuine = process.env.SHARDWIRE_CAPTURES;
  return genuine ? [ours, genuine] : [ours];
}

/** The data of each recorded dispatch, in the order of the files' names. */
async function recorded(path) {
  const files = path.endsWith(".json") ? [path] : (await readdir(path)).filter((name) => name.endsWith(".json")).sort().map((name) => join(path, name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.flatMap((text) => JSON.parse(text)).filter(({ op, t }) => op === 0 && t !== "READY");
}

test("recorded payloads are handed over with every value unchanged", LIMITS, async () => {
  for (const path of await recordings()) {
    const expected = await recorded(path);
    assert.ok(expected.length > 0);
    for (const [client, read] of Object.entries(CLIENTS)) {
      for (const compression of COMPRESSIONS) {
        await withGateway({ replay: path, rate: 0 }, async (gateway) => {
          const events = (await read(gateway.url, compression, expected.length + 1)).slice(1);
          const where = `${client} ${compression} ${path}`;
          assert.deepEqual(events.map(({ name }) => name), expected.map(({ t }) => t), where);
          for (const [at, { text }] of events.entries()) {
            assert.deepEqual(JSON.parse(text), expected[at].d, `${where} ${at}`);
            if (path.startsWith(folder)) assert.equal(text, AWKWARD[at], `${where} ${at}`);
          }
        });
      }
    }
  }
});

test("the package gives integers that a number cannot hold as texts, and loses no digit", LIMITS, async () => {
  const [path] = await recordings();
  await withGateway({ replay: path, rate: 0 }, async (gateway) => {
    const [, { data, text }] = await CLIENTS.package(gateway.url, "none", 2);
    assert.deepEqual(data, {
      id: "1099511627776123456",
      negative: "-9007199254740993",
      safe: 9007199254740991,
      list: ["18446744073709551615", 1],
    });
    assert.equal(text, AWKWARD[0]);
  });
});

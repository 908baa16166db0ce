// What shards tell, as text for Prometheus, and that both sides tell the same.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { LIMITS, isDispatch, withReader } from "./reader.mjs";

const { toPrometheus } = await import(`file://${process.env.SHARDWIRE_PACKAGE}/metrics.js`);

/** What a test of the Rust side holds: two shards as JSON, and their metrics. */
const example = (name) => readFile(new URL(`../vectors/metrics/${name}`, import.meta.url), "utf8");
const infos = JSON.parse(await example("infos.json"));

test("the text is the one that Rust writes", async () => {
  assert.equal(toPrometheus(infos), await example("metrics.txt"));
});

test("one shard needs no list, and none gives the names alone", () => {
  assert.equal(toPrometheus(infos[0]), toPrometheus([infos[0]]));
  assert.ok(toPrometheus([]).split("\n").slice(0, -1).every((line) => line.startsWith("# ")));
});

/** All keys of a tree, with a list for every value that is no object; the names of events are a server's. */
function keysOf(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.fromEntries(Object.entries(value).sort().map(([key, each]) => [key, key === "events" ? [] : keysOf(each)]));
}

test("a picture of a shard has the keys that it has in Rust, and no other", LIMITS, async () => {
  await withReader({ rate: 0 }, {}, async ({ shard, until }) => {
    await until(isDispatch("GUILD_CREATE"));
    assert.deepEqual(keysOf(shard.info()), keysOf(infos[0]));
    assert.equal(shard.info().events.READY, 1);
    assert.match(toPrometheus(shard.info()), /shardwire_events_total\{shard="0",event="READY"\} 1\n/);
  });
});

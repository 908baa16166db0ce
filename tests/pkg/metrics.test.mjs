// What shards tell, as text for Prometheus.

import assert from "node:assert/strict";
import { test } from "node:test";

import WebSocket from "ws";

const folder = `file://${process.env.SHARDWIRE_PACKAGE}`;
const { toPrometheus } = await import(`${folder}/metrics.js`);
const { Shard } = await import(`${folder}/entry/node.js`);

/** Name, labels and value of each sample. Every line must be one, or a comment. */
function samples(text) {
  assert.ok(text.endsWith("\n"));
  const lines = text.split("\n").slice(0, -1).filter((line) => !line.startsWith("# "));
  return lines.map((line) => {
    const match = /^([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} ([\d.]+)$/.exec(line);
    assert.ok(match, line);
    return { name: match[1], labels: match[2], value: Number(match[3]) };
  });
}

test("every counter of a shard is a metric", () => {
  const { counters, ...info } = new Shard({ token: "t", intents: 0, shard: [3, 4], WebSocket }).info();
  const numbered = Object.fromEntries(Object.keys(counters).map((name, index) => [name, index + 1]));
  const found = samples(toPrometheus({ ...info, counters: numbered })).filter(({ name }) => name.endsWith("_total"));
  assert.deepEqual(found.map(({ value }) => value), Object.values(numbered));
  assert.ok(found.every(({ labels }) => labels === 'shard="3"'));
  assert.ok(found.some(({ name }) => name === "shardwire_wire_bytes_total"));
});

test("all shards of a metric are together, below what it is", () => {
  const info = (id, lastMs) => ({
    shard: [id, 2],
    status: "ready",
    heartbeat: { lastMs },
    commands: { available: 5, waiting: 0 },
    counters: { wireBytes: 7 + id },
  });
  assert.equal(
    toPrometheus([info(0, 41.5), info(1, null)]),
    `# HELP shardwire_status 1 for what the shard is doing.
# TYPE shardwire_status gauge
shardwire_status{shard="0",status="ready"} 1
shardwire_status{shard="1",status="ready"} 1
# HELP shardwire_latency_seconds Newest round trip of a heartbeat.
# TYPE shardwire_latency_seconds gauge
shardwire_latency_seconds{shard="0"} 0.0415
# HELP shardwire_commands_available Commands that could be sent at once.
# TYPE shardwire_commands_available gauge
shardwire_commands_available{shard="0"} 5
shardwire_commands_available{shard="1"} 5
# HELP shardwire_commands_waiting Commands that wait for their turn.
# TYPE shardwire_commands_waiting gauge
shardwire_commands_waiting{shard="0"} 0
shardwire_commands_waiting{shard="1"} 0
# HELP shardwire_wire_bytes_total Counter wireBytes of the shard.
# TYPE shardwire_wire_bytes_total counter
shardwire_wire_bytes_total{shard="0"} 7
shardwire_wire_bytes_total{shard="1"} 8
`,
  );
});

test("a counter by name has its names as labels, whatever is in them", () => {
  const counters = { events: { READY: 1, 'A"\\\n': 2 } };
  const found = samples(toPrometheus({ shard: [0, 1], status: "idle", counters })).slice(1);
  assert.deepEqual(found, [
    { name: "shardwire_events_total", labels: 'shard="0",event="READY"', value: 1 },
    { name: "shardwire_events_total", labels: String.raw`shard="0",event="A\"\\\n"`, value: 2 },
  ]);
});

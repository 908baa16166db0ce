// shardwire's npm package, in Node.js, Deno and Bun.
import { Meter, idleGauge, job, tell, used } from "./meter.mjs";

const { Shard } = await import(job.entry);
const { WebSocket } = job.socket === "ws" ? await import("ws") : globalThis;

/** What is done with an event in each contract. */
const work = {
  full: (event) => event.data,
  "on demand": (event) => event.name === "MESSAGE_CREATE" && event.data,
  filtered: (event) => event.data,
  text: (event) => event.raw,
}[job.contract];

const options = {
  token: "bench",
  intents: 0,
  url: job.url,
  compression: job.compression,
  encoding: job.encoding,
  WebSocket,
};
if (job.contract === "filtered") options.filter = { only: ["READY", "GUILD_CREATE", "MESSAGE_CREATE"] };

if (job.idle) await idle();
else if (job.shards) await many();
else await read();

async function read() {
  const meter = new Meter();
  for await (const event of new Shard(options)) {
    if (event.type === "dispatch") {
      work(event);
      meter.saw(event.sequence);
    } else if (event.type === "disconnected" || event.type === "notice") {
      console.error(event.type, event.fault ?? event.message);
    }
  }
}

/** Resumes, as identifies are spaced. */
async function idle() {
  const isReady = idleGauge();
  for (let number = 0; number < job.idle; number += 1) {
    const shard = [number, job.idle];
    const session = { id: "0123456789abcdef0123456789abcdef", sequence: 1, resumeUrl: null, shard };
    watch(new Shard({ ...options, shard, session }));
  }
  async function watch(shard) {
    for await (const event of shard) if (event.type === "resumed") isReady();
  }
}

/** All identify at once, and read together once the last one is ready. */
async function many() {
  const identifyQueue = { turn: async () => {} };
  const each = job.last - job.burst;
  const shards = [];
  let [ready, count, before] = [0, 0, 0];
  for (let number = 0; number < job.shards; number += 1) {
    shards.push(new Shard({ ...options, shard: [number, job.shards], identifyQueue }));
  }
  for (const shard of shards) read(shard);
  async function read(shard) {
    for await (const event of shard) {
      if (event.type !== "dispatch") continue;
      work(event);
      if (event.sequence > job.burst) count += 1;
      else if (event.sequence === job.burst) ready += 1;
      if (event.sequence === job.burst && ready === job.shards) begin();
      if (count === each * job.shards) tell({ count, cpu_us: used() - before });
    }
  }
  function begin() {
    before = used();
    for (const shard of shards) shard.updatePresence({ status: "online" });
  }
}

// A fleet in worker threads that handle events themselves: `DISCORD_TOKEN=… node examples/workers.mjs [url] [shards] [messages]`.
//
// The file is both halves. The main thread keeps the one identify budget and hears how the shards are; what Discord says is read
// and answered where it arrives, so that all cores take part. Ends after so many messages, if it is told how many.

import { Worker, isMainThread, parentPort } from "node:worker_threads";

import { ShardManager } from "shardwire/fleet";
import { serveShards } from "shardwire/worker";

if (isMainThread) await manage();
else handle();

async function manage() {
  const [url, shards, messages = Infinity] = process.argv.slice(2);
  let count = 0;
  const create = () => {
    const worker = new Worker(new URL(import.meta.url));
    // What a handler has to say goes over the worker itself, beside what the fleet says.
    return worker.on("message", ({ content }) => {
      if (content === undefined) return;
      console.log(content);
      if (++count === Number(messages)) void fleet.close();
    });
  };
  const fleet = new ShardManager({
    token: process.env.DISCORD_TOKEN,
    intents: ["GUILDS", "GUILD_MESSAGES"],
    workers: { shardsPerWorker: 2, create },
    ...(shards && { shards: Number(shards) }),
    ...(url && { url, gateway: null }),
  });
  for await (const event of fleet) {
    if (event.type === "status") console.error(`shard ${event.shardId} is ${event.status}`);
    if (event.type === "stopped") console.error(`shard ${event.shardId} stopped: ${event.reason.message}`);
  }
}

async function handle() {
  const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
  serveShards({
    options: { WebSocket },
    // The next event of this shard waits until the promise of this one has settled.
    async onDispatch({ name, data, shardId }) {
      if (name === "MESSAGE_CREATE") parentPort.postMessage({ content: `shard ${shardId}: ${data.author.username}: ${data.content}` });
    },
  });
}

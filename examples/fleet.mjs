// Every shard of a bot as one, resumed where the last run left off: start it, stop it with Ctrl-C, start it again.
//
//     DISCORD_TOKEN=… node fleet.mjs [GATEWAY [SECONDS]]
//
// GATEWAY is a mock gateway such as ws://127.0.0.1:4455; Discord's own if it is left out.

import { ShardManager } from "shardwire/fleet";
import { fileStore } from "shardwire/stores";
import { WebSocket } from "ws";

const [gateway, seconds] = process.argv.slice(2);
const mock = gateway && { url: gateway, discover: { url: `${gateway.replace("ws:", "http:")}/api/v10` } };

const fleet = new ShardManager({
  token: process.env.DISCORD_TOKEN,
  intents: ["GUILDS", "GUILD_MESSAGES"],
  sessions: fileStore("sessions.json"),
  presence: ([number, total]) => ({ status: "online", activities: [{ name: `shard ${number} of ${total}`, type: 0 }] }),
  WebSocket: globalThis.WebSocket ?? WebSocket,
  ...mock,
});

// Nothing is lost by this: the next run resumes every session behind the last event that the loop below has finished with.
const leave = () => void fleet.close({ keepSession: true });
process.once("SIGINT", leave);
if (seconds) setTimeout(leave, seconds * 1000);

const counts = {};
for await (const event of fleet) {
  if (event.type === "dispatch") counts[event.name] = (counts[event.name] ?? 0) + 1;
  else if (event.type === "resumed") console.log(`shard ${event.shardId} goes on, ${event.replayed} events were missed`);
  else if (event.type === "status" && event.status === "ready") console.log(`shard ${event.shardId} is ready:`, fleet.health());
  else if (event.type === "stopped") console.log(`shard ${event.shardId} stopped: ${event.reason.message}`);
}
console.log(counts);

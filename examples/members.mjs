// Counts the members of each guild as it becomes known: `DISCORD_TOKEN=… node examples/members.mjs [url] [guilds]`.
//
// Needs the privileged intent GUILD_MEMBERS. Ends after so many guilds, if it is told how many.

import { Shard } from "shardwire";
import { fetchMembers } from "shardwire/requests";

const [url, guilds = Infinity] = process.argv.slice(2);
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
const shard = new Shard({ token: process.env.DISCORD_TOKEN, intents: ["GUILDS", "GUILD_MEMBERS"], WebSocket, ...(url && { url }) });

let known = 0;
for await (const event of shard) {
  if (event.type === "stopped") console.error(event.reason.message);
  if (event.type !== "dispatch" || event.name !== "GUILD_CREATE") continue;
  const { id, name } = event.data;
  const onProgress = ({ received, expected }) => console.error(`${name}: ${received} of ${expected} chunks`);
  // Awaited in the loop: heartbeats and answers do not depend on the reader.
  const { members } = await fetchMembers(shard, { guildId: id, query: "", limit: 0 }, { onProgress });
  const bots = members.filter(({ user }) => user.bot).length;
  console.log(`${name}: ${members.length} members, ${bots} of them bots`);
  if (++known === Number(guilds)) await shard.close();
}

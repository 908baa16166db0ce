// All shards of a bot in one process with one copy of the module: `node node.mjs SESSIONS.json API_URL`. Prints the shard, number
// and name of each event, as `examples/fleet.rs` does.

const load = (path) => import(`file://${process.env.SHARDWIRE_PACKAGE}/${path}`);
const { Intents } = await load("entry/node.js");
const { ShardManager } = await load("entry/fleet/node.js");
const { fileStore } = await load("stores.js");
const { discoverGateway } = await load("discover.js");

const [file, api] = process.argv.slice(2);
const token = process.env.DISCORD_TOKEN;
const gateway = await discoverGateway({ token, url: api });
const options = { token, url: gateway.url, intents: Intents.NON_PRIVILEGED };
for await (const event of new ShardManager({ ...options, gateway, sessions: fileStore(file) })) {
  if (event.type === "dispatch") process.stdout.write(`${event.shardId} ${event.sequence} ${event.name}\n`);
}

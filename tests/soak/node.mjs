// The shards of a bot in one process with one copy of the module: `node node.mjs API_URL`. Prints the shard, number and name of
// each event, as `examples/fleet.rs` does.

const load = (path) => import(`file://${process.env.SHARDWIRE_PACKAGE}/${path}`);
const { Intents, Shard } = await load("entry/node.js");
const { IdentifyLedger } = await load("entry/fleet/node.js");
const { discoverGateway } = await load("discover.js");

const token = process.env.DISCORD_TOKEN;
const { url, shards, sessionStartLimit } = await discoverGateway({ token, url: process.argv[2] });
const identifyQueue = new IdentifyLedger({ limit: sessionStartLimit });

async function run(number) {
  const shard = new Shard({ token, intents: Intents.NON_PRIVILEGED, shard: [number, shards], url, identifyQueue });
  for await (const event of shard) {
    if (event.type === "dispatch") process.stdout.write(`${number} ${event.sequence} ${event.name}\n`);
  }
}

await Promise.all(Array.from({ length: shards }, (_, number) => run(number)));

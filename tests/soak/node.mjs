// The shards of a bot in one process with one copy of the module: `node node.mjs API_URL`. Prints the shard, number and name of
// each event, as `examples/fleet.rs` does.
//
// Each shard has a token of its own, as those of one bot wait for each other's identify and cannot be told that many may go at once.

const load = (path) => import(`file://${process.env.SHARDWIRE_PACKAGE}/${path}`);
const { Intents, Shard } = await load("entry/node.js");
const { discoverGateway } = await load("discover.js");

const token = (number) => `${process.env.DISCORD_TOKEN}-${number}`;
const { url, shards } = await discoverGateway({ token: token(0), url: process.argv[2] });

async function run(number) {
  const shard = new Shard({ token: token(number), intents: Intents.NON_PRIVILEGED, shard: [number, shards], url });
  for await (const event of shard) {
    if (event.type === "dispatch") process.stdout.write(`${number} ${event.sequence} ${event.name}\n`);
  }
}

await Promise.all(Array.from({ length: shards }, (_, number) => run(number)));

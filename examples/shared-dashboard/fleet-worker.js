// The script of the SharedWorker: one fleet for all tabs.

import { serveFleet } from "./shardwire/shared-worker.js";

const accept = serveFleet(async ({ token, url, shards }) => {
  // Not at the top: tabs that come while a module loads would not be heard.
  const [{ ShardManager }, { indexedDbStore }] = await Promise.all([
    import("./shardwire/entry/fleet/browser.js"),
    import("./shardwire/stores.js"),
  ]);
  // Pages cannot ask Discord how many shards there should be.
  const options = { token, intents: ["GUILDS", "GUILD_MESSAGES"], gateway: null, shards, sessions: indexedDbStore() };
  return new ShardManager(url ? { ...options, url } : options);
});

onconnect = ({ ports: [port] }) => accept(port);

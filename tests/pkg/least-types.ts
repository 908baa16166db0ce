// The declarations where no others are: no DOM, no Node.js, the library of ECMAScript alone. Nothing here is run.

import "shardwire/codecs";
import { Intents, Shard, type GatewayEvent, type Session, type WebSocketConstructor } from "shardwire";
import { discoverGateway } from "shardwire/discover";
import { Broadcast } from "shardwire/dispatch";
import { httpQueue, IdentifyLedger, portQueue, serveQueue, type QueuePort } from "shardwire/fleet";
import { Shard as InlineShard } from "shardwire/inline";
import { load, loadCodecs } from "shardwire/manual";
import { toPrometheus } from "shardwire/metrics";
import { fetchMembers } from "shardwire/requests";
import { fileStore } from "shardwire/stores";

declare const WebSocket: WebSocketConstructor;

/** What is known of a signal here. */
const signal = {
  aborted: false,
  addEventListener: (type: "abort", listener: () => void) => void [type, listener],
  removeEventListener: (type: "abort", listener: () => void) => void [type, listener],
};

const shard: Shard = new InlineShard({ token: "t", intents: Intents.GUILDS, WebSocket });
for await (const event of shard) event satisfies GatewayEvent;
await shard.send(3, {}, { signal });
// @ts-expect-error a signal can be listened to
await shard.send(3, {}, { signal: { aborted: false } });
await fetchMembers(shard, { guildId: "1", query: "", limit: 0 }, { signal });
shard.on("status", ({ status }) => status satisfies string, { signal });
(await discoverGateway({ url: { href: "http://127.0.0.1" }, fetch: async (url) => ({ url }) })).url satisfies string;
toPrometheus(shard.info()) satisfies string;
await new Broadcast().run(shard, { signal });
(await fileStore("sessions.json").load()) satisfies Session[];
declare const port: QueuePort;
serveQueue(new IdentifyLedger(), port) satisfies () => void;
new Shard({ token: "t", intents: 0, WebSocket, identifyQueue: portQueue(port) });
await httpQueue("http://127.0.0.1:8585/").turn([0, 1], signal);
load(new Uint8Array(8));
// @ts-expect-error an address must be fetched first
await loadCodecs("codecs.wasm");
(await shard.close()) satisfies Session | null;
await shard[Symbol.asyncDispose]();

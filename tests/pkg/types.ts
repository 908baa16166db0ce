// What the declarations promise, checked by the compiler. Nothing here is run.

import {
  Intents,
  Shard,
  ShardwireError,
  version,
  type DispatchEvent,
  type GatewayEvent,
  type IdentifyQueue,
  type Session,
  type ShardOptions,
  type ShardInfo,
  type StatusName,
} from "shardwire";
import "shardwire/codecs";
import { discoverGateway, ShardwireError as DiscoverError, type BotGateway, type Gateway } from "shardwire/discover";
import { Broadcast, Demand, Lagged, Partition, type Dispatcher, type Subscription } from "shardwire/dispatch";
import { DurableQueue, DurableShard, durableQueue, type DurableShardInfo } from "shardwire/durable-object";
import {
  httpQueue,
  IdentifyLedger,
  portQueue,
  queueHandler,
  queueListener,
  serveQueue,
  ShardManager,
  shardOf,
} from "shardwire/fleet";
import { IdentifyLedger as ManualLedger } from "shardwire/fleet/manual";
import { Shard as InlineShard } from "shardwire/inline";
import { load, loadCodecs, Shard as ManualShard } from "shardwire/manual";
import { toPrometheus } from "shardwire/metrics";
import { fetchChannelInfo, fetchMembers, fetchSoundboardSounds, joinVoice, leaveVoice } from "shardwire/requests";
import { denoKvStore, fileStore, indexedDbStore, keyValueStore, memoryStore, webStore, type SessionStore } from "shardwire/stores";
import { serveShards } from "shardwire/worker";

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;
declare const never: (value: never) => void;

// Options: the least, and all.
new Shard({ token: "t", intents: 0 });
new Shard({ token: "t", intents: [] });
const options: ShardOptions = {
  token: "t",
  intents: ["GUILDS", "GUILD_MESSAGES"],
  url: "ws://127.0.0.1:8484",
  allowInsecure: false,
  shard: [0, 2],
  session: { id: "s", sequence: 1, resumeUrl: null, shard: [0, 2] },
  encoding: "etf",
  compression: "zstd-stream",
  filter: { only: ["MESSAGE_CREATE"] },
  presence: { status: "idle", activities: [{ name: "chess", type: 0 }], since: null, afk: true },
  largeThreshold: 100,
  properties: { os: "linux" },
  limits: { waitingEvents: 5 },
  patience: { hello: 1000, backoffFirst: 500, resumeFailures: 2 },
  lifecycle: false,
  capabilities: 1 << 15,
  keepUrl: true,
  version: 9,
  beforeConnect(plan) {
    plan.url = `wss://${plan.shard[0]}.example`;
    plan.properties.os = "linux";
    // @ts-expect-error which connection it is is not to be changed
    plan.attempt = 0;
  },
  tap: (text) => (text.includes("x") ? "drop" : undefined),
  debug: "payloads",
  identifyStore: { load: async () => null, save: (text) => text satisfies string as never },
  WebSocket,
};
new Shard({ token: "t", intents: 0, presence: ([id]) => ({ status: id === 0 ? "online" : "dnd" }), debug: true });
const shard = new Shard(options);

// Wrong options.
// @ts-expect-error no token
new Shard({ intents: 0 });
// @ts-expect-error no intents
new Shard({ token: "t" });
// @ts-expect-error a token is a text
new Shard({ token: 1, intents: 0 });
// @ts-expect-error an intent that does not exist
new Shard({ token: "t", intents: ["GUILD_MESSAGE"] });
// @ts-expect-error a shard is a pair
new Shard({ token: "t", intents: 0, shard: [0] });
// @ts-expect-error a session knows its shard
new Shard({ token: "t", intents: 0, session: { id: "s", sequence: 1, resumeUrl: null } });
// @ts-expect-error times are numbers of milliseconds
new Shard({ token: "t", intents: 0, patience: { hello: "1s" } });
// @ts-expect-error a limit that does not exist
new Shard({ token: "t", intents: 0, limits: { events: 5 } });
// @ts-expect-error a tap gives one of three words
new Shard({ token: "t", intents: 0, tap: () => "skip" });
// @ts-expect-error a ledger is loaded and saved
new Shard({ token: "t", intents: 0, identifyStore: { load: () => null } });
// @ts-expect-error a compression that is not offered
new Shard({ token: "t", intents: 0, compression: "zstd" });
// @ts-expect-error an encoding that is not offered
new Shard({ token: "t", intents: 0, encoding: "xml" });
// @ts-expect-error a filter says either what to keep or what to drop
new Shard({ token: "t", intents: 0, filter: { keep: ["READY"] } });
// @ts-expect-error an option that does not exist
new Shard({ token: "t", intents: 0, heartbeat: 5 });
// @ts-expect-error the life cycle is followed or not
new Shard({ token: "t", intents: 0, lifecycle: "page" });
// @ts-expect-error a socket is not its constructor
new Shard({ token: "t", intents: 0, WebSocket: new WebSocket("ws://127.0.0.1") });

// Events narrow by their type, and every type has its place.
for await (const event of shard) {
  same<typeof event, GatewayEvent>(true);
  switch (event.type) {
    case "dispatch":
      same<typeof event, DispatchEvent>(true);
      event.name satisfies string;
      event.raw satisfies string;
      // Without `shardwire/discord`, a name says nothing about the data.
      if (event.name === "MESSAGE_CREATE") same<typeof event.data, any>(true);
      // @ts-expect-error events are not to be changed
      event.sequence = 1;
      break;
    case "status":
      event.status satisfies StatusName;
      event.retryInMs satisfies number | undefined;
      break;
    case "heartbeat":
      event.roundTripMs satisfies number;
      break;
    case "disconnected":
      event.fault.code satisfies string;
      event.next satisfies "resume" | "identify" | "stop";
      break;
    case "resumed":
      event.replayed satisfies number;
      break;
    case "notice":
      event.code satisfies string;
      event.error satisfies unknown;
      break;
    case "debug":
      event.message satisfies string;
      break;
    case "stopped":
      event.reason.code satisfies "fatal" | "identify-budget-spent" | "reader-too-slow" | "requested" | "worker-lost";
      break;
    default:
      never(event);
  }
  // @ts-expect-error only dispatches have a name
  event.name;
}

// The shard.
same<StatusName, typeof shard.status>(true);
shard.connect() satisfies Shard;
(await shard.nextBatch()) satisfies GatewayEvent[];
shard.info() satisfies ShardInfo;
shard.info().heartbeat.intervalMs satisfies number | null;
const session: Session | null = await shard.close({ keepSession: true });
JSON.parse(JSON.stringify(session)) satisfies Session | null;
await using disposed = new Shard(options);
disposed satisfies AsyncDisposable;
// @ts-expect-error the status is not to be set
shard.status = "ready";
// @ts-expect-error a session may be missing
shard.session.id;

// Commands.
shard.updatePresence({ status: "dnd" });
shard.updateVoiceState({ guildId: "1", channelId: null });
shard.requestGuildMembers({ guildId: "1", query: "", limit: 0 });
shard.requestGuildMembers({ guildId: "1", userIds: ["2"], presences: true, nonce: "n" });
shard.requestSoundboardSounds(["1"]);
shard.requestChannelInfo({ guildId: "1", fields: ["status", "voice_start_time"] });
shard.send(3, { anything: true });
shard.sendEncoded('{"op":3,"d":{}}');
shard.sendEncoded(new Uint8Array(8));
same<Promise<void>, ReturnType<typeof shard.send>>(true);
await shard.send(3, {}, { priority: "high", when: { withinMs: 500 }, signal: AbortSignal.timeout(5) });
await shard.updatePresence({ status: "idle" }, { when: "now" });
shard.resetCounters();
(await shard.disconnect()) satisfies Session | null;
// @ts-expect-error no such moment
shard.send(3, {}, { when: "later" });
// @ts-expect-error no such field
shard.requestChannelInfo({ guildId: "1", fields: ["topic"] });

// Requests.
const { members, notFound } = await fetchMembers(shard, { guildId: "1", query: "", limit: 0 }, {
  timeoutMs: 1000,
  deadlineMs: 60_000,
  priority: "high",
  signal: AbortSignal.timeout(5),
  onProgress: ({ received, expected }) => received / expected,
});
same<typeof members, any>(true);
notFound satisfies string[];
(await fetchSoundboardSounds(shard, ["1"])) satisfies Map<string, any>;
await fetchChannelInfo(shard, { guildId: "1", fields: ["status"] });
const { state, server } = await joinVoice(shard, { guildId: "1", channelId: "2", selfMute: true });
same<typeof state | typeof server, any>(true);
await leaveVoice(shard, "1");
// @ts-expect-error who joins says where
await joinVoice(shard, { guildId: "1", channelId: null });

// Listeners: our own events by their type, Discord's by their name.
shard
  .on("MESSAGE_CREATE", (message, event) => {
    same<typeof message, any>(true);
    event.sequence satisfies number;
  })
  .once("stopped", ({ reason }) => reason.code satisfies string)
  .onAny((event) => same<typeof event, GatewayEvent>(true))
  .on("status", async ({ status }) => status satisfies StatusName, { signal: AbortSignal.timeout(5) });
(await shard.waitFor("disconnected", { filter: ({ next }) => next === "stop", timeoutMs: 5 })).fault.code satisfies string;
// @ts-expect-error statuses have no reason
shard.on("status", ({ reason }) => reason);
shard.off("READY", () => {}).offAny(() => {});
(await shard.ready) satisfies void;

// Data as bytes, if it was asked for.
const bytes = new Shard({ token: "t", intents: 0, raw: "bytes", overflow: "drop-oldest" });
for await (const event of bytes) if (event.type === "dispatch") same<typeof event.raw, Uint8Array>(true);
bytes.on("READY", (_, { raw, shardId }) => raw.byteLength + shardId);
await fetchMembers(bytes, { guildId: "1", query: "", limit: 0 });
// @ts-expect-error neither text nor bytes
new Shard({ token: "t", intents: 0, raw: "json" });
// @ts-expect-error no such way
new Shard({ token: "t", intents: 0, overflow: "block" });
// @ts-expect-error no such status
shard.updatePresence({ status: "asleep" });
// @ts-expect-error either a query or ids
shard.requestGuildMembers({ guildId: "1", query: "", limit: 0, userIds: ["2"] });
// @ts-expect-error a query needs its limit
shard.requestGuildMembers({ guildId: "1", query: "" });
// @ts-expect-error ids are texts, since numbers would lose digits
shard.requestGuildMembers({ guildId: 1, userIds: ["2"] });

// Errors, intents, version.
declare const error: unknown;
if (error instanceof ShardwireError) {
  error satisfies Error;
  error.code satisfies string;
  // @ts-expect-error a code that does not exist
  if (error.code === "nonsense") never(error);
}
(Intents.GUILDS | Intents.NON_PRIVILEGED) satisfies number;
// @ts-expect-error an intent that does not exist
Intents.GUILD;
version satisfies string;

// The entry for loading by hand is the same package.
load(new Uint8Array(8));
load(new ArrayBuffer(8));
load(await WebAssembly.compile(new Uint8Array(8)));
(await loadCodecs(new Uint8Array(8))) satisfies void;
// @ts-expect-error an address must be fetched first
load("shardwire.wasm");
same<typeof ManualShard, typeof Shard>(true);
// So is the one with the module inside.
same<typeof InlineShard, typeof Shard>(true);

// Discovery: what comes back depends on whether a token is shown.
same<Awaited<ReturnType<typeof discoverGateway>>, Gateway | BotGateway>(true);
(await discoverGateway({ token: "t" })) satisfies BotGateway;
(await discoverGateway({ token: "t" })).sessionStartLimit.resetAfterMs satisfies number;
const { url } = await discoverGateway({ url: new URL("http://127.0.0.1"), fetch, signal: AbortSignal.timeout(5) });
new Shard({ token: "t", intents: 0, url });
same<typeof DiscoverError, typeof ShardwireError>(true);
// @ts-expect-error only bots are told how many shards they need
(await discoverGateway()).shards;
// @ts-expect-error an option that does not exist
await discoverGateway({ tokens: ["t"] });

// Metrics of one shard, or of several.
toPrometheus(shard.info()) satisfies string;
toPrometheus([shard.info(), disposed.info()]) satisfies string;
// @ts-expect-error a snapshot has to be taken first
toPrometheus(shard);

// Events dealt out: what a subscriber reads depends on what happens when it is slow.
const broadcast = new Broadcast();
for await (const event of broadcast.subscribe()) same<typeof event, GatewayEvent>(true);
broadcast.subscribe({ capacity: 5 }, (event) => event.type === "dispatch") satisfies Subscription<GatewayEvent>;
for await (const event of broadcast.subscribe({ overflow: "drop-oldest" })) {
  if (event instanceof Lagged) event.dropped satisfies number;
  else same<typeof event, GatewayEvent>(true);
  if (event.type === "lagged") same<typeof event, Lagged>(true);
}
(await broadcast.run(shard, { signal: AbortSignal.timeout(5) })) satisfies void;
await new Demand<GatewayEvent<"bytes">>().run(bytes);
// @ts-expect-error the data of these is texts
await broadcast.run(bytes);
await using demanded = new Demand<string>({ capacity: 5 }).subscribe();
same<typeof demanded, Subscription<string>>(true);
const lossy = new Demand<string, "fail">({ overflow: "fail" });
(await lossy.subscribe().next()).value satisfies string | Lagged | undefined;
await lossy.run((async function* () {
  yield "text";
})());
const partition = new Partition(4, (event: GatewayEvent) => (event.type === "dispatch" ? event.data.guild_id : undefined));
same<ReturnType<typeof partition.subscribe>, Subscription<GatewayEvent> | null>(true);
partition satisfies Dispatcher<GatewayEvent>;
// @ts-expect-error no such way
broadcast.subscribe({ overflow: "wait" });
// @ts-expect-error a key is asked for
new Partition(4);
// @ts-expect-error only the package makes those
new Lagged(1);

// Stores of sessions: ours, and one's own.
memoryStore([]).load() satisfies Session[];
webStore().load() satisfies Session[];
webStore(sessionStorage, "mine:") satisfies SessionStore;
const stores: SessionStore[] = [
  fileStore("sessions.json"),
  indexedDbStore(),
  keyValueStore(new Map()),
  keyValueStore({ get: async () => null, set: async () => "OK", list: async () => ["key"] }, "mine:"),
  denoKvStore({ set: async () => ({ ok: true }), delete: async () => {}, async *list() {} }),
  { load: () => [], save: () => {}, remove: ([id, total]) => id < total },
];
(await stores[0]!.load())[0]?.sequence satisfies number | undefined;
await fileStore("sessions.json").save({ id: "s", sequence: 1, resumeUrl: null, shard: [0, 2] });
// @ts-expect-error a session is saved, not its text
stores[0]!.save("{}");
// @ts-expect-error nothing could be read
keyValueStore({ set: () => {} });

// Identify queues.
const ledger = new IdentifyLedger({
  limit: (await discoverGateway({ token: "t" })).sessionStartLimit,
  store: { load: () => null, save: (text) => void text.length },
  onError: (error, method) => console.error(error, method satisfies "load" | "save"),
});
ledger.remaining satisfies number;
await ledger.ready;
same<ManualLedger, IdentifyLedger>(true);
const { port1, port2 } = new MessageChannel();
same<ReturnType<typeof serveQueue>, () => void>(true);
serveQueue(ledger, port1, { onError: (error) => console.error(error) });
const queues: IdentifyQueue[] = [
  ledger,
  portQueue(port2),
  httpQueue("http://127.0.0.1:8585/", { fetch, headers: { authorization: "a" } }),
  { turn: async ([id, total]) => id < total },
  { turn: (_, signal) => fetch("https://turns.example", { signal }), identified: ([id], { withinMs = 0 } = {}) => id + withinMs },
];
new Shard({ token: "t", intents: 0, identifyQueue: queues[0]! });
(await queueHandler(ledger)(new Request("http://queue/"))) satisfies Response;
queueListener(queues[1]!, {});
// @ts-expect-error no such limit
new IdentifyLedger({ limit: { shards: 1 } });
// @ts-expect-error nobody could be asked
new Shard({ token: "t", intents: 0, identifyQueue: { identified: () => {} } });
// @ts-expect-error an answer that nobody can wait for
queues.push({ turn: () => true });
// @ts-expect-error a port, not its address
portQueue("http://127.0.0.1:8585/");

// A Durable Object, where Cloudflare's types are missing; `durable-types.ts` has them.
class Bot extends DurableShard<{ TOKEN: string }, "bytes"> {
  static override options(env: { TOKEN: string }) {
    return { token: env.TOKEN, intents: 0, raw: "bytes" as const, durable: { alarmMs: 30_000, saveEvents: 1 } };
  }
  override async onDispatch(event: DispatchEvent<"bytes">) {
    same<typeof event.raw, Uint8Array>(true);
    await this.ctx.storage.put("latest", event.sequence);
    await this.shard?.ready;
    this.env.TOKEN satisfies string;
    // @ts-expect-error nothing of Cloudflare's is known here
    this.ctx.storage.sql;
  }
}
class Turns extends DurableQueue<{ MOST: number }> {
  static override async options(env: { MOST: number }) {
    return { limit: { maxConcurrency: env.MOST } };
  }
}
declare const turns: Turns;
durableQueue(() => turns) satisfies IdentifyQueue;
turns.info() satisfies Promise<{ remaining: number; waiting: number }>;
// @ts-expect-error a stub that was taken away stays broken
durableQueue(turns);
declare const bot: Bot;
same<ReturnType<typeof bot.info>, Promise<DurableShardInfo>>(true);
same<ReturnType<typeof bot.stop>, Promise<Session | null>>(true);
bot.start({ shard: [0, 2] });
// @ts-expect-error expected a pair
bot.start({ shard: 0 });
// @ts-expect-error a signal does not get there
bot.updatePresence({ status: "idle" }, { signal: new AbortController().signal });
// @ts-expect-error options of no shard
class NoBot extends DurableShard {
  static override options() {
    return { token: 1 };
  }
}

// Fleets.
const fleet = new ShardManager({
  token: "t",
  intents: ["GUILDS"],
  shards: [0, "4-7", { start: 9, end: 10 }],
  total: 16,
  sessions: memoryStore(),
  identifyQueue: new IdentifyLedger({ limit: { maxConcurrency: 16 } }),
  presence: ([number]) => ({ status: number === 0 ? "online" : "idle" }),
});
for await (const event of fleet) {
  event.shardId satisfies number;
  if (event.type === "dispatch") event.raw satisfies string;
}
fleet.on("status", ({ status }) => status satisfies string);
(await fleet.stop(3, { keepSession: true })) satisfies Session | null;
(await fleet.shard(0)?.info())?.status satisfies string | undefined;
shardOf("1", 2) satisfies number;
new ShardManager<"bytes">({ token: "t", intents: 0, raw: "bytes", identifyQueue: httpQueue("http://127.0.0.1:1") });
// @ts-expect-error The fleet names its shards.
new ShardManager({ token: "t", intents: 0, shard: [0, 1] });
// @ts-expect-error No range.
new ShardManager({ token: "t", intents: 0, shards: ["x"] });
serveShards({ onDispatch: ({ name }, shard) => [name, shard.updatePresence({ status: "dnd" })], options: { tap: () => "pass" } });

import { joinFleet, serveFleet, type SharedFleet } from "shardwire/shared-worker";

const accept = serveFleet(async ({ token }: { token: string }) => new ShardManager({ token, intents: 0 }), { capacity: 100 });
const channel = new MessageChannel();
accept(channel.port1);
const shared: SharedFleet = joinFleet(channel.port2, { token: "" });
for await (const event of shared) {
  if (event.type === "notice") event.dropped satisfies number | undefined;
}
shared.on("MESSAGE_CREATE", (_, { shardId }) => shardId satisfies number);
shared.health().ready satisfies number;
(await shared.shard(0)?.info())?.status satisfies string | undefined;
await shared.forGuild("1").updatePresence({ status: "idle" }, { when: "now" });
(await shared.end({ keepSession: true })) satisfies Session[];
// @ts-expect-error A tab is given a function that makes the fleet.
serveFleet(new ShardManager({ token: "", intents: 0 }));
// @ts-expect-error It is read by way of the fleet.
shared.shard(0)?.nextBatch();

// @discordjs/ws, with what it would ask Discord's REST interface answered here.
import { CompressionMethod, WebSocketManager, WebSocketShardEvents } from "@discordjs/ws";
import { Meter, idleGauge, job } from "./meter.mjs";

const count = job.idle ?? 1;
const limit = { total: 2000, remaining: 2000, reset_after: 60_000, max_concurrency: count };
const manager = new WebSocketManager({
  token: "bench",
  intents: 0,
  shardCount: count,
  compression: { none: null, native: CompressionMethod.ZlibNative, sync: CompressionMethod.ZlibSync }[job.inflate],
  rest: { get: async () => ({ url: job.url, shards: count, session_start_limit: limit }) },
});
manager.on("error", (error) => console.error(error));
manager.on(WebSocketShardEvents.Error, (error) => console.error(error));
if (job.idle) {
  const isReady = idleGauge();
  manager.on(WebSocketShardEvents.Dispatch, () => isReady());
} else {
  const meter = new Meter();
  manager.on(WebSocketShardEvents.Dispatch, (payload) => meter.saw(payload.s));
}
await manager.connect();

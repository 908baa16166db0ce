// @discordeno/gateway, a shard of its own: its manager adds nothing to an event.
import { DiscordenoShard, TransportCompression } from "@discordeno/gateway";
import { Meter, idleGauge, job } from "./meter.mjs";

const count = job.idle ?? 1;
const meter = job.idle ? null : new Meter();
const isReady = job.idle ? idleGauge() : null;
const silent = () => {};
for (let id = 0; id < count; id += 1) {
  const shard = new DiscordenoShard({
    id,
    connection: {
      compress: false,
      intents: 0,
      properties: { os: "linux", browser: "bench", device: "bench" },
      token: "bench",
      totalShards: count,
      transportCompression: job.compression === "zlib-stream" ? TransportCompression.zlib : null,
      url: job.url,
      version: 10,
    },
    events: { message: (_, payload) => payload.t && (isReady ?? ((sequence) => meter.saw(sequence)))(payload.s) },
    logger: { debug: silent, info: silent, warn: console.error, error: console.error, fatal: console.error },
  });
  void shard.identify();
}

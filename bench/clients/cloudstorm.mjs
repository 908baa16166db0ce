// cloudstorm, with what it would ask Discord's REST interface answered here.
import { Client } from "cloudstorm";
import { Meter, idleGauge, job } from "./meter.mjs";

const count = job.idle ?? 1;
const limit = { total: 2000, remaining: 2000, reset_after: 60_000, max_concurrency: count };
const client = new Client("bench", {
  intents: 0,
  shards: "auto",
  ws: { compress: job.compression === "zlib-stream", encoding: "json" },
  snowtransferInstance: {
    bot: { getGatewayBot: async () => ({ url: job.url, shards: count, session_start_limit: limit }) },
  },
});
client.on("error", (error) => console.error(error));
if (job.idle) {
  const isReady = idleGauge();
  client.on("dispatch", () => isReady());
} else {
  const meter = new Meter();
  client.on("dispatch", (message) => meter.saw(message.s));
}
await client.connect();

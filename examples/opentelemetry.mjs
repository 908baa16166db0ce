// A shard's numbers as OpenTelemetry metrics: `DISCORD_TOKEN=… node examples/opentelemetry.mjs [url] [seconds]`.
//
// Nothing is counted here: each collection reads `shard.info()`. They are printed; in a program of yours another exporter takes
// the place of the console's. Needs the packages @opentelemetry/api and @opentelemetry/sdk-metrics.

import { metrics } from "@opentelemetry/api";
import { ConsoleMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { Shard } from "shardwire";

const [url, seconds = Infinity] = process.argv.slice(2);
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;
const shard = new Shard({ token: process.env.DISCORD_TOKEN, intents: ["GUILDS", "GUILD_MESSAGES"], WebSocket, ...(url && { url }) });

const reader = new PeriodicExportingMetricReader({ exporter: new ConsoleMetricExporter(), exportIntervalMillis: 60_000 });
const provider = new MeterProvider({ readers: [reader] });
metrics.setGlobalMeterProvider(provider);
observe(metrics.getMeter("shardwire"), shard);

const timer = seconds === Infinity ? undefined : setTimeout(() => shard.close(), seconds * 1000);
for await (const event of shard) {
  if (event.type === "stopped") console.error(event.reason.message);
}
clearTimeout(timer);
// Exports once more.
await provider.shutdown();

/** Instruments whose values are read from the shard whenever they are collected, all from one picture of it. */
function observe(meter, shard) {
  const latency = meter.createObservableGauge("shardwire.latency", { unit: "ms", description: "Newest round trip of a heartbeat" });
  const waiting = meter.createObservableGauge("shardwire.commands.waiting", { description: "Commands that wait for their turn" });
  const events = meter.createObservableCounter("shardwire.events", { description: "Dispatches by their name" });
  const counters = Object.keys(shard.info().counters).map((name) => [name, meter.createObservableCounter(`shardwire.${name}`)]);
  meter.addBatchObservableCallback(
    (observed) => {
      const info = shard.info();
      const labels = { shard: info.shard[0] };
      if (info.heartbeat.lastMs !== null) observed.observe(latency, info.heartbeat.lastMs, labels);
      observed.observe(waiting, info.commands.waiting, labels);
      for (const [name, counter] of counters) observed.observe(counter, info.counters[name], labels);
      for (const [event, count] of Object.entries(info.events)) observed.observe(events, count, { ...labels, event });
    },
    [latency, waiting, events, ...counters.map(([, counter]) => counter)],
  );
}

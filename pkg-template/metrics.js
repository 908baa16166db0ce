// What `shard.info()` gives, as the text that Prometheus reads: to the letter what the Rust crate's `prometheus` writes, which a
// test holds by a common example. Knows a few gauges by name; counters are taken as they are found.

/** Gauges in their order: name, what it is, and where the information has it. */
const GAUGES = [
  ["uptime_seconds", "Time since the shard was first started.", ({ uptimeMs }) => toSeconds(uptimeMs)],
  ["latency_seconds", "Newest round trip of a heartbeat.", ({ heartbeat }) => toSeconds(heartbeat.lastMs)],
  ["latency_average_seconds", "Mean round trip of heartbeats.", ({ heartbeat }) => toSeconds(heartbeat.averageMs)],
  ["commands_available", "Commands that could be sent now.", ({ commands }) => commands.available],
  ["commands_waiting", "Commands that wait for their turn.", ({ commands }) => commands.waiting],
  ["requests_open", "Requests whose answers are collected.", ({ commands }) => commands.openRequests],
];

/** Statuses in the order of a connection's life. */
const STATUSES = [
  "idle",
  "connecting",
  "awaiting-hello",
  "awaiting-identify",
  "identifying",
  "resuming",
  "ready",
  "disconnected",
  "closing",
  "stopped",
];

/** Described in `metrics.d.ts`. */
export function toPrometheus(infos) {
  const shards = [infos].flat();
  const lines = [];
  /** All samples of one metric must be together: `read` gives those of a shard as pairs of labels and value. */
  const family = (name, kind, help, read) => {
    lines.push(`# HELP shardwire_${name} ${help}`, `# TYPE shardwire_${name} ${kind}`);
    for (const info of shards) {
      for (const [labels, value] of read(info)) {
        lines.push(`shardwire_${name}${toLabels({ shard: info.shard[0], ...labels })} ${value}`);
      }
    }
  };
  for (const [name, help, read] of GAUGES) {
    family(name, "gauge", help, (info) => [[{}, read(info)]].filter(([, value]) => value !== null));
  }
  const isIt = ({ status }) => STATUSES.map((each) => [{ status: each }, Number(each === status)]);
  family("status", "gauge", "1 for what the shard is doing.", isIt);
  for (const key of Object.keys(shards[0]?.counters ?? {}).sort()) {
    const name = toSnake(key);
    const help = `Counted since the start: ${name.replaceAll("_", " ")}.`;
    family(`${name}_total`, "counter", help, ({ counters }) => [[{}, counters[key]]]);
  }
  const counts = ({ events }) => Object.entries(events).map(([event, count]) => [{ event }, count]);
  family("events_total", "counter", "Dispatches by their name.", counts);
  return lines.map((line) => `${line}\n`).join("");
}

/** What is not known yet is `null`. */
function toSeconds(millis) {
  return millis === null ? null : millis / 1000;
}

function toSnake(camel) {
  return camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A server may call its events anything. */
function toLabels(labels) {
  const escape = (value) => String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`).join(",")}}`;
}

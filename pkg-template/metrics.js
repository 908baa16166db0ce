// What `shard.info()` gives, as the text that Prometheus reads. Knows a few gauges by name; counters are taken as they are found.

/** Gauges, by name: what it is, and where the information has it. */
const GAUGES = {
  shardwire_latency_seconds: ["Newest round trip of a heartbeat.", ({ heartbeat }) => toSeconds(heartbeat?.lastMs)],
  shardwire_commands_available: ["Commands that could be sent at once.", ({ commands }) => commands?.available],
  shardwire_commands_waiting: ["Commands that wait for their turn.", ({ commands }) => commands?.waiting],
};

/** Described in `metrics.d.ts`. */
export function toPrometheus(infos) {
  /** Lines of samples by name of metric: all of one metric must be together. */
  const metrics = new Map();
  for (const info of [infos].flat()) {
    const shard = info.shard[0];
    const add = (name, kind, help, labels, value) => {
      if (!Number.isFinite(value)) return;
      if (!metrics.has(name)) metrics.set(name, [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`]);
      metrics.get(name).push(`${name}${toLabels({ shard, ...labels })} ${value}`);
    };
    add("shardwire_status", "gauge", "1 for what the shard is doing.", { status: info.status }, 1);
    for (const [name, [help, read]] of Object.entries(GAUGES)) add(name, "gauge", help, {}, read(info));
    for (const [key, value] of Object.entries(info.counters)) {
      const name = `shardwire_${toSnake(key)}_total`;
      const help = `Counter ${key} of the shard.`;
      if (typeof value === "number") add(name, "counter", help, {}, value);
      // A counter for each name of an event.
      else for (const [each, count] of Object.entries(value ?? {})) add(name, "counter", help, { event: each }, count);
    }
  }
  return [...metrics.values()].flat().map((line) => `${line}\n`).join("");
}

function toSeconds(millis) {
  return typeof millis === "number" ? millis / 1000 : undefined;
}

function toSnake(camel) {
  return camel.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function toLabels(labels) {
  const escape = (value) => String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`).join(",")}}`;
}

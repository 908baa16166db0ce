// What may differ between hosts, and why: everything that is not compared to the letter stands here. Short on purpose.

const NATIVE = "native";

/** `scenarios` that a host does not play. */
export const UNPLAYED = [
  {
    host: NATIVE,
    scenarios: ["slow-reader", "slow-reader-dropping", "slow-reader-failing"],
    why: "A native shard has no line of events that could fill up: it reads the socket no faster than its user reads it.",
  },
];

/** What `forget` takes out of `{ clients, server }`, of every host. */
export const EXCEPTIONS = [
  {
    what: "the property `os` of identify, and with it the bytes sent",
    why: "It names the operating system, which a page or a worker is not told.",
    forget({ clients, server }) {
      for (const visit of server.visits) visit.messages = visit.messages.map((text) => text.replace(/("os":)"\w*"/, '$1"OS"'));
      for (const counters of countersOf(clients)) delete counters.sentBytes;
      for (const { properties } of clients.flatMap(({ hooks }) => hooks.beforeConnect ?? [])) {
        if (properties.browser === "shardwire") delete properties.os;
      }
    },
  },
  {
    what: "`info().peer`",
    why: "The address of the other end is known to the native transport alone; no JavaScript host tells it.",
    forget({ clients }) {
      for (const info of infosOf(clients)) delete info.peer;
    },
  },
  {
    what: "the close code after a message above `limits.messageBytes`",
    why: "The native WebSocket refuses such a message by its head and closes with 1009 by itself; others close with 4000.",
    forget({ server }) {
      for (const { end } of server.visits) if (end.code === 1009) end.code = 4000;
    },
  },
];

function infosOf(clients) {
  return clients.flatMap(({ info, notes }) => [info, ...Object.values(notes)]).filter(Boolean);
}

function countersOf(clients) {
  return infosOf(clients).map(({ counters }) => counters);
}

export const isPlayed = (host, scenario) => !UNPLAYED.some((it) => it.host === host && it.scenarios.includes(scenario));

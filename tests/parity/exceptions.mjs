// What may differ between hosts, and why: everything that is not compared to the letter stands here. Short on purpose.

const NATIVE = "native";

/** `scenarios` that a host does not play. */
export const UNPLAYED = [];

/** What `forget` takes out of `{ clients, server }`, of every host. */
export const EXCEPTIONS = [
  {
    what: "the property `os` of identify, and with it the bytes sent",
    why: "It names the operating system, which a page or a worker is not told.",
    forget({ clients, server }) {
      for (const visit of server.visits) visit.messages = visit.messages.map((text) => text.replace(/("os":)"\w*"/, '$1"OS"'));
      for (const counters of countersOf(clients)) delete counters.sentBytes;
    },
  },
  {
    what: "`info().peer`",
    why: "The address of the other end is known to the native transport alone; no JavaScript host tells it.",
    forget({ clients }) {
      for (const info of infosOf(clients)) delete info.peer;
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

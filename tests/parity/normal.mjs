// Takes out of a transcript what differs between any two runs: ports, times, what a process chose by chance. Knows no host.

/** Spans, and what depends on them; and sizes that depend on the digits of a port. */
const OF_THE_MOMENT = new Set([
  "ackedAgoMs",
  "averageMs",
  "historyMs",
  "lastMs",
  "nextInMs",
  "nextPresenceInMs",
  "resetAfterMs",
  "retryInMs",
  "roundTripMs",
  "sentAgoMs",
  "uptimeMs",
  "wireBytes",
]);
/** What heartbeats add to; how many there are is a matter of time. */
const OF_HEARTBEATS = new Set(["heartbeat", "heartbeats", "inflatedBytes", "messages", "sentBytes", "sentMessages"]);

/** In texts within texts, quotes have backslashes before them. */
const REPLACEMENTS = [
  [/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT"],
  [/(nonce\\*":\\*")[0-9a-f]{8}\./g, "$1CHANCE."],
  [/(retry_after\\*":)[\d.]+/g, "$1SPAN"],
];

/** `{ clients, server }` as it is compared; with `beats` without heartbeats. */
export function normal({ clients, server }, beats) {
  const seen = clients.map((client) => normalClient(client, beats));
  return { clients: seen, server: replaced(beats ? withoutBeats(server) : server) };
}

function normalClient(client, beats) {
  const events = beats ? client.events.filter(({ type }) => type !== "heartbeat") : client.events;
  const isKept = (key) => !OF_THE_MOMENT.has(key) && !(beats && OF_HEARTBEATS.has(key));
  return replaced(
    JSON.parse(JSON.stringify({ ...client, events: events.map(withoutHostsWords) }), function keep(key, value) {
      return Array.isArray(this) || isKept(key) ? value : undefined;
    }),
  );
}

/** Of a socket that failed, each host says something else, and most say nothing. */
function withoutHostsWords(event) {
  if (event.fault?.code !== "transport") return event;
  return { ...event, fault: { code: event.fault.code } };
}

function withoutBeats({ visits, ...rest }) {
  const isBeat = (message) => message.startsWith('{"op":1,');
  const withoutBeats = (visit) => ({ ...visit, messages: visit.messages.filter((message) => !isBeat(message)) });
  return { ...rest, visits: visits.map(withoutBeats) };
}

function replaced(value) {
  const text = REPLACEMENTS.reduce((text, [from, to]) => text.replaceAll(from, to), JSON.stringify(value));
  return JSON.parse(text);
}

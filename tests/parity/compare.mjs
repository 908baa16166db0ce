// Compares how one scenario went in all hosts, and says where it went differently. Knows neither hosts nor scenarios.

import { EXCEPTIONS } from "./exceptions.mjs";
import { normal } from "./normal.mjs";

/** Lines of a difference that are shown: before it, and from it on. */
const BEFORE = 4;
const SHOWN = 12;
const LONGEST_LINE = 400;

/** `rows` are `{ host, clients, server }`, `{ host, error }` or `{ host, unplayed }`. Gives the hosts that agree, and texts. */
export function compare({ name, beats }, rows) {
  const differences = [];
  const differ = (host, text) => differences.push(`${name} in ${host}: ${text}`);
  const groups = new Map();
  for (const { host, clients, server, error, unplayed } of rows) {
    if (unplayed) continue;
    const fault = error ? error.stack : flawOf(clients, server);
    if (fault) {
      differ(host, fault);
      continue;
    }
    const row = normal({ clients, server }, beats);
    for (const { forget } of EXCEPTIONS) forget(row);
    const text = JSON.stringify(sorted(row), null, 1);
    groups.set(text, [...(groups.get(text) ?? []), host]);
  }
  // What most saw is taken for right: the difference is then told of the others.
  const [expected, ...others] = [...groups].sort(([, a], [, b]) => b.length - a.length);
  for (const [text, hosts] of others) {
    differ(hosts.join(", "), `not what ${expected[1].join(", ")} saw\n${firstDifference(expected[0], text)}`);
  }
  return { agreeing: expected?.[1] ?? [], differences };
}

/** What no host may do, though all did. */
function flawOf(clients, server) {
  const undone = clients.flatMap(({ undone }) => undone);
  if (undone.length > 0) return `acts never came due: ${JSON.stringify(undone)}`;
  if (clients.some(({ outcomes }) => Object.values(outcomes).flat().includes("open"))) return "something was never settled";
  if (server.faultsWaiting > 0) return `${server.faultsWaiting} faults of the script never struck`;
  if (server.visits.some(({ end }) => end === null)) return "a connection was left open";
  return null;
}

/** Objects with their keys in order, as each language has its own. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function firstDifference(expected, got) {
  const [ours, theirs] = [expected.split("\n"), got.split("\n")];
  const at = ours.findIndex((line, index) => line !== theirs[index]);
  const from = at < 0 ? ours.length : at;
  const shown = (sign, lines) => lines.slice(from, from + SHOWN).map((line) => `${sign} ${clipped(line)}`);
  const before = ours.slice(Math.max(0, from - BEFORE), from).map((line) => `  ${clipped(line)}`);
  return [...before, ...shown("-", ours), ...shown("+", theirs)].join("\n");
}

function clipped(line) {
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}… (${line.length})` : line;
}

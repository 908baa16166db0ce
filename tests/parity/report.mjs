// Writes docs/parity.md. The text has no dates and no times: it changes only if the results do.

import { readFile, writeFile } from "node:fs/promises";

import { EXCEPTIONS, UNPLAYED } from "./exceptions.mjs";

const PATH = new URL("../../docs/parity.md", import.meta.url);
/** The line with the versions, which other machines have others of. */
const VERSIONS = /^Versions: .*$/m;

export function toMarkdown(results, hosts) {
  const names = hosts.map(({ name }) => name);
  const played = results.reduce((sum, { agreeing }) => sum + agreeing.length, 0);
  const different = results.reduce((sum, { differences }) => sum + differences.length, 0);
  const verdict = different === 0 ? "no difference" : `${different} differences`;
  return `# Parity

Written by \`cargo xtask parity\`; what it does is told in [tests/parity](../tests/parity/README.md).

Each scenario is played in each host against a mock gateway of its own. What the user saw (events with their texts,
outcomes, answers, counters, sessions) and what the server saw (connections, messages, close codes) must be the same in all of
them, byte for byte. Where a scenario has several clients, each plays in the host to the right of the one before, the last
column followed by the first: so each host resumes sessions of another.

${results.length} scenarios in ${hosts.length} hosts: ${played} plays, ${played - results.length} comparisons, ${verdict}.

Versions: ${hosts.map(({ name, version }) => `${name} ${version}`).join("; ")}.

| Scenario | ${names.join(" | ")} |
| --- |${" --- |".repeat(names.length)}
${results.map((result) => row(result, names)).join("\n")}

\`=\`: the same as in the others. \`–\`: not played, see below.

## Exceptions

Not compared, or not played:

${EXCEPTIONS.map(({ what, why }) => `- ${what}: ${why}`).join("\n")}
${UNPLAYED.map(({ host, scenarios, why }) => `- ${scenarios.join(", ")} in ${host}: ${why}`).join("\n")}

What differs between any two runs is replaced or left out before: ports, tokens, spans of time, the chance part of nonces,
what a host says about a socket that failed, and, in the scenarios with heartbeats, how many of these there were.
`;
}

function row({ scenario: { name, about }, agreeing }, names) {
  const cell = (host) => {
    if (agreeing.includes(host)) return "=";
    return UNPLAYED.some((it) => it.host === host && it.scenarios.includes(name)) ? "–" : "**≠**";
  };
  return `| ${name}: ${about} | ${names.map(cell).join(" | ")} |`;
}

export async function write(text) {
  await writeFile(PATH, text);
}

export async function agreesWith(text) {
  const there = await readFile(PATH, "utf8").catch(() => "");
  return there.replace(VERSIONS, "") === text.replace(VERSIONS, "");
}

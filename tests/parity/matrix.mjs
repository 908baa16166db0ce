// Plays every scenario in every host and compares what users and servers saw. `--host NAME` and `--scenario NAME`, each as
// often as you like, choose some; `--check` writes nothing and fails if docs/parity.md is not what would be written.

import { parseArgs } from "node:util";

import { compare } from "./compare.mjs";
import { isPlayed } from "./exceptions.mjs";
import { withGateway } from "./gateway.mjs";
import { HOSTS } from "./hosts/index.mjs";
import { agreesWith, toMarkdown, write } from "./report.mjs";
import { readScenarios } from "./scenario.mjs";

/** Plays at once, in one host and in all: most of a play is waiting. */
const AT_ONCE_IN_A_HOST = 8;
const AT_ONCE = 48;
/** More than a play gives itself. */
const PATIENCE_MS = 120_000;

const { values: options } = parseArgs({
  options: {
    host: { type: "string", multiple: true, default: [] },
    scenario: { type: "string", multiple: true, default: [] },
    check: { type: "boolean", default: false },
  },
});
// Each gateway that runs listens for the end of this process.
process.setMaxListeners(AT_ONCE + 16);
const isAll = options.host.length === 0 && options.scenario.length === 0;

const scenarios = choose(await readScenarios(), options.scenario, "scenario");
const hosts = choose(HOSTS, options.host, "host");
const playing = [];
let failures = 0;
try {
  for (const host of hosts) playing.push({ name: host.name, limit: limiter(AT_ONCE_IN_A_HOST), ...(await startOf(host)) });
  const limit = limiter(AT_ONCE);
  const results = await Promise.all(scenarios.map((scenario) => limitAll(scenario, limit)));
  await finish(results);
} finally {
  await Promise.all(playing.map(({ stop }) => stop()));
}
// What was given up may still hold this process.
process.exit(failures > 0 ? 1 : 0);

function choose(all, names, what) {
  for (const name of names) {
    if (!all.some((it) => it.name === name)) {
      throw new Error(`expected a ${what} out of ${all.map(({ name }) => name).join(", ")}; got ${name}`);
    }
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

async function startOf(host) {
  const started = performance.now();
  const { version, play, stop } = await host.start();
  console.log(`${host.name} ${version} started in ${Math.round(performance.now() - started)} ms`);
  return { version, play, stop };
}

/** One scenario, begun in each host. */
async function limitAll(scenario, limit) {
  const rows = await Promise.all(
    playing.map(({ name }, first) =>
      isPlayed(name, scenario.name) ? limit(() => attempt(scenario, first)) : { host: name, unplayed: true },
    ),
  );
  const result = { scenario, ...compare(scenario, rows) };
  failures += result.differences.length;
  console.log(`${result.differences.length === 0 ? "same" : "DIFFERENT"} ${scenario.name}`);
  for (const text of result.differences) console.log(text);
  return result;
}

async function attempt(scenario, first) {
  const host = playing[first].name;
  try {
    const played = withGateway(scenario, (url) => playAll(scenario, first, url));
    return { host, ...(await within(played, `the play that begins in ${host}`, scenario.clients.length + 1)) };
  } catch (error) {
    return { host, error };
  }
}

/** Each client plays in the next host, so that sessions wander through all of them. */
async function playAll(scenario, first, url) {
  // Shards of one bot in one host would wait for each other's identify.
  const token = `MTA0.parity.${crypto.randomUUID()}`;
  const transcripts = [];
  let session = null;
  for (const [nth, plan] of scenario.clients.entries()) {
    const { name, limit, play } = playing[(first + nth) % playing.length];
    const transcript = await limit(() => within(play({ plan, url, token, session }), `a client in ${name}`));
    transcripts.push(transcript);
    session = transcript.session;
  }
  return transcripts;
}

async function finish(results) {
  console.log(`${results.length} scenarios, ${playing.length} hosts, ${failures} differences`);
  if (!isAll) return;
  const text = toMarkdown(results, playing);
  if (!options.check) return write(text);
  if (!(await agreesWith(text))) {
    console.log("docs/parity.md is not what was seen; run `cargo xtask parity` and commit it");
    failures++;
  }
}

/** A play ends by itself; a host that lost it does not say so, and nor does a gateway. */
async function within(work, what, times = 1) {
  let alarm;
  const silence = new Promise((_, reject) => {
    alarm = setTimeout(() => reject(new Error(`no word of ${what}`)), PATIENCE_MS * times);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(alarm);
  }
}

/** Lets so many run at once, first come, first served. */
function limiter(most) {
  const waiting = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

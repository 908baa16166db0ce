// Reads the corpus and checks it: a key that means nothing is an error, as it would be overlooked. Plays nothing.

import { readdir, readFile } from "node:fs/promises";

import { COMMANDS, QUESTIONS } from "./play.mjs";

const FOLDER = new URL("scenarios/", import.meta.url);
const GATEWAY = [
  "events",
  "guilds",
  "heartbeatInterval",
  "identifySpacing",
  "maxConcurrency",
  "members",
  "rate",
  "replay",
  "script",
  "seed",
  "zstdFrames",
];
/** Own events that have no more to their name than their type. */
const PLAIN = ["start", "disconnected", "resumed", "heartbeat", "stopped"];
const HAPPENING = new RegExp(
  `^(${PLAIN.join("|")}|dispatch [A-Z0-9_]+|sequence \\d+|status [a-z-]+|notice [a-z-]+|settled \\w+)$`,
);
const STEERING = ["discoverGateway", "abort", "note", "hold", "close", "disconnect", "reconnect", "resetCounters"];

/** Short, so that failures cost no time. */
const PATIENCE = { backoffFirst: 20, backoffLongest: 200 };
/** The widest that fits a host's timer: what is chosen by chance within it will not come. */
const NEVER_MS = 2_000_000_000;

/** All scenarios as `{ name, about, gateway, beats, clients }`, by name, with what they leave out filled in. */
export async function readScenarios() {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".json")).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(new URL(file, FOLDER), "utf8");
      try {
        return complete(file.slice(0, -".json".length), JSON.parse(text));
      } catch (error) {
        throw new Error(`${file}: ${error.message}`, { cause: error });
      }
    }),
  );
}

/** One of them, checked. */
export function complete(name, scenario) {
  only(scenario, ["about", "gateway", "beats", "clients"], "a scenario");
  const { about, gateway = {}, beats = false, clients } = scenario;
  if (!/^[A-Z].*\.$/s.test(about ?? "")) throw new Error("expected `about` to be a sentence");
  only(gateway, GATEWAY, "gateway");
  if (!Array.isArray(clients) || clients.length === 0) throw new Error("expected `clients`");
  if (!beats && gateway.heartbeatInterval) throw new Error("expected `beats` where there is an interval");
  return {
    name,
    about,
    gateway: { guilds: 1, members: 3, rate: 0, heartbeatInterval: NEVER_MS, identifySpacing: 0, ...gateway },
    beats,
    clients: clients.map((plan, nth) => completePlan(plan, nth)),
  };
}

function completePlan(plan, nth) {
  only(plan, ["options", "hooks", "session", "data", "acts"], "a client");
  const { options = {}, hooks = {}, session = false, data = false, acts = [] } = plan;
  only(hooks, ["presence", "beforeConnect", "tap"], "hooks");
  for (const rule of hooks.tap ?? []) only(rule, ["contains", "answer"], "a rule of the tap");
  if (session && nth === 0) throw new Error("expected no session for the first client");
  for (const { on, do: calls, ...others } of acts) {
    only(others, [], "an act");
    for (const [what, times] of Object.entries(on)) {
      if (!HAPPENING.test(what)) throw new Error(`nothing happens that is called \`${what}\``);
      if (!(Number.isInteger(times) && times > 0)) throw new Error(`expected how often \`${what}\` happens`);
    }
    if (Object.keys(on).length === 0 || calls.length === 0) throw new Error("expected `on` and `do` to hold something");
    calls.forEach(checkCall);
  }
  const full = { intents: 0, ...options, patience: { ...PATIENCE, ...options.patience } };
  return { options: full, hooks, session, data, acts };
}

function checkCall({ call, ...rest }) {
  const isOneOf = (...lists) => lists.flat().includes(call);
  if (!isOneOf(COMMANDS, QUESTIONS, STEERING)) throw new Error(`there is no call \`${call}\``);
  const known = ["with"];
  if (isOneOf(COMMANDS, QUESTIONS, "discoverGateway")) known.push("as");
  if (isOneOf(COMMANDS, QUESTIONS)) known.push("how");
  if (isOneOf(COMMANDS)) known.push("times");
  only(rest, known, call);
  if (rest.with !== undefined && !Array.isArray(rest.with)) throw new Error(`expected arguments as a list for ${call}`);
}

function only(object, known, what) {
  const odd = Object.keys(object).find((key) => !known.includes(key));
  if (odd !== undefined) throw new Error(`there is no \`${odd}\` in ${what}`);
}

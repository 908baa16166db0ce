// Runs the client away from the page's thread, where hidden tabs do not slow timers down. Owns the shard and the token.
// Must never know the page's DOM, and must never hand the token to anything but the client.

import { Desk } from "./model/desk.js";
import { Questions } from "./model/questions.js";

const BATCH_MS = 50;
const QUIET_MS = 500;

const loading = load();
const desk = new Desk();
const questions = new Questions();
/** The running shard, the options (and so the token) that it was made from, and the loop that reads it. */
let current = null;
/** Sums of the counters of earlier shards, so that a resume does not set the page's numbers back. */
let carried = {};
let moments = [];
let isDirty = false;
let sentAt = 0;

loading.then(
  ({ version }) => postMessage({ type: "loaded", version }),
  (error) => postMessage({ type: "failed", message: String(error?.message ?? error) }),
);
setInterval(flush, BATCH_MS);
self.onunhandledrejection = ({ reason }) => postMessage({ type: "broken", message: String(reason?.message ?? reason) });

const HANDLERS = {
  connect: ({ options }) => start(options),
  reconnect: () => current?.shard.reconnect(),
  resume,
  close: () => current?.shard.close(),
  command,
  filter: ({ typed, number }) => postMessage({ type: "list", ...desk.filter(typed, number) }),
  hold: ({ isHeld }) => {
    const list = desk.hold(isHeld);
    if (list) postMessage({ type: "list", ...list });
  },
  pin: ({ id, isPinned }) => desk.pin(id, isPinned),
  detail: ({ id }) => postMessage({ type: "detail", id, ...(desk.detail(id) ?? { isGone: true }) }),
  previews: ({ ids }) => postMessage({ type: "previews", items: desk.previews(ids) }),
};
self.onmessage = ({ data }) => HANDLERS[data.type](data);

/** The package, and the codecs for whoever chooses them; their module is loaded when one does. */
async function load() {
  const names = ["entry/browser.js", "wasm/browser-codecs.js"];
  const [entry] = await Promise.all(names.map((name) => import(`./vendor/shardwire/${name}`)));
  return entry;
}

/** A new shard in place of the old one, if its options are right. The old one's last events come first. */
async function start(options) {
  const { Shard } = await loading;
  const shard = attempt("connect", () => new Shard(options));
  if (!shard) return;
  await current?.shard.close();
  await current?.reading;
  carried = counters();
  addMoment({ type: "started", isResuming: Boolean(options.session) });
  current = { shard, options, reading: read(shard) };
}

/** Ends the connection but not the session, and takes the session up again. */
async function resume() {
  if (!current) return;
  const { shard, options } = current;
  const session = await shard.close({ keepSession: true });
  await start({ ...options, session: session ?? undefined });
}

async function read(shard) {
  try {
    for (let events = await shard.nextBatch(); events.length > 0; events = await shard.nextBatch()) {
      const at = Date.now();
      for (const event of events) take(event, at);
      isDirty = true;
    }
  } catch (error) {
    // The codecs could not be loaded.
    refuse("connect", error);
  }
}

function take(event, at) {
  if (event.type !== "dispatch") {
    moments.push({ ...event, at });
    return;
  }
  const eventId = desk.add(event, at);
  if (event.name === "READY") postMessage({ type: "known", guilds: JSON.parse(event.raw).guilds?.map(({ id }) => id) ?? [] });
  const question = questions.match(event.name, () => JSON.parse(event.raw));
  if (question) addMoment({ type: "answer", questionId: question.id, eventId, name: event.name, raw: event.raw });
}

function command({ id, kind, argument, opcode, data }) {
  if (!current) return;
  const { shard } = current;
  const calls = {
    presence: () => shard.updatePresence(argument),
    voice: () => shard.updateVoiceState(argument),
    members: () => shard.requestGuildMembers(argument),
    raw: () => shard.send(opcode, argument),
  };
  questions.ask({ id, opcode, data }, Date.now());
  // Refused at once, or when the shard ends before it was sent.
  attempt(id, calls[kind])?.catch((error) => refuse(id, error));
}

/** Runs what may be refused, and tells the page about a refusal. */
function attempt(subject, act) {
  try {
    return act();
  } catch (error) {
    refuse(subject, error);
    return undefined;
  }
}

function refuse(subject, { code, message }) {
  postMessage({ type: "refused", subject, code, message });
}

function addMoment(moment) {
  moments.push({ ...moment, at: Date.now() });
  isDirty = true;
}

/** Sums over all shards of this page's life. */
function counters() {
  const own = current?.shard.info().counters ?? {};
  const names = new Set([...Object.keys(carried), ...Object.keys(own)]);
  return Object.fromEntries([...names].map((name) => [name, (carried[name] ?? 0) + (own[name] ?? 0)]));
}

function flush() {
  const now = Date.now();
  if (!current || (!isDirty && now - sentAt < QUIET_MS)) return;
  const snapshot = { ...current.shard.info(), counters: counters() };
  postMessage({ type: "batch", at: now, snapshot, moments, ...desk.takeFresh() });
  moments = [];
  isDirty = false;
  sentAt = now;
}

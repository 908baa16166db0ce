// Checks what users pass in, options and commands, and lays it out flat for Rust: in arrays, in the order in which
// `src/web/convert.rs` and `src/web/command.rs` take it from them. Knows the form of each thing. What a configuration or a
// command has to be beyond that, Rust checks, as it does for natives.

import { ShardwireError } from "./error.js";
import { bitsOf } from "./intents.js";

const BAD_OPTIONS = "bad-options";
const BAD_COMMAND = "bad-command";
const BAD_HOOK = "bad-hook";

const fail = (code, message) => {
  throw new ShardwireError(code, message);
};

/**
 * The fields of `object` as `kinds` reads them, in its order. A kind gets the value, `undefined` if there is none, a function
 * that refuses it, the code of refusals and the name of the field.
 */
function layOut(object, kinds, code, key) {
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    fail(code, `expected ${key ?? "an object"} to be an object`);
  }
  for (const name of Object.keys(object)) {
    if (!Object.hasOwn(kinds, name)) fail(code, `expected only documented options and not ${name}`);
  }
  const path = key === undefined ? "" : `${key}.`;
  return Object.entries(kinds).map(([name, kind]) => {
    const refuse = (expected) => fail(code, `expected ${path}${name} ${expected}`);
    return kind(object[name] ?? undefined, refuse, code, name);
  });
}

const isText = (value) => typeof value === "string";
const isWhole = (value, most = Infinity) => Number.isSafeInteger(value) && value >= 0 && value <= most;
const U32 = 0xffff_ffff;

const kind = (fits, expected) => (value, refuse) => (value === undefined || fits(value) ? value : refuse(expected));
const text = kind(isText, "to be a text");
/** A copy, as Rust takes arrays apart. */
const copied = (kind) => (value, refuse) => kind(value, refuse)?.slice();
const texts = copied(kind((value) => Array.isArray(value) && value.every(isText), "to be an array of texts"));
const flag = kind((value) => typeof value === "boolean", "to be true or false");
const callable = kind((value) => typeof value === "function", "to be a function or a class");
const upTo = (most) => kind((value) => isWhole(value, most), "to be a whole number within its range");
const number = upTo(U32);
const whole = upTo();
const isPair = (value) => Array.isArray(value) && value.length === 2 && value.every((part) => isWhole(part, U32));
const pair = copied(kind(isPair, "to be a pair of whole numbers"));

const given = (kind) => (value, refuse, ...rest) => kind(value === undefined ? refuse("to be given") : value, refuse, ...rest);
/** One of these, as its place among them. */
const oneOf = (values, expected) => (value, refuse) => {
  if (value === undefined) return undefined;
  const place = values.indexOf(value);
  return place < 0 ? refuse(expected) : place;
};
const inner = (kinds) => (value, _, code, name) => (value === undefined ? value : layOut(value, kinds, code, name));
/** All of these fields are of one kind. */
const all = (kind, ...names) => Object.fromEntries(names.map((name) => [name, kind]));

const ACTIVITY = { name: given(text), type: given(upTo(5)), state: text, url: text };
const STATUSES = ["online", "idle", "dnd", "invisible"];
const status = oneOf(STATUSES, "to be online, idle, dnd or invisible");
const PRESENCE = {
  status: (value, refuse) => status(value ?? "", refuse),
  activities: (value = [], refuse, code, name) => {
    if (!Array.isArray(value)) refuse("to be an array");
    return value.map((activity) => layOut(activity, ACTIVITY, code, name));
  },
  since: whole,
  afk: flag,
};

/** Who is idle has been so from now on, unless it is said otherwise: Discord shows nothing without it. */
function layOutPresence(presence, code, key) {
  const [status, activities, since, afk] = layOut(presence, PRESENCE, code, key);
  const goesIdle = STATUSES[status] === "idle" && since === undefined;
  return [status, activities, goesIdle ? Date.now() : since, afk ?? goesIdle];
}

/** What a hook left behind, laid out. A refusal is told as its sentence, like something that was thrown. */
function heed(lay, ...args) {
  try {
    return lay(...args);
  } catch (error) {
    throw error.message;
  }
}

const properties = inner(all(text, "os", "browser", "device"));
const ignored = (value) => value;
const PLAN = { url: given(text), properties, isResume: ignored, attempt: ignored, shard: ignored };

const planner = (hook) => hook && ((url, os, browser, device, isResume, attempt, shard) => {
  const plan = { url, properties: { os, browser, device }, isResume, attempt, shard };
  hook(plan);
  return heed(layOut, plan, PLAN, BAD_HOOK);
});

const SESSION = { id: given(text), sequence: given(whole), resumeUrl: text, shard: given(pair), userId: text };
const FILTER = inner({ only: texts, except: texts });
const LIMITS = [
  "waitingCommands",
  "commandBytes",
  "messageBytes",
  "inflatedBytes",
  "openRequests",
  "answerBytes",
  "waitingBytes",
  "waitingEvents",
];
const SPANS = ["connect", "hello", "ready", "resumed", "close", "backoffFirst", "backoffLongest"];

const NO_WEBSOCKET = "expected a global WebSocket, or the option WebSocket with a class such as that of the package ws";

const OPTIONS = {
  token: (value) => (isText(value) ? value : fail("bad-token", "expected a bot token as text")),
  intents: (value) => {
    if (isWhole(value)) return value;
    if (!Array.isArray(value) || !value.every(isText)) {
      fail("bad-intents", "expected intents as a whole number or an array of names");
    }
    const bits = (name) => bitsOf(name) ?? fail("bad-intents", `expected names of intents, got ${name}`);
    return value.reduce((union, name) => union | bits(name), 0);
  },
  url: text,
  shard: pair,
  allowInsecure: flag,
  keepUrl: flag,
  encoding: oneOf(["json", "etf"], "to be json or etf"),
  compression: oneOf(["none", "payload", "zlib-stream", "zstd-stream"], "to be none, payload, zlib-stream or zstd-stream"),
  filter: (value, refuse, code, name) => {
    const lists = FILTER(value, refuse, code, name);
    if (lists && (lists[0] === undefined) === (lists[1] === undefined)) {
      fail(code, "expected filter.only or except to be given, one of them");
    }
    return lists;
  },
  largeThreshold: upTo(0xffff),
  capabilities: whole,
  version: upTo(0xff),
  properties,
  limits: inner(all(number, ...LIMITS)),
  overflow: oneOf(["pause", "drop-oldest", "fail"], "to be pause, drop-oldest or fail"),
  raw: oneOf(["text", "bytes"], "to be text or bytes"),
  patience: inner(all(number, ...SPANS, "resumeHostFailures", "resumeFailures")),
  presence: (value, _, code, name) => {
    if (value === undefined) return value;
    if (typeof value !== "function") return layOutPresence(value, code, name);
    return (shard) => heed(layOutPresence, value(shard), BAD_HOOK);
  },
  beforeConnect: (value, refuse) => planner(callable(value, refuse)),
  tap: callable,
  debug: oneOf([false, true, "payloads"], 'to be true, false or "payloads"'),
  session: inner(SESSION),
  WebSocket: (value, refuse) => {
    const constructor = callable(value, refuse) ?? globalThis.WebSocket;
    return typeof constructor === "function" ? constructor : fail("websocket-missing", NO_WEBSOCKET);
  },
  // Heeded by `index.js`.
  lifecycle: flag,
  identifyStore: inner(all(given(callable), "load", "save")),
  identifyQueue: kind((value) => typeof value?.turn === "function", "to have a method turn"),
};

export const layOutOptions = (options) => layOut(options, OPTIONS, BAD_OPTIONS);

/** Opcodes of the commands that have methods. */
export const PRESENCE_UPDATE = 3;
export const VOICE_STATE_UPDATE = 4;
export const REQUEST_GUILD_MEMBERS = 8;
export const REQUEST_SOUNDBOARD_SOUNDS = 31;
export const REQUEST_CHANNEL_INFO = 43;

const guildId = given(text);
const FIELDS = ["status", "voice_start_time"];
const field = oneOf(FIELDS, "to be status and voice_start_time");
const fields = (value, refuse) => texts(value, refuse)?.map((name) => field(name, refuse));
const REQUESTS = {
  [VOICE_STATE_UPDATE]: { guildId, channelId: text, selfMute: flag, selfDeaf: flag },
  [REQUEST_GUILD_MEMBERS]: { guildId, limit: upTo(100), query: text, userIds: texts, presences: flag, nonce: text },
  [REQUEST_SOUNDBOARD_SOUNDS]: { guildIds: given(texts) },
  [REQUEST_CHANNEL_INFO]: { guildId, fields },
};

/** The argument of what one of the methods sends, or of what `requests.js` asks: that of this opcode. */
export function layOutCommand(opcode, argument) {
  if (opcode === PRESENCE_UPDATE) return layOutPresence(argument, BAD_COMMAND);
  const values = layOut(argument, REQUESTS[opcode], BAD_COMMAND);
  if (opcode === REQUEST_GUILD_MEMBERS) {
    const [limit, query, userIds] = values.slice(1).map((value) => value !== undefined);
    if (query === userIds || (userIds && limit)) fail(BAD_COMMAND, "expected query with limit, or userIds, to be given");
    if (query && !limit) fail(BAD_COMMAND, "expected limit to be given");
  }
  return values;
}

/** A whole message that the user encoded. */
export function checkEncoded(message) {
  if (isText(message) || message instanceof Uint8Array) return message;
  return fail(BAD_COMMAND, "expected an encoded message as a text or a Uint8Array");
}

export function checkOpcode(opcode) {
  return isWhole(opcode, 0xffff) ? opcode : fail(BAD_COMMAND, "expected an opcode as a small whole number");
}

/** `value` as JSON, or a refusal: cycles and bigints have none. */
export function toJson(value) {
  try {
    const json = JSON.stringify(value);
    if (json !== undefined) return json;
  } catch {
    // Falls through to the refusal, which says what was expected.
  }
  return fail(BAD_COMMAND, "expected plain data that has a JSON form");
}

// What is going on, in plain words: close codes, faults, refusals and the one sentence of the status line.
// Must never know the page: facts in, sentences out.

import { count, plural, seconds, span } from "./format.js";

const PORTAL = "the Developer Portal";

/** Close codes: name, and for the fatal ones what to do about them. */
const CLOSE_CODES = {
  1000: { name: "normal closure" },
  1001: { name: "going away: the server or a proxy is restarting" },
  1002: { name: "protocol error" },
  1009: { name: "message too big" },
  1011: { name: "server error" },
  4000: { name: "unknown error" },
  4001: { name: "unknown opcode, or a malformed command" },
  4002: { name: "a message that could not be decoded" },
  4003: { name: "not authenticated, or the session was invalidated" },
  4004: { name: "the token was rejected", step: `Copy the bot token again from ${PORTAL} and connect with it.` },
  4005: { name: "already authenticated" },
  4006: { name: "the session is no longer valid" },
  4007: { name: "invalid sequence on resume" },
  4008: { name: "too many commands in 60 seconds" },
  4009: { name: "the session timed out" },
  4010: { name: "invalid shard", step: "Correct the shard number and the number of shards, then connect again." },
  4011: {
    name: "too many guilds for one shard",
    step: "Use more shards: Discord allows at most 2,500 guilds on each.",
  },
  4012: { name: "invalid API version", step: "Update shardwire: this Gateway no longer speaks its version." },
  4013: { name: "invalid intents", step: "Choose the intents anew, then connect again." },
  4014: {
    name: "disallowed intents",
    step: `Switch the privileged intents on in ${PORTAL}, or leave them out, then connect again.`,
  },
};

const FAULTS = {
  "bad-compression": "The compressed stream was broken",
  "bad-envelope": "A message was not a Gateway message",
  "bad-payload": "The Gateway's greeting lacked something that it must have",
  "invalid-session": "The Gateway declared the session invalid",
  "no-answer": "The Gateway did not answer in time",
  oversized: "A message was larger than the limit",
  "reconnect-requested": "The Gateway asked for a new connection",
  "reconnect-wanted": "You asked for a new connection",
  suspended: "The computer slept",
  transport: "The connection broke off",
  "unexpected-message": "The Gateway did not begin with HELLO",
  zombie: "Heartbeats were not answered, so the connection was given up",
};

const REFUSALS = {
  "bad-command": "Correct the fields of the command.",
  "bad-encoding": "Choose another compression, or JSON.",
  "bad-intents": "Choose the intents anew.",
  "bad-session": "Close, then connect without the old session.",
  "bad-shard": "The shard number must be smaller than the number of shards.",
  "bad-token": "Paste the whole bot token, without quotes or spaces.",
  "bad-url": "The address must start with ws:// or wss://.",
  "codec-not-compiled-in": "Choose the compression “none”.",
  "codec-not-loaded": "See that this page's server can be reached, then connect again; or choose JSON with zlib-stream.",
  "insecure-url": "Use wss://, or a gateway on this computer.",
  "queue-full": "Wait until the commands that are waiting have been sent.",
  "reserved-opcode": "The client sends this opcode itself. Choose another.",
  stopped: "Connect again, then send the command.",
  "too-large": "Shorten the command below 4,096 bytes.",
};

/** Where the next connection goes. */
export const HOSTS = { resume: "resume host", base: "base address" };
export const WORD_OF_NEXT = { resume: "resume", identify: "start a new session", stop: "stop" };

/** `4009, the session timed out`. */
export function closeCode(code) {
  const known = CLOSE_CODES[code];
  return known ? `${code}, ${known.name}` : `${code}, a code of unknown meaning`;
}

/** Why a connection ended, as the start of a sentence. Takes a `disconnected` event. */
export function why({ fault, isOpening }) {
  if (fault.code === "transport" && isOpening) return "The connection could not be opened";
  if (fault.closeCode === 1005 || fault.closeCode === 1006) return `The connection broke off without a goodbye (${fault.closeCode})`;
  if (fault.code === "closed") return `The Gateway closed with ${closeCode(fault.closeCode)}`;
  return FAULTS[fault.code] ?? fault.message;
}

/** What was refused and what to do next. */
export function refusal(code, message) {
  return { title: sentence(message), step: REFUSALS[code] ?? "Correct the input and try again." };
}

/** What a final stop means and what to do next; `null` if the user wanted it. */
export function stopError(reason) {
  if (reason.code === "requested") return null;
  if (reason.code === "identify-budget-spent") {
    return {
      title: "No identify is left: Discord allows about 1,000 per day.",
      step: `Wait ${span(reason.retryInMs)}, then connect again. More tries now would reset the token.`,
    };
  }
  const known = CLOSE_CODES[reason.closeCode];
  return {
    title: sentence(known?.name ?? reason.message),
    step: known?.step ?? "Correct the cause, then connect again.",
  };
}

/** The one sentence: what goes on, why, what comes next and when. */
export function statusSentence(state, now) {
  if (!state.isOnline) return "This computer is offline. The client reconnects by itself as soon as the network is back.";
  return SENTENCES[state.status](state, now);
}

const SENTENCES = {
  idle: (state) =>
    state.isStarted ? "Starting the client." : "Not connected. Enter a bot token and connect; nothing is sent before.",
  connecting: (state) => opening(state),
  "awaiting-hello": (state) => `The line to ${state.host} is open; waiting for the Gateway to say HELLO.`,
  "awaiting-identify": () => "Waiting for a free slot to identify: Discord allows one in five seconds.",
  identifying: () => "Identified; waiting for the Gateway to say READY.",
  resuming: (state) =>
    `Resuming after event ${count(state.snapshot?.session?.sequence ?? 0)}: the Gateway sends again what was missed.`,
  ready: (state, now) => ready(state, now),
  disconnected: (state, now) => disconnected(state, now),
  closing: (state) =>
    state.isResuming ? "Closing, but keeping the session, to resume it at once." : "Closing the connection.",
  stopped: (state) => stopped(state),
};

function opening(state) {
  if (state.fault?.host === "base" && state.fault.next === "resume") {
    return `Resuming on the base address ${state.host}: the resume host failed ${plural(state.attempt, "time")}.`;
  }
  if (state.fault) return `Reconnecting to ${state.host}, to ${WORD_OF_NEXT[state.fault.next]}. ${why(state.fault)}.`;
  return `${state.isResuming ? "Reconnecting" : "Connecting"} to ${state.host}.`;
}

/** How long an outcome stays the most important thing to say. */
const NEWS_MS = 15_000;

function ready(state, now) {
  const { resumed, renewedAt } = state;
  const resumedAt = resumed?.at ?? 0;
  if (renewedAt > resumedAt && now - renewedAt < NEWS_MS) {
    return "Connected with a new session: what happened since the last one is not known.";
  }
  if (now - resumedAt < NEWS_MS) {
    return resumed.replayed === 0
      ? "Resumed: nothing was missed."
      : `Resumed: ${plural(resumed.replayed, "missed event")} came again, none was lost.`;
  }
  return "Connected and healthy: events flow and heartbeats are answered.";
}

function disconnected(state, now) {
  if (!state.fault) return "The connection is lost; it will be tried again.";
  const { next, host } = state.fault;
  if (next === "stop") return `${why(state.fault)}.`;
  const failed = state.attempt > 1 ? `; ${state.attempt} tries have failed` : "";
  return `${why(state.fault)}${failed}. Next: ${WORD_OF_NEXT[next]} on the ${HOSTS[host]} ${when(state.retryAt, now)}.`;
}

function when(at, now) {
  return at && at > now ? `in ${seconds(at - now)}` : "now";
}

function stopped(state) {
  const reason = state.stopReason;
  if (!reason || reason.code === "requested") return "Closed as you asked. The session has ended; connect to start a new one.";
  if (reason.code === "identify-budget-spent") return `Stopped until ${span(reason.retryInMs)} have passed: no identify is left.`;
  return `Stopped for good: the Gateway closed with ${closeCode(reason.closeCode)}.`;
}

function sentence(text) {
  const trimmed = String(text).trim();
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${/[.!?]$/.test(trimmed) ? "" : "."}`;
}

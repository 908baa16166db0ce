// The status line and the row of figures: what the shard does, in shape, word, sentence and number.
// Must never know the worker; it only reads the state.

import { bytes, count, plural, rate, span, ago } from "../model/format.js";
import { statusSentence } from "../model/words.js";
import { byId, copy, setAttribute, setDisabled, setHidden, setIcon, setText } from "./dom.js";

const TONES = {
  idle: "idle",
  connecting: "busy",
  "awaiting-hello": "busy",
  "awaiting-identify": "busy",
  identifying: "busy",
  resuming: "busy",
  ready: "good",
  disconnected: "bad",
  closing: "busy",
  stopped: "off",
};

/** How many of the four steps are behind each state; a state that is not here is at none. */
const STEPS = {
  connecting: 0,
  "awaiting-hello": 1,
  "awaiting-identify": 2,
  identifying: 2,
  resuming: 2,
  ready: 4,
};

const STEP_WORDS = ["connect", "hello", "identify", "ready"];
const DISCORD_LIMIT = 120;

/** How a status is shown: the name of its tone is also the name of its drawing. */
function toneOf(state) {
  if (!state.isOnline) return "bad";
  if (state.status === "stopped" && state.stopReason?.code !== "requested") return "bad";
  return TONES[state.status];
}

export function createStatusView() {
  byId("session-id").addEventListener("click", () => copySession());
  let announced = "";

  return (state) => {
    const now = Date.now();
    const sentence = statusSentence(state, now);
    drawState(state, sentence, now);
    drawSteps(state);
    if (state.snapshot) drawFigures(state, now);
    const key = `${state.status} ${state.isOnline}`;
    if (key !== announced) setText(byId("announcer"), `${state.status}: ${sentence}`);
    announced = key;
  };
}

async function copySession() {
  const id = byId("session-id").textContent;
  setText(byId("announcer"), (await copy(id)) ? "Session id copied." : "The browser did not allow copying.");
}

function drawState(state, sentence, now) {
  const tone = toneOf(state);
  const line = byId("state");
  setAttribute(line, "data-tone", tone);
  setIcon(line.firstElementChild, tone);
  setText(byId("status"), state.status);
  setText(byId("sentence"), sentence);
  setText(byId("session-id"), state.snapshot?.session?.id ?? "none");
  setDisabled(byId("session-id"), !state.snapshot?.session);
  setText(byId("sequence"), count(state.snapshot?.session?.sequence ?? 0));
  setText(byId("since"), state.statusAt ? ago(now - state.statusAt).replace(" ago", "") : "–");
  setAttribute(byId("since"), "title", state.statusAt ? `since ${new Date(state.statusAt).toISOString()}` : "");
  setText(byId("where-host"), state.host);
  setText(byId("where-shard"), state.snapshot ? `shard ${state.snapshot.shard[0]} of ${state.snapshot.shard[1]}` : "");
  document.title = state.isStarted ? `${state.status} · shardwire` : "shardwire";
}

function drawSteps(state) {
  const behind = STEPS[state.status] ?? -1;
  const resumes = state.status === "resuming" || state.isResuming || state.fault?.next === "resume";
  [...byId("steps").children].forEach((item, place) => {
    const tone = stepTone(place, behind);
    setAttribute(item, "data-tone", tone);
    setIcon(item.firstElementChild, tone);
    setText(item.lastElementChild, place === 2 && resumes ? "resume" : STEP_WORDS[place]);
    if (place === behind) setAttribute(item, "aria-current", "step");
    else item.removeAttribute("aria-current");
  });
}

function stepTone(place, behind) {
  if (place < behind) return "good";
  return place === behind ? "busy" : "ahead";
}

function drawFigures(state, now) {
  const { heartbeat, counters, commands } = state.snapshot;
  drawLatency(heartbeat);
  setText(byId("events-per-second"), rate(state.series.rate(now)));
  setText(byId("events-total"), count(counters.dispatches));
  drawContinuity(counters.gaps, state.lostSessions);
  for (const name of ["gaps", "replayed", "duplicates", "identifies", "resumes"]) setText(byId(name), count(counters[name]));
  setText(byId("connects"), plural(counters.connects, "connect"));
  drawTraffic(counters);
  drawBudget(commands);
}

/** A lost session is worse than a gap: what happened between two sessions cannot be known. */
function drawContinuity(gaps, lostSessions) {
  const element = byId("continuity");
  const isBroken = gaps > 0 || lostSessions > 0;
  const loss = lostSessions > 0 ? plural(lostSessions, "session lost", "sessions lost") : plural(gaps, "event lost", "events lost");
  setText(element, isBroken ? loss : "No event lost");
  setAttribute(element, "data-tone", isBroken ? "bad" : "good");
  setAttribute(element, "title", lostSessions > 0 ? "What happened between two sessions cannot be known." : "");
}

function drawLatency({ lastMs, averageMs, historyMs, intervalMs }) {
  setText(byId("latency"), lastMs === null ? "–" : span(lastMs));
  const more = lastMs === null ? waitingFor(intervalMs) : `mean ${span(averageMs)} of the last ${historyMs.length}`;
  setText(byId("latency-more"), more);
}

function waitingFor(intervalMs) {
  return intervalMs === null ? "no heartbeat yet" : `one heartbeat each ${span(intervalMs)}`;
}

function drawTraffic({ wireBytes, inflatedBytes }) {
  setText(byId("compression-ratio"), wireBytes ? `${(inflatedBytes / wireBytes).toFixed(1)} : 1` : "–");
  setText(byId("traffic"), `${bytes(inflatedBytes)} came as ${bytes(wireBytes)}`);
}

function drawBudget({ limit, available, waiting, nextInMs }) {
  const used = limit - available;
  setText(byId("budget"), `${used} of ${DISCORD_LIMIT} used`);
  const reserve = DISCORD_LIMIT - limit;
  const wait = waiting > 0 ? `${waiting} waiting, next in ${span(nextInMs)}` : `per 60 s, ${reserve} for heartbeats`;
  setText(byId("budget-more"), wait);
  byId("budget-meter").value = used;
}

/** The line for errors, each with its next step. */
export function createErrorView(actions) {
  byId("error-dismiss").addEventListener("click", actions.dismissError);
  byId("error-action").addEventListener("click", () => actions.showView("connection"));
  return ({ error }) => {
    setHidden(byId("error"), !error);
    if (!error) return;
    setText(byId("error-title"), error.title);
    setText(byId("error-step"), error.step);
    setHidden(byId("error-action"), !error.offersConnection);
    setText(byId("error-action"), "Open the connection form");
  };
}

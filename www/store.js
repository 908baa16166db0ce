// The page's whole state, one way to change it, and at most one drawing per animation frame.
// Must never know the DOM's elements, the worker or the token.

import { Series } from "./model/series.js";

const MAX_ROWS = 10_000;
const MAX_MOMENTS = 2_000;
export const MAX_PINS = 50;
const MAX_QUESTIONS = 50;
const MAX_ANSWERS = 20;

/** States in which the shard has, or is getting, a connection. */
const LIVELY = ["connecting", "awaiting-hello", "awaiting-identify", "identifying", "resuming", "ready"];

export function createStore() {
  const state = initialState();
  const views = [];
  let isDrawing = false;

  const draw = () => {
    isDrawing = false;
    for (const view of views) view(state);
  };

  return {
    state,
    /** @param {(state: ReturnType<typeof initialState>) => void} view */
    subscribe: (view) => views.push(view),
    /** @param {(state: ReturnType<typeof initialState>) => void} change */
    update(change) {
      change(state);
      if (isDrawing) return;
      isDrawing = true;
      requestAnimationFrame(draw);
    },
  };
}

function initialState() {
  return {
    // Where we are.
    config: { gateway: "", mock: null, live: true },
    version: "",
    view: "events",
    isOnline: navigator.onLine,
    // What the shard does.
    isStarted: false,
    isResuming: false,
    startedAt: 0,
    firstAt: 0,
    status: "idle",
    statusAt: 0,
    previousStatus: "idle",
    host: "",
    options: null,
    snapshot: null,
    fault: null,
    attempt: 0,
    retryAt: 0,
    resumed: null,
    renewedAt: 0,
    lostSessions: 0,
    stopReason: null,
    error: null,
    // What came.
    filter: "",
    filterNumber: 0,
    rows: [],
    rowsVersion: 0,
    newer: 0,
    isPaused: false,
    isFiltering: false,
    pins: [],
    selectedId: 0,
    detail: null,
    moments: [],
    series: new Series(),
    // What was asked.
    questions: [],
    knownGuilds: [],
  };
}

export const isLively = (state) => LIVELY.includes(state.status);

/** Takes one batch from the worker. */
export function applyBatch(state, batch) {
  for (const moment of batch.moments) applyMoment(state, moment);
  const before = state.snapshot?.counters;
  state.snapshot = batch.snapshot;
  state.host = hostOf(batch.snapshot.connectedUrl ?? batch.snapshot.gatewayUrl);
  const { wireBytes, inflatedBytes } = batch.snapshot.counters;
  state.series.addTraffic(batch.at, wireBytes - (before?.wireBytes ?? 0), inflatedBytes - (before?.inflatedBytes ?? 0));
  if (batch.counts.length) state.series.addCounts(batch.at, batch.counts);
  state.newer = batch.newer;
  if (batch.filterNumber === state.filterNumber && !state.isPaused) addRows(state, batch.rows, batch.oldestId);
}

function addRows(state, rows, oldestId) {
  if (rows.length === 0) return;
  const { rows: list } = state;
  for (const row of rows) list.push(row);
  let stale = Math.max(0, list.length - MAX_ROWS);
  while (stale < list.length && list[stale].id < oldestId) stale += 1;
  if (stale > 0) list.splice(0, stale);
  state.rowsVersion += 1;
}

export function applyList(state, { rows, filterNumber }) {
  if (filterNumber !== state.filterNumber) return;
  state.rows = rows;
  state.rowsVersion += 1;
  state.newer = 0;
  state.isFiltering = false;
}

export function applyPreviews(state, items) {
  const previews = new Map(items);
  for (const row of state.rows) if (previews.has(row.id)) row.preview = previews.get(row.id);
  state.rowsVersion += 1;
}

/** What the shard did, other than bringing an event. */
const MOMENTS = {
  started(state, moment) {
    state.isStarted = true;
    state.isResuming = moment.isResuming;
    state.resumed = null;
    state.renewedAt = 0;
    state.startedAt = moment.at;
    state.firstAt ||= moment.at;
    state.stopReason = null;
    state.fault = null;
    state.attempt = 0;
  },
  status(state, moment) {
    state.previousStatus = moment.previous;
    state.status = moment.status;
    state.statusAt = moment.at;
    if (moment.status === "disconnected") state.attempt = moment.attempt ?? 0;
    if (moment.retryInMs !== undefined) state.retryAt = moment.at + moment.retryInMs;
    if (moment.status === "identifying") state.resumed = null;
    if (moment.status === "ready") settle(state, moment.at);
  },
  disconnected(state, moment) {
    state.fault = moment;
    moment.isOpening = statusBefore(state) === "connecting";
    if (moment.next === "identify" && state.snapshot?.session) state.lostSessions += 1;
    if (moment.retryInMs !== undefined) state.retryAt = moment.at + moment.retryInMs;
  },
  resumed(state, moment) {
    state.resumed = moment;
  },
  heartbeat(state, moment) {
    state.series.addLatency(moment.at, moment.roundTripMs);
  },
  stopped(state, moment) {
    state.stopReason = moment.reason;
  },
  answer(state, moment) {
    const question = state.questions.find(({ id }) => id === moment.questionId);
    if (!question) return;
    question.answerCount += 1;
    question.answers.push({ eventId: moment.eventId, name: moment.name, at: moment.at, ...answerFacts(moment) });
    if (question.answers.length > MAX_ANSWERS) question.answers.shift();
  },
};

const NOT_IN_THE_TIMELINE = ["heartbeat", "answer"];

function applyMoment(state, moment) {
  MOMENTS[moment.type]?.(state, moment);
  if (!NOT_IN_THE_TIMELINE.includes(moment.type)) addMoment(state, moment);
}

/** Also for what the user or the computer did: injected faults, buttons, network lost and found. */
export function addMoment(state, moment) {
  state.moments.push(moment);
  if (state.moments.length > MAX_MOMENTS) state.moments.shift();
}

export function addQuestion(state, question) {
  state.questions.unshift({ ...question, answers: [], answerCount: 0, refusal: null });
  state.questions.length = Math.min(state.questions.length, MAX_QUESTIONS);
}

/** The status in which a connection ended, whether or not the change of status has come already. */
function statusBefore({ status, previousStatus }) {
  return status === "disconnected" ? previousStatus : status;
}

function settle(state, at) {
  if (state.fault?.next === "identify" && !state.resumed) state.renewedAt = at;
  state.fault = null;
  state.attempt = 0;
  state.isResuming = false;
  state.error = null;
}

function answerFacts({ name, raw }) {
  if (name !== "GUILD_MEMBERS_CHUNK") return { text: name };
  const { chunk_index: index, chunk_count: total, members } = JSON.parse(raw);
  return { text: `chunk ${index + 1} of ${total}`, members: members?.length ?? 0, isLast: index + 1 === total };
}

function hostOf(url) {
  return url ? new URL(url).host : "";
}

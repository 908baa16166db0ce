// Wiring: configuration and link into the state, worker messages into the store, the store into the views.
// Must never know how a view draws or how the client works.

import { createActions } from "./actions.js";
import { isLoopback } from "./model/address.js";
import { readLink } from "./model/link.js";
import { stopError } from "./model/words.js";
import { applyBatch, applyList, applyPreviews, createStore } from "./store.js";
import { createChartsView } from "./view/charts.js";
import { createConnectView } from "./view/connect.js";
import { createControlsView } from "./view/controls.js";
import { createCostView } from "./view/cost.js";
import { announceCopy, createDetailView } from "./view/detail.js";
import { createEventsView } from "./view/events.js";
import { createFaultsView } from "./view/faults.js";
import { createKeys } from "./view/keys.js";
import { createNamesView } from "./view/names.js";
import { createSendView } from "./view/send.js";
import { createErrorView, createStatusView } from "./view/status.js";
import { createTabsView } from "./view/tabs.js";
import { createTheme } from "./view/theme.js";
import { createTimelineView } from "./view/timeline.js";

const DISCORD = { gateway: "wss://gateway.discord.gg", mock: null, live: true };
const STAND_IN_TOKEN = "mock";
const TICK_MS = 500;

const store = createStore();
const { state, update } = store;
const worker = new Worker("./shard-worker.js", { type: "module" });
const actions = createActions(store, (message) => worker.postMessage(message));

const charts = createChartsView();
const timeline = createTimelineView();
const connection = createConnectView(actions);
const theme = createTheme(() => {
  charts.recolour();
  timeline.recolour();
  actions.redraw();
});
const copySelected = () => state.detail?.raw && announceCopy(state.detail.raw);
createKeys({ ...actions, copySelected, nextTheme: theme.next });

const views = [
  createTabsView(actions),
  createControlsView(actions),
  createStatusView(),
  createErrorView(actions),
  charts.draw,
  createNamesView(actions),
  createEventsView(actions),
  createDetailView(actions),
  timeline.draw,
  createSendView(actions),
  createCostView(),
  createFaultsView(actions),
  connection.draw,
];
for (const view of views) store.subscribe(view);

const RECEIVERS = {
  loaded: ({ version }) => update(() => Object.assign(state, { version })),
  failed: ({ message }) => actions.fail(notLoaded(message)),
  batch: (message) =>
    update(() => {
      const stopBefore = state.stopReason;
      applyBatch(state, message);
      if (state.stopReason && state.stopReason !== stopBefore) showStop(state.stopReason);
    }),
  list: (message) => update(() => applyList(state, message)),
  previews: ({ items }) => update(() => applyPreviews(state, items)),
  detail: (message) => update(() => showDetail(message)),
  known: ({ guilds }) => update(() => Object.assign(state, { knownGuilds: guilds })),
  refused: actions.refused,
  broken: ({ message }) => actions.fail({ title: `The client failed: ${message}.`, step: "Reload the page to start it anew." }),
};
worker.onmessage = ({ data }) => RECEIVERS[data.type](data);
worker.onerror = ({ message }) => actions.fail(notLoaded(message || "the worker did not start"));

addEventListener("hashchange", followLink);
addEventListener("online", () => actions.setOnline(true));
addEventListener("offline", () => actions.setOnline(false));
setInterval(actions.redraw, TICK_MS);

await begin();

async function begin() {
  const { gateway, view, filter } = readLink(location.hash);
  const config = await readConfig();
  const address = gateway ?? config.gateway;
  update(() => {
    Object.assign(state, { config: { ...config, defaultGateway: config.gateway } });
    if (document.getElementById(`tab-${view}`)) state.view = view;
  });
  connection.fill({ gateway: address, live: config.live });
  if (filter) actions.filter(filter);
  // A link may bring its own address; only one on this computer is connected to without being asked.
  if (!config.live && isLoopback(address)) startMock();
  else update(() => Object.assign(state, { view: "connection" }));
}

/** Somebody has typed or chosen another link to this page. */
function followLink() {
  const { view = "events", filter = "" } = readLink(location.hash);
  if (filter !== state.filter) actions.filter(filter);
  if (document.getElementById(`tab-${view}`)) actions.showView(view);
}

function startMock() {
  const { view } = state;
  actions.connect({ ...connection.options(), token: STAND_IN_TOKEN });
  actions.showView(view);
}

async function readConfig() {
  try {
    const response = await fetch("./config.json");
    return response.ok ? await response.json() : DISCORD;
  } catch {
    return DISCORD;
  }
}

function notLoaded(message) {
  return {
    title: `The client did not load: ${message}.`,
    step: "Serve the page with “cargo xtask demo”, which puts the package next to it, then reload.",
  };
}

function showStop(reason) {
  const error = stopError(reason);
  state.error = error && { ...error, offersConnection: true };
}

function showDetail(message) {
  if (message.id !== state.selectedId) return;
  const row = [...state.pins, ...state.rows].find(({ id }) => id === message.id) ?? message.row;
  if (row) state.detail = { ...message, row };
}

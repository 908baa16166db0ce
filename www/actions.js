// What a user can do: each action changes the state, tells the worker, or both.
// Must never know how anything looks, and must never keep the token: `connect` passes it on.

import { writeLink } from "./model/link.js";
import { refusal } from "./model/words.js";
import { addMoment, addQuestion, isLively, MAX_PINS } from "./store.js";

/**
 * @param {ReturnType<typeof import("./store.js").createStore>} store
 * @param {(message: object) => void} tell posts to the worker
 */
export function createActions(store, tell) {
  const { state, update } = store;
  const did = (label) => update(() => addMoment(state, { type: "action", label, at: Date.now() }));
  let questionNumber = 0;

  const actions = {
    connect(options) {
      const { token, ...open } = options;
      update(() => Object.assign(state, { options: open, error: null, isStarted: true, view: "events" }));
      saveLink();
      tell({ type: "connect", options });
    },
    reconnect() {
      if (!state.isStarted || state.status === "stopped") return;
      did("asked to reconnect");
      tell({ type: "reconnect" });
    },
    resume() {
      did("asked to close and resume");
      update(() => Object.assign(state, { isResuming: true }));
      tell({ type: "resume" });
    },
    close() {
      did("asked to close");
      tell({ type: "close" });
    },

    filter(typed) {
      update(() => Object.assign(state, { filter: typed, filterNumber: state.filterNumber + 1, isFiltering: true }));
      saveLink();
      tell({ type: "filter", typed, number: state.filterNumber });
    },
    filterByName(name) {
      actions.showView("events");
      actions.filter(state.filter === name ? "" : name);
    },
    pause(isPaused) {
      if (state.isPaused === isPaused) return;
      update(() => Object.assign(state, { isPaused }));
      tell({ type: "hold", isHeld: isPaused });
    },
    togglePause: () => actions.pause(!state.isPaused),
    askPreviews: (ids) => tell({ type: "previews", ids }),

    select(id) {
      actions.pause(true);
      if (id === state.selectedId) return;
      update(() => Object.assign(state, { selectedId: id }));
      tell({ type: "detail", id });
    },
    /** Chooses an event that may not be in the list, as an answer to a question. */
    open(id) {
      actions.showView("events");
      actions.select(id);
    },
    unselect() {
      update(() => Object.assign(state, { selectedId: 0, detail: null }));
      actions.pause(false);
    },
    togglePin(row) {
      const isPinned = !state.pins.some((pin) => pin.id === row.id);
      update(() => {
        const others = state.pins.filter((pin) => pin.id !== row.id);
        state.pins = isPinned ? [row, ...others].slice(0, MAX_PINS) : others;
      });
      tell({ type: "pin", id: row.id, isPinned });
    },
    togglePinOfSelected: () => state.detail && !state.detail.isGone && actions.togglePin(state.detail.row),

    send(command, label) {
      questionNumber += 1;
      const question = { id: questionNumber, label, opcode: command.opcode, data: command.data, at: Date.now() };
      update(() => addQuestion(state, question));
      tell({ type: "command", id: questionNumber, ...command });
    },
    async inject(fault, value) {
      const label = value === undefined ? fault.label : `${fault.label} ${value}`;
      update(() => addMoment(state, { type: "injected", label, at: Date.now() }));
      const problem = await post(`${state.config.mock}/mock/fault`, fault.body(value));
      if (problem) actions.fail(notInjected(problem));
    },

    showView(view) {
      update(() => Object.assign(state, { view }));
      saveLink();
    },
    redraw: () => update(() => {}),
    fail: (error) => update(() => Object.assign(state, { error })),
    dismissError: () => update(() => Object.assign(state, { error: null })),
    refused({ subject, code, message }) {
      const words = refusal(code, message);
      const question = state.questions.find(({ id }) => id === subject);
      if (question) update(() => Object.assign(question, { refusal: words }));
      else update(() => Object.assign(state, { error: { ...words, offersConnection: true }, isStarted: isLively(state) }));
    },
    setOnline(isOnline) {
      update(() => {
        state.isOnline = isOnline;
        addMoment(state, { type: "network", isOnline, at: Date.now() });
      });
      if (isOnline && state.isStarted && state.status !== "stopped") tell({ type: "reconnect" });
    },
  };

  function saveLink() {
    const { filter, view, options, config } = state;
    const gateway = options && options.url !== config.defaultGateway ? options.url : "";
    const link = writeLink({ gateway, view: view === "events" ? "" : view, filter });
    history.replaceState(null, "", link || location.pathname + location.search);
  }

  return actions;
}

function notInjected(problem) {
  return {
    title: `The mock gateway did not take the fault: ${problem}.`,
    step: "See that it is still running, then try again.",
  };
}

/** @returns {Promise<string | null>} what went wrong */
async function post(url, body) {
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return response.ok ? null : `status ${response.status}`;
  } catch {
    return "no connection";
  }
}

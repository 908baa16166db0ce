// The live list of events: only the rows in sight exist, newest first. Pausing, scrolling or choosing keeps it still.
// Must never know the worker; what it needs from there it asks for through the actions.

import { bytes, count, exactClock } from "../model/format.js";
import { byId, icon, make, setAttribute, setHidden, setIcon, setText } from "./dom.js";

const OVERSCAN = 4;
const FILTER_DELAY_MS = 120;
const narrow = matchMedia("(max-width: 719px)");

export function createEventsView(actions) {
  const list = byId("event-list");
  const space = byId("list-space");
  const view = { list, space, windowed: make("div", { class: "list-window", role: "presentation" }), asked: new Set() };
  space.append(view.windowed);
  let latest = null;
  let drawnKey = "";
  let wasPaused = false;

  const shown = () => entries(latest);
  list.addEventListener("scroll", () => {
    if (list.scrollTop > rowHeight() && !latest.isPaused) actions.pause(true);
    drawRows(view, latest, actions);
  });
  list.addEventListener("pointerdown", ({ target }) => {
    const row = target.closest("[data-id]");
    if (row) actions.select(Number(row.dataset.id));
  });
  list.addEventListener("keydown", (event) => onKey(event, view, latest, shown(), actions));
  new ResizeObserver(() => latest && drawRows(view, latest, actions)).observe(list);
  wireToolbar(actions, () => latest);

  return (state) => {
    latest = state;
    drawToolbar(state);
    drawEmpty(state, list);
    const key = [state.rowsVersion, state.selectedId, state.isPaused, state.pins.length, state.view].join();
    if (key === drawnKey) return;
    drawnKey = key;
    if (wasPaused && !state.isPaused) list.scrollTop = 0;
    wasPaused = state.isPaused;
    drawRows(view, state, actions);
  };
}

/** Pinned events stay on top; the others follow, newest first. */
function entries({ pins, rows }) {
  return {
    length: pins.length + rows.length,
    at: (place) => (place < pins.length ? pins[place] : rows[rows.length - 1 - (place - pins.length)]),
    placeOf: (id) => {
      const pinned = pins.findIndex((row) => row.id === id);
      if (pinned >= 0) return pinned;
      const place = rows.findLastIndex((row) => row.id === id);
      return place < 0 ? -1 : pins.length + rows.length - 1 - place;
    },
  };
}

function rowHeight() {
  return narrow.matches ? 46 : 28;
}

function drawRows(view, state, actions) {
  const all = entries(state);
  const height = rowHeight();
  view.space.style.height = `${all.length * height}px`;
  const first = Math.max(0, Math.floor(view.list.scrollTop / height) - OVERSCAN);
  const wanted = Math.min(all.length - first, Math.ceil(view.list.clientHeight / height) + 2 * OVERSCAN);
  view.windowed.style.transform = `translateY(${first * height}px)`;
  fitPool(view.windowed, Math.max(0, wanted));
  const missing = [];
  [...view.windowed.children].forEach((element, slot) => {
    const row = all.at(first + slot);
    drawRow(element, row, first + slot, all.length, state);
    if (row.preview === null && !view.asked.has(row.id)) missing.push(row.id);
  });
  const chosen = view.windowed.querySelector("[aria-selected=true]");
  if (chosen) setAttribute(view.list, "aria-activedescendant", chosen.id);
  else view.list.removeAttribute("aria-activedescendant");
  askForPreviews(view, missing, actions);
}

/** Rows far from the newest have no preview yet; it is asked for once per row. */
function askForPreviews(view, ids, actions) {
  if (ids.length === 0) return;
  view.asked = new Set(ids);
  actions.askPreviews(ids);
}

function fitPool(parent, wanted) {
  while (parent.childElementCount > wanted) parent.lastElementChild.remove();
  while (parent.childElementCount < wanted) parent.append(makeRow(parent.childElementCount));
}

function makeRow(slot) {
  const cells = ["time", "name", "preview", "size", "sequence"].map((name) => make("span", { class: name }));
  return make("div", { class: "row", role: "option", id: `row-${slot}`, "data-testid": "event-row" }, icon("pin"), ...cells);
}

function drawRow(element, row, place, total, { selectedId, pins }) {
  const [, time, name, preview, size, sequence] = element.children;
  setAttribute(element, "data-id", row.id);
  setAttribute(element, "aria-selected", row.id === selectedId);
  setAttribute(element, "aria-posinset", place + 1);
  setAttribute(element, "aria-setsize", total);
  setAttribute(element, "data-pinned", place < pins.length);
  setText(time, exactClock(row.at));
  setAttribute(time, "title", new Date(row.at).toISOString());
  setText(name, row.name);
  setText(preview, row.preview ?? "");
  setText(size, bytes(row.size));
  setText(sequence, count(row.sequence));
}

function drawToolbar(state) {
  const pause = byId("pause");
  setAttribute(pause, "aria-pressed", state.isPaused);
  setIcon(pause.firstElementChild, state.isPaused ? "play" : "pause");
  setText(pause.lastElementChild, state.isPaused ? "Follow" : "Pause");
  setText(byId("tally"), tally(state));
  const input = byId("event-filter");
  if (document.activeElement !== input && input.value !== state.filter) input.value = state.filter;
}

function tally({ rows, isPaused, newer, filter, isFiltering }) {
  if (isFiltering) return "searching";
  const matching = `${count(rows.length)}${filter ? " match" : " kept"}`;
  return isPaused ? `${matching} · ${count(newer)} newer` : matching;
}

function drawEmpty(state, list) {
  const isEmpty = state.rows.length + state.pins.length === 0;
  setHidden(list, isEmpty);
  setHidden(byId("list-empty"), !isEmpty);
  if (isEmpty) setText(byId("list-empty"), emptyWords(state));
}

function emptyWords({ filter, isStarted, status }) {
  if (filter) return `No event matches “${filter}”. Terms in CAPITALS look at names, others at names and text; -term leaves out.`;
  if (!isStarted) return "No events yet: connect first.";
  return status === "ready" ? "Connected. The first event will appear here." : "Events appear here as soon as the session is ready.";
}

function wireToolbar(actions, state) {
  const input = byId("event-filter");
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => actions.filter(input.value.trim()), FILTER_DELAY_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") byId("event-list").focus();
  });
  byId("pause").addEventListener("click", () => actions.pause(!state().isPaused));
}

function onKey(event, view, state, all, actions) {
  if (event.key === "Enter" && state.selectedId) {
    event.preventDefault();
    document.querySelector("#detail [role=treeitem]")?.focus();
    return;
  }
  const page = Math.max(1, Math.floor(view.list.clientHeight / rowHeight()) - 1);
  const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page, Home: -all.length, End: all.length };
  const step = steps[event.key];
  if (!step || all.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const from = all.placeOf(state.selectedId);
  const place = from < 0 ? 0 : Math.min(all.length - 1, Math.max(0, from + step));
  actions.select(all.at(place).id);
  scrollTo(view.list, place);
}

function scrollTo(list, place) {
  const top = place * rowHeight();
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight() > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight() - list.clientHeight;
}

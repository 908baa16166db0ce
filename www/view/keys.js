// Single keys for everything that has a button, and the sheet that lists them.
// Must never know what an action does.

import { byId, make } from "./dom.js";
import { viewNames } from "./tabs.js";

const STORED = "shardwire.keys";

/** Keys that belong to one part of the page; they are listed here and handled there. */
const LOCAL_KEYS = [
  ["↑ ↓ j k", "Move in the list, the timeline and the JSON"],
  ["← →", "Open and close a branch; read a chart; change the view"],
  ["Enter", "From the list into the JSON; open a branch"],
];

/** @returns {() => void} opens the sheet */
export function createKeys(actions) {
  const keys = table(actions);
  const sheet = byId("key-sheet");
  const box = byId("keys-on");
  box.checked = localStorage.getItem(STORED) !== "off";
  box.addEventListener("change", () => localStorage.setItem(STORED, box.checked ? "on" : "off"));
  byId("key-list").append(...[...keys.map(({ key, label }) => [key, label]), ...LOCAL_KEYS].map(entry));
  byId("help").addEventListener("click", () => sheet.showModal());
  document.addEventListener("keydown", (event) => onKey(event, keys, box, sheet));
}

function table(actions) {
  return [
    { key: "?", label: "This sheet", act: () => byId("key-sheet").showModal() },
    { key: "/", label: "Filter the events", act: () => focusFilter(actions) },
    { key: "p", label: "Pause the list, or follow again", act: actions.togglePause },
    { key: "i", label: "Pin or unpin the chosen event", act: actions.togglePinOfSelected },
    { key: "c", label: "Copy the JSON; inside the tree, one value", act: actions.copySelected },
    { key: "Escape", label: "Unselect, and let the list go on", act: actions.unselect },
    { key: "1 … 5", label: "Choose a view", matches: /^[1-9]$/, act: (key) => showView(actions, Number(key)) },
    { key: "R", label: "Reconnect", act: actions.reconnect },
    { key: "t", label: "Theme: system, light, dark", act: actions.nextTheme },
  ];
}

function entry([key, label]) {
  return make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, label));
}

function onKey(event, keys, box, sheet) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || sheet.open) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (!box.checked && event.key !== "Escape") return;
  const found = keys.find(({ key, matches }) => (matches ? matches.test(event.key) : key === event.key));
  if (!found) return;
  event.preventDefault();
  found.act(event.key);
}

function focusFilter(actions) {
  actions.showView("events");
  requestAnimationFrame(() => byId("event-filter").focus());
}

function showView(actions, number) {
  const view = viewNames()[number - 1];
  if (view) actions.showView(view);
}

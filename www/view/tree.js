// A JSON value as a tree that opens branch by branch, for mouse, keyboard and screen reader.
// Must never know where the value comes from.

import { make } from "./dom.js";

const OPEN_LEVELS = 2;
const OPEN_CHILDREN = 40;
const CHILDREN_AT_ONCE = 200;

/**
 * @param {any} value
 * @param {(value: any) => void} onCopy called when somebody copies one value
 */
export function createTree(value, onCopy) {
  const root = make("ul", { class: "tree", role: "tree", "aria-label": "JSON" });
  addChildren(root, Object.entries(value ?? {}), 1, 0);
  if (root.firstElementChild) root.firstElementChild.tabIndex = 0;
  else root.append(leafOf("value", value, 1));
  root.addEventListener("click", ({ target }) => {
    const item = target.closest("[role=treeitem]");
    if (!item) return;
    focus(root, item);
    activate(root, item);
  });
  root.addEventListener("keydown", (event) => onKey(event, root, onCopy));
  return root;
}

function addChildren(parent, pairs, level, from) {
  for (const [key, value] of pairs.slice(from, from + CHILDREN_AT_ONCE)) parent.append(leafOf(key, value, level));
  const rest = pairs.length - from - CHILDREN_AT_ONCE;
  if (rest > 0) parent.append(moreItem(parent, pairs, level, from + CHILDREN_AT_ONCE, rest));
}

function moreItem(parent, pairs, level, from, rest) {
  const item = make("li", { role: "treeitem", tabIndex: -1, class: "more", "aria-level": level }, `${rest} more`);
  item.more = () => {
    item.remove();
    addChildren(parent, pairs, level, from);
  };
  return item;
}

function leafOf(key, value, level) {
  const item = make("li", { role: "treeitem", tabIndex: -1, "aria-level": level });
  item.jsonValue = value;
  item.append(make("span", { class: "line" }, make("span", { class: "key" }, key), valueSpan(value)));
  if (!isBranch(value)) return item;
  const pairs = Object.entries(value);
  item.branch = pairs;
  setOpen(item, level <= OPEN_LEVELS && pairs.length <= OPEN_CHILDREN);
  return item;
}

function valueSpan(value) {
  if (Array.isArray(value)) return make("span", { class: "kind" }, value.length ? `list of ${value.length}` : "empty list");
  if (value && typeof value === "object") {
    const size = Object.keys(value).length;
    return make("span", { class: "kind" }, size ? `${size} field${size === 1 ? "" : "s"}` : "empty object");
  }
  return make("span", { class: "value", "data-kind": value === null ? "null" : typeof value }, JSON.stringify(value));
}

const isBranch = (value) => value !== null && typeof value === "object" && Object.keys(value).length > 0;
const isOpen = (item) => item.getAttribute("aria-expanded") === "true";

/** Children are made when a branch is opened for the first time. */
function setOpen(item, isWanted) {
  item.setAttribute("aria-expanded", String(isWanted));
  if (!isWanted || item.querySelector(":scope > ul")) return;
  const group = make("ul", { role: "group" });
  addChildren(group, item.branch, Number(item.getAttribute("aria-level")) + 1, 0);
  item.append(group);
}

function activate(root, item) {
  if (item.more) {
    const next = item.previousElementSibling;
    item.more();
    focus(root, next.nextElementSibling);
  } else if (item.branch) setOpen(item, !isOpen(item));
}

function focus(root, item) {
  if (!item) return;
  for (const other of root.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  item.tabIndex = 0;
  item.focus();
}

/** The items that can be seen, in order. */
function visible(root) {
  return [...root.querySelectorAll("[role=treeitem]")].filter((item) => item.offsetParent !== null);
}

function onKey(event, root, onCopy) {
  const item = event.target.closest("[role=treeitem]");
  const act = KEYS[event.key];
  if (!item || !act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  act(root, item, onCopy);
}

const KEYS = {
  ArrowDown: (root, item) => step(root, item, 1),
  ArrowUp: (root, item) => step(root, item, -1),
  ArrowRight: (root, item) => (item.branch && !isOpen(item) ? setOpen(item, true) : step(root, item, 1)),
  ArrowLeft: (root, item) =>
    item.branch && isOpen(item) ? setOpen(item, false) : focus(root, item.parentElement.closest("[role=treeitem]")),
  Home: (root) => focus(root, visible(root)[0]),
  End: (root) => focus(root, visible(root).at(-1)),
  Enter: (root, item) => activate(root, item),
  " ": (root, item) => activate(root, item),
  c: (_root, item, onCopy) => onCopy(item.jsonValue),
};

function step(root, item, by) {
  const items = visible(root);
  focus(root, items[items.indexOf(item) + by]);
}

// One event in full: its head, its JSON as a tree, copy and pin.
// Must never know the worker; the state holds the event once it has come.

import { bytes, count, exactClock } from "../model/format.js";
import { byId, copy, make, setText } from "./dom.js";
import { createTree } from "./tree.js";

export function createDetailView(actions) {
  const target = byId("detail");
  let drawn;
  let wasPinned;

  return ({ detail, pins }) => {
    const isPinned = pins.some((row) => row.id === detail?.row.id);
    if (detail === drawn && isPinned === wasPinned) return;
    const isSame = detail && drawn && detail === drawn;
    drawn = detail;
    wasPinned = isPinned;
    target.classList.toggle("is-open", Boolean(detail));
    if (isSame) setText(target.querySelector("[data-act=pin]"), isPinned ? "Unpin" : "Pin");
    else target.replaceChildren(...(detail ? content(detail, isPinned, actions) : []));
  };
}

function content(detail, isPinned, actions) {
  return [head(detail, isPinned, actions), detail.isGone ? gone() : createTree(detail.data, copyValue)];
}

function head({ row, raw, isGone }, isPinned, actions) {
  const facts = `event ${count(row.sequence)} · ${bytes(row.size)} · ${exactClock(row.at)}`;
  const buttons = [button("Unselect", "Esc", actions.unselect)];
  if (!isGone) {
    buttons.unshift(
      button(isPinned ? "Unpin" : "Pin", "i", () => actions.togglePin(row), "pin"),
      button("Copy JSON", "c", () => announceCopy(raw)),
    );
  }
  const title = make("h3", { title: new Date(row.at).toISOString() }, row.name);
  return make("header", {}, title, make("p", {}, facts), make("div", { class: "buttons" }, ...buttons));
}

function gone() {
  return make("p", { class: "empty" }, "This event is no longer kept: the newest 10,000 are. Pause the list or pin an event to keep it.");
}

function button(label, key, onClick, act = "") {
  const element = make("button", { type: "button", class: "quiet", title: `${label} (${key})`, "data-act": act }, label);
  element.addEventListener("click", onClick);
  return element;
}

function copyValue(value) {
  announceCopy(typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

export async function announceCopy(text) {
  setText(byId("announcer"), (await copy(text)) ? "Copied." : "The browser did not allow copying.");
}

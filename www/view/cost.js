// What is paid for: bytes and events by name, and advice on how to pay less.
// Must never know the worker; it only reads the state.

import { bytes, count, percent } from "../model/format.js";
import { hints } from "../model/hints.js";
import { byId, make, setHidden, setText } from "./dom.js";

const COLUMNS = ["Event", "Events", "Size", "Mean size", "Share of bytes"];
const SHOWN = 40;

export function createCostView() {
  const advice = make("ul", { class: "advice" });
  const body = make("tbody");
  const table = make("table", {}, make("caption", {}, "By event, since this page was opened"), header(), body);
  const empty = make("p", { class: "empty" }, "No event yet. What costs most appears here.");
  byId("view-cost").append(advice, table, empty);
  let drawnSecond = 0;

  return (state) => {
    const second = Math.floor(Date.now() / 1000);
    if (state.view !== "cost" || second === drawnSecond) return;
    drawnSecond = second;
    const totals = state.series.totals();
    setHidden(table, totals.length === 0);
    setHidden(empty, totals.length > 0);
    if (totals.length === 0) return;
    drawAdvice(advice, hints(totals, state.snapshot.counters, state.options));
    drawRows(body, totals);
  };
}

function header() {
  return make("thead", {}, make("tr", {}, ...COLUMNS.map((column) => make("th", { scope: "col" }, column))));
}

function drawAdvice(list, sentences) {
  list.classList.toggle("early", sentences.length === 0);
  const wanted = sentences.length ? sentences : ["Advice appears after the first hundred events."];
  while (list.childElementCount > wanted.length) list.lastElementChild.remove();
  while (list.childElementCount < wanted.length) list.append(make("li"));
  wanted.forEach((sentence, place) => setText(list.children[place], sentence));
}

function drawRows(body, totals) {
  const all = totals.reduce((sum, row) => sum + row.bytes, 0);
  const shown = totals.slice(0, SHOWN);
  while (body.childElementCount > shown.length) body.lastElementChild.remove();
  while (body.childElementCount < shown.length) body.append(makeRow());
  shown.forEach((row, place) => {
    const cells = body.children[place].children;
    const share = row.bytes / all;
    const words = [row.name, count(row.count), bytes(row.bytes), bytes(row.bytes / row.count)];
    words.forEach((word, column) => setText(cells[column], word));
    setText(cells[4].lastElementChild, percent(share));
    cells[4].firstElementChild.style.setProperty("--share", share);
  });
}

function makeRow() {
  const bar = make("i", { class: "bar" });
  const cells = [1, 2, 3].map(() => make("td"));
  return make("tr", {}, make("th", { scope: "row" }), ...cells, make("td", {}, bar, make("span")));
}

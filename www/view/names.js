// The busiest event names: legend of the stacked chart, and a way to filter by name.
// Must never know the worker; it only reads the state.

import { percent, rate } from "../model/format.js";
import { LAYERS } from "./charts.js";
import { byId, make, setAttribute, setHidden, setText } from "./dom.js";

const SHOWN = 7;

export function createNamesView(actions) {
  const list = byId("top-names");
  let drawnSecond = 0;
  list.addEventListener("click", ({ target }) => {
    const name = target.closest("button")?.dataset.name;
    if (name) actions.filterByName(name);
  });

  return ({ series, firstAt }) => {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second === drawnSecond) return;
    drawnSecond = second;
    const ranking = series.ranking();
    const sum = ranking.reduce((total, [, count]) => total + count, 0);
    const elapsed = Math.max(1, Math.min(300, (now - firstAt) / 1000));
    setHidden(byId("names-empty"), ranking.length > 0);
    draw(list, ranking.slice(0, SHOWN), (count) => [`${rate(count / elapsed)}/s`, percent(count / sum)]);
  };
}

function draw(list, ranking, figures) {
  while (list.childElementCount > ranking.length) list.lastElementChild.remove();
  while (list.childElementCount < ranking.length) list.append(makeItem(list.childElementCount));
  ranking.forEach(([name, count], place) => {
    const button = list.children[place].firstElementChild;
    const [, label, perSecond, share] = button.children;
    setAttribute(button, "data-name", name);
    setAttribute(button, "title", `Show only ${name}`);
    setText(label, name);
    const [first, second] = figures(count);
    setText(perSecond, first);
    setText(share, second);
  });
}

function makeItem(place) {
  const swatch = make("i", { class: "swatch", "data-layer": place < LAYERS ? place + 1 : "other" });
  const cells = ["label", "rate", "share"].map((name) => make("span", { class: name }));
  return make("li", {}, make("button", { type: "button", class: "quiet" }, swatch, ...cells));
}

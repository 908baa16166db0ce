// The timeline: every state, reconnect, resume and fault, newest first, with details and export.
// Must never know the worker; it only reads the state.

import { count, exactClock } from "../model/format.js";
import { momentWords } from "../model/moments.js";
import { createBand } from "./band.js";
import { byId, download, icon, make, setHidden, setText } from "./dom.js";

const MAX_SHOWN = 400;
const SLIM_WINDOW_MS = 300_000;
const LEAST_WINDOW_MS = 60_000;

export function createTimelineView() {
  const list = byId("moments");
  const bands = [createBand(byId("strip-band")), createBand(byId("timeline-band"))];
  let latest = null;
  let newest = null;

  list.addEventListener("click", ({ target }) => select(list, target.closest("[role=option]")));
  list.addEventListener("keydown", (event) => onKey(event, list));
  byId("timeline-band").addEventListener("click", (event) => latest && selectNearest(list, latest, event));
  byId("export").addEventListener("click", () => latest && save(latest));

  return {
    recolour: () => bands.forEach((band) => band.recolour()),
    draw(state) {
      latest = state;
      const { moments } = state;
      const hasChanged = newest !== moments.at(-1);
      if (hasChanged) addNew(list, moments, newest);
      newest = moments.at(-1) ?? null;
      setHidden(list, moments.length === 0);
      setHidden(byId("timeline-empty"), moments.length > 0);
      setText(byId("timeline-tally"), moments.length ? `${count(moments.length)} kept` : "");
      const now = Date.now();
      bands[0].draw(moments, Math.max(now - SLIM_WINDOW_MS, Math.min(state.firstAt, now - LEAST_WINDOW_MS)), now, hasChanged);
      bands[1].draw(moments, firstOf(moments, now), now, hasChanged);
    },
  };
}

function firstOf(moments, now) {
  return Math.min(moments[0]?.at ?? now, now - LEAST_WINDOW_MS);
}

function addNew(list, moments, newest) {
  const from = newest ? moments.lastIndexOf(newest) + 1 : 0;
  for (const moment of moments.slice(from)) list.prepend(makeEntry(moment));
  while (list.childElementCount > MAX_SHOWN) list.lastElementChild.remove();
}

let entryNumber = 0;

function makeEntry(moment) {
  const { tone, title, text, isMinor } = momentWords(moment);
  entryNumber += 1;
  const item = make(
    "li",
    { role: "option", id: `moment-${entryNumber}`, "aria-selected": "false", "data-tone": tone, title: new Date(moment.at).toISOString() },
    icon(tone),
    make("time", { dateTime: new Date(moment.at).toISOString() }, exactClock(moment.at)),
    make("strong", {}, title),
    make("span", {}, text),
  );
  item.classList.toggle("minor", isMinor);
  item.moment = moment;
  return item;
}

function select(list, item) {
  if (!item) return;
  list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
  item.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", item.id);
  item.scrollIntoView({ block: "nearest" });
  byId("moment-detail").replaceChildren(...facts(item.moment));
}

function facts(moment) {
  const { title, text } = momentWords(moment);
  const { at, type, ...rest } = moment;
  const pairs = Object.entries({ time: new Date(at).toISOString(), ...flat(rest) });
  const rows = pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value))));
  return [make("h3", {}, title), make("p", {}, text), make("dl", {}, ...rows)];
}

/** `{ fault: { code } }` as `{ "fault code" }`. */
function flat(values, prefix = "") {
  return Object.entries(values).reduce((all, [key, value]) => {
    const name = `${prefix}${key}`;
    return value && typeof value === "object" ? { ...all, ...flat(value, `${name} `) } : { ...all, [name]: value };
  }, {});
}

function onKey(event, list) {
  const current = list.querySelector("[aria-selected=true]");
  const targets = {
    ArrowDown: () => (current ? current.nextElementSibling : list.firstElementChild),
    ArrowUp: () => current?.previousElementSibling,
    Home: () => list.firstElementChild,
    End: () => list.lastElementChild,
  };
  const target = targets[event.key];
  if (!target) return;
  event.preventDefault();
  select(list, target());
}

function selectNearest(list, { moments }, event) {
  const now = Date.now();
  const from = firstOf(moments, now);
  const at = from + (event.offsetX / event.currentTarget.clientWidth) * (now - from);
  const distance = (item) => Math.abs(item.moment.at - at);
  const items = [...list.children];
  if (items.length) select(list, items.reduce((best, item) => (distance(item) < distance(best) ? item : best)));
}

function save({ moments, version, host }) {
  const report = { tool: "shardwire", version, host, exportedAt: new Date().toISOString(), moments };
  download(`shardwire-timeline-${Date.now()}.json`, JSON.stringify(report, null, 2));
}

// The connection form: address, token, intents, shard, compression, encoding.
// Must never keep the token: it is read once, handed over, and the field is cleared.

import { ALL, INTENTS, NON_PRIVILEGED } from "../model/intents.js";
import { isLoopback } from "../model/address.js";
import { byId, make, setText } from "./dom.js";

const CHOICES = { all: ALL, "non-privileged": NON_PRIVILEGED, none: [] };
const DISCORD = "gateway.discord.gg";

export function createConnectView(actions) {
  const form = byId("connect-form");
  byId("intent-grid").append(...INTENTS.map(makeIntent));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, actions);
  });
  form.addEventListener("input", () => drawNotes(form));
  form.addEventListener("click", ({ target }) => {
    if (target.dataset.choose) choose(form, CHOICES[target.dataset.choose]);
  });

  return {
    /** Fills the form for the first time. */
    fill({ gateway, live }) {
      form.elements.url.value = gateway;
      form.elements.token.required = live;
      choose(form, live ? NON_PRIVILEGED : ALL);
    },
    draw({ isStarted, status }) {
      const isRunning = isStarted && status !== "stopped";
      setText(byId("connect-note"), isRunning ? "This ends the present session and starts a new one." : "");
    },
    /** The options of the form, without a token. */
    options: () => optionsOf(form),
  };
}

function submit(form, actions) {
  const token = form.elements.token.value.trim();
  form.elements.token.value = "";
  const problem = problemOf(form, token);
  if (problem) actions.fail(problem);
  else actions.connect({ ...optionsOf(form), token: token || "mock" });
}

function problemOf(form, token) {
  const { url, shardId, shardTotal } = form.elements;
  if (!isAddress(url.value)) return { title: "This is not a gateway address.", step: "Enter one that starts with wss:// or ws://." };
  if (!token && !isLoopback(url.value)) {
    return { title: "A bot token is needed for this address.", step: "Paste it into the field, then connect." };
  }
  if (!(Number(shardId.value) < Number(shardTotal.value))) {
    return { title: "This shard does not exist.", step: "The shard number must be smaller than the number of shards." };
  }
  if (isMismatched(form)) {
    return { title: "Discord has no payload compression with ETF.", step: "Choose another compression, or JSON." };
  }
  return null;
}

function optionsOf(form) {
  const { url, shardId, shardTotal, compression, encoding } = form.elements;
  return {
    url: url.value.trim(),
    shard: [Number(shardId.value), Number(shardTotal.value)],
    compression: compression.value,
    encoding: encoding.value,
    intents: chosen(form),
  };
}

function makeIntent({ name, privileged }) {
  const box = make("input", { type: "checkbox", name: "intent", value: name });
  return make("label", { class: "check" }, box, name, ...(privileged ? [make("em", {}, "privileged")] : []));
}

function choose(form, names) {
  for (const box of form.elements.intent) box.checked = names.includes(box.value);
  drawNotes(form);
}

const chosen = (form) => [...form.elements.intent].filter((box) => box.checked).map((box) => box.value);

const isMismatched = ({ elements }) => elements.encoding.value === "etf" && elements.compression.value === "payload";

function drawNotes(form) {
  setText(byId("intents-note"), `${chosen(form).length} of ${INTENTS.length} chosen`);
  setText(byId("encoding-note"), isMismatched(form) ? "ETF does not go with payload compression." : "");
  const url = form.elements.url.value;
  const isForeign = isAddress(url) && !isLoopback(url) && new URL(url).hostname !== DISCORD;
  setText(byId("address-note"), isForeign ? `This is not Discord's address: the token would go to ${new URL(url).host}.` : "");
}

function isAddress(text) {
  return URL.canParse(text) && ["ws:", "wss:"].includes(new URL(text).protocol);
}

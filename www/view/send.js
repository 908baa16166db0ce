// The composer: a form for each command with checked fields, what it weighs, and the answers next to the question.
// Must never know the worker; a checked command goes out through the actions.

import { BUILDERS, sizeOf } from "../model/commands.js";
import { count, exactClock, plural, seconds } from "../model/format.js";
import { isAnswered } from "../model/questions.js";
import { byId, make, setAttribute, setDisabled, setHidden, setText } from "./dom.js";

const MAX_BYTES = 4096;
const UNANSWERED_MS = 60_000;

const COMMANDS = {
  members: { label: "Request members", note: "Answered by GUILD_MEMBERS_CHUNK, linked by the nonce." },
  presence: { label: "Presence", note: "Discord sends no answer. At most 5 in 20 seconds." },
  voice: { label: "Voice state", note: "Answered by VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE." },
  raw: { label: "Raw opcode", note: "Any opcode that users may send; the client refuses the ones it sends itself." },
};

const STATUSES = [["online", "online"], ["idle", "idle"], ["dnd", "do not disturb"], ["invisible", "invisible"]];
const ACTIVITIES = ["playing", "streaming", "listening", "watching", "custom", "competing"]
  .map((word, type) => [String(type), word]);

const FIELDS = {
  members: () => [
    text("guildId", "Guild id", { list: "known-guilds", inputMode: "numeric" }),
    text("query", "Name starts with", { placeholder: "empty: every name" }),
    number("limit", "Limit", 10, 0, 100),
    text("userIds", "Or user ids", { placeholder: "up to 100, separated by spaces" }),
    text("nonce", "Nonce", { placeholder: "made up if empty" }),
    check("presences", "With presences"),
  ],
  presence: () => [
    choice("status", "Status", STATUSES),
    choice("activityType", "Activity", ACTIVITIES),
    text("activity", "Text", { placeholder: "none if empty" }),
    text("url", "Address, for streaming", { placeholder: "https://twitch.tv/…" }),
  ],
  voice: () => [
    text("guildId", "Guild id", { list: "known-guilds", inputMode: "numeric" }),
    text("channelId", "Channel id", { placeholder: "empty: leave", inputMode: "numeric" }),
    check("selfMute", "Muted"),
    check("selfDeaf", "Deafened"),
  ],
  raw: () => [number("opcode", "Opcode", 31, 0, 255), area("data", "Data, as JSON", '{"guild_ids": []}')],
};

export function createSendView(actions) {
  const parts = build();
  let kind = "members";
  const show = (next) => {
    kind = next;
    parts.fields.replaceChildren(...FIELDS[kind]());
    setText(parts.note, COMMANDS[kind].note);
    for (const button of parts.kinds.children) setAttribute(button, "aria-pressed", button.dataset.kind === kind);
    fillGuild(parts);
    validate(parts, kind, false);
  };
  parts.kinds.addEventListener("click", ({ target }) => target.dataset.kind && show(target.dataset.kind));
  parts.form.addEventListener("input", () => validate(parts, kind, false));
  parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    const command = validate(parts, kind, true);
    if (command) actions.send(command, COMMANDS[kind].label);
  });
  parts.log.addEventListener("click", ({ target }) => target.dataset.event && actions.open(Number(target.dataset.event)));
  show(kind);

  return (state) => {
    if (state.view !== "send") return;
    drawGuilds(parts, state.knownGuilds);
    drawBudget(parts, state);
    drawLog(parts, state.questions);
  };
}

function build() {
  const kinds = make("div", { class: "kinds", role: "group", "aria-label": "Command" });
  for (const [kind, { label }] of Object.entries(COMMANDS)) {
    kinds.append(make("button", { type: "button", "data-kind": kind, "aria-pressed": "false" }, label));
  }
  const parts = {
    kinds,
    note: make("p", { class: "note" }),
    fields: make("div", { class: "fields" }),
    meter: make("meter", { min: 0, max: MAX_BYTES, high: MAX_BYTES * 0.9, "aria-label": "Size of the command" }),
    weight: make("span", { "data-testid": "command-bytes" }),
    budget: make("span", { "data-testid": "command-budget" }),
    button: make("button", { type: "submit", class: "main", "data-testid": "send" }, "Send"),
    preview: make("pre", { class: "wire", tabIndex: 0, "aria-label": "What goes over the wire" }),
    guilds: make("datalist", { id: "known-guilds" }),
    log: make("ol", { class: "questions", "data-testid": "answers" }),
    empty: make("p", { class: "empty" }, "Commands that you send appear here, each with its answers."),
  };
  const foot = make("div", { class: "foot" }, parts.button, make("p", {}, parts.weight, parts.meter, parts.budget));
  parts.form = make("form", { autocomplete: "off", noValidate: true }, parts.fields, parts.guilds, foot, parts.preview);
  const left = make("div", { class: "composer" }, kinds, parts.note, parts.form);
  const right = make("div", { class: "asked" }, make("h3", {}, "Sent"), parts.empty, parts.log);
  byId("view-send").append(left, right);
  return parts;
}

/** Checks the fields; problems are shown where something was typed, or everywhere after a try to send. */
function validate(parts, kind, isFinal) {
  const { command, problems } = BUILDERS[kind](Object.fromEntries(new FormData(parts.form)));
  for (const field of parts.fields.querySelectorAll("[name]")) {
    const problem = isFinal || field.value ? problems[field.name] : undefined;
    setAttribute(field, "aria-invalid", Boolean(problem));
    setText(byId(`${field.id}-problem`), problem ?? "");
  }
  const size = command ? sizeOf(command) : 0;
  setText(parts.weight, `${count(size)} of ${count(MAX_BYTES)} bytes`);
  parts.meter.value = size;
  setText(parts.preview, command ? onTheWire(command) : "Fill in the fields to see the command.");
  if (isFinal && !command) parts.fields.querySelector("[aria-invalid=true]")?.focus();
  return size <= MAX_BYTES ? command : undefined;
}

function onTheWire({ opcode, data }) {
  return JSON.stringify({ op: opcode, d: data }, null, 1);
}

function drawGuilds(parts, ids) {
  if (parts.guilds.childElementCount === ids.length) return;
  parts.guilds.replaceChildren(...ids.map((id) => make("option", { value: id })));
  fillGuild(parts);
}

/** The first known guild, if the field is still empty. */
function fillGuild(parts) {
  const field = parts.form.elements.guildId;
  if (!field || field.value || !parts.guilds.firstElementChild) return;
  field.value = parts.guilds.firstElementChild.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function drawBudget(parts, { snapshot, isStarted, status }) {
  const { available = 0, limit = 0, nextInMs = 0, waiting = 0 } = snapshot?.commands ?? {};
  const wait = available === 0 && nextInMs > 0 ? `, next in ${seconds(nextInMs)}` : "";
  const line = waiting > 0 ? `, ${waiting} waiting` : "";
  setText(parts.budget, `${available} of ${limit} sends left${wait}${line}`);
  setDisabled(parts.button, !isStarted || status === "stopped");
}

function drawLog(parts, questions) {
  setHidden(parts.empty, questions.length > 0);
  const now = Date.now();
  const wanted = questions.map((question) => ({ question, key: keyOf(question, now) }));
  wanted.forEach(({ question, key }, place) => {
    const present = parts.log.children[place];
    if (present?.dataset.key === key) return;
    const item = makeQuestion(question, now);
    item.dataset.key = key;
    const isNew = !present || present.dataset.id !== String(question.id);
    if (isNew) parts.log.insertBefore(item, present ?? null);
    else present.replaceWith(item);
  });
  while (parts.log.childElementCount > wanted.length) parts.log.lastElementChild.remove();
}

function keyOf({ id, answerCount, refusal, at }, now) {
  return `${id} ${answerCount} ${refusal?.title ?? ""} ${now - at > UNANSWERED_MS}`;
}

function makeQuestion(question, now) {
  const when = make("time", {}, exactClock(question.at));
  const head = make("p", {}, make("strong", {}, question.label), when, verdict(question, now));
  const asked = make("code", {}, JSON.stringify(question.data));
  const answers = question.answers.map(({ eventId, text: words, members }) => {
    const label = members === undefined ? words : `${words}: ${plural(members, "member")}`;
    return make("button", { type: "button", class: "quiet", "data-event": eventId }, label);
  });
  return make("li", { "data-id": question.id }, head, asked, make("div", { class: "answers" }, ...answers));
}

function verdict({ opcode, answers, answerCount, refusal, at }, now) {
  if (refusal) return make("span", { class: "refused" }, `Refused. ${refusal.title} ${refusal.step}`);
  if (!isAnswered(opcode)) return make("span", {}, "sent; no answer is defined");
  if (answers.at(-1)?.isLast) return make("span", {}, `complete after ${answerCount}`);
  if (answerCount > 0) return make("span", {}, `${answerCount} so far`);
  return make("span", {}, now - at > UNANSWERED_MS ? "no answer in 60 s; ask again" : "waiting for the answer");
}

function text(name, label, properties = {}) {
  const { list, ...others } = properties;
  const input = make("input", { type: "text", spellcheck: false, autocomplete: "off", ...others });
  if (list) input.setAttribute("list", list);
  return field(name, label, input);
}

function number(name, label, value, min, max) {
  return field(name, label, make("input", { type: "number", value: String(value), min: String(min), max: String(max) }));
}

function area(name, label, value) {
  const wrapped = field(name, label, make("textarea", { rows: 5, spellcheck: false, value }));
  wrapped.classList.add("wide");
  return wrapped;
}

function choice(name, label, options) {
  const values = options.map(([value, words]) => make("option", { value }, words));
  return field(name, label, make("select", {}, ...values));
}

function field(name, label, control) {
  const id = `send-${name}`;
  Object.assign(control, { id, name });
  control.setAttribute("aria-describedby", `${id}-problem`);
  const problem = make("small", { id: `${id}-problem`, class: "problem" });
  return make("p", { class: "field" }, make("label", { for: id }, label), control, problem);
}

function check(name, label) {
  const box = make("input", { type: "checkbox", id: `send-${name}`, name });
  return make("p", { class: "field" }, make("label", { class: "check" }, box, label), make("small", { id: `send-${name}-problem` }));
}

// What each tab does: joins the fleet, shows how its shards are and the newest messages, and speaks to it.

import { joinFleet } from "./shardwire/shared-worker.js";

const NEWEST = 10;
const element = (id) => document.getElementById(id);
/** The fleet that this tab has joined; `null` if it has not. */
let fleet = null;
/** Events that this tab has heard, by shard. */
const counts = new Map();
/** Cells of each shard, as `{ status, count }`. */
const rows = new Map();

element("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const { token, url, shards } = event.target.elements;
  void join({ token: token.value, url: url.value, shards: Number(shards.value) });
});
element("leave").addEventListener("click", () => fleet.close());
element("end").addEventListener("click", () => fleet.end());

async function join(greeting) {
  // Where browsers know it, the worker gets a moment to close its sockets in peace.
  const worker = new SharedWorker(new URL("./fleet-worker.js", import.meta.url), { type: "module", extendedLifetime: true });
  worker.addEventListener("error", () => say("The worker could not be loaded."));
  fleet = joinFleet(worker.port, greeting);
  setJoined(true);
  try {
    await fleet.connect();
    say(`Joined: ${fleet.total} shards.`);
    for (const number of fleet.numbers) row(number);
    for await (const event of fleet) show(event);
    say("Left, or the fleet has ended.");
  } catch (error) {
    say(error.message);
  }
  setJoined(false);
}

function show(event) {
  counts.set(event.shardId, (counts.get(event.shardId) ?? 0) + 1);
  const { status, count } = row(event.shardId);
  status.textContent = fleet.shard(event.shardId)?.status ?? "stopped";
  count.textContent = counts.get(event.shardId);
  if (event.type === "notice" && event.code === "events-dropped") say(`This tab was away and missed ${event.dropped} events.`);
  if (event.name !== "MESSAGE_CREATE") return;
  const item = document.createElement("li");
  item.textContent = `${event.data.author.username}: ${event.data.content}`;
  element("newest").prepend(item);
  element("newest").children[NEWEST]?.remove();
}

/** The cells of a shard, which are made when it is first heard of. */
function row(number) {
  if (rows.has(number)) return rows.get(number);
  const line = element("shards").insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = number;
  line.append(head);
  const cells = { status: line.insertCell(), count: line.insertCell() };
  const restart = document.createElement("button");
  restart.textContent = `Restart shard ${number}`;
  restart.addEventListener("click", () => fleet.restart(number).catch(({ message }) => say(message)));
  line.insertCell().append(restart);
  rows.set(number, cells);
  return cells;
}

function say(text) {
  element("said").textContent = text;
}

function setJoined(isJoined) {
  element("join").querySelector("button").disabled = isJoined;
  for (const id of ["leave", "end"]) element(id).disabled = !isJoined;
}

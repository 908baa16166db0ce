// Shards of a fleet in a worker: makes those that the fleet asks for, and sends it what they tell. Knows no host.

import { toPlain } from "./crossing.js";
import { Shard } from "./index.js";
import { portQueue } from "./port-queue.js";
import { serve } from "./serving.js";

const COMMANDS = [
  "info",
  "reconnect",
  "close",
  "updatePresence",
  "updateVoiceState",
  "requestGuildMembers",
  "requestSoundboardSounds",
  "requestChannelInfo",
  "send",
  "sendEncoded",
];

/** Described in `fleet.d.ts`, less `scope`: what the fleet speaks to. */
export function serveShardsAt(scope, { options = {}, onDispatch } = {}) {
  let identifyQueue;
  scope.addEventListener("message", ({ data: [what, ...rest] }) => {
    if (what === "queue") identifyQueue = portQueue(rest[0]);
    if (what === "shard") void run({ ...rest[0], ...options, identifyQueue }, rest[1], onDispatch);
  });
  scope.postMessage(["listening"]);
}

async function run(options, port, onDispatch) {
  const [number] = options.shard;
  try {
    const shard = new Shard(options);
    let connect;
    const connected = new Promise((resolve) => (connect = resolve));
    const methods = COMMANDS.map((name) => [name, (...args) => shard[name](...args)]);
    await serve(port, {
      batches: batches(shard, connected, onDispatch),
      state: () => ({ status: shard.status, session: shard.session }),
      methods: Object.fromEntries(methods),
      hear: ([what]) => what === "connect" && connect(),
    });
  } catch (error) {
    const { code, message } = toPlain(error);
    const event = { type: "stopped", reason: { code: "worker-lost", message: `it could not run: ${code} ${message}` } };
    port.postMessage(["events", [[number, null, null, event]], { status: "stopped", session: null }]);
    port.postMessage(["over", { status: "stopped", session: null }]);
  }
}

/** What a shard tells, from when it is to be connected. Dispatches go to `onDispatch`, if there is one, one after the other. */
async function* batches(shard, connected, onDispatch) {
  await connected;
  for (;;) {
    const events = await shard.nextBatch();
    if (events.length === 0) return;
    if (!onDispatch) {
      yield events;
      continue;
    }
    const others = [];
    for (const event of events) {
      if (event.type === "dispatch") others.push(...(await handle(event, shard, onDispatch)));
      else others.push(event);
    }
    yield others;
  }
}

/** Gives the notice of what went wrong, if something did. */
async function handle(event, shard, onDispatch) {
  try {
    await onDispatch(event, shard);
    return [];
  } catch (error) {
    const message = `onDispatch failed at ${event.name}`;
    return [{ type: "notice", code: "bad-hook", message, error, shardId: event.shardId }];
  }
}

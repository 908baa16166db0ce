// Shards of a fleet in a worker: makes those that the fleet asks for, and sends it what they tell. Knows no host.

import { COMMANDS } from "./commands.js";
import { toPlain } from "./crossing.js";
import { beforeUnread } from "./handed.js";
import { Shard } from "./index.js";
import { portQueue } from "./port-queue.js";
import { Serving } from "./serving.js";

const METHODS = ["info", "reconnect", "close", ...COMMANDS];
/** Events that are told at once. */
const MOST_TOLD = 1000;
/** Events that are handled here before it is told how far that has come. */
const MOST_HANDLED = 100;

/** Described in `fleet.d.ts`, less `scope`: what the fleet speaks to. */
export function serveShardsAt(scope, { options = {}, onDispatch } = {}) {
  let identifyQueue;
  scope.addEventListener("message", ({ data }) => {
    // What the user says to the worker is not for here.
    const [what, ...rest] = Array.isArray(data) ? data : [];
    if (what === "queue") identifyQueue = portQueue(rest[0]);
    if (what === "shard") void run({ ...rest[0], ...options, identifyQueue }, rest[1], onDispatch);
  });
  scope.postMessage(["listening"]);
}

async function run(options, port, onDispatch) {
  try {
    const told = new Told(new Shard(options), onDispatch);
    await told.over(port);
  } catch (error) {
    port.postMessage(["over", { status: "stopped", session: null }, toPlain(error)]);
    port.close();
  }
}

/** What a shard tells, from when it is to be connected. */
class Told {
  #shard;
  #onDispatch;
  /** Resolves when it is to be connected. */
  #connected;
  #connect;
  /** Events of the last batch that are neither told nor handled yet. */
  #rest = [];

  constructor(shard, onDispatch) {
    this.#shard = shard;
    this.#onDispatch = onDispatch;
    this.#connected = new Promise((resolve) => (this.#connect = resolve));
  }

  async over(port) {
    const methods = METHODS.map((name) => [name, (...args) => this.#shard[name](...args)]);
    const serving = new Serving(port, Object.fromEntries(methods));
    port.addEventListener("message", ({ data }) => {
      if (!serving.hear(data) && data[0] === "connect") this.#connect();
    });
    port.start();
    await serving.send(this.#batches(), () => this.#state());
    // After a failure, it would go on beside the one that is made in its place.
    await this.#shard.disconnect();
  }

  #state() {
    const { status, session } = this.#shard;
    return { status, session: beforeUnread(session, this.#rest) };
  }

  async *#batches() {
    await this.#connected;
    const most = this.#onDispatch ? MOST_HANDLED : MOST_TOLD;
    for (;;) {
      const events = await this.#shard.nextBatch();
      if (events.length === 0) return;
      for (let at = 0; at < events.length; at += most) {
        const part = events.slice(at, at + most);
        const told = this.#onDispatch ? await this.#handle(part) : part;
        this.#rest = events.slice(at + most);
        yield told;
      }
    }
  }

  /** Hands dispatches to the user, one after the other. Gives the other events, and notices of what went wrong. */
  async #handle(events) {
    const told = [];
    for (const event of events) {
      if (event.type !== "dispatch") {
        told.push(event);
        continue;
      }
      try {
        await this.#onDispatch(event, this.#shard);
      } catch (error) {
        const message = `onDispatch failed at ${event.name}`;
        told.push({ type: "notice", code: "bad-hook", message, error, shardId: event.shardId });
      }
    }
    return told;
  }
}

// Workers in which shards of a fleet run: makes them as they are needed, and notices when one is gone. Knows shards by their
// numbers.

import { ShardwireError } from "./error.js";
import { Shard } from "./index.js";
import { serveQueue } from "./port-queue.js";
import { RemoteShard } from "./remote-shard.js";

const SHARDS_PER_WORKER = 16;
/** Options that are functions, and do not cross into a worker. */
const FUNCTIONS = ["tap", "beforeConnect", "WebSocket"];

/** Makes a worker of the package's own; each host has its way. */
let createOwn = () => {
  throw new ShardwireError("unavailable", "expected workers.create, as here nobody else makes workers");
};

export function createWorkersBy(create) {
  createOwn = create;
}

/** Throws what is not right about options of a fleet in workers. */
export function checkForWorkers(common, { shardsPerWorker = SHARDS_PER_WORKER }) {
  const found = FUNCTIONS.find((name) => name in common);
  if (found) throw new ShardwireError("bad-options", `expected ${found} to be given to serveShards in a worker of your own`);
  if (!Number.isSafeInteger(shardsPerWorker) || shardsPerWorker < 1) {
    throw new ShardwireError("bad-options", "expected workers.shardsPerWorker to be a whole number above zero");
  }
  // Nothing is opened here.
  void new Shard({ ...common, WebSocket: class {} });
}

export class Workers {
  #shardsPerWorker;
  #create;
  #queue;
  #places = new Set();

  /** All shards ask `queue`. */
  constructor({ shardsPerWorker = SHARDS_PER_WORKER, create = createOwn }, queue) {
    this.#shardsPerWorker = shardsPerWorker;
    this.#create = create;
    this.#queue = queue;
  }

  /** A shard in the first worker that has room. */
  make(options) {
    const { shard, presence } = options;
    const place = [...this.#places].find((place) => place.count < this.#shardsPerWorker) ?? this.#open();
    const { port1, port2 } = new MessageChannel();
    const remote = new RemoteShard(port1, options.limits?.waitingEvents);
    place.take(remote, shard[0]);
    const crossing = typeof presence === "function" ? { ...options, presence: presence(shard) } : options;
    place.tell(["shard", crossing, port2], [port2]);
    return remote;
  }

  close() {
    for (const place of this.#places) place.close();
    this.#places.clear();
  }

  #open() {
    const place = new Place(this.#create(), this.#queue, () => this.#places.delete(place));
    this.#places.add(place);
    return place;
  }
}

/** A worker and the shards in it. */
class Place {
  #worker;
  #shards = new Map();
  #stopServing;
  /** What is to be told once the worker listens; `null` since it does. */
  #waiting = [];
  #onLost;

  constructor(worker, queue, onLost) {
    this.#worker = worker;
    this.#onLost = onLost;
    const { port1, port2 } = new MessageChannel();
    this.#stopServing = serveQueue(queue, port1);
    this.tell(["queue", port2], [port2]);
    hear(worker, "message", (message) => {
      if (message?.[0] === "listening") this.#flush();
    });
    // Node.js, where a worker ends by what it does not catch.
    hear(worker, "exit", () => this.#lose("its worker has ended"));
    // Elsewhere it goes on, unless it has not even begun.
    hear(worker, "error", (error) => {
      if (this.#waiting) this.#lose(`its worker could not be started: ${error?.message ?? error}`);
    });
  }

  get count() {
    return this.#shards.size;
  }

  take(remote, number) {
    this.#shards.set(remote, number);
    remote.onOver = () => this.#shards.delete(remote);
  }

  tell(message, ports) {
    if (this.#waiting) this.#waiting.push([message, ports]);
    else this.#worker.postMessage(message, ports);
  }

  close() {
    this.#stopServing();
    void this.#worker.terminate();
  }

  #flush() {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const call of waiting) this.tell(...call);
  }

  #lose(message) {
    this.#onLost();
    this.close();
    for (const [remote, number] of this.#shards) {
      remote.lose([[number, null, null, { type: "stopped", reason: { code: "worker-lost", message } }]], message);
    }
  }
}

/** Workers of Node.js have listeners of another kind. */
function hear(worker, name, listener) {
  if (worker.addEventListener) worker.addEventListener(name, (event) => listener(name === "message" ? event.data : event));
  else worker.on(name, listener);
}

// Workers in which shards of a fleet run: makes them as they are needed, and notices when one is gone. Knows shards by their
// numbers.

import { toPlain } from "./crossing.js";
import { ShardwireError } from "./error.js";
import { Shard } from "./index.js";
import { serveQueue } from "./port-queue.js";
import { RemoteShard } from "./remote-shard.js";

const SHARDS_PER_WORKER = 16;
/** Options that are functions, and do not cross into a worker. */
const FUNCTIONS = ["tap", "beforeConnect", "WebSocket"];

/** Makes a worker of the package's own; each host has its way, or none. */
let createOwn;

export function createWorkersBy(create) {
  createOwn = create;
}

/** Throws what is not right about options of a fleet in workers. */
export function checkForWorkers(common, { shardsPerWorker = SHARDS_PER_WORKER, create = createOwn }) {
  const found = FUNCTIONS.find((name) => name in common);
  if (found) throw new ShardwireError("bad-options", `expected ${found} to be given to serveShards in a worker of your own`);
  if (!Number.isSafeInteger(shardsPerWorker) || shardsPerWorker < 1) {
    throw new ShardwireError("bad-options", "expected workers.shardsPerWorker to be a whole number above zero");
  }
  if (typeof create !== "function") {
    throw new ShardwireError("bad-options", "expected workers.create to be a function, as here nobody else makes workers");
  }
  const { presence, ...others } = common;
  try {
    // A function is asked here.
    structuredClone(typeof presence === "function" ? others : common);
  } catch (cause) {
    throw new ShardwireError("bad-options", "expected options that can be copied into a worker", { cause });
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
    const remote = new RemoteShard(port1, options);
    place.take(remote);
    const crossing = typeof presence === "function" ? { ...options, presence: presence(shard) } : options;
    place.tell(["shard", crossing, port2], [port2]);
    return remote;
  }

  /** Ends workers in which no shard is left. */
  trim() {
    for (const place of this.#places) if (place.count === 0) this.#end(place);
  }

  close() {
    for (const place of this.#places) this.#end(place);
  }

  #end(place) {
    this.#places.delete(place);
    place.close();
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
  #shards = new Set();
  /** Where the identify queue is asked. */
  #queuePort;
  #stopServing;
  /** What is to be told once the worker listens; `null` since it does. */
  #waiting = [];
  #onLost;

  constructor(worker, queue, onLost) {
    this.#worker = worker;
    this.#onLost = onLost;
    const { port1, port2 } = new MessageChannel();
    this.#queuePort = port1;
    this.#stopServing = serveQueue(queue, port1);
    this.tell(["queue", port2], [port2]);
    hear(worker, "message", (message) => {
      if (message?.[0] === "listening") this.#flush();
    });
    // Of Node.js, and of Bun.
    for (const end of ["exit", "close"]) hear(worker, end, () => this.#lose("its worker has ended"));
    // What it does not catch ends it in some hosts, so it does in all.
    hear(worker, "error", (error) => {
      // In Deno, it would end this realm too.
      error?.preventDefault?.();
      this.#lose(`its worker has failed: ${toPlain(error).message}`);
    });
  }

  get count() {
    return this.#shards.size;
  }

  take(remote) {
    this.#shards.add(remote);
    remote.onOver = () => this.#shards.delete(remote);
  }

  tell(message, ports) {
    if (this.#waiting) this.#waiting.push([message, ports]);
    else this.#worker.postMessage(message, ports);
  }

  close() {
    this.#stopServing();
    this.#queuePort.close();
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
    for (const remote of this.#shards) remote.lose(message);
  }
}

/** Workers of Node.js have listeners of another kind. */
function hear(worker, name, listener) {
  if (worker.addEventListener) worker.addEventListener(name, (event) => listener(name === "message" ? event.data : event));
  else worker.on(name, listener);
}

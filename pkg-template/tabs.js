// Tabs that share one fleet: who hears what of it, and who is still there. Knows tabs by their ports, and the fleet by what is
// described in `fleet.d.ts`.

import { COMMANDS } from "./commands.js";
import { Broadcast } from "./dispatch.js";
import { ShardwireError } from "./error.js";
import { Serving } from "./serving.js";

/** Events that wait for one tab. */
const CAPACITY = 10_000;
/** How often it is looked who has said something. */
const BEAT_MS = 15_000;
/** Beats in a row in which a tab said nothing, after which nothing is kept for it: no host says that a tab has crashed. */
const SILENT = 20;
const METHODS = ["infos", "updatePresence", "start", "stop", "restart", "reshard"];
const METHODS_OF_SHARD = ["info", "reconnect", ...COMMANDS];

/** Described in `shared-worker.d.ts`. */
export function serveFleet(make, { capacity = CAPACITY } = {}) {
  if (typeof make !== "function") throw new ShardwireError("bad-options", "expected a function that makes the fleet");
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new ShardwireError("bad-options", "expected a capacity that is a whole number above zero");
  }
  /** The fleet that the next tab shares; it is made anew when it has ended. */
  let shared = null;
  const share = (greeting) => {
    if (!shared || shared.isOver) shared = new Shared(make, greeting, { capacity, before: shared?.closed });
    return shared;
  };
  const present = new Present();
  return (port) => void new Tab(port, share, present);
}

/** A fleet, and where its events go. */
class Shared {
  isOver = false;
  /** It is over as nobody was there. */
  isLeft = false;
  /** Resolves when nothing of it runs any more, where it was closed here. */
  closed = null;
  /** How many events were dealt out. */
  dealt = 0;
  /** As a promise, and once it is there; `null` before. */
  made;
  #fleet = null;
  #capacity;
  #broadcast = new Broadcast();

  /** Begins when the one that was there `before` is closed. */
  constructor(make, greeting, { capacity, before }) {
    this.#capacity = capacity;
    this.made = (async () => {
      await before;
      return (this.#fleet = await make(greeting));
    })();
    // Counts what comes, and takes nothing.
    this.#broadcast.subscribe({}, () => {
      this.dealt += 1;
      return false;
    });
    void this.#run();
  }

  subscribe() {
    return this.#broadcast.subscribe({ capacity: this.#capacity, overflow: "drop-oldest" });
  }

  /** The fleet as it is, for those who see it from elsewhere. */
  get picture() {
    const { total = null, recommendedInstead = null, numbers = [] } = this.#fleet ?? {};
    return { total, recommendedInstead, shards: numbers.map((number) => [number, this.#fleet.shard(number).status]) };
  }

  /**
   * Nobody is there. A browser that ends a worker ends its sockets too, in a way by which Discord forgets the sessions; so they are
   * closed in another.
   */
  leaveOff() {
    this.isLeft = true;
    this.#close();
  }

  #close() {
    this.isOver = true;
    // What is wrong with it was told to every tab.
    this.closed ??= this.made.then((fleet) => fleet.close({ keepSession: true })).catch(() => {});
  }

  async #run() {
    try {
      await this.#broadcast.run({ nextBatch: async () => (await this.made).nextBatch() });
      this.isOver = true;
    } catch {
      // What still runs would run beside the next one.
      this.#close();
    }
  }
}

/** Tabs for which something is kept. */
class Present {
  #tabs = new Set();
  /** Runs only while there are any. */
  #beating = null;

  get isEmpty() {
    return this.#tabs.size === 0;
  }

  add(tab) {
    this.#tabs.add(tab);
    this.#beating ??= setInterval(() => this.#beat(), BEAT_MS);
    // Of Node.js: it is no reason to stay.
    this.#beating.unref?.();
  }

  delete(tab) {
    this.#tabs.delete(tab);
    if (this.#tabs.size > 0) return;
    clearInterval(this.#beating);
    this.#beating = null;
  }

  #beat() {
    for (const tab of this.#tabs) if (++tab.silentFor > SILENT) tab.leave();
  }
}

/** The worker's end of a tab. While it is away, nobody but its port holds it: the host drops both once the other end is gone. */
class Tab {
  /** Beats since it has said something. */
  silentFor = 0;
  #port;
  #share;
  #present;
  #serving;
  /** What it has joined. */
  #shared = null;
  #greeting;
  /** How far it was told what was dealt out. */
  #told = 0;
  /** Ends what is sent to it; `null` while nothing is. */
  #leaving = null;

  constructor(port, share, present) {
    this.#port = port;
    this.#share = share;
    this.#present = present;
    this.#serving = new Serving(port, this.#methods());
    port.addEventListener("message", ({ data }) => this.#hear(data));
    // Where the host tells.
    port.addEventListener("close", () => this.leave());
    port.start();
  }

  /** Nothing is kept for it any more, until it says something. */
  leave() {
    this.#leaving?.abort();
    this.#leaving = null;
    this.#present.delete(this);
  }

  #hear(message) {
    const [what, greeting] = message;
    if (what === "join") this.#greeting = greeting;
    if (what === "leave") {
      this.leave();
      if (this.#present.isEmpty) this.#shared?.leaveOff();
      return;
    }
    this.silentFor = 0;
    if (!this.#leaving) this.#join();
    if (what === "here") this.#port.postMessage(["here"]);
    else this.#serving.hear(message);
  }

  async #join() {
    // After a fleet that another tab has ended, there is none for this one.
    const isBack = this.#shared !== null && !this.#shared.isLeft;
    if (!isBack) this.#shared = this.#share(this.#greeting);
    const shared = this.#shared;
    const leaving = (this.#leaving = new AbortController());
    this.#present.add(this);
    const subscription = shared.subscribe();
    leaving.signal.addEventListener("abort", () => subscription.close());
    const missed = isBack ? shared.dealt - this.#told : 0;
    this.#told = shared.dealt;
    await this.#serving.send(this.#batches(subscription, missed), () => shared.picture, leaving.signal);
    if (this.#leaving === leaving) this.leave();
  }

  /** What it is told from now on: how the fleet is, how many events it has missed, and what comes. */
  async *#batches(subscription, missed) {
    const fleet = await this.#shared.made;
    await fleet.connect();
    const dropped = (count) => {
      const message = `the tab was too slow or away, and ${count} events were dropped`;
      return { type: "notice", code: "events-dropped", message, dropped: count, shardId: fleet.numbers[0] ?? 0 };
    };
    yield missed > 0 ? [dropped(missed)] : [];
    for (;;) {
      const events = await subscription.nextBatch();
      if (events.length === 0) return;
      for (const event of events) this.#told += event.type === "lagged" ? event.dropped : 1;
      yield events.map((event) => (event.type === "lagged" ? dropped(event.dropped) : event));
    }
  }

  /** What a tab may call. */
  #methods() {
    const made = () => this.#shared.made;
    const plain = METHODS.map((name) => [name, async (...args) => (await made())[name](...args)]);
    return {
      ...Object.fromEntries(plain),
      ready: async () => (await made()).ready,
      end: async (options) => (await made()).close(options),
      shard: async (number, name, ...args) => {
        const shard = (await made()).shard(number);
        if (!shard) throw new ShardwireError("bad-shard", `expected a shard that runs here, not ${number}`);
        if (!METHODS_OF_SHARD.includes(name)) throw new ShardwireError("bad-command", `expected a known method, not ${name}`);
        return shard[name](...args);
      },
    };
  }
}

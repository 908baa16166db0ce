// The shards of one total: starts them in order, reads them, and keeps their sessions. Knows nothing of the protocol but what a
// status says, and not who gets the events.

import { ShardwireError } from "./error.js";
import { healthOf } from "./health.js";
import { Keeper } from "./keeping.js";
import { Launching } from "./launching.js";

/** Statuses by which an attempt to start has come to something, or to nothing. */
const SETTLED = ["identifying", "ready", "disconnected"];

export class Generation {
  total;
  /** Resolves when every shard was ready that has not stopped before; rejects if all have stopped. */
  ready;
  #make;
  #hear;
  #room;
  #fail;
  #onEnd;
  #launching;
  /** Shards that have not ended, by their numbers. */
  #members = new Map();
  #unready = new Set();
  #settleReady;
  /** Shards that are started again once they have ended. */
  #restarting = new Set();
  #isClosing = false;
  /** Sessions that ended shards have left. */
  #left = new Map();
  /** Writes sessions; `null` if nobody keeps them. */
  #keeper = null;

  /**
   * `make(shard, session)` makes a shard. What it tells goes to `hear`, when `room` has resolved; that it cannot be read goes to
   * `fail`, and that the last one has ended to `onEnd`.
   */
  constructor({ total, maxConcurrency, make, hear, room, fail, onEnd }) {
    this.total = total;
    this.#make = make;
    this.#hear = hear;
    this.#room = room;
    this.#fail = fail;
    this.#onEnd = onEnd;
    this.#launching = new Launching(maxConcurrency, (number) => this.#run(number));
    this.ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }));
    // Nobody has to wait for it.
    this.ready.catch(() => {});
  }

  /** Keeps sessions in `store`, no further than `handed(session)` says. */
  keep(store, handed, onError) {
    const sessionOf = (number) => {
      const session = this.#members.get(number)?.shard.session ?? this.#left.get(number);
      return session ? handed(session) : null;
    };
    this.#keeper = new Keeper(store, { total: this.total, sessionOf, onError });
  }

  get numbers() {
    return [...this.#members.keys()].sort((one, other) => one - other);
  }

  shard(number) {
    return this.#members.get(number)?.shard;
  }

  get shards() {
    return this.numbers.map((number) => this.shard(number));
  }

  /** Makes shards, and starts them when it is their turn: those in `sessions` go on with that. */
  add(numbers, sessions = new Map()) {
    const shards = numbers.map((number) => {
      if (this.#members.has(number)) throw new ShardwireError("bad-shard", `expected a shard that does not run, not ${number}`);
      return [number, this.#make([number, this.total], sessions.get(number))];
    });
    for (const [number, shard] of shards) {
      this.#members.set(number, { number, shard, reading: null, wasReady: false, isLost: false });
      if ("onProgress" in shard) shard.onProgress = () => this.moved(number);
      this.#unready.add(number);
      this.#left.delete(number);
    }
    this.#launching.add(numbers.map((number) => [number, sessions.has(number)]));
  }

  /** Ends a shard and gives the session that it leaves. What it has received before is still heard. */
  async stop(number, { keepSession = false } = {}) {
    const member = this.#members.get(number);
    if (!member) throw new ShardwireError("bad-shard", `expected a shard that runs here, not ${number}`);
    this.#launching.settle(number);
    const session = member.shard.close({ keepSession });
    // It may not have been started, and has to be read to its end.
    this.#read(member);
    return session;
  }

  /** Ends a shard and starts it with the session that it leaves. */
  async restart(number) {
    const member = this.#members.get(number);
    this.#restarting.add(number);
    try {
      const session = await this.stop(number, { keepSession: true });
      await member.reading;
      this.add([number], session ? new Map([[number, session]]) : undefined);
    } finally {
      this.#restarting.delete(number);
    }
  }

  /** Ends all shards; gives the sessions that they leave. */
  async close(options) {
    this.#isClosing = true;
    const sessions = await Promise.all(this.numbers.map((number) => this.stop(number, options)));
    return sessions.filter((session) => session !== null);
  }

  /** Resolves when all that ended shards have told is heard, and their sessions are where they are kept. */
  async settle() {
    await Promise.all([...this.#members.values()].map(({ reading }) => reading));
    await this.#keeper?.flush();
  }

  /** The user has come back from an event of this shard. */
  moved(number) {
    this.#keeper?.moved(number);
  }

  health() {
    return healthOf(this.shards.map(({ status }) => status));
  }

  #run(number) {
    const member = this.#members.get(number);
    member.shard.connect();
    this.#read(member);
  }

  #read(member) {
    member.reading ??= this.#readAll(member).catch((error) => {
      this.#fail(error);
      this.#end(member);
    });
  }

  async #readAll(member) {
    const { shard } = member;
    for (;;) {
      await this.#room();
      const events = await shard.nextBatch();
      if (events.length === 0) break;
      for (const event of events) if (event.type !== "dispatch") this.#note(member, event);
      this.#hear(events);
    }
    this.#end(member);
  }

  /** Keeps in mind what an event says of its shard. */
  #note(member, { type, status, reason }) {
    const { number } = member;
    if (type === "resumed" || status === "ready") this.#keeper?.moved(number, true);
    if (type === "stopped") member.isLost = reason.code === "worker-lost";
    if (type !== "status") return;
    if (SETTLED.includes(status)) this.#launching.settle(number);
    if (status !== "ready") return;
    member.wasReady = true;
    this.#isReady(number);
  }

  #isReady(number) {
    this.#unready.delete(number);
    if (this.#unready.size === 0) this.#settleReady.resolve();
  }

  #end({ number, shard, wasReady, isLost }) {
    const { session } = shard;
    if (session) this.#left.set(number, session);
    this.#members.delete(number);
    this.#launching.settle(number);
    this.#keeper?.moved(number, true);
    // It goes on in another worker, unless it may be what ends them.
    if (isLost && wasReady && !this.#isClosing) {
      this.add([number], session ? new Map([[number, session]]) : undefined);
    } else if (this.#members.size === 0 && this.#restarting.size === 0) {
      this.#settleReady.reject(new ShardwireError("stopped", "all shards stopped before the fleet was ready"));
      this.#onEnd();
    } else {
      this.#isReady(number);
    }
  }
}

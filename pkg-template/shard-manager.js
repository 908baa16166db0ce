// Many shards as one: what users hold, and who hears what while one total goes over into another. Knows shards by their events.

import { discoverGateway } from "./discover.js";
import { ShardwireError } from "./error.js";
import { EventLine } from "./event-line.js";
import { Generation } from "./generation.js";
import { beforeUnread } from "./handed.js";
import { healthOf } from "./health.js";
import { IdentifyLedger } from "./identify-ledger.js";
import { Shard } from "./index.js";
import { Readable } from "./reading.js";
import { resolveShards, shardForGuild } from "./shard-set.js";
import { Switching } from "./switching.js";
import { Workers, checkForWorkers } from "./workers.js";

/** Default of `limits.waitingEvents`, of each shard and of all together. */
const WAITING_EVENTS = 10_000;
/** How long `close` waits for the store, unless it is told. */
const CLOSE_WITHIN_MS = 10_000;
/** Options that are the fleet's own; the others are those of each shard. */
const OWN = ["shards", "total", "multipleOf", "gateway", "discover", "sessions", "workers", "identifyQueue", "identifyStore"];
/** Options of a shard that are not the user's here. */
const TAKEN = ["shard", "session"];

/** Described in `fleet.d.ts`. */
export class ShardManager extends Readable {
  #line;
  /** Options of the fleet, and of each shard. */
  #own;
  #common;
  /** Resolves when the shards are known and on their way; `null` if nobody has asked. */
  #starting = null;
  /** The shards that are heard; `null` before they are known. */
  #present = null;
  /** A change to another total, as `{ next, switching, settle }`, until one side has ended; `null` if there is none. */
  #change = null;
  #queue = null;
  /** Where shards run that do not run here; `null` if all do. */
  #workers = null;
  #recommended = null;
  /** What `close` gives. */
  #closing = null;
  /** Events that loops have, and have not come back from. */
  #inHand = new Set();
  #batch = [];

  constructor(options) {
    const most = options?.limits?.waitingEvents ?? WAITING_EVENTS;
    const line = new EventLine(most);
    super(line, { most, start: () => this.#begin() });
    this.#line = line;
    const entries = Object.entries(options);
    this.#own = Object.fromEntries(entries.filter(([name]) => OWN.includes(name)));
    this.#common = Object.fromEntries(entries.filter(([name]) => !OWN.includes(name)));
    const taken = TAKEN.find((name) => name in options);
    if (taken) throw new ShardwireError("bad-options", `expected shards and a store of sessions, rather than ${taken}`);
    // What is not right is told now, as far as it is known.
    if (this.#own.workers) checkForWorkers(this.#common, this.#own.workers);
    else void new Shard(this.#common);
    if (typeof this.#own.total === "number") resolveShards(this.#own);
  }

  get total() {
    return this.#present?.total ?? null;
  }

  get numbers() {
    return this.#present?.numbers ?? [];
  }

  /** How many Discord recommends, if that is known and something else than the total. */
  get recommendedInstead() {
    return this.#recommended === this.total ? null : this.#recommended;
  }

  async connect() {
    await this.#begin();
  }

  get ready() {
    return this.connect().then(() => this.#running.ready);
  }

  shard(number) {
    return this.#present?.shard(number);
  }

  forGuild(guildId) {
    return shardForGuild(this.#running, guildId);
  }

  async updatePresence(presence, options) {
    const shards = this.#running.shards;
    const sent = await Promise.allSettled(shards.map((shard) => shard.updatePresence(presence, options)));
    return sent.flatMap(({ reason }, at) => (reason ? [{ shardId: this.numbers[at], error: reason }] : []));
  }

  async infos() {
    return Promise.all((this.#present?.shards ?? []).map((shard) => shard.info()));
  }

  health() {
    return this.#present?.health() ?? healthOf([]);
  }

  async start(number, { session } = {}) {
    const { total } = this.#running;
    if (!Number.isSafeInteger(number) || number < 0 || number >= total) {
      throw new ShardwireError("bad-shard", `expected a shard below ${total}, got ${number}`);
    }
    this.#running.add([number], session ? new Map([[number, session]]) : undefined);
  }

  async stop(number, options) {
    return this.#running.stop(number, options);
  }

  async restart(number) {
    await this.#running.restart(number);
  }

  async reshard({ shards = "auto", total, multipleOf, gateway = this.#own.gateway } = {}) {
    const old = this.#running;
    const { next, numbers } = await this.#generation({ ...this.#own, shards, total, multipleOf, gateway });
    // Nothing was opened yet, and another may have begun meanwhile.
    if (this.#change || this.#running !== old) throw new ShardwireError("bad-shard", "expected the change that is under way to be over first");
    const standing = old.numbers.map((number) => [number, old.shard(number).status === "ready"]);
    const switching = new Switching(standing, numbers);
    next.add(numbers);
    await new Promise((resolve, reject) => (this.#change = { next, switching, settle: { resolve, reject } }));
  }

  close({ keepSession = false, withinMs = CLOSE_WITHIN_MS } = {}) {
    this.#closing ??= this.#close(keepSession, withinMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }

  take() {
    return this.#line.take();
  }

  async nextBatch() {
    const batch = this.#batch;
    this.#batch = [];
    for (const event of batch) this.#comeBack(event);
    this.#batch = await super.nextBatch();
    return [...this.#batch];
  }

  [Symbol.asyncIterator]() {
    const loop = super[Symbol.asyncIterator]();
    let held;
    const letGo = () => {
      if (held && this.#inHand.delete(held)) this.#comeBack(held);
    };
    return {
      next: async () => {
        letGo();
        const result = await loop.next();
        held = result.value;
        if (held) this.#inHand.add(held);
        return result;
      },
      return: (value) => {
        letGo();
        return loop.return(value);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  // Below: nothing that a user calls.

  get #running() {
    if (this.#present && !this.#closing) return this.#present;
    throw new ShardwireError("stopped", "expected a fleet that was started, and not closed");
  }

  /** Starts the fleet; again does nothing. Gives a promise as long as something is waited for. */
  #begin() {
    if (this.#present || this.#closing) return null;
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  async #start() {
    const { next, numbers } = await this.#generation(this.#own);
    const kept = (await this.#own.sessions?.load()) ?? [];
    if (this.#closing) return;
    const own = kept.filter(({ shard: [number, total] }) => total === next.total && numbers.includes(number));
    next.add(numbers, new Map(own.map((session) => [session.shard[0], session])));
    this.#present = next;
    if (this.recommendedInstead !== null) {
      const message = `Discord recommends ${this.#recommended} shards, and there are ${next.total}`;
      this.#notify({ code: "shard-count", message, shardId: numbers[0] });
    }
  }

  /** The shards of a total, not made yet, and their numbers. */
  async #generation(wanted) {
    const { token, url } = this.#common;
    const { gateway = await discoverGateway({ token, ...this.#own.discover }) } = wanted;
    const { total, numbers } = resolveShards(wanted, gateway?.shards);
    this.#recommended = gateway?.shards ?? null;
    this.#queue ??= this.#own.identifyQueue ?? this.#ledger(gateway);
    await this.#queue.ready;
    const common = { ...this.#common, url: url ?? gateway?.url };
    if (this.#own.workers) this.#workers ??= new Workers(this.#own.workers, this.#queue);
    const next = new Generation({
      total,
      maxConcurrency: gateway?.sessionStartLimit.maxConcurrency ?? 1,
      make: (shard, session) => {
        if (this.#workers) return this.#workers.make({ ...common, shard, session });
        return new Shard({ ...common, shard, session, identifyQueue: this.#queue });
      },
      hear: (events) => this.#hear(next, events),
      room: () => this.#line.room(),
      fail: (error) => this.#line.fail(error),
      onEnd: () => this.#end(next),
    });
    if (this.#own.sessions) {
      next.keep(this.#own.sessions, (session) => this.#handed(session), (error, shardId) => {
        this.#notify({ code: "bad-hook", message: "the store of sessions failed; the fleet goes on as without it", error, shardId });
      });
    }
    return { next, numbers };
  }

  #ledger(gateway) {
    const onError = (error, method) => {
      this.#notify({ code: "bad-hook", message: `identifyStore.${method} failed; the fleet goes on as without it`, error });
    };
    return new IdentifyLedger({ limit: gateway?.sessionStartLimit, store: this.#own.identifyStore, onError });
  }

  #notify(notice) {
    this.#line.push([{ type: "notice", shardId: this.numbers[0] ?? 0, ...notice }]);
  }

  /** `session` as far as events of its shard were handed over, and come back from. */
  #handed(session) {
    const unread = [...this.#batch, ...this.#inHand, ...this.unread, ...this.#line.waiting];
    return beforeUnread(session, unread);
  }

  #comeBack({ type, shardId }) {
    if (type === "dispatch") this.#present?.moved(shardId);
  }

  /** Shards of `generation` have told something. */
  #hear(generation, events) {
    if (!this.#change) return this.#line.push(events);
    const { next, switching } = this.#change;
    this.#line.push(generation === next ? switching.hearNew(events) : switching.hearOld(events));
    this.#turn();
  }

  /** Goes over to the next shards if it is time, or gives up if it never will be. */
  #turn() {
    const { next, switching, settle } = this.#change;
    const held = switching.turn();
    if (held) {
      this.#line.push(held);
      void this.#present.close();
      this.#present = next;
      settle.resolve();
    } else if (switching.isGivenUp) {
      void next.close();
      settle.reject(new ShardwireError("unavailable", "a side was stuck for so long that too much waited; the old shards go on"));
    }
  }

  /** The last shard of `generation` has ended. */
  #end(generation) {
    const change = this.#change;
    this.#change = null;
    // Of no use once the new shards are heard.
    change?.settle.reject(new ShardwireError("stopped", "the shards ended before the change was over"));
    if (generation !== this.#present) return this.#workers?.trim();
    if (change) void change.next.close();
    this.#workers?.close();
    this.#line.end();
  }

  async #close(keepSession, withinMs) {
    await this.#starting?.catch(() => {});
    const all = [this.#present, this.#change?.next].filter(Boolean);
    if (all.length === 0) this.#line.end();
    const sessions = await Promise.all(all.map((generation) => generation.close({ keepSession })));
    await within(withinMs, Promise.all(all.map((generation) => generation.settle())));
    return sessions.flat();
  }
}

/** Waits for `promise`, but no longer than so many milliseconds. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

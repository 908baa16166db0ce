// A shard in a Durable Object of Cloudflare, as a class to extend. The host takes objects away without a word: whatever must
// outlive that is in the object's storage, and an alarm brings the object back. Knows nothing of the protocol.

import { DurableObject } from "cloudflare:workers";

import { DurableAlarm } from "./durable-alarm.js";
import { Handing, isPromise } from "./durable-handing.js";
import { DurableRecord, identifyStore } from "./durable-record.js";
import { Shard, ShardwireError } from "./entry/workerd.js";

export { DurableQueue, durableQueue } from "./durable-queue.js";
export { ShardwireError };

/** Described in `durable-object.d.ts`. At the earliest, an object is taken away 70 seconds after its last alarm. */
const DURABILITY = {
  alarmMs: { usual: 45_000, least: 1_000, most: 60_000 },
  saveMs: { usual: 5_000, least: 0, most: 60_000 },
  saveEvents: { usual: 100, least: 1, most: Infinity },
  eventMs: { usual: 60_000, least: 1_000, most: Infinity },
};
/** Between two starts: an object that dies right after each start does not flood the Gateway. */
const START_SPACING_MS = 1_000;
/** Before something that failed is tried again, if nothing else says when. */
const RETRY_MS = 5_000;
/** How often, within the time between two alarms, it is looked whether there is one. */
const LOOKS = 3;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Resolves when no event is on its way from the shard to the loop that reads it: there it would count as read. */
const delivered = () => pause(0);

function readDurability(given) {
  const unknown = Object.keys(given).find((name) => !(name in DURABILITY));
  if (unknown) throw new ShardwireError("bad-options", `expected no option durable.${unknown}`);
  const pairs = Object.entries(DURABILITY).map(([name, { usual, least, most }]) => {
    const value = given[name] ?? usual;
    if (typeof value === "number" && value >= least && value <= most) return [name, value];
    throw new ShardwireError("bad-options", `expected durable.${name} as a number from ${least} to ${most}`);
  });
  return Object.fromEntries(pairs);
}

/** Described in `durable-object.d.ts`. Methods can be called by RPC, so what is nobody's business is a field, or private. */
export class DurableShard extends DurableObject {
  static options() {
    throw new ShardwireError("bad-options", "expected the class to have static options(env)");
  }

  shard = null;

  #record;
  #alarm;
  #durability = readDurability({});
  #handing = new Handing(
    (event) => this.onEvent(event),
    (error, event) => this.#report(error, event),
  );
  /** Resolves when a shard was made, or could not be; `null` if none is being made. */
  #beginning = null;
  /** Whether `stop` ends the shard, so that it is not for its end to say what is wanted. */
  #isStopping = false;
  /** Events that were handled and are not stored as such, and what will store them. */
  #unsaved = 0;
  #saveTimer = null;
  #failures = { count: 0, last: null };

  constructor(ctx, env) {
    super(ctx, env);
    this.#record = new DurableRecord(ctx.storage);
    this.#alarm = new DurableAlarm(ctx.storage, this.#record, this.#durability.alarmMs);
    // Nobody is answered before it is known what is wanted. The Gateway is not waited for.
    ctx.blockConcurrencyWhile(async () => {
      // If it fails, whoever calls next tries again, the next alarm at the latest.
      if (await this.#try(() => this.#record.read())) await this.#settle();
    });
  }

  // What users replace.

  onEvent(event) {
    if (event.type === "dispatch") return this.onDispatch(event);
  }

  onDispatch() {}

  onAlarm() {}

  onError(error) {
    console.error(error);
  }

  // What a Worker calls.

  async start({ shard, session } = {}) {
    const record = await this.#record.read();
    const present = this.shard?.info().shard ?? record.shard;
    const isOther = session !== undefined || (shard !== undefined && String(shard) !== String(present));
    if (record.isWanted && isOther) {
      throw new ShardwireError("bad-shard", "expected stop() before another shard or session is started");
    }
    if (!record.isWanted) {
      const next = { ...record, isWanted: true, shard: shard ?? record.shard, begunAt: 0 };
      if (session) Object.assign(next, { session, intents: null });
      // What is not right is told now, with nothing changed.
      await this.#make(next);
      Object.assign(record, next);
    }
    record.notBefore = 0;
    await this.#record.write();
    await this.#alarm.arm();
    await this.#settle();
  }

  async stop({ keepSession = false } = {}) {
    const record = await this.#record.read();
    record.isWanted = false;
    if (!keepSession) record.session = null;
    await this.#record.write();
    await this.#alarm.arm();
    await this.#beginning;
    if (this.shard) {
      this.#isStopping = true;
      // The rest is handed over by the loop that reads, which may be what has called.
      await this.shard.close({ keepSession });
      await delivered();
      await this.#save(true);
    }
    return record.session;
  }

  async info() {
    const { isWanted, session, stopped, notBefore } = await this.#record.read();
    return {
      isWanted,
      session,
      stopped,
      notBefore: notBefore > Date.now() ? notBefore : null,
      shard: this.shard?.info() ?? null,
      failures: { ...this.#failures },
    };
  }

  async reconnect() {
    (await this.#running()).reconnect();
  }

  async updatePresence(presence, options) {
    await (await this.#running()).updatePresence(presence, options);
  }

  async updateVoiceState(state, options) {
    await (await this.#running()).updateVoiceState(state, options);
  }

  async requestGuildMembers(request, options) {
    await (await this.#running()).requestGuildMembers(request, options);
  }

  async requestSoundboardSounds(guildIds, options) {
    await (await this.#running()).requestSoundboardSounds(guildIds, options);
  }

  async requestChannelInfo(request, options) {
    await (await this.#running()).requestChannelInfo(request, options);
  }

  async send(opcode, data, options) {
    await (await this.#running()).send(opcode, data, options);
  }

  async sendEncoded(message, options) {
    await (await this.#running()).sendEncoded(message, options);
  }

  async #running() {
    await this.#record.read();
    if (this.shard) return this.shard;
    throw new ShardwireError("stopped", "expected a shard that was started");
  }

  // Alarms.

  async alarm() {
    await this.#record.read();
    // First: whatever else goes wrong, there is a next one. If this does, the host calls again.
    await this.#alarm.arm();
    this.#handing.giveUpAfter(this.#durability.eventMs);
    // This also brings back what somebody else has deleted.
    await delivered();
    if (this.#record.value.isWanted) await this.#save();
    await this.#settle();
    await this.#alarm.ring(
      (info) => this.onAlarm(info),
      (error) => this.#report(error),
    );
  }

  async setAlarm(at) {
    await this.#alarm.wish(at);
  }

  async getAlarm() {
    return (await this.#record.read()).alarm?.at ?? null;
  }

  async deleteAlarm() {
    await this.#alarm.wish(null);
  }

  // The life of a shard.

  /** Starts a shard if one is wanted and it is time, and there is none yet or any more. Throws nothing. */
  async #settle() {
    const { isWanted, notBefore } = this.#record.value;
    if (!isWanted || this.shard || notBefore > Date.now()) return;
    this.#beginning ??= this.#try(() => this.#begin()).finally(() => {
      this.#beginning = null;
    });
    await this.#beginning;
  }

  async #begin() {
    const record = this.#record.value;
    const { shard, durability, intents, session } = await this.#make(record);
    // It may have been stopped meanwhile.
    if (!record.isWanted) return;
    const waitMs = Math.max(record.begunAt + START_SPACING_MS - Date.now(), 0);
    Object.assign(record, { intents, session, stopped: null, begunAt: Date.now() + waitMs });
    this.#durability = durability;
    this.#alarm.everyMs = durability.alarmMs;
    this.#isStopping = false;
    this.shard = shard;
    this.#live(waitMs);
    await this.#alarm.arm();
    await this.#record.writeLightly();
  }

  /** The shard that `record` and the options of the class ask for, not started. */
  async #make(record) {
    const { durable = {}, ...given } = await this.constructor.options(this.env, this.ctx);
    const durability = readDurability(durable);
    const options = { ...given, lifecycle: false };
    // What a queue knows is kept by the queue.
    if (!given.identifyQueue) options.identifyStore ??= identifyStore(this.ctx.storage);
    if (record.shard) options.shard = record.shard;
    const fresh = new Shard(options);
    const { intents } = fresh.info();
    const { session } = record;
    // A session has the intents that it was opened with, and no others. Of one that was handed in they are not known.
    const isHandedIn = record.intents === null;
    const isFit = session && (isHandedIn || record.intents === intents);
    if (!isFit) return { shard: fresh, durability, intents, session: null };
    try {
      return { shard: new Shard({ ...options, session }), durability, intents, session };
    } catch (error) {
      // Such as that of another shard, after the options have changed.
      if (error?.code !== "bad-session" || isHandedIn) throw error;
      return { shard: fresh, durability, intents, session: null };
    }
  }

  /** Reads the shard until its end. Throws nothing. */
  async #live(waitMs) {
    const { shard } = this;
    const looks = setInterval(() => this.#try(() => this.#alarm.look()), this.#durability.alarmMs / LOOKS);
    if (waitMs > 0) await pause(waitMs);
    // The second module may be missing; reading again tries again.
    while (!(await this.#try(() => this.#readAll(shard)))) await pause(RETRY_MS);
    clearInterval(looks);
    await this.#save(true);
    this.shard = null;
    await this.#try(() => this.#alarm.arm());
    await this.#settle();
  }

  async #readAll(shard) {
    for await (const event of shard) {
      // Before it is handed over, so that the user's method may start another.
      if (event.type === "stopped") this.#conclude(event.reason);
      this.#handing.take(event);
      // It was paid for with an identify: the session is safe before anything can happen to it.
      if (event.name === "READY") await this.#save(true);
      const handing = this.#handing.hand((event) => this.#finish(event));
      if (handing) await handing;
    }
  }

  /** What the end of a shard means for what is wanted. */
  #conclude({ code, message, closeCode, retryInMs }) {
    const record = this.#record.value;
    const at = Date.now();
    record.stopped = { code, message, at };
    if (closeCode !== undefined) record.stopped.closeCode = closeCode;
    if (code === "identify-budget-spent") record.notBefore = at + retryInMs;
    else if (!this.#isStopping) record.isWanted = false;
  }

  #finish(event) {
    if (event.type === "status" && event.status === "ready") this.#save();
    if (event.type !== "dispatch") return;
    this.#unsaved += 1;
    if (this.#unsaved >= this.#durability.saveEvents) this.#save();
    else this.#saveTimer ??= setTimeout(() => this.#save(), this.#durability.saveMs);
  }

  /**
   * Stores how far it has come, on the disk if it `isUrgent`. Throws nothing. To be called by the loop that reads, or when all
   * is `delivered`.
   */
  async #save(isUrgent = false) {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = null;
    this.#unsaved = 0;
    if (this.shard) this.#record.value.session = this.#handing.before(this.shard.session);
    await this.#try(() => (isUrgent ? this.#record.writeThrough() : this.#record.writeLightly()));
  }

  /** Whether `act` went well; if not, it is told. */
  async #try(act) {
    try {
      await act();
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** Tells the user what went wrong; `event` is the one that the user's method had. */
  #report(error, event) {
    this.#failures = {
      count: this.#failures.count + 1,
      last: { message: String(error?.message ?? error), event: event?.name ?? event?.type ?? null, at: Date.now() },
    };
    try {
      const result = this.onError(error, event);
      if (isPromise(result)) Promise.resolve(result).catch(() => {});
    } catch {
      // There is nobody left to tell.
    }
  }
}

// A shard in a Durable Object of Cloudflare, as a class to extend. The host takes objects away without a word: whatever must
// outlive that is in the object's storage, and an alarm brings the object back. Knows nothing of the protocol.

import { DurableObject } from "cloudflare:workers";

import { identifyStore, readRecord, writeRecord } from "./durable-record.js";
import { Shard, ShardwireError } from "./entry/workerd.js";
import { rawOf } from "./index.js";

export { ShardwireError };

/** Described in `durable-object.d.ts`, with the bounds. An object is taken away 70 seconds after its last alarm at the earliest. */
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
/** As often as the host itself tries an alarm again, with its first pause. */
const ALARM_TRIES = 6;
const ALARM_PAUSE_MS = 2_000;
/** How often, within the time between two alarms, it is looked whether there is one. */
const LOOKS = 3;

const isPromise = (value) => typeof value?.then === "function";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Resolves when no event is on its way from the shard to the loop that reads it: then it would count as read. */
const delivered = () => pause(0);

function readDurability(given) {
  const durability = {};
  for (const [name, { usual, least, most }] of Object.entries(DURABILITY)) {
    const value = given[name] ?? usual;
    if (!(typeof value === "number" && value >= least && value <= most)) {
      throw new ShardwireError("bad-options", `expected durable.${name} as a number from ${least} to ${most}`);
    }
    durability[name] = value;
  }
  const unknown = Object.keys(given).find((name) => !(name in DURABILITY));
  if (unknown) throw new ShardwireError("bad-options", `expected no option durable.${unknown}`);
  return durability;
}

/** Described in `durable-object.d.ts`. Only methods can be called over RPC, so what is nobody's business is a field or private. */
export class DurableShard extends DurableObject {
  static options() {
    throw new ShardwireError("bad-options", "expected the class to have static options(env)");
  }

  shard = null;

  /** What the storage has, or is about to have. */
  #record = null;
  /** Resolves when it was read. */
  #reading = null;
  /** Resolves when a shard was made, or could not be. */
  #beginning = null;
  #durability = readDurability({});
  /** Whether `stop` ends the shard, so that it is not for its end to say what is wanted. */
  #isStopping = false;

  /** The event that the user's method has, since when, and what ends the wait for it. */
  #event = null;
  #eventSince = 0;
  #giveUp = null;

  #unsaved = 0;
  #saveTimer = null;
  #hasTurn = false;
  #failures = { count: 0, last: null };

  constructor(ctx, env) {
    super(ctx, env);
    // Nobody is answered before it is known what is wanted. The Gateway is not waited for.
    ctx.blockConcurrencyWhile(async () => {
      try {
        await this.#read();
        await this.#settle();
      } catch (error) {
        // Whoever calls next tries again, the next alarm at the latest.
        this.#report(error);
      }
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

  identifyTurn() {}

  // What a Worker calls.

  async start({ shard, session } = {}) {
    const record = await this.#read();
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
    await this.#write();
    await this.#arm();
    await this.#settle();
  }

  async stop({ keepSession = false } = {}) {
    const record = await this.#read();
    record.isWanted = false;
    if (!keepSession) record.session = null;
    await this.#write();
    await this.#arm();
    await this.#beginning;
    if (this.shard) {
      this.#isStopping = true;
      // The rest is handed over by the loop that reads, which may be what has called.
      await this.shard.close({ keepSession });
      await delivered();
      await this.#save(false);
    }
    return record.session;
  }

  async info() {
    const { isWanted, session, stopped, notBefore } = await this.#read();
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
    await this.#read();
    if (this.shard) return this.shard;
    throw new ShardwireError("stopped", "expected a shard that was started");
  }

  // Alarms: an object has one, which the shard and the user share.

  async alarm() {
    await this.#read();
    // First: whatever else goes wrong, there is a next one. If this does, the host calls again.
    await this.#arm();
    this.#giveUpLate();
    // Also brings back what was deleted by somebody else.
    await delivered();
    if (this.#record.isWanted) await this.#save();
    await this.#settle();
    await this.#ring();
  }

  async setAlarm(at) {
    const record = await this.#read();
    record.alarm = { at: Number(at), tries: 0 };
    await this.#write();
    await this.#arm();
  }

  async getAlarm() {
    return (await this.#read()).alarm?.at ?? null;
  }

  async deleteAlarm() {
    const record = await this.#read();
    record.alarm = null;
    await this.#write();
    await this.#arm();
  }

  /** Calls the user's method if it is time, at least once, as the host does with alarms. */
  async #ring() {
    const { alarm } = this.#record;
    if (!alarm || alarm.at > Date.now()) return;
    const { tries } = alarm;
    let next = null;
    try {
      await this.onAlarm({ retryCount: tries, isRetry: tries > 0 });
    } catch (error) {
      this.#report(error);
      if (tries < ALARM_TRIES) next = { at: Date.now() + ALARM_PAUSE_MS * 2 ** tries, tries: tries + 1 };
    }
    // The method may have set another.
    if (this.#record.alarm === alarm) this.#record.alarm = next;
    await this.#write();
    await this.#arm();
  }

  /** Sets the alarm to what comes first. */
  async #arm() {
    const { isWanted, notBefore, alarm } = this.#record;
    const times = [];
    if (isWanted) times.push(Math.max(Date.now() + this.#durability.alarmMs, notBefore));
    if (alarm) times.push(alarm.at);
    if (times.length > 0) await this.ctx.storage.setAlarm(Math.min(...times));
    else await this.ctx.storage.deleteAlarm();
  }

  /** Sets the alarm again if somebody took it away. */
  async #look() {
    try {
      const at = await this.ctx.storage.getAlarm();
      if (at === null || at > Date.now() + this.#durability.alarmMs) await this.#arm();
    } catch (error) {
      this.#report(error);
    }
  }

  // The life of a shard.

  /** Starts a shard if one is wanted and it is time, and there is none yet or any more. Throws nothing. */
  async #settle() {
    const { isWanted, notBefore } = this.#record;
    if (!isWanted || this.shard || notBefore > Date.now()) return;
    this.#beginning ??= this.#begin()
      .catch((error) => this.#report(error))
      .finally(() => {
        this.#beginning = null;
      });
    await this.#beginning;
  }

  async #begin() {
    const record = this.#record;
    const { shard, durability, intents, session } = await this.#make(record);
    // It may have been stopped meanwhile.
    if (!record.isWanted) return;
    const waitMs = Math.max(record.begunAt + START_SPACING_MS - Date.now(), 0);
    Object.assign(record, { intents, session, stopped: null, begunAt: Date.now() + waitMs });
    this.#durability = durability;
    this.#isStopping = false;
    this.#hasTurn = false;
    this.shard = shard;
    this.#live(waitMs);
    await this.#arm();
    await this.#write(true);
  }

  /** The shard that `record` and the options of the class ask for, not started. */
  async #make(record) {
    const { durable = {}, ...given } = await this.constructor.options(this.env, this.ctx);
    const durability = readDurability(durable);
    const options = {
      identifyStore: identifyStore(this.ctx.storage),
      ...given,
      lifecycle: false,
      beforeConnect: (plan) => {
        // First, as the user's hook may throw.
        if (!plan.isResume) this.#askForTurn(plan.shard);
        given.beforeConnect?.(plan);
      },
    };
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
    const looks = setInterval(() => this.#look(), this.#durability.alarmMs / LOOKS);
    if (waitMs > 0) await pause(waitMs);
    for (let isOver = false; !isOver; ) {
      try {
        for await (const event of shard) {
          // Before it is handed over, so that the user's method may start another.
          if (event.type === "stopped") this.#conclude(event.reason);
          this.#event = event;
          // A session that was paid for with an identify: it is kept, and not only about to be, before anything can happen to it.
          if (event.name === "READY") await this.#save(false);
          const handing = this.#hand(event);
          if (handing) await handing;
        }
        isOver = true;
      } catch (error) {
        // The second module could not be loaded; reading again tries again.
        this.#report(error);
        await pause(RETRY_MS);
      }
    }
    clearInterval(looks);
    await this.#save(false);
    this.shard = null;
    try {
      await this.#arm();
    } catch (error) {
      this.#report(error);
    }
    await this.#settle();
  }

  /** What the end of a shard means for what is wanted. */
  #conclude({ code, message, closeCode, retryInMs }) {
    const record = this.#record;
    const at = Date.now();
    record.stopped = { code, message, at };
    if (closeCode !== undefined) record.stopped.closeCode = closeCode;
    if (code === "identify-budget-spent") record.notBefore = at + retryInMs;
    else if (!this.#isStopping) record.isWanted = false;
  }

  /**
   * Lets the user's method have an event. Gives a promise if that takes longer than the call: without one, nothing comes between
   * what the method has written to the storage and the session, so that both are kept or none.
   */
  #hand(event) {
    this.#eventSince = Date.now();
    let result;
    try {
      result = this.onEvent(event);
    } catch (error) {
      this.#report(error, event);
    }
    if (!isPromise(result)) return this.#finish(event);
    const handled = Promise.resolve(result).catch((error) => this.#report(error, event));
    const givenUp = new Promise((resolve) => (this.#giveUp = resolve));
    return Promise.race([handled, givenUp]).then(() => this.#finish(event));
  }

  /** Goes on with the next event if the user's method has had this one for too long. */
  #giveUpLate() {
    const { eventMs } = this.#durability;
    if (!this.#giveUp || Date.now() - this.#eventSince < eventMs) return;
    this.#report(new ShardwireError("timed-out", `onEvent has not settled within ${eventMs} ms`), this.#event);
    this.#giveUp();
  }

  #finish(event) {
    this.#event = null;
    this.#giveUp = null;
    if (event.type === "status" && event.status === "ready") this.#save();
    if (event.type !== "dispatch") return;
    this.#unsaved += 1;
    if (this.#unsaved >= this.#durability.saveEvents) this.#save();
    else this.#saveTimer ??= setTimeout(() => this.#save(), this.#durability.saveMs);
  }

  /** The session, no further than what the user's method has finished with. To be asked by the loop, or when all is `delivered`. */
  #cursor() {
    const session = this.shard.session;
    const isUnderWay = session && this.#event?.type === "dispatch";
    return isUnderWay ? { ...session, sequence: Math.min(session.sequence, this.#event.sequence - 1) } : session;
  }

  /** Stores how far it has come; unless that is `isHasty`, to the disk. Throws nothing. */
  async #save(isHasty = true) {
    this.#forgetSaving();
    if (this.shard) this.#record.session = this.#cursor();
    try {
      await this.#write(isHasty);
      if (!isHasty) await this.ctx.storage.sync();
    } catch (error) {
      this.#report(error);
    }
  }

  #forgetSaving() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = null;
    this.#unsaved = 0;
  }

  #write(isHasty = false) {
    return writeRecord(this.ctx.storage, this.#record, isHasty);
  }

  /** Reads what the storage has, once; after a failure the next call tries again. */
  async #read() {
    this.#reading ??= readRecord(this.ctx.storage).catch((error) => {
      this.#reading = null;
      throw error;
    });
    this.#record ??= await this.#reading;
    return this.#record;
  }

  /** Leaves off until the user's method has settled, if it gives a promise. Called while the shard is about to connect. */
  #askForTurn(shard) {
    if (this.#hasTurn) {
      this.#hasTurn = false;
      return;
    }
    let turn;
    try {
      turn = this.identifyTurn(shard);
    } catch (error) {
      turn = Promise.reject(error);
    }
    if (!isPromise(turn)) return;
    const raw = rawOf(this.shard);
    raw.pause();
    const goOn = (hasTurn) => {
      this.#hasTurn = hasTurn;
      raw.start();
    };
    Promise.resolve(turn).then(
      () => goOn(true),
      async (error) => {
        this.#report(error);
        await pause(RETRY_MS);
        goOn(false);
      },
    );
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

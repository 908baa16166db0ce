// The public face of the package: one class in plain JavaScript over the raw class from Rust. Knows no host: the files in
// entry/ load the wasm before anything here is called.

import { loadCodecs } from "./codecs.js";
import { ShardwireError } from "./error.js";
import { Intents } from "./intents.js";
import { follow } from "./lifecycle.js";
import {
  checkEncoded,
  layOutCommand,
  layOutOptions,
  PRESENCE_UPDATE,
  REQUEST_CHANNEL_INFO,
  REQUEST_GUILD_MEMBERS,
  REQUEST_SOUNDBOARD_SOUNDS,
  VOICE_STATE_UPDATE,
} from "./options.js";
import { guard, isHigh, promised, toWithinMs } from "./sending.js";
import { RawShard } from "./wasm/shardwire.js";

export { version } from "./version.js";
export { Intents, ShardwireError };

/** An event from Discord. A class, so that `data` can be a getter without a closure for each event. */
class DispatchEvent {
  #wide;
  #data;
  #isParsed = false;

  constructor(name, sequence, text) {
    this.type = "dispatch";
    this.name = name;
    this.sequence = sequence;
    // A pair if the text holds integers that `JSON.parse` would round: the text as it came, and one with those as strings.
    [this.raw, this.#wide] = typeof text === "string" ? [text, undefined] : text;
  }

  get data() {
    if (!this.#isParsed) {
      this.#data = JSON.parse(this.#wide ?? this.raw);
      this.#isParsed = true;
    }
    return this.#data;
  }

  toJSON() {
    const { type, name, sequence, data } = this;
    return { type, name, sequence, data };
  }
}

/** `value` as JSON, or a refusal: cycles and bigints have none. */
function toJson(value) {
  try {
    const json = JSON.stringify(value);
    if (json !== undefined) return json;
  } catch {
    // Falls through to the refusal, which says what was expected.
  }
  throw new ShardwireError("bad-command", "expected plain data that has a JSON form");
}

/** Three values an event, as `take` gives them. */
function decode(flat) {
  const events = [];
  for (let at = 0; at < flat.length; at += 3) {
    const [name, sequence, data] = [flat[at], flat[at + 1], flat[at + 2]];
    events.push(name === null ? data : new DispatchEvent(name, sequence, data));
  }
  return events;
}

/** Sequence number of the first dispatch of the newest session in `events` from `at` on. Numbers start anew with a session. */
function firstUnread(events, at) {
  let first;
  let latest = 0;
  for (let index = at; index < events.length; index++) {
    const { type, sequence } = events[index];
    if (type !== "dispatch") continue;
    if (first === undefined || sequence < latest) first = sequence;
    latest = sequence;
  }
  return first;
}

/** The raw class below a shard, for the other files of the package. The entries do not export it. */
export let rawOf;

export class Shard {
  static {
    rawOf = (shard) => shard.#raw;
  }

  #raw;
  /** Events taken from Rust and not handed to the reader yet. */
  #batch = [];
  #at = 0;
  /** Resolves when Rust has more; shared by all who wait. */
  #waiting = null;
  /** What `close` resolves with. */
  #closed = null;
  /** Whether the life of the page is still to be followed. */
  #isToFollow;
  /** Where the identify ledger is kept; to be asked before the first connection. */
  #store;
  /** Resolves when it was asked; `null` if nobody waits for that. */
  #keeping = null;

  constructor(options) {
    const values = layOutOptions(options);
    this.#raw = guard(() => new RawShard(values));
    this.#isToFollow = options.lifecycle ?? true;
    this.#store = options.identifyStore;
  }

  get status() {
    return this.#raw.status;
  }

  get session() {
    const session = guard(() => this.#raw.session);
    if (session === null) return null;
    const unread = firstUnread(this.#batch, this.#at);
    if (unread !== undefined) session.sequence = Math.min(session.sequence, Math.max(unread - 1, 0));
    return session;
  }

  connect() {
    // Why it could not start is told to whoever reads, which tries again.
    this.#start()?.catch(() => {});
    return this;
  }

  info() {
    return guard(() => this.#raw.info());
  }

  resetCounters() {
    guard(() => this.#raw.resetCounters());
  }

  async nextBatch() {
    await this.#fill();
    const events = this.#batch.slice(this.#at);
    this.#forget();
    return events;
  }

  async #next() {
    if (this.#at >= this.#batch.length) await this.#fill();
    if (this.#at >= this.#batch.length) return { done: true, value: undefined };
    return { done: false, value: this.#batch[this.#at++] };
  }

  /** Makes sure that an event waits in the batch, unless none will ever come. */
  async #fill() {
    const starting = this.#start();
    // `close` may come first.
    if (starting) await Promise.race([starting, this.#more()]);
    while (this.#at >= this.#batch.length) {
      this.#forget();
      if (await this.#pull()) return;
    }
  }

  /** Moves what Rust has to the batch, or waits until it has more. Gives whether nothing will come any more. */
  async #pull() {
    const events = decode(this.#raw.take());
    if (events.length > 0) {
      this.#batch = this.#batch.length === 0 ? events : this.#batch.concat(events);
      return false;
    }
    if (this.#raw.isOver) return true;
    await this.#more();
    return false;
  }

  /** Resolves when Rust has more, or nothing will come any more. */
  #more() {
    this.#waiting ??= new Promise((resolve) => this.#raw.wait(resolve)).then(() => {
      this.#waiting = null;
    });
    return this.#waiting;
  }

  /** Starts the shard, again does nothing; gives a promise if something has to be loaded before. */
  #start() {
    // `close` starts it by itself, so that it ends.
    if (this.#closed) return null;
    if (this.#raw.lacksCodecs) return loadCodecs().then(() => this.#start());
    if (this.#store) this.#keeping = this.#keep(this.#store);
    this.#store = undefined;
    if (this.#keeping) return this.#keeping;
    this.#begin();
    return null;
  }

  /** Begins once the identify ledger is what the store has. */
  async #keep(store) {
    try {
      const { keepLedger } = await import("./store.js");
      await keepLedger(this.#raw, store);
    } finally {
      this.#keeping = null;
      this.#begin();
    }
  }

  #begin() {
    this.#raw.connect();
    if (this.#isToFollow) follow(this.#raw);
    this.#isToFollow = false;
  }

  #forget() {
    this.#batch = [];
    this.#at = 0;
  }

  [Symbol.asyncIterator]() {
    return {
      next: () => this.#next(),
      // Leaving a loop leaves the shard as it is: another loop may go on.
      return: async (value) => ({ done: true, value }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  updatePresence(presence, options) {
    return this.#send(PRESENCE_UPDATE, layOutCommand(PRESENCE_UPDATE, presence), options);
  }

  updateVoiceState(state, options) {
    return this.#send(VOICE_STATE_UPDATE, layOutCommand(VOICE_STATE_UPDATE, state), options);
  }

  requestGuildMembers(request, options) {
    return this.#send(REQUEST_GUILD_MEMBERS, layOutCommand(REQUEST_GUILD_MEMBERS, request), options);
  }

  requestSoundboardSounds(guildIds, options) {
    return this.#send(REQUEST_SOUNDBOARD_SOUNDS, layOutCommand(REQUEST_SOUNDBOARD_SOUNDS, { guildIds }), options);
  }

  requestChannelInfo(request, options) {
    return this.#send(REQUEST_CHANNEL_INFO, layOutCommand(REQUEST_CHANNEL_INFO, request), options);
  }

  send(opcode, data, options) {
    if (!Number.isInteger(opcode) || opcode < 0 || opcode > 0xffff) {
      throw new ShardwireError("bad-command", "expected an opcode as a small whole number");
    }
    return this.#send(opcode, toJson(data), options);
  }

  sendEncoded(message, options) {
    return this.#send(undefined, checkEncoded(message), options);
  }

  /** `argument` is laid out, or the data as JSON, or without an opcode a whole message. */
  #send(opcode, argument, { priority, when, signal } = {}) {
    const first = isHigh(priority);
    const withinMs = toWithinMs(when);
    return promised(this.#raw, signal, (done) => this.#raw.submit(opcode, argument, first, withinMs, done));
  }

  reconnect() {
    this.#raw.reconnect();
  }

  close({ keepSession = false } = {}) {
    this.#closed ??= this.#close(keepSession);
    return this.#closed;
  }

  disconnect() {
    return this.close({ keepSession: true });
  }

  async #close(keepSession) {
    this.#raw.close(keepSession);
    // What still comes stays in the batch for whoever reads on.
    while (!(await this.#pull()));
    return keepSession ? this.session : null;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }
}

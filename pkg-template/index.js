// The public face of the package: one class in plain JavaScript over the raw class from Rust. Knows no host: the files in
// entry/ load the wasm before anything here is called.

import { loadCodecs } from "./codecs.js";
import { ShardwireError } from "./error.js";
import { beforeUnread } from "./handed.js";
import { Intents } from "./intents.js";
import { ledgerOf, recorder } from "./ledgers.js";
import { follow } from "./lifecycle.js";
import {
  checkEncoded,
  checkOpcode,
  layOutCommand,
  layOutOptions,
  PRESENCE_UPDATE,
  REQUEST_CHANNEL_INFO,
  REQUEST_GUILD_MEMBERS,
  REQUEST_SOUNDBOARD_SOUNDS,
  VOICE_STATE_UPDATE,
  toJson,
} from "./options.js";
import { Readable } from "./reading.js";
import { guard, isHigh, promised, toError, toWithinMs } from "./sending.js";
import { RawShard } from "./wasm/shardwire.js";

export { version } from "./version.js";
export { Intents, ShardwireError };

/** The raw class below a shard, for the other files of the package. The entries do not export it. */
export let rawOf;

export class Shard extends Readable {
  static {
    rawOf = (shard) => shard.#raw;
  }

  #raw;
  /** What `ready` gives. */
  #ready = null;
  /** What `close` resolves with. */
  #closed = null;
  /** Whether the life of the page is still to be followed. */
  #isToFollow;
  /** What the user has put in the place of the identify ledger and behind it; to be asked before the first connection. */
  #own = null;
  /** Resolves when it was asked; `null` if nobody waits for that. */
  #asking = null;

  constructor(options) {
    const values = layOutOptions(options);
    const { identifyQueue: queue, identifyStore: store, shard } = options;
    const ledger = ledgerOf(options.token, queue);
    const raw = guard(() => new RawShard(values, ledger));
    super(raw, { shardId: shard?.[0] ?? 0, most: options.limits?.waitingEvents, start: () => this.#start() });
    this.#raw = raw;
    raw.askBy(recorder(ledger));
    if (store || queue) this.#own = { ledger, queue, store, shard };
    this.#isToFollow = options.lifecycle ?? true;
  }

  get status() {
    return this.#raw.status;
  }

  get session() {
    return beforeUnread(guard(() => this.#raw.session), this.unread);
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

  get ready() {
    // Asked again after a failure, it tries again: a module may have failed to load.
    this.#ready ??= this.#whenReady().catch((error) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  async #whenReady() {
    await this.#start();
    await new Promise((resolve, reject) => {
      this.#raw.whenReady((refused) => (refused ? reject(toError(refused)) : resolve()));
    });
  }

  /** Starts the shard, again does nothing; gives a promise if something has to be loaded before. */
  #start() {
    // `close` starts it by itself, so that it ends.
    if (this.#closed) return null;
    if (this.#raw.lacksCodecs) return loadCodecs().then(() => this.#start());
    if (this.#own) return (this.#asking ??= this.#ask());
    this.#begin();
    return null;
  }

  /** Begins once the user's own is connected. After a failure it can be tried again. */
  async #ask() {
    try {
      const { prepare } = await import("./identifying.js");
      await prepare(this.#raw, this.#own);
      this.#own = null;
      this.#begin();
    } finally {
      this.#asking = null;
    }
  }

  #begin() {
    this.#raw.connect();
    if (this.#isToFollow) follow(this.#raw);
    this.#isToFollow = false;
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
    return this.#send(checkOpcode(opcode), toJson(data), options);
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
    await this.finish();
    return keepSession ? this.session : null;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }
}

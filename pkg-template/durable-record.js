// What a shard in a Durable Object leaves in the object's storage for the instance that comes after it. Knows no shard.

/** Ours among the user's keys. */
const RECORD = "shardwire:shard";
const LEDGER = "shardwire:identifies";

/** Before the first start. */
const NOTHING = {
  /** Whether a shard is to run. */
  isWanted: false,
  /** Which one, if `start` was told. */
  shard: null,
  /** What the user's method has finished with. */
  session: null,
  /** The intents that the session was opened with; `null` if it comes from elsewhere. */
  intents: null,
  /** Why the last shard ended. */
  stopped: null,
  /** Not to be started again before, in milliseconds since 1970. */
  notBefore: 0,
  /** When the last shard was started. */
  begunAt: 0,
  /** When the user wants to be woken up, as `{ at, tries }`. */
  alarm: null,
};

export class DurableRecord {
  /** What is stored, or about to be; `null` before it was read. */
  value = null;
  #storage;
  /** Resolves when it was read. */
  #reading = null;

  constructor(storage) {
    this.#storage = storage;
  }

  /** Once; after a failure the next call tries again. */
  async read() {
    this.#reading ??= this.#storage.get(RECORD).catch((error) => {
      this.#reading = null;
      throw error;
    });
    const stored = await this.#reading;
    this.value ??= { ...NOTHING, ...stored };
    return this.value;
  }

  async write() {
    await this.#storage.put(RECORD, this.value);
  }

  /**
   * The same, but nobody waits for it. Whatever else leaves an object is held back until its writes are safe, heartbeats too.
   * If this one is lost, the one before it will do: the Gateway brings again what came in between.
   */
  async writeLightly() {
    await this.#storage.put(RECORD, this.value, { allowUnconfirmed: true });
  }

  /** Resolves when it is on the disk. */
  async writeThrough() {
    await this.write();
    await this.#storage.sync();
  }
}

/** The identify ledger, as the option `identifyStore` has it. */
export function identifyStore(storage) {
  return {
    load: () => storage.get(LEDGER),
    save: (text) => storage.put(LEDGER, text),
  };
}

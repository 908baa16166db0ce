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
  /** What was handed to the user's method, and finished. */
  session: null,
  /** The intents that the session was opened with. */
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

export async function readRecord(storage) {
  return { ...NOTHING, ...(await storage.get(RECORD)) };
}

/**
 * Resolves when it is stored. What leaves the object waits until its writes are safe, heartbeats too: an `isHasty` one is not
 * waited for. If it is lost, the record before it does as well, as the Gateway brings again what came in between.
 */
export async function writeRecord(storage, record, isHasty) {
  await storage.put(RECORD, record, { allowUnconfirmed: isHasty });
}

/** The identify ledger, as the option `identifyStore` has it. */
export function identifyStore(storage) {
  return {
    load: () => storage.get(LEDGER),
    save: (text) => storage.put(LEDGER, text),
  };
}

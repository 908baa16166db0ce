// In which order shards are started: of each identify bucket one at a time, so that they identify in order and no socket stands
// open for hours. The next one connects while the bucket is closed, which takes longer than that. Knows shards by their numbers.

/**
 * Connections that may be opened at the same time for the sake of sessions that go on: they need no turn, but a thousand
 * handshakes at once do not come through sooner.
 */
const RESUMING = 64;

export class Launching {
  #maxConcurrency;
  #start;
  /** Numbers that wait, by their identify bucket. */
  #buckets = new Map();
  #resuming = [];
  /** Those that were started and are on their way, with their buckets; `null` for those that resume. */
  #starting = new Map();

  /** `start` starts the shard of a number. */
  constructor(maxConcurrency, start) {
    this.#maxConcurrency = Math.max(maxConcurrency, 1);
    this.#start = start;
  }

  get waiting() {
    return [...this.#buckets.values()].reduce((sum, line) => sum + line.length, this.#resuming.length);
  }

  /** Puts shards into the line, in this order: pairs of number and whether a session is resumed. */
  add(shards) {
    for (const [number, isResume] of shards) {
      const bucket = this.#bucket(number);
      if (isResume) this.#resuming.push(number);
      else if (this.#buckets.has(bucket)) this.#buckets.get(bucket).push(number);
      else this.#buckets.set(bucket, [number]);
    }
    this.#go();
  }

  /** The attempt of this shard has come to its identify, or to nothing; or it is not to be started any more. */
  settle(number) {
    const lines = [this.#resuming, this.#buckets.get(this.#bucket(number)) ?? []];
    for (const line of lines) if (line.includes(number)) line.splice(line.indexOf(number), 1);
    if (this.#starting.delete(number)) this.#go();
  }

  #bucket(number) {
    return number % this.#maxConcurrency;
  }

  #go() {
    const busy = new Set(this.#starting.values());
    const free = [...this.#buckets].filter(([bucket, line]) => line.length > 0 && !busy.has(bucket));
    const next = free.map(([bucket, line]) => [line.shift(), bucket]);
    // Of several buckets too, the lower numbers come first.
    next.sort(([one], [other]) => one - other);
    const resuming = [...this.#starting.values()].filter((bucket) => bucket === null).length;
    for (const number of this.#resuming.splice(0, RESUMING - resuming)) next.push([number, null]);
    for (const [number, bucket] of next) this.#starting.set(number, bucket);
    for (const [number] of next) this.#start(number);
  }
}

// Counts per second over the last minutes, for charts and for the cost table. Bounded.
// Must never know the page; time comes in as an argument.

export const WINDOW_SECONDS = 300;
const MAX_NAMES = 400;
const MAX_LATENCIES = 720;

export class Series {
  /** One per second, oldest first. */
  #seconds = [];
  /** Totals since the page was opened, by name. */
  #names = new Map();
  #latencies = [];

  /** @param {[name: string, count: number, bytes: number][]} counts */
  addCounts(at, counts) {
    const second = this.#secondAt(at);
    for (const [name, count, bytes] of counts) {
      const total = this.#total(name);
      total.count += count;
      total.bytes += bytes;
      second.byName.set(total.name, (second.byName.get(total.name) ?? 0) + count);
      second.events += count;
    }
  }

  addTraffic(at, wire, inflated) {
    const second = this.#secondAt(at);
    second.wire += wire;
    second.inflated += inflated;
  }

  addLatency(at, ms) {
    this.#latencies.push({ at, ms });
    if (this.#latencies.length > MAX_LATENCIES) this.#latencies.shift();
  }

  get latencies() {
    return this.#latencies;
  }

  /** Totals by name, the one with the most bytes first. */
  totals() {
    return [...this.#names.values()].sort((a, b) => b.bytes - a.bytes);
  }

  /** Mean events per second over the last `width` whole seconds. */
  rate(now, width = 3) {
    const last = Math.floor(now / 1000) - 1;
    const recent = this.#seconds.filter(({ second }) => second > last - width && second <= last);
    return recent.reduce((sum, { events }) => sum + events, 0) / width;
  }

  /** Names by number of events in the window, most first. */
  ranking() {
    const sums = new Map();
    for (const { byName } of this.#seconds) {
      for (const [name, count] of byName) sums.set(name, (sums.get(name) ?? 0) + count);
    }
    return [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  }

  /** Every whole second of the window up to now, with zeros where nothing came. */
  window(now, firstAt) {
    const end = Math.floor(now / 1000) - 1;
    const start = Math.max(end - WINDOW_SECONDS + 1, Math.floor(firstAt / 1000));
    const known = new Map(this.#seconds.map((entry) => [entry.second, entry]));
    const list = [];
    for (let second = start; second <= end; second += 1) list.push(known.get(second) ?? empty(second));
    return list;
  }

  #secondAt(at) {
    const second = Math.floor(at / 1000);
    const last = this.#seconds.at(-1);
    if (last && last.second >= second) return last;
    const added = empty(second);
    this.#seconds.push(added);
    while (this.#seconds[0].second <= second - WINDOW_SECONDS) this.#seconds.shift();
    return added;
  }

  #total(name) {
    const key = this.#names.has(name) || this.#names.size < MAX_NAMES ? name : "(other names)";
    if (!this.#names.has(key)) this.#names.set(key, { name: key, count: 0, bytes: 0 });
    return this.#names.get(key);
  }
}

function empty(second) {
  return { second, events: 0, wire: 0, inflated: 0, byName: new Map() };
}
